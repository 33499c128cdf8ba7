"""Tensors out of a file of ``torch.save``, without anything in it being run.

Such a file is a pickle, and a pickle calls what it names. Here it may name only what tensors and
whole networks are made of; none of that is imported. Names stand for objects that hold fields and
do nothing, and numbers are read from the bytes beside the pickle.

Source: torch/serialization.py of PyTorch 2: the archive written since 1.6 (``data.pkl`` and a file
a storage), and the form before it (pickles one after the other, then the storages).
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.errors import RecipeError

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
"""What a file of the form before torch 1.6 begins with."""
DEEPEST = 64
"""Modules within modules; a DenseNet has four levels."""
NESTED = 100
"""Tuples within tuples; the interpreter counts no levels where it hashes them, and would crash."""
TYPES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "?",
}
MARK = -1
INERT = ("torch.nn.modules.", "torchxrayvision.")
"""Modules whose classes a network may name; they are not imported."""
NUMPY = tuple(f"numpy.{core}.multiarray." for core in ("core", "_core"))
FIELDS = frozenset(
    (
        *("builtins.set", "__builtin__.set", "_codecs.encode", "numpy.dtype", "numpy.ndarray"),
        *(f"{module}{name}" for module in NUMPY for name in ("_reconstruct", "scalar")),
    )
)
"""What fields of a network may name besides; what they hold is not looked at."""

Arrays = dict[str, NDArray[Any]]


class _Unfit(pickle.UnpicklingError):
    """A pickle that names what no tensor and no network is made of."""


class _Sealed:
    """Cannot be given other fields by a pickle than those that it was made with."""

    def __setstate__(self, _state: object) -> None:
        raise _Unfit("what was made and checked is given other fields")


@dataclass(frozen=True)  # with slots it would get a __setstate__ of its own
class _Storage(_Sealed):
    key: str
    type: str
    start: int = 0  # of a view of another storage, in items


@dataclass(frozen=True)
class _Tensor(_Sealed):
    storage: _Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


class _Held:
    """Stands in for every class of a network: holds fields, does nothing."""

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        if type(state) is dict:
            self.__dict__.update(state)


class _Call(_Sealed):
    """A function that a pickle may name; it cannot be given fields."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., object]) -> None:
        self._function = function

    def __call__(self, *arguments: object) -> object:
        return self._function(*arguments)


def _rebuilt(storage: _Storage, offset: int, size: Any, stride: Any, *_: object) -> _Tensor:
    numbers = (offset, *size, *stride)
    if not isinstance(storage, _Storage) or len(size) != len(stride):
        raise _Unfit("a tensor without storage or shape")
    if not all(type(n) is int and 0 <= n < 1 << 40 for n in numbers):
        raise _Unfit("a tensor of impossible shape")
    return _Tensor(storage, offset, tuple(size), tuple(stride))


def _parameter(tensor: _Tensor, *_: object) -> _Tensor:
    if not isinstance(tensor, _Tensor):
        raise _Unfit("a parameter without tensor")
    return tensor


CALLS = {
    "torch._utils._rebuild_tensor": _rebuilt,
    "torch._utils._rebuild_tensor_v2": _rebuilt,
    "torch._utils._rebuild_parameter": _parameter,
}


