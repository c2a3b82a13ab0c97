import itertools

import pytest
from hypothesis import given, settings

from any_config import configs
from caviar.diagnosis.finding import Finding, FindingName
from caviar.network.config import Config
from caviar.remedies.experiment import Candidate, rounds
from caviar.remedies.rules import prescribe
from caviar.training.plan import epochs_planned, program_for
from diagnosis.made_scores import classes, quantity

TASKS = {"classes": classes(400, 100), "quantity": quantity(400, 100)}


def finding(name: FindingName) -> Finding:
    return Finding(name, "warning", {}, "made up", "a test")


def prescribed(*names: FindingName, config: Config | None = None, task: str = "classes"):
    return prescribe([finding(name) for name in names], config or Config(), TASKS[task])


def order(*names: FindingName) -> list[str]:
    return [against for against, _ in itertools.groupby(remedy.against for remedy in prescribed(*names))]


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
    assert [r.name for r in prescribed() if r.against == "training"] == ["batch norm", "robust normalisation"]


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
        "batch norm": {"batch_norm": True},
    }
    assert found["robust normalisation"] == ({}, "robust")


@pytest.mark.parametrize(
    ("config", "missing"),
    [
        (Config(), {"adam"}),
        (Config(optimizer="momentum"), {"momentum"}),
        (Config(batch_norm=True), {"batch norm"}),
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
    everything |= {"label smoothing", "dropout 0.2", "dropout 0.5", "deeper network", "longer training"}
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
