"""What goes wrong around a session: values that cannot be trained, a full disk, a failure of its own."""

import dataclasses
import errno
import os
import threading

import numpy as np
import pytest

from caviar.errors import BadCommand, BadRun
from caviar.watching import kept
from caviar.watching import session as module
from caviar.watching.branches import digest
from caviar.watching.commands import Command
from caviar.watching.journal import Journal, lines_of
from caviar.watching.kept import Kept, not_left_behind
from caviar.watching.terminal import of_branch
from caviar.watching.watch import replay, watch
from watching.test_session import LONG, SPLIT, traced, until


def epochs(session):
    return session.branches[0].branch.epochs


def no_room(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def always_due(monkeypatch):
    monkeypatch.setattr("caviar.watching.session._SECONDS_PER_KEPT", 0.0)
    monkeypatch.setattr("caviar.watching.session._TIMES_KEPT", 0.0)


def standing(session):
    return {number: digest(seen.branch) for number, seen in session.branches.items()}


def assert_goes_on(folder, digests):
    assert replay(SPLIT, folder).equal
    with watch(SPLIT, LONG, folder=folder) as session:
        assert standing(session) == digests


@pytest.mark.parametrize(
    "settings",
    [{"learning_rate": 10**400}, {"learning_rate": "0.01"}, {"hidden_units": (1 << 20, 1 << 20)}],
    ids=["400 digits", "a word", "no memory"],
)
def test_settings_that_cannot_be_trained_are_refused_alone(monkeypatch, settings):
    real = module.begin

    def small(split, config, *more):
        if max(config.hidden_units) > 1 << 16:
            raise MemoryError("Unable to allocate 4 TiB")
        return real(split, config, *more)

    monkeypatch.setattr(module, "begin", small)
    with watch(SPLIT, LONG.changed(schedule=((0, 0.01), (4, 0.002)))) as session:
        with pytest.raises(BadCommand, match=r"These settings cannot be trained here \(.+\)\. Give others"):
            session.nudge(**settings)
        assert session.lines == []
        before = epochs(session)
        until(lambda: epochs(session) > before)


def test_a_program_that_cannot_be_compiled_is_refused_and_may_be_tried_again(monkeypatch):
    real, wide = module.advance, (20, 7)

    def fails_once(split, branches, *more):
        if branches[0].config.hidden_units == wide and not failed:
            failed.append(1)
            raise RuntimeError("out of memory while compiling")
        return real(split, branches, *more)

    failed = []
    monkeypatch.setattr(module, "advance", fails_once)
    with watch(SPLIT, LONG) as session:
        with pytest.raises(BadCommand, match="out of memory while compiling"):
            session.nudge(hidden_units=wide)
        assert session.nudge(hidden_units=wide).compiles


def test_when_the_session_fails_every_command_is_answered_and_no_other_is_taken(monkeypatch):
    reached, go = threading.Event(), threading.Event()

    def fails(*_):
        reached.set()
        assert go.wait(60)
        raise ValueError("injected")

    session = watch(SPLIT, LONG)
    until(lambda: epochs(session))
    monkeypatch.setattr("caviar.watching.session.advance", fails)
    assert reached.wait(60)
    asked = [session.ask(Command("note", text=str(n))) for n in range(3)]
    assert not asked[0].cancel()
    go.set()
    for one in asked:
        assert isinstance(one.exception(60), BadRun)
    with pytest.raises(BadRun, match="over"):
        session.ask(Command("pause"))
    assert not session.alive
    with pytest.raises(BadRun, match="injected"):
        session.close()


def test_commands_behind_one_that_fails_half_done_are_answered(monkeypatch):
    session = watch(SPLIT, LONG, paused=True)
    monkeypatch.setattr(Kept, "forget_after", no_room)
    commands = [Command("nudge", 0, {"hidden_units": (21, 9)}), Command("rewind", 0, epoch=0), Command("keep", 0)]
    nudged, *others = [session.ask(command) for command in commands]
    assert nudged.result(60).compiles
    assert all(isinstance(one.exception(60), BadRun) for one in others)
    with pytest.raises(BadRun, match="No space"):
        session.close()


def test_a_stop_that_cannot_be_written_ends_the_session_and_says_so(tmp_path, monkeypatch):
    session = watch(SPLIT, LONG, folder=tmp_path / "run")
    with monkeypatch.context() as full:
        full.setattr(os, "fsync", no_room)
        assert "Make room" in str(session.ask(Command("stop")).exception(60))
        with pytest.raises(BadRun, match="Make room"):
            session.close()
    with watch(SPLIT, LONG, folder=tmp_path / "run") as again:
        assert again.lines == []


def test_a_folder_that_cannot_be_left_leaves_nobody_waiting(tmp_path, monkeypatch):
    session = watch(SPLIT, LONG, folder=tmp_path / "run")
    monkeypatch.setattr("caviar.watching.session.RunFolder.__exit__", no_room)
    session.stop()
    with pytest.raises(BadRun, match="No space"):
        session.close()


@pytest.mark.usefixtures("always_due")
def test_while_the_disk_is_full_training_goes_on_and_afterwards_all_is_as_before(tmp_path, monkeypatch):
    with watch(SPLIT, LONG, folder=tmp_path / "run") as session:
        until(lambda: epochs(session) > 5)
        with monkeypatch.context() as full:
            full.setattr(os, "fsync", no_room)
            until(lambda: session.trouble)
            before, known = epochs(session), session.branches[0].kept
            until(lambda: epochs(session) > before + 20)
            assert session.branches[0].kept == known
            with pytest.raises(BadRun, match="Make room"):
                session.nudge(l2=0.1)
            assert (session.lines, session.branches[0].branch.config) == ([], LONG)
        until(lambda: session.trouble is None)
        until(lambda: session.branches[0].kept[-1] > before)
        session.nudge(l2=0.1)
        session.rewind(session.branches[0].kept[-2])
        session.pause()
        digests = standing(session)
    assert_goes_on(tmp_path / "run", digests)


def test_a_branch_whose_first_epoch_cannot_be_kept_is_there_and_is_kept_later(tmp_path, monkeypatch):
    with watch(SPLIT, LONG, folder=tmp_path / "run", paused=True) as session:
        with monkeypatch.context() as full:
            full.setattr(kept, "save_file", no_room)
            number = session.branch(l2=0.5)
            assert "Make room" in session.trouble
            assert session.branches[number].kept == ()
        until(lambda: session.trouble is None)
        session.pause()
        assert session.branches[number].kept
        digests = standing(session)
    assert_goes_on(tmp_path / "run", digests)


def test_a_model_that_cannot_be_kept_fails_that_command_alone(tmp_path, monkeypatch):
    with watch(SPLIT, LONG, folder=tmp_path / "run") as session:
        until(lambda: session.branches[0].branch.best_epoch)
        with monkeypatch.context() as full:
            full.setattr("caviar.training.saved.save", no_room)
            with pytest.raises(BadRun, match=r"keep needs room .*run cannot be"):
                session.keep_best()
        session.keep_best()


def test_half_a_line_that_could_not_be_cut_is_cut_before_the_next_one(tmp_path, monkeypatch):
    journal = Journal(tmp_path / "journal.jsonl")
    journal.write({"n": 1})
    with monkeypatch.context() as full:
        full.setattr(os, "fsync", no_room)
        full.setattr(os, "truncate", no_room)
        for _ in range(2):
            with pytest.raises(BadRun, match="Make room"):
                journal.write({"n": 2})
    journal.write({"n": 3})
    assert lines_of(tmp_path / "journal.jsonl") == journal.lines == [{"n": 1}, {"n": 3}]


def test_keeping_rests_longer_than_it_takes(monkeypatch):
    monkeypatch.setattr("caviar.watching.session._SECONDS_PER_KEPT", 0.0)
    monkeypatch.setattr("caviar.watching.session._TIMES_KEPT", 1e9)
    with watch(SPLIT, LONG) as session:
        until(lambda: epochs(session) > 50)
        assert session.branches[0].kept == (0,)


def long_branch(n):
    """A branch at its first step, with curves as long as if it stood elsewhere."""
    one = traced([])[0]
    curves = one.measured._replace(**{f: np.zeros(n, np.float32) for f in one.measured._fields if f != "layers"})
    return dataclasses.replace(one, measured=curves, rates=np.zeros(n))


@pytest.mark.parametrize("on_disk", [True, False])
def test_curves_count_as_often_as_they_take_room(tmp_path, monkeypatch, on_disk):
    state = kept._bytes(long_branch(0).state)
    monkeypatch.setattr(kept, "MOST_BYTES", 10 * state + 40_000)
    own = Kept(tmp_path if on_disk else None)
    for n in range(100, 1_001, 100):
        own.keep(long_branch(n), {})
    assert len(own.epochs) == (4 if on_disk else 10)


def test_what_a_killed_process_left_is_removed_and_what_cannot_be_is_left(tmp_path, monkeypatch):
    (tmp_path / ".epoch-000001.safetensors.x").touch()
    own = Kept(tmp_path)
    assert list(tmp_path.iterdir()) == []
    own.keep(long_branch(0), {"line": 0})
    with monkeypatch.context() as locked:
        locked.setattr("pathlib.Path.unlink", no_room)
        own.forget_all()
    assert own.epochs == []
    assert list(not_left_behind(kept.about_kept(tmp_path), 0, [])) == [0]


def test_a_file_that_a_rewind_could_not_remove_does_not_count():
    about = {3: {"line": 0}, 5: {"line": 0}, 6: {"line": 2}}
    lines = [{"verb": "note"}, {"verb": "rewind", "branch": 0, "epoch": 4}]
    assert set(not_left_behind(about, 0, lines)) == {3, 6}
    assert set(not_left_behind(about, 1, lines)) == {3, 5, 6}


def test_a_network_without_a_finite_loss_is_told():
    with watch(SPLIT, LONG.changed(learning_rate=1e30)) as session:
        assert session.wait(60)
        seen = session.branches[0]
        assert not np.isfinite(seen.branch.measured.dev_loss).any()
        assert "diverged" in of_branch(0, seen, SPLIT)
