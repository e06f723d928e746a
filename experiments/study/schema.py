"""What the fields of a condition are to Hydra: keys of configurations, and words of `--help`."""

from __future__ import annotations

import textwrap

from experiments.study.fields import FIELDS, FILES

TRAINED = tuple(name for name in FIELDS if name != "rescue")
"""Fields that `experiments.train` takes: it shows one training, which nothing interferes with."""

SCHEMAS: dict[str, dict[str, object]] = {
    "run": {section: dict.fromkeys(FIELDS) for section in ("base", "grid")},
    "train": {name: None for name in TRAINED if name not in FILES},
    "diagnose": {name: None for name in TRAINED if name not in (*FILES, "loss")},
}
"""What conf/NAME.yaml takes in by `schema: NAME`; null stands for the default, or for not swept."""


def listed(command: str, indent: int) -> str:
    """The names of a command's fields, in lines of 80 characters that are indented from the second on."""
    names = ", ".join(FIELDS if command == "run" else TRAINED)
    return textwrap.fill(names, 80 - indent).replace("\n", "\n" + " " * indent)
