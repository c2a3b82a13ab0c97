"""Ways to train a lane of small convolutional networks side by side on CPU, and PyTorch one network at a time.

    python -m pip install torch==2.13.0        # a CPU build suffices; left out where there is none
    python benchmarks/convolutions.py [--lanes 1 2 4] [--repeats 3] [--batch 64] [--json convolutions.json]

The job: steps of gradient and plain SGD of a network of two 3 x 3 convolutions ('same' padding), each with 2 x 2 max
pooling and ReLU, then 64 units and 10 outputs. A thread per core each calls one compiled program on a lane of its own.
The table gives microseconds per network and step with all cores at work, the median of `--repeats`; contestants take
turns. Before anything is timed the gradients of all ways are compared.

- im2col: shifted copies of the examples are stacked to patches, a convolution is one product W P per network, and the
  first layer's patches serve the whole lane. Examples are the last axis.
- im2col in lax.map: the same products, the networks of a lane one after the other.
- grouped: `conv_general_dilated` under vmap, which becomes one convolution with a group per network.
- lax.map: the networks of a lane one after the other, each an ordinary convolution.

Measured on 2 cores, microseconds per network and step at 1, 2, 4 and 8 networks a lane, and the best of PyTorch's four:

    products a row    im2col                    im2col in lax.map      grouped   lax.map   PyTorch
            27,776      159   142   144   149    132  134  128  126        670       680       790
           333,056     2245  2346  3183  3976   1890 1920 1890 1880      11600     11500      3900
         1,117,056     5020  6560  8540  9480   4490 4610 4500 4430      56000     56000      6400
         1,753,728    10170 11000 12680 16540   8740 8740 8920 8770      89000     87000      7900

XLA's convolutions are slow on CPU, grouped or not: 5 to 12 times im2col's time. Products batched over networks gain
10 % from neighbours in the smallest network only, and the larger ones lose by their memory: it grows with the lane, and
what a program works in beyond 32 MiB was fresh memory in every call, a page fault per 4 KiB. One network after the
other within a lane is the fastest everywhere, costs the same whatever the lane's size and takes the memory of one
network: the population itself gains nothing. Against PyTorch the smallest network is six times as fast, by PyTorch's
cost per operation; those at 28x28 are 1.4 to 2 times as fast; 32x32x3 is not: 0.9 in this run, and PyTorch's own times
there varied by 40 % between runs.
"""

import argparse
import contextlib
import functools
import itertools
import multiprocessing
import os
import platform
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from report import hand_over

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
KERNEL, HIDDEN, CLASSES, RATE, BATCHES = 3, 64, 10, 1e-3, 4
SECONDS = 0.3
"""What one timing takes, about."""

CASES: dict[str, tuple[tuple[int, int, int], tuple[int, int]]] = {
    "8x8x1, filters 8 16": ((1, 8, 8), (8, 16)),
    "28x28x1, filters 8 16": ((1, 28, 28), (8, 16)),
    "28x28x1, filters 16 32": ((1, 28, 28), (16, 32)),
    "32x32x3, filters 16 32": ((3, 32, 32), (16, 32)),
}
"""Channels, height and width of the inputs; filters of the two convolutions."""


