"""A sweep of learning rates as one population: rates x seeds, trained for the same steps, compared on the same rows.

Not a ramp: in a rate finder's single run every rate is tried by a network that the rates before have trained, for one
mini-batch. Here every rate has networks of its own, several seeds of them, and rows that none of them has seen.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from caviar.arrays import Mask, Numbers
from caviar.data.split import Split
from caviar.diagnosis.finding import Finding, Severity
from caviar.diagnosis.intervals import Estimate, mean, paired_gain
from caviar.diagnosis.untrained import loss_without_signal
from caviar.errors import BadConfig
from caviar.network.config import Config
from caviar.training.metrics import metric_for
from caviar.training.plan import epochs_planned, program_for
from caviar.training.population import Callback
from caviar.training.scores import RowPlan, Score, constant_score, judge, networks_for, row_plan

_DECADES, _PER_DECADE = 6, 2
_LEARNED = 0.02
"""Share of the loss without signal that counts as nothing learned."""

_MOST_STEPS = 1_000
"""Steps where no number is asked for and the config itself trains for more."""

MATERIAL = 0.05
"""Share of what the best rate gains over the constant model that another rate must lose to be called wrong."""

APART = 3.0
"""Factor by which it must also differ from the best."""

_SOURCE = "course section 5 (learning rate); Godbole et al. 2023, Deep Learning Tuning Playbook (rates as a sweep)"


@dataclasses.dataclass(frozen=True, eq=False)
class LearningRateSweep:
    """What became of one config at several learning rates, each constant for all steps.

    Held-out losses are those of `Score.loss`: for classes at each network's best temperature.

    Attributes:
        config: whose rate was asked about.
        rates: rising; the config's own is one of them.
        steps: updates of every network.
        planned: updates that the config itself trains for.
        loss: (rates, seeds, rows) loss of every held-out row.
        diverged: (rates, seeds) networks whose losses became infinite or undefined.
        train_loss: (rates, seeds) at the end, in the config's own loss; infinite where none was recorded.
        start_loss: (seeds,) the same of the starting weights.
        constant: (rows,) loss of the model that answers every row alike.
        without_signal: the config's own loss of answering nothing, see `loss_without_signal`.
    """

    config: Config
    rates: tuple[float, ...]
    steps: int
    planned: int
    loss: Numbers
    diverged: Mask
    train_loss: Numbers
    start_loss: Numbers
    constant: Numbers
    without_signal: float

    @functools.cached_property
    def losses(self) -> Numbers:
        """Mean held-out loss, shape (rates, seeds)."""
        return self.loss.mean(axis=2)

    @functools.cached_property
    def stable(self) -> Mask:
        """(rates,) whether no seed diverged, ended above its start, or lost half of what a lower rate has learned.

        By training losses, so that a rate at which the network learns its rows by heart is stable.
        """
        above_start = self.train_loss > np.maximum(self.start_loss, self.without_signal)
        learned = np.maximum(self.without_signal - self.train_loss, 0)
        lower = np.vstack([np.zeros_like(learned[:1]), np.maximum.accumulate(learned)[:-1]])
        fallen = learned < lower / 2 - _LEARNED * self.without_signal
        return ~(self.diverged | above_start | fallen).any(axis=1)

    @functools.cached_property
    def works(self) -> Mask:
        """(rates,) whether it is stable and every seed beats the constant model, together beyond noise."""
        return np.array(
            [
                stable and (losses < self.constant.mean()).all() and self._gain(self.constant[None], loss).low > 0
                for stable, losses, loss in zip(self.stable, self.losses, self.loss, strict=True)
            ]
        )

    @functools.cached_property
    def best(self) -> int | None:
        """Place of the rate with the lowest mean loss among those that work; None where none does."""
        works = self.works
        return int(np.argmin(np.where(works, self.losses.mean(axis=1), np.inf))) if works.any() else None

    @functools.cached_property
    def as_good(self) -> tuple[float, float] | None:
        """The rates next to the best that cannot be told from it: its interval, no finer than the rates tried."""
        best = self.best
        if best is None:
            return None
        alike = self.works & [self._gain(loss, self.loss[best]).low <= 0 for loss in self.loss]
        return self._around(best, alike)

    @functools.cached_property
    def working(self) -> tuple[float, float] | None:
        """The lowest and the highest rate next to the best between which all work."""
        return None if self.best is None else self._around(self.best, self.works)

    @functools.cached_property
    def largest_stable(self) -> float | None:
        """The highest rate below the first that is not stable; None where the lowest is not."""
        unstable = np.flatnonzero(~self.stable)
        last = unstable[0] - 1 if len(unstable) else len(self.rates) - 1
        return self.rates[last] if last >= 0 else None

    @functools.cached_property
    def unstable_from(self) -> float | None:
        """The lowest rate that is not stable; None where all are."""
        unstable = np.flatnonzero(~self.stable)
        return self.rates[unstable[0]] if len(unstable) else None

    @property
    def own(self) -> int:
        """Place of the config's own rate."""
        return int(np.argmin(np.abs(np.array(self.rates) - self.config.rate)))

    @functools.cached_property
    def gain(self) -> Estimate | None:
        """By how much the best rate lowers the held-out loss of the config's own."""
        return self.gain_over(self.own)

    def gain_over(self, place: int) -> Estimate | None:
        """By how much the best rate lowers the held-out loss of another, paired by seed and row."""
        return None if self.best is None else self._gain(self.loss[place], self.loss[self.best])

    @functools.cached_property
    def share_lost(self) -> float | None:
        """What the own rate loses of what the best gains over the constant model: 0 as good as it, 1 nothing learned.

        Above 1 where it is worse than the constant model.
        """
        if self.best is None or self.gain is None:
            return None
        return self.gain.value / float(self.constant.mean() - self.losses[self.best].mean())

    def words(self) -> list[str]:
        """The answers as sentences."""
        seeds = self.loss.shape[1]
        said = [
            f"{len(self.rates)} learning rates from {self.rates[0]:.3g} to {self.rates[-1]:.3g} with {seeds} seeds "
            f"each, constant for {self.steps:,} steps"
            + ("." if self.steps >= self.planned else f"; the config itself trains for {self.planned:,}.")
        ]
        if self.best is None or self.as_good is None or self.working is None:
            said.append("At none of them the network beats the model that answers every row alike: it is not the rate.")
        else:
            said.append(
                f"Best: {self.rates[self.best]:.3g}, with a held-out loss of {self.losses[self.best].mean():.3g} (the "
                f"constant model: {self.constant.mean():.3g}). Rates of {_between(self.as_good)} cannot be told "
                f"from it; {_between(self.working)} work."
            )
        if self.unstable_from is not None:
            diverged = int(self.diverged[self.rates.index(self.unstable_from)].sum())
            said.append(
                f"From {self.unstable_from:.3g} on training is unstable: "
                + (f"{diverged} of {seeds} networks diverged." if diverged else "what lower rates learn is lost again.")
            )
        if self.best is not None and self.share_lost is not None:
            factor = self.config.rate / self.rates[self.best]
            said.append(
                f"The config's own rate is {self.config.rate:.3g}, {factor:.3g} times the best; it loses "
                f"{max(0.0, self.share_lost):.0%} of what the best gains."
            )
        return said

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        stable, works = self.stable, self.works

        def ends(between: tuple[float, float] | None) -> dict[str, float] | None:
            return None if between is None else {"low": between[0], "high": between[1]}

        return {
            "steps": self.steps,
            "planned_steps": self.planned,
            "seeds": self.loss.shape[1],
            "constant_loss": float(self.constant.mean()),
            "rates": [
                {
                    "rate": rate,
                    "loss": mean(loss).to_json(),
                    "losses": [float(value) for value in loss.mean(axis=1)],
                    "train_loss": [float(value) if np.isfinite(value) else None for value in train],
                    "diverged": int(diverged.sum()),
                    "stable": bool(is_stable),
                    "works": bool(does_work),
                }
                for rate, loss, train, diverged, is_stable, does_work in zip(
                    self.rates, self.loss, self.train_loss, self.diverged, stable, works, strict=True
                )
            ],
            "best": None if self.best is None else {"rate": self.rates[self.best], **(ends(self.as_good) or {})},
            "working": ends(self.working),
            "largest_stable": self.largest_stable,
            "unstable_from": self.unstable_from,
            "own": {
                "rate": self.config.rate,
                "gain": None if self.gain is None else self.gain.to_json(),
                "share_lost": self.share_lost,
            },
        }

    def _gain(self, before: Numbers, after: Numbers) -> Estimate:
        """Paired by seed and row."""
        return paired_gain(np.broadcast_to(before, after.shape), after)

    def _around(self, place: int, good: Mask) -> tuple[float, float]:
        """The rates next to one, itself included, that are all good."""
        low = high = place
        while low > 0 and good[low - 1]:
            low -= 1
        while high < len(good) - 1 and good[high + 1]:
            high += 1
        return self.rates[low], self.rates[high]


