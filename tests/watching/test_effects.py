import json
from types import SimpleNamespace

import numpy as np
import pytest

from caviar.watching.effects import FEWEST_PAIRED, Remembered, effects
from caviar.watching.lives import changes_of, lives
from caviar.watching.shifts import FEWEST
from watching.test_shifts import ar1

DEV, NONE = SimpleNamespace(n_dev=100), SimpleNamespace(n_dev=0)


def curves(dev, train=None):
    own = np.asarray(dev, float)
    return {
        "train_loss": own if train is None else np.asarray(train, float),
        "dev_loss": own,
        "train_error": own / 10,
        "dev_error": own / 10,
    }


def journal(*acts):
    """Lines of (verb, branch, epochs, more)."""
    return [
        {"line": n, "verb": verb, "branch": branch, "epochs": epochs, **more}
        for n, (verb, branch, epochs, more) in enumerate(acts)
    ]


def nudge(epochs, branch=0, **settings):
    return ("nudge", branch, epochs, {"settings": settings or {"l2": 0.1}})


def copy(epochs, new=1, branch=0, **settings):
    return ("branch", branch, epochs, {"new": new, "settings": settings})


def rewind(epochs, to, branch=0):
    return ("rewind", branch, epochs, {"epoch": to})


def only(lines, histories, split=DEV, **how):
    (found,) = effects(lines, histories, split, **how)
    return found


def share_of_verdicts(made, cases=1_000):
    found = [made(n).verdict for n in range(cases)]
    assert set(found) <= {"better", "worse", "no difference beyond noise"}
    return np.mean([verdict != "no difference beyond noise" for verdict in found])


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.5])
@pytest.mark.parametrize("n", [FEWEST, 15, 60])
def test_noise_is_no_effect_of_a_nudge(n, rho):
    rng = np.random.default_rng(n)
    lines = journal(nudge(3 * n))
    assert share_of_verdicts(lambda _: only(lines, {0: curves(5 + ar1(rng, 4 * n, rho))})) <= 0.07


@pytest.mark.parametrize("rho", [0.0, 0.5])
@pytest.mark.parametrize("fall", [0.02, 0.1])
def test_a_curve_that_falls_anyway_is_no_effect_of_a_nudge(fall, rho):
    rng, t = np.random.default_rng(3), np.arange(60)
    lines = journal(nudge(30))
    trend = 3 * np.exp(-fall * t)
    assert share_of_verdicts(lambda _: only(lines, {0: curves(trend + ar1(rng, 60, rho, 0.05))})) <= 0.07


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.5])
@pytest.mark.parametrize("n", [FEWEST_PAIRED, 30, 200])
def test_noise_is_no_effect_of_a_branch(n, rho):
    rng = np.random.default_rng(n)
    lines, trend = journal(copy(10, l2=0.1)), 3 * np.exp(-0.05 * np.arange(10 + n))

    def made(_):
        parent = trend + ar1(rng, 10 + n, rho, 0.1)
        own = np.r_[parent[:10], (trend + ar1(rng, 10 + n, rho, 0.1))[10:]]
        return only(lines, {0: curves(parent), 1: curves(own)})

    assert share_of_verdicts(made) <= 0.07


@pytest.mark.parametrize(("shift", "verdict"), [(-1.0, "better"), (1.0, "worse")])
def test_a_clear_shift_is_found_both_ways(shift, verdict):
    rng, t = np.random.default_rng(4), np.arange(60)
    trend = 5 + 3 * np.exp(-0.1 * t)
    of_nudge, of_branch = [], []
    for _ in range(200):
        noise = ar1(rng, 60, 0.3, 0.05)
        shifted = trend + noise + np.where(t >= 30, shift, 0)
        of_nudge.append(only(journal(nudge(30)), {0: curves(shifted)}).verdict)
        parent = trend + ar1(rng, 60, 0.3, 0.05)
        own = np.r_[parent[:30], shifted[30:]]
        of_branch.append(only(journal(copy(30, l2=0.1)), {0: curves(parent), 1: curves(own)}).verdict)
    assert np.mean(np.array(of_nudge) == verdict) >= 0.95
    assert np.mean(np.array(of_branch) == verdict) == 1


def test_a_branch_tells_what_a_nudge_cannot():
    """The same small shift: paired it stands out, before and after it does not."""
    rng, t = np.random.default_rng(5), np.arange(80)
    trend = 1 + 3 * np.exp(-0.03 * t)
    noise = ar1(rng, 80, 0.3, 0.02)
    own = trend + np.where(t >= 40, -0.1, 0) + noise
    parent = np.r_[own[:40], (trend + ar1(rng, 80, 0.3, 0.02))[40:]]
    assert only(journal(nudge(40)), {0: curves(own)}).verdict == "no difference beyond noise"
    found = only(journal(copy(40, l2=0.1)), {0: curves(parent), 1: curves(own)})
    assert (found.verdict, found.controlled) == ("better", True)
    assert found.difference.value == pytest.approx(-0.1, abs=0.03)
    assert found.difference.low < -0.1 < found.difference.high < 0
    assert "with the same random numbers" in found.words
    assert "lower by" in found.words


