"""Weights in files: of one network, as this project or another library writes it, or of one network for each seed.

A file may be .npz with our names, PyTorch's (`0.weight`) or unnamed arrays (Keras's `get_weights`), .safetensors, a
state dict in .pt or .pth (of which nothing but arrays is ever made), or .weights.h5 (with h5py).
"""

import hashlib
import importlib
import io
import json
import math
import pickle
import re
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from analysis.data.door import read_bytes, replacing
from analysis.entry import InputError, in_a_line
from experiments.study.checked import known_keys
from nnxor.network.draws import PARAMETERS, Weights
from nnxor.network.inits_in_yaml import GivenWeights

MOST_BYTES = 2**28  # bytes of a file that is read, and what it may unpack to
OF_PYTORCH = 'numpy.savez("net.npz", **{k: v.numpy() for k, v in model.state_dict().items()})'
WRITE_IT = f'from PyTorch: {OF_PYTORCH}; from Keras: numpy.savez("net.npz", *model.get_weights())'  # so as to be read
SETS = "W1 (S,D,H), b1 (S,H), W2 (S,H,1), b2 (S,1): one set a seed"
PLAIN = "W1 (D,H), b1 (H,), W2 (H,) and b2, in plain numbers"
SAFETENSORS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8"}
STORAGES = {"FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "LongStorage": "<i8"}  # of PyTorch

Arrays = Mapping[str, np.ndarray]


class Network(NamedTuple):
    """A network in a file: a batch of one, who wrote it, and whether W1 could as well be meant the other way round."""

    weights: Weights
    library: str
    either_way: bool
    fields: Mapping[str, object]  # of its condition: whether it has biases, and its library's usual init (None: ours)


def read_network(path: Path, n_inputs: int) -> Network:
    """The network of one hidden layer in a file, in float64; InputError says what is wrong with the file."""
    arrays = _read_arrays(path, "weights")
    held = f"weights={path} holds {_shapes(arrays):.300}"
    for name, array in arrays.items():
        if array.dtype.kind not in "fiu" and (array.ndim or name in PARAMETERS):
            raise InputError(f"weights={path}: {name} holds {array.dtype}; allowed: real numbers")
    if {*PARAMETERS} <= set(arrays) and arrays["W2"].ndim == 1:  # as `nnxor.train` has it
        arrays["W2"] = arrays["W2"][:, None]
    layers = _layers(arrays)
    if len(layers) != 2:
        raise InputError(f"{held}; allowed: a hidden and an output layer; {WRITE_IT}")
    (W1, b1), (W2, b2) = sorted(layers, key=lambda layer: 1 in layer[0].shape)  # the output layer has one unit
    hidden = W2.size
    torch = any(name.endswith("weight") for name in arrays)
    square, ours = W1.shape == (n_inputs, n_inputs) and hidden == n_inputs > 1, {"W1", "W2"} <= set(arrays)
    if torch if square else W1.shape == (hidden, n_inputs):
        W1 = W1.T
    biases = [b for _, b in layers if b is not None]
    a_unit = [a for a in arrays.values() if a.dtype.kind == "f" and a.ndim == 1 and a.size in (1, hidden)]
    b1, b2 = np.zeros(hidden) if b1 is None else b1, np.zeros(1) if b2 is None else b2.ravel()
    for wrong, why in (
        (1 not in W2.shape, "which has several outputs; allowed: one"),
        (W1.shape[0] != n_inputs, f"which is no network of {n_inputs} input{'s' * (n_inputs > 1)}"),
        ((W1.shape[1], *b1.shape, *b2.shape) != (hidden, hidden, 1), "whose layers do not fit together"),
        (len(a_unit) > len(biases), "which has more than a hidden and an output layer"),
        (not all(np.isfinite(each).all() for each in (W1, b1, W2, b2)), "and not all of its numbers are finite"),
    ):
        if wrong:
            raise InputError(f"{held}, {why}")
    library = "PyTorch" if torch else "" if ours else "Keras"
    weights = Weights(W1[:, :, None], b1[:, None], W2.reshape(-1, 1), b2)
    fields = {"init": {"PyTorch": "torch", "Keras": "xavier"}.get(library), "bias": bool(biases)}
    return Network(weights.astype(np.dtype(np.float64)), library, square and not ours, fields)


def _layers(arrays: Arrays) -> list[tuple[np.ndarray, np.ndarray | None]]:
    """The weights of each layer with its biases, if it has any, in the file's order (names with numbers: by these)."""
    numbers = [name for name, array in arrays.items() if array.dtype.kind in "fiu"]
    numbers.sort(key=lambda name: [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)])
    matrices = [name for name in numbers if arrays[name].ndim == 2]
    vectors = [name for name in numbers if arrays[name].ndim in (0, 1)]
    layers = []
    for n, name in enumerate(matrices):
        stem = re.sub(r"(weight|kernel|W\d*|\d+)(:\d+)?$", "", name)
        own = [each for each in vectors if re.sub(r"(bias|b\d*|\d+)(:\d+)?$", "", each) == stem]
        bias = own[n] if len(own) > n and len(own) == len(matrices) else own[0] if own else None
        layers.append((arrays[name].astype(np.float64), None if bias is None else arrays[bias].astype(np.float64)))
    return layers