def learning_rate_sweep(
    split: Split,
    config: Config | None = None,
    rates: Sequence[float] | None = None,
    seeds: int = 3,
    steps: int | None = None,
    *,
    callbacks: Sequence[Callback] = (),
) -> LearningRateSweep:
    """Train a config at many learning rates, as one population.

    Args:
        split: the data. Networks are judged on rows that they were not trained on: dev, or out of fold where rows are
            few, see `row_plan`.
        config: of which everything but the rate and its schedule stays as it is; early stopping is left out. None is
            the default config.
        rates: to try, at least 1e-20; the config's own is added. None: 13 in even steps of the logarithm, from a
            thousandth of the optimiser's default to a thousand times it.
        seeds: networks per rate, from the config's seed on.
        steps: updates of every network, made whole epochs, at least one. None: those of the config, at most 1,000.
            Too few favour high rates.
        callbacks: see `train`.

    Returns:
        Losses of all, and what follows from them.

    Raises:
        BadConfig: an argument is out of its range, or the config asks for what the split does not have.
    """
    asked = (config or Config()).changed(rows=1.0)
    tried = _rates(asked, rates)
    for name, value in (("seeds", seeds), ("steps", steps)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise BadConfig(
                f"The {name} of caviar.learning_rate_sweep must be a whole number from 1 on, got {value!r}. Leave it "
                "out for the usual."
            )
    on = row_plan(split)
    per_epoch = _steps_per_epoch(asked, split, on)
    planned = epochs_planned(asked, split) * per_epoch
    wanted = min(planned, _MOST_STEPS) if steps is None else steps
    rows = split
    if wanted < per_epoch and on == (1.0,):  # an epoch would be more than was asked for
        fewer = np.random.Generator(np.random.Philox(key=split.seed)).permutation(split.n_train)
        rows = split.with_train(fewer[: wanted * program_for(asked, split).batch_size])
        per_epoch = _steps_per_epoch(asked, rows, on)
    epochs = max(1, round(wanted / per_epoch))
    usual = {"schedule": "constant", "decay_rate": None, "warmup": 0.0, "early_stopping": None, "stop_after": None}
    level = asked.changed(**usual, epochs=epochs)
    own = range(asked.seed, asked.seed + seeds)
    # Networks of rate 0 stay where they start: what they lose is what the others began with.
    networks = [level.changed(learning_rate=rate, seed=seed) for rate in (0.0, *tried) for seed in own]
    metric = metric_for(split.task, None)
    scores = np.empty(len(networks), object)
    scores[:] = judge(rows, networks, metric, on=on, callbacks=callbacks)
    start, trained = scores[:seeds], scores[seeds:].reshape(len(tried), seeds)
    each = np.vectorize(_train_loss, otypes=[float])
    return LearningRateSweep(
        config=asked,
        rates=tried,
        steps=epochs * per_epoch,
        planned=planned,
        loss=np.stack([[score.loss for score in row] for row in trained]),
        diverged=np.array([[score.status == "diverged" for score in row] for row in trained]),
        train_loss=each(trained),
        start_loss=each(start),
        constant=constant_score(rows, metric).loss,
        without_signal=loss_without_signal(asked, rows),
    )


def findings(sweep: LearningRateSweep) -> list[Finding]:
    """What the sweep says about the config's own rate: too high, too low, or that it diverges.

    A rate is called wrong where the best one is better beyond noise, by `MATERIAL` of what can be gained, differs by
    `APART` at least, and its training loss is lower too: where only the held-out loss is better, the network learns
    its rows by heart, which is no fault of the rate. A sweep shorter than the config's own training calls a rate too
    low only if one that is higher by as much as the training is longer loses as much; otherwise that is "info".
    """
    own, best, rate = sweep.own, sweep.best, sweep.config.rate
    evidence = {name: value for name, value in sweep.to_json().items() if name != "rates"}
    diverged, seeds = int(sweep.diverged[own].sum()), sweep.loss.shape[1]
    found = []
    if diverged:
        advice = (
            "no other rate that was tried works either: look at the inputs and the starting weights"
            if best is None
            else f"{sweep.rates[best]:.3g} works best"
        )
        meaning = (
            f"At the learning rate {rate:.3g} the losses of {diverged} of {seeds} networks became infinite or "
            f"undefined within {sweep.steps:,} steps; {advice}."
        )
        found.append(Finding("diverged", "critical", evidence, meaning, _SOURCE))
    if best is None or sweep.gain is None or sweep.share_lost is None or own == best:
        return found
    factor = rate / sweep.rates[best]
    too_high = factor > 1
    apart = max(factor, 1 / max(factor, 1e-30)) >= APART
    if not (_clearly_worse(sweep, own) and apart) and not (diverged and too_high):
        return found
    longer = rate * max(1.0, sweep.planned / sweep.steps)
    catches_up = not too_high and not _clearly_worse(sweep, int(np.searchsorted(sweep.rates, longer)))
    severity: Severity = "info" if catches_up else "warning"
    if too_high and not sweep.stable[own]:
        severity = "critical"
    meaning = (
        f"The learning rate is {rate:.3g}; of the {len(sweep.rates)} that were tried, {sweep.rates[best]:.3g} does "
        f"best and brings the held-out loss from {_loss(sweep, own)} to {_loss(sweep, best)} (lower by "
        f"{sweep.gain.value:.3g}, interval {sweep.gain.low:.3g} to {sweep.gain.high:.3g}), with {seeds} seeds and "
        f"{sweep.steps:,} steps each. "
    )
    if too_high:
        meaning += "Steps that are too long jump over what they should settle in. " + (
            f"Training is unstable from {sweep.unstable_from:.3g} on." if sweep.unstable_from is not None else ""
        )
    else:
        meaning += "Steps that are too short do not arrive in the time that they are given. " + (
            f"The config itself trains for {sweep.planned:,} steps, so that it may catch up."
            if severity == "info"
            else ""
        )
    name = "learning_rate_too_high" if too_high else "learning_rate_too_low"
    return [*found, Finding(name, severity, evidence, meaning.rstrip(), _SOURCE)]


def _clearly_worse(sweep: LearningRateSweep, place: int) -> bool:
    """Whether the best rate beats another beyond noise and materially, in training as on held-out rows."""
    best = sweep.best
    if best is None or place == best or place >= len(sweep.rates):
        return False
    gain = sweep.gain_over(place)
    gained = float(sweep.constant.mean() - sweep.losses[best].mean())
    trained = sweep.train_loss.mean(axis=1)
    return (
        gain is not None and gain.low > 0 and gain.value >= MATERIAL * gained and bool(trained[place] > trained[best])
    )


def _rates(config: Config, given: Sequence[float] | None) -> tuple[float, ...]:
    """The rates to try, rising, the config's own among them."""
    own = config.rate
    if given is None:
        usual = config.changed(learning_rate=None).rate
        exponents = np.linspace(-_DECADES / 2, _DECADES / 2, _DECADES * _PER_DECADE + 1)
        tried = [float(f"{usual * 10**exponent:.3g}") for exponent in exponents]
    else:
        tried = list(given)
        if not tried:
            raise BadConfig("The rates of caviar.learning_rate_sweep must be at least one number, got none.")
        for rate in tried:
            config.changed(learning_rate=rate)  # refuses what cannot be a rate
            if not rate:
                raise BadConfig("The rates of caviar.learning_rate_sweep must be above 0, got 0. Leave it out.")
        tried = [float(rate) for rate in tried]
    near = [rate for rate in tried if abs(rate - own) > 0.01 * own]
    return tuple(sorted({*near, own})) if own else tuple(sorted(set(tried)))


def _steps_per_epoch(config: Config, split: Split, on: RowPlan) -> int:
    program = program_for(networks_for(config, on)[0], split)
    rows = split.n_train if program.pool == "train" else split.rows
    return -(-rows // program.batch_size)


def _train_loss(score: Score) -> float:
    return score.train_loss if np.isfinite(score.train_loss) else np.inf


def _loss(sweep: LearningRateSweep, place: int) -> str:
    return f"{sweep.losses[place].mean():.3g}"


def _between(rates: tuple[float, float]) -> str:
    low, high = rates
    return f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
