"""`python -m experiments.verify DIR`: whether a result folder is whole and its trainings come out again."""

from __future__ import annotations

from experiments.cli import start


def main() -> None:
    """The command; what it does stands in `experiments.verification.verifying`."""
    start("verify", "experiments.verification.verifying:verify", ("folder",))


if __name__ == "__main__":
    main()