def _shapes(arrays: Arrays) -> str:
    return ", ".join(f"{name} {array.shape}" for name, array in arrays.items()) or "nothing"


def save_weights(path: Path, weights: Weights) -> None:
    """Write the one network in `weights`."""
    W1, b1, W2, b2 = weights
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, W1=W1[:, :, 0], b1=b1[:, 0], W2=W2, b2=b2)


def load_given(key: str, name: str) -> GivenWeights:
    """One set of weights a seed (`SETS`), or one set without S, rounded to float32; InputError says what is wrong."""
    return _given(f"{key}={name}", Path(name).name, _read_arrays(Path(name), key), SETS)


def given_network(key: str, given: Mapping[str, object]) -> GivenWeights:
    """One network as lists of numbers: W1 (D, H), b1 (H,), W2 (H,) and the number b2, with a name if it has one."""
    known_keys(key, given, [*PARAMETERS, "name"])
    try:
        arrays = {name: np.array(given[name], dtype=np.float64) for name in PARAMETERS}
    except (KeyError, ValueError, TypeError, OverflowError):
        raise InputError(f"{key} must hold {PLAIN}") from None
    return _given(key, str(given.get("name", "given")), arrays, PLAIN)


def _given(where: str, name: str, arrays: Arrays, form: str) -> GivenWeights:
    """Sets of weights, with or without an axis of sets in front, and of the one output at the end."""
    try:
        weights = Weights.of(*(arrays[each] for each in PARAMETERS))
    except (KeyError, ValueError):
        raise InputError(f"{where} holds {_shapes(arrays):.300}; allowed: {form}") from None
    plain = []
    for each, array in zip(PARAMETERS, weights, strict=True):
        with np.errstate(over="ignore"):
            rounded = array.astype(np.float32) if array.dtype.kind in "fiu" else np.array(np.nan)
        if not np.isfinite(rounded).all():
            raise InputError(f"{where}: {each} must hold real numbers, finite in float32")
        plain.append(rounded + np.float32(0))
    digest = hashlib.sha256(b"".join(np.array(a.shape).tobytes() + a.tobytes() for a in plain)).hexdigest()[:16]
    return GivenWeights(name, digest, tuple(plain))


def _read_arrays(path: Path, key: str) -> dict[str, np.ndarray]:
    """All arrays of a file by their names, in its order; InputError says what is wrong with it."""
    kind = next((end for end in READERS if path.name.lower().endswith(end)), ".npz")
    allowed = f"allowed: a file {', '.join(READERS)}"
    try:
        found = READERS[kind](io.BytesIO(read_bytes(path, MOST_BYTES)))
        return {str(name): np.asarray(array) for name, array in found.items()}
    except IsADirectoryError:
        raise InputError(f"{key}={path} is a folder; {allowed}") from None
    except FileNotFoundError:
        guess = f"did you mean loss={path}? " if re.fullmatch(r"[0-9.]+", str(path)) else ""
        raise InputError(f"{key}={path} does not exist; {guess}{allowed}") from None
    except ModuleNotFoundError as error:
        raise InputError(f"{key}={path} needs {error.name}, which is not installed; or write it {WRITE_IT}") from None
    except Exception as error:  # a damaged file can fail in any way
        why = f"{in_a_line(error):.200}"
        raise InputError(f"{key}={path} cannot be read as {kind} of plain numbers ({why}); {allowed}") from None


