"""Networks per second: caviar's population beside PyTorch and scikit-learn, one network at a time.

    python -m pip install torch==2.13.0        # a CPU build suffices; PyTorch is no dependency of caviar
    python benchmarks/population.py [--widths 32 64 128] [--networks 64] [--batch-norm] [--json population.json]

The job: networks that all differ (two hidden layers of more than W/2 to W units, activation, optimiser, learning rate,
schedule, dropout, L2), 64 inputs, 10 classes, 8,000 training rows, mini-batches of 64; after every epoch loss and error
are measured on 2,000 training and 1,000 dev rows. The very same configs, rows and epochs for everybody. What is timed
is the second call: programs are compiled, processes are running, data are loaded.

PyTorch runs in two arrangements, one process with a thread per core and a process per core with one thread, as its
users write it but on tensors in memory; and in the second once more with the fused form of its optimisers.
scikit-learn's MLPClassifier has neither dropout nor RMSprop nor SiLU nor batch norm: it trains without, by Adam and
with ReLU, which is less work. Contestants take turns, `--repeats` times; the table gives the median of the ratios, and
the least and the greatest.

The last line is the share of the machine's large matrix-product rate that caviar reaches with networks of full width:
multiplications and additions of the networks themselves, training and measuring, over those of one 4096 x 4096 product.

A profile of one step of a lane of two networks at width 128 (about 290 us on one core): products 175, of which the
second layer's forward product takes 54 where its two backward ones of the same size take 34 each: on this processor a
product after 100 us of light work runs at half speed for its first 50 us, whatever the width of the vectors in between.
The optimiser takes 45, random numbers 24, W transposed for the backward pass 18, activations and dropout 15, the rest
is many small operations. Four threads in XLA's pool instead of two cost 60 %.
"""

import argparse
import contextlib
import functools
import math
import multiprocessing
import os
import platform
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from report import hand_over

ROWS, DEV, MEASURED, FEATURES, CLASSES, BATCH = 8_000, 1_000, 2_000, 64, 10, 64
ACTIVATIONS = ("relu", "tanh", "silu", "leaky_relu")
OPTIMIZERS = ("adam", "sgd", "momentum", "rmsprop")
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
ONE, MANY = f"1x{CORES}", f"{CORES}x1"
ARRANGEMENTS = {
    f"pytorch {ONE}": (1, CORES),
    f"pytorch {MANY}": (CORES, 1),
    f"pytorch fused {MANY}": (CORES, 1),
    f"scikit-learn {MANY}": (CORES, 1),
}
"""Processes and threads of each contestant: all cores, as caviar uses them."""


def the_rows() -> tuple[np.ndarray, np.ndarray]:
    """Made-up rows: ten clouds, each of several blobs."""
    stream = np.random.default_rng(0)
    centres = stream.normal(size=(CLASSES * 4, FEATURES))
    blob = stream.integers(0, CLASSES * 4, ROWS + DEV)
    x = centres[blob] + 1.5 * stream.normal(size=(ROWS + DEV, FEATURES))
    return x.astype(np.float32), (blob % CLASSES).astype(np.int64)


