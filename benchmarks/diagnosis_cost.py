"""What the default diagnosis takes beside training, and the course's table of bias and variance."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

import caviar
from caviar.data.split import Split
from caviar.diagnosis.bias_variance import bias_variance
from caviar.network.config import Config
from caviar.training.metrics import metric_for
from caviar.training.scores import Score, judge, row_plan
from diagnosis_cases import Bed
from diagnosis_product import examined, in_order, of_network
from diagnosis_verdicts import SEEDS

TABLE = {(0.01, 0.11): "high variance", (0.15, 0.16): "high bias", (0.15, 0.30): "both", (0.005, 0.01): "both low"}
AT_60 = {
    (0.01, 0.11): "high variance",
    (0.15, 0.16): "high bias, variance unknown",
    (0.15, 0.30): "both",
    (0.005, 0.01): "low bias, variance unknown",
}


def seconds(work: Callable[[], Any]) -> np.ndarray:
    """Wall time of one call, and processor time: on a machine with other work the latter is the steadier one."""
    began = np.array([time.perf_counter(), time.process_time()])
    work()
    return np.array([time.perf_counter(), time.process_time()]) - began


def costs(bed: Bed, of: str, repeats: int = 3) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Seconds of training and judging alone, and with the diagnosis, of the healthy and the default config.

    Each is called once before, so that its programs are compiled; then in turn, and the least is taken.
    """
    split, took = bed.kept.split(of), {}
    for name, config in (("healthy", bed.pool(of).best), ("default", Config())):
        configs = [config.changed(seed=seed) for seed in SEEDS]

        def alone(rows: Split = split, networks: list[Config] = configs) -> None:
            judge(rows, networks, metric_for(rows.task, None), on=row_plan(rows))

        def beside(rows: Split = split, one: Config = config) -> None:
            in_order(of_network(examined(rows, one, bed.kept.bench(rows), SEEDS)))

        alone(), beside()
        both = [(seconds(alone), seconds(beside)) for _ in range(repeats)]
        took[name] = (np.min([a for a, _ in both], axis=0), np.min([b for _, b in both], axis=0))
    return took


def print_costs(bed: Bed, sets: list[str]) -> dict[str, str]:
    """A line per data set and config, mean and worst."""
    ratios = []
    print(f"\n{'data set':<16} {'config':<8} {'training':>9} {'diagnosed':>10} {'more':>7}  of processor time")
    for of in sets:
        for name, (alone, beside) in costs(bed, of).items():
            wall, processor = beside / alone - 1
            ratios.append(wall)
            print(
                f"{of:<16} {name:<8} {alone[0]:>7.2f} s {beside[0]:>8.2f} s {wall:>+7.1%} {processor:>+7.1%}",
                flush=True,
            )
    figures = {"more time, mean": f"{np.mean(ratios):+.1%}", "more time, worst": f"{max(ratios):+.1%}"}
    for name, figure in figures.items():
        print(f"{name}: {figure}")
    return figures


def _made(train: int, dev: int) -> Split:
    stream = np.random.default_rng(0)
    x = stream.normal(size=(train + dev, 2))
    y = (x[:, 0] > 0).astype(int)
    return caviar.split(caviar.read((x[:train], y[:train])), dev=caviar.read((x[train:], y[train:])), test=0)


def verdict_of(train: float, dev: float, rows: int) -> str:
    """What the product reads off a network with these errors on so many dev rows."""
    split = _made(12_000 if rows > 1_000 else 2_000, rows)
    wrong = np.zeros(rows)
    wrong[: round(dev * rows)] = 1
    # At 60 rows 16 % are no whole number of rows: the last one is wrong in part.
    wrong[min(rows - 1, round(dev * rows))] += dev * rows - round(dev * rows)
    score = Score(
        Config(), "finished", loss=wrong, error=wrong, value=dev, train_loss=train, train_error=train,
        best_epoch=1, history={}, networks=1, on=(1.0,),
    )  # fmt: skip
    result = bias_variance([score], split)
    match result.bias_verdict, result.variance_verdict:
        case "high", "high":
            return "both"
        case "low", "low":
            return "both low"
        case "low", "high":
            return "high variance"
        case "high", "low":
            return "high bias"
        case bias, variance:
            told = ("bias unknown" if bias == "cannot tell" else f"{bias} bias", variance)
            return f"{told[0]}, variance unknown" if variance == "cannot tell" else f"{told[0]}, {variance} variance"


def print_table() -> dict[str, str]:
    """The course's table at 20,000 and at 60 dev rows beside what the product says."""
    print(f"\n{'train':>6} {'dev':>6} {'rows':>7}  {'product':<28} {'must be':<28}")
    right = 0
    for rows, table in ((20_000, TABLE), (60, AT_60)):
        for (train, dev), wanted in table.items():
            said = verdict_of(train, dev, rows)
            right += said == wanted
            print(f"{train:>6.1%} {dev:>6.1%} {rows:>7,}  {said:<28} {wanted:<28} {'' if said == wanted else 'WRONG'}")
    return {"table of the course": f"{right} of 8"}
