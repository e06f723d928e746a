"""`python -m experiments.run`: train a study, whatever of it is missing, and report it."""

from experiments.cli import command

main = command("run", "experiments.execution.session:command")

if __name__ == "__main__":
    main()
