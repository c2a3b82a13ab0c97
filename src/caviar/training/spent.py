"""The seconds that compiled programs have taken, beside those that a plan expected."""

import time
from collections.abc import Callable, Mapping, Sequence

from caviar.data.split import Split
from caviar.network.config import Config
from caviar.training import devices
from caviar.training.explain import in_words
from caviar.training.lanes import lanes
from caviar.training.memory import places_with_room
from caviar.training.population import Progress


class Spent:
    """Seconds of one core that each program takes: a callback of `train`.

    Lanes are taken in their order, each as soon as one before it is done; a lane's seconds are those by the clock from
    then to its end, whether a core was free for it or not. While a program has told nothing, it is being compiled for
    the first of its lanes: for others that wait for it no seconds are counted. Nor are those of a lane for which memory
    did not suffice.
    """

    def __init__(
        self,
        split: Split,
        configs: Sequence[Config],
        *,
        before: Mapping[str, float] | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """To be made just before `train` is called.

        Args:
            split: their data.
            configs: the whole list, in the order in which `train` gets it.
            before: what `seconds` was when training was interrupted.
            clock: seconds.
        """
        cut = lanes(configs, split)
        names = in_words(lane.program for lane in cut)
        self.seconds = dict.fromkeys(names.values(), 0.0) | dict(before or {})
        """By the words of the program."""
        self._clock = clock
        self._programs = [names[lane.program] for lane in cut]
        self._lane = {number: place for place, lane in enumerate(cut) for number in lane.members}
        self._waiting = iter(range(len(cut)))
        self._since: dict[int, float] = {}
        self._told: set[str] = set()
        for _ in places_with_room(cut, devices.places()):
            self._begin(clock())

    def __call__(self, progress: Progress) -> None:
        """Count the seconds of the lane that tells something."""
        now = self._clock()
        numbers = [epochs.number for epochs in progress.epochs] + [number for number, _ in progress.finished]
        for lane in dict.fromkeys(self._lane[number] for number in numbers):
            program = self._programs[lane]
            self.seconds[program] += now - self._since.get(lane, now)
            self._since[lane] = now
            if program not in self._told:
                self._told.add(program)
                self._since.update({other: now for other in self._since if self._programs[other] == program})
        for lane in dict.fromkeys(self._lane[number] for number, _ in progress.finished):
            if self._since.pop(lane, None) is not None:
                self._begin(now)

    def _begin(self, now: float) -> None:
        """The next lane, if there is one."""
        if (lane := next(self._waiting, None)) is not None:
            self._since[lane] = now
