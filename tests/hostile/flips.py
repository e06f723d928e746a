"""Flips every bit of a part and of the tables, one after another: each flip must be found where the file is read."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from damage import SEEDS, STUDY, made
from harness import compose

from analysis.data import door
from analysis.entry import InputError
from experiments.execution.worker import train_batch
from experiments.store.folder import ResultFolder
from experiments.store.parts import NotAPartError, read_part, write_part
from experiments.study.batches import Batch
from experiments.study.study import read_study

Read = Callable[[], object]


def files(root: Path) -> Iterator[tuple[Path, Read, type[Exception]]]:
    """A part and the tables, how each is read, and how a flip is told."""
    folder = made(root / "flips")
    study = read_study(compose(*STUDY, SEEDS))
    condition = study.conditions[0]
    batch = Batch(condition, study.seeds)
    part = write_part(root, batch, train_batch(batch, "numpy"))
    yield part.path, lambda: read_part(part.path, {condition.key: condition}), NotAPartError
    for name in ("trials.parquet", "counts.parquet"):
        yield folder / name, lambda: ResultFolder(folder, study).done(), InputError


def main(root: Path, share: slice = slice(None)) -> tuple[dict[str, int], list[str]]:
    """Flip a share of all bits; how many flips of each file, and which were not found, or not in one line."""
    counts, wrong = {}, []
    for path, read, error in files(root):
        content = path.read_bytes()
        read()
        name = "a part" if error is NotAPartError else path.name
        with open(path, "r+b", buffering=0) as file:
            for bit in range(8 * len(content))[share]:
                byte = content[bit // 8]
                os.pwrite(file.fileno(), bytes([byte ^ 1 << bit % 8]), bit // 8)
                door._sha256.cache_clear()  # flips come faster than the time of a change is told
                try:
                    read()
                except error:
                    counts[name] = counts.get(name, 0) + 1
                except Exception as other:
                    wrong.append(f"{name}, bit {bit}: {type(other).__name__}: {other}")
                else:
                    wrong.append(f"{name}, bit {bit}: not found")
                os.pwrite(file.fileno(), bytes([byte]), bit // 8)
    return counts, wrong