class _Unpickler(pickle.Unpickler):
    """Imports nothing: a name is one of a short list, or the file is refused.

    Attributes:
        types: of the storages that were named.
    """

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream, encoding="utf-8")
        self.types: dict[str, str] = {}

    def find_class(self, module: str, name: str, /) -> Any:
        """What a name stands for."""
        full = f"{module}.{name}"
        if full == "collections.OrderedDict":
            return OrderedDict
        if full in CALLS:
            return _Call(CALLS[full])
        if module in ("torch", "torch.storage") and name in TYPES:
            return TYPES[name]
        if full in FIELDS or full.startswith(INERT):
            return type("_Held", (_Held,), {})  # of this file alone
        raise _Unfit(f"it names {full[:80]}")

    def persistent_load(self, pid: Any, /) -> Any:
        """A storage, or the class of a module that was saved with its source."""
        if type(pid) is tuple and len(pid) >= 2 and pid[0] == "module":
            return pid[1]
        if type(pid) is not tuple or len(pid) < 5 or pid[0] != "storage":
            raise _Unfit("it names something outside that is no storage")
        kind, key = pid[1], pid[2]
        if type(kind) is not str or type(key) is not str or kind not in TYPES.values():
            raise _Unfit("a storage of an unknown kind")
        view = pid[5] if len(pid) > 5 else None
        start = view[1] if type(view) is tuple and len(view) == 3 else 0
        if type(start) is not int or start < 0:
            raise _Unfit("a storage of impossible place")
        self.types[key] = kind
        return _Storage(key, kind, start)


def tensors_in(data: bytes, what: str) -> Arrays:
    """The tensors of a file of ``torch.save``: tensors by name, or a whole network.

    Args:
        data: the file.
        what: its name, for messages.

    Returns:
        Arrays by name, as ``state_dict`` has them; floating ones as float32.

    Raises:
        RecipeError: it names anything that tensors and networks are not made of, is damaged, or
            holds no tensors. Nothing in it was run.
    """
    try:
        saved, storages = _archive(data) if data.startswith(b"PK\x03\x04") else _old(data)
        named = saved.get("state_dict", saved) if isinstance(saved, dict) else saved
        pairs = named.items() if isinstance(named, dict) else _walk(named, "", 0)
        found = {n: t for n, t in pairs if isinstance(t, _Tensor) and type(n) is str}
        if sum(math.prod(t.size) for t in found.values()) > len(data):
            raise ValueError("more numbers than bytes")
        arrays = {name: _array(tensor, storages) for name, tensor in found.items()}
    except _Unfit as error:
        raise RecipeError(
            f"{what} is refused: {error}. A file of a network holds tensors and numbers; loading "
            "more could run code that somebody put there. Nothing was run. Get the file from its "
            "publisher again."
        ) from error
    except (
        *(AttributeError, EOFError, LookupError, MemoryError, OverflowError, RuntimeError),
        *(TypeError, ValueError, struct.error, pickle.UnpicklingError, zipfile.BadZipFile),
    ) as error:
        raise RecipeError(
            f"{what} is cut, damaged, or no file of torch.save ({type(error).__name__}). Get it "
            "again."
        ) from error
    if not arrays:
        raise RecipeError(f"{what} holds no tensors by name; is it a file of a network?")
    return arrays


def _load(stream: io.BytesIO) -> tuple[Any, dict[str, str]]:
    """The next pickle of a file, and the types of the storages that it names."""
    begin = stream.tell()
    _check_operations(stream)
    stream.seek(begin)
    unpickler = _Unpickler(stream)
    return unpickler.load(), unpickler.types


def _check_operations(stream: io.BytesIO) -> None:
    """Follow the next pickle without making anything: how deep tuples lie in what is on its stack.

    Raises:
        _Unfit: tuples lie deeper within each other than ``NESTED``.
        ValueError: it is damaged.
    """
    end = stream.getbuffer().nbytes
    stack: list[int] = []  # levels of what lies there; MARK for a mark
    kept: dict[int, int] = {}
    for operation, argument, _ in pickletools.genops(stream):
        name, needs = operation.name, [one.name for one in operation.stack_before]
        place = int(argument) if name.endswith(("PUT", "GET")) and argument is not None else 0
        if place > end:
            raise ValueError("a place beyond the file")  # room would be made up to there
        taken: list[int] = []
        if "mark" in needs:
            while (level := stack.pop()) != MARK:
                taken.append(level)
            needs = needs[: needs.index("mark")]
        taken += [stack.pop() for _ in needs]
        if MARK in taken and name != "POP":
            raise ValueError("an operation that takes a mark")
        levels = max(taken, default=0) + name.startswith(("TUPLE", "FROZENSET"))
        if levels > NESTED:
            raise _Unfit("tuples without end")
        if name.endswith("GET"):
            levels = kept[place]
        stack += [MARK if name == "MARK" else levels] * len(operation.stack_after)
        if name.endswith("PUT"):
            kept[place] = stack[-1]
        elif name == "MEMOIZE":
            kept[len(kept)] = stack[-1]


