import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest

import caviar
from caviar.errors import BadCommand, BadConfig, BadRun
from caviar.network.config import Config
from caviar.training import devices
from caviar.training.crew import rows_on_device
from caviar.training.outputs import outputs
from caviar.watching.branches import advance, begin, digest, run_of, steps_per_epoch
from caviar.watching.changes import changed
from caviar.watching.journal import Journal, lines_of
from caviar.watching.steering import Known, retraced
from caviar.watching.watch import replay, watch
from training.toy_splits import blobs

X, Y = blobs(400, 3, 5)
SPLIT = caviar.split(caviar.read((X[:300], Y[:300])), dev=caviar.read((X[300:], Y[300:])), test=0, seed=0)
SMALL = Config(hidden_units=(12, 7), epochs=9, batch_size=32, learning_rate=0.01, dropout=0.2)
LONG = SMALL.changed(epochs=1_000_000)
PER_EPOCH = 10


def traced(lines, config=SMALL, **how):
    rows = rows_on_device(SPLIT)
    return retraced(begin(SPLIT, config), lines, SPLIT, rows, devices.places()[0], **how)


def line(verb, step, branch=0, **more):
    return {"verb": verb, "branch": branch, "step": step, **more}


def end(**steps):
    return {"verb": "end", "branches": {name.removeprefix("b"): {"step": step} for name, step in steps.items()}}


def until(condition):
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def steps_more(session, n=1, branch=0):
    """Wait for steps, however slow the machine is: after a command has been answered none need have been taken."""
    before = session.branches[branch].branch.steps
    until(lambda: session.branches[branch].branch.steps >= before + n)


def answers(run):
    return outputs([(run.config, run.weights, run.statistics)], SPLIT.x_dev)[0]


def assert_same(run, other):
    for name, values in other.history.items():
        np.testing.assert_array_equal(run.history[name], values, err_msg=name)
    jax.tree.map(np.testing.assert_array_equal, run.weights, other.weights)


def test_until_the_first_command_the_bits_are_those_of_train():
    """Early stopping that never stops keeps the weights of the best epoch, as a session does."""
    with watch(SPLIT, SMALL) as session:
        assert session.wait(60)
        run = session.run()
    (other,) = caviar.train(SPLIT, [SMALL.changed(early_stopping=100)])
    assert_same(run, other)
    assert (run.status, run.best_epoch) == ("finished", other.best_epoch)


def test_a_nudged_rate_is_a_schedule_by_hand():
    """The second way to compute the same: bit for bit the rates of a schedule that changes at that epoch."""
    found = traced([line("nudge", 4 * PER_EPOCH, settings={"learning_rate": 0.002}), end(b0=9 * PER_EPOCH)])[0]
    by_hand = SMALL.changed(schedule=((0, 0.01), (4, 0.002)), early_stopping=100)
    assert_same(run_of(found, SPLIT), caviar.train(SPLIT, [by_hand])[0])


def test_a_nudge_acts_with_the_very_next_step():
    at = 4 * PER_EPOCH + 3
    calm = traced([end(b0=at + 1)])[0]
    still = traced([line("nudge", at, settings={"learning_rate": 0.0}), end(b0=at + 1)])[0]
    before = traced([end(b0=at)])[0]
    jax.tree.map(np.testing.assert_array_equal, still.state.weights, before.state.weights)
    assert not np.array_equal(calm.state.weights[0].w, before.state.weights[0].w)


def test_branches_have_the_bits_that_they_would_have_alone():
    lines = [
        line("branch", 23, new=1, settings={"l2": 0.5}),
        line("branch", 40, branch=1, new=2),
        end(b0=70, b1=70, b2=70),
    ]
    found = traced(lines)
    alone = traced([line("nudge", 23, settings={"l2": 0.5}), end(b0=70)])[0]
    assert digest(found[1]) == digest(found[2]) == digest(alone) != digest(found[0])
    rows = rows_on_device(SPLIT)
    together = [traced([end(b0=23)])[0]] * 3
    for n in (1, 30, 16):
        together = advance(SPLIT, together, n, rows, devices.places()[0])
    assert {digest(branch) for branch in together} == {digest(found[0])}


