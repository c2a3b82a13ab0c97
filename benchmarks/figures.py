"""Figures of the course, made by the product: every number in them comes from networks that it trained.

    python benchmarks/figures.py FOLDER [linear] [saddle] [rate]

| name | what it shows |
|---|---|
| linear | L2 makes tanh units linear: the share of answers with |z| < 0.5 against lambda; the boundary straightens |
| saddle | mini-batch noise leaves a saddle at which the full batch stays |
| rate | J of the full batch rises in some iteration once the learning rate is above 2 / sharpness |

Each is left in FOLDER as a PNG beside the table of its numbers, which is printed as well. Two minutes on two cores.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from sklearn.datasets import make_moons

import caviar
from caviar.data.split import Split
from caviar.diagnosis.landscape import landscape
from caviar.diagnosis.linear_range import share_linear
from caviar.diagnosis.rising import rises
from caviar.network.layers import Layer
from caviar.reporting.drawing import GREY, HELD_OUT, TRAIN, style
from caviar.training.outputs import outputs

Row = dict[str, Any]
LAMBDAS = (0, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000)
BOUNDARIES = (0.0, 0.1, 1.0, 10.0)
RATES = tuple(float(rate) for rate in np.geomspace(0.03, 0.6, 14).round(3))
BLUES = ("#1a365d", "#2b6cb0", "#63b3ed")


def linear() -> tuple[Figure, list[Row]]:
    """Share of tanh answers in the linear range against lambda on digits; the boundary on two moons."""
    digits = caviar.split(caviar.read("digits"), dev=300, test=0)
    shallow = {"hidden_units": (32, 32), "activation": "tanh", "initializer": "lecun", "epochs": 60}
    configs = [caviar.Config(l2=float(own), seed=seed, **shallow) for own in LAMBDAS for seed in range(5)]
    runs = caviar.train(digits, configs)
    shares = np.array([share_linear(run, digits) for run in runs]).reshape(len(LAMBDAS), 5, 2)
    errors = np.array([run.history["dev_error"][-1] for run in runs]).reshape(len(LAMBDAS), 5)

    moons = caviar.split(caviar.read(make_moons(400, noise=0.25, random_state=0)), dev=100, test=0)
    settings = shallow | {"epochs": 400, "learning_rate": 0.01}
    bent = caviar.train(moons, [caviar.Config(l2=own, **settings) for own in BOUNDARIES])

    figure = Figure(figsize=(10.5, 6.2), layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=(1.15, 1))
    axes, by_error = top.subplots(1, 2)
    places = np.array([0.03, *LAMBDAS[1:]])
    for layer, color in enumerate(BLUES[1:]):
        middle = shares[:, :, layer].mean(1)
        axes.plot(places, middle, "o-", color=color, label=f"hidden layer {layer + 1}")
        axes.fill_between(
            places, shares[:, :, layer].min(1), shares[:, :, layer].max(1), color=color, alpha=0.2, linewidth=0
        )
    axes.set_ylim(0, 1.03)
    axes.set_ylabel("answers with |z| < 0.5")
    axes.legend(frameon=False)
    axes.set_title("Digits: L2 makes tanh units linear (5 seeds)")
    by_error.plot(places, errors.mean(1), "o-", color=HELD_OUT)
    by_error.fill_between(places, errors.min(1), errors.max(1), color=HELD_OUT, alpha=0.2, linewidth=0)
    by_error.set_ylim(0, 1)
    by_error.set_ylabel("error on dev rows")
    by_error.set_title("... and, too far, a network that cannot fit")
    for one in (axes, by_error):
        one.set_xscale("log")
        one.set_xticks([0.03, 0.1, 1, 10, 100, 1000], ["0", "0.1", "1", "10", "100", "1000"])
        one.minorticks_off()
        one.yaxis.set_major_formatter(PercentFormatter(1))
        one.set_xlabel("lambda of L2")
        plain(one)
    straightens = _boundaries(bottom.subplots(1, len(BOUNDARIES)), moons, bent)

    table = [
        {
            "data": "digits",
            "lambda": own,
            **{f"linear, layer {k + 1}": shares[i, :, k].mean() for k in range(2)},
            "dev error": errors[i].mean(),
        }
        for i, own in enumerate(LAMBDAS)
    ]
    return figure, [*table, *straightens]


def _boundaries(panels: Sequence[Axes], moons: Split, runs: Sequence[caviar.Run]) -> Iterator[Row]:
    """Draw the decision boundary of each network; yield how linear its units are."""
    side = np.linspace(-2.6, 2.6, 160)
    grid = np.stack([part.ravel() for part in np.meshgrid(side, side)], axis=1).astype(np.float32)
    for axes, run in zip(panels, runs, strict=True):
        (z,) = outputs([(run.config, run.weights, run.statistics)], grid)
        above = (z[:, 1] - z[:, 0]).reshape(len(side), len(side))
        axes.contourf(side, side, above > 0, levels=[-0.5, 0.5, 1.5], colors=["#dbe8f5", "#fbe5d3"])
        axes.contour(side, side, above, levels=[0], colors="black", linewidths=1.4)
        for label, color in ((0, TRAIN), (1, HELD_OUT)):
            some = moons.x_train[moons.y_train == label]
            axes.scatter(some[:, 0], some[:, 1], s=5, color=color, marker="o^"[label], linewidths=0)
        share = share_linear(run, moons)
        axes.set_title(f"lambda {run.config.l2:g}: {share.mean():.0%} linear", fontsize=9)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_aspect("equal")
        yield {
            "data": "two moons",
            "lambda": run.config.l2,
            **{f"linear, layer {k + 1}": share[k] for k in range(2)},
            "dev error": run.history["dev_error"][-1],
        }


def saddle() -> tuple[Figure, list[Row]]:
    """Networks that start at a saddle, by mini-batches of 8, 32 and 128 rows and by the full batch of 512.

    The rows come in pairs x, -x of one class (four clouds, as in XOR). A tanh network without biases answers x and -x
    oppositely, so that with an output layer of zeros the gradient over all rows is 0, whatever the first layer's
    weights. Over some of the rows it is not. (What float32 rounds the full batch's gradient by is noise as well: some
    1e-8 that grows until it shows after some 300 steps.)
    """
    data = caviar.split(caviar.read(_pairs(0)), dev=caviar.read(_pairs(1)), test=0, scale=None)
    batches, seeds, steps = (8, 32, 128, "full"), range(5), 512
    configs, starts = [], []
    for batch in batches:
        per_epoch = 1 if batch == "full" else len(data.x_train) // batch
        for seed in seeds:
            configs.append(
                caviar.Config(
                    hidden_units=(8,),
                    activation="tanh",
                    optimizer="sgd",
                    learning_rate=0.3,
                    batch_size=batch,
                    epochs=steps // per_epoch,
                    seed=seed,
                )
            )
            first = np.random.default_rng(seed).normal(size=(8, 2))
            starts.append((Layer(first, np.zeros(8), None), Layer(np.zeros((2, 8)), np.zeros(2), None)))
    runs = caviar.train(data, configs, weights=starts)

    figure = Figure(figsize=(7.5, 4.2), layout="constrained")
    axes = figure.subplots()
    table = []
    for number, batch in enumerate(batches):
        color = GREY if batch == "full" else BLUES[number]
        for seed in seeds:
            run, start = runs[5 * number + seed], starts[5 * number + seed]
            begin = landscape(run, data, weights=start)
            curve = np.r_[begin.objective, run.history["train_loss"]]
            at = np.linspace(0, steps, len(curve))
            name = f"all {len(data.x_train)} rows" if batch == "full" else f"mini-batches of {batch}"
            axes.plot(at, curve, color=color, linewidth=1.2, label=name if seed == 0 else None)
            left = np.flatnonzero(curve < 0.9 * curve[0])
            end = landscape(run, data)
            table.append(
                {
                    "batch": batch,
                    "seed": seed,
                    "start": begin.verdict,
                    "gradient": begin.gradient_norm,
                    "smallest": begin.smallest.value,
                    "largest": begin.largest.value,
                    "left by step": int(at[left[0]]) if len(left) else "stays",
                    "loss": curve[-1],
                    "end": end.verdict,
                }
            )
    axes.axhline(np.log(2), color="black", linewidth=0.8, linestyle=":")
    axes.text(steps, np.log(2) + 0.012, "log 2: every row is answered alike", ha="right")
    axes.set_xlabel("steps")
    axes.set_ylabel("loss on all rows")
    axes.set_ylim(0, 0.78)
    axes.set_title("Noise leaves a saddle; the full batch waits for its rounding to grow (5 seeds)")
    axes.legend(frameon=False, loc="lower left")
    plain(axes)
    return figure, table


def _pairs(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """512 rows: 256 of four clouds, and the same ones mirrored at 0, which keep their class."""
    random = np.random.default_rng(seed)
    label = np.arange(256) % 2
    first = random.choice([-1.0, 1.0], 256)
    x = np.stack([first, np.where(label == 1, first, -first)], axis=1) + 0.3 * random.normal(size=(256, 2))
    return np.concatenate([x, -x]), np.tile(label, 2)


def rate() -> tuple[Figure, list[Row]]:
    """Gradient descent on all rows of digits: in how many iterations J rises, against the rate."""
    digits = caviar.split(caviar.read("digits"), dev=797, test=0)
    settings: dict[str, Any] = {
        "hidden_units": (32,),
        "activation": "tanh",
        "initializer": "lecun",
        "loss": "squared",
        "output": "linear",
        "optimizer": "sgd",
        "batch_size": "full",
        "epochs": 400,
    }
    seeds = 3
    configs = [caviar.Config(learning_rate=one, seed=seed, **settings) for one in RATES for seed in range(seeds)]
    runs = caviar.train(digits, configs)
    slow = caviar.train(digits, [config.changed(learning_rate=0.0, epochs=1) for config in configs[:seeds]])
    at_start = float(np.mean([landscape(run, digits).largest.value for run in slow]))

    table = []
    for number, one in enumerate(RATES):
        own = runs[seeds * number : seeds * (number + 1)]
        kept = [run for run in own if run.status != "diverged"]
        shares = [1.0 if run.status == "diverged" else rises(run.history["objective"]).share for run in own]
        sharp = [landscape(run, digits).largest.value for run in kept]
        table.append(
            {
                "rate": one,
                "iterations with a rise": np.mean(shares),
                "diverged": seeds - len(kept),
                "objective": np.mean([run.history["objective"][-1] for run in kept]) if kept else np.nan,
                "sharpness at the end": np.mean(sharp) if sharp else np.nan,
                "2 / rate": 2 / one,
                "sharpness at the start": at_start,
            }
        )
    return _rate_figure(table, 2 / at_start), table


def _rate_figure(table: list[Row], limit: float) -> Figure:
    figure = Figure(figsize=(10.5, 4.0), layout="constrained")
    rising, sharp = figure.subplots(1, 2)
    rates = np.array([row["rate"] for row in table])
    finite = np.array([row["diverged"] == 0 for row in table])
    share = np.array([row["iterations with a rise"] for row in table])
    rising.plot(rates, share, color=TRAIN)
    rising.plot(rates[finite], share[finite], "o", color=TRAIN, label="every seed finite")
    rising.plot(rates[~finite], share[~finite], "x", color=HELD_OUT, markersize=8, label="a seed diverged (100 %)")
    rising.axvline(limit, color=GREY, linestyle="--")
    rising.text(0.95 * limit, 0.5, f"2 / sharpness\nat the start: {limit:.2g}", ha="right")
    rising.set_ylim(-0.02, 1.04)
    rising.yaxis.set_major_formatter(PercentFormatter(1))
    rising.set_ylabel("iterations in which J rose")
    rising.legend(frameon=False, loc="upper left")
    rising.set_title("J of the full batch rises once the rate is too high")
    measured = np.array([row["sharpness at the end"] for row in table])
    sharp.plot(rates, measured, "o-", color=TRAIN, label="sharpness where training ended")
    sharp.plot(rates, 2 / rates, color=GREY, linestyle="--", label="2 / rate: steps grow above")
    sharp.set_yscale("log")
    sharp.set_ylabel("largest eigenvalue of the Hessian")
    sharp.set_title("Training settles where its steps do not grow")
    sharp.legend(frameon=False)
    sharp.set_yticks([4, 6, 10, 20, 40, 60], ["4", "6", "10", "20", "40", "60"])
    for axes in (rising, sharp):
        axes.set_xscale("log")
        axes.set_xticks([0.03, 0.1, 0.3, 0.6], ["0.03", "0.1", "0.3", "0.6"])
        axes.minorticks_off()
        axes.set_xlabel("learning rate")
        plain(axes)
    return figure


def plain(axes: Axes) -> None:
    """Without a frame."""
    axes.spines[["top", "right"]].set_visible(False)


def as_table(rows: list[Row]) -> str:
    """Rows as a table in Markdown."""
    names = list(rows[0])
    cells = [[_cell(row[name]) for name in names] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in [names, ["---"] * len(names), *cells])


def _cell(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


FIGURES: dict[str, Callable[[], tuple[Figure, list[Row]]]] = {"linear": linear, "saddle": saddle, "rate": rate}


def main() -> None:
    """Make the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", choices=[[], *FIGURES], default=[])
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    for name in asked.names or FIGURES:
        with style():
            figure, rows = FIGURES[name]()
            figure.savefig(asked.folder / f"{name}.png", dpi=150)
        table = as_table(rows)
        (asked.folder / f"{name}.md").write_text(table + "\n", encoding="utf-8")
        print(f"\n{name}\n{table}", flush=True)


if __name__ == "__main__":
    main()
