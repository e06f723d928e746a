"""A finished result folder as it is verified: its manifest, and the study that its own config.yaml describes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from experiments.errors import InputError
from experiments.store import rows_and_counts as tables
from experiments.store.files import read_text
from experiments.store.manifest import check_shape, read_manifest
from experiments.store.parts import first_line
from experiments.study.study import KEYS, Study, read_study
from nnxor.condition import Condition
from nnxor.protocol import PROTOCOL_VERSION

AGAIN = "run its study again with overwrite=true"

MOST_CONFIG = 2**22
"""Bytes of a config.yaml, at most."""


@dataclass(frozen=True)
class Record:
    """A finished result folder: what its manifest says and the study that its config.yaml describes."""

    path: Path
    manifest: dict[str, Any]
    study: Study

    @property
    def has_rows(self) -> bool:
        """Whether it kept a row a training."""
        return self.study.record == "trials"

    @property
    def main(self) -> Path:
        """The table whose digest the manifest holds."""
        return self.path / tables.names(self.study.record)[0]

    @cached_property
    def engines(self) -> list[str]:
        """The engines that trained it, by name."""
        return sorted({run["engine"] for run in self.manifest["runs"] if run["trained"]})

    def place(self, condition: Condition, seed: int) -> tuple[int, int]:
        """Where a training stands in the order of the study."""
        return self._rank[condition.key], seed

    @cached_property
    def _rank(self) -> dict[str, int]:
        return {condition.key: rank for rank, condition in enumerate(self.study.conditions)}

    def words(self, condition: Condition) -> str:
        """A condition in words: the fields that tell it from the others of the study."""
        values = condition.values()
        return ", ".join(f"{name} {values[name]}" for name in self._telling)

    @cached_property
    def _telling(self) -> tuple[str, ...]:
        return self.study.swept or ("hidden", "init", "lr")


def read_record(path: Path) -> Record:
    """The finished result folder at a path; InputError says why it cannot be audited."""
    if not path.is_dir():
        raise InputError(f"{path} is not a folder; name a result folder that experiments.run made")
    manifest = read_manifest(path, AGAIN)
    if manifest is None:
        raise InputError(f"{path} is not a result folder: it has no manifest.json; name one that experiments.run made")
    if manifest["protocol"] != PROTOCOL_VERSION:
        raise InputError(
            f"{path} was made by protocol {manifest['protocol']}, this is {PROTOCOL_VERSION}; "
            f"verify it with the version that made it, or {AGAIN}"
        )
    check_shape(manifest, path / "manifest.json", AGAIN)
    if manifest["trials"] is None:
        raise InputError(f"{path} is not finished; run its study again with output={path} to finish it")
    return Record(path, manifest, _read_config(path / "config.yaml"))


def _read_config(path: Path) -> Study:
    """The study in a config.yaml."""
    try:
        text = read_text(path, MOST_CONFIG)
        depth = 0
        for event in yaml.parse(text, yaml.CSafeLoader):
            if isinstance(event, yaml.AliasEvent):
                raise ValueError("it repeats itself by reference")  # which can grow without end
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > 100:
                raise ValueError("it is nested too deeply")  # libyaml takes minutes for what is
        config = yaml.load(text, yaml.CSafeLoader)
    except FileNotFoundError:
        raise InputError(f"{path} is missing; without it, what was trained is unknown; {AGAIN}") from None
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise InputError(f"{path} cannot be read ({' '.join(str(error).split())[:120]}); {AGAIN}") from None
    if not isinstance(config, dict) or set(config) != set(KEYS):
        raise InputError(f"{path} must hold {', '.join(KEYS)}, and nothing else; {AGAIN}")
    try:
        return read_study(config)
    except (InputError, RecursionError) as error:
        raise InputError(f"{path}: {first_line(error)}") from None