def _unpacked(content: io.BytesIO) -> zipfile.ZipFile:
    """A .zip file; ValueError if it unpacks to too much."""
    archive = zipfile.ZipFile(content)
    unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > MOST_BYTES:
        raise ValueError(f"it unpacks to {unpacked:,} bytes; allowed: at most {MOST_BYTES:,}")
    return archive


def _npz(content: io.BytesIO) -> Mapping[str, Any]:
    _unpacked(content)
    with np.load(content, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def _safetensors(content: io.BytesIO) -> Mapping[str, Any]:
    """Eight bytes with the length of a header in JSON, the header, then the numbers (little endian)."""
    header = json.loads(content.read(int.from_bytes(content.read(8), "little")))
    numbers, held = content.read(), {name: about for name, about in header.items() if name != "__metadata__"}
    if odd := {about["dtype"] for about in held.values()} - {*SAFETENSORS}:
        raise ValueError(f"it holds numbers of {min(odd)}: save them as float")
    return {
        name: np.frombuffer(numbers[slice(*about["data_offsets"])], SAFETENSORS[about["dtype"]]).reshape(about["shape"])
        for name, about in held.items()
    }


class _Weights(pickle.Unpickler):
    """What `torch.save` pickled, of which nothing is made but dictionaries and arrays: no code of a file is run."""

    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        super().__init__(io.BytesIO(archive.read(name)))
        self.archive, self.folder = archive, name.rpartition("/")[0]

    def find_class(self, module: str, name: str) -> Any:
        """One of the few things that a state dict is made of; UnpicklingError for all others."""
        if module == "torch" and name in STORAGES:
            return np.dtype(STORAGES[name])
        if module == "torch" and name.endswith("Storage"):
            raise pickle.UnpicklingError(f"it holds numbers of torch.{name}: save them as float")
        known = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): self.tensor,
            ("torch._utils", "_rebuild_parameter"): lambda data, *_: data,
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"it holds {module}.{name}, and not weights alone: save model.state_dict()")
        return known[module, name]

    def persistent_load(self, pid: Any) -> np.ndarray:
        """The numbers of a storage."""
        return np.frombuffer(self.archive.read(f"{self.folder}/data/{pid[2]}"), pid[1])

    @staticmethod
    def tensor(storage: np.ndarray, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> np.ndarray:
        """A view of a storage, as PyTorch describes it, copied."""
        if math.prod(size) > MOST_BYTES // 8:
            raise pickle.UnpicklingError("a tensor is too large")
        places = sum((along * step for along, step in zip(np.indices(size), stride, strict=True)), np.zeros(size, int))
        return np.asarray(storage[offset + places])


def _torch(content: io.BytesIO) -> Mapping[str, Any]:
    archive = _unpacked(content)
    (name,) = (each for each in archive.namelist() if each.endswith("/data.pkl"))
    state = _Weights(archive, name).load()
    for wrapped in ("state_dict", "model_state_dict", "model"):
        state = state[wrapped] if isinstance(state.get(wrapped), Mapping) else state
    return {name: tensor for name, tensor in state.items() if isinstance(tensor, np.ndarray)}


def _keras(content: io.BytesIO) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    with importlib.import_module("h5py").File(content, "r") as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if hasattr(item, "dtype") else None)
    return {name: array for name, array in found.items() if not name.startswith("optimizer")}


# By the end of a file's name; others are taken for .npz.
READERS = {".npz": _npz, ".safetensors": _safetensors, ".pt": _torch, ".pth": _torch, ".weights.h5": _keras}
