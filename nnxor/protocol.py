"""Constants that results depend on: change one and `PROTOCOL_VERSION` goes up."""

PROTOCOL_VERSION = 2  # number of the numerical protocol; part of every condition's key
ROOT_SEED = 20260101  # key of the counter-based generator from which every seed's draws come
TAIL_EPOCHS = 1000  # the last, at most a quarter of the training, whose losses tell descent from oscillation
TAIL_PARTS = 8  # parts of the tail whose losses are summed apart


def tail_part(epochs: int) -> int:
    """Length in epochs of each part of the tail of a training of `epochs` epochs; even, so that zigzags even out."""
    return min(TAIL_EPOCHS, epochs // 4) // TAIL_PARTS // 2 * 2
