"""`python -m experiments.verify DIR`: whether a result folder is whole and its trainings come out again."""

from experiments.cli import command

main = command("verify", "experiments.verification.verifying:verify", ("folder",))

if __name__ == "__main__":
    main()
