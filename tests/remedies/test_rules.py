import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from any_config import configs
from caviar.diagnosis.finding import FINDINGS, Finding, FindingName
from caviar.network.config import Config
from caviar.remedies.asks import BY_PERSON
from caviar.remedies.case import Case
from caviar.remedies.experiment import Candidate, rounds
from caviar.remedies.rules import REMEDIES, prescribe
from caviar.training.plan import epochs_planned, program_for
from diagnosis.made_scores import classes, quantity

TASKS = {"classes": classes(400, 100), "quantity": quantity(400, 100)}


def finding(name: FindingName) -> Finding:
    return Finding(name, "warning", {}, "made up", "a test")


def prescribed(*names: FindingName, config: Config | None = None, task: str = "classes"):
    return prescribe([finding(name) for name in names], config or Config(), TASKS[task])


def order(*names: FindingName) -> list[str]:
    return [
        against for against, _ in itertools.groupby(remedy.against for remedy in prescribed(*names) if not remedy.asks)
    ]


def test_the_basic_recipe_comes_in_its_order():
    assert order("high_bias") == ["bias", "variance", "training"]
    assert order("high_bias", "high_variance") == ["bias", "variance", "training"]
    assert order("high_variance") == ["variance", "training", "bias"]
    assert order() == order("too_few_rows") == ["bias", "variance", "training"]
    assert order("diverged", "high_variance") == ["training", "bias", "variance"]


def test_the_remedies_are_those_of_the_course():
    """Section 2 and section 3, and batch norm for training only."""
    names = {against: [r.name for r in prescribed() if r.against == against] for against in ("bias", "variance")}
    assert names["bias"][:3] == ["larger network", "deeper network", "longer training"]
    assert names["variance"] == [
        "L2",
        "strong L2",
        "dropout 0.2",
        "dropout 0.5",
        "early stopping",
        "label smoothing",
        "weight decay",
    ]
    assert [r.name for r in prescribed() if r.against == "training"] == [
        *("averaged weights", "batch norm", "robust normalisation")
    ]


def test_what_each_remedy_does():
    """By hand, for two layers of 64, 400 training rows and 60 epochs."""
    found = {r.name: (r.settings, r.scale) for r in prescribed(config=Config(l2=0.5, epochs=60))}
    keep = {name: settings for name, (settings, scale) in found.items() if scale == "keep"}
    assert keep == {
        "larger network": {"hidden_units": (128, 128)},
        "deeper network": {"hidden_units": (64, 64, 64)},
        "longer training": {"epochs": 180, "stop_after": None},
        "cosine decay": {"schedule": "cosine", "decay_rate": None},
        "momentum": {"optimizer": "momentum", "learning_rate": None},
        "SiLU units": {"activation": "silu"},
        "L2": {"l2": 0.54},
        "strong L2": {"l2": 0.9},
        "dropout 0.2": {"dropout": 0.2},
        "dropout 0.5": {"dropout": 0.5},
        "early stopping": {"early_stopping": 10},
        "label smoothing": {"label_smoothing": 0.1},
        "weight decay": {"weight_decay": 0.01, "optimizer": "adamw"},
        "averaged weights": {"average_weights": 0.9762},  # 60 epochs of 7 steps: a tenth of them are 42
        "batch norm": {"batch_norm": True},
    }
    assert found["robust normalisation"] == ({}, "robust")


@pytest.mark.parametrize(
    ("config", "missing"),
    [
        (Config(), {"adam"}),
        (Config(optimizer="momentum"), {"momentum"}),
        (Config(batch_norm=True), {"batch norm"}),
        (Config(average_weights=0.9), {"averaged weights"}),
        (Config(activation="silu"), {"SiLU units"}),
        (Config(schedule="cosine"), {"cosine decay"}),
        (Config(dropout=0.2), {"dropout 0.2"}),
        (Config(label_smoothing=0.1), {"label smoothing"}),
        (Config(weight_decay=0.1, optimizer="adamw"), {"weight decay"}),
        (Config(dropout=(0.5, 0.6)), {"dropout 0.2", "dropout 0.5"}),
        (Config(label_smoothing=0.2), {"label smoothing"}),
        (Config(weight_decay=0.01, optimizer="sgd"), {"weight decay"}),
        (Config(hidden_units=(512, 8)), {"larger network"}),
        (Config(hidden_units=()), {"SiLU units", "dropout 0.2", "dropout 0.5", "batch norm"}),
    ],
)
def test_what_is_done_already_or_cannot_be_done_is_left_out(config, missing):
    others = {"adam"} if config.optimizer in ("adam", "adamw") else set()
    everything = {"larger network", "adam", "momentum", "SiLU units", "cosine decay", "batch norm", "weight decay"}
    everything |= {
        "averaged weights",
        "label smoothing",
        "dropout 0.2",
        "dropout 0.5",
        "deeper network",
        "longer training",
    }
    names = {remedy.name for remedy in prescribed(config=config)}
    assert everything - names == missing | others