@pytest.mark.parametrize(
    "settings",
    [
        {"momentum": 0.5, "optimizer": "momentum", "learning_rate": 0.1},
        {"optimizer": "rmsprop"},
        {"dropout": 0.0},
        {"batch_size": 64},
        {"batch_size": "full"},
        {"clip_norm": 1.0},
        {"average_weights": 0.9},
        {"hidden_units": (20, 30)},
        {"hidden_units": (5, 3)},
        {"hidden_units": (30, 3), "batch_size": 16},
        {"activation": "tanh"},
        {"schedule": "cosine"},
        {"epochs": 12},
        {"early_stopping": 2},
        {"l1": 0.1, "l2": 0.1, "weight_decay": 0.01, "label_smoothing": 0.1, "input_noise": 0.1, "mixup": 0.2},
    ],
    ids=str,
)
@pytest.mark.parametrize("base", [SMALL, SMALL.changed(batch_norm=True, dropout=0.0)], ids=["plain", "batch norm"])
def test_every_change_trains_on_and_is_the_same_when_it_is_done_again(base, settings):
    lines = [line("nudge", 3 * PER_EPOCH, settings=settings)]
    found = traced(lines, base)[0]
    assert found.epochs == 3
    assert found.config == base.changed(**settings)
    per_epoch = steps_per_epoch(found, SPLIT)
    assert found.steps == 3 * per_epoch
    whole = traced([*lines, end(b0=6 * per_epoch)], base)[0]
    assert 3 < whole.epochs <= 6
    assert np.isfinite(whole.measured.train_loss).all()
    assert digest(traced([*lines, end(b0=6 * per_epoch)], base)[0]) == digest(whole)


@pytest.mark.parametrize("norm", [False, True])
def test_wider_layers_answer_as_before(norm):
    """New units are connected to nothing behind them."""
    base = SMALL.changed(batch_norm=norm, dropout=0.0)
    before = traced([end(b0=50)], base)[0]
    after = changed(before, {"hidden_units": (12 + 9, 7 + 70)}, SPLIT)
    one, other = (answers(run_of(branch, SPLIT)) for branch in (before, after))
    np.testing.assert_allclose(other, one, atol=1e-5)


def test_narrower_layers_keep_the_units_that_count():
    before = traced([end(b0=50)])[0]
    after = changed(before, {"hidden_units": (12, 3)}, SPLIT)
    lengths = np.linalg.norm(before.state.weights[2].w[:, :7], axis=0)
    kept = np.sort(np.argsort(-lengths)[:3])
    np.testing.assert_array_equal(after.state.weights[2].w[:, :3], before.state.weights[2].w[:, kept])
    np.testing.assert_array_equal(after.state.weights[1].w[:3, :12], before.state.weights[1].w[kept, :12])


def test_more_epochs_and_patience_let_a_network_go_on():
    done = traced([end(b0=90)])[0]
    assert done.status == "finished"
    assert changed(done, {"epochs": 12}, SPLIT).status == "training"
    assert changed(done, {"learning_rate": 0.1}, SPLIT).status == "finished"
    assert changed(traced([end(b0=60)])[0], {"epochs": 5}, SPLIT).status == "finished"
    early = traced([end(b0=10_000)], LONG.changed(early_stopping=2, learning_rate=0.3))[0]
    assert early.status == "stopped"
    assert early.steps == early.epochs * PER_EPOCH
    assert changed(early, {"early_stopping": 50}, SPLIT).status == "training"
    assert changed(early, {"l2": 1.0}, SPLIT).status == "stopped"


