"""Gradients that vanish or explode on their way back through the layers.

Every layer multiplies the gradient by its gain; over L layers the gains multiply. Measured are the lengths of the
gradients of all W on several mini-batches, with the starting and with the trained weights. A ratio is a symptom; it is
a finding where training is hurt (`guard`).
"""

import numpy as np

from caviar.arrays import Numbers
from caviar.diagnosis.finding import Finding
from caviar.diagnosis.guard import hurt, listed, severity_of_training, share_diverged, stuck, underfits
from caviar.diagnosis.subject import Probe, Subject

_VANISHED, _EXPLODED = 1e-3, 1e2
"""Gradient of the first layer's W over the last one's, from which a symptom is read."""

_HUGE = 1e3
"""Length of a gradient at which a step of any usual rate throws the weights away."""


def find(subject: Subject) -> list[Finding]:
    """Vanishing or exploding gradients, where training is hurt."""
    if subject.start is None or len(subject.start.weight_norm) < 3 or not hurt(subject):
        return []
    return _vanishing(subject) or _exploding(subject)


def gains(probe: Probe) -> Numbers:
    """The gain of every step back: length of a layer's gradient over that of the layer behind it, (matrices - 1,)."""
    lengths = probe.gradient_norm.mean(axis=0)
    return np.divide(lengths[:-1], lengths[1:], out=np.full(len(lengths) - 1, np.nan), where=lengths[1:] > 0)


def _vanishing(subject: Subject) -> list[Finding]:
    seen = [probe for probe in (subject.start, subject.end) if probe is not None]
    ratios = [_ratio(probe) for probe in seen]
    # The loss of every mini-batch must tell the same: none of them may stand for all.
    at = [bool(np.all(ratio < _VANISHED)) for ratio in ratios]
    if not at[0] or not ((all(at) and stuck(subject)) or underfits(subject)):
        return []
    start = seen[0]
    layers, each = len(start.weight_norm), gains(start)
    typical = float(np.median(ratios[0])) ** (1 / (layers - 1))
    meaning = (
        f"The gradient shrinks on its way back: in the first layer it is {np.median(ratios[0]):.1e} of what it is in "
        f"the last one, which is {typical:.2g} for every layer, multiplied over {layers - 1}. The first layers "
        "hardly learn, and the network errs on its training rows "
        f"{'nearly as much as one that answers every row alike' if stuck(subject) else 'more than quick models need'}. "
        "ReLU units with He initialisation, batch norm or fewer layers keep the gain near 1."
    )
    evidence = _evidence(start, subject.end) | {"ratio": float(np.median(ratios[0])), "gains": _plain(each)}
    return [Finding("vanishing_gradients", severity_of_training(subject), evidence, meaning, _SOURCE)]


def _exploding(subject: Subject) -> list[Finding]:
    start = subject.start
    assert start is not None
    lengths = start.gradient_norm
    ratio = _ratio(start)
    if np.isfinite(lengths).all() and not (np.all(ratio > _EXPLODED) or np.all(lengths.max(axis=1) > _HUGE)):
        return []
    meaning = (
        "With the starting weights the gradients of the layers' weights have the lengths "
        f"{listed(lengths.mean(axis=0))} (first layer first): the layers' gains multiply to more than any step can "
        "bear. Starting weights of a fitting size (He for ReLU, Glorot for tanh) bring the gain to 1; clipping the "
        "gradient or batch norm bounds it."
    )
    severity = "critical" if stuck(subject) or share_diverged(subject) > 0 else "warning"
    evidence = _evidence(start, subject.end) | {"gains": _plain(gains(start))}
    return [Finding("exploding_gradients", severity, evidence, meaning, _SOURCE)]


_SOURCE = "course section 4 (vanishing and exploding gradients); Glorot & Bengio 2010; He et al. 2015"


def _ratio(probe: Probe) -> Numbers:
    """First layer's gradient over the last one's, (batches,); 1 where both are 0."""
    first, last = probe.gradient_norm[:, 0], probe.gradient_norm[:, -1]
    return np.divide(first, last, out=np.where(first > 0, np.inf, 1.0), where=last > 0)


def _evidence(start: Probe, end: Probe | None) -> dict[str, object]:
    found: dict[str, object] = {"gradient_norm_at_start": _plain(start.gradient_norm.mean(axis=0))}
    if end is not None:
        found["gradient_norm_at_end"] = _plain(end.gradient_norm.mean(axis=0))
        found["update_ratio_at_end"] = _plain(end.update_ratio)
    return found | {"mini_batches": len(start.loss)}


def _plain(values: Numbers) -> list[float | None]:
    """For JSON: null where a figure is not finite."""
    return [float(f"{value:.4g}") if np.isfinite(value) else None for value in values]
