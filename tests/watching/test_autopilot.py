import dataclasses
import time
from types import SimpleNamespace

import numpy as np
import pytest

import caviar
from caviar.diagnosis.finding import Finding
from caviar.errors import BadRun
from caviar.network.config import Config
from caviar.remedies.remedy import Remedy
from caviar.watching.adviser import Advised, Adviser
from caviar.watching.autopilot import Autopilot, standing
from caviar.watching.bounds import Bounds, bounds_from
from caviar.watching.offers import Offer
from caviar.watching.session import Done
from caviar.watching.watch import replay, watch
from training.toy_splits import classes

PLANNED = 400
EPOCHS = 20
BOUNDS = Bounds({"learning_rate": (1e-4, 1.0), "l2": None, "dropout": (0.0, 0.5)}, epochs=EPOCHS)


def offer(possible=True, **settings):
    remedy = Remedy(str(settings), "training", settings, "It may help.", "none", "Somewhere.")
    return Offer(remedy, settings, possible)


def advised(*offers, branch=0, severity="warning"):
    return Advised(branch, Finding("high_variance", severity, {}, "Why.", "Somewhere."), 0, tuple(offers))


class FakeSession:
    """A session whose epochs go by when they are told to; a copy's loss lies `better[settings]` below its base's."""

    def __init__(self, **better):
        self.split, self.alive, self.lines = classes(), True, []
        self.better, self.noise = better, np.random.default_rng(0).normal(0, 0.01, size=(50, PLANNED + 1))
        self.curves, self.levels, self.config = {0: []}, {0: 0.0}, {0: Config(epochs=PLANNED, learning_rate=0.1)}
        self.ended, self.paused, self.status = set(), set(), {}

    @property
    def branches(self):
        return {
            number: SimpleNamespace(
                branch=SimpleNamespace(
                    number=number,
                    epochs=len(curve),
                    status=self.status.get(number, "training" if len(curve) < PLANNED else "finished"),
                    config=self.config[number],
                ),
                paused=number in self.paused,
                ended=number in self.ended,
                kept=(0,),
                losses=lambda _, values=curve: dict.fromkeys(("train_loss", "dev_loss", "dev_error"), np.array(values)),
            )
            for number, curve in self.curves.items()
        }

    def train(self, epochs):
        for number, curve in self.curves.items():
            for _ in range(epochs if number not in self.ended | self.paused else 0):
                curve.append(1.0 - self.levels[number] + self.noise[number, len(curve)])

    def do(self, command, timeout=None, *, who="Python"):
        del timeout
        line = command.plain() | {"line": len(self.lines), "who": who}
        number = command.branch
        if number is not None:
            line["epochs"] = len(self.curves[number])
        match command.verb:
            case "branch":
                line["new"] = 1 + max([number, *(each["new"] for each in self.lines if "new" in each)])
                self.curves[line["new"]] = list(self.curves[number])
                gained = sum(self.better.get(name, 0.0) for name in command.settings)
                self.levels[line["new"]] = self.levels[number] + gained
                self.config[line["new"]] = self.config[number].changed(**command.settings)
            case "delete":
                del self.curves[number]
            case "stop":
                self.ended.add(number)
            case "pause":
                self.paused.add(number)
        self.lines.append(line)
        return Done(command, new=line.get("new"))

    def verbs(self):
        return [line["verb"] for line in self.lines if line["verb"] != "note"]


def flying(session, *findings, bounds=BOUNDS):
    return Autopilot(session, SimpleNamespace(advised=findings), bounds, begin=False)


def run_on(session, pilot, turns=30, epochs=5):
    for _ in range(turns):
        pilot.turn()
        session.train(epochs)


def test_what_is_better_goes_on_and_the_other_is_stopped():
    session = FakeSession(l2=0.5)
    session.train(20)
    pilot = flying(session, advised(offer(l2=0.1)))
    assert pilot.turn()
    assert session.verbs() == ["branch"]
    assert session.lines[0]["verb"] == "note"
    assert "high_variance of branch 0" in session.lines[0]["text"]
    for _ in range(EPOCHS - 1):
        session.train(1)
        assert not pilot.turn()
    session.train(1)
    assert pilot.turn()
    assert session.verbs() == ["branch", "stop"]
    assert session.ended == {0}
    assert standing(session.lines)[:2] == (1, None)
    assert "Branch 1 is better and goes on" in pilot.said[-1]
    assert all(line["who"] == "adviser" for line in session.lines)


@pytest.mark.parametrize("gain", [0.0, -0.5])
def test_what_is_not_better_is_deleted_and_not_tried_again(gain):
    session = FakeSession(l2=gain)
    session.train(20)
    pilot = flying(session, advised(offer(l2=0.1)))
    run_on(session, pilot)
    assert session.verbs() == ["branch", "delete"]
    assert set(session.curves) == {0}
    assert "not shown to be better" in pilot.said[1]


