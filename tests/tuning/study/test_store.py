import gc
import json
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from wsgiref.util import setup_testing_defaults

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from caviar.errors import BadRun, BadSpace
from caviar.network.config import Config
from caviar.tuning.proposals.propose import RandomPoints
from caviar.tuning.proposals.together import apart
from caviar.tuning.search import Plan, asked_of, search
from caviar.tuning.spaces import kept as kept_space
from caviar.tuning.spaces.dimensions import Choice, Integer, LogUniform, OneMinusLogUniform, Uniform
from caviar.tuning.spaces.space import Space
from caviar.tuning.study import store
from caviar.tuning.trials import Outcome, Trial
from tuning.made_searches import content, run

SPACE = Space(
    {
        "beta1": OneMinusLogUniform(0.8, 0.99),
        "units": Integer(8, 64),
        "dropout": Uniform(0, 0.5),
        "batch_norm": Choice(False, True),
    }
)
VALUES = {"beta1": 0.9, "units": 16, "dropout": 0.25, "batch_norm": True, "layers": 2}


def written(storage, values=None, score=0.5) -> optuna.Study:
    study = store.open_study(storage, "minimize")
    add(study, score, VALUES | (values or {}))
    return study


def add(study, score, values=VALUES) -> None:
    """One more trial of the first generation."""
    at = len(study.trials)
    store.add_trial(study, SPACE, Trial(at, 0, at, values, None, Outcome("complete", (score,), score)))


def test_a_trial_is_complete_and_beta_is_stored_as_a_logarithm():
    (trial,) = written(None).trials
    assert trial.state.name == "COMPLETE"
    assert trial.value == 0.5
    assert trial.params == {"beta1": pytest.approx(-1), "units": 16, "dropout": 0.25, "batch_norm": True}
    assert trial.user_attrs == {
        "caviar:id": "0/0",
        "caviar:values": VALUES,
        "caviar:criterion": 0.5,
        "caviar:noise": 0.0,
    }


def test_a_value_outside_the_space_is_kept_as_an_attribute():
    """Its trial has the nearest value inside: the distributions of a study must not change."""
    outside = {"beta1": 0.999, "units": 4, "dropout": (0.1, 0.2), "batch_norm": None}
    study = written(None, outside)
    add(study, 0.4)
    first, second = study.trials
    assert first.params == {"beta1": pytest.approx(-2), "units": 8, "dropout": 0.25, "batch_norm": False}
    assert first.user_attrs["caviar:values"] == VALUES | outside
    assert first.distributions == second.distributions
    assert set(optuna.search_space.intersection_search_space(study.trials)) == set(SPACE)


def test_one_write_for_each_trial(tmp_path):
    """Two lines of the journal start the study; every trial is one more."""
    study = store.open_study(tmp_path / "study.log", "minimize")
    before = (tmp_path / "study.log").read_bytes().count(b"\n")
    for i in range(3):
        add(study, float(i))
    assert (tmp_path / "study.log").read_bytes().count(b"\n") == before + 3


def test_optuna_opens_the_journal_as_it_is(tmp_path):
    study = run(storage=tmp_path / "study.log")
    backend = JournalStorage(JournalFileBackend(str(tmp_path / "study.log")))
    opened = optuna.load_study(study_name="caviar", storage=backend)
    assert content(opened) == content(study.optuna)
    assert opened.direction.name == "MINIMIZE"
    opened.sampler = optuna.samplers.TPESampler(seed=0)
    asked = opened.ask({name: dimension.distribution() for name, dimension in study.space.items()})
    assert asked.params.keys() == study.space.keys()


def test_a_database_by_url(tmp_path):
    url = f"sqlite:///{tmp_path}/study.db"
    study = run(storage=url)
    assert content(optuna.load_study(study_name="caviar", storage=url)) == content(study.optuna)


def test_a_line_that_was_not_written_to_its_end_is_cut(tmp_path):
    path = tmp_path / "study.log"
    study = written(path)
    whole = path.read_bytes()
    written(path)
    torn = path.read_bytes()[:-9]
    assert len(torn) > len(whole)
    path.write_bytes(torn)
    again = store.open_study(path, "minimize")
    assert content(again) == content(study)[:1]
    add(again, 0.7)
    assert [t.value for t in store.open_study(path, "minimize").trials] == [0.5, 0.7]


def test_a_study_whose_first_line_was_not_written_to_its_end_begins_anew(tmp_path):
    path = tmp_path / "study.log"
    written(path)
    path.write_bytes(path.read_bytes()[:6])
    assert store.open_study(path, "minimize").trials == []


