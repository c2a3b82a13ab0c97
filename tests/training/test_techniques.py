"""Every technique against the formulas: steps in float64, in a program that holds it, and what it means for a run."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import toy_splits
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta as beta_distribution
from scipy.stats import kstest

import by_hand
import caviar
from caviar.errors import BadConfig
from caviar.network.shapes import Image, Inputs
from caviar.remedies.experiment import at_rates
from caviar.training import mixup, packing
from caviar.training.augment import Amounts
from caviar.training.outputs import outputs
from caviar.training.plan import (
    DEV,
    FILLER,
    TRAIN,
    architecture_for,
    class_weights,
    held_out,
    hyperparameters,
    prior_bias,
    program_for,
    rows_per_batch,
)
from caviar.training.program import mini_batch
from caviar.training.rows import Order, device_data
from caviar.training.schedules import learning_rates
from caviar.training.step import Batch, corrected, update
from training.test_follows_by_hand import assert_same_weights, hand

BASE = caviar.Config(
    hidden_units=(7, 5), activation=("tanh", "sigmoid"), batch_size=12, learning_rate=0.05, norm_epsilon=1e-3, epochs=3
)
FOR_BOTH = [
    {"layer_norm": True},
    {"layer_norm": True, "optimizer": "sgd", "dropout": 0.25},
    {"max_norm": 0.6, "l2": 1.0},
    {"clip_norm": 0.05},
    {"clip_value": 0.01, "optimizer": "momentum"},
    {"clip_norm": 0.1, "clip_value": 0.03, "l1": 3.0},
    {"input_noise": 0.3},
    {"mixup": 0.4},
    {"mixup": 0.4, "input_noise": 0.2, "batch_norm": True},
    {"average_weights": 0.9},
    {"loss": "absolute"},
    {"loss": "huber", "huber_delta": 0.5},
    {"output": "sigmoid", "loss": "squared"},
    {"output": "softmax", "loss": "squared", "optimizer": "sgd"},
]
FOR_CLASSES = [
    {"output": "sigmoid"},
    {"output": "sigmoid", "label_smoothing": 0.1},
    {"output": "linear", "loss": "huber"},
    {"class_weight": (1.0, 5.0, 0.5)},
    {"class_weight": "balanced", "mixup": 1.0, "label_smoothing": 0.2},
    {"class_weight": (0.0, 1.0, 1.0), "loss": "squared", "clip_norm": 0.1, "max_norm": 1.0, "average_weights": 0.5},
]
CASES = [(task, own) for task in ("classification", "regression") for own in FOR_BOTH]
CASES += [("classification", own) for own in FOR_CLASSES]


UNCHANGED = Amounts(*[jnp.zeros(())] * len(Amounts._fields))


def split_for(task):
    return toy_splits.classes() if task == "classification" else toy_splits.numbers()


@functools.cache
def compiled(program):
    return jax.jit(lambda s, h, b, rate, share: update(program, s, h, b, rate=rate, share=share))


@pytest.mark.parametrize(("task", "own"), CASES)
def test_five_steps_in_float64(task, own):
    """12 rows of which one only fills up and one is held out: neither counts, and none is mixed into another."""
    split = split_for(task)
    config = BASE.changed(**own)
    program = program_for(config, split)
    rng = np.random.default_rng(3)
    start = packing.starting_weights(config, Inputs(4), split.outputs)
    start = tuple(layer._replace(b=rng.normal(size=layer.b.shape)) for layer in start)
    layers, optimizer = hand(start), by_hand.Optimizer(config)
    averaged = [{name: 0 * array for name, array in layer.items()} for layer in layers]
    weights_of_classes = class_weights(config, split) if program.weighted else None
    x, y = split.x.astype(float), split.y.astype(int if task == "classification" else float)
    with jax.enable_x64(True):
        one = packing.stacked([hyperparameters(config, split)], np.dtype(float))
        padded = packing.padded([start], program.architecture, np.dtype(float))
        state = packing.first_state(padded, one, program.architecture, averaged=program.averaged)
        one, state = jax.tree.map(lambda v: jnp.asarray(v[0]), (one, state))
        for _ in range(5):
            rows, drawn = rng.integers(0, 96, 12), [rng.uniform(size=(8, 12)) for _ in range(2)]
            noise, share = rng.normal(size=(4, 12)), float(rng.uniform(0.1, 0.9))
            group = np.array([TRAIN] * 4 + [DEV] + [TRAIN] * 6 + [FILLER], np.int32)
            counts = group == TRAIN
            partner = np.array([*range(1, 11), 0, 0])  # of the eleven rows that are there
            batch = Batch(
                *jax.tree.map(jnp.asarray, (x[rows].T * np.where(counts, 1, 50), y[rows], group)),
                uniforms=tuple(map(jnp.asarray, drawn)) if config.dropout else None,
                noise=jnp.asarray(noise) if program.noisy else None,
                partner=jnp.asarray(partner) if program.mixed else None,
            )
            before = float(state.loss_sum)
            rate = jnp.asarray(config.rate)
            state, gradients = compiled(program)(state, one, batch, rate, jnp.asarray(share))

            alone = ~counts[partner]
            part = np.where(alone, 1.0, share) if program.mixed else np.ones(12)

            def mix(values, part=part, partner=partner, counts=counts):
                return (part * values + (1 - part) * values[:, partner])[:, counts]

            inputs = part * x[rows].T + (1 - part) * x[rows].T[:, partner] + config.input_noise * noise
            value, whole, _ = by_hand.gradients(
                layers,
                inputs[:, counts],
                y[rows],
                config,
                split.n_train,
                uniforms=[u[:n, counts] for u, n in zip(drawn, (7, 5), strict=True)] if config.dropout else None,
                class_weight=weights_of_classes,
                mix=mix,
            )
            used = by_hand.clip(whole, config)
            optimizer.step(layers, used, config.rate)
            if config.max_norm:
                by_hand.bound(layers, config)
            beta = config.average_weights or 0.0
            for mean, layer in zip(averaged, layers, strict=True):
                for name in mean:
                    mean[name] = beta * mean[name] + (1 - beta) * layer[name]
            assert float(state.loss_sum) - before == pytest.approx(value, rel=1e-11)
        mean = corrected(state.averaged, jnp.asarray(config.average_weights or 0.0), jnp.asarray(5))
    shapes = packing.shapes_of(config, Inputs(4), split.outputs)
    for got, wanted in ((state.weights, layers), (gradients.whole, whole), (gradients.used, used)):
        one_block = jax.tree.map(lambda v: np.asarray(v)[None], got)
        assert_same_weights(packing.unpadded(one_block, (), 0, shapes)[0], wanted, rtol=1e-8, atol=1e-12)
        assert not np.asarray(got[0].w[7:]).any()
    if program.averaged:
        one_block = jax.tree.map(lambda v: np.asarray(v)[None], mean)
        wanted = [{k: v / (1 - beta**5) for k, v in layer.items()} for layer in averaged]
        assert_same_weights(packing.unpadded(one_block, (), 0, shapes)[0], wanted, rtol=1e-8, atol=1e-12)


TECHNIQUES = [own for task, own in CASES if task == "classification"] + [
    {"norm_statistics": "exact", "batch_norm": True},
    {"sampling": "balanced"},
    {"prior_bias": True, "initializer": "orthogonal"},
    {"schedule": ((0, 0.1), (2, 0.001))},
    {"batch_size": "auto"},
]


@pytest.mark.parametrize("own", TECHNIQUES)
def test_alone_and_among_others_the_bits_are_the_same(own):
    split = toy_splits.classes()
    configs = [BASE.changed(**own, seed=seed, weight_decay=decay) for seed in (0, 1) for decay in (0.0, 0.1, 0.5)]
    together = caviar.train(split, [*configs, BASE])
    for number in (0, 4):
        (alone,) = caviar.train(split, [configs[number]])
        toy_splits.assert_same_bits(alone, together[number])
    plain = together[-1]
    assert not np.array_equal(plain.weights[0].w, together[0].weights[0].w) or not np.array_equal(
        plain.statistics, together[0].statistics
    )


def test_an_empty_mini_batch_changes_nothing_with_every_technique_on():
    split = toy_splits.classes()
    config = BASE.changed(max_norm=0.1, clip_norm=0.1, average_weights=0.9, mixup=1.0, class_weight="balanced", l2=1.0)
    program = program_for(config, split)
    one = packing.stacked([hyperparameters(config, split)], np.dtype(np.float32))
    start = packing.padded([packing.starting_weights(config, Inputs(4), 3)], program.architecture, np.dtype(np.float32))
    state = packing.first_state(start, one, program.architecture, averaged=True)
    one, state = jax.tree.map(lambda v: jnp.asarray(v[0]), (one, state))
    batch = Batch(
        jnp.asarray(split.x[:12].T),
        jnp.asarray(split.y[:12]),
        jnp.full(12, DEV, jnp.int32),
        None,
        partner=jnp.asarray(np.r_[1:12, 0]),
    )
    after, _ = compiled(program)(state, one, batch, jnp.float32(0.1), jnp.float32(0.3))
    for before, now in zip(jax.tree.leaves(state), jax.tree.leaves(after), strict=True):
        np.testing.assert_array_equal(before, now)


def test_exact_statistics_are_those_of_one_batch_of_all_training_rows():
    """Also where a fold is held out, and with more rows than fit into a chunk."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2600, 3)) + 5, rng.integers(0, 2, 2600)
    split = caviar.split(caviar.read((x, y)), dev=200, test=0)
    base = BASE.changed(batch_norm=True, norm_statistics="exact", epochs=1, batch_size=256)
    for run in caviar.train(split, [base, base.changed(rows=(2, 5)), base.changed(rows="train+dev")]):
        used = {1.0: np.arange(2600) < 2400, "train+dev": np.ones(2600, bool)}.get(run.config.rows, split.folds(5) != 2)
        _, seen = by_hand.forward(hand(run.weights), split.x[used].T.astype(float), run.config)
        for got, step in zip(run.statistics, seen[:-1], strict=True):
            np.testing.assert_allclose(got.mean, step["statistics"][0], rtol=1e-4, atol=1e-5)
            np.testing.assert_allclose(got.variance, step["statistics"][1], rtol=1e-4, atol=1e-6)