def test_too_few_epochs_are_too_early():
    n = FEWEST - 1
    for before, after in ((n, 30), (30, n), (0, 30)):
        found = only(journal(nudge(before)), {0: curves(np.ones(before + after))})
        assert found.verdict == "too early"
        assert found.difference.value is None
    parent, own = np.ones(30 + FEWEST_PAIRED - 1), np.zeros(30 + FEWEST_PAIRED - 1)
    found = only(journal(copy(30, l2=0.1)), {0: curves(parent), 1: curves(own)})
    assert (found.verdict, found.difference.epochs) == ("too early", FEWEST_PAIRED - 1)


def test_what_comes_after_the_next_command_does_not_count():
    rng = np.random.default_rng(6)
    curve = 5 + ar1(rng, 90, 0.3, 0.1)
    other = np.r_[curve[:60], np.full(30, 99.0)]
    lines = journal(nudge(30), nudge(60, l1=0.1))
    one, two = (effects(lines, {0: curves(each)}, DEV)[0] for each in (curve, other))
    assert one == two
    copies = [curve + np.where(np.arange(90) >= 30, -3, 0), other - 3]
    lines = journal(copy(30, l2=0.1), nudge(60, l1=0.1))
    one, two = (effects(lines, {0: curves(curve), 1: curves(each)}, DEV)[0] for each in copies)
    assert one.verdict == two.verdict == "better"
    assert one.difference.epochs == 15  # the second half of 30


def test_a_plain_copy_is_what_a_later_nudge_is_compared_with():
    rng = np.random.default_rng(7)
    parent = 5 + ar1(rng, 70, 0.3, 0.1)
    own = np.r_[parent[:40], parent[40:] - 1]
    lines = journal(copy(20), nudge(40, branch=1))
    found = only(lines, {0: curves(parent), 1: curves(own)})
    assert (found.line, found.verdict, found.controlled) == (1, "better", True)
    lines = journal(copy(20), nudge(40, branch=0))  # the copy is what the nudged parent would have done
    found = only(lines, {0: curves(own), 1: curves(parent)})
    assert (found.line, found.verdict, found.controlled) == (1, "better", True)
    lines = journal(copy(20), nudge(30, branch=0, l1=0.1), nudge(40, branch=1))  # both have changed by then
    found = effects(lines, {0: curves(parent), 1: curves(own)}, DEV)[1]
    assert not found.controlled


def test_after_a_rewind_it_is_compared_with_what_was_there_before():
    rng = np.random.default_rng(8)
    before = 5 + ar1(rng, 80, 0.3, 0.1)
    own = np.r_[before[:40], before[40:70] - 1]
    lines = journal(rewind(80, 40), nudge(40))
    found = only(lines, {0: curves(own)}, past={0: curves(before)})
    assert (found.line, found.verdict, found.controlled) == (1, "better", True)
    assert "before it went back" in found.words
    assert only(lines, {0: curves(own)}).controlled is False


def test_a_command_that_was_undone_is_told_while_its_epochs_are_known():
    rng = np.random.default_rng(9)
    whole = 5 + ar1(rng, 60, 0.3, 0.1)
    whole[30:] -= 3
    lines = journal(nudge(30), rewind(60, 20))
    now = {0: curves(whole[:25])}
    assert effects(lines, now, DEV) == []
    found = only(lines, now, past={1: curves(whole)})
    assert (found.line, found.verdict) == (0, "better")


def test_a_network_that_diverged_is_worse():
    curve = np.r_[np.ones(20), 3.0, np.nan]
    found = only(journal(nudge(20)), {0: curves(curve)})
    assert found.verdict == "worse"
    assert "diverged 2 epochs later" in found.words
    found = only(journal(copy(20, l2=0.1)), {0: curves(np.ones(40)), 1: curves(curve)})
    assert (found.verdict, found.difference.value) == ("worse", None)
    found = only(journal(copy(20, l2=0.1)), {0: curves(curve), 1: curves(np.ones(40))})
    assert found.verdict == "better"
    json.dumps(found.to_json(), allow_nan=False)


def test_the_measure_is_one_that_the_change_leaves_as_it_is():
    flat = {0: curves(np.ones(40))}
    assert only(journal(nudge(20)), flat).measure == "dev_loss"
    assert only(journal(nudge(20)), flat, NONE).measure == "train_loss"
    assert only(journal(nudge(20, loss="huber")), flat).measure == "dev_error"
    assert effects(journal(nudge(20, stop_after=30)), flat, DEV) == []


