import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import optuna
import pytest

from caviar.errors import BadRun
from caviar.tuning.study import store
from caviar.tuning.study.sharing import Claims, shares
from tuning import killed_search
from tuning.clusters import running, server_programs
from tuning.made_searches import content, figures, run

pytest.importorskip("psycopg", reason="needs psycopg")
needs_server = pytest.mark.skipif(server_programs() is None, reason="no PostgreSQL server is installed")
SECRET = "a-secret-word"


@pytest.fixture(scope="module")
def url():
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "server") as address:
        yield address


def started(url: str, name: str, trials: int, *more: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "tuning.shared_search", url, name, str(trials), *more],
        cwd=Path(__file__).parents[2],
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def by_optuna(url: str, name: str) -> list[optuna.trial.FrozenTrial]:
    """The trials of a study as Optuna alone reads them."""
    storage = optuna.storages.RDBStorage(url)
    try:
        return optuna.load_study(study_name=name, storage=storage).trials
    finally:
        storage.engine.dispose()


def judged_by(process: subprocess.Popen) -> tuple[int, list[int]]:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    trials, *generations = map(int, out.split())
    return trials, generations


@needs_server
def test_one_machine_makes_the_study_that_a_file_holds(url):
    study = store.open_study(url, "minimize", study_name="alone")
    assert shares(study)
    found = run(storage=url, trials=12, generation_size=4, again=False)
    whole = run(trials=12, generation_size=4, again=False)
    assert figures(found) == figures(whole)
    assert found.zooms == whole.zooms
    assert content(found.optuna) == content(whole.optuna)
    assert content_of(by_optuna(url, "caviar")) == content_of(whole.optuna.trials)
    assert figures(run(storage=url, trials=12, generation_size=4, again=False)) == figures(whole)
    plain = url.replace("+psycopg", "")
    assert len(store.open_study(plain, "minimize").trials) == 12  # psycopg 3 does for this, too


@needs_server
def test_two_machines_share_the_generations(url):
    processes = [started(url, "shared", 48) for _ in range(2)]
    (one, first), (other, second) = map(judged_by, processes)
    assert one == other == 48
    assert sorted(first + second) == list(range(8))  # no generation twice
    assert first
    assert second
    ids = [t.user_attrs["caviar:id"] for t in by_optuna(url, "shared")]
    assert sorted(ids) == sorted(f"{generation}/{index}" for generation in range(8) for index in range(6))


@needs_server
def test_what_a_lost_machine_was_at_is_taken_over(url):
    """It was killed in the middle of a generation of which the study has two trials."""
    lost = started(url, "lost", 18, "die")
    _, told = lost.communicate(timeout=300)
    assert lost.returncode == -signal.SIGKILL, told
    before = by_optuna(url, "lost")
    assert [trial.user_attrs["caviar:id"] for trial in before] == ["0/0", "0/1"]
    trials, generations = judged_by(started(url, "lost", 18))
    assert (trials, generations) == (18, [0, 1, 2])
    after = by_optuna(url, "lost")
    assert content_of(after[:2]) == content_of(before)
    with tempfile.TemporaryDirectory() as folder:
        whole = killed_search.go(Path(folder), trials=18)
        assert [t.params for t in after] == [t.params for t in whole.optuna.trials]


def content_of(trials):
    return [(t.number, t.state, t.params, t.values, t.user_attrs) for t in trials]


@needs_server
def test_a_claim_is_lost_by_silence_only(url):
    study = store.open_study(url, "minimize", study_name="claims")
    one, other = Claims(study, lease=1.0), Claims(study, lease=1.0)
    assert one.claim(0) is not None
    assert other.claim(0) is None
    one.proposed(0, {"points": [{"x": 1 / 3}]})
    with one.alive(0):
        time.sleep(2.0)
        assert other.claim(0) is None
    time.sleep(1.2)
    assert other.claim(0).points == {"points": [{"x": 1 / 3}]}
    with one.writing(0) as mine:  # it was only slow, and must not write any more
        assert not mine
    with other.writing(0) as mine:
        assert mine
    assert one.claim(0) is other.claim(0) is None  # finished
    assert one.claim(1) is not None
    one.release(1)
    assert other.claim(1) is not None


@needs_server
def test_whoever_writes_is_waited_for(url):
    """A claim that runs out while its trials are written is not taken over in between."""
    study = store.open_study(url, "minimize", study_name="waits")
    one, other = Claims(study, lease=0.2), Claims(study, lease=0.2)
    assert one.claim(0) is not None
    got = []
    with one.writing(0) as mine:
        assert mine
        time.sleep(0.4)
        thread = threading.Thread(target=lambda: got.append(other.claim(0)))
        thread.start()
        time.sleep(0.3)
        assert not got
    thread.join()
    assert got == [None]


@needs_server
def test_another_search_on_the_server_is_refused(url):
    killed_search_on(url, "claimed", rows="these")
    with pytest.raises(BadRun, match="must go on with the rows it was begun with"):
        killed_search_on(url, "claimed", rows="those")


def killed_search_on(url, name, rows):
    store.claim(store.open_study(url, "minimize", study_name=name), {"rows": rows})


@needs_server
def test_a_server_that_goes_away_is_told_without_the_password():
    with tempfile.TemporaryDirectory() as folder:
        with running(Path(folder) / "server") as address:
            study = store.open_study(address, "minimize")
        with pytest.raises(BadRun, match=r"failed: .*Make room or bring it back, and repeat the call") as told:
            store.claim(study, {"seed": 1})
    assert SECRET not in str(told.value)
    assert "\n" not in str(told.value)


def test_a_server_that_does_not_answer_is_given_up_soon():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        began = time.monotonic()
        with pytest.raises(
            BadRun, match=rf"got postgresql\+psycopg://me:\*\*\*@127\.0\.0\.1:{port}/db: .*timeout"
        ) as told:
            store.open_study(f"postgresql+psycopg://me:{SECRET}@127.0.0.1:{port}/db?connect_timeout=2", "minimize")
        assert time.monotonic() - began < 30
    assert SECRET not in repr(told.value)
    assert told.value.__cause__ is None


@pytest.mark.parametrize(
    "address",
    [
        f"postgresql://me:{SECRET}@127.0.0.1:1/db",
        f"postgresql://127.0.0.1:1/db?user=me&password={SECRET}",
        f"postgresql+psycopg://me:{SECRET}@127.0.0.1:one/db",
        f"postgresql://me:{SECRET}@a b:1:2/db",
        f"postgres://me:{SECRET}@nowhere.invalid/db",
        f"mysql+nothing://me:{SECRET}@127.0.0.1/db",
        f"postgres9://me:{SECRET}@127.0.0.1/db",
    ],
)
def test_no_message_holds_a_password(address):
    with pytest.raises(BadRun) as told:
        store.open_study(address, "minimize")
    assert SECRET not in str(told.value)
    assert "\n" not in str(told.value)
    assert told.value.__cause__ is None
    assert told.value.__suppress_context__


def test_a_driver_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(BadRun, match=r'needs the package psycopg: pip install "caviar\[postgres\]"'):
        store.open_study("postgresql+psycopg://me@127.0.0.1:1/db", "minimize")