def test_a_lock_left_behind_is_removed(tmp_path):
    """Optuna's lock is a link beside the file; on a left one the next reader would wait."""
    path = tmp_path / "study.log"
    written(path)
    lock = tmp_path / "study.log.lock"
    lock.symlink_to(path)
    assert len(store.open_study(path, "minimize").trials) == 1
    assert not lock.is_symlink()
    path.unlink()
    lock.symlink_to(path)
    assert len(written(path).trials) == 1


@pytest.mark.parametrize("held", [b"a,b\n1,2\n3,4", b"{}\n", b"[1]\n[2", b'{"op_code": "?"}\n'])
def test_a_file_that_is_no_study_is_refused_and_not_touched(tmp_path, held):
    path = tmp_path / "data.csv"
    path.write_bytes(held)
    with pytest.raises(BadRun, match=r"must be a file or a database that answers, got .*data\.csv"):
        store.open_study(path, "minimize")
    assert path.read_bytes() == held


@pytest.mark.parametrize(
    "storage", ["sqlite:////nowhere/at/all/study.db", "postgres9://host/study", "{tmp}", "{tmp}/a/b"]
)
def test_a_storage_that_does_not_answer(tmp_path, storage):
    with pytest.raises(BadRun, match="Check the path or the URL"):
        store.open_study(storage.format(tmp=tmp_path), "minimize")


def test_the_same_study_is_opened_again_wherever_one_stands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = written("study.log")
    monkeypatch.chdir("/")
    add(study, 0.1)
    opened = store.open_study(str(tmp_path / "study.log"), "minimize")
    assert set(store.trials_of(opened, SPACE)) == {"0/0", "0/1"}
    assert [trial.value for trial in opened.trials] == [0.5, 0.1]


def test_trials_of_others_are_not_ours():
    study = written(None)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    assert set(store.trials_of(study, SPACE)) == {"0/0"}


def test_configs_can_be_read_back_from_a_study(tmp_path):
    study = run(storage=tmp_path / "study.log")
    opened = store.open_study(tmp_path / "study.log", "minimize")
    configs = [Config.from_mapping(json.loads(trial.user_attrs["caviar:config"])) for trial in opened.trials]
    assert configs == [trial.config for trial in study.trials]


def others(storage, *, direction="minimize", name="theirs"):
    """A study that somebody has made with Optuna: complete, pruned, failed, running and waiting trials."""
    study = optuna.create_study(study_name=name, storage=storage, direction=direction)
    floats = {"rate": FloatDistribution(1e-4, 1e-1, log=True), "kind": CategoricalDistribution(("a", "b"))}
    deep = floats | {"depth": IntDistribution(1, 4)}
    for rate, kind in [(0.01, "a"), (0.02, "b"), (0.05, "b")]:
        params = {"rate": rate, "kind": kind} | ({"depth": 2} if kind == "b" else {})
        study.add_trial(
            optuna.trial.create_trial(params=params, distributions=deep if kind == "b" else floats, value=rate)
        )
    study.add_trial(optuna.trial.create_trial(state=TrialState.FAIL, params={}, distributions={}))
    study.ask(floats)
    study.enqueue_trial({"rate": 0.03})
    return study


THEIRS = Space(
    {"rate": LogUniform(1e-4, 1e-1), "kind": Choice("a", "b"), "depth": Integer(1, 4)}, {"depth": {"kind": ("b",)}}
)


def test_the_space_of_a_study_is_told_by_its_trials():
    """With the condition under which a parameter was searched."""
    assert kept_space.space_of(others(None)) == THEIRS
    with pytest.raises(BadSpace, match="must have finished trials to tell its space"):
        kept_space.space_of(optuna.create_study())


def test_the_space_of_a_study_of_caviar_is_the_one_that_was_asked(tmp_path):
    """A beta is stored as a logarithm, and read back as a beta."""
    study = run(storage=tmp_path / "study.log", trials=2)
    assert kept_space.space_of(store.load_study(tmp_path / "study.log")) == study.space


def test_a_range_that_has_changed_holds_all_trials():
    study = optuna.create_study()
    for low, high in [(0.0, 1.0), (-1.0, 0.5)]:
        study.add_trial(
            optuna.trial.create_trial(params={"x": 0.3}, distributions={"x": FloatDistribution(low, high)}, value=1.0)
        )
    assert kept_space.space_of(study) == Space({"x": Uniform(-1.0, 1.0)})


