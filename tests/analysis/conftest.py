"""Result folders made by hand, with counts that are known."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from browser import Browser
from harness import once, rewrite, write_tables

from analysis.data.conditions import learn
from experiments.store.columns import CONDITION_COLUMNS, RESULT_COLUMNS
from experiments.study import catalog
from experiments.study.catalog import names
from nnxor.condition import FIELDS

ABOUT = {name: field.about() for name, field in FIELDS.items()}
for _kind in ("init", "task"):
    ABOUT[_kind]["words"] = {name: getattr(catalog, _kind)(name).label for name in names(_kind)}
learn(ABOUT)

ARTICLE: dict[str, Any] = {**{name: about["default"] for name, about in ABOUT.items()}, "epochs": 1000}

SCHEMA = pa.schema([*CONDITION_COLUMNS.items(), *RESULT_COLUMNS.items()])

HE = "he:normal(mean=0.0,std=sqrt(2/fan_in))|constant(value=0.0)"

CAUSE_OF = {
    "solved": None, "stuck_1/4": "alive_but_merged", "stuck_1/3": "died_in_training",
    "stuck_1/2": "few_alive_at_start", "stuck": "died_in_training", "oscillating": "step_too_large",
    "diverged": "step_too_large", "unsettled": "not_finished",
}  # fmt: skip

MERGED_OF = {"stuck_1/4": "00=01", "stuck_1/3": "00=01=11", "stuck_1/2": "00=01=10=11", "stuck": "0=1"}

DEAD_OF = {"stuck_1/4": 0, "stuck_1/3": 3, "stuck_1/2": 3}


def condition_trials(name: str, fields: Mapping[str, Any], outcomes: str | list[str]) -> list[dict[str, Any]]:
    """The rows of one condition; `outcomes` of seeds 0, 1, …"""
    rows = []
    for seed, outcome in enumerate(outcomes):
        solved = outcome == "solved"
        rows.append(
            {
                "condition": name, **ARTICLE, **fields, "seed": seed, "outcome": outcome,
                "final_loss": 1e-9 if solved else 0.25, "merged": MERGED_OF.get(outcome),
                "solved_epoch": 100 + seed if solved else None,
                "dead_init": min(seed % 3, fields.get("hidden", 4)), "dead_final": DEAD_OF.get(outcome, seed % 3),
                "cause": CAUSE_OF[outcome], "status": "ok",
            }
        )  # fmt: skip
    return rows


def write_folder(folder: Path, rows: list[dict[str, Any]], texts: Mapping[str, str], **config: Any) -> Path:
    """A finished result folder that holds these rows; `texts` are the canonical texts of its conditions."""
    folder.mkdir(parents=True, exist_ok=True)
    trials = pd.DataFrame(rows)
    table = pa.Table.from_pylist([{name: row.get(name) for name in SCHEMA.names} for row in rows], SCHEMA)
    files = write_tables(table, folder)
    seeds = [int(trials["seed"].min()), int(trials["seed"].max()) + 1]
    failed = int((trials["status"] != "ok").sum())
    manifest = {
        "study": config.get("name", "handmade"), "protocol": 2, "complete": failed == 0, "trials": len(trials),
        "failed": failed, "digest": "d1ge57", "success": ["loss 0.001"], "seeds": seeds,
        "conditions": dict(texts), "record": "trials", "given": {}, "published": [],
        "question": config.get("question", "What is known of this study?"), "certify": False, "traps": [],
        "files": files, "fields": ABOUT,
        "runs": [{
            "start": "2026-01-01T00:00:00+00:00", "end": "2026-01-01T00:00:01+00:00", "wall_s": 1.0,
            "trained": len(trials), "engine": "numpy", "git": {"commit": "abc123", "dirty": False},
            "command": ["python", "-m", "experiments.run", "study=handmade", "seeds.count=40"],
        }],
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    question = config.get("question", "What is known of this study?")
    written = {"name": "handmade", **config, "question": question}
    (folder / "config.yaml").write_text(json.dumps(written), encoding="utf-8")
    return folder


def of(**counts: int) -> list[str]:
    """Outcomes by their counts, in the order given: solved=3, quarter=2 …"""
    names = {"quarter": "stuck_1/4", "third": "stuck_1/3", "half": "stuck_1/2"}
    return [names.get(name, name) for name, count in counts.items() for _ in range(count)]


COUNTS: dict[tuple[int, str], dict[str, int]] = {
    (4, "uniform"): {"solved": 20, "quarter": 8, "third": 7, "half": 3, "oscillating": 1, "unsettled": 1},
    (4, "he"): {"solved": 30, "quarter": 4, "third": 3, "half": 3},
    (10, "uniform"): {"solved": 39, "quarter": 1},
    (10, "he"): {"solved": 40},
}
"""The handmade study: width × init, 40 seeds each, the first seeds solved."""


def write_handmade(folder: Path) -> Path:
    """Write the handmade study's result folder."""
    rows, texts = [], {}
    for (hidden, init), counts in COUNTS.items():
        name = f"{init}{hidden}"
        rows += condition_trials(name, {"hidden": hidden, "init": init}, of(**counts))
        parts = [
            "protocol=2",
            *([f"hidden={hidden}"] if hidden != 4 else []),
            *([f"init={HE}"] if init == "he" else []),
        ]
        texts[name] = ";".join(parts)
    return write_folder(folder, rows, texts)


