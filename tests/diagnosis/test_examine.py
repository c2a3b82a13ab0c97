"""Planted faults are seen by what is trained beside them; networks that are well are left in peace."""

import dataclasses

import numpy as np
import pytest
from sklearn.datasets import make_moons

import caviar
from caviar.data.split import Split
from caviar.diagnosis.cause import departures
from caviar.diagnosis.diagnose import diagnose, findings_of, ordered
from caviar.diagnosis.examine import examine, fitting_start
from caviar.diagnosis.finding import FINDINGS, Finding
from caviar.diagnosis.guard import better, hurt, stuck
from caviar.network.config import Config
from caviar.training.population import train
from diagnosis.made_scores import classes, companion, quantity, score, subject

WELL = Config(hidden_units=(16, 16), learning_rate=0.01, epochs=20)
TRAINING = set(FINDINGS[: FINDINGS.index("worse_than_baseline")]) - {
    "high_bias",
    "high_variance",
    "data_mismatch",
    "overfit_dev",
}


@pytest.fixture(scope="module")
def moons() -> Split:
    """Two classes, 900 train rows and 600 dev rows that were given."""
    x, y = make_moons(1_500, noise=0.2, random_state=0)
    return dataclasses.replace(caviar.split(caviar.read((x, y)), dev=600, test=0), dev_given=True)


def names(split, **settings) -> list[str]:
    return [f.name for f in diagnose(WELL.changed(**settings), split) if f.severity != "info" and f.name in TRAINING]


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
def test_a_network_that_is_well_is_left_in_peace(moons, activation):
    assert names(moons, activation=activation) == []


@pytest.mark.parametrize(
    ("settings", "first"),
    [
        ({"learning_rate": 1e-5}, "learning_rate_too_low"),
        ({"optimizer": "sgd", "learning_rate": 1e6}, "diverged"),
        (
            {"optimizer": "momentum", "momentum": 0.99, "momentum_form": "sum", "learning_rate": 0.3},
            "learning_rate_too_high",
        ),
        ({"initializer": "zeros"}, "symmetric_units"),
        ({"initializer": "zeros", "activation": "tanh"}, "symmetric_units"),
        ({"dropout": 0.9}, "over_regularized"),
        ({"l2": 1e4}, "over_regularized"),
        ({"activation": "tanh", "initializer": "normal", "initial_scale": 10.0}, "poor_initialization"),
    ],
)
def test_the_fault_that_was_planted_is_named_first(moons, settings, first):
    assert names(moons, **settings)[0] == first


def test_eight_layers_of_sigmoid_with_small_weights_have_vanishing_gradients(moons):
    found = diagnose(
        WELL.changed(hidden_units=(16,) * 8, activation="sigmoid", initializer="normal", initial_scale=0.01), moons
    )
    (vanishing,) = (f for f in found if f.name == "vanishing_gradients")
    assert vanishing.severity == "critical"
    gains = vanishing.evidence["gains"]
    assert len(gains) == 8
    assert np.prod(gains) == pytest.approx(vanishing.evidence["ratio"], rel=0.5)
    assert vanishing.evidence["ratio"] < 1e-6


def test_companions_take_the_places_that_are_left(moons):
    config = WELL.changed(dropout=0.5, initializer="normal", initial_scale=0.1, learning_rate=0.003)
    seen = examine(moons, config, train, [0, 1])
    assert [c.name for c in seen.companions] == [
        "initializer he",
        "learning rate / 5",
        "learning rate x 5",
        "no regularisation",
        "learning rate / 30",
        "learning rate x 30",
    ]
    assert [len(c.scores) for c in seen.companions] == [2] * 6
    for one in seen.companions:
        assert [s.config.seed for s in one.scores] == [s.config.seed for s in one.against] == [0, 1]
        assert [s.config for s in one.against] == [s.config for s in seen.scores]
    assert seen.companions[3].config.dropouts == (1e-6, 1e-6)
    by_rate = [seen.companions[i].config.rate / config.rate for i in (1, 2, 4, 5)]
    np.testing.assert_allclose(by_rate, [0.2, 5, 1 / 30, 30])


