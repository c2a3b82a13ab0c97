"""Drives one lane: from where its networks stand to their last epoch, or to a rung.

The compiled program runs n steps with n traced; the host calls it again and again, tells in between what has ended, and
keeps the lane on disk where it is asked to. Any cutting into calls gives the same bits, so a lane may stop anywhere and
go on, with the same networks or, at a rung, with those that are left of several lanes.
"""

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import numpy as np

from caviar.data.split import Split
from caviar.network.config import Config
from caviar.network.layers import Weights
from caviar.training import packing
from caviar.training.calls import Calls, curves
from caviar.training.checkpoints import Journey, LaneCheckpoint
from caviar.training.exact_statistics import exact_statistics
from caviar.training.feed import Feed, Steps
from caviar.training.lanes import Lane
from caviar.training.plan import Hyperparameters, inputs_of, last_epoch, prior_bias
from caviar.training.program import empty_record
from caviar.training.record import Run, Status
from caviar.training.rows import groups
from caviar.training.side_by_side import Tell
from caviar.training.step import Data, Measures, Monitor, State

_SECONDS_PER_CALL = 0.5


class Standing(NamedTuple):
    """One network where its lane has left it, to go on in another."""

    epoch: int
    """Epochs that it has trained."""
    state: State
    """Arrays of this network, padded as its program wants them."""
    history: Measures
    """One value per epoch."""


class Arrival(NamedTuple):
    """One network at the end of its lane."""

    number: int
    """Its place in the list."""
    run: Run
    """As it is; `pruned` where it could go on."""
    standing: Standing | None
    """Where it could go on."""


