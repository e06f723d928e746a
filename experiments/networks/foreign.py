"""Networks in files of other libraries: what stands in them, as W1 (D, H), b1 (H,), W2 (H, 1), b2 (1,).

A file may be .npz with our names, PyTorch's (`0.weight`) or unnamed arrays (Keras's `get_weights`), .safetensors, a
state dict in .pt or .pth (of which nothing but arrays is ever made), or .weights.h5 (with h5py).
"""

import importlib
import io
import json
import math
import pickle
import re
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments.errors import InputError

LARGEST = 2**26
"""Bytes of a file, and of what is in it: more than the widest network has."""

PYTORCH = 'From PyTorch: numpy.savez("net.npz", **{k: v.numpy() for k, v in model.state_dict().items()})'
"""How to write a network that cannot be read."""

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Found:
    """A network in a file: its arrays, who wrote it, and whether W1 could as well be meant the other way round."""

    arrays: Arrays
    library: str
    either_way: bool

    @property
    def init(self) -> str | None:
        """The initialization that a layer of this library has by default; None where nobody knows who wrote it."""
        return {"PyTorch": "torch", "Keras": "xavier"}.get(self.library)


def read_arrays(path: Path, key: str) -> Arrays:
    """All arrays of a file by their names, in its order; InputError says what is wrong with it."""
    kind = next((end for end in READERS if path.name.lower().endswith(end)), None)
    if not path.exists():
        raise InputError(f"{key}={path} does not exist; allowed: a file {', '.join(READERS)}")
    if kind is None or not path.is_file():
        raise InputError(f"{key}={path} is not allowed; allowed: a file {', '.join(READERS)}")
    if path.stat().st_size > LARGEST:
        raise InputError(f"{key}={path} is larger than {LARGEST:,} bytes, which no network of this kind needs")
    try:
        return {str(name): np.asarray(array) for name, array in READERS[kind](path).items()}
    except ModuleNotFoundError as error:
        raise InputError(
            f"{key}={path} needs {error.name}, which is not installed; or write it as .npz: {PYTORCH}"
        ) from None
    except Exception as error:  # a damaged file can fail in any way
        raise InputError(f"{key}={path} cannot be read: {' '.join(str(error).split()):.200}") from None


def read_network(path: Path, key: str, n_inputs: int) -> Found:
    """The network of one hidden layer in a file; InputError says what is wrong with it."""
    arrays = read_arrays(path, key)
    layers = _layers(arrays)
    if len(layers) != 2 or any(each.ndim != 2 for each, _ in layers):
        held = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise InputError(f"{key}={path} holds {held:.300}; allowed: a hidden and an output layer. {PYTORCH}")
    (W1, b1), (W2, b2) = sorted(layers, key=lambda layer: 1 in layer[0].shape)  # the output layer has one unit
    torch = any(name.endswith("weight") for name in arrays)
    units_first, either_way = _units_first(W1, W2, b1, n_inputs, torch)
    W1 = W1.T if units_first else W1
    hidden = W1.shape[1]
    shapes = [(n_inputs, hidden), (hidden,), (hidden,), (1,)]
    found = [W1, np.zeros(hidden) if b1 is None else b1, W2.ravel(), np.zeros(1) if b2 is None else b2.ravel()]
    if [each.shape for each in found] != shapes or not all(np.isfinite(each).all() for each in found):
        held = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise InputError(f"{key}={path} holds {held:.300}, which is no network of {n_inputs} inputs and finite numbers")
    library = "PyTorch" if torch else "Keras" if set(arrays) != {"W1", "b1", "W2", "b2"} else ""
    named = dict(zip(("W1", "b1", "W2", "b2"), found, strict=True))
    return Found({**named, "W2": named["W2"][:, None]}, library, either_way)


