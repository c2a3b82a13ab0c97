"""Ray against itself: what a second worker brings, and what kills cost.

    python -m pip install ".[ray]"
    python benchmarks/cluster.py [--networks 96] [--epochs 40] [--rounds 5] [--kills 10] [--json cluster.json]

Speed: the same list of networks on `digits` through Ray with one worker of one thread, with two, and without Ray on the
threads of one process. Programs are compiled and the rows are there; the three take turns, the least of `--rounds`.
Wanted: two workers are at least 1.7 times as fast as one.

Kills: a cluster of two nodes of one processor each on this machine. While a longer list trains, a worker or a whole
node is killed (SIGKILL) again and again at a random moment; a node is followed by another one. It goes on until there
were `--kills`, with the list begun anew where it ends before. Wanted: every list has the bits of one left in peace.
"""

import argparse
import contextlib
import logging
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

import caviar
from caviar.training.devices import usable_cores
from caviar.tuning.cluster import cluster
from report import hand_over

CHECKPOINT = 1.0
"""Seconds between two checkpoints."""


def the_networks(networks: int, epochs: int) -> list[caviar.Config]:
    """Networks that all differ, of two programs."""
    stream = np.random.default_rng(1)
    return [
        caviar.Config(
            hidden_units=(int(stream.integers(33, 65)),) * (1 + number % 2),
            learning_rate=float(10 ** stream.uniform(-4, -2)),
            dropout=float(stream.uniform(0.05, 0.5)),
            l2=float(10 ** stream.uniform(-5, -2)),
            epochs=epochs,
            seed=number // 48,
        )
        for number in range(networks)
    ]


def seconds_for(split: Any, configs: list[caviar.Config], crew: Any) -> float:
    """Of one training."""
    began = time.perf_counter()
    caviar.train(split, configs, crew=crew)
    return time.perf_counter() - began


@contextlib.contextmanager
def one_taken(ray: Any) -> Iterator[None]:
    """One of Ray's processors is kept from the networks."""

    def hold() -> Iterator[bool]:
        yield True
        time.sleep(3600)

    held = ray.remote(num_cpus=1, num_returns="streaming", max_retries=0)(hold).remote()
    ray.get(next(held))
    try:
        yield
    finally:
        ray.cancel(held, force=True)
        while ray.available_resources().get("CPU", 0) < 2:
            time.sleep(0.1)


def speed(split: Any, configs: list[caviar.Config], rounds: int) -> dict[str, Any]:
    """Seconds with one worker, two, and none, which take turns."""
    import ray

    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112  (its name; the threads have 0, and Ray's own is 15)
    spent: dict[str, list[float]] = {"one worker": [], "two workers": [], "without Ray": []}
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    try:
        with cluster("local") as crew:
            warm = [config.changed(epochs=5) for config in configs]
            for who in (crew, crew, None):
                caviar.train(split, warm, crew=who)
            for _ in range(rounds):
                with one_taken(ray):
                    spent["one worker"].append(seconds_for(split, configs, crew))
                spent["two workers"].append(seconds_for(split, configs, crew))
                spent["without Ray"].append(seconds_for(split, configs, None))
    finally:
        ray.shutdown()
    for who, seconds in spent.items():
        print(f"    {who:<12}{min(seconds):8.2f} s  (of {', '.join(f'{s:.2f}' for s in sorted(seconds))})")
    ratio = min(spent["one worker"]) / min(spent["two workers"])
    print(
        f"    two workers are {ratio:.2f} times as fast as one (wanted: 1.7); the threads of one process are "
        f"{min(spent['one worker']) / min(spent['without Ray']):.2f} times"
    )
    return {"seconds": spent, "ratio": ratio}


@contextlib.contextmanager
def two_nodes() -> Iterator[Any]:
    """A cluster of two nodes of one processor each."""
    import ray
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    nodes.add_node(num_cpus=1)
    try:
        yield nodes
    finally:
        ray.shutdown()
        nodes.shutdown()


def workers_of(nodes: Any) -> list[int]:
    """The processes that train."""
    raylets = [str(p.process.pid) for node in nodes.list_all_nodes() for p in node.all_processes.get("raylet", [])]
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", ",".join(raylets)], capture_output=True, text=True, check=False
    )
    return [int(line.split()[0]) for line in listed.stdout.splitlines() if "ray::_lane" in line]


