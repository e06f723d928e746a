"""`python -m experiments.verify DIR`: whether a result folder is whole and its trainings come out again."""

from functools import partial

from experiments.cli import start

main = partial(start, "verify", "experiments.verification.verifying:verify", ("folder",))
"""The command; what it does stands in `experiments.verification.verifying`."""

if __name__ == "__main__":
    main()