FREED: dict[float, dict[str, set[int]]] = {
    0.1: {"nothing": set(), "redraw_dead": {*range(10, 34)}, "redraw_alive": {8, 9, 10, 11}, "leaky": {*range(8, 30)}},
    0.2: {"nothing": {39}, "redraw_dead": {20, 24}, "redraw_alive": {21, 22, 25}, "leaky": {20}},
}
"""The rescued study: by lr and intervention the seeds that get free; of 40 seeds the first 8 need no rescue."""


def write_rescued(folder: Path, left_alone: bool = True, only: str = "") -> Path:
    """Write the rescued study's result folder; seed s is stuck with s % 4 of its 4 units dead."""
    rows = []
    for lr, freed in FREED.items():
        every: dict[str | None, set[int]] = {**({None: set()} if left_alone else {}), **freed}
        for rescue, free in every.items():
            if only and rescue not in (None, only):
                continue
            ends = ["solved" if seed < 8 or seed in free else "stuck_1/3" for seed in range(40)]
            made = condition_trials(f"{rescue}{lr}", {"lr": lr, "rescue": rescue}, ends)
            before = ["solved"] * 8 + ["stuck_1/3"] * 32
            rows += [
                {**row, "dead_final": seed % 4, "outcome_before": before[seed] if rescue else None}
                for seed, row in enumerate(made)
            ]
    return write_folder(folder, rows, {row["condition"]: "protocol=2" for row in rows}, name="rescued")


@pytest.fixture
def rescued(tmp_path: Path) -> Path:
    """The rescued study's result folder."""
    return write_rescued(tmp_path / "rescued")


@pytest.fixture
def rescued_alone(tmp_path: Path) -> Path:
    """The rescued study's result folder without the trainings that were left alone."""
    return write_rescued(tmp_path / "rescued", left_alone=False)


@pytest.fixture
def rescued_by_a_leak(tmp_path: Path) -> Path:
    """The rescued study's result folder without the trainings under another intervention than leaky."""
    return write_rescued(tmp_path / "rescued", only="leaky")


@pytest.fixture
def free_seeds() -> dict[float, dict[str, set[int]]]:
    """Which seeds of the rescued study get free, by lr and intervention."""
    return FREED


@pytest.fixture
def handmade(tmp_path: Path) -> Path:
    """The handmade study's result folder, for one test alone."""
    return write_handmade(tmp_path / "handmade")


@pytest.fixture(scope="session")
def handmade_at() -> Callable[[Path], Path]:
    """The function `write_handmade`."""
    return write_handmade


@pytest.fixture(scope="session")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The handmade study's result folder with its report, which no test changes."""
    from analysis.report import write_report

    def made() -> Path:
        folder = write_handmade(tmp_path_factory.mktemp("reported") / "handmade")
        write_report(folder)
        return folder

    return once(tmp_path_factory, "handmade", made)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The browser of all tests that look at pages."""
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """Make a folder of one condition a list of outcomes: make({"a": ({fields}, outcomes)})."""

    def made(spec: Mapping[str, tuple[Mapping[str, Any], list[str]]], **config: Any) -> Path:
        rows = [row for name, (fields, outcomes) in spec.items() for row in condition_trials(name, fields, outcomes)]
        texts = {
            name: f"protocol=2;task={fields['task']}:1.0,1.0" if "task" in fields else "protocol=2"
            for name, (fields, _) in spec.items()
        }
        return write_folder(tmp_path / "made", rows, texts, **config)

    return made


def give_certificates(folder: Path, **kinds: list[str]) -> Path:
    """Give the stuck runs of a condition, in the order of seeds, these certificates: certify(folder, a=["kink", …])."""
    trials = pd.read_parquet(folder / "trials.parquet")
    minimum = pd.Series([None] * len(trials), dtype="object")
    for name, found in kinds.items():
        stuck = trials.index[(trials["condition"] == name) & trials["outcome"].str.startswith("stuck")]
        assert len(found) == len(stuck), f"{name} has {len(stuck)} stuck runs"
        minimum[stuck] = found
    rewrite(trials.assign(minimum=minimum.astype("str")), folder)
    return folder


@pytest.fixture(scope="session")
def certify() -> Callable[..., Path]:
    """The function `give_certificates`."""
    return give_certificates