def asked(requests):
    """A proposer that writes down what it is asked."""

    class Asked(RandomPoints):
        def __call__(self, request):
            requests.append(request)
            return super().__call__(request)

    return Asked()


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_a_study_of_others_is_continued(tmp_path, direction):
    """Their complete trials are points that were tried, the better the higher where the study is maximised."""
    path, requests = tmp_path / "study.log", []
    others(JournalStorage(JournalFileBackend(str(path))), direction=direction)
    before = [(t.number, t.state, t.params, t.values) for t in store.load_study(path).trials]
    study = store.open_study(path, direction, study_name="theirs")
    plan = Plan(THEIRS, asked(requests), 4, lambda _: 2, 0, (), None, lambda _: apart())
    store.claim(study, asked_of(plan))
    with pytest.warns(UserWarning, match="left out: 1 where fail, not complete, 1 where running, .* 1 where waiting"):
        found = search(plan, lambda entries, *_: [Outcome("complete", (0.5,), 0.5)] * len(entries), study)
    tried, sign = requests[0].tried, -1 if direction == "maximize" else 1
    assert [one.point for one in tried] == [
        {"rate": 0.01, "kind": "a"},
        {"rate": 0.02, "kind": "b", "depth": 2},
        {"rate": 0.05, "kind": "b", "depth": 2},
    ]
    assert [one.criterion for one in tried] == [sign * rate for rate in (0.01, 0.02, 0.05)]
    trials = store.load_study(path).trials
    assert [(t.number, t.state, t.params, t.values) for t in trials[:6]] == before  # theirs are left alone
    assert [t.number for t in found.trials] == [6, 7, 8, 9]
    assert [t.user_attrs["caviar:id"] for t in trials[6:]] == ["0/0", "0/1", "1/0", "1/1"]


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"rate": 0.2, "kind": "a"}, "rate lies outside"),
        ({"rate": 0.01, "kind": "c"}, "kind lies outside"),
        ({"rate": 0.01, "kind": "b"}, "depth is missing"),
        ({"rate": 0.01}, "kind is missing"),
        ({"rate": 0.01, "kind": "a", "width": 3}, "width is not searched"),
        ({"rate": 0.01, "kind": "a", "size": 5}, "another value of what is fixed"),
    ],
)
def test_a_trial_that_does_not_fit_is_counted_with_the_reason(params, reason):
    wide = {
        "rate": FloatDistribution(0, 1),
        "kind": CategoricalDistribution(("a", "b", "c")),
        "width": IntDistribution(1, 9),
        "size": IntDistribution(1, 9),
    }
    study = optuna.create_study()
    study.add_trial(
        optuna.trial.create_trial(params=params, distributions={name: wide[name] for name in params}, value=1.0)
    )
    space = Space(THEIRS.dimensions | {"size": 4}, THEIRS.conditions)
    held = store.held_by(study, space)
    assert held.unusable == {reason: 1}
    assert held.others == []


def test_losses_are_not_compared_with_the_errors_of_others():
    """Where others have tried something, all are compared by the value, which they have in common."""
    requests, study = [], optuna.create_study(study_name="caviar")
    study.add_trial(
        optuna.trial.create_trial(params={"x": 0.3}, distributions={"x": FloatDistribution(0, 1)}, value=0.1)
    )
    plan = Plan(Space({"x": Uniform(0, 1)}), asked(requests), 4, lambda _: 2, 0, (), None, lambda _: apart(), "error")
    search(plan, lambda entries, *_: [Outcome("complete", (0.2,), 3.0, noise=0.5)] * len(entries), study)
    assert [(one.criterion, one.noise) for one in requests[1].tried] == [(0.1, 0.0), (0.2, 0.0), (0.2, 0.0)]


def test_other_directions_are_refused_in_words(tmp_path):
    written(tmp_path / "study.log")
    with pytest.raises(BadRun, match="begun with minimize, and maximize came"):
        store.open_study(tmp_path / "study.log", "maximize")
    with pytest.raises(BadRun, match="begun with minimize, and minimize, minimize came"):
        store.open_study(tmp_path / "study.log", ["minimize", "minimize"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 4}, r"begun with seed = 3, now seed = 4 came\. Ask for the same"),
        ({"metric": "auc"}, r"metric = \"error\", now metric = \"auc\"|metric = error, now metric = auc"),
        (
            {"space": Space({"dropout": Uniform(0.0, 0.4)})},
            r"space\.dimensions\.dropout\.high = 0\.5, now .* = 0\.4 came",
        ),
        ({"data": "others"}, "must go on with the rows it was begun with, but the data hold others"),
        ({"rungs": "halving"}, r"rungs = null, now rungs = halving came"),
    ],
)
def test_what_differs_from_what_a_study_was_begun_with_is_named(change, message):
    before = {"seed": 3, "metric": "error", "space": Space({"dropout": Uniform(0.0, 0.5)}), "data": "these"}
    plain = [{**one, "space": kept_space.plain_space(one["space"])} for one in (before, before | change)]
    study = store.open_study(None, "minimize")
    store.claim(study, plain[0])
    store.claim(study, plain[0])
    with pytest.raises(BadRun, match=message) as told:
        store.claim(study, plain[1])
    assert "\n" not in str(told.value)


