# `make` or `make help` lists what there is. Everything sets itself up first, in .venv.

.DEFAULT_GOAL := help
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
FOLDER ?= results/article
SHOWN := README.md docs/findings.md
export PYTHONDONTWRITEBYTECODE := # what is compiled is kept, in __pycache__: tests start a hundred processes

.PHONY: help setup run report explorer picture notebooks test check slow hostile digests printed bits lint docs bench lock clean

help: ## list these targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(READY) ## set up .venv, which every other target does as well

run: $(READY) ## run the default study; ARGS="study=smoke" passes overrides on
	@$(PY) -m experiments.run $(ARGS)

report: $(READY) ## figures and report again; FOLDER=results/article names the result folder
	@$(PY) -m analysis.report $(FOLDER)

explorer: $(READY) ## write explorer.html, which trains a network in the browser; ARGS=FILE names another file
	@$(PY) -m analysis.explorer $(ARGS)

notebooks: $(READY) ## execute the notebooks; FOLDER=results/article names the result folder
	@$(PY) -m analysis.notebooks $(FOLDER)

test: $(READY) ## run all tests; ARGS="-k draws" passes options on
	@$(PY) -m pytest -n auto --dist worksteal $(ARGS)

check: lint ## style, types and all tests but the slow ones
	@$(PY) -m pytest -n auto --dist worksteal -m "not slow" $(ARGS)

slow: $(READY) ## run all tests and write down which take a third of a second, tests/slow.txt, for `make check` to leave out
	@$(PY) tests/slow.py

hostile: $(READY) ## bad inputs, damaged folders, flipped bits, fuzzing, kills and interrupts, all of them (half an hour on two cores)
	@PYTHONPATH=.:tests:tests/hostile $(PY) tests/hostile $(ARGS)

digests: $(READY) ## train the shipped studies at 8 seeds and write their digests anew
	@PYTHONPATH=.:tests $(PY) tests/experiments/digests.py

printed: $(READY) ## print what the explorer knows of the arithmetic and of conf: analysis/explorer/printed.js
	@PYTHONPATH=. $(PY) tests/analysis/explorer/print_explorer.py

picture: $(READY) ## take the README's picture of the explorer anew, docs/explorer.png (needs Chromium)
	@PYTHONPATH=. $(PY) tests/analysis/explorer/picture.py

bits: $(READY) ## hold the engines, and the explorer in a browser, to the same bits (minutes; NUMBER=500 for more conditions)
	@NNXOR_PAIRS=2000 $(PY) -m pytest -s tests/analysis/explorer/test_page.py -k every_bit
	@PYTHONPATH=.:tests $(PY) tests/bits.py $(or $(NUMBER),100)

lint: $(READY) ## check style, types, and that README and docs show what the commands print
	@$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy && $(PY) -m mypy docs/shown.py
	@PYTHONPATH=. $(PY) -m cogapp -I docs --check $(SHOWN)

docs: $(READY) ## run the studies that README and docs show, and write outputs and numbers anew
	@PYTHONPATH=. $(PY) docs/shown.py && PYTHONPATH=. $(PY) -m cogapp -I docs -r $(SHOWN)

bench: $(READY) ## time every engine against the article's loop, and PyTorch and JAX if installed
	@$(PY) -m experiments.benchmark $(ARGS)

lock: ## renew requirements.lock (needs uv)
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
		--python-version 3.11 --extra dev pyproject.toml -o requirements.lock

clean: ## remove the virtual environment and every cache
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The first Python from 3.11 on that works; PYTHON=... names another one.
$(READY): requirements.lock pyproject.toml
	@python=; for candidate in $(PYTHON) python3 python3.13 python3.12 python3.11 python3.14 python; do \
		if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then echo "Python 3.11 or newer is needed; name one with PYTHON=..." >&2; exit 1; fi; \
	echo "setting up $(VENV) with $$($$python --version) (once)"; \
	"$$python" -m venv --clear $(VENV) || { echo "$$python cannot make virtual environments; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $(READY)
