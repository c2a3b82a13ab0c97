"""A run that trains nothing: what the server is tried with."""

import threading
from concurrent.futures import Future

from caviar.errors import BadCommand
from caviar.watching.session import Done


class MadeSource:
    kind = "session"
    folder = None
    live = True

    def __init__(self, number="0", name="made <b>up</b>", size=1):
        self.id, self.name = number, name
        self.told, self.values, self.commands = 0, [], []
        self._size, self._lock = size, threading.Lock()
        self.failure = None

    def state(self):
        return "training"

    def grow(self, value):
        with self._lock:
            self.values.append(value)

    def begin(self):
        with self._lock:
            self.told = self.told or len(self.values)
            return {"run": {"id": self.id}, "values": self.values[: self.told], "filling": "x" * self._size}

    def more(self):
        if self.failure is not None:
            raise self.failure
        with self._lock:
            new, self.told = self.values[self.told :], len(self.values)
            return {"values": new, "filling": "x" * self._size} if new else None

    def ask(self, command, who):
        if command.verb == "delete":
            raise BadCommand("The last branch cannot be deleted.")
        with self._lock:
            self.commands.append((command, who))
        acted = Future()
        if command.verb != "rewind":  # which never acts here
            acted.set_result(Done(command, 7))
        return acted
