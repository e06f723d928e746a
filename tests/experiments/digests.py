"""The digests of the shipped studies at a few seeds: `make digests` writes digests.json anew.

It is the `digest` in the manifest of the same study run with `seeds.count=8`. Written anew whenever a column is added
or the protocol's version goes up; if a digest changes without that, results have changed.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from harness import compose

from analysis.data.processes import available_cores
from experiments.execution.backends import execute
from experiments.store.columns import Digest, schema, with_condition
from experiments.study.batches import Batch
from experiments.study.catalog import CONF
from experiments.study.study import Study, read_study
from nnxor import engines

FILE = Path(__file__).with_suffix(".json")
SEEDS = 8


def studies() -> list[str]:
    """Names of the shipped studies, those in folders too."""
    return sorted(path.relative_to(CONF / "study").with_suffix("").as_posix() for path in CONF.glob("study/**/*.yaml"))


def read(name: str) -> Study:
    """A shipped study with few seeds; its epochs are as shipped."""
    return read_study(compose(f"study={name}", f"seeds.count={SEEDS}"))


def digest(study: Study) -> dict[str, object]:
    """What digests.json holds of a study."""
    wanted, total = schema(study.conditions), Digest()
    tables = dict(
        trained([Batch(condition, study.seeds_of(condition), certify=study.certify) for condition in study.conditions])
    )
    for batch, table in sorted(tables.items(), key=lambda item: study.conditions.index(item[0].condition)):
        assert set(table["status"].to_pylist()) == {"ok"}, (batch, table["error"][0])
        total.update(with_condition(table, batch.condition, wanted))
    return {
        "conditions": len(study.conditions),
        "seeds": len(study.seeds),
        "digest": total.hexdigest(),
    }


def trained(batches: list[Batch]) -> Iterator[tuple[Batch, object]]:
    """The batches, trained with the fastest engine."""
    engine, _ = engines.fastest()
    return execute(batches, engine, "threads", available_cores())


def main() -> None:
    """Write digests.json and say what changed."""
    old = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    new = {}
    for name in studies():
        new[name] = digest(read(name))
        state = "new" if name not in old else "as before" if old[name] == new[name] else "CHANGED"
        print(f"{name}: {new[name]['conditions']} conditions, {state}", flush=True)
    FILE.write_text(json.dumps(new, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
