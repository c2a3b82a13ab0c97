"""Where in the landscape of J a network stands: on a slope, in a minimum, at a saddle or on a plateau.

Two directions are looked for with Hessian-vector products on a sample of the training rows (`spectrum`): the best step
that gradient and curvature know of together, and the direction of the most negative curvature. Then J itself is
computed along them, on other rows where there are enough. The verdict rests on what J does, not on its parabola:

| verdict | |
|---|---|
| slope | the step by the gradient lowers J materially: not yet stationary |
| saddle | that does not, but the direction of the most negative curvature does |
| plateau | neither does, nothing is learned yet, and no penalty holds the weights there |
| minimum | neither does. Whether J is lower elsewhere, no local measure can tell |

*Materially* is by a hundredth of what there is to learn - from J of the model that answers all rows alike to J of
knowing every target - and more than float32 rounds. *Within
reach* is a distance of 1 - about the length of one unit's incoming weights as they start - or a tenth of the length of
all weights, whichever is more. A negative eigenvalue counts when it is beyond what the products are rounded by.

Sources: course section 5; Dauphin et al. 2014 (saddles, and the step -|H|^-1 g); Pearlmutter 1994; `spectrum`,
`stability`.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from caviar.arrays import Numbers
from caviar.data.split import Split
from caviar.diagnosis import guard, spectrum
from caviar.diagnosis.finding import Finding
from caviar.diagnosis.objective import Objective, objective, rows_trained
from caviar.diagnosis.spectrum import Krylov
from caviar.diagnosis.stability import preconditioner, stability_limit
from caviar.diagnosis.subject import Subject
from caviar.errors import BadData
from caviar.network.config import Config
from caviar.network.layers import Weights
from caviar.training.plan import activation_bytes, hyperparameters, program_for
from caviar.training.record import Run

Verdict = Literal["minimum", "saddle", "plateau", "slope"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

ROWS = 2_048
"""Of the sample."""

MATERIAL = 0.01
"""Share of what there is to learn by which a fall counts."""

_REACH, _OF_LENGTH = 1.0, 0.1
_HALVINGS = 10
_ROUNDING = 32 * float(np.finfo(np.float32).eps)
_BYTES = 1 << 31
_WORTH_A_LOOK = 0.2
"""Share of what there is to learn: where less is left, a network is not looked at for being stuck."""


class Eigenvalue(NamedTuple):
    """An eigenvalue of the Hessian lies within `residual` of `value`."""

    value: float
    residual: float


@dataclasses.dataclass(frozen=True)
class Landscape:
    """J around one network's weights.

    Attributes:
        verdict: see above.
        objective: J with penalties, on the sample.
        constant: J of answering all rows alike, by the class shares or the mean, without penalties.
        least: J of knowing every row's target, without penalties; above 0 with smoothed targets only.
        penalty: what L1 and L2 add to `objective`.
        gradient_norm: length of the gradient of J.
        largest: the largest eigenvalue of the Hessian of J.
        smallest: the smallest one; below 0 by more than `rounding`, J curves down.
        rounding: what eigenvalues may be wrong by since products are of float32.
        trace: sum of all eigenvalues.
        trace_error: its standard error.
        reach: distance within which J was looked at.
        fall_by_gradient: by how much J is lower after the best step that gradient and curvature tell, at least 0.
        fall_by_curvature: by how much along the direction of `smallest`, at least 0.
        rate: learning rate of the last step that was kept.
        limit: the sharpness from which steps at that rate grow; see `stability`.
        sharpness: the largest eigenvalue of the Hessian as the optimiser's steps see it: `largest`, or for RMSprop and
            Adam that of the preconditioned Hessian; None where it is not told.
        weights: how many there are.
        rows: of the sample.
    """

    verdict: Verdict
    objective: float
    constant: float
    least: float
    penalty: float
    gradient_norm: float
    largest: Eigenvalue
    smallest: Eigenvalue
    rounding: float
    trace: float
    trace_error: float
    reach: float
    fall_by_gradient: float
    fall_by_curvature: float
    rate: float
    limit: float
    sharpness: float | None
    weights: int
    rows: int

    @property
    def material(self) -> float:
        """The least fall of J that counts."""
        return _material(self.objective, self.constant - self.least)

    @property
    def learned(self) -> bool:
        """Whether the network is better than answering all rows alike."""
        return self.objective - self.penalty < self.constant - self.material

    def to_json(self) -> dict[str, Any]:
        """Plain values; None for what is not told or not finite."""
        found = dataclasses.asdict(self)
        found |= {name: getattr(self, name)._asdict() for name in ("largest", "smallest")}
        return found | {"limit": self.limit if np.isfinite(self.limit) else None}


def landscape(
    run: Run, split: Split, *, weights: Weights | None = None, rows: int = ROWS, probes: int = 16, seed: int = 0
) -> Landscape:
    """Measure J around a network's weights; seconds at 100,000 weights.

    Args:
        run: a trained network.
        split: what it was trained on.
        weights: other ones of the same config, such as those it started from; None: those that were kept.
        rows: of the sample; fewer where their activations would not fit into 2 GiB.
        probes: vectors for the trace, at least 2.
        seed: of the sample and all random vectors.

    Raises:
        BadData: the network diverged, or there is nothing to measure on.
    """
    config, weights = run.config, run.weights if weights is None else weights
    random = np.random.Generator(np.random.Philox(key=seed))
    here, other = _samples(config, weights, split, rows, random)
    if not np.isfinite(here.weights).all() or not np.isfinite(here.value()):
        raise BadData(
            "caviar's landscape needs a network whose weights and loss are finite, but this one diverged. Train it "
            "with a lower learning rate."
        )
    size = len(here.weights)
    gradient = here.gradient()
    length = float(np.linalg.norm(gradient))
    spaces = [spectrum.krylov(here.product, random.normal(size=size))]
    reach = max(_REACH, _OF_LENGTH * float(np.linalg.norm(here.weights)))
    by_gradient = 0.0
    if length > 0:
        spaces.append(spectrum.krylov(here.product, gradient))
        by_gradient = _fall(other, [_saddle_free_step(spaces[-1], length / reach)])
    lowest = min(spaces, key=lambda space: space.values[0])
    highest = max(spaces, key=lambda space: space.values[-1])
    rounding = max(space.rounding for space in spaces)
    down = reach * lowest.vectors[0]
    by_curvature = _fall(other, [down, -down]) if lowest.values[0] < -rounding else 0.0
    trace, trace_error = spectrum.trace(here.product, size, random, probes)
    rate = _last_rate(run)
    found = Landscape(
        verdict="minimum",
        objective=here.value(),
        constant=here.constant,
        least=here.least,
        penalty=here.penalty,
        gradient_norm=length,
        largest=Eigenvalue(float(highest.values[-1]), float(highest.residuals[-1])),
        smallest=Eigenvalue(float(lowest.values[0]), float(lowest.residuals[0])),
        rounding=rounding,
        trace=trace,
        trace_error=trace_error,
        reach=reach,
        fall_by_gradient=by_gradient,
        fall_by_curvature=by_curvature,
        rate=rate,
        limit=stability_limit(config, rate),
        sharpness=_sharpness(here, config, split, random, float(highest.values[-1])),
        weights=size,
        rows=here.rows,
    )
    return dataclasses.replace(found, verdict=_verdict(found, config, split))


def _samples(
    config: Config, weights: Weights, split: Split, rows: int, random: np.random.Generator
) -> tuple[Objective, Objective]:
    """J on the sample, and on other rows where there are as many; otherwise the same."""
    trained = random.permutation(rows_trained(config, split))
    fitting = _BYTES // activation_bytes(program_for(config, split).architecture, 1)
    rows = max(1, min(rows, fitting, len(trained)))
    here = objective(config, weights, split, np.sort(trained[:rows]))
    return here, here.on(split, np.sort(trained[rows : 2 * rows])) if len(trained) >= 2 * rows else here


def _saddle_free_step(space: Krylov, damping: float) -> Numbers:
    """-(|H| + damping)^-1 g in the space that g was built into: no longer than |g| / damping."""
    return -(space.start / (np.abs(space.values) + damping)) @ space.vectors


def _fall(here: Objective, steps: Sequence[Numbers]) -> float:
    """By how much J is lower at the best place along these steps, halved again and again; 0 where it is nowhere."""
    first = here.value()
    values = [here.value(here.weights + 0.5**k * step) for step in steps for k in range(_HALVINGS)]
    return float(max(0.0, first - np.nanmin([first, *values])))


def _sharpness(
    here: Objective, config: Config, split: Split, random: np.random.Generator, largest: float
) -> float | None:
    divisor = preconditioner(here, config, split, random)
    if divisor is None:
        return None
    if (divisor == 1).all():
        return largest
    root = np.sqrt(divisor)
    space = spectrum.krylov(lambda v: here.product(v / root) / root, random.normal(size=len(root)))
    return float(space.values[-1])


def _last_rate(run: Run) -> float:
    rates = run.history.get("learning_rate", np.empty(0))
    return float(rates[max(0, run.best_epoch - 1)]) if len(rates) else run.config.rate


def _material(value: float, to_learn: float) -> float:
    return max(MATERIAL * to_learn, _ROUNDING * abs(value))


def _verdict(found: Landscape, config: Config, split: Split) -> Verdict:
    if found.fall_by_gradient >= found.material:
        return "slope"
    if found.fall_by_curvature >= found.material:
        return "saddle"
    penalties = hyperparameters(config, split).penalties
    by_penalties = 0.5 * float(penalties.l2 * found.reach**2 + penalties.l1 * found.reach)
    convex = config.network is None and config.layers == 0
    if found.learned or convex or by_penalties >= found.material:
        return "minimum"
    return "plateau"


def findings(found: Landscape, run: Run) -> list[Finding]:
    """`saddle` or `plateau` where training is stuck there: J has stopped falling, and the network stands at one.

    Args:
        found: the landscape at the weights that `run` kept.
        run: whose history is read.
    """
    if found.verdict not in ("saddle", "plateau") or not _stopped(run, found.material):
        return []
    evidence = {**found.to_json(), "last_objectives": [float(j) for j in _tail(run)]}
    where = (
        f"The training objective J stands at {found.objective:.3g} and has stopped falling"
        + ("" if found.learned else f", where a model that answers every row alike has {found.constant:.3g}")
        + f". The gradient is small ({found.gradient_norm:.2g}): the best step that it tells, over a distance of "
        f"{found.reach:.2g}, lowers J by {found.fall_by_gradient:.2g}. "
    )
    if found.verdict == "saddle":
        where += (
            f"But J curves down (smallest eigenvalue {found.smallest.value:.2g}, largest {found.largest.value:.2g}), "
            f"and along that direction J is lower by {found.fall_by_curvature:.2g} within the same distance: this is a "
            "saddle, not a minimum. Mini-batches, momentum, and starting weights that differ "
            "from unit to unit leave it."
        )
    else:
        where += (
            f"J hardly curves either (eigenvalues {found.smallest.value:.2g} to {found.largest.value:.2g}; the most "
            f"negative lowers J by {found.fall_by_curvature:.2g}): this is a plateau, from which no small step leads "
            "down. Other starting weights, batch norm, or activations that pass gradients on avoid it."
        )
    severity = "warning" if found.learned else "critical"
    return [Finding(found.verdict, severity, evidence, where, "course section 5; Dauphin et al. 2014")]


def find(subject: Subject) -> list[Finding]:
    """As `findings`, for the network whose J is highest, where training is hurt and J stands far above its least.

    Networks that train as they should are not looked at, so that this costs nothing for them.
    """
    runs = [run for run in subject.runs if run.best_epoch and run.status != "diverged"]
    if not runs or not guard.hurt(subject):
        return []
    run = max(runs, key=lambda run: _tail(run)[-1])
    here, _ = _samples(run.config, run.weights, subject.split, ROWS, np.random.Generator(np.random.Philox(key=0)))
    value, to_learn = here.value(), here.constant - here.least
    left = value - here.penalty - here.least
    if left < _WORTH_A_LOOK * to_learn or not _stopped(run, _material(value, to_learn)):
        return []
    return findings(landscape(run, subject.split), run)


def _tail(run: Run) -> Numbers:
    """J in the last third of the epochs, the last two at least."""
    objective = run.history["objective"]
    return objective[-max(2, len(objective) // 3) :]


def _stopped(run: Run, material: float) -> bool:
    """Whether J fell by less than `material` over the last third of at least six epochs."""
    tail = _tail(run)
    half = len(tail) // 2
    return run.epochs >= 6 and bool(tail[:half].mean() - tail[-half:].mean() < material)
