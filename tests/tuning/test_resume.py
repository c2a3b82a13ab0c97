import pytest

from caviar.tuning import store
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