def test_the_words_and_figures_go_to_the_page():
    found = only(journal(nudge(60, learning_rate=0.003)), {0: curves(np.r_[np.ones(60), np.full(40, 0.5)])})
    plain = found.to_json()
    assert set(plain) == {"line", "words", "verdict", "measure", "difference"}
    assert set(plain["difference"]) == {"value", "low", "high", "epochs"}
    assert (plain["verdict"], plain["difference"]["epochs"]) == ("better", 20)
    assert "learning rate 0.003" in plain["words"]
    assert "dev loss 1.00 before and 0.5 after" in plain["words"]
    assert "Weak evidence" in plain["words"]


def test_more_commands_that_are_tried_need_a_clearer_shift():
    rng = np.random.default_rng(10)
    parent = 5 + ar1(rng, 40, 0.0, 0.1)
    own = np.r_[parent[:20], (5 + ar1(rng, 40, 0.0, 0.1) - 0.12)[20:]]
    usual, strict = (
        only(journal(copy(20, l2=0.1)), {0: curves(parent), 1: curves(own)}, level=level) for level in (0.95, 0.9999)
    )
    assert usual.difference.value == strict.difference.value
    assert strict.difference.low < usual.difference.low
    assert strict.verdict == "no difference beyond noise"


class FakeSession:
    """A session whose journal and curves are set by hand."""

    def __init__(self):
        self.lines, self.curves, self.split = [], {}, DEV

    @property
    def branches(self):
        return {
            number: SimpleNamespace(branch=SimpleNamespace(epochs=len(own["dev_loss"])), losses=lambda _, own=own: own)
            for number, own in self.curves.items()
        }


def test_what_a_rewind_or_a_deletion_takes_away_is_remembered():
    rng = np.random.default_rng(11)
    parent = 5 + ar1(rng, 60, 0.3, 0.1)
    session, remembered = FakeSession(), Remembered()
    session.lines = journal(copy(20, l2=0.1))
    session.curves = {0: curves(parent), 1: curves(np.r_[parent[:20], parent[20:] - 1])}
    (first,) = remembered.of(session)
    assert first.verdict == "better"
    assert remembered.of(session) is remembered.of(session)
    session.lines = journal(copy(20, l2=0.1), ("delete", 1, 60, {}))
    session.curves = {0: curves(parent)}
    (again,) = remembered.of(session)
    assert again == first
    session.lines = journal(copy(20, l2=0.1), ("delete", 1, 60, {}), rewind(60, 30), nudge(30))
    session.curves = {0: curves(np.r_[parent[:30], parent[30:50] + 1])}
    copied, nudged = remembered.of(session)
    assert (copied.verdict, copied.controlled) == ("better", True)
    assert (nudged.verdict, nudged.controlled) == ("worse", True)
    assert effects(session.lines, session.curves, DEV)[0].controlled is False


def test_a_branch_that_is_deleted_while_one_looks_is_no_failure():
    class Deleted(FakeSession):
        """Branch 1 is deleted as soon as one has looked."""

        @property
        def branches(self):
            found = super().branches
            self.curves.pop(1, None)
            return found

    session = Deleted()
    session.lines, session.curves = journal(copy(20, l2=0.1)), {0: curves(np.ones(40)), 1: curves(np.ones(40))}
    (found,) = Remembered().of(session)
    assert found.controlled


def test_the_curves_of_the_last_twenty_rewinds_are_remembered():
    session, remembered, acts = FakeSession(), Remembered(), [nudge(10)]
    session.curves = {0: curves(np.ones(40))}
    for _ in range(25):
        session.lines = journal(*acts)
        remembered.of(session)
        acts.append(rewind(40, 20))
    assert list(remembered._past) == list(range(5, 25))
    assert all(set(past) == {"train_loss", "dev_loss", "dev_error"} for past in remembered._past.values())


def test_changes_are_followed_through_copies_and_rewinds():
    lines = journal(
        nudge(10),
        copy(20, new=1, l1=0.1),
        nudge(25, branch=1),
        rewind(40, 20, branch=1),
        copy(30, new=2),
        rewind(50, 10),
        ("delete", 1, 20, {}),
    )
    behind = {number: [change.line for change in changes] for number, changes in changes_of(lines[:5]).items()}
    assert behind == {0: [0], 1: [0, 1], 2: [0]}
    assert {number: len(changes) for number, changes in changes_of(lines).items()} == {0: 0, 2: 1}
    found = lives(lines, {0: curves(np.ones(12)), 2: curves(np.ones(50))}, {6: curves(np.ones(30))})
    assert [(life.number, life.gone) for life in found] == [(0, ""), (2, ""), (1, "delete")]
    assert changes_of([]) == {0: ()}


def test_what_was_changed_after_the_last_epoch_that_is_known_is_left_out():
    """Nobody looked between the nudge and the rewind."""
    lines = journal(nudge(150), rewind(160, 3))
    past = {1: curves(np.ones(12))}
    assert [life.changes for life in lives(lines, {0: curves(np.ones(20))}, past)] == [(), ()]
    assert effects(lines, {0: curves(np.ones(20))}, DEV, past=past) == []
