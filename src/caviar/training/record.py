"""`Run`: what is left of a network when its training is over."""

import dataclasses
from typing import Literal

from caviar.arrays import Numbers
from caviar.network.config import Config
from caviar.network.layers import Statistics, Weights

Status = Literal["finished", "stopped", "pruned", "diverged"]


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """One trained network.

    Attributes:
        config: as it was asked for.
        status: `finished` all its epochs | `stopped` early | `pruned` at a rung | `diverged`: a loss was no longer
            finite.
        history: one value per epoch, float64, by name: `train_loss`, `train_error`, `dev_loss`, `dev_error` in
            test mode with the epoch's final weights (train on up to 10,000 rows; no dropout, no penalty; dev is
            the held-out fold where the config names one, NaN without dev rows), `objective` the mean of J over the
            epoch's mini-batches: loss in training mode, plus the penalties at the start of the epoch.
            Losses are those of the config, without smoothing and class weights. Errors: share misclassified, or
            RMSE in the target's unit. Beside them the `learning_rate` of the epoch's last step.
            With `Config.record` = "layers" also, of that step and with one column per layer, `gradient_norm`, the
            length of the gradient of J by W, and `update_ratio`, the length of the update over that of W; and, on the
            first 256 rows (64 images) that are measured and with one column per hidden layer, `constant_units`, the
            share of units that answer all of them alike (dead under ReLU), and `saturated_units`, the share of answers
            of tanh and sigmoid within 1 % of a bound.
        best_epoch: epoch whose weights were kept, counted from 1: the one with the lowest dev loss with early
            stopping, the last finite one without; 0 where the network diverged in its first epoch.
        weights: kept weights, one Layer of arrays per hidden layer and the last; w has shape (units, inputs), of
            a convolution (filters, channels * kernel * kernel). Of an own network what its `init` gives.
        statistics: batch norm's mean and variance per hidden layer for use at test; () without batch norm.
    """

    config: Config
    status: Status
    history: dict[str, Numbers]
    best_epoch: int
    weights: Weights
    statistics: tuple[Statistics, ...]

    @property
    def epochs(self) -> int:
        """Epochs that were trained."""
        return len(self.history["objective"])

    def at_best(self, name: str) -> float:
        """A history's value at the epoch whose weights were kept; infinite where there is none."""
        return float(self.history[name][self.best_epoch - 1]) if self.best_epoch else float("inf")