def test_a_single_row_gets_the_answer_it_gets_among_others():
    """Test mode: no example's answer depends on another's, with every kind of normalisation."""
    split = toy_splits.classes()
    kinds = [{"batch_norm": True}, {"batch_norm": True, "norm_statistics": "exact"}, {"layer_norm": True}]
    for run in caviar.train(split, [BASE.changed(**kind) for kind in kinds]):
        network = [(run.config, run.weights, run.statistics)]
        together, alone = outputs(network, split.x)[0], outputs(network, split.x[5:6])[0]
        np.testing.assert_allclose(alone[0], together[5], rtol=1e-5, atol=1e-6)


def test_averaged_weights_are_those_that_are_judged_and_kept():
    split = toy_splits.classes()
    config = BASE.changed(average_weights=0.95, epochs=4, dropout=0.3)
    (run,) = caviar.train(split, [config])
    (last,) = caviar.train(split, [config.changed(average_weights=None)])
    assert not np.allclose(run.weights[0].w, last.weights[0].w)
    answers, _ = by_hand.forward(hand(run.weights), split.x.T.astype(float), config)
    value, _ = by_hand.loss(answers[:, 96:], split.y[96:])
    assert run.history["dev_loss"][-1] == pytest.approx(value, rel=1e-5)


def test_early_stopping_keeps_the_averaged_weights_of_the_best_epoch():
    split = toy_splits.classes()
    (run,) = caviar.train(split, [BASE.changed(average_weights=0.9, early_stopping=2, epochs=60, learning_rate=0.3)])
    answers, _ = by_hand.forward(hand(run.weights), split.x.T.astype(float), run.config)
    value, _ = by_hand.loss(answers[:, 96:], split.y[96:])
    assert run.history["dev_loss"].min() == pytest.approx(value, rel=1e-4)


