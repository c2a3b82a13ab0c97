"""Curves that grow: arrays with room behind them, which the epochs of a branch and its copies share.

Whoever holds the first n values goes on in place only where nobody has gone on from there before, and otherwise, as
after a rewind, in room of his own. So no value that somebody holds is ever changed, and n epochs take memory for at
most 2 n.
"""

from collections.abc import Sequence

import numpy as np

from caviar.arrays import Numbers


class Room:
    """Memory of some arrays of one length along their first axis."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._arrays: list[Numbers] = []
        self._used = -1

    def extended(self, old: Sequence[Numbers], new: Sequence[Numbers]) -> "tuple[Room, list[Numbers]]":
        """Arrays with values behind them, and the room that they lie in.

        Args:
            old: views of the beginning of this room, or any arrays where it holds nothing; all of one length.
            new: what comes behind each; all of one length.
        """
        n, end = len(old[0]), len(old[0]) + len(new[0])
        room = self
        if self._used != n or end > len(self._arrays[0]):
            room = Room()
            room._arrays = [np.empty((max(16, 2 * end), *values.shape[1:]), values.dtype) for values in old]
            for array, values in zip(room._arrays, old, strict=True):
                array[:n] = values
        for array, values in zip(room._arrays, new, strict=True):
            array[n:end] = values
        room._used = end
        return room, [array[:end] for array in room._arrays]
