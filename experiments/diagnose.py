"""`python -m experiments.diagnose`: bug or bad luck, for a network in a file or for a final loss."""

from functools import partial

from experiments.cli import start

main = partial(start, "diagnose", "experiments.networks.diagnosing:diagnose", ("weights",))
"""The command; what it does stands in `experiments.networks.diagnosing`."""

if __name__ == "__main__":
    main()
