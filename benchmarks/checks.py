"""Checks of data: how often they raise a false alarm, find a planted fault, and how long they take.

    python benchmarks/checks.py alarms            20 clean made-up tables x 5 seeds: runs with any warning, at most 5 %
    python benchmarks/checks.py power             faults planted in 5,000 rows, 100 seeds each: at least 95 found
    python benchmarks/checks.py speed             seconds of each check at 100,000 rows x 30 columns

Clean tables have columns of all types, 2 to 10 classes or a quantity, and overlapping classes among them.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import polars as pl

import caviar
from caviar.data.checks import run
from caviar.data.checks.check import Checked
from caviar.data.split import Split
from caviar.data.table import Table
from report import hand_over

Make = Callable[[int, np.random.Generator], pl.DataFrame]
Plant = Callable[[int, np.random.Generator], Checked]
ROWS = 5_000


def frame_of(x: np.ndarray, y: np.ndarray) -> pl.DataFrame:
    """Columns x0, x1, ... and y; classes as words."""
    target = pl.Series("y", [f"class {k}" for k in y] if y.dtype.kind in "iu" else y)
    return pl.DataFrame([*(pl.Series(f"x{i}", x[:, i]) for i in range(x.shape[1])), target])


def blobs(classes: int, columns: int, apart: float, shares: tuple[float, ...] | None = None) -> Make:
    """Normal classes, two of which are `apart` standard deviations from each other on average."""

    def make(rows: int, random: np.random.Generator) -> pl.DataFrame:
        centers = random.normal(size=(classes, columns)) * apart / (2 * columns) ** 0.5
        y = random.choice(classes, rows, p=shares)
        return frame_of(centers[y] + random.normal(size=(rows, columns)), y)

    return make


def logistic(columns: int, steep: float, offset: float = 0.0) -> Make:
    """Two classes by a chance that rises along one direction: hard where it is not steep."""

    def make(rows: int, random: np.random.Generator) -> pl.DataFrame:
        x, w = random.normal(size=(rows, columns)), random.normal(size=columns)
        chance = 1 / (1 + np.exp(-steep * x @ w / np.linalg.norm(w) - offset))
        return frame_of(x, (random.random(rows) < chance).astype(int))

    return make


def rings(rows: int, random: np.random.Generator) -> pl.DataFrame:
    """Three classes by distance from the middle."""
    x = random.normal(size=(rows, 3))
    return frame_of(x, np.digitize(np.linalg.norm(x, axis=1) + random.normal(0, 0.1, rows), [1.2, 1.8]))


def shop(rows: int, random: np.random.Generator) -> pl.DataFrame:
    """Text, true/false, dates, whole numbers, heavy tails and missing cells; two classes."""
    town = random.choice(["Rome", "Oslo", "Bern", "Lima", "Kyiv"], rows, p=[0.4, 0.3, 0.15, 0.1, 0.05])
    income = random.lognormal(10, 0.5, rows)
    visits = random.poisson(3, rows)
    member = random.random(rows) < 0.4
    day = np.datetime64("2023-01-01") + random.integers(0, 700, rows).astype("timedelta64[D]")
    z = 0.8 * (town == "Rome") + np.log(income) - 10 + 0.3 * visits + member - 1.5
    gaps = random.random(rows) < 0.08
    columns = {"town": town.tolist(), "income": income, "visits": visits, "member": member, "day": day}
    frame = pl.DataFrame(columns | {"y": random.random(rows) < 1 / (1 + np.exp(-z))})
    return frame.with_columns(income=pl.when(pl.Series(gaps)).then(None).otherwise(pl.col("income")))


def survey(rows: int, random: np.random.Generator) -> pl.DataFrame:
    """Answers from 1 to 5 and levels only; four classes."""
    answers = random.integers(1, 6, (rows, 12))
    words = random.choice(["never", "often", "always"], (rows, 2)).tolist()
    score = answers[:, :4].sum(axis=1) + random.normal(0, 2.5, rows)
    y = np.digitize(score, np.quantile(score, [0.25, 0.5, 0.75]))
    return frame_of(answers, y).with_columns(a=pl.Series([w[0] for w in words]), b=pl.Series([w[1] for w in words]))


def linear(columns: int, noise: float, tails: str = "normal") -> Make:
    """A quantity that is a sum of columns and noise."""

    def make(rows: int, random: np.random.Generator) -> pl.DataFrame:
        x = random.normal(size=(rows, columns))
        e = random.normal(size=rows) if tails == "normal" else random.standard_t(3, rows)
        return frame_of(x, x @ random.normal(size=columns) + noise * e)

    return make


def prices(rows: int, random: np.random.Generator) -> pl.DataFrame:
    """A quantity of proportions, with size, rooms, age and quarter."""
    size = random.gamma(6, 18, rows)
    quarter = random.choice(list("ABCDEFGH"), rows)
    log = np.log(size) + 0.2 * (quarter == "A") - 0.004 * random.uniform(0, 100, rows) + random.normal(0, 0.25, rows)
    rooms = np.maximum(1, np.round(size / 25 + random.normal(0, 0.7, rows)))
    return pl.DataFrame({"size": size, "rooms": rooms, "quarter": quarter.tolist(), "y": 2000 * np.exp(log)})


def waves(rows: int, random: np.random.Generator) -> pl.DataFrame:
    """A quantity that is not linear in its columns."""
    x = random.uniform(-1, 1, (rows, 6))
    return frame_of(x, np.sin(4 * x[:, 0]) + x[:, 1] * x[:, 2] + random.normal(0, 0.2, rows))


CLEAN: dict[str, tuple[int, Make]] = {
    "2 far blobs": (1_000, blobs(2, 10, 5)),
    "2 near blobs": (3_000, blobs(2, 20, 1.5)),
    "2 blobs, few rows": (300, blobs(2, 5, 2.5)),
    "3 blobs": (600, blobs(3, 8, 3)),
    "5 overlapping blobs": (4_000, blobs(5, 12, 2)),
    "10 blobs": (5_000, blobs(10, 30, 6)),
    "1 to 4": (2_000, blobs(2, 10, 2.5, (0.8, 0.2))),
    "1 to 15": (8_000, blobs(2, 6, 3, (0.9375, 0.0625))),
    "steep logistic": (2_000, logistic(10, 4)),
    "flat logistic": (5_000, logistic(15, 0.8)),
    "hardly anything to learn": (3_000, logistic(10, 0.2)),
    "rare and hard": (6_000, logistic(8, 1, -2.2)),
    "rings": (1_500, rings),
    "shop": (4_000, shop),
    "survey": (2_500, survey),
    "linear quantity": (1_000, linear(12, 1)),
    "noisy quantity, heavy tails": (4_000, linear(5, 5, "t")),
    "prices": (3_000, prices),
    "waves": (2_000, waves),
    "wide table": (500, linear(60, 3)),
}


def checked(frame: pl.DataFrame, seed: int) -> Checked:
    """All checks of a table and of its split by the rule."""
    table = caviar.read(frame, "y")
    split = caviar.split(table, seed=seed)
    return run.check_table(table, split.task) + run.check_split(split)


def alarms(done: Checked) -> list[str]:
    """Names of the doubts that are more than an info."""
    return [check.name for check in done.checks if check.severity != "info"]


def false_alarms(seeds: int, names: list[str] | None = None) -> dict[str, list[str]]:
    """For each clean table the alarms of every seed, joined by commas; "" where there was none."""
    told: dict[str, list[str]] = {}
    for place, (name, (rows, make)) in enumerate(CLEAN.items()):
        if names is not None and name not in names:
            continue
        draws = [np.random.default_rng([seed, place]) for seed in range(seeds)]
        told[name] = [", ".join(alarms(checked(make(rows, r), seed))) for seed, r in enumerate(draws)]
    return told


def flipped_labels(seed: int, random: np.random.Generator) -> Checked:
    """One label in ten is another class, drawn at random."""
    classes = (2, 3, 5)[seed % 3]
    frame = blobs(classes, 20, 6)(ROWS, random)
    y = frame["y"].str.slice(6).cast(pl.Int64).to_numpy()
    flip = random.random(ROWS) < 0.1
    wrong = (y + random.integers(1, classes, ROWS)) % classes
    return run.check_table(caviar.read(frame.with_columns(y=pl.Series(np.where(flip, wrong, y)).cast(pl.String)), "y"))


def shifted_column(seed: int, random: np.random.Generator) -> Checked:
    """One of 20 columns of the test set is moved by 0.3 standard deviations; 4,000 rows to split, 1,000 to test."""
    frame = blobs(2, 20, 2)(ROWS, random)
    column = f"x{seed % 20}"
    test = frame[4_000:].with_columns(pl.col(column) + 0.3 * float(np.std(frame[column].to_numpy())))
    table, other = caviar.read(frame[:4_000], "y"), caviar.read(test, "y")
    return run.check_split(caviar.split(table, test=other, seed=seed))


def other_shares(seed: int, random: np.random.Generator) -> Checked:
    """65 instead of 50 % of one class in the test set."""
    make = blobs(2, 5, 2), blobs(2, 5, 2, (0.65, 0.35))
    tables = [caviar.read(one(rows, random), "y") for one, rows in zip(make, (4_000, 1_000), strict=True)]
    return run.check_split(caviar.split(tables[0], test=tables[1], seed=seed))


def shared_rows(seed: int, random: np.random.Generator) -> Checked:
    """One test row in a hundred is a copy of a train row; 4,000 rows to split, 1,000 to test."""
    frame = blobs(3, 10, 3)(ROWS, random)
    table = caviar.read(frame[:4_000], "y")
    split = caviar.split(table, test=0, seed=seed)
    copies = split.raw()["train"].frame[random.choice(split.n_train, 10, replace=False).tolist()]
    labels = pl.Series("y", random.choice(["class 0", "class 1", "class 2"], 10))
    test = pl.concat([frame[4_000:4_990], copies.with_columns(labels)])
    return run.check_split(caviar.split(table, test=caviar.read(test, "y"), seed=seed))


def leaked_column(seed: int, random: np.random.Generator) -> Checked:
    """The target under another name, wrong in 2 % of the rows, or as a number with noise."""
    frame = blobs(3, 10, 2)(ROWS, random)
    code = frame["y"].str.slice(6).cast(pl.Int64).to_numpy()
    if seed % 2:
        leak = code + random.normal(0, 0.1, ROWS)
    else:
        leak = np.array(["A", "B", "C"])[np.where(random.random(ROWS) < 0.02, random.integers(0, 3, ROWS), code)]
    return run.check_table(caviar.read(frame.with_columns(leak=pl.Series(leak.tolist())), "y"))


def shared_groups(seed: int, random: np.random.Generator) -> Checked:
    """Rows of 500 patients, ten of each, are given in two files; all of a patient have one diagnosis."""
    patient = np.repeat(np.arange(500), ROWS // 500)
    own = random.normal(size=(500, 8))
    sick = (own[:, 0] + random.normal(size=500) > 0).astype(int)
    frame = frame_of(own[patient] + random.normal(0, 0.5, (ROWS, 8)), sick[patient])
    frame = frame.with_columns(patient=pl.Series([f"P{1000 + k}" for k in patient]))
    shuffled = frame[random.permutation(ROWS).tolist()]
    table, test = caviar.read(shuffled[:4_000], "y"), caviar.read(shuffled[4_000:], "y")
    return run.check_split(caviar.split(table, test=test, group="patient", seed=seed))


FAULTS: dict[str, tuple[str, Plant]] = {
    "10 % flipped labels": ("label_noise", flipped_labels),
    "0.3 sd in 1 of 20 columns": ("distribution_shift", shifted_column),
    "65 instead of 50 % of a class": ("label_shift", other_shares),
    "1 % of test rows stand in train": ("leakage", shared_rows),
    "leaked column with noise": ("target_leakage", leaked_column),
    "one patient in several sets": ("group_overlap", shared_groups),
}


def power(seeds: int) -> dict[str, int]:
    """Of how many seeds each planted fault was found, as a warning or worse."""
    return {
        fault: sum(name in alarms(plant(seed, np.random.default_rng([seed, 77]))) for seed in range(seeds))
        for fault, (name, plant) in FAULTS.items()
    }


def seconds_of_checks(rows: int) -> dict[str, float]:
    """Seconds of every check on a table of 30 columns, of which six are text."""
    random = np.random.default_rng(0)
    frame = blobs(4, 24, 5)(rows, random)
    words = {f"c{i}": random.choice([f"level {k}" for k in range(5 + 20 * i)], rows).tolist() for i in range(6)}
    table: Table = caviar.read(frame.with_columns(**{n: pl.Series(v) for n, v in words.items()}), "y")
    split: Split = caviar.split(table)
    took = {}
    for checks, about in ((run.OF_TABLE, (table, split.task)), (run.OF_ROWS, (table,)), (run.OF_SPLIT, (split,))):
        for check in checks:
            began = time.perf_counter()
            check(*about)  # pyright: ignore[reportCallIssue, reportArgumentType]  each kind with its own
            name = check.__name__.removeprefix("check_")
            took[f"{name} of sets" if name in took else name] = round(time.perf_counter() - began, 2)
    return took


def main() -> None:
    """Run one part and print its table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("part", choices=["alarms", "power", "speed"])
    arguments.add_argument("--seeds", type=int, help="5 for alarms, 100 for power")
    arguments.add_argument("--rows", type=int, default=100_000, help="of the table for speed")
    arguments.add_argument("--json", help="file for the figures; printed when left out")
    asked = arguments.parse_args()
    match asked.part:
        case "alarms":
            told = false_alarms(asked.seeds or 5)
            runs = [one for seeds in told.values() for one in seeds]
            for name, seeds in told.items():
                which = "; ".join(sorted({*seeds} - {""}))
                print(f"{name:<28} {CLEAN[name][0]:>6,} rows  {sum(map(bool, seeds))} of {len(seeds)}  {which}")
            print(f"any warning: {sum(map(bool, runs))} of {len(runs)} runs ({sum(map(bool, runs)) / len(runs):.1%})")
            hand_over({"false_alarms": told}, asked.json)
        case "power":
            seeds = asked.seeds or 100
            found = power(seeds)
            for fault, times in found.items():
                print(f"{fault:<32} {times} of {seeds}")
            hand_over({"power": found, "seeds": seeds}, asked.json)
        case _:
            took = seconds_of_checks(asked.rows)
            for name, seconds in took.items():
                print(f"{name:<24} {seconds:6.2f} s")
            hand_over({"seconds": took, "rows": asked.rows}, asked.json)


if __name__ == "__main__":
    main()