def products_per_row(shape: tuple[int, int, int], filters: tuple[int, int]) -> int:
    """Multiplications of one forward pass of one network for one example."""
    channels, height, width = shape
    first = filters[0] * channels * KERNEL**2 * height * width
    second = filters[1] * filters[0] * KERNEL**2 * (height // 2) * (width // 2)
    return first + second + HIDDEN * filters[1] * (height // 4) * (width // 4) + CLASSES * HIDDEN


def patches(a: Any) -> Any:
    """Shifted copies of a, (c, h, w, batch) -> (c * k * k, h * w * batch); rows are (channel, y, x) of the kernel."""
    import jax
    import jax.numpy as jnp

    channels, height, width, batch = a.shape
    edge = (KERNEL // 2, KERNEL // 2)
    padded = jax.lax.optimization_barrier(jnp.pad(a, ((0, 0), edge, edge, (0, 0))))
    shifted = [padded[:, y : y + height, x : x + width] for y in range(KERNEL) for x in range(KERNEL)]
    return jnp.stack(shifted, axis=1).reshape(channels * KERNEL**2, height * width * batch)


def by_products(w: Any, a: Any) -> Any:
    """One convolution as the product W P; w is (filters, c * k * k)."""
    return (w @ patches(a)).reshape(w.shape[0], *a.shape[1:])


def by_convolution(w: Any, a: Any) -> Any:
    """The same by XLA's convolution, in the same layout."""
    import jax

    kernel = w.reshape(w.shape[0], a.shape[0], KERNEL, KERNEL)
    return jax.lax.conv_general_dilated(a, kernel, (1, 1), "SAME", dimension_numbers=("CHWN", "OIHW", "CHWN"))


@functools.cache
def the_pool() -> Callable[[Any], Any]:
    """Greatest of 2 x 2, whose gradient goes to the first that equals it."""
    import jax
    import jax.numpy as jnp

    def corners(z: Any) -> list[Any]:
        return [z[:, y::2, x::2] for y in (0, 1) for x in (0, 1)]

    @jax.custom_vjp
    def pool(z: Any) -> Any:
        return functools.reduce(jnp.maximum, corners(z))

    def forward(z: Any) -> tuple[Any, Any]:
        pooled = pool(z)
        return pooled, (z, pooled)

    def backward(saved: Any, gradient: Any) -> tuple[Any]:
        z, pooled = saved
        free, parts = jnp.ones(pooled.shape, bool), []
        for corner in corners(z):
            hit = corner == pooled
            parts.append(jnp.where(hit & free, gradient, 0))
            free = free & ~hit
        rows = [jnp.stack(parts[:2], axis=3), jnp.stack(parts[2:], axis=3)]
        return (jnp.stack(rows, axis=2).reshape(z.shape),)

    pool.defvjp(forward, backward)
    return pool


def loss(convolution: Callable[[Any, Any], Any], weights: Any, x: Any, y: Any) -> Any:
    """Mean softmax loss of one network; pooling comes first, since bias and ReLU never swap two values."""
    import jax
    import jax.numpy as jnp

    a = x
    for w, b in weights[:2]:
        a = jax.nn.relu(the_pool()(convolution(w, a)) + b[:, None, None, None])
    (w, b), (last, bias) = weights[2:]
    a = jax.nn.relu(w @ a.reshape(-1, a.shape[-1]) + b[:, None])
    z = last @ a + bias[:, None]
    return jnp.mean(jax.nn.logsumexp(z, 0) - jnp.take_along_axis(z, y[None], 0)[0])


def gradients(way: str, weights: Any, x: Any, y: Any) -> Any:
    """Gradients of all networks of a lane."""
    import jax

    of_loss = jax.grad(functools.partial(loss, by_products if way.startswith("im2col") else by_convolution))
    if way.endswith("lax.map"):
        return jax.lax.map(lambda w: of_loss(w, x, y), weights)
    return jax.vmap(lambda w: of_loss(w, x, y))(weights)


WAYS = ("im2col", "im2col in lax.map", "grouped", "lax.map")


def the_weights(shape: tuple[int, int, int], filters: tuple[int, int], networks: int) -> Any:
    """He's initial weights and small biases of a lane."""
    channels, height, width = shape
    flat = filters[1] * (height // 4) * (width // 4)
    sizes = [(filters[0], channels * KERNEL**2), (filters[1], filters[0] * KERNEL**2), (HIDDEN, flat)]
    stream = np.random.default_rng(0)
    return tuple(
        (
            (stream.normal(size=(networks, units, inputs)) * (2 / inputs) ** 0.5).astype(np.float32),
            (0.1 * stream.normal(size=(networks, units))).astype(np.float32),
        )
        for units, inputs in [*sizes, (CLASSES, HIDDEN)]
    )


def compiled(way: str) -> Any:
    """The program (weights, x, y, steps) -> weights after so many steps."""
    import jax

    def several(weights: Any, x: Any, y: Any, steps: Any) -> Any:
        def one(i: Any, weights: Any) -> Any:
            step = gradients(way, weights, x[i % BATCHES], y[i % BATCHES])
            return jax.tree.map(lambda w, d: w - RATE * d, weights, step)

        return jax.lax.fori_loop(0, steps, one, weights)

    return jax.jit(several, compiler_options={"xla_cpu_multi_thread_eigen": False})


def lane_timer(
    way: str, shape: tuple[int, int, int], filters: tuple[int, int], networks: int, batch: int
) -> tuple[Callable[[], float], float]:
    """Times a lane per core, compiled before: microseconds per network and step; and MiB that each lane works in."""
    import jax

    stream = np.random.default_rng(1)
    x = jax.numpy.asarray(stream.normal(size=(BATCHES, *shape, batch)).astype(np.float32))
    y = jax.numpy.asarray(stream.integers(0, CLASSES, (BATCHES, batch)))
    weights = jax.tree.map(jax.numpy.asarray, the_weights(shape, filters, networks))
    program = compiled(way).lower(weights, x, y, 1).compile()

    def seconds(steps: int) -> float:
        def lane() -> None:
            jax.block_until_ready(program(weights, x, y, steps))

        lanes = [threading.Thread(target=lane) for _ in range(CORES)]
        began = time.perf_counter()
        for one in lanes:
            one.start()
        for one in lanes:
            one.join()
        return time.perf_counter() - began

    steps = max(1, round(SECONDS / min(seconds(1), seconds(1))))
    memory = program.memory_analysis().temp_size_in_bytes / 2**20
    return lambda: 1e6 * seconds(steps) / steps / networks / CORES, memory


def compare_gradients(shape: tuple[int, int, int], filters: tuple[int, int], batch: int) -> float:
    """Greatest difference between the ways' gradients, relative to the greatest entry of each array."""
    import jax

    stream = np.random.default_rng(2)
    x = stream.normal(size=(*shape, batch)).astype(np.float32)
    y = stream.integers(0, CLASSES, batch)
    weights = the_weights(shape, filters, 2)
    of_ways = [jax.tree.leaves(jax.jit(functools.partial(gradients, way))(weights, x, y)) for way in WAYS]
    return max(
        float(abs(one - other).max() / abs(one).max())
        for ours, theirs in itertools.combinations(of_ways, 2)
        for one, other in zip(ours, theirs, strict=True)
    )


def worker(threads: int, pipe: Any) -> None:
    """A process that takes steps with a network in PyTorch, as its users write it, on tensors in memory."""
    import torch
    from torch import nn

    torch.set_num_threads(threads)
    loss_of = nn.CrossEntropyLoss()
    while (job := pipe.recv()) is not None:
        (channels, height, width), filters, batch, steps, layout = job
        network = nn.Sequential(
            *(nn.Conv2d(channels, filters[0], KERNEL, padding=KERNEL // 2), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(filters[0], filters[1], KERNEL, padding=KERNEL // 2), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(filters[1] * (height // 4) * (width // 4), HIDDEN), nn.ReLU()),
            nn.Linear(HIDDEN, CLASSES),
        ).to(memory_format=getattr(torch, layout))
        optimizer = torch.optim.SGD(network.parameters(), lr=RATE)
        x = [
            torch.randn(batch, channels, height, width).to(memory_format=getattr(torch, layout)) for _ in range(BATCHES)
        ]
        y = torch.randint(0, CLASSES, (BATCHES, batch))
        began = time.perf_counter()
        for step in range(-2, steps):  # the first two warm up
            if step == 0:
                began = time.perf_counter()
            optimizer.zero_grad()
            loss_of(network(x[step % BATCHES]), y[step % BATCHES]).backward()
            optimizer.step()
        pipe.send(time.perf_counter() - began)


class PyTorch:
    """Processes that each train networks, one at a time."""

    def __init__(self, processes: int, threads: int) -> None:
        """Start the processes."""
        context = multiprocessing.get_context("spawn")
        os.environ["OMP_NUM_THREADS"] = str(threads)
        self.pipes = []
        for _ in range(processes):
            mine, theirs = context.Pipe()
            context.Process(target=worker, args=(threads, theirs), daemon=True).start()
            self.pipes.append(mine)
        del os.environ["OMP_NUM_THREADS"]

    def timer(self, *job: Any, layout: str) -> Callable[[], float]:
        """Times all processes at once: microseconds per network and step with all cores at work."""

        def slowest(steps: int) -> float:
            for pipe in self.pipes:
                pipe.send((*job, steps, layout))
            return max([pipe.recv() for pipe in self.pipes])

        slowest(2)
        steps = max(2, round(SECONDS / (slowest(3) / 3)))
        return lambda: 1e6 * slowest(steps) / steps / len(self.pipes)

    def close(self) -> None:
        """End the processes."""
        for pipe in self.pipes:
            pipe.send(None)


def medians(timers: dict[str, Callable[[], float]], repeats: int) -> dict[str, float]:
    """The median of each, taking turns."""
    rounds = [{name: timer() for name, timer in timers.items()} for _ in range(repeats)]
    return {name: float(np.median([one[name] for one in rounds])) for name in timers}


def measure(case: str, lanes: list[int], batch: int, repeats: int, torches: dict[str, PyTorch]) -> dict[str, Any]:
    """All contestants at one network."""
    shape, filters = CASES[case]
    timers: dict[str, Callable[[], float]] = {}
    memory = {}
    for networks in lanes:
        for way in WAYS:
            name = f"{way} {networks}"
            timers[name], memory[name] = lane_timer(way, shape, filters, networks, batch)
    for arrangement, processes in torches.items():
        for layout in ("contiguous_format", "channels_last"):
            name = f"pytorch {arrangement} {layout}"
            timers[name] = processes.timer(shape, filters, batch, layout=layout)
    return {
        "case": case,
        "products_per_row": products_per_row(shape, filters),
        "gradients_differ": compare_gradients(shape, filters, batch),
        "microseconds": medians(timers, repeats),
        "mebibytes_of_a_lane": memory,
    }


def show(result: dict[str, Any], lanes: list[int]) -> None:
    """A line per way, a column per size of the lane."""
    took, memory = result["microseconds"], result["mebibytes_of_a_lane"]
    pytorch = min((spent for name, spent in took.items() if name.startswith("pytorch")), default=None)
    print(f"{result['case']}: {result['products_per_row']:,} products a row", end="")
    print(f", gradients differ by {result['gradients_differ']:.0e}")
    for way in WAYS:
        cells = [took[f"{way} {networks}"] for networks in lanes]
        print(f"    {way:<18}" + "".join(f"{cell:9.0f}" for cell in cells), end="   ")
        print("MiB " + " ".join(f"{memory[f'{way} {networks}']:.0f}" for networks in lanes), end="")
        print("" if pytorch is None else f"   x PyTorch {pytorch / min(cells):.2f}")
    for name, spent in took.items():
        if name.startswith("pytorch"):
            print(f"    {name:<38}{spent:9.0f}")
    sys.stdout.flush()


def main() -> int:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--lanes", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--json", default=None, help="file for the figures")
    arguments = parser.parse_args()
    os.environ.setdefault("NPROC", str(CORES))  # threads of XLA's pool, as caviar sets them
    versions = {"python": platform.python_version()}
    torches = {}
    with contextlib.suppress(ImportError):
        import torch

        versions["torch"] = torch.__version__
        arrangements = {f"1x{CORES}": (1, CORES), f"{CORES}x1": (CORES, 1)}
        torches = {name: PyTorch(*arrangement) for name, arrangement in arrangements.items()}
    import jax

    versions["jax"] = jax.__version__
    print(f"{CORES} cores: microseconds per network and step, lanes of {arguments.lanes}, mini-batch {arguments.batch}")
    results = []
    for case in CASES:
        results.append(measure(case, arguments.lanes, arguments.batch, arguments.repeats, torches))
        show(results[-1], arguments.lanes)
    for processes in torches.values():
        processes.close()
    hand_over({"results": results, "versions": versions, "cores": CORES}, arguments.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
