"""What the configs are worth with which a search begins where nobody gives one (`tuning.spaces.defaults.starts`).

    python benchmarks/starts.py --data DATA [--seeds 5] [--json starts.json]

DATA is a folder with california_housing, diamonds, sick, wine_quality, letter and bank_marketing; digits, breast_cancer
and diabetes come with scikit-learn. By the first group rate and dropout were chosen; that there are two, and how wide
the second is, also by races (`race.py`) on letter and bank_marketing. Per data set: what the loss and the error on the
dev rows after the last epoch - nothing is chosen by them - and the lowest error after any epoch are as a share of those
of the default network with the same seed, geometric mean over the seeds; below 1 is better. In the end over the data
sets of a group, with the 95 % interval of the mean of their logarithms. The default network with averaged weights
stands beside them.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy import stats

import caviar
from caviar.training.plan import usual_averages
from caviar.tuning.spaces.defaults import starts
from report import hand_over

ROWS = 16_000
"""Of the larger tables, so that all take minutes."""

MEASURES = ("loss", "error", "lowest")


def tables(folder: Path) -> dict[str, dict[str, Callable[[], Any]]]:
    """By group and name what reads a data set."""

    def sampled(path: str) -> pl.DataFrame:
        frame = pl.read_csv(folder / path, infer_schema_length=None)
        return frame.sample(min(ROWS, len(frame)), seed=0)

    def of(path: str, target: str) -> Callable[[], Any]:
        return lambda: caviar.read(sampled(path), target=target)

    def classes_of(path: str, target: str, parts: int) -> Callable[[], Any]:
        part = (pl.col(target).rank("ordinal") * parts / (pl.len() + 1)).floor().cast(pl.Int64)
        named = pl.concat_str(pl.lit("part "), part + 1).alias(target)
        return lambda: caviar.read(sampled(path).with_columns(named), target=target)

    houses, diamonds = "california_housing/housing.csv", "diamonds/diamonds.csv"
    return {
        "chosen by": {
            "sick": of("sick/sick.csv", "Class"),
            "breast_cancer": lambda: caviar.read("breast_cancer"),
            "diamonds: cut": of(diamonds, "cut"),
            "houses: eighths": classes_of(houses, "median_house_value", 8),
            "wine": of("wine_quality/winequality-white.csv", "quality"),
            "diabetes": lambda: caviar.read("diabetes"),
            "houses": of(houses, "median_house_value"),
        },
        "others": {
            "digits": lambda: caviar.read("digits"),
            "letter": of("letter/letter.csv", "class"),
            "bank_marketing": of("bank_marketing/bank-marketing.csv", "Class"),
            "diamonds: price": of(diamonds, "price"),
        },
    }


def shares(split: Any, seeds: int) -> dict[str, np.ndarray]:
    """By kind of config: logarithms of the shares, shape (seeds, measures)."""
    default = caviar.Config()
    first, second = starts(split)
    averaged = default.changed(average_weights=usual_averages(default, split)[0])
    kinds = {"default": default, "averaged": averaged, "first": first, "second": second}
    runs = caviar.train(split, [config.changed(seed=seed) for config in kinds.values() for seed in range(seeds)])
    ends = np.array(
        [[run.history["dev_loss"][-1], run.history["dev_error"][-1], run.history["dev_error"].min()] for run in runs]
    )
    ends[:, 1:] = np.maximum(ends[:, 1:], 0.5 / split.n_dev)  # no error at all counts as half a row
    logs = np.log(ends).reshape(len(kinds), seeds, -1)
    return {kind: logs[n] - logs[0] for n, kind in enumerate(kinds) if n}


def main() -> None:
    """Set by set, then together."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    if not asked.data.is_dir():
        parser.error(f"--data must be a folder with the data sets, got {asked.data}")
    kinds = ("averaged", "first", "second")
    print(f"{'':<18}" + "".join(f"{kind:>27}" for kind in kinds))
    print(f"{'':<18}" + (f"{'':>3}" + "".join(f"{measure:>8}" for measure in MEASURES)) * len(kinds))
    report: dict[str, Any] = {"seeds": asked.seeds, "groups": {}}
    for group, sets in tables(asked.data).items():
        found: dict[str, dict[str, np.ndarray]] = {}
        for name, read in sets.items():
            found[name] = shares(caviar.split(read(), dev=0.25, test=0, seed=0), asked.seeds)
            cells = [
                f"{'':>3}" + "".join(f"{v:>8.3f}" for v in np.exp(found[name][kind].mean(axis=0))) for kind in kinds
            ]
            print(f"{name:<18}" + "".join(cells), flush=True)
        told = report["groups"][group] = {"sets": list(found)}
        for kind in kinds:
            each = np.array([one[kind].mean(axis=0) for one in found.values()])
            half = float(stats.t.ppf(0.975, len(each) - 1)) * each.std(axis=0, ddof=1) / len(each) ** 0.5
            for number, measure in enumerate(MEASURES):
                middle = each[:, number].mean()
                low, mean, high = np.exp([middle - half[number], middle, middle + half[number]])
                told[f"{kind} {measure}"] = [low, mean, high]
                print(f"{group}: {kind} {measure} {mean:.3f} ({low:.3f} to {high:.3f})")
    if asked.json:
        hand_over(report, asked.json)


if __name__ == "__main__":
    main()
