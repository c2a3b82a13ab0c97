"""Remedies for training that goes wrong: steps, starting weights, units, mini-batches, loss; a small function each."""

from typing import Any

import numpy as np

from caviar.diagnosis.examine import PLAIN, fitting_start
from caviar.network.activations import ActivationName
from caviar.network.config import OF_LAYERS, Config
from caviar.remedies.case import Case, Rule, fitting_weights_of, rounded
from caviar.remedies.remedy import Remedy, with_layers
from caviar.training.plan import epochs_planned, last_epoch
from caviar.training.schedules import learning_rates

_RATE = "course section 6 (alpha comes first)"
_START = "course section 4 (initialisation); He et al. 2015; Glorot & Bengio 2010"
_BATCH = "course section 5 (mini-batches: 64 to 512 rows)"
_FEW_UNITS, _USUAL_UNITS = 32, 64
_FEW_LAYERS = 2
_AFAR = 300.0
_LARGE_EPSILON, _SHORT = 1e-3, 0.2
_USUAL_BATCH, _LARGE_BATCH = 64, 256

_USUAL = {"weight_decay": 0.01, "dropout": 0.2, "input_noise": 0.1, "mixup": 0.2, "label_smoothing": 0.1}
_USUAL_LAMBDA = 1e-4
"""Of L1 and L2, for every training row."""


def slower(factor: int) -> Rule:
    """A rate that is so many times lower."""

    def rule(case: Case) -> Remedy | None:
        reason = "Shorter steps settle where longer ones jump over it."
        return _at_rate(case.config, case.config.rate / factor, f"rate / {factor}", reason)

    return rule


def faster(factor: int) -> Rule:
    """A rate that is so many times higher."""

    def rule(case: Case) -> Remedy | None:
        reason = "Longer steps come further in the same epochs."
        return _at_rate(case.config, case.config.rate * factor, f"rate x {factor}", reason)

    return rule


def rate_seen_best(case: Case) -> Remedy | None:
    """The rate that did best beside this one, where the diagnosis has tried others."""
    best = case.evidence.get("best_rate")
    if not isinstance(best, float) or not 0 < best < float("inf"):
        return None
    reason = "Of the rates that the diagnosis tried beside it, it did best."
    return _at_rate(case.config, best, "best rate seen", reason)


def usual_rate_from_afar(case: Case) -> Remedy | None:
    """The optimiser's default, where the rate is so far from it that factors of ten would not arrive."""
    usual = case.config.changed(learning_rate=None).rate
    return usual_rate(case) if not 1 / _AFAR < case.config.rate / usual < _AFAR else None


def usual_rate(case: Case) -> Remedy | None:
    """The optimiser's default."""
    usual = case.config.changed(learning_rate=None).rate
    return _at_rate(case.config, usual, "usual rate", "What suits most networks is a good place to start from.")


def _at_rate(config: Config, rate: float, name: str, reason: str) -> Remedy | None:
    treated = config.at_rate(float(f"{rate:.6g}"))
    settings = {field: new for field, (new, _) in treated.differences(config).items()}
    return Remedy(name, "training", settings, reason, "none", _RATE) if settings else None


def steps_of_full_length(case: Case) -> Remedy | None:
    """Undoes what keeps steps short: clipping, a large epsilon, a schedule at a fifth of the rate on average."""
    config = case.config
    settings: dict[str, Any] = {name: None for name in ("clip_norm", "clip_value") if getattr(config, name) is not None}
    if config.epsilon > _LARGE_EPSILON:
        settings["epsilon"] = Config().epsilon
    trained = np.arange(1, last_epoch(config, case.split) + 1)
    rates = learning_rates(config, trained, steps_per_epoch=1, epochs=epochs_planned(config, case.split))
    if rates.mean() < _SHORT * config.rate:
        settings |= {"schedule": "constant", "decay_rate": None, "warmup": 0.0}
    if not settings:
        return None
    reason = "Steps are kept shorter than the learning rate says, and training ends before the network has learned."
    return Remedy("steps of full length", "training", settings, reason, "none", _RATE)


def warm_up(case: Case) -> Remedy | None:
    """A tenth of the epochs."""
    if case.config.warmup:
        return None
    return Remedy(
        "warm-up",
        "training",
        {"warmup": rounded(max(1.0, last_epoch(case.config, case.split) / 10))},
        "The first steps, where the loss bends most, are short.",
        "none",
        "Goyal et al. 2017; Godbole et al. 2023 (Tuning Playbook)",
    )


def clipping(case: Case) -> Remedy | None:
    """Of the gradient's length."""
    if case.config.clip_norm is not None:
        return None
    return Remedy(
        "clipping",
        "training",
        {"clip_norm": 1.0},
        "No single mini-batch can throw the weights far away.",
        "none",
        "Pascanu et al. 2013",
    )