def test_the_same_name_with_another_meaning_is_refused():
    study = optuna.create_study()
    study.add_trial(optuna.trial.create_trial(params={"x": 3}, distributions={"x": IntDistribution(1, 9)}, value=1.0))
    with pytest.raises(BadRun, match="dimensions of the same kind, but it holds x as IntDistribution"):
        store.claim(study, {"space": kept_space.plain_space(Space({"x": Uniform(0, 1)}))})


def test_a_study_is_found_by_its_name(tmp_path):
    path = tmp_path / "study.log"
    with pytest.raises(BadRun, match="there is no file"):
        store.load_study(path)
    with pytest.raises(BadRun, match="there is no file"):
        store.load_study(f"sqlite:///{tmp_path}/study.db")
    assert not list(tmp_path.iterdir())
    backend = JournalStorage(JournalFileBackend(str(path)))
    others(backend, name="first")
    assert store.load_study(path).study_name == "first"
    others(backend, name="second")
    assert store.load_study(path, "second").study_name == "second"
    with pytest.raises(BadRun, match=r"must hold the study 'secnd', but it holds others\. Did you mean 'second'"):
        store.load_study(path, "secnd")


def test_a_second_process_is_refused_and_readers_are_not(tmp_path):
    """The lock ends with its process, whatever ended that."""
    path = tmp_path / "study.log"
    written(path)
    code = """if True:
        import sys
        from caviar.tuning.study import store
        study = store.open_study(sys.argv[1], 'minimize')
        print('open', flush=True)
        sys.stdin.read()"""
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with other:
        assert other.stdout.readline() == "open\n"
        gc.collect()
        with pytest.raises(BadRun, match=rf"one process at a time, but .*study\.log is in use by process {other.pid}"):
            store.open_study(path, "minimize")
        assert len(store.load_study(path).trials) == 1
        other.kill()
    assert len(store.open_study(path, "minimize").trials) == 1


def test_a_long_journal_is_mended_from_its_tail(tmp_path, monkeypatch):
    path = tmp_path / "study.log"
    study = written(path)
    study.set_user_attr("long", "x" * 300_000)
    whole = path.read_bytes()
    del study
    path.write_bytes(whole + b'{"op_code":2,' + b"y" * 200_000)
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("all of it was read"))
    opened = store.open_study(path, "minimize")
    monkeypatch.undo()
    assert path.read_bytes() == whole
    assert len(opened.trials) == 1


def test_the_dashboard_shows_the_study_unchanged(tmp_path):
    dashboard = pytest.importorskip("optuna_dashboard", reason="needs optuna-dashboard")
    run(storage=tmp_path / "study.log", trials=12)
    backend = JournalStorage(JournalFileBackend(str(tmp_path / "study.log")))

    def get(path):
        answer = {}
        environ: dict = {}
        setup_testing_defaults(environ)
        environ |= {"PATH_INFO": path, "REQUEST_METHOD": "GET", "QUERY_STRING": "after=0"}
        body = dashboard.wsgi(backend)(environ, lambda status, _headers, *_: answer.update(status=status))
        return answer["status"], json.loads(b"".join(body))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own
        status, studies = get("/api/studies")
        assert status.startswith("200")
        assert [one["study_name"] for one in studies["study_summaries"]] == ["caviar"]
        status, detail = get("/api/studies/0")
    assert status.startswith("200")
    assert len(detail["trials"]) == 12
    assert {trial["state"] for trial in detail["trials"]} == {"Complete"}
    assert {one["name"] for one in detail["union_search_space"]} == set(run(trials=1).space)


KEPT = Path(__file__).parent / "kept"


def test_a_study_of_the_released_format_still_opens(tmp_path):
    """Written by kept/write.py; it is read, and continued."""
    expected = json.loads((KEPT / "expected.json").read_text(encoding="utf-8"))
    shutil.copytree(KEPT, tmp_path, dirs_exist_ok=True)
    study = store.load_study(tmp_path / "study.log")
    space = kept_space.space_of(study)
    held = store.held_by(study, space)
    assert [
        {"id": t.id, "values": t.values, "state": t.outcome.state, "criterion": repr(t.outcome.criterion)}
        for t in held.trials
    ] == [{name: one[name] for name in ("id", "values", "state", "criterion")} for one in expected["trials"]]
    assert [repr(zoom) for begun in held.begun.values() for zoom in begun.zooms] == expected["zooms"]
