"""Functions of one's own. What runs in other processes is defined within tests: so it travels without its module."""

import ctypes
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from caviar.errors import BadObjective, BadRun, BadSpace
from caviar.training.record import Run
from caviar.tuning.functions.own_trial import seed_of
from caviar.tuning.functions.workers import environment
from caviar.tuning.proposals.propose import RandomPoints
from caviar.tuning.spaces.dimensions import Choice, LogUniform, Uniform
from caviar.tuning.spaces.space import Space
from caviar.tuning.study import store
from caviar.tuning.tune import tune
from tuning.made_searches import content

SPACE = Space({"x": Uniform(-1, 1), "y": LogUniform(1e-3, 1)})
ATTRIBUTE = "caviar:reason"
posix = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


def search(objective: Callable[[Any], Any], space: Space = SPACE, **settings: Any):
    return tune(objective, space, **({"trials": 16, "proposals": RandomPoints()} | settings))


def whole(study):
    """What makes two studies equal, reports included."""
    return content(study.optuna), [trial.intermediate_values for trial in study.optuna.trials]


def _falling():
    def falling(trial):
        """Its reports fall towards a value that the point decides."""
        end = (trial.params["x"] - 0.3) ** 2
        for step in range(6):
            trial.report(end + 2.0**-step, step)
            if trial.should_prune():
                break
        trial.set_user_attr("seed", trial.seed)
        return end

    return falling


falling = _falling()


@pytest.fixture(scope="module")
def study():
    return search(falling, trials=40)


def test_a_function_is_searched(study):
    assert study.best_value == study.optuna.best_value == study.best.outcome.values[0] < 0.01
    assert study.best_params == study.best.values
    states = [trial.outcome.state for trial in study.trials]
    assert set(states[:8]) == {"complete"}, "the first generation has nothing to be compared with"
    assert "pruned" in states[8:]
    for trial in study.trials:
        reports, end = trial.outcome.rungs, (trial.values["x"] - 0.3) ** 2
        assert reports == {step: end + 2.0**-step for step in range(len(reports))}
        assert trial.outcome.values == ((end if trial.outcome.state == "complete" else reports[len(reports) - 1]),)
        assert trial.outcome.facts["seed"] == seed_of(0, trial.generation, trial.index)


def test_no_pruned_trial_would_have_been_best(study):
    ends = [(trial.values["x"] - 0.3) ** 2 for trial in study.trials]
    assert study.best.number == int(np.argmin(ends))


@pytest.mark.parametrize("processes", [2, 3])
def test_the_study_is_the_same_with_any_number_of_processes(study, processes):
    def slower(trial, function=falling):
        time.sleep(0.002 * (trial.number % 3))
        return function(trial)

    assert whole(search(slower, trials=40, processes=processes)) == whole(study)


