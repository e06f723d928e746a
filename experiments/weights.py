"""Weights of one network in a .npz file: W1 (D, H), b1 (H,), W2 (H, 1), b2 (1,)."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from experiments.errors import InputError
from experiments.files import replacing
from nnxor.draws import Weights

NAMES = ("W1", "b1", "W2", "b2")


def load_weights(path: Path, key: str = "weights") -> Weights:
    """The network in a file, as a batch of one; InputError says what is wrong with the file."""
    try:
        with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {name: file[name] for name in NAMES if name in file.files}
    except FileNotFoundError:
        raise InputError(f"{key}={path} does not exist; allowed: a .npz file with {', '.join(NAMES)}") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise InputError(f"{key}={path} is no .npz file of plain numbers ({' '.join(str(error).split())})") from None
    absent = [name for name in NAMES if name not in arrays]
    if absent:
        raise InputError(f"{key}={path} lacks {', '.join(absent)}; it must hold W1 (D,H), b1 (H,), W2 (H,1), b2 (1,)")
    W1, b1, W2, b2 = (arrays[name] for name in NAMES)
    hidden = W1.shape[1] if W1.ndim == 2 else 0
    if not hidden or b1.shape != (hidden,) or W2.shape != (hidden, 1) or b2.shape != (1,):
        shapes = ", ".join(f"{name} {arrays[name].shape}" for name in NAMES)
        raise InputError(f"{key}={path} holds {shapes}; allowed: W1 (D,H), b1 (H,), W2 (H,1), b2 (1,)")
    for name in NAMES:
        if arrays[name].dtype.kind not in "fiu" or not np.isfinite(arrays[name]).all():
            raise InputError(f"{key}={path}: {name} must hold finite real numbers")
    return Weights(W1[:, :, None], b1[:, None], W2, b2).astype(np.dtype(np.float32))


def save_weights(path: Path, weights: Weights) -> None:
    """Write the one network in `weights`; InputError if the file cannot be written."""
    W1, b1, W2, b2 = weights.arrays()
    try:
        with replacing(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, W1=W1[:, :, 0], b1=b1[:, 0], W2=W2, b2=b2)
    except OSError as error:
        raise InputError(f"save={path} cannot be written: {error.strerror or error}") from None
