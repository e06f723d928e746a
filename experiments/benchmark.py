"""`python -m experiments.benchmark`: every engine against what people use, in one run on one machine."""

from functools import partial

from experiments.cli import start

main = partial(start, "benchmark", "experiments.benchmarking.timing:benchmark")
"""The command; what it does stands in `experiments.benchmarking.timing`."""

if __name__ == "__main__":
    main()
