"""Memory: estimates, and lists that find no room."""

import jax
import pytest
import toy_splits
from toy_splits import assert_same_bits

import caviar
from caviar.errors import BadConfig
from caviar.training import crew, devices, lanes, memory, rows

CONFIGS = [caviar.Config(hidden_units=8, epochs=2, learning_rate=0.01 * (n + 1)) for n in range(24)]


class Gpu:
    platform = "gpu"


def lane_of(config, split):
    return lanes.lanes([config], split)[0]


def test_an_estimate_by_hand():
    """7 copies of 4 x 8 + 8 + 8 x 3 + 3 weights and 2.5 of 4 + 8 + 3 activations of 256 rows, 8 networks, 4 bytes."""
    lane = lane_of(CONFIGS[0], toy_splits.classes())
    assert lane.size == 8
    assert memory.lane_bytes(lane.program, 8) == 4 * 8 * (7 * 67 + 2.5 * 15 * 256)


def test_an_estimate_is_what_xla_takes():
    """By XLA's own account, temporary arrays beside arguments and results: within a factor of 2.5, never less."""
    from caviar.training.program import advance

    split = toy_splits.classes()
    for units in ((8,), (64, 64), (256,)):
        lane = lane_of(caviar.Config(hidden_units=units, batch_size=64), split)
        taken = _account(advance, lane, split)
        assert taken < memory.lane_bytes(lane.program, lane.size) < 3 * taken


def _account(advance, lane, split):
    from caviar.training import drive

    found = []
    original = devices.compiled

    def accounted(function, *, donate=()):
        def call(*arguments):
            account = jax.jit(function, donate_argnums=donate).lower(*arguments).compile().memory_analysis()
            of_rows = sum(leaf.nbytes for leaf in jax.tree.leaves(arguments[5:7]))
            beside = account.output_size_in_bytes - account.alias_size_in_bytes
            found.append(account.argument_size_in_bytes + account.temp_size_in_bytes + beside - of_rows)
            return original(function, donate=donate)(*arguments)

        return call

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("caviar.training.program.devices.compiled", accounted)
        advance.cache_clear()
        data = jax.device_put(rows.device_data(1.0, split))
        drive.drive(lane, split, [caviar.Config(hidden_units=_units(lane), epochs=1)], data, lambda *_: None, starts={})
    advance.cache_clear()
    return found[0]


def _units(lane):
    return lane.program.architecture.units


def test_lanes_wait_for_each_other_where_they_do_not_fit_side_by_side(monkeypatch):
    lane = lane_of(CONFIGS[0], toy_splits.classes())
    needed = memory.lane_bytes(lane.program, lane.size)
    places = (devices.places()[0],) * 4
    for room, wanted in ((4 * needed, 4), (3 * needed - 1, 2), (needed, 1), (None, 4)):
        monkeypatch.setattr(memory, "available_bytes", lambda room=room: room)
        assert len(memory.places_with_room([lane], places)) == wanted
    monkeypatch.setattr(memory, "available_bytes", lambda: needed - 1)
    with pytest.raises(BadConfig, match=r"must fit into memory, .* takes about 0.0 GB, but 0.0 GB are free. Make"):
        caviar.train(toy_splits.classes(), CONFIGS)


def test_out_of_memory_is_tried_again_one_lane_at_a_time(monkeypatch):
    """Lanes that found no room beside others train when these are done, to the same bits."""
    split = toy_splits.classes()
    whole = caviar.train(split, CONFIGS)
    tried, original = [], crew.drive

    def drive(lane, *rest, **others):
        tried.append(lane.members)
        if tried.count(lane.members) == 1 and len(tried) < 3:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 99 bytes.")
        return original(lane, *rest, **others)

    monkeypatch.setattr(crew, "drive", drive)
    for run, other in zip(caviar.train(split, CONFIGS), whole, strict=True):
        assert_same_bits(run, other)
    assert len(tried) == 5

    def never(*_rest, **_others):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 99 bytes.")

    monkeypatch.setattr(crew, "drive", never)
    with pytest.raises(BadConfig, match="must fit into memory"):
        caviar.train(split, CONFIGS)

    def broken(*_rest, **_others):
        raise jax.errors.JaxRuntimeError("INTERNAL: broken")

    monkeypatch.setattr(crew, "drive", broken)
    with pytest.raises(jax.errors.JaxRuntimeError, match="INTERNAL"):
        caviar.train(split, CONFIGS)


def test_on_a_gpu_lanes_are_halved_down_to_eight():
    lane = lane_of(CONFIGS[0], toy_splits.classes())._replace(size=64, members=tuple(range(50)))
    todo, places = [lane], (Gpu(),)
    for size in (32, 16, 8):
        todo, places = memory.with_less_memory(todo, places)
        assert {half.size for half in todo} == {size}
        assert [number for half in todo for number in half.members] == list(range(50))
    with pytest.raises(BadConfig, match="must fit into memory"):
        memory.with_less_memory(todo, places)
