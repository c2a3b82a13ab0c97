"""What an improvement comes to, in the few sentences that a person reads first."""

from collections.abc import Sequence

import numpy as np

from caviar.data.split import Split
from caviar.reporting import words
from caviar.reporting.config_file import config_lines
from caviar.reporting.story import Story, held_out_error
from caviar.training.scores import Score, error_in_unit, row_plan


def headline(story: Story) -> str:
    """One sentence: was it improved, and by how much."""
    split, first = story.split, story.finalists[0]
    before, after = (words.error(held_out_error(f.scores, split).value, split.task) for f in (first, story.chosen))
    name = "Your network" if story.own else "The default network"
    if story.improved:
        measured = f"error on held-out rows {before} before, {after} after"
        if not split.n_test:
            return f"{name} was improved: {measured}."
        match story.confirmed:
            case "confirmed":
                return f"{name} was improved, and the test rows confirm it: {measured}."
            case "not confirmed":
                told = f"{name} was improved on held-out rows: {measured}."
                return f"{told} The test rows neither confirm nor contradict it."
            case "contradicted":
                return f"No improvement was proven: {measured}, but on the test rows the chosen network is worse."
    return (
        f"{name} was not improved: nothing that was tried is better beyond the noise. "
        f"Its error on held-out rows is {before}."
    )


def conclusion(story: Story) -> list[str]:
    """The last lines on the screen: headline, what was changed, the figures of the test set beside the baselines."""
    split, proof = story.split, story.proof
    chosen = proof.tested["chosen"]
    rows = f"{len(proof.y):,} test rows" if split.n_test else f"{len(proof.y):,} dev rows (no test set)"
    lines = [headline(story)]
    if story.improved:
        lines.append(f"changed: {words.changes(story.final_config, story.start)}{scale_words(story)}")
    lines.append(f"error on {rows}: {words.error_interval(chosen.error, split.task)}")
    for baseline in story.baselines:
        other = proof.tested[baseline.name]
        lines.append(
            f"  {baseline.name}: {words.error_interval(other.error, split.task)}; {beaten(story, baseline.name)}"
        )
    if not split.n_test:
        lines.append("These figures are of the rows by which the network was chosen, and therefore flatter it.")
    lines.append(story.looks.dev_in_words(split))
    if split.n_test:
        lines.append(story.looks.test_in_words())
    lines.append(f"{story.networks:,} networks in {words.duration(story.seconds)}")
    return lines


def beaten(story: Story, name: str) -> str:
    """Whether the chosen network is better than a baseline on the test rows, in words."""
    gain = story.proof.tested[name].gain
    unit = (
        *(f"{100 * figure:.2f}" for figure in (gain.value, gain.low)),
        gain_words(gain.high, story.split),
    )
    over = f"over {story.proof.seeds} seeds the chosen network is"
    if gain.low > 0:
        return f"{over} better by {unit[0]} ({unit[1]} to {unit[2]})"
    if gain.high < 0:
        return f"{over} WORSE by {unit[0].lstrip('-')} ({unit[1]} to {unit[2]})"
    return f"{over} not different beyond the noise ({unit[1]} to {unit[2]})"


def gain_words(gain: float, split: Split) -> str:
    """A gain in points of error, or in points of the target's variance."""
    return f"{100 * gain:.2f} points" if split.task == "classification" else f"{100 * gain:.2f} % of the variance"


def scale_words(story: Story) -> str:
    """How inputs are normalised, where that was changed."""
    scale = story.chosen.candidate.split.scale
    return f", {scale or 'no'} normalisation" if scale != story.split.scale else ""


def seed_noise(scores: Sequence[Score], split: Split) -> str:
    """How much the seed alone moves the error: the noise against which every gain is read."""
    errors = [error_in_unit(score.error, split) for score in scores]
    spread = float(np.std(errors, ddof=1))
    shown = f"{100 * spread:.2f} points" if split.task == "classification" else words.number(spread)
    return f"{len(errors)} seeds differ by a standard deviation of {shown}"


def judged_words(split: Split) -> str:
    """What held-out rows are, for this split."""
    folds = len(row_plan(split))
    if folds > 1:
        return f"{split.rows:,} train and dev rows, each judged by a network that was not trained on it ({folds} folds)"
    return f"{split.n_dev:,} dev rows"


def toml(story: Story) -> str:
    """The chosen config as a file for --config: what differs from the defaults."""
    return "\n".join(config_lines(story.final_config))
