"""Read the pickles inside a PyTorch weights file as plain data, so that nothing in the file can run.

Python's own unpickler calls what a file names, and a few bytes of a file can make it allocate gigabytes or overflow
the stack. This reader knows only the opcodes that PyTorch writes for a state dict (pickle protocol 2, described in
Python's Lib/pickletools.py), makes only plain values of them, and calls nothing.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

# PyTorch's pickles have 60 KB for 386 tensors. A value takes up to 100 times the bytes of its opcode.
MAX_PICKLE_BYTES = 2**20
DTYPES: dict[str, np.dtype] = {"torch FloatStorage": np.dtype("<f4"), "torch LongStorage": np.dtype("<i8")}
_ORDERED_DICT, _REBUILD_TENSOR = "collections OrderedDict", "torch._utils _rebuild_tensor_v2"
_ALLOWED = (_ORDERED_DICT, _REBUILD_TENSOR, *DTYPES)


@dataclass(frozen=True)
class Name:
    """A global of another module that a pickle names; it stays a name."""

    text: str


@dataclass(frozen=True)
class Storage:
    """Numbers that stand elsewhere in the file: `count` of them, found by their key."""

    key: str
    dtype: np.dtype
    count: int


@dataclass(frozen=True)
class Tensor:
    """A view of a storage; offset and strides in numbers, not bytes."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class BadPickle(ValueError):
    """The pickle is damaged, or contains what a state dict never needs."""


def read_pickle(data: memoryview, start: int) -> tuple[Any, int]:
    """Read one pickle.

    Args:
        data: the whole file.
        start: the pickle's first byte.

    Returns:
        The value, made of None, bool, int, str, tuple, list, dict (whose keys are text), Name, Storage and Tensor,
        and the place of the first byte after the pickle.

    Raises:
        BadPickle: it is damaged, is longer than MAX_PICKLE_BYTES, or contains another opcode or global.
    """
    reader = _Reader(data[start : start + MAX_PICKLE_BYTES])
    try:
        while (code := reader.take(1)) != b".":
            if code not in _OPCODES:
                raise BadPickle(f"it contains the pickle opcode {code!r}, which state dicts do not need")
            _OPCODES[code](reader)
        return reader.pop(), start + reader.place
    except (IndexError, TypeError, AttributeError, UnicodeDecodeError):  # values that do not fit their opcodes
        raise BadPickle(f"its pickle is damaged near byte {start + reader.place:,}") from None


class _Reader:
    """A pickle machine: a stack of values, the places of marks on it, and a memo of values to repeat."""

    def __init__(self, data: memoryview):
        self.data, self.place = data, 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def take(self, count: int) -> bytes:
        self.place += count
        if self.place > len(self.data):
            raise BadPickle("a pickle in it does not end")
        return bytes(self.data[self.place - count : self.place])

    def number(self, layout: str) -> int:
        return struct.unpack(layout, self.take(struct.calcsize(layout)))[0]

    def line(self) -> str:
        letters = bytearray()
        while (letter := self.take(1)) != b"\n":
            letters += letter
        return letters.decode("ascii")

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        if self.marks and len(self.stack) <= self.marks[-1]:
            raise IndexError
        return self.stack.pop()

    def pop_to_mark(self) -> list[Any]:
        mark = self.marks.pop()
        values = self.stack[mark:]
        del self.stack[mark:]
        return values


def _push_constant(value: Any) -> Callable[[_Reader], None]:
    return lambda reader: reader.push(value)


def _push_number(layout: str) -> Callable[[_Reader], None]:
    return lambda reader: reader.push(reader.number(layout))


def _push_tuple(count: int) -> Callable[[_Reader], None]:
    return lambda reader: reader.push(tuple([reader.pop() for _ in range(count)][::-1]))


def _memorize(layout: str) -> Callable[[_Reader], None]:
    def put(reader: _Reader) -> None:
        reader.memo[reader.number(layout)] = reader.stack[-1]

    return put


