"""The space that is searched when nobody gives one: around a config, for the settings that matter most.

Order of importance by the course (section 6): the learning rate; then momentum, hidden units and the mini-batch; then
layers and decay. Regularisation is searched beside them, because the best strength moves with the network's size.
"""

from caviar.data.split import Split
from caviar.network.config import OF_LAYERS, Config
from caviar.training.plan import epochs_planned
from caviar.tuning.dimensions import Choice, Dimension, Integer, LogUniform, OneMinusLogUniform, Uniform
from caviar.tuning.space import Space

_RATE = 1e-3
"""Around which the rate is searched where a config has 0."""

WIDEST, WIDEST_FOR_FEW, FEW_ROWS = 512, 256, 5_000
"""Most units of a layer that are searched, and those for fewer rows."""


def default_space(config: Config, split: Split, *, regularise: bool = True) -> Space:
    """A space around `config`; its values lie inside, but for extreme ones.

    Args:
        config: in the middle.
        split: its data.
        regularise: whether strong regularisation may help; where the bias is high and the variance is not, most of such
            a space would be wasted.
    """
    rate = max(config.rate, 1e-18) if config.rate else _RATE
    dimensions: dict[str, Dimension] = {"learning_rate": LogUniform(rate / 10, rate * 10)}
    if config.optimizer in ("momentum", "nesterov"):
        dimensions["momentum"] = OneMinusLogUniform(0.8, 0.995)
    elif config.optimizer in ("adam", "adamw"):
        dimensions["beta1"] = OneMinusLogUniform(0.8, 0.99)
    widest = max(config.hidden_units, default=32)
    most = max(widest, WIDEST if split.rows >= FEW_ROWS else WIDEST_FOR_FEW)
    dimensions["units"] = Integer(max(4, widest // 4), min(most, max(64, widest * 4)), log=True)
    dimensions["layers"] = Integer(max(1, len(config.hidden_units) - 1), max(2, len(config.hidden_units) + 1))
    if isinstance(config.batch_size, int):
        sizes = {
            size
            for factor in (0.5, 1, 2, 4)
            if 8 <= (size := round(config.batch_size * factor)) <= max(8, split.n_train)
        }
        if len(sizes) > 1:
            dimensions["batch_size"] = Choice(*sorted(sizes))
    m = split.n_train
    dimensions["dropout"] = Uniform(0.0, 0.6 if regularise else 0.1)
    dimensions["l2"] = LogUniform(1e-6 * m, (1e-2 if regularise else 1e-3) * m)
    if split.task == "classification":
        dimensions["label_smoothing"] = Uniform(0.0, 0.15)
    if isinstance(config.schedule, str):
        dimensions["schedule"] = Choice(*dict.fromkeys([config.schedule, "constant", "cosine", "one_cycle"]))
    epochs = epochs_planned(config, split)
    dimensions["epochs"] = Integer(max(1, epochs // 2), max(2, round(1.5 * epochs)), log=True)
    dimensions["batch_norm"] = Choice(False, True)
    activations = dict.fromkeys([*dict.fromkeys(config.activations), "relu", "silu"])
    dimensions["activation"] = Choice(*activations)
    if config.network is not None:  # what caviar's layers have, a network of the user's own does not
        dimensions = {name: one for name, one in dimensions.items() if name not in (*OF_LAYERS, "units", "layers")}
    return Space(dimensions)
