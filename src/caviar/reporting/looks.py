"""How often dev and test rows were looked at in an improvement, and what that does to the figures, in plain words."""

import functools
from typing import Any

import numpy as np

from caviar.data.sealed import WORTH_SAYING
from caviar.data.split import Split
from caviar.data.words import count
from caviar.diagnosis.optimism import optimism
from caviar.reporting import words
from caviar.reporting.story import Story
from caviar.tuning.search import LOSS_DECIDES


def looks(story: Story) -> dict[str, Any]:
    """For summary.json: configs compared on dev rows with the optimism to expect, and the openings of the test rows.

    `dev.optimism` is in the unit of the error: a share misclassified, or the target's unit.
    """
    opened = story.split.openings
    return {
        "dev": {"configs": compared(story), "rows": len(story.study.trials[0].score.error), "optimism": luck(story)},
        "test": opened[-1].to_json() if opened else None,
    }


def compared(story: Story) -> int:
    """Configs that were compared on the same dev rows: those of the search and of the remedies."""
    return len(story.study.trials) + len(story.experiment.outcomes) + (story.combination is not None)


@functools.lru_cache(maxsize=1)
def luck(story: Story) -> float:
    """By how much the best trial of the search must be expected to look better on dev rows than it is."""
    scores = [trial.score for trial in story.study.trials]
    error = np.stack([score.error for score in scores])
    decides = np.stack([score.loss for score in scores]) if story.metric in LOSS_DECIDES else error
    shown, expected = optimism(decides, error)
    if story.split.task == "regression":
        shown, expected = (figure**0.5 * story.split.target.std for figure in (shown, expected))
    return expected - shown


def looks_in_words(story: Story) -> list[str]:
    """A sentence on the dev rows, and one on the test rows where there are any."""
    flatters = luck(story)
    much = f"{100 * flatters:.2f} points" if story.split.task == "classification" else words.number(flatters)
    rows = len(story.study.trials[0].score.error)
    told = (
        f"{count(compared(story), 'config')} were compared on the same {count(rows, 'held-out row')}: expect the best "
        f"of the search to look better there than it is by about {much}."
    )
    return [told, *(f"The {line}." for line in opened_in_words(story.split))]


def opened_in_words(split: Split) -> list[str]:
    """How often the test rows were opened, such as "360 test rows were opened once"; nothing without a test set."""
    if not split.openings:
        return []
    opening = split.openings[-1]
    rows = count(opening.rows, "test row")
    were = "was" if opening.rows == 1 else "were"
    if not opening.remembered:
        return [f"{rows} {were} opened; whether they had been before is not known, since the ledger cannot be used"]
    if opening.times == 1 or opening.seen < WORTH_SAYING:
        return [f"{rows} {were} opened once, after everything had been chosen"]
    return [
        f"{rows} {were} opened after everything had been chosen, but {opening.seen:.0%} of them had been opened before "
        f"({count(opening.times - 1, 'time')}; last {opening.before[-1]}): what was chosen by that, they cannot judge"
    ]
