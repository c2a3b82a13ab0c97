"""The report of a session: what it says is what happened, and nothing in it is trusted."""

import dataclasses
import re

import numpy as np
import pytest

import caviar
from caviar.errors import BadRun
from caviar.network.config import Config
from caviar.reporting import words
from caviar.training.metrics import row_losses
from caviar.training.outputs import outputs
from caviar.watching import session_report, session_story
from caviar.watching.branches import history, run_of
from caviar.watching.effects import Difference, Effect
from caviar.watching.session_plots import Line, Panel, _ends, _points
from caviar.watching.session_report import write_report_in, write_session_report
from caviar.watching.session_story import leading, reached, retold, story_in, story_of
from caviar.watching.watch import watch
from training.toy_splits import blobs

HOSTILE = "<script>alert(1)</script>"
X, Y = blobs(300, 3, 5)
NAMES = np.array(["ant", HOSTILE, "cow"])[Y]
SPLIT = caviar.split(caviar.read((X, NAMES)), dev=80, test=80, seed=0)
SMALL = Config(hidden_units=(8,), epochs=30, batch_size=70, learning_rate=0.01)
FINDING = {
    "branch": 1,
    "name": "high_variance",
    "severity": "warning",
    "since": 20,
    "meaning": f"It learns by heart, {HOSTILE}.",
    "source": "course",
    "evidence": [["train error", "1.2 %"]],
    "remedies": [
        {"name": "dropout 0.2", "reason": "It needs more rows", "cost": "none", "settings": {"dropout": 0.2}},
        {"name": "deeper", "reason": "Why", "cost": "", "settings": {}, "possible": False, "why_not": "too late"},
    ],
}


