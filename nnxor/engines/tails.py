"""The tails of trainings that repeat."""

from __future__ import annotations

import numpy as np
from numba import njit

from nnxor.protocol import TAIL_PARTS


@njit(nogil=True, cache=True, error_model="numpy")
def read_cycles(losses, period, tolerance, epochs, tail_part, last_unsolved, tail):
    """Sums of the tails and last unsolved epochs of trainings on their cycles.

    losses (P, n): those of the epochs from the start of the tail on, of which each training repeats the first
    period[r]. Each sum adds the losses in the order in which a training run to its end meets them.
    """
    tail_start = epochs - TAIL_PARTS * tail_part
    phase = np.empty(TAIL_PARTS, np.int64)
    for r in range(len(period)):
        for part in range(TAIL_PARTS):
            phase[part] = part * tail_part % period[r]
            known = part
            for earlier in range(part):  # most periods are 1 or 2, and all parts begin alike
                known = min(known, earlier) if phase[earlier] == phase[part] else known
            if known < part:
                tail[part, r] = tail[known, r]
                continue
            total, at = 0.0, phase[part]
            for _ in range(tail_part):
                total += losses[at, r]
                at = at + 1 if at + 1 < period[r] else 0
            tail[part, r] = total
        for e in range(epochs - period[r], epochs):
            if not losses[(e - tail_start) % period[r], r] <= tolerance:
                last_unsolved[r] = e
