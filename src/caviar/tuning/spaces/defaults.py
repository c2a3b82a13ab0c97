"""The space that is searched when nobody gives one: around a config, for the settings that matter most."""

from caviar.data.split import Split
from caviar.network.config import OF_LAYERS, Config
from caviar.training.plan import usual_averages
from caviar.tuning.spaces.course_order import IMPORTANCE, settings_for
from caviar.tuning.spaces.default_dimensions import batch_sizes, default_dimension
from caviar.tuning.spaces.settings import READ_WITH
from caviar.tuning.spaces.space import Space


def starts(split: Split, base: Config | None = None, space: Space | None = None) -> tuple[Config, ...]:
    """What a search begins with, in the order in which it is tried; the first has what is not searched.

    That is `base`; where nobody gives one, with a space of one's own the default config, and without a space two that
    complement each other: one against variance and one against bias, dropout and wider layers; both with averaged
    weights, which take away the noise of a rate three times the usual one. What they are worth: `benchmarks/starts.py`.

    Args:
        split: the data.
        base: somebody's own.
        space: somebody's own.
    """
    if base is not None or space is not None:
        return (base or Config(),)
    own = Config()
    fast = own.changed(learning_rate=3 * own.rate, average_weights=usual_averages(own, split)[0])
    return fast.changed(dropout=0.2), fast.changed(hidden_units=tuple(units * 3 // 2 for units in own.hidden_units))


def default_space(config: Config, split: Split, *, trials: int | None = None, regularise: bool = True) -> Space:
    """A space around `config`; its values lie inside, but for extreme ones.

    Args:
        config: in the middle.
        split: its data.
        trials: networks that the search may train: with few only the most important settings are searched, as many as
            `settings_for` says, in the order of `IMPORTANCE`; None searches them all.
        regularise: whether strong regularisation may help; where the bias is high and the variance is not, most of such
            a space would be wasted.
    """
    names = [name for name in _SEARCHED if _applies(name, config, split)]
    if trials is not None:
        names = sorted(names, key=IMPORTANCE.index)[: settings_for(trials)]
    return Space({name: default_dimension(name, config, split, regularise=regularise) for name in names})


_SEARCHED = (
    *("learning_rate", "momentum", "beta1", "units", "layers", "batch_size", "dropout", "l2", "label_smoothing"),
    *("schedule", "epochs", "average_weights", "batch_norm", "activation"),
)
"""What the whole default space searches where it applies, in its order."""


def _applies(name: str, config: Config, split: Split) -> bool:
    """Whether a setting is read by a config, and is one word or number there."""
    if config.network is not None and name in (*OF_LAYERS, "units", "layers"):
        return False  # what caviar's layers have, a network of the user's own does not
    applies = {
        "momentum": config.optimizer in READ_WITH["momentum"]["optimizer"],
        "beta1": config.optimizer in READ_WITH["beta1"]["optimizer"],
        "batch_size": isinstance(config.batch_size, int) and len(batch_sizes(config, split)) > 1,
        "label_smoothing": split.task == "classification",
        "schedule": isinstance(config.schedule, str),
    }
    return applies.get(name, True)
