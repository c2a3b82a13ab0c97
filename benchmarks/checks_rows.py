"""Checks of rows that repeat and of columns that give the target away: power, false alarms, seconds, real data.

    python benchmarks/checks_rows.py [power] [false-alarms] [seconds] [real DATA_FOLDER] [--seeds 100] [--json FILE]

Power: faults planted into 5,000 clean rows, a new table for every seed; a fault is found when its check says so as a
warning or more. False alarms: 20 kinds of clean data at 5 seeds, each read, split and passed through all these checks;
a run counts when any of them warns. Seconds: every check at 100,000 rows of 30 columns. Real: what the checks say about
a folder of data sets as files (`letter/letter.csv`, …); without the folder this part says so and is left out.
"""

import argparse
import gzip
import json
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import caviar
from caviar.data.checks.check import Checked
from caviar.data.checks.conflicting_labels import check_conflicting_labels
from caviar.data.checks.duplicate_rows import check_duplicate_rows
from caviar.data.checks.group_overlap import check_group_columns, check_group_overlap
from caviar.data.checks.leakage import check_leakage
from caviar.data.checks.near_duplicates import check_near_duplicates
from caviar.data.checks.row_order import check_row_order
from caviar.data.checks.target_leakage import check_target_leakage

Columns = dict[str, Any]
Random = np.random.Generator
OF_TABLES = (
    check_duplicate_rows,
    check_near_duplicates,
    check_conflicting_labels,
    check_target_leakage,
    check_row_order,
)
OF_SPLITS = (check_leakage, check_near_duplicates, check_group_columns)
ROWS = 5_000


def table(columns: Columns, target: Any, name: str = "made up") -> Any:
    """A table as `read` makes it."""
    frame = pl.DataFrame(columns).with_columns(pl.Series("target", np.asarray(target).tolist()))
    return caviar.read(frame, target="target", name=name)