def test_a_prior_bias_starts_at_the_class_shares():
    x, y = toy_splits.blobs(400, 2, 3)
    y = np.where(np.arange(400) < 380, 0, y)
    split = caviar.split(caviar.read((x, y)), dev=0.2, test=0)
    for output in ("softmax", "sigmoid", "linear"):
        config = caviar.Config(hidden_units=(), initializer="zeros", output=output, prior_bias=True)
        bias = prior_bias(config, split)
        z = np.tile(bias[:, None], (1, 2))
        shares = {"softmax": by_hand.softmax, "sigmoid": by_hand.sigmoid, "linear": np.array}[output](z)[:, 0]
        np.testing.assert_allclose(shares, np.bincount(split.y_train) / split.n_train, rtol=1e-9)
        (run,) = caviar.train(split, [config.changed(learning_rate=0.0, epochs=1)])
        np.testing.assert_allclose(run.weights[0].b, bias, rtol=1e-6)
    assert prior_bias(caviar.Config(), toy_splits.numbers()) == 0


@pytest.mark.parametrize("sizes", [(30, 5, 23), (20, 20, 20), (9, 80, 6)])
@pytest.mark.parametrize("rows", [1.0, (1, 3), "train+dev"])
def test_class_weights_have_a_mean_of_one_over_the_training_rows(sizes, rows):
    """And balanced ones give every class the same sum."""
    y = np.repeat([0, 1, 2], sizes)
    split = caviar.split(caviar.read((np.random.default_rng(0).normal(size=(len(y), 2)), y)), dev=0.3, test=0)
    config = caviar.Config(rows=rows)
    trained = split.y[~held_out(config, split)]
    balanced = class_weights(config.changed(class_weight="balanced"), split)
    assert balanced[trained].mean() == pytest.approx(1)
    np.testing.assert_allclose(np.bincount(trained, balanced[trained]), len(trained) / 3)
    own = class_weights(config.changed(class_weight=(1.0, 2.0, 0.5)), split)
    assert own[trained].mean() == pytest.approx(1)
    np.testing.assert_allclose(own / own[0], [1, 2, 0.5])