def test_a_linear_model_gets_its_first_layer():
    larger, deeper = prescribed(config=Config(hidden_units=()))[:2]
    assert larger.apply(Config(hidden_units=())).hidden_units == (64,)
    assert deeper.apply(Config(hidden_units=())).hidden_units == (32, 32)


def test_what_is_given_per_layer_goes_on_in_the_new_one():
    config = Config(hidden_units=(8, 4), activation=("tanh", "relu"), dropout=(0.1, 0.3))
    deeper = next(r for r in prescribed(config=config) if r.name == "deeper network").apply(config)
    assert (deeper.hidden_units, deeper.activation) == ((8, 4, 4), ("tanh", "relu", "relu"))
    assert deeper.dropout == (0.1, 0.3, 0.3)


def test_early_stopping_needs_rows_to_watch():
    """With dev=0 configs are judged out of fold, but the chosen one would have nothing to watch."""
    without = classes(100, 0, 20)
    remedies = prescribe([], Config(), without)
    assert "early stopping" not in [remedy.name for remedy in remedies]
    assert sum(map(len, rounds(Candidate(Config(), without), remedies))) == len(remedies)


def test_a_quantity_has_no_labels_to_smooth():
    assert "label smoothing" not in [remedy.name for remedy in prescribed(task="quantity")]


def test_the_other_normalisation_is_offered():
    robust = TASKS["classes"].rescaled("robust")
    assert [r.scale for r in prescribe([], Config(), robust) if r.scale != "keep"] == ["standard"]


@pytest.mark.parametrize("task", TASKS)
@settings(max_examples=60)
@given(config=configs(classes=0).map(lambda config: config.changed(rows=1.0)))
def test_every_remedy_gives_a_network_that_can_be_trained_and_is_another(task, config):
    split = TASKS[task]
    remedies = prescribe([], config, split)
    assert len({remedy.name for remedy in remedies}) == len(remedies)
    for remedy in remedies:
        treated = remedy.apply(config)
        program_for(treated, split)
        assert treated.differences(config).keys() <= remedy.settings.keys()
        assert treated != config or remedy.scale not in ("keep", split.scale)
        assert treated.seed == config.seed
        assert remedy.reason.endswith(".")
        assert remedy.source
        assert remedy.cost
        if remedy.settings.get("batch_norm"):
            assert remedy.against == "training"
        if remedy.name == "longer training":
            assert epochs_planned(treated, split) == 3 * epochs_planned(config, split)


def against(name: FindingName, config: Config, task: str = "classes", *, scale="standard", **evidence):
    """The names of the remedies of one finding that can be tried, before the basic recipe."""
    split = TASKS[task].rescaled(scale) if scale != "standard" else TASKS[task]
    own = prescribe([Finding(name, "warning", evidence, "made up", "a test")], config, split)
    recipe = {remedy.name for remedy in prescribe([], config, split)}
    return [(remedy.name, remedy) for remedy in own if not remedy.asks and remedy.name not in recipe]


DEEP = Config(hidden_units=(8,) * 8, activation="sigmoid", initializer="normal")


