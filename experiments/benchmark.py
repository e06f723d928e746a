"""`python -m experiments.benchmark`: every engine against what people use, in one run on one machine."""

from experiments.cli import command

main = command("benchmark", "experiments.benchmarking.timing:benchmark")

if __name__ == "__main__":
    main()
