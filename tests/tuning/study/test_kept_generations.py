import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from caviar.errors import BadRun
from caviar.tuning.proposals.propose import Zoom
from caviar.tuning.study.records import Curves
from caviar.tuning.trials import Outcome, Trial

ZOOMS = (Zoom(3, 4, {"rate": (0.1, 1 / 3), "kind": ("a", None)}, "the best lie here"),)


def outcome(i: int, epochs: int = 5) -> Outcome:
    """Numbers that no short decimal has, and curves of different lengths."""
    curve = np.sin(np.arange(epochs, dtype=np.float32) + i)
    curves = {"train_loss": curve, "dev_loss": curve / 3} if epochs else None
    return Outcome(
        "pruned" if i % 2 else "complete",
        (1 / (i + 3), -0.0),
        i / 7 if i else float("inf"),
        0.1 + 0.2,
        {1: 1 / 3, 4: float("nan")},
        {"status": "finished", "halves": [0.1, i / 9], "best_epoch": i},
        curves,
    )


def trials(generation: int, n: int = 4, epochs: int = 5) -> list[Trial]:
    return [
        Trial(generation * n + i, generation, i, {"rate": i / 3, "kind": None}, None, outcome(i, epochs and epochs + i))
        for i in range(n)
    ]


def plain(one: Outcome) -> str:
    return repr(dataclasses.replace(one, curves=None, score=None))


def assert_kept(records: Curves, generation: int, n: int = 4) -> None:
    found = records.recall(generation)
    assert found is not None
    assert found.points == [trial.values for trial in trials(generation, n)]
    assert [plain(one) for one in found.outcomes] == [plain(trial.outcome) for trial in trials(generation, n)]
    for trial in trials(generation, n):
        curves = records.curves(trial.id)
        assert curves.keys() == trial.outcome.curves.keys()
        for name, curve in curves.items():
            np.testing.assert_array_equal(curve, trial.outcome.curves[name], strict=True)


def test_a_generation_is_recalled_to_the_bit_and_trials_go_on_without_curves(tmp_path):
    records = Curves(tmp_path / "curves", "this")
    assert records.recall(3) is None
    bare = records.keep(3, trials(3), ZOOMS)
    assert [trial.outcome.curves for trial in bare] == [None] * 4
    for one in (records, Curves(tmp_path / "curves", "this")):
        assert_kept(one, 3)
        assert one.recall(3).zooms == ZOOMS
        assert one.recall(2) is None
        assert one.curves("2/0") == one.curves("-1/5") == {}


def test_ten_thousand_trials_are_a_few_files(tmp_path):
    """Sixteen files are joined to one, and sixteen of those again."""
    records = Curves(tmp_path)
    for generation in range(300):
        records.keep(generation, trials(generation, 2), ())
        assert len(list(tmp_path.iterdir())) <= 2 * 15 + 1
    assert len(list(tmp_path.iterdir())) == 1 + 2 + 12  # 256, two times sixteen, and twelve
    for one in (records, Curves(tmp_path)):
        for generation in (0, 17, 255, 256, 299):
            assert_kept(one, generation, 2)


def test_a_kill_while_files_are_joined_leaves_no_trace(tmp_path):
    records = Curves(tmp_path / "a", "this")
    for generation in range(15):
        records.keep(generation, trials(generation), ())
    parts = tmp_path / "parts"
    shutil.copytree(tmp_path / "a", parts)
    records.keep(15, trials(15), ())
    shutil.copytree(tmp_path / "a", parts, dirs_exist_ok=True)  # joined, and the parts not yet removed
    assert len(list(parts.iterdir())) == 16
    again = Curves(parts, "this")
    assert [path.name for path in parts.iterdir()] == ["generations-00000-00015.safetensors"]
    for generation in range(16):
        assert_kept(again, generation)


@pytest.mark.parametrize("harm", ["torn", "flipped", "empty", "other"])
def test_a_damaged_file_is_named_and_its_generation_judged_again(tmp_path, harm):
    Curves(tmp_path).keep(2, trials(2), ())
    path = tmp_path / "generation-00002.safetensors"
    whole = bytearray(path.read_bytes())
    if harm == "flipped":
        whole[-3] ^= 64
    path.write_bytes({"torn": whole[:-5], "flipped": whole, "empty": b"", "other": b"{}" * 99}[harm])
    records = Curves(tmp_path)
    with pytest.warns(UserWarning, match=r"generation-00002\.safetensors cannot be read"):
        assert records.recall(2) is None
    records.keep(2, trials(2), ())
    assert_kept(records, 2)


