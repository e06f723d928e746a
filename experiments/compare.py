"""`python -m experiments.compare`: two result folders side by side."""

from functools import partial

from experiments.cli import start

main = partial(start, "compare", "experiments.comparing:compare", ("a", "b"))
"""The command; what it does stands in `experiments.comparing`."""

if __name__ == "__main__":
    main()
