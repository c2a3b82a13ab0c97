"""Does the network do the least that can be asked?

It should start at a loss of knowing nothing, learn with all its weights, stay finite, and beat a model that a minute of
work gives. Nothing is trained here; `thorough` has the checks that train.
"""

from collections.abc import Sequence

import numpy as np

from caviar.diagnosis.finding import Finding, Severity
from caviar.diagnosis.intervals import Estimate, paired_gain
from caviar.diagnosis.own_network import without_gradient
from caviar.diagnosis.subject import Subject
from caviar.diagnosis.untrained import loss_without_signal
from caviar.training.scores import Score

OFF = 10.0
"""Times the loss without signal from which a starting loss is off."""

_SLOW = 0.1
"""Share of the epochs that may pass before the loss without signal is reached."""

_NO_BETTER = 0.02
"""Share of the constant model's loss below which a gain over it is none."""

_RECIPE = "Karpathy 2019, a recipe for training"


def find(subject: Subject) -> list[Finding]:
    """All of them."""
    return [
        *diverged(subject.scores),
        *no_gradient(subject),
        *initial_loss_off(subject),
        *worse_than_constant(subject),
    ]


def diverged(scores: Sequence[Score]) -> list[Finding]:
    """A finding when networks of one config became infinite or NaN; scores of several seeds."""
    gone = [score for score in scores if score.status == "diverged"]
    if not gone:
        return []
    rate = gone[0].config.rate
    meaning = (
        f"With {len(gone)} of {len(scores)} seeds the losses became infinite or undefined. The usual cause is a "
        f"learning rate that is too high: it is {rate:g}, lower it by a factor of 3 to 10. Inputs that were not "
        "normalised, or starting weights that are too large, do the same."
    )
    evidence = {"diverged": len(gone), "seeds": len(scores), "learning_rate": rate}
    source = "course section 5 (learning rate) and section 4 (exploding gradients)"
    return [Finding("diverged", "critical", evidence, meaning, source)]


def no_gradient(subject: Subject) -> list[Finding]:
    """A finding when all weights of a layer have a gradient of exactly 0, at the start as at the end.

    At one of the two alone it is the work of others: dead units at the end, gates that open at the start. Networks of
    the user's own are looked at array by array, see `own_network`.
    """
    start, end = subject.start, subject.end
    if start is None or subject.config.network is not None:
        return []
    still = (start.no_gradient == 1) & (True if end is None else end.no_gradient == 1)
    last = len(still)
    return without_gradient(
        [f"W of {'the last layer' if number == last else f'layer {number}'}" for number in np.flatnonzero(still) + 1],
        last,
    )


def initial_loss_off(subject: Subject) -> list[Finding]:
    """A finding when the starting loss is many times what a network loses that knows nothing, such as log C.

    Random answers lose more than none. Of 160 usual starts on four data sets (depths 1 to 6, all activations and
    initialisers but `normal`) 97 % lost up to 2.6 times it; the worst, SELU and linear units with He, 10 to 12 times. A
    standard deviation of 1 gives ReLU networks 25 to 4,500 times, raw inputs 7 to 77 times. It is a warning where it
    also takes more than a tenth of the epochs to come down to it; otherwise training repairs it, and it is "info". A
    starting loss below it is no fault: the starting weights know something.
    """
    if subject.start is None:
        return []
    expected, came = loss_without_signal(subject.config, subject.split), float(subject.start.loss.mean())
    if came <= OFF * expected:
        return []
    history = subject.runs[0].history["train_loss"]
    below = np.flatnonzero(history < expected)
    reached = int(below[0]) + 1 if len(below) else None
    slow = reached is None or reached > max(1, _SLOW * len(history))
    severity: Severity = "warning" if slow else "info"
    times = f"{came / expected:.0f} times as much" if np.isfinite(came) else "not a finite number"
    meaning = (
        f"A network that knows nothing yet should lose {expected:.3g} on its training rows; this one starts at "
        f"{came:.3g}, {times}. It is sure of what it cannot know: starting weights are too large for its inputs, or "
        "the inputs are not normalised. "
        + (
            f"Of {len(history)} epochs {'all' if reached is None else reached} passed before it had unlearned that."
            if slow
            else f"Training had unlearned that after {reached} of {len(history)} epochs."
        )
    )
    evidence = {
        "initial_loss": came if np.isfinite(came) else None,
        "expected": expected,
        "epochs_until_reached": reached,
        "epochs": len(history),
    }
    return [Finding("initial_loss_off", severity, evidence, meaning, _RECIPE + " (verify the loss at init)")]


def worse_than_constant(subject: Subject) -> list[Finding]:
    """A finding when the networks are not shown to be better than the model that is blind to its inputs.

    Where rows are too few to tell a gain of 2 % of its loss from none, nothing is said; nor of networks that diverged.
    """
    mine = [score.loss for score in subject.scores if score.status != "diverged"]
    if not mine:
        return []
    constant = np.broadcast_to(subject.constant.loss, (len(mine), len(mine[0])))
    return worse_than_baseline(
        "constant", paired_gain(constant, np.stack(mine)), least=_NO_BETTER * float(subject.constant.loss.mean())
    )


def worse_than_baseline(name: str, gain: Estimate, least: float = 0.0) -> list[Finding]:
    """A finding when a network's held-out loss is worse than that of a simpler model, beyond the interval.

    Args:
        name: of the simpler model, such as "linear".
        gain: loss of the simpler model minus loss of the network, paired.
        least: a gain that must be possible: where the whole interval lies below, the network is no better.
    """
    if gain.low > 0 or gain.high >= least:
        return []
    compared = f"{gain.value:.3g}, 95 % interval {gain.low:.3g} to {gain.high:.3g}"
    meaning = (
        f"The {name} model has a lower loss on rows that neither has seen, by {-gain.value:.3g} (95 % interval "
        f"{-gain.high:.3g} to {-gain.low:.3g})."
        if gain.high < 0
        else f"On rows that neither has seen the network's loss is no lower than that of the {name} model ({compared})."
    ) + " A network that does not beat it is not trained well, or the data hold no more than that model finds."
    return [Finding("worse_than_baseline", "warning", {"baseline": name, "gain": gain.to_json()}, meaning, _RECIPE)]
