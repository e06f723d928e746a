"""`python -m experiments.train`: one training, as the article prints it, and what became of it."""

from experiments.cli import command

main = command("train", "experiments.networks.training:train")

if __name__ == "__main__":
    main()
