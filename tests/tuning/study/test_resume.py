import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from optuna.storages.journal import JournalFileBackend

from caviar.errors import BadRun
from caviar.tuning.proposals.coarse_to_fine import CoarseToFine
from caviar.tuning.study import store
from tuning import killed_search
from tuning.killed_search import everything
from tuning.made_searches import Judge, content, figures, run


@pytest.fixture(params=["journal", "database"])
def storage(request, tmp_path):
    """Where a study outlives its process."""
    return tmp_path / "study.log" if request.param == "journal" else f"sqlite:///{tmp_path}/study.db"


def stop_after(monkeypatch, writes: int) -> None:
    """Let the disk, or the person, give up after so many trials are written."""
    add_trial, count = store.add_trial, []

    def failing(*args):
        if len(count) == writes:
            raise KeyboardInterrupt
        count.append(1)
        add_trial(*args)

    monkeypatch.setattr(store, "add_trial", failing)


def assert_identical(study, storage, **settings):
    whole = run(**settings)
    assert figures(study) == figures(whole)
    assert study.zooms == whole.zooms
    assert content(study.optuna) == content(whole.optuna)
    assert content(store.open_study(storage, "minimize")) == content(whole.optuna)
    ids = [trial.user_attrs["caviar:id"] for trial in study.optuna.trials]
    assert len(set(ids)) == len(ids) == len(whole.trials)


def test_a_search_broken_off_while_training_goes_on_to_the_same_study(storage):
    with pytest.raises(KeyboardInterrupt):
        run(Judge(break_at=1), storage=storage)
    assert len(store.open_study(storage, "minimize").trials) == 8
    assert_identical(run(storage=storage), storage)


@pytest.mark.parametrize("writes", [0, 1, 5, 8, 11, 19])
def test_a_search_broken_off_while_writing_goes_on_to_the_same_study(storage, monkeypatch, writes):
    with monkeypatch.context() as patch:
        stop_after(patch, writes)
        with pytest.raises(KeyboardInterrupt):
            run(storage=storage)
    assert len(store.open_study(storage, "minimize").trials) == writes
    assert_identical(run(storage=storage), storage)


def test_a_search_killed_inside_a_write_goes_on_to_the_same_study(tmp_path):
    path = tmp_path / "study.log"
    run(storage=path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-7]) + lines[-7][:40])
    (tmp_path / "study.log.lock").symlink_to(path)
    assert_identical(run(storage=path), path)


def test_a_finished_search_is_gone_through_again_and_writes_nothing(storage):
    run(storage=storage)
    judge = Judge()
    assert_identical(run(judge, storage=storage), storage)
    assert sum(map(len, judge.lists)) == 20  # whose scores are remembered by whoever judges


def test_a_search_that_is_continued_does_not_end_before_what_it_has(tmp_path):
    """Time is up at once, but what the study holds is part of the answer."""
    path = tmp_path / "study.log"
    first = run(storage=path, trials=100, enough=lambda: len(store.open_study(path, "minimize").trials) >= 16)
    assert len(first.trials) == 16
    again = run(storage=path, trials=100, enough=lambda: True)
    assert figures(again) == figures(first)


def test_more_trials_may_be_asked_for_later(tmp_path):
    run(storage=tmp_path / "study.log", trials=16)
    assert_identical(run(storage=tmp_path / "study.log", trials=24), tmp_path / "study.log", trials=24)