def fitting_weights(case: Case) -> Remedy | None:
    """Starting weights of the spread that the activation asks for."""
    name = fitting_weights_of(case.config)
    told = {"he": "He", "glorot": "Glorot", "lecun": "LeCun"}[name]
    return Remedy(
        f"{told} initialisation",
        "training",
        {"initializer": name},
        "Answers and gradients keep their size from layer to layer, and no two units start alike.",
        "none",
        _START,
    )


def _units(activation: ActivationName, told: str, reason: str, source: str) -> Rule:
    def rule(case: Case) -> Remedy | None:
        if not case.config.layers or {activation} == set(case.config.activations):
            return None
        settings = {"activation": activation, "initializer": fitting_start(activation)}
        return Remedy(told, "training", settings, reason, "none", source)

    return rule


relu_units = _units(
    "relu",
    "ReLU units, He initialisation",
    "ReLU lets the gradient of an active unit through whole, and He's weights keep its size over many layers.",
    _START,
)
leaky_relu_units = _units(
    "leaky_relu",
    "leaky ReLU units",
    "Their slope is never 0, so that no unit dies.",
    "Maas et al. 2013",
)
elu_units = _units("elu", "ELU units", "They are flat nowhere near 0, so that units live on.", "Clevert et al. 2016")


def fewer_layers(case: Case) -> Remedy | None:
    """Two hidden layers."""
    hidden = case.config.hidden_units
    if len(hidden) <= _FEW_LAYERS:
        return None
    return Remedy(
        "two hidden layers",
        "training",
        with_layers(case.config, hidden[:_FEW_LAYERS]),
        "The gradient has fewer layers to pass.",
        "none: it saves time",
        "course section 4 (the gains of the layers multiply)",
    )


def usual_width(case: Case) -> Remedy | None:
    """At least 64 units in every hidden layer, where one has few."""
    hidden = case.config.hidden_units
    if not hidden or min(hidden) >= _FEW_UNITS:
        return None
    return Remedy(
        "usual width",
        "bias",
        {"hidden_units": tuple(max(n, _USUAL_UNITS) for n in hidden)},
        "What a layer of few units does not let through, no later layer can bring back.",
        "more time for every step",
        "course section 2 (the basic recipe: a larger network)",
    )


def usual_epochs(case: Case) -> Remedy | None:
    """As many as the rule gives, where these are more than three times as many."""
    usual = last_epoch(case.config.changed(epochs=None, stop_after=None), case.split)
    now = last_epoch(case.config, case.split)
    if usual <= 3 * now:
        return None
    return Remedy(
        "usual epochs",
        "training",
        {"epochs": usual, "stop_after": None},
        f"After {now} epochs most networks have not learned what they can.",
        f"{usual / now:.0f} times the time",
        "course section 2 (train longer)",
    )


def fewer_epochs(case: Case) -> Remedy | None:
    """Until the best one, where the diagnosis says which."""
    best = case.evidence.get("best_epoch")
    if not isinstance(best, int) or not 1 <= best < last_epoch(case.config, case.split):
        return None
    return Remedy(
        "fewer epochs",
        "variance",
        {"stop_after": best, "early_stopping": None},
        "The loss on held-out rows was lowest there.",
        "none: it saves time",
        "course section 3 (early stopping)",
    )


def without_regularisation(case: Case) -> Remedy | None:
    """All of it off."""
    on = {name: off for name, off in PLAIN.items() if _most(case.config, name) is not None}
    if not on:
        return None
    return Remedy(
        "no regularisation",
        "training",
        on,
        "A network that cannot fit its own rows is held back by what is meant against variance.",
        "variance may rise",
        "course sections 2 and 3 (bias first, then as much regularisation as the variance asks for)",
    )


def usual_regularisation(case: Case) -> Remedy | None:
    """What is far above its usual strength is brought there."""
    usual: dict[str, Any] = _USUAL | dict.fromkeys(("l1", "l2"), rounded(_USUAL_LAMBDA * case.split.n_train))
    strong = {name: to for name, to in usual.items() if (_most(case.config, name) or 0) > 2 * to}
    if not strong:
        return None
    return Remedy(
        "usual regularisation",
        "training",
        strong,
        "Regularisation of the usual strength leaves a network free to fit.",
        "none",
        "course section 3",
    )


def half_regularisation(case: Case) -> Remedy | None:
    """All of it halved."""
    halves: dict[str, Any] = {}
    for name in PLAIN:
        own = getattr(case.config, name)
        if _most(case.config, name) is None:
            continue
        halves[name] = (
            2 * own if name == "max_norm" else tuple(v / 2 for v in own) if isinstance(own, tuple) else own / 2
        )
    if not halves:
        return None
    reason = "The balance between bias and variance is found by halving."
    return Remedy("half the regularisation", "training", halves, reason, "variance may rise", "course section 3")


