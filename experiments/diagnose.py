"""`python -m experiments.diagnose`: bug or bad luck, for a network in a file or for a final loss."""

from experiments.cli import command

main = command("diagnose", "experiments.networks.diagnosing:diagnose", ("weights",))

if __name__ == "__main__":
    main()
