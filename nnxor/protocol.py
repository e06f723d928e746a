"""Constants that results depend on: change one and `PROTOCOL_VERSION` goes up."""

PROTOCOL_VERSION = 1
"""Number of the numerical protocol; part of every condition's key."""

ROOT_SEED = 20260101
"""Key of the counter-based generator from which every seed's draws come."""

TAIL_EPOCHS = 1000
"""The last epochs (at most; a tenth of the training otherwise) whose losses tell descent from oscillation."""


def half_tail(epochs: int) -> int:
    """Length in epochs of each half of the watched tail of a training of `epochs` epochs."""
    return min(TAIL_EPOCHS, epochs // 10) // 2
