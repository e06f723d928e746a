"""`python -m experiments.run`: train a study, whatever of it is missing, and report it."""

from functools import partial

from experiments.cli import start

main = partial(start, "run", "experiments.execution.session:command")
"""The command; what it does stands in `experiments.execution.session`."""

if __name__ == "__main__":
    main()
