"""`python -m experiments.diagnose`: bug or bad luck, for a network in a file or for a final loss."""

from __future__ import annotations

from experiments.cli import start


def main() -> None:
    """The command; what it does stands in `experiments.networks.diagnosing`."""
    start("diagnose", "experiments.networks.diagnosing:diagnose", ("weights",))


if __name__ == "__main__":
    main()
