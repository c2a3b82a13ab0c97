"""Proposers by a word: what people write where they choose how points are proposed."""

from typing import Any, Literal, assert_never, cast, get_args

from optuna.samplers import BaseSampler

from caviar.errors import BadSpace, nearest
from caviar.tuning.proposals.coarse_to_fine import CoarseToFine
from caviar.tuning.proposals.grid import Grid
from caviar.tuning.proposals.low_discrepancy import LowDiscrepancy
from caviar.tuning.proposals.propose import Proposer, RandomPoints
from caviar.tuning.proposals.samplers import by_sampler, sampled

ProposalName = Literal[
    "coarse_to_fine", "random", "grid", "low_discrepancy", "qmc", "tpe", "gp", "cma", "nsga2", "nsga3"
]
PROPOSALS: tuple[ProposalName, ...] = get_args(ProposalName)


def proposer_for(what: str | BaseSampler | Proposer) -> Proposer:
    """The proposer that a word or a sampler means.

    Args:
        what: a word, one of Optuna's samplers, or a proposer, which is given back.

    Raises:
        BadSpace: an unknown word, with the nearest known one, or something that cannot propose.
        ImportError: a sampler whose package is not installed.
    """
    if isinstance(what, BaseSampler):
        return by_sampler(what)
    if not isinstance(what, str):
        if not callable(what) or not hasattr(what, "ahead") or isinstance(what, type):
            raise BadSpace(
                f"Proposals must be a word, an Optuna sampler or a Proposer, got {what!r}. For example "
                "'coarse_to_fine' or optuna.samplers.TPESampler()."
            )
        return what
    if what not in PROPOSALS:
        raise BadSpace(f"Proposals must be made in a known way, got {what!r}. {nearest(what, PROPOSALS)}")
    return _by_word(cast(ProposalName, what))


def _by_word(word: ProposalName) -> Any:
    match word:
        case "coarse_to_fine":
            return CoarseToFine()
        case "random":
            return RandomPoints()
        case "grid":
            return Grid()
        case "low_discrepancy" | "qmc":
            return LowDiscrepancy()
        case "tpe" | "gp" | "cma" | "nsga2" | "nsga3":
            return sampled(word)
        case _:
            assert_never(word)