def _layers(arrays: Arrays) -> list[tuple[np.ndarray, np.ndarray | None]]:
    """The weights of each layer with its biases, if it has any, in the file's order (names with numbers: by these)."""
    names = sorted(
        arrays, key=lambda name: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
    )
    numbers = [name for name in names if arrays[name].dtype.kind in "fiu"]
    matrices = [name for name in numbers if arrays[name].ndim == 2]
    vectors = [name for name in numbers if arrays[name].ndim in (0, 1)]
    layers = []
    for n, name in enumerate(matrices):
        stem = re.sub(r"(weight|kernel|W\d*|\d+)(:\d+)?$", "", name)
        own = [each for each in vectors if re.sub(r"(bias|b\d*|\d+)(:\d+)?$", "", each) == stem]
        bias = own[n] if len(own) > n and len(own) == len(matrices) else own[0] if own else None
        layers.append((arrays[name].astype(np.float64), None if bias is None else arrays[bias].astype(np.float64)))
    return layers


def _units_first(
    W1: np.ndarray, W2: np.ndarray, b1: np.ndarray | None, n_inputs: int, torch: bool
) -> tuple[bool, bool]:
    """Whether W1 is (units, inputs), and whether its shape leaves that open."""
    hidden = W2.size if b1 is None else b1.size
    if W1.shape == (n_inputs, n_inputs) and hidden == n_inputs:
        return torch, True
    return W1.shape == (hidden, n_inputs), False


def _npz(path: Path) -> Mapping[str, Any]:
    with zipfile.ZipFile(path) as archive:
        _refuse_large(archive)
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


SAFETENSORS = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}


def _safetensors(path: Path) -> Mapping[str, Any]:
    """Eight bytes with the length of a header in JSON, the header, then the numbers (little endian)."""
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    header.pop("__metadata__", None)
    found = {}
    for name, about in header.items():
        first, last = about["data_offsets"]
        numbers = np.frombuffer(content[end + first : end + last], SAFETENSORS[about["dtype"]])
        found[name] = numbers.reshape(about["shape"])
    return found


STORAGES = {"FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "LongStorage": "<i8"}


class _Weights(pickle.Unpickler):
    """What `torch.save` pickled, of which nothing is made but dictionaries and arrays: no code of a file is run."""

    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        super().__init__(io.BytesIO(archive.read(name)))
        self.archive, self.folder = archive, name.rpartition("/")[0]

    def find_class(self, module: str, name: str) -> Any:
        """One of the few things that a state dict is made of; UnpicklingError for all others."""
        if module == "torch" and name in STORAGES:
            return np.dtype(STORAGES[name])
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
        if math.prod(size) > LARGEST:
            raise pickle.UnpicklingError("a tensor is too large")
        places = sum((along * step for along, step in zip(np.indices(size), stride, strict=True)), np.zeros(size, int))
        return np.asarray(storage[offset + places])


def _torch(path: Path) -> Mapping[str, Any]:
    with zipfile.ZipFile(path) as archive:
        _refuse_large(archive)
        (name,) = (each for each in archive.namelist() if each.endswith("/data.pkl"))
        state = _Weights(archive, name).load()
    for wrapped in ("state_dict", "model_state_dict", "model"):
        state = state[wrapped] if isinstance(state.get(wrapped), Mapping) else state
    return {name: tensor for name, tensor in state.items() if isinstance(tensor, np.ndarray)}


def _refuse_large(archive: zipfile.ZipFile) -> None:
    if sum(each.file_size for each in archive.infolist()) > LARGEST:
        raise ValueError(f"it unpacks to more than {LARGEST:,} bytes")


def _keras(path: Path) -> Mapping[str, Any]:
    h5py = importlib.import_module("h5py")
    found: dict[str, Any] = {}
    with h5py.File(path, "r") as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if hasattr(item, "dtype") else None)
    return {name: array for name, array in found.items() if not name.startswith("optimizer")}


READERS: dict[str, Callable[[Path], Mapping[str, Any]]] = {
    ".npz": _npz,
    ".safetensors": _safetensors,
    ".pt": _torch,
    ".pth": _torch,
    ".weights.h5": _keras,
}
"""How files are read, by the end of their names."""
