"""What a run may take, and how that is divided over its steps.

The budget counts trainings unless seconds are given: the same request then does the same work on any machine. Seconds
are kept by leaving remedies out, by smaller generations and by ending the search; nothing under way is cut short.
"""

import math
import time
from collections.abc import Sequence

import numpy as np

from caviar.data.split import Split
from caviar.errors import BadSpace
from caviar.network.config import Config
from caviar.remedies.experiment import Candidate, at_rates, rounds
from caviar.remedies.remedy import Remedy
from caviar.training.plan import relative_cost
from caviar.training.workbench import Workbench

TRIALS, _FEWEST_TRIALS, _TRIALS_COST = 30, 24, 2.0
"""Configs of a search without a budget of one's own: all where the one around which it searches costs up to twice the
start, fewer where it costs more."""

_REMEDIES_UNTIL, _SEARCH_UNTIL, _CHOICE_UNTIL = 0.45, 0.8, 0.92
"""Shares of the seconds given, by which remedies, search and last comparison should be done."""

_UNLIMITED = 1_000_000
_COSTLIEST, _COSTLIEST_BY_DEFAULT = 5.0, 2.0
"""How much more than the start a config of the search may cost, with a budget of one's own and without."""

_LARGER = 3.0
"""How much longer the configs of a search take than the one around which it searches."""

_PATIENCE = 0.8
"""A generation is begun when at least this share of the last one's time is left."""


class Budget:
    """Seconds or trials of one run, the seconds before an interruption included.

    Attributes:
        seconds: given for the whole; None where trainings are counted.
    """

    def __init__(
        self, seconds: float | None = None, trials: int | None = None, *, began: float | None = None, before: float = 0
    ) -> None:
        """A budget.

        Args:
            seconds: for the whole run.
            trials: configs of the search; None is at most 30, or as many as the seconds allow.
            began: when the run began, by `time.monotonic()`; None is now.
            before: seconds that it took before it was interrupted.

        Raises:
            BadSpace: a budget that is not above 0.
        """
        if seconds is not None and not 0 < seconds < math.inf:
            raise BadSpace(
                f"--seconds must be above 0 and finite, got {seconds}. Leave it out for a budget of {TRIALS} trials."
            )
        if trials is not None and trials < 1:
            raise BadSpace(f"--trials must be at least 1, got {trials}. Leave it out for {TRIALS}.")
        self.seconds = seconds
        self._trials = trials
        self._began = (time.monotonic() if began is None else began) - before

    @property
    def spent(self) -> float:
        """Seconds since the run began, pauses left out."""
        return time.monotonic() - self._began

    def trials(self, start: Candidate, centre: Candidate) -> int:
        """The most configs that the search around `centre` may try."""
        if self._trials is not None or self.seconds is not None:
            return self._trials or _UNLIMITED
        ratio = relative_cost(centre.config, centre.split) / relative_cost(start.config, start.split)
        return int(np.clip(TRIALS * _TRIALS_COST / ratio, _FEWEST_TRIALS, TRIALS))

    def too_long(
        self, start: Candidate, remedies: Sequence[Remedy], bench: Workbench, seeds: Sequence[int]
    ) -> dict[str, str]:
        """The remedies for which there is no time, by name, with the reason; the dearest are left out first."""
        known: dict[tuple[str, ...], float] = {}

        def seconds(together: Sequence[Remedy]) -> float:
            names = tuple(remedy.name for remedy in together)
            if names not in known:
                known[names] = estimate(together)
            return known[names]

        def estimate(together: Sequence[Remedy]) -> float:
            configs = [remedy.apply(start.config) for remedy in together]
            several = [option for config in configs for option in at_rates(config, seeds[0])]
            several += [config.changed(seed=seed) for config in configs for seed in seeds[1:]]
            return bench.seconds_for(start.split, several)

        left, tried, reasons = self._left_until(_REMEDIES_UNTIL), list(remedies), {}
        while tried and (whole := sum(map(seconds, rounds(start, tried)))) > left:
            saved = [whole - sum(map(seconds, rounds(start, [r for r in tried if r is not one]))) for one in tried]
            # Of equally dear ones the last goes first: they come in the order of the recipe.
            dearest = max(range(len(tried)), key=lambda i: (round(saved[i], 6), i))
            reasons[tried.pop(dearest).name] = f"it would take about {saved[dearest]:.0f} s"
        return reasons

    def generation_size(self, start: Candidate, centre: Candidate, bench: Workbench) -> int:
        """A third of the trials, or what a quarter of the time allows; a generation is never interrupted."""
        if self.seconds is None:
            return max(8, -(-self.trials(start, centre) // 3))
        config = centre.config
        several = [config.changed(learning_rate=config.rate * (1 + i / 100)) for i in range(16)]
        each = _LARGER * bench.seconds_for(centre.split, several) / len(several)
        size = int(np.clip(self._left_until(_SEARCH_UNTIL) / 4 / each, 8, 64))
        return size if self._trials is None else min(size, max(8, self._trials // 4))

    def costliest(self, start: Candidate, centre: Candidate) -> float:
        """The largest `relative_cost` of a config that the search may try."""
        given = self._trials is not None or self.seconds is not None
        factor = _COSTLIEST if given else _COSTLIEST_BY_DEFAULT
        return max(factor * relative_cost(start.config, start.split), relative_cost(centre.config, centre.split))

    def search_ends(self, last: float) -> bool:
        """Whether there is no time for one more generation, when the last one took so many seconds."""
        return self._left_until(_SEARCH_UNTIL) < _PATIENCE * last

    def allows_finalist(self, rows: Split, replicas: Sequence[Config], bench: Workbench) -> bool:
        """Whether there is time to judge one more config in the last comparison."""
        return bench.seconds_for(rows, replicas) <= self._left_until(_CHOICE_UNTIL)

    def _left_until(self, share: float) -> float:
        """Seconds left until a share of the seconds given is used up; infinite where none are."""
        return math.inf if self.seconds is None else self.seconds * share - self.spent
