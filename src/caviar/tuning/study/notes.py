"""Notes of finished trials whose generation is not finished, in the study itself: for a study without a folder.

One attribute of the study holds those of one generation; machines that share a study may overwrite each other's, which
costs them no more than the notes. Trials enter the study in the order of their generation, so
one that ends before its neighbours waits here.
"""

import json

import optuna

from caviar.tuning.spaces.space import Point
from caviar.tuning.study.records import outcome_of_plain, plain_outcome
from caviar.tuning.study.store import tupled
from caviar.tuning.trials import Outcome

_ATTRIBUTE = "caviar:unfinished"


class StudyNotes:
    """The notes in a study."""

    def __init__(self, study: optuna.Study) -> None:
        self._study = study
        self._generation = -1
        self._lines: dict[int, tuple[Point, Outcome]] = {}

    def note(self, generation: int, index: int, point: Point, outcome: Outcome) -> None:
        """Note a finished trial."""
        if generation != self._generation:
            self._lines, self._generation = self.noted(generation), generation
        self._lines[index] = (point, outcome)
        lines = [
            {"index": index, "point": point, "outcome": plain_outcome(outcome)}
            for index, (point, outcome) in sorted(self._lines.items())
        ]
        self._study.set_user_attr(_ATTRIBUTE, json.dumps({"generation": generation, "trials": lines}))

    def noted(self, generation: int) -> dict[int, tuple[Point, Outcome]]:
        """What was noted of a generation, by index."""
        kept = json.loads(self._study.user_attrs.get(_ATTRIBUTE, "null"))
        if kept is None or kept["generation"] != generation:
            return {}
        return {line["index"]: (tupled(line["point"]), outcome_of_plain(line["outcome"])) for line in kept["trials"]}
