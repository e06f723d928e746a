"""A finished result folder as it is verified: its manifest, and the study that its own config.yaml describes."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from analysis.data.door import CONFIG
from experiments.conf_files import read_yaml
from experiments.errors import InputError
from experiments.store import rows_and_counts as tables
from experiments.store.manifest import read_manifest
from experiments.store.parts import first_line
from experiments.study.study import KEYS, Study, read_study
from nnxor.condition import Condition

AGAIN = "run its study again with overwrite=true"


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

    @cached_property
    def _rank(self) -> dict[str, int]:
        return {condition.key: rank for rank, condition in enumerate(self.study.conditions)}

    def place(self, condition: Condition, seed: int) -> tuple[int, int]:
        """Where a training stands in the order of the study."""
        return self._rank[condition.key], seed

    @cached_property
    def _telling(self) -> tuple[str, ...]:
        return self.study.swept or ("hidden", "init", "lr")

    def words(self, condition: Condition) -> str:
        """A condition in words: the fields that tell it from the others of the study."""
        values = condition.values()
        return ", ".join(f"{name} {values[name]}" for name in self._telling)


def read_record(path: Path) -> Record:
    """The finished result folder at a path; InputError says why it cannot be audited."""
    name = "name a result folder that experiments.run made"
    if not path.is_dir():
        raise InputError(f"{path} is not a folder; {name}")
    manifest = read_manifest(path, f"verify it with the version that made it, or {AGAIN}")
    if manifest is None:
        raise InputError(f"{path} is not a result folder: it has no manifest.json; {name}")
    if manifest["trials"] is None:
        raise InputError(f"{path} is not finished; run its study again with output={path} to finish it")
    return Record(path, manifest, _read_config(path / CONFIG))


def _read_config(path: Path) -> Study:
    """The study in a config.yaml."""
    try:
        config = read_yaml(path)
        if not isinstance(config, dict) or set(config) != set(KEYS):
            raise InputError(f"it must hold {', '.join(KEYS)}, and nothing else")
        return read_study(config)
    except FileNotFoundError:
        raise InputError(f"{path} is missing; without it, what was trained is unknown; {AGAIN}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read ({first_line(error)}); {AGAIN}") from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