def drive(
    lane: Lane,
    split: Split,
    configs: Sequence[Config] | Mapping[int, Config],
    data: Data,
    tell: Tell,
    *,
    starts: Mapping[int, Weights | Standing],
    until: int | None = None,
    kept: LaneCheckpoint | None = None,
) -> tuple[Arrival, ...]:
    """Train one lane until its last network is done.

    Args:
        lane: whose networks either all begin or all stand at one epoch.
        split: train and dev rows.
        configs: the networks, by their place in the list.
        data: the rows as the program reads them.
        tell: told the share done and the `Epochs` that have ended.
        starts: by their place in the list, weights that were given and networks that have been trained in part; the
            others start from their initialiser.
        until: the epoch of a rung, at which all stop; None: to the end.
        kept: where the lane is kept between calls, and from where it goes on.
    """
    networks = [configs[number] for number in lane.slots]
    calls = Calls(lane, split, networks, data)
    feed, per_epoch = calls.feed, calls.feed.steps_per_epoch
    last = max(last_epoch(config, split) for config in networks)
    total = (last if until is None else min(last, until)) * per_epoch

    own = [starts.get(number) for number in lane.slots]
    journey = first = _begun(lane, calls.settings, split, networks, own, per_epoch=per_epoch)
    if kept is not None:
        journey = kept.recall(first, empty_record(lane.program, lane.size, split.x.dtype)) or first
    begins, (at, state, recorded) = first.at, journey

    def following(at: int, now: int) -> Steps | None:
        """The next steps: no more than have room, nor beyond the end."""
        return feed.steps(at, min(now, total - at, calls.room(at))) if at < total else None

    now, active = max(1, feed.most // 16), bool(np.any(state.monitor.active))
    steps = following(at, now) if active else None
    while steps is not None and active:
        epoch = at // per_epoch
        began = time.perf_counter()
        state, record = calls.call(state, steps, at)
        at += steps.n
        trained, steps = steps.n, following(at, now)  # made ready while the program computes
        closed = at // per_epoch - epoch
        ended = jax.tree.map(lambda values, n=closed: np.asarray(values)[:, :n].copy(), record)
        if closed or not recorded:
            recorded.append(ended)
        monitor = jax.tree.map(np.asarray, state.monitor)
        active = bool(monitor.active.any())
        try:
            tell((at - begins) / (total - begins), tuple(calls.ended(ended, monitor, epoch)))
        except BaseException:  # stopped from outside: nothing is lost
            if kept is not None:
                kept.keep(Journey(at, state, recorded))
            raise
        if kept is not None and (kept.due() or (kept.end and (at == total or not active))):
            kept.keep(Journey(at, state, recorded))
        speed = _SECONDS_PER_CALL / max(1e-4, time.perf_counter() - began)
        now = max(1, round(trained * min(4.0, speed)))
    return _arrived(
        lane,
        Journey(at, state, recorded),
        split=split,
        networks=networks,
        feed=feed,
        settings=calls.settings,
    )


def _begun(
    lane: Lane,
    settings: Hyperparameters,
    split: Split,
    networks: Sequence[Config],
    starts: Sequence[Weights | Standing | None],
    *,
    per_epoch: int,
) -> Journey:
    """Where the lane starts: before the first step, or at the epoch at which all its networks stand."""
    standing = [start for start in starts if isinstance(start, Standing)]
    if standing:
        state = jax.tree.map(lambda *v: np.stack(v), *[s.state for s in standing])
        history = jax.tree.map(lambda *v: np.stack(v), *[s.history for s in standing])
        return Journey(standing[0].epoch * per_epoch, state, [history])
    weights: list[Weights] = [
        starting_weights(config, split) if given is None or isinstance(given, Standing) else given
        for config, given in zip(networks, starts, strict=True)
    ]
    packed = packing.padded(weights, lane.program.architecture, split.x.dtype)
    return Journey(
        0, packing.first_state(packed, settings, lane.program.architecture, averaged=lane.program.averaged), []
    )


def starting_weights(config: Config, split: Split) -> Weights:
    """The weights from which a network starts that is given none."""
    last_bias = prior_bias(config, split) if config.prior_bias else None
    return packing.starting_weights(config, inputs_of(split.width, split.image_shape), split.outputs, last_bias)


def _arrived(
    lane: Lane,
    journey: Journey,
    *,
    split: Split,
    networks: Sequence[Config],
    feed: Feed,
    settings: Hyperparameters,
) -> tuple[Arrival, ...]:
    """The networks of a lane at its end."""
    history = jax.tree.map(lambda *parts: np.concatenate(parts, axis=1), *journey.recorded)
    state = jax.tree.map(np.asarray, journey.state)
    statistics = state.kept_statistics
    wanted = np.array([config.norm_statistics == "exact" for config in networks])[:, None]
    if wanted.any():
        exact = exact_statistics(
            lane.program.architecture, state.kept, settings, split.x, groups(networks[0].rows, split, lane.seed)
        )
        statistics = jax.tree.map(lambda own, other: np.where(wanted, own, other), exact, statistics)
    arrivals = []
    for slot, number in enumerate(lane.members):
        config = networks[slot]
        shapes = packing.shapes_of(config, inputs_of(split.width, split.image_shape), split.outputs)
        weights, seen = packing.unpadded(state.kept, statistics, slot, shapes)
        epochs = int(state.monitor.trained[slot])
        run = Run(
            config=config,
            status=_status(state.monitor, slot, last_epoch(config, split)),
            history=curves(history, slot, epochs, split) | {"learning_rate": feed.rates_at_ends(slot, epochs)},
            best_epoch=int(state.monitor.best_epoch[slot]),
            weights=weights,
            statistics=seen,
        )
        standing = None
        if run.status == "pruned":
            own_state, own_history = jax.tree.map(lambda v, s=slot: v[s], (state, history))
            standing = Standing(journey.at // feed.steps_per_epoch, own_state, own_history)
        arrivals.append(Arrival(number, run, standing))
    return tuple(arrivals)


def _status(monitor: Monitor, slot: int, planned: int) -> Status:
    if monitor.active[slot]:
        return "pruned"
    if monitor.diverged[slot]:
        return "diverged"
    return "finished" if monitor.trained[slot] == planned else "stopped"
