"""The metric that a run was asked to optimise: the task that it belongs to, and whether the rows can give it."""

import math

from caviar.data.split import Split
from caviar.data.table import Table
from caviar.data.task import Task, infer_task
from caviar.errors import BadData
from caviar.training.metrics import MetricName, metric_for, task_of
from caviar.training.scores import constant_score


def task_for(metric: MetricName, table: Table) -> Task:
    """The task of a metric, where the target allows it: only whole numbers can be classes as well as quantities.

    Raises:
        BadConfig: no such metric, or one of the other task.
    """
    wanted, target = task_of(metric), table.target
    if target is not None and not (target.dtype.is_numeric() and (target == target.round()).all()):
        metric_for(infer_task(target)[0], metric)
    return wanted


def check_defined(metric: MetricName, rows: Split) -> None:
    """Refuse a metric that the rows to choose by cannot give, such as the AUC of a single class.

    Raises:
        BadData: it is such a metric.
    """
    if not math.isfinite(constant_score(rows, metric).value):
        raise BadData(
            f"The metric {metric} must be defined on the rows to choose by, but there all rows have the same "
            f"'{rows.target.name}'. Give --dev rows that differ, or another --metric."
        )
