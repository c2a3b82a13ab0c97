"""The bytes of a text file become UTF-8, whatever wrote them."""

import codecs
import re
from pathlib import Path

import numpy as np

from caviar.errors import BadData

_MARKS = (  # byte order mark, Python's name, our name; UTF-32 first: its mark begins with UTF-16's
    (b"\xff\xfe\x00\x00", "utf-32", "UTF-32"),
    (b"\x00\x00\xfe\xff", "utf-32", "UTF-32"),
    (b"\xef\xbb\xbf", "utf-8-sig", "UTF-8 with a byte order mark"),
    (b"\xff\xfe", "utf-16", "UTF-16"),
    (b"\xfe\xff", "utf-16", "UTF-16"),
)
_OTHER_FORMATS = (
    (b"PK\x03\x04", "a zip, Excel or npz file"),
    (b"PAR1", "a parquet file"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file"),
    (b"%PDF", "a PDF file"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
)
_PIECE = 1 << 24
_CONTROL = bytes(set(range(32)) - set(b"\t\n\v\f\r"))


def decode(data: bytes, path: Path) -> tuple[bytes, str]:
    """Find the encoding of a text file.

    UTF-8 is taken when the bytes are valid UTF-8, UTF-16 when a byte order mark or the zeros of every
    second byte say so, and what remains is Windows-1252, the common superset of Latin-1.

    Args:
        data: the whole file.
        path: where it came from, for messages.

    Returns:
        The text as UTF-8 without a byte order mark, and the name of the encoding found.

    Raises:
        BadData: not text: NUL bytes, many control characters, or another format's first bytes.
    """
    for magic, what in _OTHER_FORMATS:
        if data.startswith(magic):
            raise BadData(
                f"'{path.name}' must be a text file, but its first bytes are those of {what}. Save the table as CSV."
            )
    for mark, codec, encoding in _MARKS:
        if data.startswith(mark):
            return _checked(_decoded(data, codec, encoding, path).encode(), path), encoding
    if b"\0" in data and (codec := _utf16_without_mark(data)):
        text = _decoded(data, codec, "UTF-16", path)
        return _checked(text.encode(), path), "UTF-16 without a byte order mark"
    _checked(data, path)
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return from_latin(data)
    return data, "UTF-8"


def is_utf8(path: Path) -> bool:
    """Whether the whole of a file is valid UTF-8; it is read piece by piece."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        try:
            while piece := file.read(_PIECE):
                decoder.decode(piece)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def from_latin(data: bytes) -> tuple[bytes, str]:
    """UTF-8 of Windows-1252 or Latin-1, and what it was."""
    try:
        text, encoding = data.decode("cp1252"), "Windows-1252 (Latin-1)"
    except UnicodeDecodeError:
        text, encoding = data.decode("latin-1"), "Latin-1"
    word = re.search(r"\w*[^\W\x00-\x7f]\w*", text)
    return text.encode(), f"{encoding}, because it is not UTF-8" + (f" (it has {word[0][:30]!r})" if word else "")


def _decoded(data: bytes, codec: str, encoding: str, path: Path) -> str:
    try:
        return data.decode(codec)
    except UnicodeDecodeError as error:
        raise BadData(
            f"'{path.name}' begins as {encoding}, but byte {error.start:,} does not fit ({error.reason}). "
            "The file may be cut off: save it again as UTF-8."
        ) from None


def _utf16_without_mark(data: bytes) -> str | None:
    """In UTF-16 digits, commas and line ends have a zero byte, always on the same side."""
    if len(data) % 2:
        return None
    first, second = np.mean(np.frombuffer(data, np.uint8).reshape(-1, 2) == 0, axis=0)
    low, high = sorted((first, second))
    if high < 0.05 or low > high / 5:
        return None
    return "utf-16-le" if second > first else "utf-16-be"


def _checked(data: bytes, path: Path) -> bytes:
    """UTF-8 or Latin-1 bytes as they are, when they are text."""
    controls = len(data) - len(data.translate(None, _CONTROL))
    if controls > max(2, len(data) / 100):
        raise BadData(
            f"'{path.name}' must be a text file, but {controls / len(data):.0%} of its bytes are control "
            "characters. Save the table as CSV, or give the file its right ending (.parquet, .npz)."
        )
    if (at := data.find(b"\0")) >= 0:
        line = data.count(b"\n", 0, at) + 1
        raise BadData(
            f"'{path.name}' must be a text file, but line {line:,} has a NUL byte. The file may be damaged: "
            "write it again, or remove the byte."
        )
    return data