def effect(line, verdict, said="dev loss lower by 0.04"):
    return Effect(line, verdict, "dev_loss", Difference(-0.04, -0.06, -0.02, 10), said)


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A session with everything in it, at places that do not depend on the clock: its folder and its story."""
    folder = tmp_path_factory.mktemp("session") / "run"
    with watch(SPLIT, SMALL, folder=folder) as session:
        session.wait(60)
        session.note(f"the first one stands {HOSTILE}")
        session.branch(0, l2=0.5, epochs=60)  # 1
        session.branch(0, learning_rate=0.03, epochs=60)  # 2
        session.wait(60)
        session.nudge(2, learning_rate=0.001, epochs=80)
        session.wait(60)
        session.rewind(60, 2)
        session.branch(2)  # 3
        session.delete(3)
        session.keep_best(2)
        session.stop(1)
    return folder, story_of(session)


@pytest.fixture(scope="module")
def page(told, tmp_path_factory):
    found = [effect(2, "better", f"dev loss lower {HOSTILE}"), effect(3, "worse"), effect(1, "too early")]
    path = tmp_path_factory.mktemp("report") / "report.html"
    return write_session_report(told[1], found, [FINDING], path).read_text(encoding="utf-8")


def text_of(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_the_best_branch_is_the_one_with_the_lowest_dev_loss(told):
    story = told[1]
    found = reached(story)
    lowest = {n: history(seen.branch, SPLIT)["dev_loss"].min() for n, seen in story.branches.items()}
    assert found.keys() == lowest.keys() == {0, 1, 2}
    assert leading(found) == min(lowest, key=lowest.__getitem__)
    for number, one in found.items():
        np.testing.assert_allclose(one.loss.value, lowest[number], rtol=1e-5)
        assert one.loss.low < one.loss.value < one.loss.high


def test_branches_are_compared_row_by_row(told):
    """The second way: the mean of the differences of rows, whose interval is far narrower than that of either loss."""
    story = told[1]
    runs = [run_of(story.branches[number].branch, SPLIT) for number in (0, 2)]
    answers = outputs([(run.config, run.weights, run.statistics) for run in runs], SPLIT.x_dev)
    rows = np.array([row_losses(answer, SPLIT.y_dev) for answer in answers])
    one = reached(story)[2]
    assert one.loss_lower is not None
    np.testing.assert_allclose(one.loss_lower.value, (rows[0] - rows[1]).mean(), rtol=1e-9)
    assert one.loss_lower.high - one.loss_lower.low < one.loss.high - one.loss.low
    assert reached(story)[0].loss_lower is None


def test_the_headline_says_what_was_reached(told, page):
    story = told[1]
    best = leading(reached(story))
    one, branch = reached(story)[best], story.branches[best].branch
    at_best = history(branch, SPLIT)["dev_error"][branch.best_epoch - 1]
    headline = re.search(r'<p class="headline">(.*?)</p>', page).group(1)
    assert headline.startswith(f"Branch {best} came furthest of 3: dev error {words.error(at_best, 'classification')}")
    assert f"at epoch {branch.best_epoch}." in headline
    assert words.interval(one.loss) in headline


def test_what_comes_from_people_or_data_is_text(page):
    assert HOSTILE not in page
    assert page.count("&lt;script&gt;") >= 3  # note, finding, effect
    assert "<script" not in page
    assert not re.search(r"(src|href)=[\"']https?:", page)  # nothing is loaded from elsewhere


def test_branches_stand_as_a_tree_with_what_differs(page):
    rows = re.findall(r'<tr[^>]*><td class="n" style="padding-left: ([\d.]+)rem">(.*?)</tr>', page)
    said = [text_of(row) for _, row in rows]
    assert [float(depth) for depth, _ in rows] == [0, 1.1, 1.1, 2.2]
    assert "as it began" in said[0]
    assert "made from branch 0 at epoch 30:" in said[1]
    assert "L2 0 → 0.5" in said[1]
    assert "epochs 30 → 60" in said[1]
    assert "learning rate 0.01 → 0.03" in said[2]
    assert "since then" not in said[2]  # what was nudged was undone
    assert "deleted" in said[3]
    assert "an equal copy" in said[3]


def test_commands_stand_with_their_effects(page):
    rows = [text_of(row) for row in re.findall(r"<tr><td class=\"n\">\d+</td>.*?</tr>", page, re.DOTALL)]
    assert len(rows) == 9  # all but the close
    assert "Python" in rows[1]
    assert "the first one stands" in rows[0]
    assert "branch 2: learning rate 0.03 → 0.001, epochs 60 → 80 undone by 4" in rows[3]
    assert "branch 2 back to epoch 60" in rows[4]
    assert "better dev loss lower" in rows[2]
    assert "worse dev loss lower" in rows[3]
    said = text_of(page)
    assert "better Command 2: dev loss lower" in said
    assert "Too early to tell: command 1." in said


def test_marks_stand_where_commands_acted_and_those_that_were_undone_do_not(told):
    marks = session_report._marks(retold(told[1].lines, SMALL))
    assert [(mark.number, mark.verb, mark.branch, mark.epoch) for mark in marks] == [
        (1, "branch", 0, 30),
        (2, "branch", 0, 30),
        (4, "rewind", 2, 60),
        (5, "branch", 2, 60),
        (8, "stop", 1, 60),
    ]


def test_findings_stand_with_what_is_typed_against_them(page):
    said = text_of(page)
    assert "high_variance (branch 1, since epoch 20)" in said
    assert "Try dropout 0.2: It needs more rows. Typed: branch 1 dropout=0.2" in said
    assert "Try deeper: Why. Not in this session: too late." in said


def test_how_to_go_on(told, page):
    said = text_of(page)
    for command in ("watch --resume", "replay"):
        assert f"caviar {command} {told[0]}" in said
    assert "of branch 2:" in said
    best = leading(reached(told[1]))
    assert (f"That of branch {best}, which came further, was not kept" in said) == (best != 2)
    assert ("They were others on its way" in said) == (best != 0)
    assert f"caviar predict {told[0]} NEW_ROWS" in said
    assert "hidden_units = [8]" in said


def test_a_folder_tells_the_same_without_training(told, monkeypatch):
    folder, story = told
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    monkeypatch.setattr("caviar.watching.branches.advance", lambda *_: pytest.fail("trained"))
    again = story_in(folder, SPLIT)
    told_again, first = (session_report._content(one, (), ()) for one in (again, story))
    for content in ("headline", "branches", "commands", "again", "toml"):
        assert told_again[content] == first[content]
    page = write_report_in(folder, SPLIT).read_text(encoding="utf-8")
    assert "Told from its folder" in page
    assert "Nothing was found" not in page  # nobody has looked
    (folder / "report.html").unlink()
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_what_a_rewind_has_left_behind_does_not_count(told, tmp_path):
    folder, story = told
    lines = [*story.lines[:2], {"line": 2, "verb": "rewind", "branch": 2, "step": 90, "epoch": 30}]
    branch, epochs = session_story._last_kept(folder / "epochs" / "branch-2", 2, lines, SPLIT)
    assert (branch.epochs, max(epochs)) == (60, 60)  # kept after that line
    lines = [*story.lines, {"line": 10, "verb": "rewind", "branch": 2, "step": 180, "epoch": 59}]
    branch, epochs = session_story._last_kept(folder / "epochs" / "branch-2", 2, lines, SPLIT)
    assert max(epochs) == branch.epochs < 60
    assert session_story._last_kept(tmp_path / "none", 2, lines, SPLIT) is None


def test_a_folder_that_is_no_session_or_of_other_data_is_refused(told, tmp_path):
    other = caviar.split(caviar.read((X + 1, NAMES)), dev=80, test=80, seed=0)
    with pytest.raises(BadRun, match="the data are not those of"):
        story_in(told[0], other)
    with pytest.raises(BadRun, match=r"must hold run\.json"):
        story_in(tmp_path, SPLIT)
    (tmp_path / "run.json").write_text('{"format": 1, "asked": {"command": "tune"}, "seconds": 0}')
    with pytest.raises(BadRun, match="is of caviar tune"):
        story_in(tmp_path, SPLIT)


def line(verb, branch=0, epochs=0, **more):
    return {"verb": verb, "branch": branch, "epochs": epochs, "step": 3 * epochs, **more}


def test_a_journal_gone_through():
    found = retold(
        [
            line("nudge", epochs=4, settings={"learning_rate": 0.1}),
            line("branch", epochs=6, new=1, settings={"dropout": 0.5}),
            line("nudge", epochs=9, settings={"l2": 1.0}),
            line("nudge", epochs=10, settings={"hidden_units": [9]}),
            line("rewind", epochs=12, epoch=9),
            line("nudge", 1, epochs=8, settings={"dropout": 0.0}),
        ],
        SMALL,
    )
    assert [act.undone for act in found.acts] == [None, None, 4, 4, None, None]
    assert found.acts[0].changes == {"learning_rate": (0.1, 0.01)}
    assert found.acts[3].changes == {"hidden_units": ((9,), (8,))}
    assert found.ended == {0: SMALL.changed(learning_rate=0.1), 1: SMALL.changed(learning_rate=0.1)}
    assert found.begun[1] == SMALL.changed(learning_rate=0.1, dropout=0.5)
    assert (found.parents, found.born) == ({1: 0}, {0: 0, 1: 6})


def test_a_schedule_by_hand_follows_the_rate():
    config = SMALL.changed(schedule=((0, 0.01), (5, 0.001)))
    found = retold([line("nudge", settings={"learning_rate": 0.02})], config)
    assert found.ended[0].schedule == ((0, 0.02), (5, 0.002))


def test_a_session_of_one_network_without_a_folder(tmp_path):
    with watch(SPLIT, SMALL.changed(epochs=5)) as session:
        session.wait(60)
    said = text_of(write_session_report(story_of(session), (), (), tmp_path / "r.html").read_text(encoding="utf-8"))
    assert re.search(r"Dev error \d+\.\d\d% \(.* to .*\), dev loss .* at epoch \d\.", said)
    assert "came furthest" not in said
    assert "kept in memory only" in said
    assert "What was done" not in said
    assert "0 commands" in said


def test_a_regression_is_told_in_the_targets_unit(tmp_path):
    y = 50 + 7 * np.tanh(X[:, 0])
    split = caviar.split(caviar.read((X, y)), dev=80, test=80, seed=0)
    with watch(split, SMALL.changed(epochs=5)) as session:
        session.wait(60)
    story = story_of(session)
    said = text_of(write_session_report(story, (), (), tmp_path / "r.html").read_text(encoding="utf-8"))
    branch = story.branches[0].branch
    assert f"Dev RMSE {words.number(history(branch, split)['dev_error'][branch.best_epoch - 1])} (" in said


def test_without_dev_rows_nothing_is_claimed(tmp_path):
    split = caviar.split(caviar.read((X, Y)), dev=0, test=80, seed=0)
    with watch(split, SMALL.changed(epochs=5)) as session:
        session.wait(60)
    page = write_session_report(story_of(session), (), (), tmp_path / "r.html").read_text(encoding="utf-8")
    assert "Without dev rows nothing tells how good" in page
    assert "<svg" in page


def test_long_curves_are_thinned_and_keep_their_best_and_last_epoch():
    values = np.linspace(2, 1, 20_000)
    values[12_345] = 0.1
    epochs, drawn = _points(Line(0, 100, 12_346, {"dev_loss": values}), "dev_loss", 1.0)
    assert len(epochs) <= 1_501
    assert (epochs[0], epochs[-1]) == (100, 20_000)
    assert drawn[list(epochs).index(12_346)] == 0.1


def test_an_axis_is_not_flattened_by_one_wild_value():
    values = np.r_[1e9, np.linspace(1, 0.1, 200), np.nan]
    low, high = _ends([Line(0, 0, 0, {"dev_loss": values})], Panel(("dev_loss",), "loss"))
    assert 0.05 < low < 0.1
    assert 0.9 <= high < 2
    low, high = _ends([Line(0, 0, 0, {"dev_loss": values[1:]})], Panel(("dev_loss",), "loss"))
    assert low < 0.1  # nothing is wild: all is shown
    assert high > 1


def test_many_commands_are_one_click_away(told, tmp_path):
    story = told[1]
    time = "2026-11-28T10:00:00"
    many = [{"line": 20 + n, "verb": "note", "text": "again", "time": time} for n in range(70)]
    many += [{"line": 90 + n, "verb": "pause", "time": time} for n in range(5)]
    longer = dataclasses.replace(story, lines=[*story.lines, *many])
    page = write_session_report(longer, (), (), tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<details><summary>19 more</summary>" in page
    assert "Pausing and resuming (5 commands) changes no bit" in page
    assert "<td>all" not in page