def test_a_search_that_is_killed_again_and_again_ends_as_if_it_had_not_been(tmp_path):
    """SIGKILL while judging, before and after the records are written, and inside a line of the journal."""
    killed = tmp_path / "killed"
    killed.mkdir()
    for place, number in [("append", 9), ("judge", 2), ("kept", 1), ("append", 2), ("keep", 1)]:
        command = [sys.executable, killed_search.__file__, str(killed), place, str(number)]
        done = subprocess.run(command, start_new_session=True, capture_output=True, text=True, check=False)
        assert done.returncode == -signal.SIGKILL, done.stderr
    judged = []

    def counting(entries, generation, before):
        judged.append(generation)
        return killed_search.judge(entries, generation, before)

    study = killed_search.go(killed, counting)
    whole = tmp_path / "whole"
    whole.mkdir()
    assert figures(study) == figures(killed_search.go(whole))
    assert everything(killed) == everything(whole)
    assert len(everything(killed)) == 30
    assert judged  # something was left to do
    assert len(judged) < 5  # and no finished generation was judged again
    assert not list(killed.glob("study.log.lock"))
    assert len(list(killed.glob("curves/*"))) == 5


def test_a_generation_that_is_in_the_records_is_not_judged_again(tmp_path, monkeypatch):
    """Whatever comes between the records and the study."""
    with monkeypatch.context() as patch:
        stop_after(patch, 8)
        with pytest.raises(KeyboardInterrupt):
            killed_search.go(tmp_path)
    before = len(everything(tmp_path))
    assert before == 8
    judged = []

    def counting(entries, generation, before):
        judged.append(generation)
        return killed_search.judge(entries, generation, before)

    study = killed_search.go(tmp_path, counting)
    assert judged == [2, 3, 4]
    assert [trial.number for trial in study.trials] == list(range(30))


def test_a_resumed_search_asks_nobody_for_points_that_it_has(tmp_path, monkeypatch):
    whole = killed_search.go(tmp_path)
    monkeypatch.setattr(CoarseToFine, "__call__", lambda *_: pytest.fail("it was asked"))
    again = killed_search.go(tmp_path, lambda *_: pytest.fail("it was judged"))
    assert figures(again) == figures(whole)
    assert again.zooms == whole.zooms


def test_more_trials_go_on_behind_a_generation_that_was_cut_short(tmp_path):
    killed_search.go(tmp_path, trials=15)
    first = everything(tmp_path)
    study = killed_search.go(tmp_path, trials=30)
    assert everything(tmp_path)[:15] == first
    assert [t.generation for t in study.trials] == [0] * 6 + [1] * 6 + [2] * 3 + [3] * 6 + [4] * 6 + [5] * 3
    assert figures(killed_search.go(tmp_path, trials=12)) == figures(study)  # what is there is part of the answer


def test_trials_hold_no_curves_where_the_records_do(tmp_path):
    assert {trial.outcome.curves for trial in killed_search.go(tmp_path).trials} == {None}


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 96 kB, which can be made larger."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=96k", "none", str(disk)]
    if os.name != "posix" or os.getuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small file system, and not everywhere")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.parametrize("filled", [0, 20_000, 40_000, 52_000])
def test_a_full_disk_is_told_in_one_line_and_the_same_call_goes_on(small_disk, filled, tmp_path):
    """Full in the records, or in the middle of a line of the journal."""
    (small_disk / "others").write_bytes(b"x" * filled)
    with pytest.raises(BadRun, match=r"need.* room .*No space left on device.*Make room, and repeat the call") as told:
        killed_search.go(small_disk, trials=90)
    assert "\n" not in str(told.value)
    subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk)], check=True)
    whole = tmp_path / "whole"
    whole.mkdir()
    killed_search.go(small_disk, trials=90)
    killed_search.go(whole, trials=90)
    assert everything(small_disk) == everything(whole)


def test_half_a_line_of_a_full_disk_is_cut_at_once(tmp_path, monkeypatch):
    """Whoever reads the journal meanwhile never meets it."""
    study = killed_search.go(tmp_path, trials=6).optuna
    whole = (tmp_path / "study.log").read_bytes()

    def full(self, logs):  # noqa: ARG001
        with Path(self._file_path).open("ab") as file:
            file.write(b'{"op_code":4,"half')
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(JournalFileBackend, "append_logs", full)
    with pytest.raises(BadRun, match="No space left on device"):
        study.set_user_attr("note", "x")
    assert (tmp_path / "study.log").read_bytes() == whole