def test_the_first_remedy_that_can_be_tried_within_the_bounds_is():
    session = FakeSession()
    session.train(20)
    outside = [offer(learning_rate=10.0), offer(hidden_units=(128, 128)), offer(l2=0.1, l1=0.1), offer(dropout=0.6)]
    other = advised(offer(l2=9.0), branch=5)
    pilot = flying(session, other, advised(offer(possible=False, l2=0.3), *outside), advised(offer(dropout=0.5)))
    run_on(session, pilot)
    assert [line["settings"] for line in session.lines if line["verb"] == "branch"] == [{"dropout": 0.5}]


def test_of_pure_noise_hardly_anything_is_kept():
    kept = 0
    for seed in range(200):
        session = FakeSession()
        session.noise = np.random.default_rng(seed).normal(0, 0.1, size=(50, PLANNED + 1))
        session.train(20)
        run_on(session, flying(session, advised(offer(l2=0.1))), turns=8)
        kept += standing(session.lines).kept
    assert kept <= 4  # an interval of 99.5 % on one side of 0: 0.5 expected


def test_it_gives_no_more_commands_than_it_may():
    session = FakeSession()
    session.train(20)
    offers = [offer(l2=float(n)) for n in range(1, 9)]
    pilot = flying(session, advised(*offers), bounds=dataclasses.replace(BOUNDS, most_commands=5))
    run_on(session, pilot, turns=60)
    assert session.verbs() == ["branch", "delete", "branch", "delete"]
    assert pilot.over
    assert "5 commands" in pilot.said[-1]


def test_what_it_gave_before_a_session_was_gone_on_with_counts():
    session = FakeSession()
    session.train(20)
    bounds = dataclasses.replace(BOUNDS, most_commands=3)
    run_on(session, flying(session, advised(offer(l2=1.0)), bounds=bounds), turns=8)
    again = flying(session, advised(offer(l2=2.0)), bounds=bounds)
    assert not again.turn()
    assert "3 commands" in again.said[-1]


@pytest.mark.parametrize("verb", ["note", "branch"])
def test_a_journal_that_cannot_be_written_lets_it_wait(verb):
    session, usual = FakeSession(), FakeSession.do

    def full(command, **how):
        if command.verb == verb:
            raise BadRun("Make room.")
        return usual(session, command, **how)

    session.train(20)
    session.do = full
    pilot = flying(session, advised(offer(l2=0.1)))
    assert [pilot.turn() for _ in range(3)] == [False] * 3
    assert sum("waits" in line for line in pilot.said) == 1
    assert not pilot.over
    del session.do
    assert pilot.turn()
    assert [line["verb"] for line in session.lines] == ["note", "branch"]


def test_a_network_that_is_deleted_before_it_gets_a_lower_rate_is_let_go():
    session = FakeSession()
    session.train(20)
    pilot, seen = flying(session), session.branches[0]
    session.curves = {}
    pilot._steps.extend([lambda: pilot._slow_down(seen, 0), session.alive])
    assert not pilot.turn()
    assert "could not act" in pilot.said[-1]
    assert not pilot._steps
    assert not pilot.turn()
    assert "deleted by somebody else" in pilot.said[-1]


def test_it_waits_for_room():
    session = FakeSession()
    session.train(20)
    for settings in ({"l1": 0.1}, {"l1": 0.2}):
        session.do(SimpleNamespace(verb="branch", branch=0, settings=settings, plain=lambda: {"verb": "branch"}))
    pilot = flying(session, advised(offer(l2=0.1)))
    assert not pilot.turn()
    session.ended.add(2)
    assert pilot.turn()


def test_it_begins_nothing_that_cannot_be_compared_before_the_end():
    session = FakeSession()
    session.train(PLANNED - EPOCHS + 1)
    pilot = flying(session, advised(offer(l2=0.1)))
    assert not pilot.turn()
    session.train(EPOCHS)
    assert not pilot.turn()
    assert pilot.over
    assert "has come to its end; 0 changes were tried, 0 kept" in pilot.said[-1]


def test_a_person_s_pause_is_left_alone():
    session = FakeSession(l2=0.5)
    session.train(20)
    session.paused.add(0)
    pilot = flying(session, advised(offer(l2=0.1)))
    assert not pilot.turn()
    session.paused.clear()
    assert pilot.turn()
    session.train(EPOCHS)
    session.paused.add(1)
    assert not pilot.turn()
    session.paused.clear()
    assert pilot.turn()
    assert session.verbs() == ["branch", "stop"]


@pytest.mark.parametrize(("verb", "number"), [("nudge", 0), ("nudge", 1), ("rewind", 0), ("delete", 1), ("stop", 1)])
def test_where_a_person_changes_one_of_two_that_are_compared_the_experiment_is_over(verb, number):
    session = FakeSession(l2=0.5)
    session.train(20)
    pilot = flying(session, advised(offer(l2=0.1)))
    assert pilot.turn()
    plain = {"verb": verb, "branch": number}
    session.do(SimpleNamespace(**plain, settings={}, plain=lambda: plain), who="page")
    assert standing(session.lines).experiment is None
    session.train(EPOCHS)
    before = session.verbs()
    assert not pilot.turn()
    assert session.verbs() == before
    assert standing(session.lines).current == 0


