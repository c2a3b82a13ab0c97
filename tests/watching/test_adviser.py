import dataclasses
import json
import time
from types import SimpleNamespace

import pytest

import caviar
from caviar.diagnosis.finding import Finding
from caviar.errors import BadCommand
from caviar.network.config import Config
from caviar.watching import adviser as module
from caviar.watching.adviser import Adviser, evidence_in_words
from caviar.watching.branches import digest
from caviar.watching.commands import Command
from caviar.watching.timely import Look
from caviar.watching.watch import watch
from training.toy_splits import blobs, classes

ALL = frozenset({"at once", "few epochs", "settled", "ended"})
JUMPS = Config(
    hidden_units=(8,), activation="tanh", optimizer="sgd", batch_size="full", learning_rate=30.0, epochs=1_000_000
)


def finding(name="high_variance", severity="warning", **evidence):
    return Finding(name, severity, evidence, "Why it is so.", "Somewhere.")


class FakeSession:
    """Branches whose epochs are set by hand."""

    def __init__(self, epochs=20):
        self.split, self.lines, self.alive = classes(), [], True
        self.branches = {0: self.seen(0, epochs)}

    @staticmethod
    def seen(number, epochs, status="training", ended=False, **config):
        settings = {"hidden_units": (8, 8), "epochs": 1_000, **config}
        branch = SimpleNamespace(
            number=number, epochs=epochs, steps=epochs, status=status, config=Config(**settings), best_epoch=1
        )
        return SimpleNamespace(branch=branch, ended=ended, paused=False, kept=(0,), trains=True)


@pytest.fixture
def looks(monkeypatch):
    """What the next looks find: a list of lists of findings, or an exception; and how long a look takes."""
    found = SimpleNamespace(next=[], seen=[], seconds=0.0, clock=100.0)

    def look(run, split, since):
        del split
        found.seen.append((run.number, run.epochs, since))
        found.clock += found.seconds
        now = found.next.pop(0) if found.next else []
        if isinstance(now, Exception):
            raise now
        return now if isinstance(now, Look) else Look(tuple(now), ALL)

    monkeypatch.setattr(module, "look", look)
    monkeypatch.setattr(module, "run_of", lambda branch, split: branch)  # noqa: ARG005
    monkeypatch.setattr(module, "_of_split", lambda split: ())  # noqa: ARG005
    return found


def advising(session, looks):
    return Adviser(session, clock=lambda: looks.clock, begin=False)


def names(adviser):
    return [(each.branch, each.finding.name, each.since) for each in adviser.advised]


def go_on(session, looks, epochs=1, number=0, **how):
    """More epochs, and time enough for the next look."""
    epochs += session.branches[number].branch.epochs
    session.branches = session.branches | {number: session.seen(number, epochs, **how)}
    looks.clock += 1_000


def test_a_finding_comes_at_once_and_goes_when_it_was_not_seen_twice(looks):
    session = FakeSession()
    adviser = advising(session, looks)
    seen = [[finding()], [], [finding()], [], [], []]
    holds = [True, True, True, True, False, False]
    looks.next = list(seen)
    for expected in holds:
        assert adviser.turn()
        assert names(adviser) == ([(0, "high_variance", 20)] if expected else [])
        go_on(session, looks)


def test_what_cannot_be_told_yet_stays_as_it_was(looks):
    session = FakeSession()
    adviser = advising(session, looks)
    looks.next = [[finding()], *[Look((), frozenset({"at once"}))] * 3]
    for _ in range(4):
        assert adviser.turn()
        assert len(adviser.advised) == 1
        go_on(session, looks)


def test_a_network_that_has_ended_is_judged_in_one_look(looks):
    session = FakeSession()
    adviser = advising(session, looks)
    looks.next = [[finding()], []]
    adviser.turn()
    go_on(session, looks, status="finished")
    adviser.turn()
    assert adviser.advised == ()
    looks.clock += 1_000
    assert not adviser.turn()  # it stands still


def test_what_was_found_beyond_a_rewind_is_forgotten(looks):
    session = FakeSession(20)
    adviser = advising(session, looks)
    looks.next = [[finding()]]
    adviser.turn()
    session.branches = {0: session.seen(0, 10)}
    adviser.turn()
    assert adviser.advised == ()
    session.branches = {1: session.seen(1, 10)}
    looks.next = [[finding()]]
    looks.clock += 1_000
    adviser.turn()
    assert names(adviser) == [(1, "high_variance", 10)]


def test_epochs_count_from_the_last_change(looks):
    session = FakeSession(20)
    session.lines = [{"line": 0, "verb": "nudge", "branch": 0, "epochs": 15, "settings": {"l2": 0.1}}]
    advising(session, looks).turn()
    assert looks.seen == [(0, 20, 15)]


def test_looks_take_a_small_share_of_the_time(looks):
    """The first look compiles, and is not repeated; then a look is followed by thirty times as much rest."""
    session, looks.seconds = FakeSession(), 0.5
    adviser = advising(session, looks)
    adviser.turn()
    began, before = looks.clock, len(looks.seen)
    while looks.clock < began + 2_000:
        session.branches = {number: session.seen(number, int(looks.clock)) for number in range(3)}
        if not adviser.turn():
            looks.clock += 0.2
    assert 0.5 * (len(looks.seen) - before) <= 0.034 * 2_000
    assert {number for number, _, _ in looks.seen} == {0, 1, 2}


def test_short_looks_are_two_seconds_apart(looks):
    session = FakeSession()
    adviser = advising(session, looks)
    adviser.turn()
    session.branches = {0: session.seen(0, 21)}
    looks.clock += 1.9
    assert not adviser.turn()
    looks.clock += 0.2
    assert adviser.turn()