def test_balanced_sampling_draws_every_class_alike():
    labels = np.repeat([0, 1, 2], [900, 90, 10])
    order = Order(3, 1000, 50, balance=labels)
    rows = order.steps(0, 40 * order.steps_per_epoch)
    assert rows.min() >= 0
    counts = np.bincount(labels[rows.ravel()])
    np.testing.assert_allclose(counts / counts.sum(), 1 / 3, atol=0.01)
    assert len(np.unique(rows)) > 990
    within = np.bincount(rows.ravel(), minlength=1000)[990:]
    np.testing.assert_allclose(within / within.sum(), 0.1, atol=0.01)
    np.testing.assert_array_equal(Order(3, 1000, 50, balance=labels).steps(37, 60), rows[37:60])
    assert not np.array_equal(Order(4, 1000, 50, balance=labels).steps(0, 9), rows[:9])


def test_balanced_sampling_finds_the_rare_class():
    """Two clouds, one of 3 % of the rows: recall of the rare class rises."""
    rng = np.random.default_rng(5)
    y = (rng.uniform(size=1500) < 0.03).astype(int)
    x = rng.normal(size=(1500, 2)) + 1.2 * y[:, None]
    split = caviar.split(caviar.read((x, y)), dev=500, test=0)
    base = caviar.Config(hidden_units=(8,), epochs=15)
    runs = caviar.train(split, [base, base.changed(sampling="balanced"), base.changed(class_weight="balanced")])
    rare = split.y_dev == 1
    recalls = [
        (outputs([(r.config, r.weights, r.statistics)], split.x_dev)[0].argmax(1) == 1)[rare].mean() for r in runs
    ]
    assert recalls[0] < 0.2
    assert min(recalls[1:]) > 0.5


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_shares_of_mixup_are_drawn_from_their_distribution(alpha):
    config = caviar.Config(mixup=alpha, seed=9)
    shares = mixup.shares(config, np.arange(1, 2001), steps_per_epoch=40)
    assert kstest(shares, beta_distribution(alpha, alpha).cdf).pvalue > 0.001
    np.testing.assert_array_equal(mixup.shares(config, np.arange(95, 300), steps_per_epoch=40), shares[94:299])


