import jax
import numpy as np
import pytest
import toy_splits
from toy_splits import assert_same_bits

import caviar
from caviar.errors import BadConfig
from caviar.network.shapes import Inputs
from caviar.training import devices, feed
from caviar.training.outputs import outputs
from caviar.training.packing import starting_weights

BASE = caviar.Config(hidden_units=8, activation="tanh", batch_size=32, epochs=3, learning_rate=0.01)
FULL = caviar.Config(hidden_units=8, activation="tanh", batch_size="full", epochs=60, optimizer="sgd")


def test_training_loss_falls_in_every_iteration():
    """Course, section 5: full batch, no dropout, a rate that is not too high; also J with penalties."""
    for split in (toy_splits.classes(), toy_splits.numbers()):
        rate = 0.05 if split.task == "regression" else 0.3
        for run in caviar.train(
            split, [FULL.changed(learning_rate=rate), FULL.changed(learning_rate=rate, l2=3.0, l1=0.5)]
        ):
            assert (np.diff(run.history["objective"]) < 0).all()
            assert run.history["train_loss"][-1] < 0.8 * run.history["train_loss"][0]
            if not run.config.l2:
                assert (np.diff(run.history["train_loss"]) < 0).all()
                # The loss after one epoch is J of the next.
                np.testing.assert_allclose(run.history["objective"][1:], run.history["train_loss"][:-1], rtol=1e-5)


def test_one_step_of_full_batch_is_gradient_descent():
    """W1 - W0 = -alpha dJ/dW, by two rates."""
    split = toy_splits.classes()
    start = starting_weights(FULL, Inputs(4), 3)
    ends = caviar.train(split, [FULL.changed(epochs=1, learning_rate=rate) for rate in (0.1, 0.2)])
    for layer, one, two in zip(start, *(run.weights for run in ends), strict=True):
        np.testing.assert_allclose(two.w - layer.w, 2 * (one.w - layer.w), rtol=1e-4, atol=1e-6)


def test_a_batch_larger_than_the_rows_is_full():
    split = toy_splits.classes()
    full, larger, exact = caviar.train(split, [FULL.changed(epochs=4, batch_size=b) for b in ("full", 5000, 96)])
    for other in (larger, exact):
        for a, b in zip(full.weights, other.weights, strict=True):
            np.testing.assert_array_equal(a.w, b.w)


@pytest.mark.parametrize("kind", ["classes", "numbers"])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_the_history_is_what_the_kept_weights_answer(kind, batch_norm):
    split = getattr(toy_splits, kind)()
    run = caviar.train(split, [BASE.changed(batch_norm=batch_norm)])[0]
    assert (run.status, run.epochs, run.best_epoch) == ("finished", 3, 3)
    raw = outputs([(run.config, run.weights, run.statistics)], split.x)[0].astype(float)
    if kind == "classes":
        loss, error = np.log(np.exp(raw).sum(1)) - raw[np.arange(128), split.y], raw.argmax(1) != split.y
        errors = error[:96].mean(), error[96:].mean()
    else:
        loss = (raw[:, 0] - split.y) ** 2
        in_unit = split.target.decode(raw[:, 0]) - split.target.decode(split.y)
        errors = np.sqrt(np.mean(in_unit[:96] ** 2)), np.sqrt(np.mean(in_unit[96:] ** 2))
    came = [run.history[name][-1] for name in ("train_loss", "dev_loss", "train_error", "dev_error")]
    np.testing.assert_allclose(came, [loss[:96].mean(), loss[96:].mean(), *errors], rtol=1e-5)
    assert all(curve.dtype == np.float64 and curve.shape == (3,) for curve in run.history.values())
    assert run.at_best("dev_loss") == run.history["dev_loss"][2]


def test_early_stopping_keeps_the_best_and_stops():
    split = toy_splits.classes()
    base = BASE.changed(learning_rate=0.1, epochs=40, activation="gelu")
    whole, *stopped = caviar.train(split, [base, *(base.changed(early_stopping=p) for p in (1, 4))])
    for run in stopped:
        patience = run.config.early_stopping
        loss = run.history["dev_loss"]
        assert run.status == "stopped"
        assert run.epochs < 40
        assert run.best_epoch == loss.argmin() + 1 == run.epochs - patience
        assert (loss[run.best_epoch :] >= loss.min()).all()
        np.testing.assert_array_equal(loss, whole.history["dev_loss"][: run.epochs])
        best = caviar.train(split, [base.changed(stop_after=run.best_epoch)])[0]
        for a, b in zip(run.weights, best.weights, strict=True):
            np.testing.assert_array_equal(a.w, b.w)
    assert whole.status == "finished"