class Killer:
    """A callback of `train` that kills."""

    def __init__(self, nodes: Any, most: int, seed: int) -> None:
        self.killed: list[str] = []
        self._nodes, self._most, self._stream = nodes, most, np.random.default_rng(seed)
        self._next = time.monotonic() + self._stream.uniform(1, 4)

    def __call__(self, _: Any) -> None:
        """Kill a worker, or every third time a node, when it is time."""
        if time.monotonic() < self._next or len(self.killed) >= self._most:
            return
        if self._stream.random() < 1 / 3:
            victims = [node for node in self._nodes.list_all_nodes() if node is not self._nodes.head_node]
            self._nodes.remove_node(victims[0], allow_graceful=False)
            self._nodes.add_node(num_cpus=1)
            self.killed.append("node")
        elif victims := workers_of(self._nodes):
            os.kill(victims[self._stream.integers(len(victims))], signal.SIGKILL)
            self.killed.append("worker")
        print(f"    killed: {', '.join(self.killed)}", flush=True)
        self._next = time.monotonic() + self._stream.uniform(1, 4)


def same_bits(runs: list[Any], others: list[Any]) -> bool:
    """Whether weights, statistics and histories are equal, bit by bit."""
    for one, other in zip(runs, others, strict=True):
        ours, theirs = (jax.tree.leaves((run.weights, run.statistics)) for run in (one, other))
        ours += [one.history[name] for name in sorted(one.history)]
        theirs += [other.history[name] for name in sorted(other.history)]
        if one.status != other.status or not all(
            np.array_equal(a, b, equal_nan=True) for a, b in zip(ours, theirs, strict=True)
        ):
            return False
    return True


def kills(split: Any, configs: list[caviar.Config], most: int) -> dict[str, Any]:
    """Kill until there were so many, and compare."""
    whole = caviar.train(split, configs)
    report: dict[str, Any] = {"lists": 0, "equal": 0}
    with two_nodes() as nodes, cluster(nodes.address, seconds=CHECKPOINT) as crew:
        began = time.perf_counter()
        runs = caviar.train(split, configs, crew=crew)
        report["seconds in peace"] = time.perf_counter() - began
        report["equal in peace"] = same_bits(runs, whole)
        killer = Killer(nodes, most, seed=0)
        began = time.perf_counter()
        while len(killer.killed) < most:
            with tempfile.TemporaryDirectory() as folder:
                runs = caviar.train(split, configs, crew=crew, checkpoints=folder, callbacks=[killer])
            report["lists"] += 1
            report["equal"] += same_bits(runs, whole)
        report["seconds"] = (time.perf_counter() - began) / report["lists"]
        report["kills"] = killer.killed
    print(
        f"    {len(killer.killed)} kills ({killer.killed.count('node')} of a node) in {report['lists']} lists of "
        f"{len(configs)} networks, {report['equal']} of them equal to one in peace; {report['seconds']:.1f} s a list, "
        f"{report['seconds in peace']:.1f} s in peace"
    )
    return report


def main() -> int:
    """Measure, print and write JSON; 1 where a list has other bits."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--networks", type=int, default=96)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--json", default=None, help="file for the figures; printed when left out")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", r"os\.fork\(\) was called", RuntimeWarning)  # Ray forks beside JAX
    split = caviar.split(caviar.read("digits"))
    report: dict[str, Any] = {"python": platform.python_version(), "cores": usable_cores()}
    if arguments.kills:
        print("Kills")
        report["kills"] = kills(split, the_networks(arguments.networks, 4 * arguments.epochs), arguments.kills)
    if arguments.rounds:
        print("Speed")
        report["speed"] = speed(split, the_networks(arguments.networks, arguments.epochs), arguments.rounds)
    hand_over(report, arguments.json)
    return int(bool(arguments.kills) and report["kills"]["equal"] < report["kills"]["lists"])


if __name__ == "__main__":
    sys.exit(main())