def test_partners_are_rows_of_the_same_mini_batch():
    split = toy_splits.classes()
    program = program_for(BASE.changed(mixup=1.0), split)
    data = jax.device_put(device_data(1.0, split).drawn)
    for filled in (12, 5, 1):
        rows = np.r_[np.arange(filled), np.full(12 - filled, -1)].astype(np.int32)
        partner = np.asarray(mini_batch(program, data, jnp.asarray(rows), jax.random.key(0), UNCHANGED).partner)
        assert sorted(partner[:filled]) == list(range(filled))


def test_input_noise_is_standard_normal_and_shared_by_the_seed():
    split = toy_splits.classes()
    program = program_for(BASE.changed(input_noise=1.0), split)
    data, rows = jax.device_put(device_data(1.0, split).drawn), jnp.arange(12, dtype=jnp.int32)
    keys = [jax.random.fold_in(jax.random.key(0), step) for step in range(200)]
    noise = np.stack([np.asarray(mini_batch(program, data, rows, key, UNCHANGED).noise) for key in keys])
    assert kstest(noise.ravel(), "norm").pvalue > 0.001
    assert len({part.tobytes() for part in noise}) == 200


def test_what_needs_classes_is_refused_for_numbers():
    for own in ({"class_weight": "balanced"}, {"sampling": "balanced"}, {"loss": "cross_entropy"}):
        (name,) = own
        with pytest.raises(BadConfig, match=f"Config.{name} must be left out for regression"):
            caviar.train(toy_splits.numbers(), [BASE.changed(**own)])
    with pytest.raises(BadConfig, match=r"must have one weight for each of the 3 classes .* got 2"):
        caviar.train(toy_splits.classes(), [BASE.changed(class_weight=(1.0, 2.0))])


@settings(max_examples=20)
@given(rows=st.integers(1, 10**6))
def test_the_mini_batch_of_the_course_s_rule(rows):
    config = caviar.Config(batch_size="auto")
    size = rows_per_batch(config, rows, architecture_for(config, Inputs(4, None), 3))
    if rows <= 2000:
        assert size == rows
    else:
        assert size in (64, 128, 256, 512)
        assert size == 64 or rows / size > 300


@pytest.mark.parametrize(
    ("side", "rows", "wanted"),
    [(8, 1500, 1500), (8, 30_000, 64), (64, 400_000, 512), (256, 1500, 64), (512, 10**6, 16)],
)
def test_the_mini_batch_fits_into_memory(side, rows, wanted):
    """One convolution of 16 filters on images with a channel: pixels, patches of 9 and filters at every place."""
    config = caviar.Config(filters=(16,), hidden_units=(), batch_size="auto")
    architecture = architecture_for(config, Inputs(side * side, Image(side, side, 1)), 2)
    numbers = side * side * (1 + 9 + 16) + 2
    assert architecture.activations == numbers
    assert rows_per_batch(config, rows, architecture) == wanted
    if wanted < rows:
        assert wanted >= 64 or 1 << 30 < 10 * numbers * wanted <= 1 << 31
    assert rows_per_batch(config.changed(batch_size=512), rows, architecture) == min(512, rows)