def test_a_session_is_steered_and_done_again_to_the_same_bits(tmp_path):
    with watch(SPLIT, LONG, folder=tmp_path / "run") as session:
        steps_more(session, 50)
        assert session.nudge(learning_rate=0.002).compiles is False
        other = session.branch(hidden_units=(20, 7), batch_size=64)
        steps_more(session, branch=other)
        done = session.nudge(other, dropout=0.0)
        assert done.compiles
        session.note("no dropout")
        kept = session.branches[0].kept
        session.rewind(kept[len(kept) // 2])
        third = session.branch(other)
        session.delete(other)
        steps_more(session, branch=third)
        with pytest.raises(BadCommand, match="branch that is there"):
            session.nudge(other, l2=1.0)
        session.pause()
        standing = {number: digest(seen.branch) for number, seen in session.branches.items()}
        assert set(standing) == {0, third}
    verbs = [each["verb"] for each in session.lines]
    assert verbs == ["nudge", "branch", "nudge", "note", "rewind", "branch", "delete", "pause", "stop", "end"]
    assert all(set(each) >= {"line", "time"} for each in session.lines)
    again = replay(SPLIT, tmp_path / "run")
    assert again.equal
    assert {number: digest(branch) for number, branch in again.branches.items()} == standing
    with watch(SPLIT, LONG, folder=tmp_path / "run") as session:
        assert {number: digest(seen.branch) for number, seen in session.branches.items()} == standing
        assert all(seen.paused for seen in session.branches.values())
    assert replay(SPLIT, tmp_path / "run").equal


def test_a_replay_that_is_not_the_same_says_so(tmp_path):
    with watch(SPLIT, LONG, folder=tmp_path / "run") as session:
        session.nudge(learning_rate=0.002)
        steps_more(session)
    path = tmp_path / "run" / "journal.jsonl"
    path.write_text(path.read_text().replace("0.002", "0.003"))
    assert replay(SPLIT, tmp_path / "run").equal is False


def test_the_best_epoch_is_kept_as_a_model(tmp_path):
    with watch(SPLIT, SMALL, folder=tmp_path / "run") as session:
        session.wait(60)
        session.keep_best()
        run = session.run()
    shares = caviar.predict(tmp_path / "run", X[300:], proba=True).to_numpy()[:, -3:].astype(float)
    raw = np.exp(answers(run))
    np.testing.assert_allclose(shares, raw / raw.sum(axis=1, keepdims=True), atol=1e-5)


def test_pause_and_resume_change_no_bit():
    with watch(SPLIT, SMALL.changed(epochs=60), paused=True) as session:
        assert session.branches[0].branch.steps == 0
        for _ in range(5):
            session.resume()
            time.sleep(0.02)
            session.pause()
        session.resume()
        session.wait(60)
        run = session.run()
    assert_same(run, caviar.train(SPLIT, [SMALL.changed(epochs=60, early_stopping=1_000)])[0])


def test_what_does_not_fit_is_told_and_the_training_goes_on(tmp_path):
    with watch(SPLIT, LONG, folder=tmp_path / "run") as session:
        for wrong, error in [
            (lambda: session.rewind(987_654_321), BadCommand),
            (lambda: session.nudge(5, l2=0.1), BadCommand),
            (lambda: session.nudge(learning_rate=-1), BadConfig),
            (lambda: session.nudge(hidden_units=(8,)), BadCommand),
            (lambda: session.nudge(augment=("flip",)), BadConfig),
            (lambda: session.delete(0), BadCommand),
        ]:
            with pytest.raises(error):
                wrong()
        steps_more(session)
        with pytest.raises(BadRun, match="in use"):
            watch(SPLIT, LONG, folder=tmp_path / "run")
    assert [each["verb"] for each in session.lines] == ["stop", "end"]
    with pytest.raises(BadRun, match="asked for config"):
        watch(SPLIT, SMALL, folder=tmp_path / "run")
    with pytest.raises(BadRun, match="over"):
        session.pause()
    with pytest.raises(BadConfig, match="all train rows"):
        watch(SPLIT, SMALL.changed(rows=0.5))


def test_a_diverged_network_waits_and_can_go_back():
    with watch(SPLIT, LONG.changed(optimizer="sgd", learning_rate=0.05)) as session:
        steps_more(session)
        session.nudge(learning_rate=1e30)
        assert session.wait(60)
        assert session.branches[0].branch.status == "diverged"
        session.rewind(session.branches[0].kept[0])
        steps_more(session)
        assert session.branches[0].branch.status == "training"


def test_kept_epochs_share_their_curves(monkeypatch):
    """Memory grows with the curves of a branch, not with forty copies of them."""
    monkeypatch.setattr("caviar.watching.session._SECONDS_PER_KEPT", 0.0)
    monkeypatch.setattr("caviar.watching.session._TIMES_KEPT", 0.0)
    with watch(SPLIT, SMALL.changed(epochs=60)) as session:
        assert session.wait(60)
        kept = session._kept[0]
        first, last = (kept.at(epoch).measured.dev_loss for epoch in (kept.epochs[1], kept.epochs[-1]))
        assert 0 < len(first) < len(last)
        assert np.shares_memory(first, last)
        assert len(first) == kept.epochs[1]
        np.testing.assert_array_equal(first, last[: len(first)])


def test_kept_epochs_are_few_and_the_first_last_and_best_among_them(tmp_path, monkeypatch):
    monkeypatch.setattr("caviar.watching.session._SECONDS_PER_KEPT", 0.0)
    monkeypatch.setattr("caviar.watching.session._TIMES_KEPT", 0.0)
    with watch(SPLIT, LONG, folder=tmp_path / "run") as session:
        while session.branches[0].branch.epochs < 3_000:
            time.sleep(0.01)
        session.pause()
        seen = session.branches[0]
    assert len(seen.kept) <= 40
    assert seen.kept[0] == 0
    assert seen.kept[-1] == seen.branch.epochs
    files = sorted((tmp_path / "run" / "epochs" / "branch-0").iterdir())
    assert len(files) == len(seen.kept)


def test_half_a_line_is_cut_and_its_command_has_not_acted(tmp_path):
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.write({"verb": "note", "text": "a"})
    with path.open("ab") as file:
        file.write(b'{"verb": "nu')
    assert Journal(path).lines == [{"verb": "note", "text": "a"}]
    assert path.read_text() == json.dumps({"verb": "note", "text": "a"}) + "\n"
    path.write_text("no journal\n")
    with pytest.raises(BadRun, match="lines of JSON"):
        Journal(path)


COMMANDED = """
import random, sys, time
sys.path[:0] = [sys.argv[2]]
from watching.test_session import LONG, SPLIT
from caviar.errors import BadCommand
from caviar.watching.watch import watch
draw = random.Random(int(sys.argv[3]))
session = watch(SPLIT, LONG, folder=sys.argv[1])
steps = lambda: sum(seen.branch.steps for seen in session.branches.values())
at = steps()
session.resume()
while steps() < at + 10: time.sleep(0.01)
print("begun", flush=True)
while True:
    numbers = list(session.branches)
    one = draw.choice(numbers)
    try:
        match draw.choice(["nudge", "batch", "rewind", "branch", "delete", "pause", "wait"]):
            case "nudge": session.nudge(one, learning_rate=10 ** draw.uniform(-4, -2))
            case "batch": session.nudge(one, batch_size=draw.choice([32, 64]))
            case "rewind": session.rewind(draw.choice(session.branches[one].kept), one)
            case "branch" if len(numbers) < 3: session.branch(one, l2=draw.random())
            case "delete" if len(numbers) > 1: session.delete(one)
            case "pause": session.pause(one); session.resume(one)
            case _: time.sleep(0.05)
    except BadCommand as error:
        print(error, flush=True)
"""


def test_killed_again_and_again_it_goes_on_and_is_replayed_to_the_same_bits(tmp_path):
    """SIGKILL at a random moment; what the journal holds is done again, and nothing else is."""
    folder, draw = tmp_path / "run", np.random.default_rng(0)
    journal = folder / "journal.jsonl"
    lines = 0
    for turn in range(4):
        command = [sys.executable, "-c", COMMANDED, str(folder), str(Path(__file__).parents[1]), str(turn)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        until(lambda before=lines: len(lines_of(journal)) > before)
        time.sleep(float(draw.uniform(0.0, 1.2)))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        kept = Journal(journal).lines
        assert len(kept) > lines
        lines = len(kept)
    with watch(SPLIT, LONG, folder=folder) as session:
        assert len(session.lines) == lines
        resumed = {number: digest(seen.branch) for number, seen in session.branches.items()}
        assert resumed
        assert all(seen.paused for seen in session.branches.values())
    again = replay(SPLIT, folder)
    assert again.equal
    assert {number: digest(branch) for number, branch in again.branches.items()} == resumed


def test_going_back_to_the_epoch_of_a_nudge_is_going_back_before_it():
    lines = [
        line("nudge", 40, settings={"l2": 0.5}),
        line("nudge", 50, settings={"l1": 0.5}),
        line("rewind", 60, epoch=4),
    ]
    assert digest(traced([*lines, end(b0=70)])[0]) == digest(traced([end(b0=70)])[0])
    found = traced([*lines, line("nudge", 40, settings={"l2": 0.1}), line("rewind", 55, epoch=4), end(b0=70)])[0]
    assert digest(found) == digest(traced([end(b0=70)])[0])


def test_what_was_deleted_is_not_trained_again(monkeypatch):
    """A session that goes on is at its last kept epochs at once, also where a branch had been made and deleted."""
    lines = [
        line("branch", 20, new=1, settings={"l2": 0.5}),
        line("branch", 30, branch=1, new=2),
        line("delete", 45, 1),
    ]
    whole = traced([*lines, end(b0=60, b2=60)])
    assert set(whole) == {0, 2}
    known = {0: Known(3, traced([end(b0=60)])[0]), 2: Known(2, whole[2])}
    calls = []
    monkeypatch.setattr("caviar.watching.steering.advance", lambda *_: calls.append(1))
    found = traced(lines, known=known)
    assert not calls
    assert {number: digest(branch) for number, branch in found.items()} == {n: digest(b) for n, b in whole.items()}
    monkeypatch.undo()
    again = traced([*lines, end(b0=60, b2=60)], known={0: known[0]})  # the copy is lost: all is done again
    assert {number: digest(branch) for number, branch in again.items()} == {n: digest(b) for n, b in whole.items()}


def test_a_branch_is_a_value():
    one = begin(SPLIT, SMALL)
    assert dataclasses.replace(one, number=3).number == 3
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.steps = 4
