"""Turns: what looks at a session from a thread of its own does so again and again until it is closed."""

import threading
from collections.abc import Callable
from typing import Any, Self


class Turns:
    """A thread that takes turns until it is closed, or nothing goes on."""

    def __init__(self, turn: Callable[[], Any], *, seconds: float, goes_on: Callable[[], bool], name: str) -> None:
        """No turn yet.

        Args:
            turn: what is done in each.
            seconds: between two.
            goes_on: asked before each whether there is another one.
            name: of the thread.
        """
        self._turn, self._seconds, self._goes_on = turn, seconds, goes_on
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    @property
    def under_way(self) -> bool:
        """Whether turns are taken."""
        return self._thread.is_alive()

    def begin(self) -> Self:
        """Take turns from here on."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Take no more; waits for the end of one that is under way."""
        self._closed.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _work(self) -> None:
        while not self._closed.wait(self._seconds) and self._goes_on():
            self._turn()
