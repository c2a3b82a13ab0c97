"""Columns that give the target away: known only once the answer is known, or the answer in other words."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from caviar.arrays import Numbers
from caviar.data.checks.check import Check, Checked
from caviar.data.checks.column_scores import (
    MOST_BINS,
    Losses,
    Share,
    Target,
    bins_of,
    explained,
    fold_of_rows,
    held_out,
)
from caviar.data.images import shape_of
from caviar.data.table import Table
from caviar.data.target import fit_classes
from caviar.data.task import Task, infer_task
from caviar.data.words import listed

ALMOST = {"classification": 0.85, "regression": 0.9}
"""Share of the errors, or of the variance, that a column removes to count as giving the target away almost exactly."""
TOGETHER = 0.97
"""The same for two columns together, where neither does it alone; and for columns that are leaks beside each other."""
TIMES = 2.0
"""All other columns together leave at least so many times as much open: a column that merely agrees with them is
strong, not suspicious."""
SAME = 0.995
"""Share of rows in which a column with as many levels as classes is the target under other names."""
SAME_ORDER = 0.9999
"""Correlation, of values or ranks, from which on a column is the target in another unit."""
STRONG, BY_FAR = 0.05, 1.5
"""The strongest column is named when it explains at least this share, and so many times as much as the next."""
MOST_ROWS = 20_000
_PAIR_COLUMNS, _PAIR_BINS, _REST_ROWS = 30, 12, 5_000
_SOURCE = (
    "Kaufman, Rosset, Perlich & Stitelman 2012, 'Leakage in data mining', ACM TKDD 6(4); deepchecks' limit of .8 for "
    "the predictive power of one column."
)


def check_target_leakage(table: Table, task: Task | None = None) -> Checked:
    """Find columns from which alone, or by two, the target follows almost exactly, and the strongest column.

    Scores are cross-fitted (`column_scores`). A strong column is suspicious only when all the others together know far
    less than it does.

    Args:
        table: with a target and at least 50 rows.
        task: None: by the target.

    Returns:
        `target_leakage`: a warning for every column that is the target under another name or gives it away, and for two
        that do so together; an info that names the strongest column when it is so by far. Scores have 95 % intervals.
    """
    if table.target is None:
        return Checked()
    used = [c for c in table.features.get_columns() if shape_of(c.dtype) is None and c.n_unique() > 1]
    skipped = []
    if len(used) < table.features.width and any(shape_of(c.dtype) for c in table.features.get_columns()):
        skipped.append("Whether single pixels give the target away was not checked.")
    if table.rows < 50 or not used:
        return Checked(skipped=(*skipped, "Whether a column gives the target away takes at least 50 rows.")[:1])
    at = np.arange(table.rows)
    if table.rows > MOST_ROWS:
        at = np.sort(np.random.Generator(np.random.Philox(key=1)).choice(table.rows, MOST_ROWS, replace=False))
        skipped.append(f"Columns that give the target away were looked for in {MOST_ROWS:,} rows drawn at random.")
    frame = pl.DataFrame(used)[at]
    task = task or infer_task(table.target)[0]
    return _Search(frame, _target(table.target[at], task), task, table.target.name).found() + Checked(
        (), tuple(skipped)
    )


def _target(series: pl.Series, task: Task) -> Target:
    if task == "classification":
        codes = fit_classes(series).encode(series)
        return Target(codes.astype(np.int64), int(codes.max()) + 1)
    y = series.cast(pl.Float64).to_numpy()
    return Target((y - y.mean()) / y.std(), 0)


class _Search:
    """The columns of one table, and their scores."""

    def __init__(self, frame: pl.DataFrame, target: Target, task: Task, name: str) -> None:
        self.frame, self.target, self.task, self.name = frame, target, task, name
        self.folds = fold_of_rows(frame.height)
        self.bins = [bins_of(c, min(MOST_BINS, max(8, frame.height // 20))) for c in frame.get_columns()]
        self.losses = [held_out(bins, target, self.folds) for bins in self.bins]
        self.nothing = held_out(np.zeros(frame.height, np.int64), target, self.folds)
        self.scores = [explained(own.wrong, self.nothing.wrong) for own in self.losses]
        self.information = [explained(own.surprise, self.nothing.surprise) for own in self.losses]

    def found(self) -> Checked:
        """All that is to say."""
        other_name = [i for i in range(self.frame.width) if self._is_the_target(i)]
        checks = [self._check([i], "other name", self.scores[i]) for i in other_name]
        alone = [
            i
            for i in np.argsort([-score.value for score in self.scores]).tolist()
            if i not in other_name and self.scores[i].value >= ALMOST[self.task]
        ]
        near = [i for i in alone if self.scores[i].value >= TOGETHER]  # several leaks must not excuse each other
        checks += [
            self._check([i], "alone", self.scores[i])
            for i in alone[:3]
            if self._others_know_less([i], self.losses[i], [*other_name, *(near if i in near else [])])
        ]
        if not alone and not other_name:
            checks += self._by_two()
        if not checks:
            checks += self._strongest()
        return Checked(tuple(checks))

    def _is_the_target(self, i: int) -> bool:
        """Whether a column is the target under other names, or in another unit."""
        if self.target.classes:
            bins = self.bins[i]
            if int(bins.max()) + 1 != self.target.classes:
                return False
            table = np.zeros((self.target.classes, self.target.classes), int)
            np.add.at(table, (bins, self.target.y), 1)
            one_to_one = len(set(table.argmax(axis=1).tolist())) == self.target.classes
            return one_to_one and table.max(axis=1).sum() >= SAME * len(bins)
        x = _numbers(self.frame.to_series(i))
        known = np.isfinite(x)
        if x.dtype != float or known.mean() < 0.99 or len(np.unique(x[known])) < 10:
            return False
        from scipy.stats import rankdata  # noqa: PLC0415  slow to import

        x, y = x[known], self.target.y[known]
        pairs = ((x, y), (rankdata(x), rankdata(y)))
        return any(abs(np.corrcoef(_safe(a), b)[0, 1]) >= SAME_ORDER for a, b in pairs)

    def _others_know_less(self, own: Sequence[int], losses: Losses, left_out: Sequence[int]) -> bool:
        """Whether all other columns together leave much more open than these do, beyond doubt."""
        rest = [i for i in range(self.frame.width) if i not in own and i not in left_out]
        if len(rest) < 3:  # there is nothing to compare with: one strong column is what such a table is made of
            return False
        at = np.arange(self.frame.height)[:_REST_ROWS]  # rows were drawn at random, or are few
        if self.frame.height > _REST_ROWS:
            at = np.random.Generator(np.random.Philox(key=2)).choice(self.frame.height, _REST_ROWS, replace=False)
        others = _boosted(self._matrix(rest)[at], self.target, at)
        mine, theirs = float(losses.wrong[at].mean()), float(others.mean())
        sure = theirs - 1.96 * float(others.std()) / len(at) ** 0.5
        doubt = mine + 1.96 * float(losses.wrong[at].std()) / len(at) ** 0.5
        return sure > doubt and theirs >= TIMES * mine

    def _matrix(self, columns: Sequence[int]) -> Numbers:
        return np.stack([_numbers(self.frame.to_series(i), self.bins[i]) for i in columns], axis=1)

    def _by_two(self) -> list[Check]:
        """The best two columns that give the target away together."""
        order = np.argsort([-own.value for own in self.information])[:_PAIR_COLUMNS].tolist()
        best: tuple[float, list[int], Losses] | None = None
        coarse = {i: bins_of(self.frame.to_series(i), _PAIR_BINS) for i in order}
        for place, i in enumerate(order):
            for j in order[:place]:
                losses = self._of_two(i, j, coarse)
                if losses is None:
                    continue
                score = explained(losses.wrong, self.nothing.wrong)
                if score.value >= TOGETHER and (best is None or score.value > best[0]):
                    best = score.value, sorted([i, j]), losses
        if best is None or self.frame.width < 4 or not self._others_know_less(best[1], best[2], []):
            return []
        return [self._check(best[1], "together", explained(best[2].wrong, self.nothing.wrong))]

    def _of_two(self, i: int, j: int, coarse: dict[int, Any]) -> Losses | None:
        """Losses of two columns: a plane for a quantity, joint bins, held out, for classes."""
        if not self.target.classes:
            a, b = _numbers(self.frame.to_series(i)), _numbers(self.frame.to_series(j))
            design = np.stack([_safe(a), _safe(b), np.ones(len(a))], axis=1)
            if not np.isfinite(design).all():
                return None
            weights, *_ = np.linalg.lstsq(design, self.target.y, rcond=None)
            squared = (self.target.y - design @ weights) ** 2  # three weights: no need to hold rows out
            return Losses(squared, squared)
        width = int(coarse[j].max()) + 1
        if (int(coarse[i].max()) + 1) * width > self.frame.height / 5:
            return None
        return held_out(coarse[i] * width + coarse[j], self.target, self.folds)

    def _strongest(self) -> list[Check]:
        """The column that explains most, when it is so by far."""
        if self.frame.width < 3:
            return []
        order = np.argsort([-own.value for own in self.information])
        first, second = (self.information[i] for i in order[:2])
        if first.low < STRONG or first.value < BY_FAR * max(second.value, 0) or first.low <= second.high:
            return []
        return [self._check([int(order[0])], "strongest", first, int(order[1]), second)]

    def _check(
        self, own: Sequence[int], how: str, score: Share, second: int = -1, next_best: Share | None = None
    ) -> Check:
        names = [self.frame.columns[i] for i in own]
        what = "the errors of guessing" if self.target.classes else "the target's variance"
        known = f"{listed(names)} removes {score.value:.1%} of {what} on rows held out"
        evidence: dict[str, Any] = {"columns": names, "how": how, "explained": score._asdict()}
        match how:
            case "other name":
                meaning = f"'{names[0]}' is '{self.name}' under another name: each follows from the other."
            case "alone":
                meaning = f"{known}; all other columns together leave at least {TIMES:g} times as much open."
            case "together":
                meaning = f"{known.replace(', ', ' and ', 1).replace('removes', 'together remove', 1)}."
            case _:
                assert next_best is not None
                evidence |= {"next": self.frame.columns[second], "next_explained": next_best._asdict()}
                meaning = (
                    f"'{names[0]}' is by far the strongest column: alone it explains {score.value:.1%} of what is "
                    f"unknown about '{self.name}', the next, '{self.frame.columns[second]}', {next_best.value:.1%}."
                )
        known, them = ("Is it", "it") if len(names) == 1 else ("Are they", "them")
        question = (
            f"{known} known before '{self.name}' is to be predicted? If not, leave {them} out: "
            f"what a network learns from {them} will not be there when it is used. Nothing was dropped."
        )
        severity = "info" if how == "strongest" else "warning"
        return Check("target_leakage", severity, evidence, f"{meaning} {question}", _SOURCE)


def _boosted(x: Numbers, target: Target, at: np.ndarray) -> Numbers:
    """Held-out losses (rows,) of boosted trees: errors, or squared errors."""
    from sklearn.ensemble import (  # noqa: PLC0415  a second to import, needed only here
        HistGradientBoostingClassifier,
        HistGradientBoostingRegressor,
    )
    from threadpoolctl import threadpool_limits  # noqa: PLC0415  comes with scikit-learn

    y, losses = target.y[at], np.empty(len(at))
    kind = HistGradientBoostingClassifier if target.classes else HistGradientBoostingRegressor
    for fold in range(3):
        out = np.arange(len(at)) % 3 == fold
        with threadpool_limits(1):  # on busy cores its threads wait for each other, a hundred times longer
            answer = kind(max_iter=40, random_state=0).fit(x[~out], y[~out]).predict(x[out])
        losses[out] = answer != y[out] if target.classes else (answer - y[out]) ** 2
    return losses


def _numbers(column: pl.Series, bins: np.ndarray | None = None) -> Numbers:
    """float64 cells, NaN where missing; of text the number of its level, or NaN without."""
    if column.dtype.is_numeric() or column.dtype.is_temporal() or column.dtype == pl.Boolean:
        return column.to_physical().cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return np.full(len(column), np.nan) if bins is None else bins.astype(float)


def _safe(x: Numbers) -> Numbers:
    """Standardised numbers with missing ones at 0; NaN where there are none."""
    known = np.isfinite(x)
    if not known.any():
        return x
    unit = float(np.abs(x[known]).max()) or 1.0
    x = x / unit
    spread = float(x[known].std())
    return np.where(known, x - x[known].mean(), 0.0) / (spread or 1.0)