def test_it_ends_where_its_network_is_taken_away():
    session = FakeSession()
    session.train(20)
    session.ended.add(0)
    pilot = flying(session)
    assert not pilot.turn()
    assert pilot.over
    assert "stopped by somebody else" in pilot.lines_for_terminal()[-1]
    assert pilot.lines_for_terminal() == []


def test_where_it_stands_is_in_the_journal():
    own = {"who": "adviser"}
    lines = [
        {"line": 0, "verb": "branch", "branch": 0, "new": 1, "epochs": 10, "settings": {"l2": 0.1}, **own},
        {"line": 1, "verb": "branch", "branch": 0, "new": 2, "epochs": 12, "settings": {"l1": 0.1}, "who": "page"},
    ]
    at = standing(lines)
    assert (at.current, at.experiment[:4], at.kept) == (0, (0, 1, 0, 10), 0)
    assert at.tried == {'{"l2": 0.1}'}
    lines += [{"line": 2, "verb": "stop", "branch": 0, **own}]
    assert standing(lines)[:2] == (1, None)
    lines += [
        {"line": 3, "verb": "branch", "branch": 1, "new": 3, "epochs": 40, "settings": {"dropout": [0.2, 0.1]}, **own},
        {"line": 4, "verb": "delete", "branch": 3, **own},
    ]
    assert standing(lines) == (1, None, frozenset({'{"l2": 0.1}', '{"dropout": [0.2, 0.1]}'}), 1)


SLOW = Config(hidden_units=(8, 8), optimizer="sgd", batch_size=32, learning_rate=1e-6, epochs=3_000)


def test_a_session_with_a_bad_rate_ends_better_than_without(tmp_path):
    split = classes()
    bounds = bounds_from(["learning_rate=1e-7:1"], epochs=40, most_commands=6)
    with watch(split, SLOW, folder=tmp_path / "run", paused=True) as session:
        adviser = Adviser(session, begin=False)
        pilot = Autopilot(session, adviser, bounds, begin=False)
        session.resume()
        while session.branches[0].branch.epochs < 400:
            time.sleep(0.001)
        session.pause()  # a look may take longer than the rest of the training
        assert adviser.turn()
        assert adviser.failure is None
        session.resume()
        while not standing(session.lines).kept:
            assert not pilot.over, (pilot.said, adviser.to_json())
            pilot.turn()
        assert session.wait(100)
        current = standing(session.lines).current
        mended, branch = session.run(current).at_best("dev_loss"), session.branches[current].branch
        own = [line for line in session.lines if line.get("who") == "adviser"]
        assert sum(line["verb"] != "note" for line in own) <= 6
        assert sum(line["verb"] == "note" for line in own) == len(pilot.said)
    (alone,) = caviar.train(split, [SLOW])
    assert 1e-7 <= branch.config.rate <= 1
    assert mended < 0.7 * alone.at_best("dev_loss")
    assert replay(split, tmp_path / "run").equal


def test_a_network_that_diverges_goes_back_at_a_third_of_the_rate(tmp_path):
    split = classes()
    bounds = bounds_from(["learning_rate=1e-5:100"])
    with watch(split, SLOW.changed(learning_rate=0.05, epochs=100_000), folder=tmp_path / "run") as session:
        pilot = Autopilot(session, SimpleNamespace(advised=()), bounds, begin=False)
        while session.branches[0].branch.epochs < 20:
            time.sleep(0.01)
        session.nudge(learning_rate=1e30)
        assert session.wait(60)
        assert session.branches[0].branch.status == "diverged"
        assert pilot.turn()
        seen = session.branches[0]
        assert (seen.branch.status, seen.paused) == ("training", False)
        assert seen.branch.config.rate == pytest.approx(0.05 / 3, rel=1e-2)
        verbs = [line["verb"] for line in session.lines if line.get("who") == "adviser"]
        assert verbs == ["note", "pause", "rewind", "nudge", "resume"]
    assert replay(split, tmp_path / "run").equal


def test_a_network_that_diverges_is_left_where_the_rate_is_not_its_to_change():
    with watch(classes(), SLOW.changed(learning_rate=1e30)) as session:
        assert session.wait(60)
        pilot = Autopilot(session, SimpleNamespace(advised=()), Bounds({"l2": None}), begin=False)
        assert not pilot.turn()
        assert pilot.over
        assert "has diverged, and the learning rate is not among" in pilot.said[-1]


def test_a_thread_of_its_own_acts_and_ends_with_the_session():
    with watch(classes(), SLOW.changed(epochs=1_000_000)) as session:
        found = SimpleNamespace(advised=(advised(offer(learning_rate=0.01)),))
        pilot = Autopilot(session, found, bounds_from(["learning_rate=1e-7:1"], epochs=8))
        until = time.monotonic() + 60
        while len(pilot.said) < 2 and time.monotonic() < until:
            time.sleep(0.01)
        assert standing(session.lines).tried == {'{"learning_rate": 0.01}'}
    pilot._turns._thread.join(30)
    assert not pilot._turns.under_way
    assert pilot.over
    assert "high_variance of branch 0" in pilot.said[0]
