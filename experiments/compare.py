"""`python -m experiments.compare`: two result folders side by side."""

from experiments.cli import command

main = command("compare", "experiments.comparing:compare", ("a", "b"))

if __name__ == "__main__":
    main()
