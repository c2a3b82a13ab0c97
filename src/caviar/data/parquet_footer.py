"""The last bytes of a parquet file say how many bytes its columns become when they are unpacked.

The footer is a structure in Thrift's compact protocol: fields with a number and a type, which polars reads but does not
show. Only the path FileMetaData.row_groups (4) -> RowGroup.total_byte_size (2) is followed, all else is skipped.
Source: apache/parquet-format, parquet.thrift; apache/thrift, doc/specs/thrift-compact-protocol.md.
"""

import os
from collections.abc import Iterator
from pathlib import Path

_TRUE, _FALSE, _BYTE, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 1, 2, 3, 6, 7, 8, 9, 10, 11, 12
_ROW_GROUPS, _TOTAL_BYTE_SIZE = 4, 2
_MOST_DEPTH = 32


def unpacked_bytes(path: Path) -> int:
    """Bytes that the columns of a parquet file become, as the file says.

    Raises:
        ValueError: the footer is damaged.
    """
    with path.open("rb") as file:
        size = file.seek(-8, os.SEEK_END) + 8
        length = int.from_bytes(file.read(4), "little")
        if length + 12 > size:
            raise ValueError("the footer is longer than the file")
        file.seek(-8 - length, os.SEEK_END)
        reader = _Compact(file.read(length))
    total = 0
    try:
        for number, kind in reader.fields():
            if number == _ROW_GROUPS and kind == _LIST:
                count, _ = reader.list_head()
                total += sum(_size_of_group(reader) for _ in range(count))
            else:
                reader.skip(kind)
    except IndexError:
        raise ValueError("the footer ends too early") from None
    return total


def _size_of_group(reader: "_Compact") -> int:
    size = 0
    for number, kind in reader.fields():
        if number == _TOTAL_BYTE_SIZE and kind == _I64:
            size = reader.whole()
        else:
            reader.skip(kind)
    return size


class _Compact:
    """A place in bytes of the compact protocol, which moves on as values are read."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def byte(self) -> int:
        """The next one."""
        self._at += 1
        return self._data[self._at - 1]

    def unsigned(self) -> int:
        """Seven bits a byte, the lowest first."""
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value
            if shift > 63:
                raise ValueError("a number has too many bytes")

    def whole(self) -> int:
        """Zigzag: 0, -1, 1, -2 and so on."""
        value = self.unsigned()
        return (value >> 1) ^ -(value & 1)

    def fields(self) -> Iterator[tuple[int, int]]:
        """Number and type of every field of a structure; its value is to be read or skipped before the next."""
        number = 0
        while (head := self.byte()) != 0:
            number = number + (head >> 4) if head >> 4 else self.whole()
            yield number, head & 0x0F

    def list_head(self) -> tuple[int, int]:
        """Number and type of the elements that follow."""
        head = self.byte()
        return (self.unsigned() if head >> 4 == 15 else head >> 4), head & 0x0F

    def skip(self, kind: int, depth: int = 0, *, element: bool = False) -> None:
        """Pass over a value."""
        if depth > _MOST_DEPTH:
            raise ValueError("the footer is nested too deep")
        if kind in (_TRUE, _FALSE):
            self._at += element  # in a field the type is the value
        elif kind == _BYTE:
            self._at += 1
        elif _BYTE < kind <= _I64:
            self.unsigned()
        elif kind == _DOUBLE:
            self._at += 8
        elif kind == _BINARY:
            length = self.unsigned()  # moves on, too
            self._at += length
        elif kind in (_LIST, _SET):
            count, inner = self.list_head()
            self._repeat(count, (inner,), depth)
        elif kind == _MAP:
            if count := self.unsigned():
                kinds = self.byte()
                self._repeat(count, (kinds >> 4, kinds & 0x0F), depth)
        elif kind == _STRUCT:
            for _, inner in self.fields():
                self.skip(inner, depth + 1)
        else:
            raise ValueError(f"there is no type {kind}")

    def _repeat(self, count: int, kinds: tuple[int, ...], depth: int) -> None:
        if count > len(self._data):
            raise ValueError("more elements than bytes")
        for _ in range(count):
            for kind in kinds:
                self.skip(kind, depth + 1, element=True)
