"""Have the data of a run shifted? Its train rows against new rows; what its model knows of them where they are gone."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
from scipy import stats

from caviar.data.category import Category, level_of
from caviar.data.checks.check import Check
from caviar.data.checks.distribution_shift import check_new_rows
from caviar.data.checks.label_shift import label_shift_between
from caviar.data.checks.two_samples import LEVEL, holm
from caviar.data.numeric import Numeric
from caviar.data.prepare import Preparation
from caviar.data.read import read
from caviar.data.samples import SAMPLES
from caviar.data.split import Split
from caviar.data.table import Table
from caviar.data.words import count
from caviar.errors import BadData, BadRun, CaviarError
from caviar.reporting.division import Division
from caviar.reporting.run_folder import read_summary
from caviar.training.saved import Model, load

_SHIFTED = 0.2
"""Standard deviations of a column from which on a shift of its mean is large: as the checks have it, see
`two_samples.SMALL_KS`."""

_UNKNOWN = 0.05
"""Share of rows whose category no train row had, from which on it is large."""

_SHOWN = 3


@dataclasses.dataclass(frozen=True)
class DataShift:
    """What is known of a shift between the train rows of a run and new rows.

    Attributes:
        against: "train rows" of the run, read again; its "model", which knows means, spreads and categories; or
            "nothing" where there is neither.
        checks: doubts, at most one about the columns and one about the target.
        note: why the train rows were not read, or empty.
    """

    against: str
    checks: tuple[Check, ...]
    note: str

    @property
    def large(self) -> bool:
        """Whether a shift beyond chance is large enough to matter."""
        return any(check.severity != "info" for check in self.checks)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was found, in words."""
        found = tuple(check.meaning for check in self.checks)
        none = {
            "nothing": "Whether the data have shifted cannot be told: neither the old rows nor a model is there.",
            "model": "The columns have the means and the categories that the model was trained on.",
        }.get(self.against, "The new rows are of one kind with the train rows of the run, as far as both can tell.")
        return (*((self.note,) if self.note else ()), *(found or (none,)))

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "against": self.against,
            "large": self.large,
            "note": self.note,
            "checks": [dataclasses.asdict(check) for check in self.checks],
        }


def data_shift(folder: Path, asked: Mapping[str, Any], new: Any) -> DataShift:
    """Compare the data of a run with new rows.

    Args:
        folder: of the run.
        asked: what run.json says that was asked.
        new: anything `read` takes, or a Table; with the target, that is compared too.

    Raises:
        BadData: the new rows cannot be read, or a column of theirs holds something else than that of the run.
    """
    old, note = old_rows(asked)
    if old is not None:
        shape = old.image_shape
        table = new if isinstance(new, Table) else _new_rows(new, old.target.name, shape)
        train = old.raw()["train"]
        cells = train.cells
        checks = check_new_rows(cells, _frame(table).select([n for n in cells.columns if n in table.features.columns]))
        found = checks.checks
        if table.target is not None:
            found += _of_target(old, table)
        return DataShift("train rows", found, note)
    try:
        model = load(folder)
    except BadRun:
        return DataShift("nothing", (), note)
    table = new if isinstance(new, Table) else _new_rows(new, model.target.name, model.preparation.image_shape)
    return DataShift("model", _against_model(model, _frame(table), _train_rows(folder)), note)


def old_rows(asked: Mapping[str, Any]) -> tuple[Split | None, str]:
    """The rows of a run, divided as they were; None, and why, where they are not what they were.

    Args:
        asked: what run.json says that was asked.
    """
    data = asked.get("data")
    parts = [part for part in (data, asked.get("dev"), asked.get("test")) if isinstance(part, str)]
    if "given in Python" in parts or data is None:
        return None, "The run's data were given in Python, and cannot be read again."
    gone = [part for part in parts if part not in SAMPLES and not Path(part).exists()]
    if gone:
        return None, f"The run's data are gone: {gone[0]} is not there."
    try:
        table = read(data, asked.get("target"), types=asked.get("types"))
        division = Division(**{name: asked.get(name) for name in Division._fields})
        split = division.split(table, task=asked.get("task"), seed=asked.get("seed", 0))
    except CaviarError as error:
        return None, f"The run's data cannot be read as they were: {error}"
    if split.fingerprint != asked.get("rows"):
        return None, f"The run's data have changed since: {data} holds other rows than the run was begun with."
    return split, ""