HISTORY = ("gradient_norm", "update_ratio", "constant_units", "saturated_units", "learning_rate")


def test_the_history_tells_of_gradients_updates_and_units():
    split = toy_splits.classes()
    config = BASE.changed(optimizer="sgd", schedule="exponential", l2=1.0, batch_size="full", epochs=3, record="layers")
    (run,) = caviar.train(split, [config])
    (brief,) = caviar.train(split, [config.changed(record="losses")])
    assert set(run.history) - set(brief.history) == set(HISTORY) - {"learning_rate"}
    assert [run.history[name].shape for name in HISTORY] == [(3, 3), (3, 3), (3, 2), (3, 2), (3,)]
    np.testing.assert_allclose(run.history["learning_rate"], 0.05 * 0.95 ** np.arange(3), rtol=1e-6)
    layers = hand(packing.starting_weights(config, Inputs(4), 3))
    for epoch in range(3):
        _, found, _ = by_hand.gradients(layers, split.x[:96].T.astype(float), split.y[:96], config, 96)
        lengths = [np.linalg.norm(own["w"]) for own in found]
        np.testing.assert_allclose(run.history["gradient_norm"][epoch], lengths, rtol=1e-4)
        rate = run.history["learning_rate"][epoch]
        for layer, own in zip(layers, found, strict=True):
            for name, g in own.items():
                layer[name] -= rate * g
        ratios = [rate * length / np.linalg.norm(layer["w"]) for length, layer in zip(lengths, layers, strict=True)]
        np.testing.assert_allclose(run.history["update_ratio"][epoch], ratios, rtol=1e-4)


def test_units_that_are_dead_and_saturated_are_counted():
    split = toy_splits.classes()
    units = {"relu": (10,), "tanh": (10,), "sigmoid": (10,)}
    for activation in units:
        config = caviar.Config(hidden_units=(10,), activation=activation, learning_rate=0.0, epochs=1, record="layers")
        first, last = packing.starting_weights(config, Inputs(4), 3)
        b = np.zeros(10)
        b[:4] = -100
        (run,) = caviar.train(split, [config], [(first._replace(b=b), last)])
        expected = {"relu": (0.4, 0.0), "tanh": (0.4, 0.4), "sigmoid": (0.4, 0.4)}[activation]
        assert run.history["constant_units"][0, 0] == pytest.approx(expected[0])
        z = np.asarray(first.w) @ split.x[:].T + b[:, None]
        a = by_hand.activation(activation, z)[0]
        bounds = {"relu": a < -1, "tanh": np.abs(a) > 0.99, "sigmoid": np.abs(2 * a - 1) > 0.99}[activation]
        assert run.history["saturated_units"][0, 0] == pytest.approx(bounds.mean(), abs=1e-6)


def test_three_rates_of_a_schedule_by_hand_are_three_schedules():
    config = caviar.Config(learning_rate=0.5, schedule=((0, 0.2), (5, 0.02)))
    rates = [[rate for _, rate in each.schedule] for each in at_rates(config, 3)]
    np.testing.assert_allclose(rates, np.outer([0.3, 1, 3], [0.2, 0.02]))


def test_a_schedule_by_hand():
    config = caviar.Config(learning_rate=0.5, schedule=[[2, 0.1], [5, 0.02]], warmup=1.0)
    assert caviar.Config.from_mapping(config.to_json()) == config
    came = learning_rates(config, np.arange(1, 22), steps_per_epoch=3, epochs=7)
    wanted = [by_hand.learning_rate(config, t, 3, 7) for t in range(1, 22)]
    np.testing.assert_allclose(came, wanted)
    np.testing.assert_allclose(came[3:], np.repeat([0.5, 0.1, 0.1, 0.1, 0.02, 0.02], 3))
