"""Changes: what becomes of a network in the middle of its training when a setting is another one.

Most settings are traced: the same compiled program takes the new value with its next step. Others need another program
- mini-batches of another size, dropout where there was none - and the network moves into it as it is. Where a layer
gets wider, the new units start as the initialiser says and are connected to nothing behind them, so that the network
answers as before and grows into them; where it gets narrower, those are left out whose weights to the next layer are
shortest. An optimiser of another kind begins without memory.

Source: widening without a change of the answers: Chen et al. 2016 (Net2Net), with zeros in place of copies.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from caviar.arrays import Numbers, Whole
from caviar.data.split import Split
from caviar.errors import BadCommand
from caviar.network.config import Config
from caviar.network.layers import Layer, Statistics, Weights
from caviar.network.shapes import LayerShape
from caviar.training import packing
from caviar.training.drive import starting_weights
from caviar.training.plan import inputs_of, last_epoch, program_for
from caviar.training.step import State
from caviar.watching.branches import Branch, steps_per_epoch

_ALIKE = ({"adam", "adamw"}, {"momentum", "nesterov"})
"""Optimisers that remember the same things."""


def changed_config(config: Config, settings: Mapping[str, Any], split: Split) -> Config:
    """The config with the new settings; the rates of a schedule by hand follow the learning rate.

    Raises:
        BadConfig: it cannot be, or not on this data.
        BadCommand: another number of layers.
    """
    others = dict(settings)
    if "learning_rate" in others and "schedule" not in others and others["learning_rate"] is not None:
        config = config.at_rate(others.pop("learning_rate"))
    new = config.changed(**others)
    if len(new.hidden_units) != len(config.hidden_units):
        raise BadCommand(
            f"hidden_units may change in width while a network trains, not in number: {config.hidden_units} needs "
            f"{len(config.hidden_units)} numbers, got {new.hidden_units}. Begin another session with it."
        )
    program_for(new, split)
    return new


def waits_for_epoch(branch: Branch, settings: Mapping[str, Any], split: Split) -> bool:
    """Whether a change has to wait for the end of an epoch: mini-batches of another size would not divide it."""
    new = dataclasses.replace(branch, config=changed_config(branch.config, settings, split))
    own = steps_per_epoch(branch, split)
    return own != steps_per_epoch(new, split) and branch.steps % own > 0


def compiles(branch: Branch, settings: Mapping[str, Any], split: Split) -> bool:
    """Whether a change needs another program."""
    new = changed_config(branch.config, settings, split)
    return program_for(new, split) != program_for(branch.config, split)


def changed(branch: Branch, settings: Mapping[str, Any], split: Split) -> Branch:
    """The branch with settings changed, between two steps.

    Raises:
        BadConfig: they cannot be, or not on this data.
        BadCommand: another number of layers.
    """
    old, new = branch.config, changed_config(branch.config, settings, split)
    state = branch.state
    if new.optimizer != old.optimizer and not any({new.optimizer, old.optimizer} <= alike for alike in _ALIKE):
        state = _forgotten(state)
    if new.hidden_units != old.hidden_units:
        state = _resized(state, old, new, split)
    averaged = program_for(new, split).averaged
    if averaged != program_for(old, split).averaged:
        weight = -math.expm1(int(state.moments.steps) * math.log(new.average_weights)) if new.average_weights else 0.0  # pyright: ignore[reportAttributeAccessIssue]
        state = state._replace(
            averaged=jax.tree.map(lambda w: (weight * w).astype(w.dtype), state.weights) if averaged else ()
        )
    after = dataclasses.replace(branch, config=new, state=_active_again(state, branch, new, settings, split))
    per_epoch = steps_per_epoch(branch, split)
    if steps_per_epoch(after, split) == per_epoch:
        return after
    assert branch.steps % per_epoch == 0, "mini-batches of another size begin with an epoch: see waits_for_epoch"
    return dataclasses.replace(after, steps=branch.steps // per_epoch * steps_per_epoch(after, split))


def _active_again(state: State, branch: Branch, new: Config, settings: Mapping[str, Any], split: Split) -> State:
    """Whether the network trains on: more epochs and another patience let it go on, fewer end it."""
    monitor = state.monitor
    active = not monitor.diverged and branch.epochs < last_epoch(new, split)
    if branch.status == "stopped" and "early_stopping" not in settings:
        active = False
    waited = np.zeros_like(monitor.waited) if "early_stopping" in settings else monitor.waited
    return state._replace(monitor=monitor._replace(active=np.asarray(active), waited=waited))


def _forgotten(state: State) -> State:
    """Without what the optimiser, batch norm and averages remember: they count the same steps."""
    zeros = jax.tree.map(np.zeros_like, (state.moments, state.moving, state.averaged))
    return state._replace(moments=zeros[0], moving=zeros[1], averaged=zeros[2])


def _resized(state: State, old: Config, new: Config, split: Split) -> State:
    """The state at other widths."""
    inputs = inputs_of(split.width, split.image_shape)
    before, after = (packing.shapes_of(config, inputs, split.outputs) for config in (old, new))
    architecture, dtype = program_for(new, split).architecture, split.x.dtype
    own = _at_true_shapes(state.weights, before)
    chosen = [
        _chosen(own[number + 1].w, shape.units, wanted.units)
        for number, (shape, wanted) in enumerate(zip(before[:-1], after[:-1], strict=True))
    ]
    fresh = starting_weights(new, split)

    def resized(tree: Weights, filling: Weights | None) -> Weights:
        layers = _layers(_at_true_shapes(tree, before), chosen, after, filling)
        return jax.tree.map(lambda values: values[0], packing.padded([layers], architecture, dtype))

    def statistics(each: Sequence[Statistics], variance: float) -> tuple[Statistics, ...]:
        seen = tuple(
            Statistics(_taken(one.mean, kept, wanted.units, 0.0), _taken(one.variance, kept, wanted.units, variance))  # pyright: ignore[reportArgumentType]
            for one, kept, wanted in zip(each, chosen, after, strict=False)
        )
        return jax.tree.map(lambda v: v[0], packing.padded_statistics([seen], architecture, dtype)) if seen else ()

    moments = state.moments
    known = -math.expm1(int(moments.steps) * math.log(new.norm_beta)) if 0 < new.norm_beta < 1 else 1.0  # pyright: ignore[reportAttributeAccessIssue]
    return state._replace(
        weights=resized(state.weights, fresh),
        moments=moments._replace(velocity=resized(moments.velocity, None), square=resized(moments.square, None)),  # pyright: ignore[reportAttributeAccessIssue]
        moving=statistics(state.moving, known),
        kept=resized(state.kept, fresh),
        kept_statistics=statistics(state.kept_statistics, 1.0),
        averaged=resized(state.averaged, None) if state.averaged else (),
    )


def _at_true_shapes(tree: Weights, shapes: Sequence[LayerShape]) -> Weights:
    return packing.unpadded(jax.tree.map(lambda v: np.asarray(v)[None], tree), (), 0, shapes)[0]


def _chosen(following: Numbers, units: int, wanted: int) -> Whole | None:
    """The units that a layer keeps: those with the longest weights to the next layer, shape (next, units); None: all.

    A layer that keeps its width may be a convolution, of whose units the next layer sees several places.
    """
    if wanted == units:
        return None
    lengths = np.sqrt((np.asarray(following) ** 2).sum(axis=0))
    return np.sort(np.argsort(-lengths, kind="stable")[:wanted])


def _layers(
    layers: Weights, chosen: Sequence[Whole | None], after: Sequence[LayerShape], filling: Weights | None
) -> Weights:
    """Each layer with the units and inputs that are kept; what is new from `filling`, or 0.

    The weights of old units to new ones before them are 0 in any case.
    """
    found, before = [], None
    for number, (layer, shape) in enumerate(zip(layers, after, strict=True)):
        own = chosen[number] if number < len(chosen) else None
        kept = np.arange(len(layer.b)) if own is None else own
        inputs = np.arange(layer.w.shape[1]) if before is None else before
        w, b = np.zeros((shape.units, shape.inputs)), np.zeros(shape.units)
        scale = None if layer.scale is None else np.zeros(shape.units)
        if filling is not None:
            w[len(kept) :], b[len(kept) :] = filling[number].w[len(kept) :], filling[number].b[len(kept) :]
            if scale is not None:
                scale[len(kept) :] = filling[number].scale[len(kept) :]
        w[: len(kept), : len(inputs)] = np.asarray(layer.w)[np.ix_(kept, inputs)]
        b[: len(kept)] = np.asarray(layer.b)[kept]
        if scale is not None:
            scale[: len(kept)] = np.asarray(layer.scale)[kept]
        found.append(Layer(w, b, scale))  # pyright: ignore[reportArgumentType]
        before = own
    return tuple(found)


def _taken(values: Any, chosen: Whole | None, units: int, filling: float) -> Numbers:
    found = np.full(units, filling)
    kept = np.arange(units) if chosen is None else chosen
    found[: len(kept)] = np.asarray(values)[kept]
    return found
