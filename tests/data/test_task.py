import polars as pl
import pytest

from caviar.data.task import check_task, infer_task
from caviar.errors import BadData


@pytest.mark.parametrize(
    ("cells", "task", "words"),
    [
        (["a", "b"] * 10, "classification", "'y' is text, with 2 different values"),
        ([True, False] * 10, "classification", "'y' is true or false"),
        ([0, 1] * 10, "classification", "only 2 different whole numbers in 20 rows"),
        ([0.0, 1.0] * 10, "classification", "only 2 different whole numbers"),
        (list(range(20)) * 5, "classification", "only 20 different whole numbers in 100 rows"),
        (list(range(21)) * 5, "regression", "21 different whole numbers"),
        ([*range(20)] * 4 + [0] * 19, "regression", "20 different whole numbers"),  # 99 rows for 20 values
        ([0.5, 1.0] * 50, "regression", "2 different numbers"),
    ],
)
def test_the_task_follows_from_the_target(cells, task, words):
    came, why = infer_task(pl.Series("y", cells))
    assert came == task
    assert why.startswith(f"{task.capitalize()}: 'y' ")
    assert words in why


@pytest.mark.parametrize(
    ("cells", "task", "words"),
    [
        (
            [f"name {i}" for i in range(19)] + ["name 0"],
            None,
            "differs from row to row: 19 different values in 20 rows",
        ),
        ([str(i // 2) + "x" for i in range(2002)], None, "at most 1,000 classes, but 'y' has 1,001"),
        (list(range(1001)), "classification", "ask for --task regression .* if it is a quantity"),
        (["a", "b"], "regression", "needs a target of numbers"),
        ([1, 2], "regresion", "Did you mean 'regression'"),
    ],
)
def test_targets_that_cannot_be_learned(cells, task, words):
    target = pl.Series("y", cells)
    with pytest.raises(BadData, match=words):
        check_task(target, task) if task else infer_task(target)


def test_a_thousand_classes_are_fine():
    assert infer_task(pl.Series("y", [f"c{i // 2}" for i in range(2000)]))[0] == "classification"
