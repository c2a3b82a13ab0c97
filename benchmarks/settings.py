"""What it costs that all settings differ: a lane of different networks beside a program compiled for equal ones.

    python benchmarks/settings.py [--widths 32 64 128] [--repeats 7] [--steps 120] [--json settings.json]

Both train the same number of networks of two hidden layers with dropout and L2, mini-batches of 64 of 8,000 rows of 64
features, a lane on every core, through the engine's own step. In one of them activation (tanh, SiLU), optimiser, width,
rate of dropout, L2 and learning rate differ from network to network and are fed in; in the other all networks are alike
(ReLU, Adam, dropout 0.2) and every setting is a constant, so that XLA can leave out masks, choices and what the
optimiser does not ask for. Contestants take turns; the figure is the median of the ratios, with least and greatest.

In between: different networks of ReLU and leaky ReLU only, which need no tanh, and alike ones whose settings are
fed in.

Measured on 2 cores: 1.13, 1.21 and 1.14 times at 32, 64 and 128 units, which is the tanh: without it different networks
cost what alike ones do, and constants save nothing over settings that are fed in.
"""

import argparse
import platform
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from population import CORES, the_networks, the_rows
from report import hand_over

ALIKE: dict[str, Any] = {"activation": "relu", "optimizer": "adam", "dropout": 0.2, "l2": 1.0, "learning_rate": 1e-3}


def contestant(networks: list[dict[str, Any]], *, constant: bool) -> tuple[int, Callable[[int], float]]:
    """Networks per lane, and a function that trains a lane per core for so many steps and tells the seconds."""
    import jax

    import caviar
    from caviar.training import packing, program, step
    from caviar.training.augment import amounts
    from caviar.training.drive import starting_weights
    from caviar.training.feed import Feed
    from caviar.training.lanes import lanes
    from caviar.training.plan import hyperparameters
    from caviar.training.rows import device_data

    x, y = the_rows()
    split = caviar.split(caviar.read((x[:8000], y[:8000])), dev=caviar.read((x[8000:], y[8000:])), test=0)
    configs = [caviar.Config.from_mapping(one) for one in networks]
    lane = next(lane for lane in lanes(configs, split) if len(lane.members) == lane.size)
    own = [configs[number] for number in lane.members]
    made = lane.program
    feed = Feed(made, split, 0, own, 64)
    each = [hyperparameters(config, split) for config in own]
    settings = packing.stacked(each, split.x.dtype)
    fixed = jax.tree.map(lambda values: values[0], settings)
    weights = packing.padded([starting_weights(config, split) for config in own], made.architecture, split.x.dtype)
    first = packing.first_state(weights, settings, made.architecture)
    nothing = packing.scalars(amounts(()), split.x.dtype)
    data = jax.device_put(device_data(1.0, split).drawn)

    def train(state: Any, settings: Any, data: Any, steps: Any, n: Any) -> Any:
        key = jax.random.key(0)

        def one_step(i: Any, state: Any) -> Any:
            batch = program.mini_batch(made, data, steps.rows[i], jax.random.fold_in(key, i), nothing)

            def update(state: Any, settings: Any, rate: Any) -> Any:
                used = fixed if constant else settings
                return step.update(made, state, used, batch, rate=rate, share=jax.numpy.ones(()))[0]

            return jax.vmap(update)(state, settings, steps.rates[:, i])

        return jax.lax.fori_loop(0, n, one_step, state)

    compiled = jax.jit(train, compiler_options={"xla_cpu_multi_thread_eigen": False})
    steps = feed.steps(0, min(feed.most, feed.steps_per_epoch))

    def seconds(n: int) -> float:
        def work() -> None:
            jax.block_until_ready(compiled(first, settings, data, steps, np.int32(n)))

        threads = [threading.Thread(target=work) for _ in range(CORES)]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.perf_counter() - began

    seconds(2)
    return lane.size, seconds


def measure(width: int, repeats: int, steps: int) -> dict[str, Any]:
    """Ratios of one width."""
    different = [
        one | {"hidden_units": [width, width - width // 4 * (n % 3)], "activation": ("tanh", "silu")[n % 2]}
        for n, one in enumerate(_networks(width))
    ]
    relus = [one | {"activation": ("relu", "leaky_relu")[n % 2]} for n, one in enumerate(different)]
    alike = [one | ALIKE | {"hidden_units": [width, width]} for one in different]
    lists = {"different": different, "relu only": relus, "alike, fed in": alike, "alike": alike}
    jobs = {name: contestant(networks, constant=name == "alike") for name, networks in lists.items()}
    took = {name: [] for name in jobs}
    for _ in range(repeats):
        for name, (_, seconds) in jobs.items():
            took[name].append(seconds(steps))
    size = jobs["alike"][0]
    ratios = {name: np.array(took[name]) / np.array(took["alike"]) for name in jobs}
    return {
        "width": width,
        "lane": size,
        "microseconds_per_network_and_step": {
            name: float(np.median(spent)) / steps / size / CORES * 1e6 for name, spent in took.items()
        },
        "times_alike": {
            name: [float(value) for value in (np.median(r), r.min(), r.max())] for name, r in ratios.items()
        },
    }


def _networks(width: int) -> list[dict[str, Any]]:
    return [one | {"schedule": "constant", "epochs": 1} for one in the_networks(width, 64, 1)]


def main() -> int:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--widths", type=int, nargs="+", default=[32, 64, 128])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--json", default=None)
    arguments = parser.parse_args()
    results = []
    for width in arguments.widths:
        result = measure(width, arguments.repeats, arguments.steps)
        results.append(result)
        print(f"width {width}, lanes of {result['lane']}")
        for name, (median, least, greatest) in result["times_alike"].items():
            cost = result["microseconds_per_network_and_step"][name]
            print(f"    {name:<14}{cost:8.1f} us   {median:5.2f} ({least:.2f} to {greatest:.2f}) of alike", flush=True)
    hand_over({"results": results, "python": platform.python_version(), "cores": CORES}, arguments.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
