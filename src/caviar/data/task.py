"""What kind of question a target asks: which class, or how much."""

from typing import Literal, get_args

import polars as pl

from caviar.data.levels import text_form
from caviar.data.words import count
from caviar.errors import BadData, nearest

Task = Literal["classification", "regression"]

MOST_CLASSES = 1000
_MOST_WHOLE_NUMBERS = 20  # different whole numbers that are still taken for classes
_ROWS_PER_CLASS = 5


def infer_task(target: pl.Series) -> tuple[Task, str]:
    """Tell classification from regression by the target alone.

    Text and true/false are classes. Whole numbers are classes when there are at most 20 different ones and,
    on average, at least 5 rows for each. Everything else is a quantity.

    Args:
        target: without nulls.

    Returns:
        The task, and the reason as a sentence.

    Raises:
        BadData: more than 1,000 classes, or labels that differ from row to row.
    """
    name, different = target.name, target.n_unique()
    if not target.dtype.is_numeric():
        check_task(target, "classification")
        kind = "true or false" if target.dtype == pl.Boolean else "text"
        return "classification", f"Classification: '{name}' is {kind}, with {different:,} different values."
    whole = not target.dtype.is_float() or bool((target == target.round()).all())
    if whole and different <= _MOST_WHOLE_NUMBERS and len(target) >= _ROWS_PER_CLASS * different:
        return (
            "classification",
            f"Classification: '{name}' has only {count(different, 'different whole number')} in "
            f"{len(target):,} rows. If it is a quantity, ask for --task regression (in Python task='regression').",
        )
    numbers = "whole numbers" if whole else "numbers"
    return "regression", f"Regression: '{name}' has {different:,} different {numbers}."


def check_task(target: pl.Series, task: Task) -> None:
    """Refuse a target that cannot be what it is said to be.

    Args:
        target: without nulls.
        task: what is wanted.

    Raises:
        BadData: an unknown task, text to be predicted as a quantity, or labels that are no classes.
    """
    if task not in get_args(Task):
        raise BadData(f"task must be 'classification' or 'regression', got {task!r}. {nearest(task, get_args(Task))}")
    if task == "regression":
        if not target.dtype.is_numeric():
            raise BadData(
                f"Regression needs a target of numbers, but '{target.name}' is not. Ask for --task classification "
                "(in Python task='classification')."
            )
        return
    classes = text_form(target).n_unique()
    if not target.dtype.is_numeric() and len(target) > 2 and classes >= 0.9 * len(target):
        raise BadData(
            f"A class must have several rows, but the text in '{target.name}' differs from row to row: "
            f"{classes:,} different values in {len(target):,} rows, such as {target[0]!r}. Choose another "
            "column, or turn it into numbers if it is a quantity."
        )
    if classes > MOST_CLASSES:
        raise BadData(
            f"A target can have at most {MOST_CLASSES:,} classes, but '{target.name}' has {classes:,}. "
            "Choose another column, join rare classes, or ask for --task regression (in Python task='regression') if "
            "it is a quantity."
        )
