"""What tests share: conditions by name, and studies run in-process or as a command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from omegaconf import OmegaConf

from experiments.words import CONF

settings.register_profile("steady", deadline=None, derandomize=True, max_examples=25)
settings.load_profile("steady")

ROOT = Path(__file__).parent.parent


def compose(*overrides: str, config_name: str = "run") -> dict[str, Any]:
    """The configuration that the command would get from these overrides."""
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir

    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = OmegaConf.to_container(hydra_compose(config_name, list(overrides)), resolve=True)
    assert isinstance(config, dict)
    return {str(key): value for key, value in config.items()}


SMALL = ("study=smoke", "base.epochs=60", "seeds.count=20", "report=false", "parallel.n_jobs=1")
"""A study of 16 conditions that takes a moment."""


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Path]:
    """Run a small study in this process; returns its folder."""
    from experiments.run import run as run_study

    def run_small(*overrides: str, folder: str = "out") -> Path:
        output = tmp_path / folder
        status = run_study(compose(*SMALL, f"output={output}", *overrides))
        assert status == 0
        return output

    return run_small


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