def _most(config: Config, name: str) -> float | None:
    """The strength of a regulariser, the largest over layers; None where it is off."""
    value = getattr(config, name)
    return (max(value, default=0.0) if isinstance(value, tuple) else value) or None


def usual_batch(case: Case) -> Remedy | None:
    """64 rows."""
    if case.config.batch_size == _USUAL_BATCH or case.split.n_train <= _USUAL_BATCH:
        return None
    return Remedy(
        "mini-batches of 64",
        "training",
        {"batch_size": _USUAL_BATCH},
        "Enough rows for a steady gradient, enough steps in every epoch.",
        "the time of a step changes",
        _BATCH,
    )


def larger_batch(case: Case) -> Remedy | None:
    """256 rows, where there are fewer."""
    size = case.config.batch_size
    if not isinstance(size, int) or size >= min(_LARGE_BATCH, case.split.n_train):
        return None
    return Remedy(
        "mini-batches of 256",
        "training",
        {"batch_size": _LARGE_BATCH},
        "The mean over more rows points more steadily downhill.",
        "fewer steps in every epoch",
        _BATCH,
    )


def less_momentum(case: Case) -> Remedy | None:
    """0.9 in the form of the course."""
    config = case.config
    if config.optimizer not in ("momentum", "nesterov") or (
        config.momentum <= 0.9 and config.momentum_form == "average"
    ):
        return None
    return Remedy(
        "less momentum",
        "training",
        {"momentum": min(0.9, config.momentum), "momentum_form": "average"},
        "Averages over fewer steps do not overshoot.",
        "none",
        "course section 5 (momentum)",
    )


def fitting_loss(_: Case) -> Remedy | None:
    """Output and loss that follow the task."""
    return Remedy(
        "output and loss that fit",
        "training",
        {"output": None, "loss": None},
        "Softmax and cross-entropy for classes, a linear output and the squared error for numbers: together their "
        "gradient is the error itself, which never fades while the answer is wrong.",
        "none",
        "course section 8 (softmax, cross-entropy)",
    )


def robust_loss(case: Case) -> Remedy | None:
    """Huber's, for numbers."""
    if case.split.task != "regression" or case.config.loss in ("huber", "absolute"):
        return None
    return Remedy(
        "Huber loss",
        "data",
        {"loss": "huber"},
        "A few rows far away no longer decide where all others end.",
        "none",
        "Huber 1964",
    )


def balanced_weights(case: Case) -> Remedy | None:
    """Every class counts alike in J."""
    if case.split.task != "classification" or case.config.class_weight is not None:
        return None
    return Remedy(
        "balanced class weights",
        "data",
        {"class_weight": "balanced"},
        "Errors on a rare class count as much as those on a common one.",
        "errors on common classes may rise",
        "King & Zeng 2001",
    )


def balanced_sampling(case: Case) -> Remedy | None:
    """Every class is drawn alike often."""
    if case.split.task != "classification" or case.config.sampling == "balanced":
        return None
    return Remedy(
        "balanced sampling",
        "data",
        {"sampling": "balanced"},
        "Every mini-batch shows rare classes as often as common ones.",
        "rows of rare classes are learned by heart sooner",
        "Buda et al. 2018",
    )


def usual_settings(case: Case) -> Remedy | None:
    """Learning, starting weights and loss as they suit most networks, all regularisation off; the layers stay."""
    usual = Config()
    names = ["initializer", "output", "loss", "optimizer", "learning_rate", "momentum", "momentum_form", "beta1"]
    names += ["beta2", "epsilon", "schedule", "decay_rate", "warmup", "batch_size", "clip_norm", "clip_value"]
    names += [*PLAIN, "activation", "sampling", "class_weight", "average_weights"]
    if case.config.network is not None:
        names = [name for name in names if name not in OF_LAYERS]
    settings = {name: to for name in names if getattr(case.config, name) != (to := getattr(usual, name))}
    if "optimizer" not in settings and case.config.changed(learning_rate=None).rate == case.config.rate:
        settings.pop("learning_rate", None)
    if len(settings) < 2:
        return None
    if last_epoch(case.config.changed(epochs=None, stop_after=None), case.split) > last_epoch(case.config, case.split):
        settings |= {"epochs": None, "stop_after": None}
    return Remedy(
        "usual settings",
        "training",
        settings,
        "Where much may be wrong at once, settings that suit most networks are the surer start.",
        "what was set on purpose is lost",
        "course section 6 (start from what worked elsewhere)",
    )
