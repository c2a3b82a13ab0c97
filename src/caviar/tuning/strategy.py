"""Panda or caviar: one network at a time, nudged by what the last one showed, or many at once.

The course's two ways of working (section 6). Which one pays follows from how many networks the budget allows: a search
by populations needs a first look at the whole space and at least one zoom before it knows more than it began with.
"""

import dataclasses
import math
import time
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from caviar.data.split import Split
from caviar.errors import BadSpace, nearest
from caviar.network.config import Config
from caviar.training.devices import places
from caviar.training.plan import lane_size, last_epoch, program_for
from caviar.training.population import train
from caviar.training.scores import RowPlan, networks_for
from caviar.tuning.proposals.together import LEADERS, LEADERS_LATER

StrategyName = Literal["panda", "caviar"]
STRATEGIES: tuple[StrategyName, ...] = ("panda", "caviar")

COMPILING = 0.15
"""Share of the time that is left which a generation may take to compile its programs."""

_SECONDS_TO_COMPILE = 1.0
"""Of a program, at least: the one that is measured may have been compiled before, others have not."""

_FEW_EPOCHS = 4

FEWEST = 16
"""Configs that a search by populations needs: eight to look at the whole space, and as many again to zoom once."""


@dataclasses.dataclass(frozen=True)
class Strategy:
    """How a budget is used.

    Attributes:
        name: panda | caviar.
        configs: that the budget allows.
        at_once: configs that are trained in the time of one.
        seconds_each: of one config when `at_once` are trained together, measured; None where configs are counted.
        reason: one or two sentences.
        seconds_program: to compile a program, measured; None where configs are counted.
    """

    name: StrategyName
    configs: int
    at_once: int
    seconds_each: float | None
    reason: str
    seconds_program: float | None = None

    def most_programs(self, seconds: float | None, earlier: Sequence[int]) -> int | None:
        """Programs that a generation may compile; None where configs are counted, or cost no time.

        Args:
            seconds: of the whole search.
            earlier: configs of each earlier generation; what they took is reckoned, not measured, so that the search
                follows from its plan.
        """
        if seconds is None or not self.seconds_each or not self.seconds_program:
            return None
        left = seconds - self.seconds_program  # one was compiled to be measured
        for number, configs in enumerate(earlier):
            programs = min(LEADERS if number == 0 else LEADERS_LATER, self._affordable(left))
            left -= configs * self.seconds_each + programs * self.seconds_program
        return self._affordable(left)

    def _affordable(self, left: float) -> int:
        return max(0, int(COMPILING * left / (self.seconds_program or math.inf)))

    def to_json(self) -> dict[str, Any]:
        """Plain values by name."""
        return dataclasses.asdict(self)


def configs_at_once(split: Split, config: Config, on: RowPlan) -> int:
    """Configs like this one that the machine trains in the time of one, at least 1: what fills a lane on every core."""
    networks = networks_for(config, on)
    folds = len(networks) if len(networks) > 1 else 0
    return max(1, lane_size(program_for(networks[0], split).architecture, folds) * len(places()) // len(networks))


class Seconds(NamedTuple):
    """What training takes."""

    each: float
    """Of one config, when as many are trained as fit side by side."""
    program: float
    """Of a program, to be compiled."""


def seconds_of(split: Split, config: Config, on: RowPlan) -> Seconds:
    """Seconds of one config like this one, measured.

    One epoch is trained twice: what the first takes longer is compiling, and paid once. Then a few: what one more takes
    is told apart from what every training takes before its first.
    """
    at_once, epochs = configs_at_once(split, config, on), last_epoch(config, split)
    several = [config.at_rate(config.rate * (1 + i / 1000)) for i in range(at_once)]

    def took(until: int) -> float:
        networks = [
            one.changed(epochs=epochs, stop_after=until, early_stopping=None)
            for each in several
            for one in networks_for(each, on)
        ]
        began = time.perf_counter()
        train(split, networks)
        return time.perf_counter() - began

    first, again, few = took(1), took(1), min(epochs, _FEW_EPOCHS)
    longer = took(few)
    # Where the machine was busy and more epochs took less, each of them is taken to be a whole part of the training.
    more = (longer - again) / (few - 1) if few > 1 and longer > again else longer / few
    return Seconds((again + (epochs - 1) * more) / at_once, max(_SECONDS_TO_COMPILE, first - again))


def choose_strategy(
    *, at_once: int, trials: int | None, seconds: float | None, took: Seconds | None, asked: StrategyName | None
) -> Strategy:
    """Which way a budget goes, and why.

    Args:
        at_once: see `Strategy`.
        trials: configs that may be tried; None where only the seconds count.
        seconds: that may be taken; None where only configs count.
        took: what one config takes, measured; None where only configs count.
        asked: the way that a person wants; None: by the budget.

    Raises:
        BadSpace: no such way.
    """
    if asked is not None and asked not in STRATEGIES:
        raise BadSpace(f"--strategy must be panda or caviar, got {asked!r}. {nearest(asked, STRATEGIES)}")
    seconds_each = None if took is None else took.each
    timed = 10**9 if seconds is None or not seconds_each else max(1, int(seconds / seconds_each))
    configs = min(timed, trials or 10**9)
    name: StrategyName = asked or ("caviar" if configs >= FEWEST else "panda")
    if seconds is not None and seconds_each and timed <= (trials or 10**9):
        budget = (
            f"{seconds:g} s allow about {configs:,} configs: {seconds_each:.3g} s each, measured on this machine with "
            f"{at_once} at once."
        )
    else:
        budget = f"The budget is {configs:,} configs, {at_once} of them in the time of one."
    why = {
        "caviar": f"Many at once, coarse to fine: {FEWEST} are enough to look at the whole space and zoom once.",
        "panda": f"Fewer than {FEWEST} cannot search a space: the best so far is nudged, one setting at a time, the "
        "most important first.",
    }
    reason = f"{budget} {why[name]}"
    if asked is not None:
        reason = f"{budget} --strategy {asked} was asked for" + (
            "." if (configs >= FEWEST) == (asked == "caviar") else "; the budget alone would go the other way."
        )
    return Strategy(name, configs, at_once, seconds_each, reason, None if took is None else took.program)