def test_early_stopping_never_stops_what_gets_better():
    split = toy_splits.classes()
    run = caviar.train(split, [BASE.changed(early_stopping=1, learning_rate=1e-4)])[0]
    assert (np.diff(run.history["dev_loss"]) < 0).all()
    assert (run.status, run.epochs, run.best_epoch) == ("finished", 3, 3)


@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_divergence_is_contained_and_marked(kind):
    split = getattr(toy_splits, kind)()
    wild = {"optimizer": "sgd", "activation": "gelu", "learning_rate": 1e30}
    good = [BASE, BASE.changed(activation="silu", optimizer="momentum", l2=1.0)]
    alone = caviar.train(split, good)
    one, bad, two = caviar.train(split, [good[0], BASE.changed(**wild), good[1]])
    assert_same_bits(one, alone[0])
    assert_same_bits(two, alone[1])
    assert bad.status == "diverged"
    assert bad.best_epoch == 0
    assert bad.epochs == 1
    assert bad.at_best("dev_loss") == np.inf
    for layer, start in zip(bad.weights, starting_weights(bad.config, Inputs(4), split.outputs), strict=True):
        np.testing.assert_array_equal(layer.w, start.w.astype(np.float32))  # the last finite ones


def test_a_network_that_diverges_later_keeps_its_last_finite_weights():
    """A linear model at a rate far too high: its error is some thousand times larger after every step."""
    split = toy_splits.numbers()
    run = caviar.train(split, [FULL.changed(hidden_units=(), learning_rate=1e3, epochs=60)])[0]
    assert run.status == "diverged"
    assert 1 < run.best_epoch == run.epochs - 1
    assert all(np.isfinite(layer.w).all() for layer in run.weights)
    assert np.isfinite(run.history["train_loss"][: run.best_epoch]).all()
    assert not np.isfinite([run.history[n][-1] for n in ("train_loss", "objective", "dev_loss")]).all()


def test_the_smallest_epsilons_do_no_harm_in_padded_units():
    """7 units in a program for 8: the eighth has gradient and variance 0."""
    split = toy_splits.classes()
    least = {"hidden_units": 7, "norm_epsilon": 1e-20, "epsilon": 1e-20}
    configs = [BASE.changed(optimizer=o, batch_norm=b, **least) for o in ("adam", "rmsprop") for b in (False, True)]
    assert [run.status for run in caviar.train(split, configs)] == ["finished"] * 4


def test_it_goes_on_from_weights():
    """Stochastic gradient descent remembers nothing: 2 and 1 epochs are as good as the rows of epochs allow."""
    split = toy_splits.classes()
    run = caviar.train(split, [FULL.changed(epochs=4)])[0]
    half = caviar.train(split, [FULL.changed(epochs=2)])[0]
    rest, fresh = caviar.train(split, [FULL.changed(epochs=2)] * 2, weights=[half.weights, None])
    for a, b in zip(run.weights, rest.weights, strict=True):
        np.testing.assert_array_equal(a.w, b.w)
        np.testing.assert_array_equal(a.b, b.b)
    assert_same_bits(fresh, half)


def test_weights_that_do_not_fit():
    split = toy_splits.classes()
    run = caviar.train(split, [BASE.changed(epochs=1)])[0]
    with pytest.raises(
        BadConfig, match=r"network 1 must be \[0\].w \(7, 4\), .*, got \[0\].w \(8, 4\), .* Take them from a Run of"
    ):
        caviar.train(split, [BASE, BASE.changed(hidden_units=7)], weights=[None, run.weights])
    with pytest.raises(BadConfig, match=r"one item of weights per config \(2\), got 1. Use None"):
        caviar.train(split, [BASE, BASE], weights=[run.weights])
    for other in (BASE.changed(hidden_units=(8, 8)), BASE.changed(batch_norm=True)):
        with pytest.raises(BadConfig, match="Take them from a Run of the same layers and norms"):
            caviar.train(split, [other], weights=[run.weights])


@pytest.mark.parametrize(("kind", "hidden"), [("classes", (3,)), ("classes", (8, 2)), ("numbers", ())])
def test_shapes_of_what_comes_back(kind, hidden):
    split = getattr(toy_splits, kind)()
    outputs_ = 3 if kind == "classes" else 1
    run = caviar.train(split, [BASE.changed(hidden_units=hidden, epochs=1)])[0]
    sizes = (4, *hidden, outputs_)
    assert [layer.w.shape for layer in run.weights] == list(zip(sizes[1:], sizes, strict=False))
    assert [layer.b.shape for layer in run.weights] == [(n,) for n in sizes[1:]]
    assert {a.dtype for layer in run.weights for a in (layer.w, layer.b)} == {np.dtype(np.float32)}
    assert run.statistics == ()