def the_networks(width: int, networks: int, epochs: int, *, batch_norm: bool = False) -> list[dict[str, Any]]:
    """Settings of each network, as `caviar.Config` names them."""
    stream = np.random.default_rng(width)
    made = []
    for number in range(networks):
        optimizer = OPTIMIZERS[number % len(OPTIMIZERS)]
        adaptive = optimizer in ("adam", "rmsprop")
        made.append(
            {
                "hidden_units": [int(stream.integers(width // 2 + 1, width + 1)) for _ in range(2)],
                "activation": ACTIVATIONS[(number // len(OPTIMIZERS)) % len(ACTIVATIONS)],
                "optimizer": optimizer,
                "learning_rate": float(10 ** stream.uniform(-4, -2.5) if adaptive else 10 ** stream.uniform(-2, -0.5)),
                "schedule": ("constant", "cosine")[number % 2],
                "dropout": float(stream.uniform(0.05, 0.5)),
                "l2": float(10 ** stream.uniform(-1, 1)),
                "batch_norm": batch_norm,
                "epochs": epochs,
            }
        )
    return made


def caviar_seconds(settings: list[dict[str, Any]]) -> Callable[[], float]:
    """Times a call of `caviar.train` on all networks; one call was made before."""
    import caviar

    x, y = the_rows()
    # The first rows train, the others are dev, as for everybody else.
    table, dev = caviar.read((x[:ROWS], y[:ROWS])), caviar.read((x[ROWS:], y[ROWS:]))
    split = caviar.split(table, dev=dev, test=0)
    configs = [caviar.Config.from_mapping(one) for one in settings]

    def seconds() -> float:
        began = time.perf_counter()
        runs = caviar.train(split, configs)
        spent = time.perf_counter() - began
        assert all(run.status == "finished" for run in runs)
        return spent

    seconds()
    return seconds


def pytorch_network(one: dict[str, Any]) -> Any:
    """One network in PyTorch, before its first step."""
    from torch import nn

    activation = {"relu": nn.ReLU, "tanh": nn.Tanh, "silu": nn.SiLU, "leaky_relu": nn.LeakyReLU}[one["activation"]]
    layers: list[nn.Module] = []
    inputs = FEATURES
    for units in one["hidden_units"]:
        norm = [nn.BatchNorm1d(units, eps=1e-8, momentum=0.01)] if one["batch_norm"] else []
        layers += [nn.Linear(inputs, units, bias=not norm), *norm, activation(), nn.Dropout(one["dropout"])]
        inputs = units
    network = nn.Sequential(*layers, nn.Linear(inputs, CLASSES))
    for name, parameter in network.named_parameters():
        if parameter.ndim > 1:
            nn.init.kaiming_normal_(parameter)
        elif name.endswith("bias"):
            nn.init.zeros_(parameter)
    return network


def train_pytorch(one: dict[str, Any], x: Any, y: Any, *, fused: bool) -> float:
    """One network in PyTorch: the loop that its users write, without a DataLoader, which would be slower."""
    import torch
    from torch import nn

    network = pytorch_network(one)
    weights = [p for p in network.parameters() if p.ndim > 1]
    biases = [p for p in network.parameters() if p.ndim == 1]
    groups = [{"params": weights, "weight_decay": one["l2"] / ROWS}, {"params": biases}]
    rate = one["learning_rate"]
    match one["optimizer"]:
        case "adam":
            optimizer = torch.optim.Adam(groups, lr=rate, fused=fused)
        case "rmsprop":
            optimizer = torch.optim.RMSprop(groups, lr=rate, alpha=0.9)
        case "momentum":
            optimizer = torch.optim.SGD(groups, lr=rate, momentum=0.9, dampening=0.9, fused=fused)
        case _:
            optimizer = torch.optim.SGD(groups, lr=rate, fused=fused)
    steps_per_epoch = -(-ROWS // BATCH)
    total = one["epochs"] * steps_per_epoch
    cosine = one["schedule"] == "cosine"
    loss_of = nn.CrossEntropyLoss()
    step, dev_loss = 0, math.nan
    for _ in range(one["epochs"]):
        network.train()
        order = torch.randperm(ROWS)
        for first in range(0, ROWS, BATCH):
            rows = order[first : first + BATCH]
            if cosine:
                for group in optimizer.param_groups:
                    group["lr"] = rate * (1 + math.cos(math.pi * step / total)) / 2
            optimizer.zero_grad()
            loss_of(network(x[rows]), y[rows]).backward()
            optimizer.step()
            step += 1
        network.eval()
        with torch.no_grad():
            for part in (slice(0, MEASURED), slice(ROWS, None)):
                answer = network(x[part])
                dev_loss = float(loss_of(answer, y[part]))
                float((answer.argmax(1) != y[part]).float().mean())
    return dev_loss


def train_scikit_learn(one: dict[str, Any], x: np.ndarray, y: np.ndarray) -> float:
    """One MLPClassifier, epoch by epoch, without what it does not have."""
    from sklearn.neural_network import MLPClassifier

    network = MLPClassifier(
        tuple(one["hidden_units"]),
        activation="tanh" if one["activation"] == "tanh" else "relu",
        solver="adam" if one["optimizer"] in ("adam", "rmsprop") else "sgd",
        alpha=one["l2"],
        batch_size=BATCH,
        learning_rate_init=one["learning_rate"],
        momentum=0.9 if one["optimizer"] == "momentum" else 0.0,
        nesterovs_momentum=False,
        random_state=0,
    )
    right = math.nan
    for _ in range(one["epochs"]):
        network.partial_fit(x[:ROWS], y[:ROWS], classes=range(CLASSES))
        for part in (slice(0, MEASURED), slice(ROWS, None)):
            right = float(np.mean(network.predict_proba(x[part]).argmax(1) == y[part]))
    return right


def worker(name: str, threads: int, pipe: Any) -> None:
    """A process that trains the lists of networks it is sent, one network after the other."""
    warnings.simplefilter("ignore")
    x, y = the_rows()
    with contextlib.ExitStack() as stack:
        if name.startswith("pytorch"):
            import torch

            torch.set_num_threads(threads)
            x, y = torch.from_numpy(x), torch.from_numpy(y)
            train = functools.partial(train_pytorch, fused="fused" in name)
        else:
            from threadpoolctl import threadpool_limits

            stack.enter_context(threadpool_limits(threads))
            train = train_scikit_learn
        while (settings := pipe.recv()) is not None:
            pipe.send([train(one, x, y) for one in settings])


class Contestant:
    """Processes that share a list of networks."""

    def __init__(self, name: str) -> None:
        """Start the processes; they warm up with one short network."""
        processes, threads = ARRANGEMENTS[name]
        context = multiprocessing.get_context("spawn")
        os.environ["OMP_NUM_THREADS"] = str(threads)
        self.pipes = []
        for _ in range(processes):
            mine, theirs = context.Pipe()
            context.Process(target=worker, args=(name, threads, theirs), daemon=True).start()
            self.pipes.append(mine)
        del os.environ["OMP_NUM_THREADS"]
        self.seconds(the_networks(32, 4 * processes, 1))

    def seconds(self, settings: list[dict[str, Any]]) -> float:
        """Time to train all networks, each process its share."""
        began = time.perf_counter()
        for number, pipe in enumerate(self.pipes):
            pipe.send(settings[number :: len(self.pipes)])
        for pipe in self.pipes:
            pipe.recv()
        return time.perf_counter() - began

    def close(self) -> None:
        """End the processes."""
        for pipe in self.pipes:
            pipe.send(None)


def product_rate() -> float:
    """Floating-point operations per second of one large float32 product, the better of XLA's and NumPy's."""
    import jax
    import jax.numpy as jnp

    n, best = 4096, math.inf
    a = np.random.default_rng(0).normal(size=(n, n)).astype(np.float32)
    on_device, multiply = jnp.asarray(a), jax.jit(jnp.matmul)
    for product in (lambda: multiply(on_device, on_device).block_until_ready(), lambda: a @ a):
        product()
        for _ in range(2):
            began = time.perf_counter()
            product()
            best = min(best, time.perf_counter() - began)
    return 2 * n**3 / best


def own_operations(settings: list[dict[str, Any]]) -> float:
    """Operations of the networks' own products: three each in training, two in the first layer, one in test mode."""
    total = 0.0
    for one in settings:
        first = FEATURES * one["hidden_units"][0]
        others = one["hidden_units"][0] * one["hidden_units"][1] + one["hidden_units"][1] * CLASSES
        training = 2 * ROWS * (2 * first + 3 * others)
        total += one["epochs"] * (training + 2 * (MEASURED + DEV) * (first + others))
    return total


def measure(settings: list[dict[str, Any]], width: int, repeats: int, others: dict[str, Contestant]) -> dict[str, Any]:
    """All contestants in turn at one width."""
    networks, epochs = len(settings), settings[0]["epochs"]
    full = [one | {"hidden_units": [width, width]} for one in settings]
    mine, mine_full = caviar_seconds(settings), caviar_seconds(full)
    seconds: dict[str, list[float]] = {"caviar": [], **{name: [] for name in others}}
    shares = []
    for _ in range(repeats):
        seconds["caviar"].append(mine())
        for name, contestant in others.items():
            seconds[name].append(contestant.seconds(settings))
        shares.append(own_operations(full) / mine_full() / product_rate())
    took = {name: np.array(spent) for name, spent in seconds.items()}
    own, pytorch = took["caviar"], np.minimum(took[f"pytorch {ONE}"], took[f"pytorch {MANY}"])
    return {
        "width": width,
        "networks": networks,
        "epochs": epochs,
        "networks_per_second": {name: networks / float(np.median(spent)) for name, spent in took.items()},
        "microseconds_per_network_and_step": {
            name: 1e6 * float(np.median(spent)) / networks / epochs / -(-ROWS // BATCH) for name, spent in took.items()
        },
        "times_pytorch": _spread(pytorch / own),
        "times_pytorch_fused": _spread(took[f"pytorch fused {MANY}"] / own),
        "times_scikit_learn": _spread(took[f"scikit-learn {MANY}"] / own),
        "share_of_product_rate": _spread(np.array(shares)),
    }


def _spread(values: np.ndarray) -> dict[str, float]:
    return {"median": float(np.median(values)), "least": float(values.min()), "greatest": float(values.max())}


def main() -> int:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--widths", type=int, nargs="+", default=[32, 64, 128])
    parser.add_argument("--networks", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--batch-norm", action="store_true", help="batch norm in every hidden layer")
    parser.add_argument("--json", default=None, help="file for the figures; printed when left out")
    arguments = parser.parse_args()
    try:
        import torch
    except ImportError:
        print("The benchmark needs PyTorch: python -m pip install torch==2.13.0", file=sys.stderr)
        return 1
    import jax
    import sklearn

    others = {name: Contestant(name) for name in ARRANGEMENTS}
    results = []
    columns = {"times_pytorch": "x PyTorch", "times_pytorch_fused": "x fused", "times_scikit_learn": "x scikit-learn"}
    print(f"{CORES} cores: networks per second, and how many times those of the others (median, least to greatest)")
    for width in arguments.widths:
        settings = the_networks(width, arguments.networks, arguments.epochs, batch_norm=arguments.batch_norm)
        result = measure(settings, width, arguments.repeats, others)
        results.append(result)
        print(f"width {width}")
        for name, speed in result["networks_per_second"].items():
            step = result["microseconds_per_network_and_step"][name]
            print(f"    {name:<18}{speed:8.1f} a second{step:10.1f} us per network and step")
        for key, title in columns.items():
            of = result[key]
            print(f"    {title:<18}{of['median']:8.1f} ({of['least']:.1f} to {of['greatest']:.1f})")
        print(f"    of product rate   {result['share_of_product_rate']['median']:8.0%}", flush=True)
    for contestant in others.values():
        contestant.close()
    versions = {"python": platform.python_version(), "jax": jax.__version__, "torch": torch.__version__}
    report = {"results": results, "versions": versions | {"scikit-learn": sklearn.__version__}, "cores": CORES}
    hand_over(report, arguments.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
