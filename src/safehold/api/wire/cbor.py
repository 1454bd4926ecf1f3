"""As much of CBOR as Smithy's RPC protocol uses: numbers, texts, lists, maps, booleans, null.

Source: RFC 8949; Smithy, "RPC v2 CBOR protocol".
"""

from __future__ import annotations

import struct
from typing import Any

_DEEPEST = 64  # far beyond any shape of the models
_BREAK = object()
_SIMPLE = {20: False, 21: True, 22: None, 23: None}
_FLOATS = {25: ">e", 26: ">f", 27: ">d"}


def dumps(value: Any) -> bytes:
    """The value's bytes. Raises ValueError for what has no place in an answer."""
    match value:
        case None:
            return b"\xf6"
        case bool():
            return b"\xf5" if value else b"\xf4"
        case int():
            return _head(0, value) if value >= 0 else _head(1, -1 - value)
        case float():
            return b"\xfb" + struct.pack(">d", value)
        case str():
            raw = value.encode()
            return _head(3, len(raw)) + raw
        case list() | tuple():
            return _head(4, len(value)) + b"".join(map(dumps, value))
        case dict():
            pairs = (dumps(str(key)) + dumps(item) for key, item in value.items())
            return _head(5, len(value)) + b"".join(pairs)
    raise ValueError(f"CBOR has no {type(value).__name__} here")


def loads(data: bytes) -> Any:
    """The one value that `data` holds. Raises ValueError."""
    reader = _Reader(data)
    value = reader.value(0)
    if value is _BREAK or reader.at != len(data):
        raise ValueError("not one CBOR value")
    return value


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    for code, form in ((24, ">B"), (25, ">H"), (26, ">I"), (27, ">Q")):
        if number < 1 << 8 * struct.calcsize(form):
            return bytes([major << 5 | code]) + struct.pack(form, number)
    raise ValueError("a number of more than 64 bits")


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def value(self, depth: int) -> Any:
        if depth > _DEEPEST:
            raise ValueError("nested too deeply")
        major, info = divmod(self._take(1)[0], 32)
        if major == 7:
            return self._simple(info)
        if info == 31:
            return self._endless(major, depth)
        number = self._number(info)
        match major:
            case 0:
                return number
            case 1:
                return -1 - number
            case 2:
                return self._take(number)
            case 3:
                return self._take(number).decode()
            case 4:
                return [self._inner(depth) for _ in range(self._count(number))]
            case 5:
                return {self._key(depth): self._inner(depth) for _ in range(self._count(number))}
        return self._inner(depth)  # a tag: what it tags says enough

    def _endless(self, major: int, depth: int) -> Any:
        parts = []
        while (part := self.value(depth + 1)) is not _BREAK:
            parts.append(part)
        match major:
            case 2 if all(isinstance(part, bytes) for part in parts):
                return b"".join(parts)
            case 3 if all(isinstance(part, str) for part in parts):
                return "".join(parts)
            case 4:
                return parts
            case 5 if len(parts) % 2 == 0 and all(isinstance(key, str) for key in parts[::2]):
                return dict(zip(parts[::2], parts[1::2], strict=True))
        raise ValueError("not a CBOR value")

    def _simple(self, info: int) -> Any:
        if info == 31:
            return _BREAK
        if info in _FLOATS:
            (number,) = struct.unpack(_FLOATS[info], self._take(struct.calcsize(_FLOATS[info])))
            return number
        if info in _SIMPLE:
            return _SIMPLE[info]
        raise ValueError("not a CBOR value")

    def _inner(self, depth: int) -> Any:
        value = self.value(depth + 1)
        if value is _BREAK:
            raise ValueError("a list or map that ends too early")
        return value

    def _key(self, depth: int) -> str:
        key = self._inner(depth)
        if not isinstance(key, str):
            raise ValueError("a map's key that is no text")
        return key

    def _count(self, number: int) -> int:
        if number > len(self._data):  # each entry takes a byte at least
            raise ValueError("shorter than it says")
        return number

    def _number(self, info: int) -> int:
        if info < 24:
            return info
        if info > 27:
            raise ValueError("not a CBOR value")
        return int.from_bytes(self._take(1 << info - 24), "big")

    def _take(self, count: int) -> bytes:
        taken = self._data[self.at : self.at + count]
        if len(taken) < count:
            raise ValueError("shorter than it says")
        self.at += count
        return taken
