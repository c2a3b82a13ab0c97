"""The same bits for a config and seed: alone, among others, in any order, and again."""

import dataclasses
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
import toy_splits
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_splits import assert_same_bits

import caviar
from caviar.network.activations import ACTIVATIONS
from caviar.network.config import INITIALIZERS, OPTIMIZERS, SCHEDULES
from caviar.training import feed
from caviar.training.lanes import workload
from caviar.training.plan import program_for
from caviar.training.program import EPOCHS_PER_CALL


def all_different(number):
    """A config that differs from the others in everything that networks of one program may differ in."""
    rng = np.random.default_rng(number)

    def one_of(words):
        return words[rng.integers(len(words))]

    return caviar.Config(
        hidden_units=int(rng.integers(1, 9)),
        activation=one_of(ACTIVATIONS[7:]),
        initializer=one_of([name for name in INITIALIZERS if name != "zeros"]),
        dropout=float(rng.uniform(0.05, 0.9)),
        l1=float(rng.uniform(0, 2)),
        l2=float(rng.uniform(0, 2)),
        weight_decay=float(rng.uniform(0, 0.1)),
        label_smoothing=float(rng.uniform(0, 0.5)),
        optimizer=one_of(OPTIMIZERS),
        learning_rate=float(10 ** rng.uniform(-3, 0)),
        schedule=one_of(SCHEDULES),
        batch_size=32,
        epochs=int(rng.integers(1, 7)),
        early_stopping=one_of([None, 1, 3]),
        seed=int(rng.integers(3)),
    )


CONFIGS = [all_different(number) for number in range(50)]


@pytest.fixture(scope="module")
def together():
    split = toy_splits.classes()
    assert len({program_for(config, split) for config in CONFIGS}) == 1
    return caviar.train(split, CONFIGS)


@settings(max_examples=12)
@given(numbers=st.lists(st.integers(0, 49), min_size=1, max_size=20))
def test_a_network_does_not_notice_its_neighbours(numbers, together):
    """Any part of the list, in any order, also with a network twice."""
    runs = caviar.train(toy_splits.classes(), [CONFIGS[n] for n in numbers])
    for number, run in zip(numbers, runs, strict=True):
        assert_same_bits(run, together[number])


@pytest.mark.parametrize("number", [0, 7, 31])
def test_alone_among_fifty_and_again(number, together):
    for _ in range(2):
        assert_same_bits(caviar.train(toy_splits.classes(), [CONFIGS[number]])[0], together[number])


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system cannot keep a process on one core")
@pytest.mark.parametrize(
    ("cores", "settings"), [(1, {}), (2, {"JAX_NUM_CPU_DEVICES": "4"}), (2, {"NPROC": "5"})], ids=str
)
def test_cores_devices_and_threads_do_not_matter(cores, settings, together):
    """In another process, on one core, with more XLA devices or with more threads."""
    script = (
        f"import os; os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:{cores}])\n"
        "import hashlib, sys; sys.path.insert(0, sys.argv[1])\n"
        "import caviar, toy_splits\n"
        "from training.test_bits import CONFIGS, fingerprint\n"
        "print(fingerprint(caviar.train(toy_splits.classes(), CONFIGS[:12])))"
    )
    tests = Path(__file__).parents[1]
    command = [sys.executable, "-c", script, str(tests)]
    environment = os.environ | settings | {"PYTHONPATH": os.pathsep.join([str(tests / "training"), *sys.path])}
    came = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert came.stdout.split()[-1] == fingerprint(together[:12])


def fingerprint(runs):
    """Of all weights, statistics and histories."""
    parts = [(run.weights, run.statistics, run.history) for run in runs]
    return hashlib.sha256(b"".join(np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(parts))).hexdigest()


def test_the_order_does_not_matter(together):
    order = np.random.default_rng(0).permutation(50)
    for number, run in zip(order, caviar.train(toy_splits.classes(), [CONFIGS[n] for n in order]), strict=True):
        assert_same_bits(run, together[number])


def test_the_networks_are_really_different(together):
    assert len({run.weights[1].w.tobytes() for run in together}) == 50
    assert {run.status for run in together} >= {"finished", "stopped"}


def test_seeds_share_a_call_and_not_their_numbers():
    split = toy_splits.classes()
    base = dataclasses.replace(CONFIGS[0], hidden_units=8, initializer="he", learning_rate=0.01, epochs=2)
    seeds = [base.changed(seed=seed) for seed in (0, 1, 2, 1)]
    runs = caviar.train(split, seeds)
    assert_same_bits(runs[1], runs[3])
    for config, run in zip(seeds, runs, strict=True):
        assert_same_bits(run, caviar.train(split, [config])[0])
    assert not np.array_equal(runs[0].weights[0].w, runs[1].weights[0].w)
    assert not np.array_equal(runs[1].weights[0].w, runs[2].weights[0].w)


def test_batch_norm_and_a_wide_layer_too():
    """Another program, with a smaller lane: statistics have the same bits as well."""
    split = toy_splits.classes()
    configs = [
        caviar.Config(hidden_units=(40, units), batch_norm=True, dropout=0.3, batch_size=32, epochs=2, seed=seed)
        for seed in (0, 1)
        for units in (33, 64, 50)
    ]
    runs = caviar.train(split, configs)
    for number in (1, 5):
        assert_same_bits(caviar.train(split, [configs[number]])[0], runs[number])
    assert len(runs[0].statistics) == 2


def test_the_length_of_a_run_does_not_change_its_beginning():
    """`stop_after` leaves the schedule as it was laid out for all epochs: the first ones have the same bits."""
    split = toy_splits.classes()
    whole = CONFIGS[3].changed(initializer="he", schedule="one_cycle", epochs=6, early_stopping=None)
    run, first = caviar.train(split, [whole, whole.changed(stop_after=2)])
    assert (run.epochs, first.epochs, first.status, first.best_epoch) == (6, 2, "finished", 2)
    for name in run.history:
        np.testing.assert_array_equal(run.history[name][:2], first.history[name])
    shorter = caviar.train(split, [whole.changed(epochs=2)])[0]
    assert not np.array_equal(shorter.weights[0].w, first.weights[0].w)


def test_any_cutting_into_calls_gives_the_same_bits(together, monkeypatch):
    """The host looks in when it likes: after 5 steps at most, or after as many as it likes."""
    monkeypatch.setattr(feed, "_STEPS_PER_CALL", 5)
    for run, other in zip(caviar.train(toy_splits.classes(), CONFIGS[:20]), together, strict=False):
        assert_same_bits(run, other)


def test_a_long_run_has_all_its_epochs():
    """More epochs than the record of one call has places for."""
    split = toy_splits.classes()
    base = CONFIGS[0].changed(optimizer="sgd", initializer="he", learning_rate=1e-3, early_stopping=None, dropout=0.1)
    long, short = caviar.train(split, [base.changed(epochs=EPOCHS_PER_CALL * 2 + 9, schedule="constant"), base])
    assert long.epochs == EPOCHS_PER_CALL * 2 + 9
    assert all(np.isfinite(curve).all() for curve in long.history.values())
    assert len(set(long.history["train_loss"])) > EPOCHS_PER_CALL * 2
    assert short.epochs == base.epochs


def test_what_a_list_takes():
    split = toy_splits.classes()
    one, fifty = workload(split, CONFIGS[:1]), workload(split, CONFIGS)
    assert one.programs == fifty.programs == 1
    assert 0 < one.products < fifty.products
    assert workload(split, [*CONFIGS, CONFIGS[0].changed(batch_norm=True)]).programs == 2
    assert workload(split, []) == (type(one))(0, 0.0)
