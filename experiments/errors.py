"""What can go wrong before or during a run, and the exit status of each."""

DONE, FAILED, BAD_INPUT, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143


class InputError(Exception):
    """Bad input: one line that names the key, the value and what is allowed. Exit status 2."""


class RunError(Exception):
    """A run could not go on: one line that says what was kept and what to do. Exit status 1."""


def in_a_line(error: BaseException) -> str:
    """An error's message in one line; its kind where it has none."""
    return " ".join(str(error).split()) or type(error).__name__
