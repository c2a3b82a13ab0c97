"""What a person reads while a search runs: what was decided, every generation, and what each zoom was made for."""

from collections.abc import Sequence

from caviar.data.task import Task
from caviar.data.words import count
from caviar.reporting import tuning_words, words
from caviar.reporting.terminal import Listener
from caviar.training.metrics import LARGER_IS_BETTER, MetricName
from caviar.training.population import Progress
from caviar.tuning.proposals.propose import Zoom
from caviar.tuning.trials import LOSS_DECIDES, Trial


class SearchTeller:
    """Tells a listener of a search.

    Generations that the study held before are told in one line.

    Attributes:
        decided_in_words: what was decided before the first generation.
    """

    def __init__(self, tell: Listener, metric: MetricName, task: Task) -> None:
        """A teller of one search.

        Args:
            tell: is told.
            metric: what is optimised.
            task: how the metric is written.
        """
        self._tell = tell
        self._metric: MetricName = metric
        self._task: Task = task
        self._best: Trial | None = None
        self._trained = False
        self._held = 0
        self._generation = 0
        self.decisions: list[str] = []

    @property
    def strategy(self) -> str:
        """What was decided, in words."""
        return " ".join(self.decisions)

    def decided(self, sentence: str) -> None:
        """A decision, with its reason."""
        self.decisions.append(sentence)
        self._tell.say(sentence)

    def training(self, progress: Progress) -> None:
        """A callback of `train`: how far the generation is."""
        if not self._trained and self._held:
            held = f"The study holds {count(self._generation, 'generation')} with {count(self._held, 'trial')} already"
            self._tell.say(f"{held}{self._leading()}. It goes on after them.")
        self._trained = True
        done = f"generation {self._generation + 1}: {progress.networks_done} of {progress.networks} networks"
        self._tell.progress(f"{done}{self._leading()}", progress.share)

    def generation(self, trials: Sequence[Trial], zooms: Sequence[Zoom]) -> None:
        """A generation is finished."""
        self._generation += 1
        before = self._best
        complete = [trial for trial in trials if trial.outcome.state == "complete"]
        if complete:
            first = min(complete, key=lambda trial: trial.outcome.criterion)
            if before is None or first.outcome.criterion < before.outcome.criterion:
                self._best = first
        if not self._trained:
            self._held += len(trials)
            return
        for zoom in zooms:
            self._tell.say(f"zoom: {zoom.reason}")
        gone = [trial.outcome.state for trial in trials]
        lost = [
            f"{n} {word}"
            for word, n in (
                ("diverged", sum(trial.outcome.facts.get("caviar:status") == "diverged" for trial in trials)),
                ("stopped at rungs", gone.count("pruned")),
                ("failed", gone.count("failed")),
            )
            if n
        ]
        many = ", ".join([count(len(trials), "config"), *lost])
        self._tell.say(f"generation {self._generation}, {many}: {self._came(before, zooms=bool(zooms))}")

    def _came(self, before: Trial | None, *, zooms: bool) -> str:
        """What the generation brought."""
        best = self._best
        if best is None:
            return "none was trained to its end"
        if best is before:
            return f"nothing better than trial {best.number} ({self._reached(best)})"
        told = f"better, {self._reached(best)}" if before is not None else f"best {self._reached(best)}"
        where = f"trial {best.number}" if best.number or zooms else "the config that the search began with"
        return f"{told} with {where}: {tuning_words.point(best.values)}"

    def _reached(self, trial: Trial) -> str:
        name = tuning_words.name_of_metric(self._metric)
        told = f"{name} {tuning_words.metric(trial.outcome.values[0], self._metric, self._task)}"
        if self._metric in LOSS_DECIDES:
            told += f", held-out loss {words.number(trial.outcome.criterion)}"
        return told

    def _leading(self) -> str:
        """The best so far, for a line that tells something else."""
        if self._best is None:
            return ""
        value = tuning_words.metric(self._best.outcome.values[0], self._metric, self._task)
        return f", {'highest' if self._metric in LARGER_IS_BETTER else 'lowest'} {value}"
