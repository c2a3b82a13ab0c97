"""Does the network do the least that can be asked: stay finite, and beat a model that a minute of work gives?"""

from collections.abc import Sequence

from caviar.diagnosis.finding import Finding
from caviar.diagnosis.intervals import Estimate
from caviar.training.scores import Score


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


def worse_than_baseline(name: str, gain: Estimate) -> list[Finding]:
    """A finding when a network's held-out loss is worse than that of a simpler model, beyond the interval.

    Args:
        name: of the simpler model, such as "linear".
        gain: loss of the simpler model minus loss of the network, paired.
    """
    if gain.high >= 0:
        return []
    meaning = (
        f"The {name} model has a lower loss on rows that neither has seen, by {-gain.value:.3g} "
        f"(95 % interval {-gain.high:.3g} to {-gain.low:.3g}). A network that loses to it is not trained well, or "
        "the data hold "
        "no more than that model finds."
    )
    return [
        Finding(
            "worse_than_baseline",
            "warning",
            {"baseline": name, "gain": gain.to_json()},
            meaning,
            "Karpathy 2019, a recipe for training",
        )
    ]