def test_callbacks_are_told():
    split = toy_splits.classes()
    told = []
    configs = [BASE, BASE.changed(seed=1), BASE.changed(batch_norm=True), BASE.changed(rows=(0, 3))]
    runs = caviar.train(split, configs, callbacks=[told.append])
    shares = [progress.share for progress in told]
    assert shares == sorted(shares)
    assert 0 < shares[0] < shares[-1] == 1
    assert told[-1].networks_done == told[-1].networks == 4
    finished = dict(pair for progress in told for pair in progress.finished)
    assert sorted(finished) == [0, 1, 2, 3]
    assert all(finished[number] is run for number, run in enumerate(runs))
    assert [progress.networks_done for progress in told] == sorted(progress.networks_done for progress in told)


def test_what_a_callback_raises_ends_the_training():
    def stop(progress):
        raise KeyboardInterrupt(progress.share)

    with pytest.raises(KeyboardInterrupt):
        caviar.train(toy_splits.classes(), [BASE], callbacks=[stop])


def test_lists_of_any_kind():
    split = toy_splits.classes()
    assert caviar.train(split, []) == []
    assert [run.config for run in caviar.train(split, (c for c in [BASE.changed(epochs=1)]))] == [
        BASE.changed(epochs=1)
    ]
    with pytest.raises(BadConfig, match="needs a list of Config, got dict in it"):
        caviar.train(split, [BASE, {"epochs": 1}])


def test_what_this_split_does_not_have():
    x, y = toy_splits.blobs(60, 2, 4)
    without = caviar.split(caviar.read((x, y)), dev=0, test=20)
    with pytest.raises(BadConfig, match="early_stopping needs dev rows to watch, got 3 on a split without any"):
        caviar.train(without, [BASE.changed(early_stopping=3)])
    with pytest.raises(BadConfig, match=r"label_smoothing must be left out for regression, got 0.1: the target 'y'"):
        caviar.train(toy_splits.numbers(), [BASE.changed(label_smoothing=0.1)])


def test_nothing_of_the_user_s_is_changed():
    split = toy_splits.classes()
    weights = starting_weights(BASE, Inputs(4), 3)
    before = jax.tree.map(np.copy, (split.x, split.y, weights))
    caviar.train(split, [BASE], weights=[weights])
    for a, b in zip(jax.tree.leaves(before), jax.tree.leaves((split.x, split.y, weights)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_program_is_compiled_once(monkeypatch):
    """Several lanes, seeds and calls; the first call has NumPy arrays, later ones what the program gave back."""
    compiled = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda name, _seconds, **_: compiled.append(name) if name.endswith("backend_compile_duration") else None
    )
    monkeypatch.setattr(feed, "_STEPS_PER_CALL", 3)
    monkeypatch.setattr(devices, "make_room_for_programs", lambda: None)  # those of other tests may be too many
    configs = [BASE.changed(batch_size=29, epochs=4, seed=seed) for seed in range(3)]
    caviar.train(toy_splits.classes(), configs)
    assert len(compiled) == 1
    caviar.train(toy_splits.classes(), configs)
    assert len(compiled) == 1


@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_callbacks_see_every_epoch_as_it_ends(kind, monkeypatch):
    """Put together, what was told is the history: each epoch once, in order, none after a network has stopped."""
    monkeypatch.setattr(feed, "_STEPS_PER_CALL", 7)
    split, told = getattr(toy_splits, kind)(), []
    wild = {"optimizer": "sgd", "activation": "gelu", "learning_rate": 1e30}
    configs = [
        BASE.changed(epochs=9),
        BASE.changed(epochs=4, seed=1),
        BASE.changed(epochs=30, early_stopping=1, learning_rate=0.5),
        BASE.changed(**wild),
        BASE.changed(epochs=5, record="layers", l2=1.0),
    ]
    runs = caviar.train(split, configs, callbacks=[told.append])
    assert {run.status for run in runs} == {"finished", "stopped", "diverged"}
    seen = {}
    for epochs in (each for progress in told for each in progress.epochs):
        parts = seen.setdefault(epochs.number, [])
        assert epochs.first == sum(len(part["train_loss"]) for part in parts)
        parts.append(epochs.history)
    assert len(seen[0]) > 2
    for number, run in enumerate(runs):
        assert set(seen[number][0]) == set(run.history) - {"learning_rate"}
        for name in seen[number][0]:
            np.testing.assert_array_equal(np.concatenate([part[name] for part in seen[number]]), run.history[name])
