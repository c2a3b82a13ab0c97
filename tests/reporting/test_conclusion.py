"""The few sentences that a person reads first, from made-up results."""

import re
import tomllib
from types import SimpleNamespace

import numpy as np
import pytest

from caviar.data.ledger import Opening
from caviar.diagnosis.intervals import Estimate
from caviar.network.config import Config
from caviar.reporting import conclusion
from caviar.reporting.looks import Looks

OPENING = Opening("2026-01-02T03:04:05+00:00", "caviar improve", "houses", 50, "ab12", times=1, seen=0.0)


def finalist(error, config=None, rows=100, scale="standard"):
    errors = np.zeros(rows)
    errors[: round(error * rows)] = 1
    candidate = SimpleNamespace(config=config or Config(), split=SimpleNamespace(scale=scale))
    return SimpleNamespace(scores=(SimpleNamespace(error=errors),) * 3, candidate=candidate)


def on_test_rows(value, *gain):
    return SimpleNamespace(error=Estimate(value, value - 0.01, value + 0.01, 50), gain=Estimate(*gain, 50))


def story(
    *,
    improved=True,
    own=False,
    task="classification",
    test=50,
    gain=(0.04, 0.01, 0.07),
    scale="standard",
    confirmed="confirmed",
):
    start = Config(learning_rate=0.001, epochs=10)
    first, better = finalist(0.08, start), finalist(0.05, start.changed(dropout=0.2), scale=scale)
    chosen = better if improved else first
    return SimpleNamespace(
        split=SimpleNamespace(task=task, n_test=test, scale="standard", target=SimpleNamespace(std=10.0)),
        proof=SimpleNamespace(
            tested={"chosen": on_test_rows(0.06, 0.0, 0.0, 0.0), "linear": on_test_rows(0.1, *gain)},
            y=np.zeros(test or 30),
            seeds=3,
        ),
        finalists=(first, better),
        chosen=chosen,
        improved=improved,
        confirmed=confirmed,
        own=own,
        start=start,
        final_config=chosen.candidate.config,
        baselines=(SimpleNamespace(name="linear"),),
        looks=Looks(34, 100, 0.0012, OPENING if test else None),
        networks=1234,
        seconds=83.0,
    )


def test_improved():
    assert conclusion.conclusion(story()) == [
        "The default network was improved, and the test rows confirm it: error on held-out rows 8.00% before, "
        "5.00% after.",
        "changed: dropout 0.2",
        "error on 50 test rows: 6.00% (5.00% to 7.00%)",
        "  linear: 10.00% (9.00% to 11.00%); over 3 seeds the chosen network is better by 4.00 (1.00 to 7.00 points)",
        "34 configs were compared on the same 100 held-out rows: expect the best of the search to look better there "
        "than it is by about 0.12 points.",
        "The 50 test rows were opened once, after everything had been chosen.",
        "1,234 networks in 1:23",
    ]


@pytest.mark.parametrize(
    ("confirmed", "test", "words"),
    [
        ("not confirmed", 50, "was improved on held-out rows: .* The test rows neither confirm nor contradict it"),
        ("contradicted", 50, "No improvement was proven: .* on the test rows the chosen network is worse"),
        ("contradicted", 0, "The default network was improved: error on held-out rows 8.00% before, 5.00% after"),
    ],
)
def test_the_headline_says_what_the_test_rows_say(confirmed, test, words):
    assert re.search(words, conclusion.headline(story(confirmed=confirmed, test=test)))


def test_not_improved_does_not_invent_a_gain():
    lines = conclusion.conclusion(story(improved=False, own=True))
    assert lines[0] == (
        "Your network was not improved: nothing that was tried is better beyond the noise. "
        "Its error on held-out rows is 8.00%."
    )
    assert not any(line.startswith("changed") for line in lines)


@pytest.mark.parametrize(
    ("gain", "words"),
    [
        ((0.04, 0.01, 0.07), "better by 4.00 (1.00 to 7.00 points)"),
        ((-0.04, -0.07, -0.01), "WORSE by 4.00 (-7.00 to -1.00 points)"),
        ((0.01, -0.02, 0.04), "not different beyond the noise (-2.00 to 4.00 points)"),
        ((0.0, 0.0, 0.0), "not different beyond the noise (0.00 to 0.00 points)"),
    ],
)
def test_beaten(gain, words):
    assert conclusion.beaten(story(gain=gain), "linear") == f"over 3 seeds the chosen network is {words}"


def test_a_regression_speaks_of_variance_and_the_unit():
    told = story(task="regression")
    assert "(1.00 to 7.00 % of the variance)" in conclusion.beaten(told, "linear")
    root = 10 * np.sqrt(0.08)
    assert f"error on held-out rows {root:.2f} before" in conclusion.headline(told)


def test_without_a_test_set_the_figures_flatter():
    lines = conclusion.conclusion(story(test=0))
    assert any(line.startswith("error on 30 dev rows (no test set): ") for line in lines)
    assert "These figures are of the rows by which the network was chosen, and therefore flatter it." in lines


@pytest.mark.parametrize(
    ("scale", "words"), [("standard", ""), ("robust", ", robust normalisation"), (None, ", no normalisation")]
)
def test_normalisation_is_named_where_it_changed(scale, words):
    assert conclusion.scale_words(story(scale=scale)) == words
    assert conclusion.conclusion(story(scale=scale))[1] == f"changed: dropout 0.2{words}"


@pytest.mark.parametrize(
    "config",
    [
        Config(),
        Config(hidden_units=(), learning_rate=0.25, batch_size="full"),
        Config(hidden_units=(8, 4), activation=("relu", "silu"), dropout=(0.1, 0.5), batch_norm=True, epochs=7),
        Config(optimizer="momentum", schedule="cosine", early_stopping=3, l2=1e-7, seed=9),
    ],
)
def test_the_toml_is_the_config_again(config):
    told = story()
    told.final_config = config
    assert Config.from_mapping(tomllib.loads(conclusion.toml(told))) == config.changed(seed=0)