def _new_rows(new: Any, target: str, shape: Any) -> Table:
    """New rows, with their target where they have it."""
    table = read(new, target=False, image_shape=shape)
    return read(new, target, image_shape=shape) if target in table.features.columns else table


def _frame(table: Table) -> pl.DataFrame:
    from caviar.data.checks.matrix import some_rows  # noqa: PLC0415
    from caviar.data.stored import Stored  # noqa: PLC0415

    features = table.features
    return features[some_rows(features.height, 200_000)] if isinstance(features, Stored) else features


def _of_target(old: Split, new: Table) -> tuple[Check, ...]:
    """Shares of classes, or the distribution of a quantity."""
    assert new.target is not None
    try:
        y = old.target.encode(new.target.drop_nulls())
    except BadData as error:
        meaning = f"The target has values that the run did not know: {error}"
        return (Check("label_shift", "warning", {"error": str(error)}, meaning, "caviar.data.target"),)
    return label_shift_between({"train": old.raw()["train"].y, "new": y}, old.target).checks


def _train_rows(folder: Path) -> int:
    """Rows that the model was trained on, as far as the summary tells; 0 where it does not."""
    content = read_summary(folder) or {}
    sizes = content.get("split", {})
    refitted = isinstance(content.get("best"), dict) and content["best"].get("refitted")
    return int(sizes.get("train", 0)) + (int(sizes.get("dev", 0)) if refitted else 0)


def _against_model(model: Model, frame: pl.DataFrame, rows: int) -> tuple[Check, ...]:
    """New rows against the means, spreads and categories that a model keeps; at most one doubt.

    Only numbers that are scaled by mean and standard deviation, and categories, can be compared so.
    """
    if not isinstance(model.preparation, Preparation):
        return ()
    p_values: dict[str, float] = {}
    effects: dict[str, tuple[float, str]] = {}
    missing = []
    for column in model.preparation.columns:
        if not isinstance(column, Numeric | Category):
            continue
        if column.column not in frame.columns:
            missing.append(column.column)
            continue
        cells = frame[column.column]
        if isinstance(column, Numeric) and column.scale == "standard" and column.spread > 0:
            moved = column.outputs(cells)[:, 0]
            middle, spread = float(moved.mean()), float(moved.std())
            doubt = math.sqrt((1 / rows if rows else 0.0) + spread**2 / len(moved))
            p_values[column.column] = float(2 * stats.norm.sf(abs(middle) / max(doubt, 1e-12)))
            told = f"mean {column.center:.4g} then, {column.center + middle * column.spread:.4g} in the new rows"
            effects[column.column] = abs(middle) / _SHIFTED, told
        elif isinstance(column, Category) and not column.other:
            text = level_of(cells).drop_nulls()
            unknown = text.filter(~text.is_in(list(column.levels)))
            share = len(unknown) / max(1, len(text))
            # Of as many train rows none had such a value.
            p_values[column.column] = float((1 - share) ** rows) if rows and len(unknown) else 1.0
            told = (
                f"{share:.1%} of the new rows have a value that none had then, such as {unknown[0]!r}" if share else ""
            )
            effects[column.column] = share / _UNKNOWN, told
    corrected = holm(p_values)
    beyond = sorted((n for n in p_values if corrected[n] < LEVEL), key=lambda n: -effects[n][0])
    if not beyond and not missing:
        return ()
    large = bool(missing) or any(effects[name][0] >= 1 for name in beyond)
    columns = [{"column": n, "effect": round(effects[n][0], 4), "p_value": corrected[n]} for n in beyond]
    told = "; ".join(f"{name!r} ({effects[name][1]})" for name in beyond[:_SHOWN])
    parts = [f"{len(beyond)} of {count(len(p_values), 'column')} differ from what the model was trained on: {told}."]
    if missing:
        parts = [f"The new rows lack the column {missing[0]!r}.", *(parts if beyond else [])]
    if not large:
        parts.append("The difference is beyond chance but small.")
    return (
        Check(
            "distribution_shift",
            "warning" if large else "info",
            {"columns_compared": len(p_values), "columns": columns, "missing": missing},
            " ".join(parts),
            "z tests of the means with Holm 1979, against the model's statistics",
        ),
    )