@pytest.mark.parametrize(
    ("name", "config", "first", "settings"),
    [
        ("learning_rate_too_high", Config(learning_rate=0.1), "rate / 10", {"learning_rate": 0.01}),
        ("learning_rate_too_low", Config(learning_rate=1e-5), "rate x 10", {"learning_rate": 1e-4}),
        ("diverged", Config(learning_rate=10.0), "rate / 10", {"learning_rate": 1.0}),
        ("oscillating_loss", Config(optimizer="sgd"), "rate / 10", {"learning_rate": 0.01}),
        ("batch_too_small", Config(batch_size=2), "mini-batches of 256", {"batch_size": 256}),
        ("batch_too_large", Config(batch_size="full"), "mini-batches of 64", {"batch_size": 64}),
        ("symmetric_units", Config(initializer="zeros"), "He initialisation", {"initializer": "he"}),
        (
            "poor_initialization",
            Config(initializer="normal", activation="tanh"),
            "Glorot initialisation",
            {"initializer": "glorot"},
        ),
        (
            "poor_initialization",
            Config(initializer="normal", activation="selu"),
            "LeCun initialisation",
            {"initializer": "lecun"},
        ),
        (
            "vanishing_gradients",
            DEEP,
            "ReLU units, He initialisation",
            {"activation": "relu", "initializer": "he"},
        ),
        ("exploding_gradients", Config(initializer="normal"), "He initialisation", {"initializer": "he"}),
        ("dead_units", Config(learning_rate=0.1), "rate / 10", {"learning_rate": 0.01}),
        ("saturated_units", DEEP, "Glorot initialisation", {"initializer": "glorot"}),
        ("wrong_loss", Config(loss="absolute"), "output and loss that fit", {"output": None, "loss": None}),
        (
            "wrong_output_activation",
            Config(output="sigmoid"),
            "output and loss that fit",
            {"output": None, "loss": None},
        ),
        ("undertrained", Config(epochs=2), "usual epochs", {"epochs": 60, "stop_after": None}),
        ("over_regularized", Config(dropout=0.9, l2=9.0), "no regularisation", {"dropout": 0.0, "l2": 0.0}),
        ("saddle", Config(optimizer="sgd", initializer="zeros"), "He initialisation", {"initializer": "he"}),
        ("class_imbalance", Config(), "balanced class weights", {"class_weight": "balanced"}),
        ("high_bias", Config(hidden_units=(1, 40)), "usual width", {"hidden_units": (64, 64)}),
    ],
)
def test_what_is_tried_first_against_a_finding(name, config, first, settings):
    told, remedy = against(name, config)[0]
    assert (told, remedy.settings) == (first, settings)


@pytest.mark.parametrize("rate", [1e-8, 1.0])
def test_a_rate_far_from_the_usual_one_goes_back_to_it_first(rate):
    name = "learning_rate_too_low" if rate < 0.001 else "learning_rate_too_high"
    (_, remedy), *_ = against(name, Config(learning_rate=rate), best_rate=30 * rate)
    assert (remedy.name, remedy.settings) == ("usual rate", {"learning_rate": 0.001})


@pytest.mark.parametrize(
    ("settings", "undone"),
    [
        ({"clip_norm": 1e-3}, {"clip_norm": None}),
        ({"epsilon": 10.0}, {"epsilon": 1e-8}),
        ({"warmup": 900.0}, {"schedule": "constant", "decay_rate": None, "warmup": 0.0}),
        (
            {"schedule": "exponential", "decay_rate": 0.3},
            {"schedule": "constant", "decay_rate": None, "warmup": 0.0},
        ),
    ],
)
def test_what_keeps_steps_short_is_undone_first(settings, undone):
    for name in ("learning_rate_too_low", "undertrained"):
        (_, remedy), *_ = against(name, Config(epochs=30, **settings))
        assert (remedy.name, remedy.settings) == ("steps of full length", undone)
    for usual in ({}, {"schedule": "cosine", "warmup": 3.0}, {"schedule": "one_cycle"}, {"schedule": "exponential"}):
        told = [remedy.name for _, remedy in against("undertrained", Config(epochs=30, **usual))]
        assert "steps of full length" not in told


def test_the_best_epoch_and_the_best_rate_are_taken_from_the_evidence():
    (_, remedy), *_ = against("overtrained", Config(epochs=50), best_epoch=7)
    assert remedy.settings == {"stop_after": 7, "early_stopping": None}
    (_, remedy), *_ = against("learning_rate_too_high", Config(learning_rate=0.1), best_rate=0.03)
    assert remedy.settings == {"learning_rate": 0.03}


