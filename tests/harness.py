"""How tests compose configurations and run commands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from experiments import diagnose, train
from experiments.cli import named
from experiments.words import CONF

ROOT = Path(__file__).parent.parent


def compose(*overrides: str, config_name: str = "run") -> dict[str, Any]:
    """The configuration that the command would get from these overrides."""
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir

    groups = {"train": train.GROUPS, "diagnose": diagnose.GROUPS}.get(config_name)
    arguments = named(list(overrides), *groups) if groups else list(overrides)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = OmegaConf.to_container(hydra_compose(config_name, arguments), resolve=True)
    assert isinstance(config, dict)
    return {str(key): value for key, value in config.items()}


SMALL = ("study=smoke", "base.epochs=60", "seeds.count=20", "report=false", "parallel.n_jobs=1")
"""A study of 16 conditions that takes a moment."""


def command(*arguments: str, module: str = "experiments.run", **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command of the project as a user does, and wait for it."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=options.pop("cwd", ROOT),
        env={**os.environ, "PYTHONPATH": str(ROOT), **options.pop("env", {})},
        capture_output=True,
        text=True,
        timeout=120,
        **options,
    )
