"""`python -m experiments.train`: one training, as the article prints it, and what became of it."""

from __future__ import annotations

from experiments.cli import start


def main() -> None:
    """The command; what it does stands in `experiments.networks.training`."""
    start("train", "experiments.networks.training:train")


if __name__ == "__main__":
    main()
