"""The bytes of a file, unpacked when it is packed (gz, bz2, xz), within bounds."""

import bz2
import gzip
import lzma
import zlib
from pathlib import Path

from caviar.data.bounds import most_bytes, too_much
from caviar.errors import BadData


def contents(path: Path, most: int | None = None) -> bytes:
    """Read a file, and unpack it when its ending says so.

    Args:
        path: an existing file.
        most: bytes to read at most, the rest is left; None: all of it.

    Returns:
        The bytes.

    Raises:
        BadData: it is packed in another way than its ending says, cut off, damaged, or unpacks to more than
            `bounds.most_bytes`.
        OSError: it cannot be read at all.
    """
    opened = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}.get(path.suffix.lower())
    if opened is None:
        with path.open("rb") as plain:
            return plain.read() if most is None else plain.read(min(most, path.stat().st_size))
    packed = path.stat().st_size
    bound = most_bytes(packed)
    wanted = bound + 1 if most is None else min(most, bound + 1)
    try:
        with opened(path, "rb") as stream:
            data = stream.read(wanted)
    except (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError) as error:
        raise _damaged(path, error) from None
    except OSError as error:
        if error.errno is not None:
            raise
        raise _damaged(path, error) from None  # bz2 says so without a number
    if len(data) > bound:
        raise too_much(packed, f"'{path.name}'")
    return data


def _damaged(path: Path, error: Exception) -> BadData:
    return BadData(
        f"'{path.name}' must be a {path.suffix.lower()} file, but it cannot be unpacked ({error}). It may be cut off "
        "or of another format: write it again."
    )