def test_a_branch_whose_status_has_changed_is_looked_at_before_its_time(looks):
    session, looks.seconds = FakeSession(), 10.0
    session.branches = {number: session.seen(number, 20) for number in (0, 1)}
    adviser = advising(session, looks)
    for _ in range(2):
        looks.clock += 1_000
        adviser.turn()
    looks.seen.clear()
    session.branches = {0: session.seen(0, 30), 1: session.seen(1, 30, status="diverged")}
    assert adviser.turn()
    assert looks.seen == [(1, 30, 0)]
    assert not adviser.turn()


def test_a_look_that_fails_is_told_and_the_next_one_goes_on(looks):
    session = FakeSession()
    adviser = advising(session, looks)
    looks.next = [ValueError("two\nlines"), [finding()]]
    assert adviser.turn()
    assert adviser.failure == r"The adviser could not look at branch 0: ValueError('two\nlines')"
    version = adviser.version
    assert version > 0
    go_on(session, looks)
    assert adviser.turn()
    assert names(adviser) == [(0, "high_variance", 21)]
    assert adviser.failure is not None
    assert adviser.version > version
    lines = adviser.lines_for_terminal()
    assert len(lines) == 2
    assert adviser.lines_for_terminal() == []


def test_findings_are_told_once_with_remedies_to_try(looks):
    session = FakeSession()
    adviser = advising(session, looks)
    looks.next = [[finding(), finding("vanishing_gradients", "critical")], [finding(), finding("vanishing_gradients")]]
    adviser.turn()
    first, second = adviser.lines_for_terminal()
    assert first.startswith("branch 0, critical: vanishing_gradients, the first layers receive next to no gradient.")
    assert "try 1 (L2)" in second
    assert "try 2 (strong L2)" in second
    go_on(session, looks)
    adviser.turn()
    assert adviser.lines_for_terminal() == []
    number, offer = adviser.offer(2)
    assert number == 0
    Command("branch", number, offer.settings)
    with pytest.raises(BadCommand, match="number of a remedy"):
        adviser.offer(99)


def test_plain_values_are_those_of_the_page(looks):
    session = FakeSession()
    adviser = advising(session, looks)
    gap = {"value": 0.123, "low": 0.1, "high": 0.15, "rows": 100}
    looks.next = [[finding(gap=gap, loss=0.5, epochs=1_200, layers=[0.1] * 10, wide=True, nothing=None, word="a")]]
    adviser.turn()
    (plain,) = adviser.to_json()
    assert set(plain) == {"branch", "name", "severity", "since", "meaning", "source", "evidence", "remedies"}
    assert plain["evidence"] == [
        ["gap", "12.3% (10.0% to 15.0%)"],
        ["loss", "0.5"],
        ["epochs", "1,200"],
        ["layers", "0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, and 2 more"],
        ["wide", "yes"],
        ["nothing", "unknown"],
        ["word", "a"],
    ]
    assert {"name", "reason", "cost", "settings", "possible", "why_not"} == set(plain["remedies"][0])
    json.dumps(plain, allow_nan=False)
    assert evidence_in_words(finding(optimal={"low": 0.0, "how": "so"})) == [("optimal", "low: 0, how: so")]


def test_a_rate_that_is_far_too_high_is_found_and_its_remedy_is_a_command():
    with watch(classes(), JUMPS) as session:
        while session.branches[0].branch.epochs < 30:
            time.sleep(0.01)
        adviser = Adviser(session, begin=False)
        assert adviser.turn()
        assert adviser.failure is None
        found = {each.finding.name: each for each in adviser.advised}
        assert "learning_rate_too_high" in found
        offer = next(offer for offer in found["learning_rate_too_high"].remedies if offer.possible)
        assert offer.settings == {"learning_rate": 0.1}  # SGD's usual rate: 30 is far from it
        session.do(Command("nudge", 0, offer.settings), who="adviser")
        assert session.branches[0].branch.config.rate == 0.1
        json.dumps(adviser.to_json(), allow_nan=False)


def test_looking_changes_no_bit_of_the_training():
    config = dataclasses.replace(JUMPS, epochs=10_000, learning_rate=0.5)
    digests, looks = [], 0
    for looking in (False, True):
        with watch(classes(), config, paused=True) as session:
            adviser = Adviser(session, begin=False)
            session.resume()
            while not session.wait(0.01):
                if looking:
                    adviser._due = float("-inf")
                    looks += adviser.turn()
                    assert adviser.failure is None
            digests.append(digest(session.branches[0].branch))
    assert looks > 1
    assert digests[0] == digests[1]


def test_a_thread_of_its_own_looks_and_ends_with_the_session():
    with watch(classes(), JUMPS) as session:
        with Adviser(session) as adviser:
            until = time.monotonic() + 60
            while not adviser.advised and time.monotonic() < until:
                time.sleep(0.01)
            assert adviser.advised
        assert not adviser._turns.under_way
        left = Adviser(session)
    left._turns._thread.join(30)
    assert not left._turns.under_way
    assert left.failure is None


def test_data_are_told_before_anything_is_trained():
    x, y = blobs(160, 3, 4)
    split = caviar.split(caviar.read((x * [1, 1, 1, 1e4], y)), dev=32, test=32, scale=None)
    with watch(split, JUMPS, paused=True) as session:
        adviser = Adviser(session, begin=False)
        assert not adviser.turn()
        (advised,) = adviser.advised
        assert (advised.finding.name, advised.branch, advised.since) == ("unnormalized_inputs", 0, 0)
        assert not any(offer.possible for offer in advised.remedies)
        assert "begin another one with scale='standard'" in advised.remedies[0].why_not
