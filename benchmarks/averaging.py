"""What averaged weights are worth: the default network with and without them, and with cosine decay beside.

    python benchmarks/averaging.py --data DATA [--seeds 5] [--json averaging.json]

DATA is a folder with letter, bank_marketing, california_housing, diamonds, sick and wine_quality; digits, breast_cancer
and diabetes come with scikit-learn. Per data set: what the loss and the error on the dev rows after the last epoch -
nothing is chosen by them - are as a share of those of the default network with the same seed, geometric mean over the
seeds; below 1 is better. In the end over the data sets, with the 95 % interval of the mean of their logarithms.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

import caviar
from caviar.tuning.spaces.defaults import default_start
from report import hand_over

SAMPLES = ("digits", "breast_cancer", "diabetes")
FILES = {
    "letter": ("letter/letter.csv", "class"),
    "bank_marketing": ("bank_marketing/bank-marketing.csv", "Class"),
    "california": ("california_housing/housing.csv", "median_house_value"),
    "diamonds": ("diamonds/diamonds.csv", "price"),
    "sick": ("sick/sick.csv", "Class"),
    "wine_white": ("wine_quality/winequality-white.csv", "quality"),
}
MEASURES = ("dev_loss", "dev_error")


def shares(split: Any, seeds: int) -> dict[str, np.ndarray]:
    """By kind of network: logarithms of the shares, shape (seeds, measures)."""
    kinds = {"default": caviar.Config(), "averaged": default_start(split), "cosine": caviar.Config(schedule="cosine")}
    configs = [config.changed(seed=seed) for config in kinds.values() for seed in range(seeds)]
    runs = caviar.train(split, configs)
    ends = np.array([[run.history[name][-1] for name in MEASURES] for run in runs]).reshape(len(kinds), seeds, -1)
    logs = np.log(np.maximum(ends, 0.5 / split.n_dev))  # no error at all counts as half a row
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
    tables = {name: caviar.read(name) for name in SAMPLES}
    tables |= {name: caviar.read(asked.data / path, target=target) for name, (path, target) in FILES.items()}
    print(f"{'data':<16}{'averaged: loss':>16}{'error':>8}{'cosine: loss':>16}{'error':>8}")
    found: dict[str, dict[str, np.ndarray]] = {}
    for name, table in tables.items():
        found[name] = shares(caviar.split(table, dev=0.25, test=0, seed=0), asked.seeds)
        means = [np.exp(found[name][kind].mean(axis=0)) for kind in ("averaged", "cosine")]
        print(f"{name:<16}" + "".join(f"{loss:>16.3f}{error:>8.3f}" for loss, error in means), flush=True)
    report: dict[str, Any] = {"seeds": asked.seeds, "sets": list(found), "together": {}}
    for kind in ("averaged", "cosine"):
        for number, measure in enumerate(MEASURES):
            each = np.array([found[name][kind][:, number].mean() for name in found])
            half = float(stats.t.ppf(0.975, len(each) - 1)) * each.std(ddof=1) / len(each) ** 0.5
            low, mean, high = np.exp([each.mean() - half, each.mean(), each.mean() + half])
            report["together"][f"{kind} {measure}"] = [low, mean, high]
            print(f"{kind:<10} {measure:<10} {mean:.3f} ({low:.3f} to {high:.3f})")
    if asked.json:
        hand_over(report, asked.json)


if __name__ == "__main__":
    main()
