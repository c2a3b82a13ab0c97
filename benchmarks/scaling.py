"""What a longer list, more rows and another program cost: caviar against itself.

    python benchmarks/scaling.py [--most-networks 2000] [--most-rows 1000000] [--json scaling.json] [--plot scaling.png]

Networks: a list of 1 to 2,000 networks that all differ (one hidden layer of 17 to 32 units, 2,000 rows, 2 epochs).
Rows: 16 such networks on 1,000 to 1,000,000 rows of 16 features, one epoch, mini-batches of 256. Both are timed when
everything is compiled, the least of three; the exponent is the slope of log time over log size in the upper half of the
sizes: 1 is linear. Memory is the growth of the process until then.

Programs: seconds until the first epoch of one network has ended, from the start of the process, when nothing was
compiled before and when the user's cache holds the program; each in a process of its own.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from report import hand_over

FEATURES, CLASSES = 16, 4
PROGRAMS: dict[str, dict[str, Any]] = {
    "linear": {"hidden_units": []},
    "one layer of 32": {"hidden_units": [32]},
    "two layers of 64, dropout": {"hidden_units": [64, 64], "dropout": 0.2},
    "the same with batch norm": {"hidden_units": [64, 64], "dropout": 0.2, "batch_norm": True},
    "four layers of 128": {"hidden_units": [128] * 4},
}


def the_split(rows: int) -> Any:
    """Clouds of points, `rows` of them to train on and 1,000 dev rows."""
    import caviar

    stream = np.random.default_rng(0)
    y = stream.integers(0, CLASSES, rows + 1_000)
    x = stream.normal(size=(rows + 1_000, FEATURES)).astype(np.float32) + y[:, None] % np.arange(1, FEATURES + 1)
    return caviar.split(caviar.read((x[:rows], y[:rows])), dev=caviar.read((x[rows:], y[rows:])), test=0)


def the_networks(networks: int, **settings: Any) -> list[Any]:
    """Networks that all differ, of one program."""
    import caviar

    stream = np.random.default_rng(1)
    return [
        caviar.Config(
            hidden_units=int(stream.integers(17, 33)),
            activation=("relu", "leaky_relu")[number % 2],
            optimizer=("adam", "sgd", "momentum", "rmsprop")[number % 4],
            learning_rate=float(10 ** stream.uniform(-4, -2)),
            dropout=float(stream.uniform(0.05, 0.5)),
            l2=float(10 ** stream.uniform(-1, 1)),
            **settings,
        )
        for number in range(networks)
    ]


def least_seconds(split: Any, configs: list[Any]) -> float:
    """Of three trainings, compiled before."""
    import caviar

    caviar.train(split, configs[:1])
    spent = []
    for _ in range(3):
        began = time.perf_counter()
        caviar.train(split, configs)
        spent.append(time.perf_counter() - began)
    return min(spent)


def mebibytes() -> float:
    """The most memory that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def steps_of(least: int, most: int) -> list[int]:
    """1, 2, 5, 10, ... from least to most."""
    sizes = [factor * 10**power for power in range(8) for factor in (1, 2, 5)]
    return [size for size in sizes if least <= size <= most]


def growth(sizes: list[int], seconds: list[float]) -> float:
    """The exponent of the upper half."""
    half = len(sizes) // 2
    return float(np.polyfit(np.log(sizes[half:]), np.log(seconds[half:]), 1)[0])


def measured(what: str, sizes: list[int], seconds_of: Any) -> dict[str, Any]:
    """Seconds and memory for each size, told as they come."""
    seconds, before, memory = [], mebibytes(), []
    for size in sizes:
        seconds.append(seconds_of(size))
        memory.append(mebibytes() - before)
        print(f"    {size:>9,} {what:<9}{seconds[-1]:9.3f} s{memory[-1]:9.0f} MiB more", flush=True)
    exponent = growth(sizes, seconds)
    print(f"    grows with the power {exponent:.2f}")
    return {"sizes": sizes, "seconds": seconds, "mebibytes": memory, "exponent": exponent}


def first_epoch(settings: dict[str, Any], cache: str) -> float:
    """Seconds from the start of a process to the end of a network's first epoch."""
    code = (
        "import json, sys; sys.path.insert(0, sys.argv[1]); import scaling, caviar\n"
        "caviar.train(scaling.the_split(1000), [caviar.Config.from_mapping(json.loads(sys.argv[2]) | {'epochs': 1})])"
    )
    here = str(Path(__file__).parent)
    environment = {name: value for name, value in os.environ.items() if name != "JAX_COMPILATION_CACHE_DIR"}
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", code, here, json.dumps(settings)],
        check=True,
        env=environment | {"XDG_CACHE_HOME": cache},
    )
    return time.perf_counter() - began


def programs() -> dict[str, dict[str, float]]:
    """Cold and cached, for each kind of program."""
    found = {}
    for name, settings in PROGRAMS.items():
        with tempfile.TemporaryDirectory() as cache:
            cold, cached = first_epoch(settings, cache), first_epoch(settings, cache)
        found[name] = {"cold": cold, "cached": cached}
        print(f"    {name:<28}{cold:7.2f} s cold{cached:7.2f} s cached", flush=True)
    return found


def draw(report: dict[str, Any], path: str) -> None:
    """Seconds over size, both on log scales, with the line through the largest size that is linear."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for axis, name in zip(axes, ("networks", "rows"), strict=True):
        sizes, seconds = np.array(report[name]["sizes"]), report[name]["seconds"]
        axis.loglog(sizes, sizes * seconds[-1] / sizes[-1], color="0.7", label="linear")
        axis.loglog(sizes, seconds, "o-", label="measured")
        axis.set(xlabel=name, ylabel="seconds", title=f"power {report[name]['exponent']:.2f}")
        axis.legend()
    figure.savefig(path, dpi=120)


def main() -> int:
    """Measure, print the tables, write JSON and plot."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--most-networks", type=int, default=2_000)
    parser.add_argument("--most-rows", type=int, default=1_000_000)
    parser.add_argument("--json", default=None, help="file for the figures; printed when left out")
    parser.add_argument("--plot", default=None, help="file for a picture")
    arguments = parser.parse_args()
    print("Seconds until the first epoch has ended, from the start of the process")
    report: dict[str, Any] = {"programs": programs()}
    print("Networks")
    split = the_split(2_000)
    sizes = steps_of(1, arguments.most_networks)
    report["networks"] = measured("networks", sizes, lambda n: least_seconds(split, the_networks(n, epochs=2)))
    print("Rows")
    configs = the_networks(16, epochs=1, batch_size=256)
    sizes = steps_of(1_000, arguments.most_rows)
    report["rows"] = measured("rows", sizes, lambda rows: least_seconds(the_split(rows), configs))
    report["python"] = platform.python_version()
    if arguments.plot:
        draw(report, arguments.plot)
    hand_over(report, arguments.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
