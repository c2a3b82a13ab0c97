"""How often dev and test rows were looked at in an improvement, and what that does to the figures, in plain words."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from caviar.data.ledger import Opening
from caviar.data.sealed import WORTH_SAYING
from caviar.data.split import Split
from caviar.data.words import count
from caviar.diagnosis.optimism import optimism
from caviar.reporting import words
from caviar.training.metrics import MetricName
from caviar.tuning.trials import LOSS_DECIDES, Trial


@dataclasses.dataclass(frozen=True)
class Looks:
    """The looks at the rows of one improvement.

    Attributes:
        configs: compared on the same held-out rows, by remedies and search.
        rows: those held-out rows.
        optimism: by how much the best trial of the search must be expected to look better on them than it is: a share
            misclassified, or in the target's unit.
        opening: of the test rows; None without a test set.
    """

    configs: int
    rows: int
    optimism: float
    opening: Opening | None

    def to_json(self) -> dict[str, Any]:
        """Plain values, for summary.json."""
        return {
            "dev": {"configs": self.configs, "rows": self.rows, "optimism": self.optimism},
            "test": None if self.opening is None else self.opening.to_json(),
        }

    def dev_in_words(self, split: Split) -> str:
        """How many configs were compared, and how far that flatters the best."""
        much = f"{100 * self.optimism:.2f} points" if split.task == "classification" else words.number(self.optimism)
        were = "config was" if self.configs == 1 else "configs were"
        return (
            f"{self.configs:,} {were} compared on the same {count(self.rows, 'held-out row')}: expect the best of the "
            f"search to look better there than it is by about {much}."
        )

    def test_in_words(self) -> str:
        """How often the test rows were opened."""
        opening = self.opening
        if opening is None:
            return "No test rows were kept."
        were = f"The {count(opening.rows, 'test row')} {'was' if opening.rows == 1 else 'were'} opened"
        if not opening.remembered:
            return f"{were}; whether they had been before is not known, since the ledger cannot be used."
        if opening.times == 1 or opening.seen < WORTH_SAYING:
            return f"{were} once, after everything had been chosen."
        last = f"; last {opening.before[-1]}" if opening.before else ""
        return (
            f"{were} after everything had been chosen, but {opening.seen:.0%} of them had been opened before, in "
            f"{count(opening.times - 1, 'other look')}{last}: what was chosen by that, they cannot judge."
        )


def looks(trials: Sequence[Trial], remedies: int, metric: MetricName, split: Split) -> Looks:
    """Count the looks at dev and test rows, after the proof.

    Args:
        trials: of the search, all judged on the same rows.
        remedies: configs that were compared besides.
        metric: what was optimised.
        split: its test set has been opened, where it has one.
    """
    error = np.stack([trial.score.error for trial in trials])
    decides = np.stack([trial.score.loss for trial in trials]) if metric in LOSS_DECIDES else error
    shown, expected = optimism(decides, error)
    if split.task == "regression":
        shown, expected = (figure**0.5 * split.target.std for figure in (shown, expected))
    opening = split.openings[-1] if split.openings else None
    return Looks(len(trials) + remedies, error.shape[1], expected - shown, opening)
