"""`Subject`: one config's networks and everything that was measured on them: what every finder reads.

A finder is a function `Subject -> list[Finding]` in the file of its idea (`gradients`, `sanity`, ...); `diagnose` calls
them all and puts what they say in order. A finder trains nothing: what must be trained is in the subject already.
"""

import dataclasses
from typing import Literal

from caviar.arrays import Numbers
from caviar.data.split import Split
from caviar.diagnosis.bias_variance import BiasVariance
from caviar.network.config import Config
from caviar.training.plan import held_out, program_for
from caviar.training.record import Run
from caviar.training.scores import Score

CompanionKind = Literal[
    "higher rate", "lower rate", "plain", "other start", "fitting output", "smaller batch", "larger batch"
]


@dataclasses.dataclass(frozen=True, eq=False)
class Probe:
    """One network at one moment, measured on several mini-batches of its training rows, without dropout; float64.

    Attributes:
        loss: (batches,) mean loss of each mini-batch, without penalties.
        gradient_norm: (batches, matrices) length of the gradient of the loss by each layer's W.
        weight_norm: (matrices,) length of each layer's W.
        update_ratio: (matrices,) length of one update of each W over the length of W, at the config's learning rate.
        no_gradient: (matrices,) share of each layer's weights whose gradient is exactly 0 on every mini-batch.
        spread: (layers,) standard deviation over rows of a hidden unit's answers, mean over units.
        constant: (layers,) share of hidden units that answer every row alike: dead under ReLU.
        saturated: (layers,) share of answers of tanh and sigmoid within 1 % of a bound.
        symmetric: (layers,) share of hidden units that answer every row as another unit of their layer does.
        noise_scale: rows at which a mini-batch's gradient is as much noise as signal (McCandlish et al. 2018).
    """

    loss: Numbers
    gradient_norm: Numbers
    weight_norm: Numbers
    update_ratio: Numbers
    no_gradient: Numbers
    spread: Numbers
    constant: Numbers
    saturated: Numbers
    symmetric: Numbers
    noise_scale: float


@dataclasses.dataclass(frozen=True, eq=False)
class Companion:
    """The same config with one thing changed, trained beside it with some of its seeds.

    Attributes:
        kind: what was changed.
        name: alike, as people say it: "learning rate x 5".
        config: with the first of these seeds.
        scores: one per seed.
        against: those of the subject with the same seeds, on the same rows.
    """

    kind: CompanionKind
    name: str
    config: Config
    scores: tuple[Score, ...]
    against: tuple[Score, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Subject:
    """One config's networks.

    Attributes:
        split: what they were trained on.
        config: theirs, with the first seed and rows=1.0.
        runs: one per seed, or per seed and fold.
        scores: one per seed, on held-out rows.
        constant: the model that answers every row alike, on the same held-out rows.
        start: the first network with its starting weights; None where no network was at hand.
        end: the first network that did not diverge, with the weights it kept; None where there is none.
        companions: may be empty.
        gaps: bias and variance; None where all networks diverged.
    """

    split: Split
    config: Config
    runs: tuple[Run, ...]
    scores: tuple[Score, ...]
    constant: Score
    start: Probe | None = None
    end: Probe | None = None
    companions: tuple[Companion, ...] = ()
    gaps: BiasVariance | None = None

    @property
    def rows_trained(self) -> int:
        """Rows on which the first network is trained."""
        return int((~held_out(self.runs[0].config if self.runs else self.config, self.split)).sum())

    @property
    def batch_size(self) -> int:
        """Rows of a mini-batch."""
        config = self.runs[0].config if self.runs else self.config
        return min(program_for(config, self.split).batch_size, self.rows_trained)

    @property
    def updates_per_epoch(self) -> int:
        """Steps in which all rows are seen."""
        return -(-self.rows_trained // self.batch_size)
