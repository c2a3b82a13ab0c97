"""How much of a packed file is believed: a file of a few kilobytes may claim to hold terabytes.

Tables and images shrink by a factor of 2 to 50 when they are packed; bombs shrink by 1,000 and more. What is small
in any case is always unpacked.
"""

from caviar.data.words import bytes_in_words
from caviar.errors import BadData

ALWAYS = 256 << 20
"""Bytes that a file may unpack to, whatever its own size."""

MOST_TIMES = 200
"""Beyond `ALWAYS`, a file may unpack to at most so many times its own size."""


def most_bytes(packed: int) -> int:
    """Bytes that a file of `packed` bytes may unpack to."""
    return max(ALWAYS, MOST_TIMES * packed)


def check_unpacked(packed: int, unpacked: int, label: str) -> None:
    """Refuse what would unpack to more than a file of this size can honestly hold.

    Args:
        packed: bytes of the file.
        unpacked: bytes that it would become in memory, as it says itself.
        label: of the file, for the message.

    Raises:
        BadData: more than `most_bytes`.
    """
    if unpacked > most_bytes(packed):
        raise too_much(packed, label, f"to {bytes_in_words(unpacked)}")


def too_much(packed: int, label: str, becomes: str = "to more") -> BadData:
    """The error for a file that unpacks to too much."""
    return BadData(
        f"A file may unpack to {bytes_in_words(most_bytes(packed))} when it has {bytes_in_words(packed)}, but {label} "
        f"would unpack {becomes}. It is damaged, or made to fill the memory; if its contents are right, save them "
        "uncompressed."
    )