def _archive(data: bytes) -> tuple[Any, Callable[[_Storage], NDArray[Any]]]:
    archive = zipfile.ZipFile(io.BytesIO(data))
    names = archive.namelist()
    pickles = [name for name in names if name.split("/")[1:] == ["data.pkl"]]
    if len(pickles) != 1:
        raise ValueError("no data.pkl")
    folder = pickles[0].removesuffix("data.pkl")

    def stored(name: str) -> bytes:
        member = archive.getinfo(f"{folder}{name}")
        if member.compress_type != zipfile.ZIP_STORED or member.file_size > len(data):
            raise ValueError("packed")  # torch packs nothing: it could grow without end
        return archive.read(member)

    if f"{folder}byteorder" in names and stored("byteorder") != b"little":
        raise ValueError("another byte order")

    def storage(of: _Storage) -> NDArray[Any]:
        return np.frombuffer(stored(f"data/{of.key}"), np.dtype(of.type))

    saved, _ = _load(io.BytesIO(stored("data.pkl")))
    return saved, storage


def _old(data: bytes) -> tuple[Any, Callable[[_Storage], NDArray[Any]]]:
    stream = io.BytesIO(data)
    if (_load(stream)[0], _load(stream)[0]) != (MAGIC, PROTOCOL):
        raise ValueError("another form")
    if not _load(stream)[0].get("little_endian", True):
        raise ValueError("another byte order")
    (saved, types), (keys, _) = _load(stream), _load(stream)
    where: dict[str, tuple[int, int]] = {}
    for key in keys:
        (count,) = struct.unpack("<q", stream.read(8))
        begin, width = stream.tell(), np.dtype(types[key]).itemsize
        if not 0 <= count <= (len(data) - begin) // width:
            raise ValueError("cut")
        where[key] = (begin, count)
        stream.seek(begin + count * width)

    def storage(of: _Storage) -> NDArray[Any]:
        begin, count = where[of.key]
        return np.frombuffer(data, np.dtype(of.type), count, begin)

    return saved, storage


def _array(tensor: _Tensor, storages: Callable[[_Storage], NDArray[Any]]) -> NDArray[Any]:
    if min(tensor.storage.start, tensor.offset, *tensor.size, *tensor.stride) < 0:
        raise ValueError("a tensor that begins before what is stored of it")
    items = storages(tensor.storage)[tensor.storage.start + tensor.offset :]
    count = math.prod(tensor.size)
    last = sum((n - 1) * step for n, step in zip(tensor.size, tensor.stride, strict=True))
    if count and not (last < len(items) and count <= len(items)):
        raise ValueError("a tensor larger than what is stored of it")
    strides = [step * items.itemsize for step in tensor.stride]
    view = np.lib.stride_tricks.as_strided(items[: max(last, 0) + 1], tensor.size, strides)
    return view.astype(np.float32 if items.dtype.kind == "f" else items.dtype)


def _walk(held: object, prefix: str, depth: int) -> Iterator[tuple[str, _Tensor]]:
    if not isinstance(held, _Held):
        return
    if depth > DEEPEST:
        raise ValueError("modules without end")
    fields = vars(held)
    for part in ("_parameters", "_buffers"):
        for name, tensor in _items(fields.get(part)):
            if isinstance(tensor, _Tensor):
                yield f"{prefix}{name}", tensor
    for name, module in _items(fields.get("_modules")):
        yield from _walk(module, f"{prefix}{name}.", depth + 1)


def _items(value: object) -> list[tuple[str, Any]]:
    return list(value.items()) if isinstance(value, dict) else []
