"""The basic recipe's remedies: against bias, against variance, for steadier training; one small function each."""

from caviar.network.config import OptimizerName
from caviar.remedies.case import Case, Rule, rounded, scaled
from caviar.remedies.remedy import Remedy, with_layers
from caviar.training.plan import epochs_planned, usual_averages

_RECIPE = "course section 2 (the basic recipe)"
_WIDEST = 512
_SMOOTHING, _DECAY = 0.1, 0.01


def larger_network(case: Case) -> Remedy | None:
    """Twice the units, up to 1,024."""
    wide = case.config.hidden_units or (32,)
    if max(wide) >= _WIDEST:
        return None
    return Remedy(
        "larger network",
        "bias",
        with_layers(case.config, scaled(wide, 2)),
        "Twice the units can fit more.",
        "up to four times the time",
        _RECIPE,
    )


def deeper_network(case: Case) -> Remedy | None:
    """One more hidden layer like the last."""
    wide = case.config.hidden_units or (32,)
    return Remedy(
        "deeper network",
        "bias",
        with_layers(case.config, (*wide, wide[-1])),
        "One more hidden layer can build on the last.",
        "one more layer's time",
        _RECIPE,
    )


def longer_training(times: int) -> Rule:
    """So many times the epochs."""

    def rule(case: Case) -> Remedy | None:
        return Remedy(
            "longer training" if times <= 3 else f"{times} times the epochs",
            "bias",
            {"epochs": times * epochs_planned(case.config, case.split), "stop_after": None},
            "The objective may still be falling.",
            f"{times} times the time",
            _RECIPE,
        )

    return rule


def cosine_decay(_: Case) -> Remedy | None:
    """Steps that shrink."""
    return Remedy(
        "cosine decay",
        "bias",
        {"schedule": "cosine", "decay_rate": None},
        "Steps that shrink to nothing settle where constant ones keep jumping.",
        "none",
        "Loshchilov & Hutter 2017; course section 5 (decay)",
    )


def optimizer(name: OptimizerName, reason: str) -> Rule:
    """Another optimiser, at its own usual rate."""

    def rule(case: Case) -> Remedy | None:
        if name == ("adam" if case.config.optimizer == "adamw" else case.config.optimizer):
            return None
        settings = {"optimizer": name, "learning_rate": None}
        return Remedy(name, "bias", settings, reason, "none", "course section 5 (optimisers)")

    return rule


adam = optimizer("adam", "Adam adapts the step of every weight.")
momentum = optimizer("momentum", "Momentum averages the gradients of past mini-batches.")


def silu_units(case: Case) -> Remedy | None:
    """Another activation."""
    if not case.config.hidden_units:
        return None
    return Remedy(
        "SiLU units",
        "bias",
        {"activation": "silu"},
        "A smooth activation, another architecture.",
        "a fifth more time",
        "Elfwing et al. 2018; " + _RECIPE,
    )


def l2(name: str, share: float) -> Rule:
    """L2 with a lambda of so much for every training row."""

    def rule(case: Case) -> Remedy | None:
        return Remedy(
            name,
            "variance",
            {"l2": case.config.l2 + rounded(share * case.split.n_train)},
            "Smaller weights make a smoother function.",
            "none",
            "course section 3 (L2)",
        )

    return rule


def dropout(rate: float) -> Rule:
    """Dropout in all hidden layers, where there is less."""

    def rule(case: Case) -> Remedy | None:
        if not case.config.hidden_units or rate <= max(case.config.dropouts):
            return None
        return Remedy(
            f"dropout {rate}",
            "variance",
            {"dropout": rate},
            "No unit can rely on one other unit.",
            "slower learning",
            "Srivastava et al. 2014; course section 3 (dropout)",
        )

    return rule


def early_stopping(case: Case) -> Remedy | None:
    """Where there are rows to watch."""
    if not case.split.n_dev:
        return None
    return Remedy(
        "early stopping",
        "variance",
        {"early_stopping": max(5, epochs_planned(case.config, case.split) // 6)},
        "Stops before the network learns its rows by heart.",
        "none: it saves time",
        "course section 3 (early stopping)",
    )


def label_smoothing(case: Case) -> Remedy | None:
    """For classes."""
    if case.split.task != "classification" or case.config.label_smoothing >= _SMOOTHING:
        return None
    return Remedy(
        "label smoothing",
        "variance",
        {"label_smoothing": _SMOOTHING},
        "The network need not become certain.",
        "none",
        "Szegedy et al. 2016",
    )


def weight_decay(case: Case) -> Remedy | None:
    """Decoupled; Adam becomes AdamW."""
    if case.config.weight_decay >= _DECAY:
        return None
    return Remedy(
        "weight decay",
        "variance",
        {"weight_decay": _DECAY, **({"optimizer": "adamw"} if case.config.optimizer == "adam" else {})},
        "Weights shrink a little at every step, whatever their gradient's size.",
        "none",
        "Loshchilov & Hutter 2019",
    )


def augmentation(case: Case) -> Remedy | None:
    """Small shifts, for images."""
    if case.split.image_shape is None or case.config.augment:
        return None
    return Remedy(
        "augmentation",
        "variance",
        {"augment": (("shift", 2),)},
        "Images moved by a pixel or two are new rows for nothing.",
        "a little time",
        "course section 3 (data augmentation)",
    )


def batch_norm(case: Case) -> Remedy | None:
    """In all hidden layers; it takes the place of layer norm."""
    if not case.config.layers:
        return None
    return Remedy(
        "batch norm",
        "training",
        {"batch_norm": True} | ({"layer_norm": False} if case.config.layer_norm else {}),
        "Every layer sees inputs of one scale, so larger rates work.",
        "a quarter more time",
        "Ioffe & Szegedy 2015; course section 7",
    )


def averaged_weights(case: Case) -> Remedy | None:
    """Over about a tenth of the updates."""
    if case.config.average_weights is not None:
        return None
    return Remedy(
        "averaged weights",
        "training",
        {"average_weights": usual_averages(case.config, case.split)[0]},
        "The mean of the last steps lies deeper than where the last one happened to end.",
        "a little time",
        "Polyak & Juditsky 1992; Izmailov et al. 2018",
    )


def standard_normalisation(_: Case) -> Remedy | None:
    """Mean 0 and standard deviation 1."""
    return Remedy(
        "standard normalisation",
        "training",
        {},
        "Every column gets mean 0 and standard deviation 1.",
        "none",
        "course section 1 (normalised inputs)",
        "standard",
    )


def robust_normalisation(_: Case) -> Remedy | None:
    """By median and quartiles, bent smoothly."""
    return Remedy(
        "robust normalisation",
        "training",
        {},
        "Outliers no longer stretch the scale of their column.",
        "none",
        "course section 1 (normalised inputs); Holzmüller et al. 2024 for the robust form",
        "robust",
    )


def other_normalisation(case: Case) -> Remedy | None:
    """Robust, or standard where it is robust already."""
    return (robust_normalisation if case.split.scale != "robust" else standard_normalisation)(case)
