"""What a gradient check found, in figures, in words and as a finding.

difference = ||g - gapprox|| / (||g|| + ||gapprox||)        correct < 1e-6 <= suspicious <= 1e-3 < wrong
"""

import dataclasses
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple, get_args

from caviar.data.words import count
from caviar.diagnosis.finding import Finding
from caviar.diagnosis.quotients import CORRECT, WRONG

Verdict = Literal["correct", "suspicious", "wrong"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


def verdict_of(difference: float) -> Verdict:
    """By the course's limits."""
    if difference < CORRECT:
        return "correct"
    return "suspicious" if difference <= WRONG else "wrong"


def worst_of(verdicts: Iterable[Verdict]) -> Verdict:
    """The one that matters."""
    return max(verdicts, key=VERDICTS.index)


def shown(name: str, index: tuple[int, ...]) -> str:
    """A coordinate as people write it: W1[0, 2]."""
    return f"{name}[{', '.join(map(str, index))}]" if index else name


class Coordinate(NamedTuple):
    """One parameter, and the slope of J along it."""

    name: str
    """Of the array: the way to it in the tree, such as layers.0.w."""
    index: tuple[int, ...]  # pyright: ignore[reportIncompatibleMethodOverride]  (hides a tuple's method)
    """Within the array."""
    given: float
    approximated: float


@dataclasses.dataclass(frozen=True)
class LayerCheck:
    """One array of parameters.

    Attributes:
        name: the way to it in the tree, such as layers.0.w.
        parameters: how many it holds.
        measured: along how many of them J was measured.
        left_out: of these, how many lie at a kink or below round-off.
        difference: by the course's formula, within this array.
        verdict: None where nothing could be told.
    """

    name: str
    parameters: int
    measured: int
    left_out: int
    difference: float
    verdict: Verdict | None


@dataclasses.dataclass(frozen=True)
class GradientCheck:
    """What a gradient check found.

    Attributes:
        difference: by the course's formula, over all coordinates that were measured and not left out; where they are a
            part only, the estimate for all parameters from directions when that is larger.
        verdict: of the difference or, where that is worse, of the worst layer: a small layer does not hide behind a
            large one. `suspicious` also where every coordinate had to be left out.
        worst: the coordinates that differ most, those left out apart.
        layers: one per array of parameters, in the order of the tree.
        loss: J at the parameters.
        parameters: how many there are.
        measured: along how many of them J was measured.
        left_out: of these, how many lie at a kink (of ReLU, say) or have slopes below round-off.
        directions: random directions over all parameters along which J was measured; 0 where every coordinate was.
        bound: with 95 % confidence, the difference over all parameters is at most this; None where all were measured.
        missed: with 95 % confidence, the share of wrong coordinates that no measured one showed is at most this.
        steps: of gradient descent before this check.
        after: the check after some steps of training; None unless asked for.
    """

    difference: float
    verdict: Verdict
    worst: tuple[Coordinate, ...]
    layers: tuple[LayerCheck, ...]
    loss: float
    parameters: int
    measured: int
    left_out: int
    directions: int = 0
    bound: float | None = None
    missed: float = 0.0
    steps: int = 0
    after: "GradientCheck | None" = None

    @property
    def overall(self) -> Verdict:
        """The worse of the verdicts before and after training."""
        return self.verdict if self.after is None else worst_of([self.verdict, self.after.verdict])

    def describe(self) -> str:
        """Lines for a screen."""
        lines = _lines(self)
        if self.after is not None:
            lines += ["", f"After {count(self.after.steps, 'step')} of gradient descent:", *_lines(self.after)]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        content = dataclasses.asdict(self) | {"worst": [one._asdict() for one in self.worst], "overall": self.overall}
        return content | {"after": None if self.after is None else self.after.to_json()}


def findings(check: GradientCheck) -> list[Finding]:
    """A critical finding when the gradients are wrong.

    JAX differentiates networks of `Config.network` itself: there a `jax.custom_vjp` or `jax.custom_jvp` is at fault.
    """
    at_fault = check if check.verdict == "wrong" or check.after is None else check.after
    if at_fault.verdict != "wrong":
        return []
    layers = [layer for layer in at_fault.layers if layer.verdict == "wrong"]
    evidence = {
        "difference": at_fault.difference,
        "limit": WRONG,
        "layers": {layer.name: layer.difference for layer in layers},
        "worst": [one._asdict() for one in at_fault.worst[:3]],
        "measured": at_fault.measured,
        "parameters": at_fault.parameters,
        "steps": at_fault.steps,
    }
    meaning = (
        f"The gradients are not those of the loss. {_located(at_fault)} Whatever is trained with them goes astray, "
        "however the learning rate is set. Correct the backward pass first; for a network that JAX differentiates, "
        "that is a jax.custom_vjp or jax.custom_jvp of yours."
    )
    return [Finding("gradient_mismatch", "critical", evidence, meaning, "course section 4 (gradient checking)")]


def _located(check: GradientCheck) -> str:
    """Which layers differ and which coordinate most."""
    amiss = [layer for layer in check.layers if layer.verdict == check.verdict]
    amiss.sort(key=lambda layer: -layer.difference)
    parts = ", ".join(f"{layer.name} ({layer.difference:.2g})" for layer in amiss[:4])
    more = f" and {len(amiss) - 4} more" if len(amiss) > 4 else ""
    others = len(check.layers) - len(amiss)
    rest = f", not in the other {others:,}" if others and check.verdict == "wrong" else ""
    said = f"They differ in {parts}{more}{rest}." if amiss else ""
    if check.worst and check.verdict != "correct":
        one = check.worst[0]
        said += (
            f" The worst is {shown(one.name, one.index)}: measured {one.approximated:.6g}, given {one.given:.6g}"
            f"{_ratio(one)}."
        )
    return said


def _ratio(one: Coordinate) -> str:
    if not one.approximated or not one.given or 0.99 < abs(one.given / one.approximated) < 1.01:
        return ""
    return f", {one.given / one.approximated:.3g} times as much"


def _lines(check: GradientCheck) -> list[str]:
    all_measured = check.measured == check.parameters
    along = "all" if all_measured else f"{check.measured:,} of"
    lines = [
        f"{check.verdict}: the difference is {check.difference:.2g} along {along} "
        f"{count(check.parameters, 'parameter')} (below {CORRECT:g} is correct, above {WRONG:g} wrong)."
    ]
    if check.verdict != "correct" and (located := _located(check)):
        lines.append(located)
    if check.left_out:
        lines.append(
            f"Left out: {check.left_out:,} at a kink such as ReLU's, or with slopes below the loss's round-off."
        )
    if check.left_out == check.measured:
        lines.append("So nothing can be told here. Check at other parameters, or before training.")
    if check.bound is not None:
        lines.append(
            f"{check.directions} random directions took all parameters along: with 95 % confidence the difference "
            f"over all is at most {check.bound:.2g}, and at most {100 * check.missed:.2g} % of the coordinates differ "
            "unseen."
        )
    differing = [one for one in check.worst if abs(one.given - one.approximated) > CORRECT * abs(one.given)]
    if check.verdict != "correct" and differing:
        lines += ["", f"{'parameter':<28} {'given':>14} {'measured':>14}"]
        lines += [f"{shown(o.name, o.index):<28} {o.given:>14.7g} {o.approximated:>14.7g}" for o in differing]
    return lines
