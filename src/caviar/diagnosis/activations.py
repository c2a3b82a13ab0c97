"""Hidden units that do not do their work: dead, saturated or all alike, and starting weights that make them so.

Measured on several mini-batches of training rows, with the starting and with the trained weights. Still units are
common in networks that are well; they are a finding where training is hurt (`guard`).
"""

import numpy as np

from caviar.diagnosis.finding import Finding
from caviar.diagnosis.guard import Better, better, hurt, leading, listed, severity, severity_of_training, stuck
from caviar.diagnosis.subject import Probe, Subject

_MOST = 0.5
"""Share of a layer's units from which a symptom is read."""

_FADED = 1e-3
"""Spread of the last hidden layer's answers, of inputs that spread by about 1, at which nothing of them is left."""

_CUT = ("relu",)

_SOURCE_UNITS = "course section 4; Glorot & Bengio 2010; Lu et al. 2019 (dying ReLU)"
_SOURCE_START = "course section 4 (initialisation); He et al. 2015"


def find(subject: Subject) -> list[Finding]:
    """Symmetric, dead and saturated units, and poor starting weights, where training is hurt."""
    if subject.start is None or not len(subject.start.spread):
        return []
    symmetric = _symmetric(subject)
    if symmetric or not hurt(subject):
        return symmetric
    return [*_dead(subject), *_saturated(subject), *_poor_start(subject)]


def _symmetric(subject: Subject) -> list[Finding]:
    """Units of a layer that start alike and stay so: they receive the same gradient for ever."""
    start, end = subject.start, subject.end
    assert start is not None
    if end is None or not stuck(subject):
        return []
    alike = np.minimum(start.symmetric, end.symmetric)
    layer = int(np.argmax(alike))
    if alike[layer] <= _MOST:
        return []
    meaning = (
        f"{alike[layer]:.0%} of the units of hidden layer {layer + 1} answer every row as another one does, before "
        "and after training. Units that start alike receive the same gradient and stay alike, so that the layer is no "
        "more than a single unit. Random starting weights break the symmetry."
    )
    evidence = {"symmetric_units": alike.tolist(), "initializer": subject.config.initializer}
    return [Finding("symmetric_units", "critical", evidence, meaning, _SOURCE_START)]


def _dead(subject: Subject) -> list[Finding]:
    """Units of ReLU that answer no row, in more than half of a layer."""
    cut = np.array([name in _CUT for name in subject.config.activations])
    seen = subject.end or subject.start
    assert seen is not None
    still = np.where(cut, seen.constant, 0)
    assert subject.start is not None
    if _signal_is_lost(subject.start):  # what hardly varies is rounded to one answer: nothing died
        return []
    if still.max() <= _MOST or leading(subject) in ("higher rate", "plain"):
        return []
    layer = int(still.argmax())
    meaning = (
        f"{still[layer]:.0%} of the units of hidden layer {layer + 1} give the same answer for every row: under "
        "ReLU they are dead, receive no gradient and never come back. A learning rate that is too high throws them "
        "there; a lower one, He initialisation, or leaky ReLU and ELU, which are never flat, keep them alive."
    )
    evidence = {"dead_units": still.tolist(), "activation": list(subject.config.activations)}
    return [Finding("dead_units", severity_of_training(subject), evidence, meaning, _SOURCE_UNITS)]


def _saturated(subject: Subject) -> list[Finding]:
    """Units of tanh and sigmoid at a bound, for most rows, from the start on."""
    start, end = subject.start, subject.end
    assert start is not None
    at = start.saturated if end is None else np.minimum(start.saturated, end.saturated)
    ended = at if end is None else end.saturated
    worst = max(float(at.max()), float(ended.max()) if stuck(subject) else 0.0)
    if worst <= _MOST or leading(subject) == "plain":
        return []
    meaning = (
        f"In the hidden layers {listed(ended)} of all answers lie within 1 % of a bound of tanh or sigmoid (first "
        "layer first), where the slope is next to nothing and with it the gradient. Smaller starting weights (Glorot), "
        "normalised inputs or ReLU units let it through."
    )
    evidence = {"saturated_at_start": start.saturated.tolist(), "saturated_at_end": ended.tolist()}
    return [Finding("saturated_units", severity_of_training(subject), evidence, meaning, _SOURCE_UNITS)]


def _poor_start(subject: Subject) -> list[Finding]:
    """Other starting weights do better, all else equal."""
    other = better(subject, "other start")
    start = subject.start
    assert start is not None
    if not other:
        return _lost_signal(subject, start)
    best: Better = other[0]
    meaning = (
        f"The hidden units' answers start with the spreads {listed(start.spread)} (first layer first); near 1 they "
        f"neither fade nor swell from layer to layer. {best.sentence()} Take an initialiser that fits the activation: "
        "He for ReLU, Glorot for tanh and sigmoid."
    )
    evidence = best.evidence() | {"spread": start.spread.tolist(), "initializer": subject.config.initializer}
    return [Finding("poor_initialization", severity(subject, best), evidence, meaning, _SOURCE_START)]


def _lost_signal(subject: Subject, start: Probe) -> list[Finding]:
    """Answers that fade from layer to layer until nothing of the inputs is left, where nothing is learned."""
    if not _signal_is_lost(start) or not stuck(subject):
        return []
    meaning = (
        f"With the starting weights the hidden units' answers spread by {listed(start.spread)} (first layer first): "
        "what tells the rows apart fades from layer to layer, and next to nothing of it reaches the output. Take an "
        "initialiser that fits the activation - He for ReLU, Glorot for tanh and sigmoid - or fewer layers, or "
        "batch norm."
    )
    evidence = {"spread": start.spread.tolist(), "initializer": subject.config.initializer}
    return [Finding("poor_initialization", severity_of_training(subject), evidence, meaning, _SOURCE_START)]


def _signal_is_lost(start: Probe) -> bool:
    return bool(start.spread[-1] < _FADED)
