"""Tables on disk beside tables in memory: what a network's training costs, and how much memory it takes.

    python benchmarks/streaming.py [--rows 1000000] [--networks 8] [--large 10000000] [--repeats 3] [--folder DIR]
                                   [--json streaming.json]

A made-up Parquet table of 30 columns (26 numbers, a whole number, a skewed one, true/false, five categories) and two
classes. First with `--rows` rows, read as a whole and left on disk, in turns: the seconds of `caviar.train` with
`--networks` networks of two layers of 64 units, one epoch, mini-batches of 64, programs compiled before. Both must give
the same weights. The ratio is seconds in memory over seconds from disk, the median of the repeats, the least and the
greatest.

Then with `--large` rows, left on disk, in a process of its own: seconds to read, split and train one network of the
same kind with mini-batches of 256 for one epoch, its dev error, and the most anonymous memory, which does not count
pages of files that the system may drop. Linux tells it.
"""

import argparse
import multiprocessing
import os
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from report import hand_over

_PART = 1 << 20
COLOURS = np.array(["red", "blue", "green", "black", "white"])


def write_table(rows: int, path: Path) -> None:
    """The table, written in parts."""
    stream = np.random.default_rng(0)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        parts = []
        for first in range(0, rows, _PART):
            n = min(_PART, rows - first)
            x = stream.normal(size=(n, 26)).astype(np.float32)
            colour, flag = stream.integers(0, len(COLOURS), n), stream.random(n) > 0.3
            score = x[:, 0] + x[:, 1] * x[:, 2] + (colour == 0) - 0.5 * flag + 0.5 * stream.normal(size=n)
            frame = pl.DataFrame(
                {f"x{i}": x[:, i] for i in range(26)}
                | {"colour": COLOURS[colour], "flag": flag, "whole": stream.integers(-5, 100, n)}
                | {"cost": np.exp(stream.normal(size=n)), "bought": np.where(score > 0, "yes", "no")}
            )
            parts.append(Path(folder) / f"{first}.arrow")
            frame.write_ipc(parts[-1])
        pl.scan_ipc(parts).sink_parquet(path)


def in_turns(path: Path, networks: int, repeats: int) -> dict[str, Any]:
    """Seconds of training in memory and from disk."""
    import caviar

    splits = {place: caviar.split(caviar.read(path, "bought", in_memory=place == "memory")) for place in PLACES}
    configs = [
        caviar.Config(hidden_units=(64, 64), epochs=1, learning_rate=10 ** -(2 + number / networks))
        for number in range(networks)
    ]
    seconds: dict[str, list[float]] = {place: [] for place in PLACES}
    runs: dict[str, Any] = {}
    for repeat in range(repeats + 1):
        for place in PLACES:
            began = time.perf_counter()
            runs[place] = caviar.train(splits[place], configs)
            if repeat:  # the first compiles
                seconds[place].append(time.perf_counter() - began)
    for one, other in zip(*runs.values(), strict=True):
        for own, same in zip(one.weights, other.weights, strict=True):
            np.testing.assert_array_equal(own.w, same.w)
    ratios = [inside / outside for inside, outside in zip(*seconds.values(), strict=True)]
    return {"seconds": seconds, "ratio": statistics.median(ratios), "least": min(ratios), "greatest": max(ratios)}


PLACES = ("memory", "disk")


def one_large(path: Path, told: Any) -> None:
    """Read, split and train a large table; tells seconds, error and memory."""
    most, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            for line in Path("/proc/self/status").read_text().splitlines():
                if line.startswith("RssAnon:"):
                    most[0] = max(most[0], int(line.split()[1]) // 1024)

    watcher = threading.Thread(target=watch)
    watcher.start()
    import caviar

    times = [time.perf_counter()]
    table = caviar.read(path, "bought")
    times.append(time.perf_counter())
    split = caviar.split(table)
    times.append(time.perf_counter())
    run = caviar.train(split, [caviar.Config(hidden_units=(64, 64), batch_size=256, epochs=1)])[0]
    times.append(time.perf_counter())
    done.set()
    watcher.join()
    spent = dict(zip(("read", "split", "train"), np.diff(times).tolist(), strict=True))
    told.put(
        {"rows": table.rows, "on_disk": table.on_disk, "seconds": spent, "anonymous MiB": most[0]}
        | {"dev_error": float(run.history["dev_error"][-1])}
    )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--networks", type=int, default=8)
    parser.add_argument("--large", type=int, default=10_000_000, help="0 leaves it out")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=None, help="for the tables; one for temporary files if left out")
    parser.add_argument("--json", type=Path, default=None)
    asked = parser.parse_args()
    report: dict[str, Any] = {"cores": os.cpu_count()}
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        path = Path(folder) / "table.parquet"
        write_table(asked.rows, path)
        report["in turns"] = made = in_turns(path, asked.networks, asked.repeats)
        print(
            f"{asked.rows:,} rows, {asked.networks} networks: from disk at {made['ratio']:.2f} of the speed in memory "
            f"({made['least']:.2f} to {made['greatest']:.2f})"
        )
        if asked.large:
            write_table(asked.large, path)
            context = multiprocessing.get_context("spawn")
            told = context.Queue()
            process = context.Process(target=one_large, args=(path, told))
            process.start()
            report["large"] = large = told.get()
            process.join()
            times = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in large["seconds"].items())
            print(
                f"{large['rows']:,} rows: {times}; at most {large['anonymous MiB']:,} MiB of memory; dev error "
                f"{large['dev_error']:.2%}"
            )
    hand_over(report, asked.json)


if __name__ == "__main__":
    main()
