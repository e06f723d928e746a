"""Weights in .npz files: of one network, W1 (D, H), b1 (H,), W2 (H, 1), b2 (1,), or of one for each seed."""

import hashlib
import io
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from analysis.data.door import is_regular, read_bytes, replacing
from experiments.errors import InputError
from experiments.study.checked import known_keys
from nnxor.network.draws import Weights
from nnxor.network.inits import GivenWeights

MOST_BYTES = 2**28
"""Bytes of a .npz file that is read, and what it may unpack to."""

NAMES = ("W1", "b1", "W2", "b2")


ONE = "W1 (D,H), b1 (H,), W2 (H,1), b2 (1,)"
SETS = "W1 (S,D,H), b1 (S,H), W2 (S,H,1), b2 (S,1): one set a seed"
SINGLE: np.dtype = np.dtype(np.float32)
PLAIN = "W1 (D,H), b1 (H,), W2 (H,), b2 ()"


def load_weights(path: Path, dtype: np.dtype, key: str = "weights") -> Weights:
    """The network in a file, as a batch of one in this dtype; InputError says what is wrong with the file."""
    W1, b1, W2, b2 = _checked(_read_arrays(path, key, ONE), f"{key}={path}", ONE, dtype)
    return Weights(W1[:, :, None] + 0.0, b1[:, None] + 0.0, W2 + 0.0, b2 + 0.0).astype(dtype)  # no -0: see draws


def load_given(key: str, name: str) -> GivenWeights:
    """One set of weights a seed: W1 (S, D, H), b1 (S, H), W2 (S, H, 1), b2 (S, 1), rounded to float32.

    The shapes of a single network, without S, make one set. InputError says what is wrong.
    """
    arrays = _read_arrays(Path(name), key, SETS)
    if arrays["W1"].ndim == 2:
        arrays = {each: array[None] for each, array in arrays.items()}
    W1, b1, W2, b2 = _checked(arrays, f"{key}={name}", SETS)
    return _given(Path(name).name, [W1, b1, W2[:, :, 0], b2[:, 0]])


def read_network(key: str, given: Mapping[str, object]) -> GivenWeights:
    """One network as lists of numbers: W1 (D, H), b1 (H,), W2 (H,) and the number b2, with a name if it has one."""
    known_keys(key, given, [*NAMES, "name"])
    try:
        arrays = {name: np.array(given[name], dtype=np.float64) for name in NAMES}
    except (KeyError, ValueError, TypeError, OverflowError):
        raise InputError(f"{key} must hold W1 (D,H), b1 (H,), W2 (H,) and b2, in plain numbers") from None
    return _given(str(given.get("name", "given")), [array[None] for array in _checked(arrays, key, PLAIN)])


def _checked(arrays: Mapping[str, np.ndarray], where: str, form: str, dtype: np.dtype = SINGLE) -> list[np.ndarray]:
    """The arrays; InputError unless their shapes are of the form, and they hold real numbers, finite in the dtype."""
    ends: tuple[int, ...] = () if form == PLAIN else (1,)
    *sets, _, hidden = arrays["W1"].shape if arrays["W1"].ndim == 2 + (form == SETS) else (0, 0)
    wanted = {"b1": (*sets, hidden), "W2": (*sets, hidden, *ends), "b2": (*sets, *ends)}
    if 0 in (hidden, *arrays["W1"].shape) or any(arrays[name].shape != shape for name, shape in wanted.items()):
        shapes = ", ".join(f"{name} {arrays[name].shape}" for name in NAMES)
        raise InputError(f"{where} holds {shapes}; allowed: {form}")
    for name in NAMES:
        with np.errstate(over="ignore"):
            plain = arrays[name].dtype.kind in "fiu" and np.isfinite(arrays[name].astype(dtype)).all()
        if not plain:
            raise InputError(f"{where}: {name} must hold real numbers, finite in {dtype}")
    return [arrays[name] for name in NAMES]


def _given(name: str, arrays: list[np.ndarray]) -> GivenWeights:
    """Sets of weights along the first axis: W1 (S, D, H), b1 (S, H), W2 (S, H), b2 (S,)."""
    moved = [np.moveaxis(array.astype(np.float32) + np.float32(0), 0, -1) for array in arrays]
    plain = tuple(np.ascontiguousarray(array) for array in moved)
    digest = hashlib.sha256(b"".join(np.array(a.shape).tobytes() + a.tobytes() for a in plain)).hexdigest()[:16]
    return GivenWeights(name, digest, plain)


def _read_arrays(path: Path, key: str, form: str) -> dict[str, np.ndarray]:
    """The four arrays of a .npz file, whatever their shapes."""
    try:
        content = io.BytesIO(read_bytes(path, MOST_BYTES))
        with zipfile.ZipFile(content) as packed:
            unpacked = sum(entry.file_size for entry in packed.infolist())
            if unpacked > MOST_BYTES:
                raise ValueError(f"it unpacks to {unpacked:,} bytes; allowed: at most {MOST_BYTES:,}")
        with np.load(content, allow_pickle=False) as file:
            arrays = {name: file[name] for name in NAMES if name in file.files}
    except FileNotFoundError:
        raise InputError(f"{key}={path} does not exist; allowed: a .npz file with {', '.join(NAMES)}") from None
    except Exception as error:  # a damaged file can fail in any way
        raise InputError(f"{key}={path} is not a .npz file of plain numbers ({' '.join(str(error).split())})") from None
    absent = [name for name in NAMES if name not in arrays]
    if absent:
        raise InputError(f"{key}={path} lacks {', '.join(absent)}; it must hold {form}")
    return arrays


def check_writable(path: Path) -> None:
    """InputError, before any work, if the file could not be written."""
    odd = os.path.lexists(path) and not is_regular(path)
    if odd or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise InputError(f"save={path} cannot be written; allowed: a regular file in a folder that is there")


def make_folder(path: Path) -> None:
    """Make a folder for figures; InputError, before any work, if that cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"plot={path} cannot be a folder: {error.strerror or error}") from None


def save_weights(path: Path, weights: Weights) -> None:
    """Write the one network in `weights`; InputError if the file cannot be written."""
    W1, b1, W2, b2 = weights.arrays()
    try:
        with replacing(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, W1=W1[:, :, 0], b1=b1[:, 0], W2=W2, b2=b2)
    except OSError as error:
        raise InputError(f"save={path} cannot be written: {error.strerror or error}") from None