def test_raw_inputs_are_normalised():
    raw = TASKS["classes"].rescaled(None)
    found = prescribe([finding("unnormalized_inputs")], Config(), raw)
    assert [remedy.scale for remedy in found][:2] == ["standard", "robust"]


def test_regularisation_is_taken_away_brought_to_its_usual_strength_or_halved():
    config = Config(dropout=(0.8, 0.0), l2=400.0, max_norm=0.5)
    told = {name: remedy.settings for name, remedy in against("over_regularized", config)}
    assert told == {
        "no regularisation": {"dropout": 0.0, "l2": 0.0, "max_norm": None},
        "usual regularisation": {"dropout": 0.2, "l2": 0.04},
        "half the regularisation": {"dropout": (0.4, 0.0), "l2": 200.0, "max_norm": 1.0},
    }


def test_usual_settings_bring_back_the_defaults_and_leave_the_layers():
    config = DEEP.changed(optimizer="sgd", learning_rate=7.0, l2=3.0, epochs=4, batch_size="full", seed=5)
    remedy = dict(against("diverged", config))["usual settings"]
    assert remedy.apply(config) == Config(hidden_units=DEEP.hidden_units, seed=5)
    assert "usual settings" not in dict(against("diverged", Config(hidden_units=(9,), learning_rate=0.5)))


def test_a_rate_by_hand_is_lowered_as_a_whole():
    config = Config(learning_rate=0.1, schedule=((0, 0.1), (9, 0.01)))
    remedy = dict(against("learning_rate_too_high", config))["rate / 10"]
    assert remedy.apply(config) == config.at_rate(0.01)


def test_findings_come_before_the_recipe_and_what_is_worth_knowing_after_it():
    worth = Finding("class_imbalance", "info", {}, "made up", "a test")
    names = [r.name for r in prescribe([worth, finding("dead_units")], Config(learning_rate=0.1), TASKS["classes"])]
    assert names[0] == "rate / 10"
    assert names.index("rate / 10") < names.index("larger network") < names.index("balanced class weights")


def test_every_finding_has_remedies_or_asks_a_person():
    assert {*REMEDIES} | {*BY_PERSON} == {*FINDINGS}
    assert not {*REMEDIES} & {*BY_PERSON}


@pytest.mark.parametrize("name", FINDINGS)
def test_what_is_said_against_a_finding(name):
    """Somewhere in its list is something to try, or to ask for."""
    tried = 0
    for task, config in itertools.product(
        TASKS, (Config(), DEEP.changed(loss="absolute", optimizer="sgd", dropout=0.9))
    ):
        case = Case(config, TASKS[task].rescaled(None))
        for remedy in (rule(case) for rule in (REMEDIES.get(name) or BY_PERSON[name])):
            if remedy is None:
                continue
            tried += 1
            assert bool(remedy.asks) != bool(remedy.settings or remedy.scale != "keep")
            if remedy.asks:
                assert remedy.asks.endswith(".")
                assert remedy.apply(config) == config
            elif name in BY_PERSON:
                pytest.fail(f"{remedy.name} can be tried")
    assert tried


def test_high_variance_asks_for_more_data_first_as_the_course_does():
    first, *_ = prescribe([finding("high_variance")], Config(), TASKS["classes"])
    assert (first.name, first.against) == ("more data", "variance")
    assert "800 instead of 400" in first.asks


NAMES = st.lists(st.sampled_from(FINDINGS), min_size=1, max_size=4, unique=True)


@settings(max_examples=60)
@given(config=configs(classes=3).map(lambda config: config.changed(rows=1.0)), names=NAMES)
def test_every_remedy_of_any_findings_gives_a_network_that_can_be_trained(config, names):
    split = TASKS["classes"]
    remedies = [remedy for remedy in prescribe([finding(name) for name in names], config, split) if not remedy.asks]
    assert len({remedy.name for remedy in remedies}) == len(remedies)
    for remedy in remedies:
        program_for(remedy.apply(config), split)
        assert remedy.apply(config) != config or remedy.scale not in ("keep", split.scale)
