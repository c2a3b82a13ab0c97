"""Do output activation and loss fit the target?

For classes that exclude each other, softmax with cross-entropy fits; for numbers, a linear output with the squared,
absolute or Huber loss. Others run. What they cost was measured, held-out error with two layers of 32 units and Adam at
its usual rate of 1e-3 / at the best of 3e-4, 1e-3, 3e-3 and 1e-2:

| output, loss | wine (3 classes) | digits (10) | letter, 5,000 rows (26) |
|---|---|---|---|
| softmax, cross-entropy | 1 % / 0 % | 4 % / 2 % | 22 % / 15 % |
| softmax, squared | 1 % / 1 % | 4 % / 3 % | 21 % / 16 % |
| softmax, absolute | 1 % / 1 % | 9 % / 8 % | 40 % / 32 % |
| sigmoid, cross-entropy | 1 % / 1 % | 4 % / 2 % | 28 % / 15 % |
| sigmoid, squared | 1 % / 0 % | 4 % / 3 % | 40 % / 25 % |
| sigmoid, absolute | 1 % / 0 % | 37 % / 36 % | 95 % / 95 % |
| linear, squared | 8 % / 3 % | 20 % / 4 % | 80 % / 52 % |
| linear, absolute | 6 % / 1 % | 69 % / 66 % | 96 % / 96 % |

Huber is between squared and absolute for a linear output (7 %, 13 %, 79 % at the usual rate), and as squared otherwise.
"""

import numpy as np

from caviar.diagnosis.bias_variance import TOLERANCE
from caviar.diagnosis.finding import Finding, Severity
from caviar.diagnosis.guard import OF_LOSS, severity_of_training
from caviar.diagnosis.subject import Subject
from caviar.network.losses import LossName, OutputName
from caviar.training.plan import loss_for, output_for

_FEW, _MANY = 3, 10
"""Classes up to which the absolute loss did no harm, and up to which the squared loss of sigmoid did none."""

_SOURCE = "course section 8 (softmax and cross-entropy); measured, see `diagnosis.output_and_loss`"


def find(subject: Subject) -> list[Finding]:
    """An output activation or a loss that does not fit the target.

    A warning where the same network with an output and a loss that fit has a lower loss beside it, by an amount that
    matters: the burden of proof lies with what is against custom. Where none was trained, a warning where the
    combination was measured to hurt and this network does err on its own training rows. An "info" otherwise.
    """
    classes = subject.split.outputs
    output, loss = output_for(subject.config, classes), loss_for(subject.config, classes)
    if subject.split.task == "regression":
        return _of_numbers(output)
    evidence = {"output": output, "loss": loss, "classes": classes, "train_error": _train_error(subject)}
    tried = next((companion for companion in subject.companions if companion.kind == "fitting output"), None)
    proof = ""
    if tried is not None:
        own, other = (float(np.mean([s.loss.mean() for s in scores])) for scores in (tried.against, tried.scores))
        severity: Severity = severity_of_training(subject) if own - other > OF_LOSS * own else "info"
        proof = f" With it, all else equal, the loss on held-out rows is {other:.3g} instead of {own:.3g}."
        evidence |= {"experiment": tried.name, "loss": own, "loss_that_fits": other}
    else:
        severity = "warning" if _hurts(output, loss, classes) and _errs(subject) else "info"
    found = []
    if output != "softmax":
        meaning = (
            f"The {classes} classes exclude each other, but the output is {output}: "
            + (
                "its answers are any numbers, of which the loss demands 0 and 1 exactly, also where one class is far "
                "ahead already; with many classes nearly all of them are 0, and answering 0 everywhere is a way out."
                if output == "linear"
                else "it says yes or no to every class on its own and does not know that one of them is true."
            )
            + " Softmax with cross-entropy fits; leave Config.output out."
            + proof
        )
        told = severity if output == "linear" or (tried and loss == "cross_entropy") else "info"
        found.append(Finding("wrong_output_activation", told, evidence, meaning, _SOURCE))
    if output != "linear" and loss != "cross_entropy":
        meaning = (
            f"The loss of the {classes} classes is {loss.replace('_', ' ')}: "
            "its slope is next to nothing where the network is sure and wrong, which is where it should learn most"
            + (
                ", and where most targets are 0 it is content with answering 0 for every class."
                if loss == "absolute"
                else "."
            )
            + " Cross-entropy fits; leave Config.loss out."
            + proof
        )
        found.append(Finding("wrong_loss", severity, evidence, meaning, _SOURCE))
    return found


def _of_numbers(output: OutputName) -> list[Finding]:
    """Losses of numbers all fit: squared, absolute and Huber answer different questions."""
    if output == "linear":
        return []
    meaning = (
        "The target is a number, standardised to mean 0, but the output is "
        + (
            "softmax, which of a single number makes 1 for every row: nothing can be learned."
            if output == "softmax"
            else "sigmoid, which answers between 0 and 1: no row below the target's mean can be met."
        )
        + " A linear output fits; leave Config.output out."
    )
    return [Finding("wrong_output_activation", "critical", {"output": output}, meaning, _SOURCE)]


def _hurts(output: OutputName, loss: LossName, classes: int) -> bool:
    """Whether a combination for classes costs accuracy by the table above."""
    if output == "linear":
        return True
    if loss == "absolute":
        return classes > _FEW
    return output == "sigmoid" and loss != "cross_entropy" and classes > _MANY


def _train_error(subject: Subject) -> float | None:
    errors = [score.train_error for score in subject.scores if score.status != "diverged"]
    return float(np.mean(errors)) if errors else None


def _errs(subject: Subject) -> bool:
    error = _train_error(subject)
    return error is None or error > TOLERANCE["classification"]