def test_to_maximise_is_to_minimise_the_opposite(study):
    def rising(trial):
        end = -((trial.params["x"] - 0.3) ** 2)
        for step in range(6):
            trial.report(end - 2.0**-step, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return end

    mirrored = search(rising, trials=40, direction="maximize")
    assert mirrored.best_value == mirrored.optuna.best_value == -study.best_value
    assert [t.outcome.criterion for t in mirrored.trials] == [t.outcome.criterion for t in study.trials]
    assert [t.outcome.state for t in mirrored.trials] == [t.outcome.state for t in study.trials]
    assert [-t.outcome.values[0] for t in mirrored.trials] == [t.outcome.values[0] for t in study.trials]


def test_several_objectives_in_their_directions():
    def objective(trial):
        trial.report(1.0, 0)
        return trial.params["x"], trial.params["y"]

    found = search(objective, direction=["maximize", "minimize"])
    front = {trial.number for trial in found.optuna.best_trials}
    points = [(trial.values["x"], trial.values["y"]) for trial in found.trials]
    assert [trial.outcome.values for trial in found.trials] == points
    assert front == {n for n, (x, y) in enumerate(points) if not any(a > x and b < y for a, b in points)}
    tried = []

    class Watching(RandomPoints):
        def __call__(self, request):
            tried.extend(request.tried)
            return super().__call__(request)

    search(objective, direction=["maximize", "minimize"], proposals=Watching())
    assert [one.values for one in tried] == [(-x, y) for x, y in points[:8]]  # less is better for who proposes


def test_params_have_what_is_fixed_and_leave_out_what_does_not_apply():
    space = Space(
        {"kind": Choice("a", "b"), "x": Uniform(0, 1), "depth": 3}, conditions={"x": {"kind": ("a",)}}, fixed={"w": "z"}
    )
    seen = []

    def objective(trial):
        seen.append(trial.params)
        trial.params["added"] = 1
        return 0.0

    found = search(objective, space)
    assert {p["kind"] for p in seen} == {"a", "b"}
    for params, trial in zip(seen, found.trials, strict=True):
        assert params.keys() - {"x"} == {"kind", "depth", "w", "added"}
        assert ("x" in params) == (params["kind"] == "a")
        assert (params["depth"], params["w"]) == (3, "z")
        assert trial.values.keys() == params.keys() - {"depth", "w", "added"}


def test_your_own_settings_are_tried_first():
    seen = []

    def objective(trial):
        seen.append(trial.params)
        return 0.0

    search(objective, start={"x": 0.5, "y": 7.0})
    search(objective, start=[{"x": -1}, {"y": 0.5}])
    assert seen[0] == {"x": 0.5, "y": 7.0}, "a start may lie outside the space"
    assert seen[16:18] == [{"x": -1, "y": pytest.approx(10**-1.5)}, {"x": 0.0, "y": 0.5}]


def test_what_fails_is_failed_and_says_why():
    def objective(trial):
        match trial.number:
            case 3:
                raise ValueError("no such thing")
            case 5:
                return float("nan")
            case 6:
                return None
            case 9:
                trial.set_user_attr("model", object())
        return 1.0 + trial.number

    found = search(objective)
    failed = {t.number: t.outcome.facts[ATTRIBUTE] for t in found.trials if t.outcome.state == "failed"}
    assert failed.pop(9).startswith("TypeError: Object of type object is not JSON")
    assert failed == {
        3: "ValueError: no such thing",
        5: "returned what is not finite: nan",
        6: "returned no number: a number is needed, got NoneType",
    }
    assert found.optuna.trials[3].state.name == "FAIL"
    assert "ValueError: no such thing" in found.optuna.trials[3].user_attrs["caviar:error"]
    assert found.best_value == 1.0


@posix
def test_a_crash_or_a_hang_is_its_own_trials_failure_only(tmp_path):
    def objective(trial):
        match trial.number:
            case 1:
                os._exit(3)
            case 2:
                ctypes.string_at(0)
            case 4:
                child = subprocess.Popen(["sleep", "1000"])
                (tmp_path / "child").write_text(str(child.pid))
                while True:
                    pass
            case 5:
                sys.exit(4)
            case 6:
                os.kill(os.getpid(), signal.SIGKILL)
        return float(trial.number)

    found = search(objective, trials=11, processes=2, time_limit=1.0)
    assert {t.number: t.outcome.facts.get(ATTRIBUTE, t.outcome.values) for t in found.trials} == {
        **{n: (float(n),) for n in (0, 3, 7, 8, 9, 10)},
        1: "its process ended: exit code 3",
        2: "its process crashed: SIGSEGV",
        4: "took longer than the time limit of 1 s",
        5: "SystemExit: 4",
        6: "its process was killed: SIGKILL, as the system does for want of memory",
    }
    assert ended(int((tmp_path / "child").read_text())), "what a trial has started ends with it"


def ended(pid: int, seconds: float = 20.0) -> bool:
    """Whether a process ends in time, or has ended; who has died and is not yet waited for is dead."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat")
            if state.exists() and state.read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.02)
    return False


@posix
def test_who_was_killed_for_want_of_memory_is_run_once_more(tmp_path):
    def objective(trial):
        flag = tmp_path / "killed"
        if trial.number == 3 and not flag.exists():
            flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return float(trial.number)

    found = search(objective, trials=8, processes=2)
    assert [t.outcome.values for t in found.trials] == [(float(n),) for n in range(8)]
    assert (tmp_path / "killed").exists()


def test_a_time_limit_alone_has_a_process_of_its_own_that_stays():
    def objective(_):
        return float(os.getpid())

    values = {trial.outcome.values[0] for trial in search(objective, time_limit=60).trials}
    assert len(values) == 1
    assert values != {float(os.getpid())}
    assert {t.outcome.values[0] for t in search(objective).trials} == {float(os.getpid())}


def test_a_function_that_never_works_ends_the_search_in_one_line(tmp_path):
    calls = itertools.count()

    def objective(trial):
        next(calls)
        return trial.parms["x"]

    with pytest.raises(BadObjective, match=r"all of the first 8 it failed with AttributeError: .*'parms'") as caught:
        search(objective, trials=500, storage=tmp_path / "study.log")
    assert next(calls) == 8
    assert "\n" not in str(caught.value)
    assert 'trial.parms["x"]' in caught.value.__notes__[0]
    assert not store.load_study(tmp_path / "study.log").trials
    mended = search(lambda trial: trial.params["x"], storage=tmp_path / "study.log")
    assert len(mended.ranked) == 16


@pytest.mark.parametrize("slow", [0.0, 0.11])
def test_a_function_that_is_mended_is_called_again(tmp_path, slow):
    def objective(trial, broken):
        time.sleep(slow if trial.number < 2 else 0)
        return None if broken else trial.params["x"]

    with pytest.raises(BadObjective, match="got NoneType"):
        search(lambda trial: objective(trial, broken=True), trials=8, folder=tmp_path)
    assert len(search(lambda trial: objective(trial, broken=False), trials=8, folder=tmp_path).ranked) == 8


def test_failures_of_several_kinds_do_not_end_the_search():
    def objective(trial):
        if trial.number < 8:
            raise [ValueError, KeyError][trial.number % 2]
        return 1.0

    assert [t.outcome.state for t in search(objective).trials] == ["failed"] * 8 + ["complete"] * 8


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("where", ["folder", "database"])
def test_an_interrupted_search_goes_on_to_the_same_study_without_running_again(tmp_path, processes, where):
    place = {"folder": tmp_path} if where == "folder" else {"storage": f"sqlite:///{tmp_path}/study.db"}
    calls = tmp_path / "calls"

    def objective(trial, function=falling):
        with calls.open("a") as file:
            file.write(f"{trial.number} ")
        if trial.number == 12 and not (tmp_path / "mended").exists():
            time.sleep(0.5)
            raise KeyboardInterrupt
        if trial.number in (8, 9, 10):
            time.sleep(0.11)
        return function(trial)

    with pytest.raises(KeyboardInterrupt):
        search(objective, processes=processes, **place)
    (tmp_path / "mended").touch()
    found = search(objective, processes=processes, **place)
    assert whole(found) == whole(search(falling))
    called = [int(number) for number in calls.read_text().split()]
    assert called.count(12) == 2
    assert [called.count(number) for number in range(11)] == [1] * 11
    again = search(objective, processes=processes, **place)
    assert whole(again) == whole(found)
    assert len(calls.read_text().split()) == len(called)


def test_a_study_of_other_directions_is_not_continued(tmp_path):
    search(falling, trials=8, storage=tmp_path / "study.log")
    with pytest.raises(BadRun):
        search(falling, trials=8, storage=tmp_path / "study.log", direction="maximize")
    with pytest.raises(BadRun):
        search(falling, trials=8, storage=tmp_path / "study.log", seed=1)


def test_what_cannot_be_sent_to_a_process_is_told():
    lock = threading.Lock()

    def objective(_):
        with lock:
            return 1.0

    with pytest.raises(BadObjective, match="sent to them, got TypeError: cannot pickle"):
        search(objective, processes=2)
    assert search(objective, trials=8).best_value == 1.0


class Missing:
    """Cannot be made in another process."""

    def __reduce__(self):
        return (os._exit, (7,))

    def __call__(self, trial):
        return trial.params["x"]


def test_a_process_that_does_not_start_is_told():
    with pytest.raises(BadObjective, match="exit code 7 before its first trial, 3 times"):
        search(Missing(), time_limit=60)


SCRIPT = """
import os, sys, time
import caviar
from caviar.tuning.proposals.propose import RandomPoints

def objective(trial):
    print("trial", trial.number, trial.worker, os.environ["OMP_NUM_THREADS"], flush=True)
    if "hang" in sys.argv and trial.number == 2:
        print("pid", os.getpid(), flush=True)
        time.sleep(1000)
    return trial.params["x"]

space = caviar.Space({"x": caviar.Uniform(0, 1)})
study = caviar.tune(objective, space, trials=8, processes=2, proposals=RandomPoints())
print("done", study.best_value)
"""


def test_a_script_needs_no_guard_and_its_output_goes_through(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    environ = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"} | {"OMP_NUM_THREADS": "5"}
    came = subprocess.run(
        [sys.executable, "-W", "error", "script.py"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=environ,
    )
    assert (came.returncode, came.stderr) == (0, "")
    *trials, done = sorted(came.stdout.splitlines(), reverse=True)
    assert done.startswith("done 0.")
    assert sorted(int(line.split()[1]) for line in trials) == list(range(8))
    assert {line.split()[2] for line in trials} == {"0", "1"}
    assert {line.split()[3] for line in trials} == {"5"}


@posix
@pytest.mark.parametrize("ends", [signal.SIGKILL, signal.SIGINT])
def test_no_process_outlives_the_search(tmp_path, ends):
    (tmp_path / "script.py").write_text(SCRIPT)
    with subprocess.Popen(
        [sys.executable, "script.py", "hang"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=tmp_path,
    ) as running:
        try:
            assert running.stdout is not None
            worker = next(int(line.split()[1]) for line in running.stdout if line.startswith("pid"))
            running.send_signal(ends)
            assert running.wait(60) != 0
        finally:
            running.kill()  # or leaving the block would wait for it
        assert ended(worker)


def test_threads_are_shared_out_unless_they_are_set(monkeypatch):
    monkeypatch.setattr("joblib.cpu_count", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "3")
    assert environment(3)["OMP_NUM_THREADS"] == "2"
    assert environment(99)["OMP_NUM_THREADS"] == "1"
    assert environment(1)["OMP_NUM_THREADS"] == "8"
    assert "MKL_NUM_THREADS" not in environment(3)
    assert environment(2)["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"
    assert "XLA_PYTHON_CLIENT_PREALLOCATE" not in environment(1)


def test_seconds_end_between_generations():
    def objective(_):
        time.sleep(0.02)
        return 1.0

    found = search(objective, trials=None, seconds=0.5)
    assert 8 <= len(found.trials) <= 24
    assert len(found.trials) % 8 == 0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"trials": 0}, "at least 1 trial"),
        ({"processes": 0}, "processes of at least 1"),
        ({"processes": None}, "processes of at least 1"),
        ({"processes": 1.5}, "processes of at least 1"),
        ({"generation_size": 0}, "generation_size of at least 1"),
        ({"time_limit": 0}, "time_limit above 0"),
        ({"time_limit": float("inf")}, "time_limit above 0"),
        ({"direction": "minimise"}, "Did you mean 'minimize'"),
        ({"direction": []}, "at least one direction"),
        ({"start": {"z": 1}}, "got 'z'"),
        ({"start": {"x": "a"}}, "got x='a'"),
        ({"start": {"x": float("nan")}}, "got x=nan"),
        ({"space": None}, "needs a Space"),
        ({"metric": "auc"}, "leave out metric"),
    ],
)
def test_what_cannot_be_searched_is_told(settings, words):
    with pytest.raises(BadSpace, match=words) as caught:
        search(falling, **settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("what", ["error", None, 3, Run])
def test_what_is_tuned_must_be_rows_or_a_function(what):
    if what is Run:
        with pytest.raises(BadObjective, match="failed with TypeError"):
            search(what)
    else:
        with pytest.raises(BadObjective, match="needs a Split, or a function"):
            search(what)