def all_checks(data: Any, test: Any = None) -> dict[str, Checked]:
    """Every check of a table and of its split with the defaults."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        split = caviar.split(data, test=test)
    of_tables = {f"{check.__name__} (table)": check(data) for check in OF_TABLES}
    return of_tables | {f"{check.__name__} (split)": check(split) for check in OF_SPLITS}


# --- clean data ------------------------------------------------------------------------------------------------------


def numbers(random: Random, rows: int, width: int) -> Columns:
    """Correlated normal columns."""
    mixed = random.normal(size=(rows, width)) @ (np.eye(width) + 0.3 * random.normal(size=(width, width)))
    return {f"x{i}": mixed[:, i] for i in range(width)}


def words(random: Random, rows: int, width: int, levels: int) -> Columns:
    """Columns of text, of levels of unequal frequency."""
    shares = random.dirichlet(np.full(levels, 2.0), size=width)
    return {f"w{i}": [f"v{v}" for v in random.choice(levels, rows, p=shares[i])] for i in range(width)}


def scores(columns: Columns, random: Random) -> Any:
    """A smooth and not only linear score of some columns, standardised."""
    total = np.zeros(len(next(iter(columns.values()))))
    for cells in columns.values():
        x = np.unique(np.asarray(cells), return_inverse=True)[1] if isinstance(cells, list) else np.asarray(cells)
        z = (x - x.mean()) / (x.std() or 1)
        total += random.normal() * z + 0.5 * random.normal() * np.tanh(2 * z)
    return (total - total.mean()) / total.std()


def classes(score: Any, random: Random, shares: list[float], noise: float) -> Any:
    """Labels by the score, some of it noise."""
    noisy = score + noise * random.normal(size=len(score))
    edges = np.quantile(noisy, np.cumsum(shares)[:-1])
    return np.searchsorted(edges, noisy)


def clean(kind: int, seed: int) -> Any:  # noqa: PLR0911, PLR0912  one branch for each kind
    """One of 20 kinds of clean data."""
    random = np.random.default_rng([kind, seed])

    def two(columns: Columns, noise: float = 0.5, shares: tuple[float, ...] = (0.5, 0.5)) -> Any:
        return table(columns, classes(scores(columns, random), random, list(shares), noise))

    def quantity(columns: Columns, noise: float = 0.5) -> Any:
        return table(columns, scores(columns, random) + noise * random.normal(size=len(next(iter(columns.values())))))

    match kind:
        case 0:
            return two(numbers(random, 300, 4))
        case 1:
            return two(numbers(random, 5_000, 10), shares=(0.93, 0.07))
        case 2:
            return two(numbers(random, 2_000, 20), shares=(0.2,) * 5)
        case 3:
            return two(numbers(random, 20_000, 8), noise=0.1)
        case 4:
            return quantity(numbers(random, 1_000, 6))
        case 5:
            return quantity(numbers(random, 10_000, 15), noise=0.1)
        case 6:  # three columns of yes and no
            return two({f"b{i}": random.random(2_000) < share for i, share in enumerate((0.5, 0.3, 0.7))})
        case 7:  # answers to ten questions, of five levels, that go together
            mood = random.normal(size=(1_500, 1))
            answers = np.clip(np.round(3 + mood + random.normal(size=(1_500, 10))), 1, 5).astype(int)
            return two({f"q{i}": answers[:, i] for i in range(10)})
        case 8:
            return two(words(random, 3_000, 6, 8) | numbers(random, 3_000, 3))
        case 9:
            return two(words(random, 4_000, 5, 30))
        case 10:  # few dimensions, dense
            return two({"x": random.random(10_000), "y": random.random(10_000)}, noise=0.2)
        case 11:  # skewed amounts, many of them 0
            amounts = np.where(random.random((4_000, 6)) < 0.4, 0, np.exp(random.normal(size=(4_000, 6)) * 1.5))
            return quantity({f"a{i}": amounts[:, i] for i in range(6)}, noise=1.0)
        case 12:  # rounded measurements
            x = random.normal(size=(3_000, 8)) @ random.normal(size=(8, 8))
            return two({f"m{i}": np.round(x[:, i], 1) for i in range(8)})
        case 13:  # clusters of unequal spread, 4 classes
            label = random.integers(0, 4, 2_000)
            x = (
                random.normal(size=(4, 7))[label] * 2
                + random.normal(size=(2_000, 7)) * np.array([0.2, 0.5, 1, 2])[label, None]
            )
            return table({f"x{i}": x[:, i] for i in range(7)}, label)
        case 14:  # an identifier, dates, missing cells
            columns = numbers(random, 3_000, 6)
            target = classes(scores(columns, random), random, [0.6, 0.4], 0.5)
            columns = {k: np.where(random.random(3_000) < 0.1, np.nan, v) for k, v in columns.items()}
            days = np.datetime64("2020-01-01") + random.integers(0, 1500, 3_000)
            return table(
                {"id": [f"c{i:05}" for i in random.permutation(3_000)], "day": days.astype(str)} | columns, target
            )
        case 15:  # 26 classes of whole numbers
            label = random.integers(0, 26, 5_000)
            x = np.clip(np.round(random.normal(7, 2.5, (26, 16))[label] + random.normal(0, 1.5, (5_000, 16))), 0, 15)
            return table({f"x{i}": x[:, i].astype(int) for i in range(16)}, [chr(65 + i) for i in label])
        case 16:  # counts
            rate = np.exp(random.normal(size=(2_500, 8)) * 0.7 + 1)
            return quantity({f"n{i}": random.poisson(rate[:, i]) for i in range(8)}, noise=0.7)
        case 17:  # more columns than is comfortable
            return two(numbers(random, 150, 60))
        case 18:  # small images of blobs
            at = random.uniform(2, 10, (1_500, 2))
            grid = np.stack(np.meshgrid(np.arange(12), np.arange(12), indexing="ij"), -1)
            blob = np.exp(-((grid[None] - at[:, None, None]) ** 2).sum(-1) / (2 * random.uniform(1, 9, (1_500, 1, 1))))
            image = np.clip(255 * blob + random.normal(0, 25, blob.shape), 0, 255).astype(np.uint8)
            return caviar.read((image[..., None], (at[:, 0] > at[:, 1]).astype(int)))
        case _:  # places with a level of their own: an ordinary column of many levels
            place, effect = random.integers(0, 150, 4_000), random.normal(size=150)
            columns = numbers(random, 4_000, 5)
            target = scores(columns, random) + effect[place] + 0.5 * random.normal(size=4_000)
            return table({"place": [f"p{p}" for p in place]} | columns, target)


def false_alarms() -> dict[str, Any]:
    """Runs in which any check warns."""
    alarms: list[str] = []
    infos = 0
    for kind in range(20):
        for seed in range(5):
            found = all_checks(clean(kind, seed))
            said = [check for one in found.values() for check in one.checks]
            infos += sum(check.severity == "info" for check in said)
            loud = [f"{check.name} {check.evidence}" for check in said if check.severity != "info"]
            alarms += [f"kind {kind} seed {seed}: {loud}"] * bool(loud)
    return {"runs": 100, "with a warning": len(alarms), "infos": infos, "which": alarms}


# --- planted faults --------------------------------------------------------------------------------------------------


def mixed(seed: int, rows: int = ROWS) -> tuple[Columns, Any, Random]:
    """Eight numbers and four columns of text, and a label of two classes."""
    random = np.random.default_rng(seed)
    columns = numbers(random, rows, 8) | words(random, rows, 4, 6)
    return columns, classes(scores(columns, random), random, [0.6, 0.4], 0.5), random


def take(columns: Columns, rows: Any) -> Columns:
    """Some rows of columns."""
    return {
        name: [cells[i] for i in rows] if isinstance(cells, list) else cells[rows] for name, cells in columns.items()
    }


def planted(fault: str, seed: int) -> Checked:  # noqa: PLR0911, PLR0912  one branch for each fault
    """What the check in charge says about a planted fault."""
    columns, y, random = mixed(seed)
    match fault:
        case "1 % of dev rows copied from train" | "1 % of dev rows nearly copied from train":
            own = np.arange(ROWS)
            own[4_000:4_010] = random.choice(4_000, 10, replace=False)
            columns, y = take(columns, own), y[own]
            exact = "nearly" not in fault
            if not exact:
                for name in [name for name in columns if name.startswith("x")]:
                    columns[name][4_000:4_010] += 0.01 * columns[name].std() * random.normal(size=10)
            train, dev = (table(take(columns, at), y[at]) for at in (np.arange(4_000), np.arange(4_000, ROWS)))
            split = caviar.split(train, dev=dev, test=0)
            return check_leakage(split) if exact else check_near_duplicates(split)
        case "5 % of rows twice":
            own = np.arange(ROWS)
            own[-250:] = random.choice(ROWS - 250, 250, replace=False)
            return check_duplicate_rows(table(take(columns, own), y[own]))
        case "1 % of rows again with another label":
            own = np.arange(ROWS)
            own[-50:] = random.choice(ROWS - 50, 50, replace=False)
            y = y[own]
            y[-50:] = 1 - y[-50:]
            return check_conflicting_labels(table(take(columns, own), y))
        case "target + normal noise of 0.3":
            return check_target_leakage(table(columns | {"leak": y + 0.3 * random.normal(size=ROWS)}, y))
        case "target with 5 % of rows flipped":
            flipped = np.where(random.random(ROWS) < 0.05, 1 - y, y)
            return check_target_leakage(table(columns | {"leak": [f"code {v}" for v in flipped]}, y))
        case "quantity + noise of 0.2 sd":
            quantity = scores(columns, random) + 0.5 * random.normal(size=ROWS)
            leak = quantity + 0.2 * quantity.std() * random.normal(size=ROWS)
            return check_target_leakage(table(columns | {"leak": leak}, quantity))
        case "target under another name":
            return check_target_leakage(table(columns | {"code": [("A", "B")[v] for v in y]}, y))
        case "target from two columns (exclusive or)":
            a = random.integers(0, 2, ROWS)
            return check_target_leakage(table(columns | {"a": a, "b": a ^ y}, y))
        case "quantity is a difference of two columns":
            quantity, a = scores(columns, random) + 0.5 * random.normal(size=ROWS), 5 * random.normal(size=ROWS)
            return check_target_leakage(table(columns | {"gross": a + quantity, "cost": a}, quantity))
        case "one group on both sides":
            patients = random.permutation(np.repeat(np.arange(500), 10))
            groups = {"train": np.sort(patients)[:4_005], "dev": np.sort(patients)[4_005:]}
            return check_group_overlap(groups)
        case "a column of patients, 10 rows each, 80 % of one label":
            patient = np.repeat(np.arange(500), 10)
            label = random.random(500) < 0.5
            y = np.where(random.random(ROWS) < 0.1, ~label[patient], label[patient]).astype(int)
            split = caviar.split(table(columns | {"patient": random.permutation(500)[patient] + 1_000}, y))
            return check_group_columns(split)
        case "labels drift over the file from 30 to 60 %":
            share = np.linspace(0.3, 0.6, ROWS)
            return check_row_order(table(columns, (random.random(ROWS) < share).astype(int)))
        case _:
            return check_row_order(table(take(columns, np.argsort(y, kind="stable")), np.sort(y)))


FAULTS = (
    "1 % of dev rows copied from train",
    "1 % of dev rows nearly copied from train",
    "5 % of rows twice",
    "1 % of rows again with another label",
    "target + normal noise of 0.3",
    "target with 5 % of rows flipped",
    "quantity + noise of 0.2 sd",
    "target under another name",
    "target from two columns (exclusive or)",
    "quantity is a difference of two columns",
    "one group on both sides",
    "a column of patients, 10 rows each, 80 % of one label",
    "labels drift over the file from 30 to 60 %",
    "file sorted by class",
)


def power(seeds: int) -> dict[str, Any]:
    """In how many seeds every fault is found, at all and as a warning or more."""
    figures = {}
    for fault in FAULTS:
        found = [planted(fault, seed).checks for seed in range(seeds)]
        loud = sum(any(check.severity != "info" for check in one) for one in found)
        figures[fault] = {"seeds": seeds, "found": sum(bool(one) for one in found), "as a warning": loud}
        print(f"  {fault:<55} found {figures[fault]['found']:>4}, as a warning {loud:>4}, of {seeds}", flush=True)
    return figures


# --- seconds and real data -------------------------------------------------------------------------------------------


def timed(check: Callable[[Any], Checked], data: Any) -> tuple[float, Checked]:
    """Seconds of one call."""
    start = time.perf_counter()
    found = check(data)
    return time.perf_counter() - start, found


def seconds() -> dict[str, float]:
    """Every check at 100,000 rows of 20 numbers and 10 columns of text."""
    random = np.random.default_rng(0)
    columns = numbers(random, 100_000, 20) | words(random, 100_000, 10, 12)
    data = table(columns, classes(scores(columns, random), random, [0.5, 0.3, 0.2], 0.5))
    split = caviar.split(data)
    check_target_leakage(clean(0, 0))  # imports
    figures = {f"{check.__name__} (table)": timed(check, data)[0] for check in OF_TABLES}
    figures |= {f"{check.__name__} (split)": timed(check, split)[0] for check in OF_SPLITS}
    for name, value in figures.items():
        print(f"  {name:<40} {value:6.2f} s")
    return figures


def real_sets(folder: Path) -> Iterator[tuple[str, Any, Any]]:
    """Name, table and given test table of every set in the folder."""
    files = {
        "ames_housing": ("AmesHousing.csv", "SalePrice"),
        "bank_marketing": ("bank-marketing.csv", "Class"),
        "california_housing": ("housing.csv", "median_house_value"),
        "diamonds": ("diamonds.csv", "price"),
        "iris": ("iris.csv", "species"),
        "letter": ("letter.csv", "class"),
        "sick": ("sick.csv", "Class"),
    }
    for name, (file, target) in files.items():
        yield name, caviar.read(folder / name / file, target=target), None
    for color in ("red", "white"):
        yield color, caviar.read(folder / "wine_quality" / f"winequality-{color}.csv", target="quality"), None
    images = {part: _idx(folder / "fashion_mnist", part) for part in ("train", "t10k")}
    yield "fashion_mnist", caviar.read(images["train"]), caviar.read(images["t10k"])
    try:
        import h5py  # pyright: ignore[reportMissingImports]
    except ImportError:
        print("cat_noncat was left out: it takes h5py.")
        return
    cats = []
    for part in ("train", "test"):
        with h5py.File(folder / "cat_noncat" / f"{part}_catvnoncat.h5") as file:
            cats.append(caviar.read((file[f"{part}_set_x"][:], file[f"{part}_set_y"][:])))
    yield "cat_noncat", cats[0], cats[1]


def _idx(folder: Path, part: str) -> tuple[Any, Any]:
    """Images and labels of an idx.gz pair."""
    arrays = []
    for kind in ("images-idx3", "labels-idx1"):
        data = gzip.decompress((folder / f"{part}-{kind}-ubyte.gz").read_bytes())
        shape = [int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(data[3])]
        arrays.append(np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape))
    return arrays[0][..., None], arrays[1].astype(int)


def real(folder: Path) -> dict[str, Any]:
    """What the checks say about every set."""
    figures: dict[str, Any] = {}
    for name, data, test in real_sets(folder):
        start = time.perf_counter()
        found = all_checks(data, test)
        figures[name] = {
            "seconds": time.perf_counter() - start,
            "checks": [[key, check.severity, check.evidence] for key, one in found.items() for check in one.checks],
            "skipped": [sentence for one in found.values() for sentence in one.skipped],
        }
        print(f"{name}, {figures[name]['seconds']:.1f} s")
        for key, one in found.items():
            for check in one.checks:
                print(f"  {check.severity:<8} {check.name} [{key}]: {check.meaning}")
            for sentence in one.skipped:
                print(f"  skipped [{key}]: {sentence}")
    return figures


def main() -> None:
    """Run the parts that were asked for, all but `real` by default."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=["power", "false-alarms", "seconds"])
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    figures: dict[str, Any] = {}
    if "power" in asked.parts:
        print("Planted faults:")
        figures["power"] = power(asked.seeds)
    if "false-alarms" in asked.parts:
        figures["false alarms"] = false_alarms()
        print("Clean data:", json.dumps(figures["false alarms"], indent=2))
    if "seconds" in asked.parts:
        print("Seconds at 100,000 rows of 30 columns:")
        figures["seconds"] = seconds()
    if "real" in asked.parts:
        folder = Path(asked.parts[asked.parts.index("real") + 1]) if asked.parts[-1] != "real" else Path("-")
        if folder.is_dir():
            figures["real"] = real(folder)
        else:
            print(f"Real data were left out: there is no folder {folder}.", file=sys.stderr)
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=2, default=str) + "\n")


if __name__ == "__main__":
    main()
