"""The basic recipe as a table: finding -> remedies, in the order of the course.

High bias: a larger network, longer training, a better optimiser, another architecture. Then high variance: more data,
L2, dropout, early stopping, another architecture. Batch norm and normalisation are prescribed for slow or unstable
training, never for variance.
"""

from collections.abc import Iterable, Iterator, Sequence

from caviar.data.split import Split
from caviar.data.transformed import Transformed
from caviar.diagnosis.finding import Finding
from caviar.network.config import OF_LAYERS, Config
from caviar.remedies.remedy import Against, Remedy, with_layers
from caviar.training.plan import epochs_planned

_RECIPE = "course section 2 (the basic recipe)"
_WIDEST = 512
_SMOOTHING, _DECAY = 0.1, 0.01


def prescribe(findings: Sequence[Finding], config: Config, split: Split) -> list[Remedy]:
    """The remedies for a config, those against what was found first.

    Where neither bias nor variance was found high, or could not be told, the remedies of both are listed: the course's
    order decides, and the experiment.

    Args:
        findings: of `diagnose`.
        config: the network that is to be improved.
        split: its data.

    Returns:
        Remedies that change something; what the config already does is left out.
    """
    names = {finding.name for finding in findings}
    order: list[Against] = ["bias", "variance", "training"]
    if "diverged" in names:
        order = ["training", "bias", "variance"]
    elif "high_variance" in names and "high_bias" not in names:
        order = ["variance", "training", "bias"]
    longer = 2 if order[0] == "variance" else 3
    recipe = [*_against_bias(config, split, longer), *_against_variance(config, split), *_for_training(config, split)]
    return [
        remedy
        for against in order
        for remedy in recipe
        if remedy.against == against and _possible(remedy, config) and _changes(remedy, config, split)
    ]


def _possible(remedy: Remedy, config: Config) -> bool:
    """Whether the network has what is to be changed: one of the user's own has none of caviar's layers."""
    return config.network is None or not remedy.settings.keys() & {*OF_LAYERS, "hidden_units"}


def _against_bias(config: Config, split: Split, longer: int) -> Iterator[Remedy]:
    wide = config.hidden_units or (32,)
    if max(wide) < _WIDEST:
        yield Remedy(
            "larger network",
            "bias",
            with_layers(config, _scaled(wide, 2)),
            "Twice the units can fit more.",
            "up to four times the time",
            _RECIPE,
        )
    yield Remedy(
        "deeper network",
        "bias",
        with_layers(config, (*wide, wide[-1])),
        "One more hidden layer can build on the last.",
        "one more layer's time",
        _RECIPE,
    )
    yield Remedy(
        "longer training",
        "bias",
        {"epochs": longer * epochs_planned(config, split), "stop_after": None},
        "The objective may still be falling.",
        f"{longer} times the time",
        _RECIPE,
    )
    yield Remedy(
        "cosine decay",
        "bias",
        {"schedule": "cosine", "decay_rate": None},
        "Steps that shrink to nothing settle where constant ones keep jumping.",
        "none",
        "Loshchilov & Hutter 2017; course section 5 (decay)",
    )
    for name, reason in (
        ("adam", "Adam adapts the step of every weight."),
        ("momentum", "Momentum averages the gradients of past mini-batches."),
    ):
        yield Remedy(
            name,
            "bias",
            {"optimizer": name, "learning_rate": None},
            reason,
            "none",
            "course section 5 (optimisers)",
        )
    if config.hidden_units:
        yield Remedy(
            "SiLU units",
            "bias",
            {"activation": "silu"},
            "A smooth activation, another architecture.",
            "a fifth more time",
            "Elfwing et al. 2018; " + _RECIPE,
        )


def _against_variance(config: Config, split: Split) -> Iterator[Remedy]:
    m = split.n_train
    for name, share in (("L2", 1e-4), ("strong L2", 1e-3)):
        yield Remedy(
            name,
            "variance",
            {"l2": config.l2 + _round(share * m)},
            "Smaller weights make a smoother function.",
            "none",
            "course section 3 (L2)",
        )
    if config.hidden_units:
        for rate in (rate for rate in (0.2, 0.5) if rate > max(config.dropouts)):
            yield Remedy(
                f"dropout {rate}",
                "variance",
                {"dropout": rate},
                "No unit can rely on one other unit.",
                "slower learning",
                "Srivastava et al. 2014; course section 3 (dropout)",
            )
    if split.n_dev:  # rows to watch
        yield Remedy(
            "early stopping",
            "variance",
            {"early_stopping": max(5, epochs_planned(config, split) // 6)},
            "Stops before the network learns its rows by heart.",
            "none: it saves time",
            "course section 3 (early stopping)",
        )
    if split.task == "classification" and config.label_smoothing < _SMOOTHING:
        yield Remedy(
            "label smoothing",
            "variance",
            {"label_smoothing": _SMOOTHING},
            "The network need not become certain.",
            "none",
            "Szegedy et al. 2016",
        )
    if config.weight_decay < _DECAY:
        yield Remedy(
            "weight decay",
            "variance",
            {"weight_decay": _DECAY, **({"optimizer": "adamw"} if config.optimizer == "adam" else {})},
            "Weights shrink a little at every step, whatever their gradient's size.",
            "none",
            "Loshchilov & Hutter 2019",
        )


def _for_training(config: Config, split: Split) -> Iterator[Remedy]:
    if config.hidden_units:
        yield Remedy(
            "batch norm",
            "training",
            {"batch_norm": True} | ({"layer_norm": False} if config.layer_norm else {}),
            "Every layer sees inputs of one scale, so larger rates work.",
            "a quarter more time",
            "Ioffe & Szegedy 2015; course section 7",
        )
    scale = "robust" if split.scale != "robust" else "standard"
    yield Remedy(
        f"{scale} normalisation",
        "training",
        {},
        "Outliers no longer stretch the scale of their column."
        if scale == "robust"
        else "Every column gets mean 0 and standard deviation 1.",
        "none",
        "course section 1 (normalised inputs); Holzmüller et al. 2024 for the robust form",
        scale,
    )


def _changes(remedy: Remedy, config: Config, split: Split) -> bool:
    """Whether the remedy would change anything."""
    if remedy.scale != "keep":
        return remedy.scale != split.scale and not isinstance(split.preparation, Transformed)
    own = "adam" if config.optimizer == "adamw" else config.optimizer
    if remedy.settings.keys() >= {"optimizer", "learning_rate"} and remedy.settings["optimizer"] == own:
        return False
    return remedy.apply(config) != config


def _scaled(units: Iterable[int], factor: float) -> tuple[int, ...]:
    return tuple(max(1, round(n * factor)) for n in units)


def _round(value: float) -> float:
    """To two significant digits, as a person would write it."""
    return float(f"{value:.2g}")