def test_a_rate_far_from_the_usual_one_is_compared_with_those_on_its_side_first(moons):
    for rate, first in (
        (1e-5, ["learning rate x 5", "learning rate x 30"]),
        (0.1, ["learning rate / 5", "learning rate / 30"]),
    ):
        seen = examine(moons, WELL.changed(learning_rate=rate, hidden_units=(48, 48), epochs=1), train, [0])
        assert [c.name for c in seen.companions][:2] == first


def trained_for(moons, **settings):
    """How many networks each look trained, and the subject."""
    looks = []

    def counted(split, configs):
        looks.append(len(configs))
        return train(split, configs)

    return looks, examine(moons, WELL.changed(**settings), counted, [0, 1])


def test_only_a_network_that_is_plainly_bad_gets_a_second_look(moons):
    wide = {"hidden_units": (192, 192), "learning_rate": 0.003}  # two in a lane: one place beside each
    looks, seen = trained_for(moons, **wide)
    assert looks == [4]
    assert {c.name for c in seen.companions} == {"learning rate / 5", "learning rate x 5"}
    looks, seen = trained_for(moons, **wide, dropout=0.95)
    assert looks == [4, 3]  # two lanes of two have room for no regularisation and the far rates
    assert {c.name for c in seen.companions} >= {"no regularisation", "learning rate / 30", "learning rate x 30"}
    assert findings_of(seen)[0].name == "over_regularized"


def test_what_is_set_against_all_custom_is_tried_beside_it_whatever_the_network_does(moons):
    looks, seen = trained_for(moons, output="linear", loss="squared", hidden_units=(16,))
    assert looks == [2 + 2 * 4, 1]
    (fitting,) = (c for c in seen.companions if c.kind == "fitting output")
    assert (fitting.config.output, fitting.config.loss) == (None, None)
    assert [len(fitting.scores), len(fitting.against)] == [1, 1]


def test_losses_of_a_quantity_all_fit():
    rows = quantity(300, 100)
    for settings, kinds in (({"loss": "huber"}, set()), ({"output": "sigmoid"}, {"fitting output"})):
        seen = examine(rows, WELL.changed(epochs=3, **settings), train, [0])
        assert {c.kind for c in seen.companions} & {"fitting output"} == kinds


@pytest.mark.parametrize(
    ("size", "name", "kind"), [("full", "batch_too_large", "smaller batch"), (1, "batch_too_small", "larger batch")]
)
def test_mini_batches_of_the_usual_size_decide_on_a_bad_network(moons, size, name, kind):
    rate = 0.01 if size == "full" else 0.3
    looks, seen = trained_for(moons, batch_size=size, epochs=6, optimizer="adam", learning_rate=rate)
    assert len(looks) == 2
    assert kind in {c.kind for c in seen.companions}
    assert name in {f.name for f in findings_of(seen)}


def test_companions_change_nothing_for_the_networks(moons):
    seen = examine(moons, WELL, train, [0, 1])
    alone = train(moons, [WELL.changed(seed=1)])[0]
    np.testing.assert_array_equal(alone.weights[0].w, seen.runs[1].weights[0].w)


def test_out_of_fold_companions_are_compared_on_the_rows_of_one_fold():
    rows = caviar.split(caviar.read("iris"), test=0)
    seen = examine(rows, WELL, train, [0])
    assert len(seen.scores[0].loss) == rows.rows
    assert {len(c.scores[0].loss) for c in seen.companions} == {int((rows.folds(5) == 0).sum())}
    assert all(len(c.against[0].loss) == len(c.scores[0].loss) for c in seen.companions)


def test_a_wide_network_that_is_well_has_no_companions(moons):
    assert examine(moons, WELL.changed(hidden_units=(512, 512), learning_rate=0.001), train, [0]).companions == ()


@pytest.mark.parametrize(("activation", "start"), [("relu", "he"), ("tanh", "glorot"), ("selu", "lecun")])
def test_the_start_that_fits_an_activation(activation, start):
    assert fitting_start(activation) == start


def made(before, after, **others):
    """A subject of three seeds and a companion of one, with these losses of 40 dev rows."""
    own = [score(loss=loss) for loss in before]
    beside = companion("lower rate", own[:1], [score(loss=after)])
    return subject(own, classes(2_000, 60), companions=(beside,), **others)


NOISE = np.random.default_rng(0).normal(scale=0.01, size=40)


