"""`python -m experiments.benchmark`: every engine against what people use, in one run on one machine."""

from __future__ import annotations

from experiments.cli import start


def main() -> None:
    """The command; what it does stands in `experiments.benchmarking.timing`."""
    start("benchmark", "experiments.benchmarking.timing:benchmark")


if __name__ == "__main__":
    main()