def _recall(layout: str) -> Callable[[_Reader], None]:
    def get(reader: _Reader) -> None:
        place = reader.number(layout)
        if place not in reader.memo:
            raise IndexError
        reader.push(reader.memo[place])

    return get


def _check_protocol(reader: _Reader) -> None:
    if reader.number("<B") != 2:
        raise BadPickle("it is not in pickle protocol 2")


def _push_name(reader: _Reader) -> None:
    name = f"{reader.line()} {reader.line()}"
    if name not in _ALLOWED:
        raise BadPickle(f"it names {name.replace(' ', '.')[:80]!r}, which weights do not need and could be code")
    reader.push(Name(name))


def _set_items(values: list[Any], target: Any) -> None:
    if not isinstance(target, dict) or len(values) % 2 or not all(isinstance(key, str) for key in values[::2]):
        raise TypeError
    target.update(zip(values[::2], values[1::2], strict=True))


def _append(values: list[Any], target: Any) -> None:
    if not isinstance(target, list):
        raise TypeError
    target.extend(values)


def _set_item(reader: _Reader) -> None:
    value, key = reader.pop(), reader.pop()
    _set_items([key, value], reader.stack[-1])


def _push_storage(reader: _Reader) -> None:
    """The persistent identity ("storage", dtype, key, device, count, None) as PyTorch writes it."""
    kind, name, key, _, count, _ = reader.pop()
    if kind != "storage" or not isinstance(name, Name) or not isinstance(key, str) or type(count) is not int:
        raise TypeError
    if name.text not in DTYPES:
        raise TypeError
    reader.push(Storage(key, DTYPES[name.text], count))


def _make(reader: _Reader) -> None:
    """What PyTorch would make by a call: an empty ordered dict, or a tensor."""
    arguments, name = reader.pop(), reader.pop()
    if name == Name(_ORDERED_DICT) and arguments == ():
        reader.push({})
    elif name == Name(_REBUILD_TENSOR) and isinstance(arguments, tuple):
        storage, offset, shape, strides, *_ = arguments
        if not isinstance(storage, Storage) or not isinstance(shape, tuple) or not isinstance(strides, tuple):
            raise TypeError
        if not all(type(number) is int for number in (offset, *shape, *strides)):
            raise TypeError
        reader.push(Tensor(storage, offset, shape, strides))
    else:
        raise TypeError


def _drop_attributes(reader: _Reader) -> None:
    """PyTorch gives the state dict an attribute with versions of its layers, which nothing here needs."""
    reader.pop()


_OPCODES: dict[bytes, Callable[[_Reader], None]] = {
    b"\x80": _check_protocol,
    b"(": lambda reader: reader.marks.append(len(reader.stack)),
    b"N": _push_constant(None),
    b"\x88": _push_constant(True),
    b"\x89": _push_constant(False),
    b"K": _push_number("<B"),
    b"M": _push_number("<H"),
    b"J": _push_number("<i"),
    b"\x8a": lambda reader: reader.push(int.from_bytes(reader.take(reader.number("<B")), "little", signed=True)),
    b"X": lambda reader: reader.push(reader.take(reader.number("<I")).decode("utf-8")),
    b")": _push_constant(()),
    b"\x85": _push_tuple(1),
    b"\x86": _push_tuple(2),
    b"\x87": _push_tuple(3),
    b"t": lambda reader: reader.push(tuple(reader.pop_to_mark())),
    b"]": lambda reader: reader.push([]),
    b"a": lambda reader: _append([reader.pop()], reader.stack[-1]),
    b"e": lambda reader: _append(reader.pop_to_mark(), reader.stack[-1]),
    b"}": lambda reader: reader.push({}),
    b"s": _set_item,
    b"u": lambda reader: _set_items(reader.pop_to_mark(), reader.stack[-1]),
    b"q": _memorize("<B"),
    b"r": _memorize("<I"),
    b"h": _recall("<B"),
    b"j": _recall("<I"),
    b"c": _push_name,
    b"Q": _push_storage,
    b"R": _make,
    b"b": _drop_attributes,
}
