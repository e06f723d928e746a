"""`python -m experiments.train`: one training, as the article prints it, and what became of it."""

from functools import partial

from experiments.cli import start

main = partial(start, "train", "experiments.networks.training:train")
"""The command; what it does stands in `experiments.networks.training`."""

if __name__ == "__main__":
    main()