def test_a_companion_is_better_beyond_noise_and_by_an_amount_that_matters():
    (one,) = better(made([0.5 + NOISE] * 3, 0.4 + NOISE), "lower rate")
    assert one.share == pytest.approx(0.2, rel=0.01)
    assert better(made([0.5 + NOISE] * 3, 0.4 + NOISE), "higher rate") == []
    assert better(made([0.5 + NOISE] * 3, 0.47 + NOISE), "lower rate") == []  # 6 %
    assert better(made([0.5 + NOISE] * 3, 0.4 + 90 * NOISE[::-1]), "lower rate") == []  # noise of rows
    assert better(made([0.5 + NOISE, 0.38 + NOISE, 0.62 + NOISE], 0.4 + NOISE), "lower rate") == []  # noise of seeds
    assert better(made([0.5 + NOISE, 0.38 + NOISE, 0.62 + NOISE], 0.2 + NOISE), "lower rate")  # better than all seeds
    assert better(made([0.01 + NOISE / 99] * 3, 0.005 + NOISE / 99), "lower rate") == []  # half of next to nothing


def test_stuck_is_as_bad_as_answering_every_row_alike():
    rows = classes(2_000, 60)
    assert stuck(subject([score(train_error=0.6)], rows))
    assert not stuck(subject([score(train_error=0.3)], rows))
    assert stuck(subject([score(status="diverged")], rows))
    assert hurt(subject([score(train_error=0.3)], rows))  # a quick model does better on new rows
    assert not hurt(subject([score(train_error=0.1)], rows))


def test_findings_are_in_the_order_of_what_hurts():
    def finding(name, severity):
        return Finding(name, severity, {}, "", "")

    given = [
        finding("high_bias", "critical"),
        finding("too_few_rows", "info"),
        finding("high_variance", "warning"),
        finding("learning_rate_too_high", "warning"),
        finding("symmetric_units", "critical"),
        finding("high_variance", "info"),
    ]
    assert [f.name for f in ordered(given)] == [
        "symmetric_units",
        "high_bias",
        "learning_rate_too_high",
        "high_variance",
        "too_few_rows",
    ]


def test_networks_that_all_diverged_are_diagnosed(moons):
    runs = train(moons, [WELL.changed(optimizer="sgd", learning_rate=1e30, seed=seed) for seed in range(2)])
    from caviar.diagnosis.examine import subject as measured

    assert [f.name for f in findings_of(measured(runs, moons))] == ["diverged"]


def test_a_rate_that_moves_nothing_is_too_low_though_no_companion_is_better(moons):
    found = diagnose(WELL.changed(learning_rate=1e-9), moons)
    (slow,) = (f for f in found if f.name == "learning_rate_too_low")
    assert slow.severity == "critical"
    assert max(slow.evidence["update_ratio"]) * slow.evidence["updates"] < 1e-3
    assert slow.evidence["updates"] == 20 * -(-900 // 64)


def test_a_signal_that_fades_is_a_poor_start_and_no_dead_units(moons):
    config = WELL.changed(hidden_units=(16,) * 8, initializer="normal", initial_scale=0.01, batch_size="full")
    found = {f.name: f for f in diagnose(train(moons, [config]), moons)}
    assert found["poor_initialization"].severity == "critical"
    assert found["poor_initialization"].evidence["spread"][-1] < 1e-6
    assert "dead_units" not in found


def test_few_epochs_are_named_before_the_rate_and_a_low_rate_before_the_epochs(moons):
    few = {f.name: f.severity for f in diagnose(WELL.changed(epochs=2, learning_rate=0.001), moons)}
    assert few["undertrained"] in {"critical", "warning"}
    assert few.get("learning_rate_too_low", "info") == "info"
    slow = {f.name: f.severity for f in diagnose(WELL.changed(learning_rate=3e-5), moons)}
    assert slow["learning_rate_too_low"] != "info"
    assert slow.get("undertrained", "info") == "info"


def test_departures_from_what_is_usual(moons):
    config = WELL.changed(learning_rate=1e-4, epochs=6, batch_size="full")
    far = departures(subject([score(config)], moons))
    assert far["learning_rate_too_low"] == pytest.approx(10)
    assert far["undertrained"] == pytest.approx(10)
    assert far["batch_too_large"] == pytest.approx(900 / 64)
    sums = config.changed(optimizer="momentum", momentum_form="sum", learning_rate=0.01)
    assert departures(subject([score(sums)], moons))["learning_rate_too_low"] == pytest.approx(1)
