"""The search: generation after generation of points, each judged as one list.

A generation is a function of the seed, its number and the trials of earlier generations, so that a search that was
interrupted goes on to the same study. What points are - configs of networks or arguments of a function - is known by
whoever proposes and judges them.
"""

import contextlib
import itertools
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import optuna

from caviar.tuning.plan import Entry, Judge, Nowhere, Plan, Records, Study, asked_of, mark_of
from caviar.tuning.progress import Progress
from caviar.tuning.proposals.propose import Proposal, Zoom
from caviar.tuning.study.sharing import Claim, Claims, shares
from caviar.tuning.study.store import Begun, tupled
from caviar.tuning.trials import Trial

__all__ = ["Entry", "Judge", "Nowhere", "Plan", "Records", "Study", "asked_of", "mark_of", "search"]

Tell = Callable[[Sequence[Trial], tuple[Zoom, ...]], None]
_LOOK_AGAIN_SECONDS = 0.5


def search(
    plan: Plan,
    judge: Judge,
    study: optuna.Study,
    *,
    records: Records | None = None,
    again: bool = False,
    enough: Callable[[], bool] = lambda: False,
    tell: Callable[[Sequence[Trial], tuple[Zoom, ...]], None] = lambda *_: None,
) -> Study:
    """Search a space.

    Args:
        plan: what is searched, and how.
        judge: trains configs, or calls a function, and says what came of each.
        study: where trials are kept, see `store.open_study`; those of this search that it holds are not judged again.
        records: where generations are kept with their curves, see `records.Curves`.
        again: judge also what the study holds: whoever judges remembers it, and knows more than the study keeps.
        enough: asked between generations; the search ends when it says so.
        tell: told after each generation of its trials and its zooms.

    Returns:
        The study, with every trial; all that it holds of this search, were it more than asked.

    Raises:
        BadRun: the study or the records cannot be written; the same call goes on from there.
    """
    so_far = Progress(plan, study, records or Nowhere(), again=again)
    if so_far.unusable:
        told = ", ".join(f"{count} where {reason}" for reason, count in so_far.unusable.items())
        warnings.warn(f"Trials of others count as points where they fit the space; left out: {told}.", stacklevel=2)
    if shares(study):
        _with_others(so_far, judge, Claims(study), enough=enough, tell=tell)
    else:
        _alone(so_far, plan, judge, enough=enough, tell=tell)
    return so_far.study()


def _alone(so_far: Progress, plan: Plan, judge: Judge, *, enough: Callable[[], bool], tell: Tell) -> None:
    """One generation after the other."""
    with ThreadPoolExecutor(1, "caviar proposals") as pool:
        asked: Future[Proposal] | None = None
        for generation in itertools.count():
            batch = so_far.known(generation)
            if batch is None:
                # What is known is gone through first, so that a resumed search never ends before it.
                if so_far.left(generation) <= 0 or (generation and enough()):
                    break
                proposal = asked.result() if asked else so_far.propose(so_far.request(generation))
                batch = so_far.batch(generation, proposal)
            if not batch.entries:
                break
            asked = None
            if batch.outcomes is None:
                so_far.begin(generation, batch)
                if plan.propose.ahead:
                    asked = pool.submit(so_far.propose, so_far.request(generation + 1))
            fresh = so_far.settle(
                generation, batch, batch.outcomes or judge(batch.entries, generation, so_far.before(generation))
            )
            tell(fresh, batch.zooms)


def _with_others(so_far: Progress, judge: Judge, claims: Claims, *, enough: Callable[[], bool], tell: Tell) -> None:
    """Whichever generation is nobody's, until all are there."""
    while True:
        so_far.refresh()
        claim, waits = None, False
        for generation in so_far.generations():
            if so_far.is_settled(generation):
                continue
            if so_far.in_study(generation) and (batch := so_far.known(generation)):
                tell(
                    so_far.settle(
                        generation, batch, batch.outcomes or judge(batch.entries, generation, so_far.before(generation))
                    ),
                    batch.zooms,
                )
                continue
            if so_far.settled and enough():
                return
            if (claim := claims.claim(generation)) or claims.had_no_points(generation):
                break
            waits = True
        if claim is not None:
            _judge_claimed(so_far, judge, claims, claim, tell=tell)
        elif waits:
            time.sleep(_LOOK_AGAIN_SECONDS)
        else:
            return


def _judge_claimed(so_far: Progress, judge: Judge, claims: Claims, claim: Claim, *, tell: Tell) -> None:
    """Propose, judge and write a generation that is this machine's."""
    generation = claim.generation
    try:
        with claims.alive(generation):
            batch = so_far.known(generation)
            if batch is None and claim.points is not None:
                begun = Begun.of(claim.points["begun"])
                batch = so_far.batch_of(generation, tupled(claim.points["points"]), begun.zooms)
            if batch is None:
                batch = so_far.batch(generation, so_far.propose(so_far.request(generation)))
            points = [entry.values for entry in batch.entries]
            claims.proposed(generation, {"begun": Begun(len(points), batch.zooms).plain(), "points": points})
            outcomes = batch.outcomes or judge(batch.entries, generation, so_far.before(generation))
            with claims.writing(generation) as mine:
                so_far.refresh()
                fresh = so_far.settle(generation, batch, outcomes) if mine else []
    except BaseException:
        with contextlib.suppress(Exception):
            claims.release(generation)
        raise
    if fresh:
        tell(fresh, batch.zooms)
