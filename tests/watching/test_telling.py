"""Who applies all news to what he was told first has what somebody is told who comes later."""

import dataclasses
import json
import time

import pytest

import caviar
from caviar.network.config import Config
from caviar.watching import telling
from caviar.watching.knobs import knobs
from caviar.watching.telling import about, every, line_in_words, news, state_of, whole
from caviar.watching.watch import watch
from training.toy_splits import blobs

X, Y = blobs(400, 3, 5)
SPLIT = caviar.split(caviar.read((X[:300], Y[:300])), dev=caviar.read((X[300:], Y[300:])), test=0, seed=0)
LONG = Config(hidden_units=(12, 7), epochs=1_000_000, batch_size=32, learning_rate=0.01, dropout=0.2, record="layers")


def glance(session):
    return telling.glance(session, (), ())


def applied(state, message):
    """What a page makes of a message."""
    state = json.loads(json.dumps(state))
    for number, branch in json.loads(json.dumps(message.get("branches", {}))).items():
        old = state["branches"].get(number)
        if branch["from"]:
            assert old is not None
            assert old["revision"] == branch["revision"]
            for name, values in branch["curves"].items():
                assert len(old["curves"][name]) == branch["from"]
                branch["curves"][name] = old["curves"][name] + values
        state["branches"][number] = branch | {"from": 0}
    for number in message.get("deleted", []):
        del state["branches"][str(number)]
    state["journal"] += message.get("journal", [])
    for name in ("findings", "effects", "alive", "trouble"):
        if name in message:
            state[name] = message[name]
    return state


def test_that_epochs_are_not_kept_is_news_and_that_they_are_again():
    with watch(SPLIT, LONG, paused=True) as session:
        seen = glance(session)
    full = dataclasses.replace(seen, trouble="Make room.")
    assert (whole(seen, SPLIT)["trouble"], whole(full, SPLIT)["trouble"]) == (None, "Make room.")
    assert news(seen, full, SPLIT) == {"trouble": "Make room."}
    assert news(full, seen, SPLIT) == {"trouble": None}


@pytest.mark.parametrize("points", [4_096, 8])
def test_news_add_up_to_the_whole(points, monkeypatch):
    monkeypatch.setattr(telling, "POINTS", points)
    with watch(SPLIT, LONG) as session:
        seen = glance(session)
        told = whole(seen, SPLIT)
        commands = [
            lambda: session.nudge(learning_rate=0.02),
            lambda: session.branch(l2=0.5),
            lambda: session.rewind(0),
            lambda: session.pause(1),
            lambda: session.branch(1, l2=0.1),
            lambda: session.delete(1),
            lambda: session.note("<b>bold</b>"),
            lambda: session.stop(2),
        ]
        for command in commands:
            at = session.branches[0].branch.epochs
            while session.branches[0].branch.epochs < at + 12:
                now = glance(session)
                told, seen = applied(told, news(seen, now, SPLIT)), now
            command()
            now = glance(session)
            told, seen = applied(told, news(seen, now, SPLIT)), now
        assert news(seen, seen, SPLIT) == {}
        assert told == json.loads(json.dumps(whole(seen, SPLIT)))
        assert [line["verb"] for line in told["journal"]][:3] == ["nudge", "branch", "rewind"]
        assert told["branches"]["2"]["parent"] == 1
        layers = told["branches"]["2"]["curves"]["gradient_norm"]
        assert all(len(row) == 3 for row in layers)


def test_a_long_curve_is_thinned(monkeypatch):
    monkeypatch.setattr(telling, "POINTS", 8)
    with watch(SPLIT, LONG.changed(epochs=50)) as session:
        assert session.wait(60)
        branch = session.branches[0].branch
        assert every(branch) == 8
        told = whole(glance(session), SPLIT)["branches"]["0"]
        losses = session.history()["dev_loss"]
    assert told["every"] == 8
    assert told["curves"]["dev_loss"] == [float(f"{losses[epoch]:.5g}") for epoch in (7, 15, 23, 31, 39, 47)]


def test_how_a_branch_stands():
    with watch(SPLIT, LONG.changed(epochs=5)) as session:
        session.wait(60)
        session.branch(0)
        assert state_of(session.branches[0]) == "finished"
    with watch(SPLIT, LONG, paused=True) as session:
        assert state_of(session.branches[0]) == "paused"
        session.resume()
        while state_of(session.branches[0]) == "compiling":
            time.sleep(0.01)
        assert state_of(session.branches[0]) == "training"
        session.stop(0)
        assert state_of(session.branches[0]) == "ended"


def test_what_is_told_about_a_session_is_plain():
    with watch(SPLIT, LONG, paused=True) as session:
        told = json.loads(json.dumps(about(session.split, session.config, "mine")))
    assert told["rows"] == {"train": 300, "dev": 100, "test": 0}
    assert told["error"] == "share"
    assert {"learning_rate", "dropout", "l2", "batch_size", "hidden_units"} <= {one["name"] for one in told["settings"]}


def test_knobs_lie_on_the_scales_on_which_they_matter():
    found = {knob.name: knob for knob in knobs(LONG, SPLIT)}
    rate = found["learning_rate"]
    assert (rate.scale, rate.compiles) == ("log", False)
    assert rate.low is not None
    assert rate.high is not None
    assert rate.low < 0.01 < rate.high
    assert found["beta1"].scale == "one_minus_log"
    assert found["dropout"].has_off
    assert found["batch_size"].compiles
    assert found["hidden_units"].kind == "widths"
    assert "augment" not in found  # no images
    assert "momentum" not in {knob.name for knob in knobs(LONG, SPLIT)} or not found["momentum"].compiles


def test_a_line_is_told_in_words_and_without_digests():
    line = {"line": 3, "verb": "nudge", "branch": 1, "step": 1200, "settings": {"l2": 0.123456}, "who": "page"}
    assert line_in_words(line)["words"] == "nudge branch 1, l2 = 0.1235, at step 1,200"
    end = {"verb": "end", "branches": {"0": {"digest": "x"}}}
    assert line_in_words(end) == {"verb": "end", "words": "the session was closed"}