def test_files_are_joined_around_a_damaged_one(tmp_path):
    records = Curves(tmp_path)
    for generation in range(15):
        records.keep(generation, trials(generation), ())
    (tmp_path / "generation-00004.safetensors").write_bytes(b"")
    records.keep(15, trials(15), ())
    for generation in (0, 3, 5, 15):
        assert_kept(records, generation)


def test_curves_of_another_search_and_of_a_later_version_are_refused(tmp_path):
    Curves(tmp_path, "this").keep(0, trials(0), ())
    with pytest.raises(BadRun, match=r"must hold one search, but .*generation-00000.* is of another"):
        Curves(tmp_path, "that")
    assert_kept(Curves(tmp_path), 0)  # whoever reads need not know which
    path = tmp_path / "generation-00000.safetensors"
    path.write_bytes(path.read_bytes().replace(b'"format":"1"', b'"format":"9"'))
    with pytest.raises(BadRun, match=r"must have format 1, but .* has 9"):
        Curves(tmp_path, "this")


def test_checkpoints_go_when_their_generation_is_kept(tmp_path):
    checkpoints = tmp_path / "checkpoints"
    for generation in (0, 1):
        (checkpoints / f"generation-{generation:05d}").mkdir(parents=True)
        (checkpoints / f"generation-{generation:05d}" / "lane").write_text("x", encoding="utf-8")
    Curves(tmp_path / "curves", "this", checkpoints=checkpoints).keep(0, trials(0), ())
    assert [path.name for path in checkpoints.iterdir()] == ["generation-00001"]
    (checkpoints / "generation-00000").mkdir()  # a kill came between
    Curves(tmp_path / "curves", "this", checkpoints=checkpoints)
    assert [path.name for path in checkpoints.iterdir()] == ["generation-00001"]


def test_points_that_end_one_by_one_are_kept_one_by_one(tmp_path):
    records = Curves(tmp_path / "curves", "this")
    assert records.noted(0) == {}
    for i in (2, 0):
        records.note(0, i, {"x": i / 3}, outcome(i, 0))
    path = tmp_path / "curves" / "unfinished-00000.jsonl"
    path.write_bytes(path.read_bytes() + b'\n{"search": "this", "ind')  # a kill inside a line
    records.note(0, 1, {"x": 1 / 3}, outcome(1, 0))
    noted = Curves(tmp_path / "curves", "this").noted(0)
    assert {i: point for i, (point, _) in noted.items()} == {2: {"x": 2 / 3}, 0: {"x": 0}, 1: {"x": 1 / 3}}
    assert [plain(noted[i][1]) for i in (0, 1, 2)] == [plain(outcome(i, 0)) for i in (0, 1, 2)]
    assert Curves(tmp_path / "curves", "that").noted(0) == {}
    records.keep(0, trials(0), ())
    assert not path.exists()


def test_generations_without_curves(tmp_path):
    records = Curves(tmp_path)
    records.keep(0, trials(0, epochs=0), ())
    assert [plain(one) for one in records.recall(0).outcomes] == [plain(t.outcome) for t in trials(0)]
    assert records.curves("0/0") == {}


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "curves").write_text("a file", encoding="utf-8")
    with pytest.raises(BadRun, match="need room in a folder that can be written"):
        Curves(tmp_path / "curves").keep(0, trials(0), ())


def test_whoever_reads_changes_nothing_and_finds_what_was_joined_meanwhile(tmp_path):
    (tmp_path / "curves").mkdir()
    writer = Curves(tmp_path / "curves", "this")
    for generation in range(15):
        writer.keep(generation, trials(generation), ())
    (tmp_path / "curves" / "unfinished-00003.jsonl").write_text("x", encoding="utf-8")
    reader = Curves(tmp_path / "curves")
    assert (tmp_path / "curves" / "unfinished-00003.jsonl").exists()
    writer.keep(15, trials(15), ())
    for generation in (0, 14, 15):
        assert_kept(reader, generation)


def test_a_second_process_that_writes_is_refused(tmp_path):
    with FileLock(tmp_path / ".curves.held"), pytest.raises(BadRun, match="written by one process at a time"):
        Curves(tmp_path / "curves", "this")
    Curves(tmp_path / "curves", "this").keep(0, trials(0), ())
    with FileLock(tmp_path / ".curves.held"):
        assert_kept(Curves(tmp_path / "curves"), 0)


KEPT = Path(__file__).parent / "kept"


def test_curves_of_the_released_format_still_open():
    """Written by kept/write.py."""
    expected = json.loads((KEPT / "expected.json").read_text(encoding="utf-8"))
    records = Curves(KEPT / "curves")
    for one in expected["trials"]:
        curves = records.curves(one["id"])
        assert {name: curve.tolist() for name, curve in curves.items()} == one["curves"]
