"""A cluster of two nodes on this machine: the same bits as here, whatever is killed on the way."""

import contextlib
import functools
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest

import caviar
from caviar.errors import BadConfig, BadRun
from caviar.training import errand
from caviar.training.population import Rung
from caviar.tuning import cluster as module
from caviar.tuning.cluster import cluster

ray = pytest.importorskip("ray", reason='needs Ray: pip install "caviar[ray]"')

BASE = caviar.Config(hidden_units=(9, 5), batch_size=7, dropout=0.3, early_stopping=5)
CONFIGS = [BASE.changed(learning_rate=0.002 * (n + 1), epochs=6 + n % 3, seed=n // 8) for n in range(20)]
LONG = [BASE.changed(hidden_units=(64, 64), epochs=400, early_stopping=None, seed=seed) for seed in range(2)]
"""Two lanes that take a few seconds."""


@functools.cache
def blobs():
    rng = np.random.default_rng(0)
    y = np.arange(160) % 3
    x = rng.normal(size=(3, 4))[y] * 1.5 + rng.normal(size=(160, 4))
    return caviar.split(caviar.read((x, np.array(["ant", "bee", "cow"])[y])), dev=32, test=32)


@functools.cache
def here(long=False):
    return caviar.train(blobs(), LONG if long else CONFIGS)


def assert_same(runs, others):
    for one, other in zip(runs, others, strict=True):
        assert (one.config, one.status, one.best_epoch) == (other.config, other.status, other.best_epoch)
        ours, theirs = (
            jax.tree.leaves((one.weights, one.statistics)),
            jax.tree.leaves((other.weights, other.statistics)),
        )
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(a, b)
        assert one.history.keys() == other.history.keys()
        for name, curve in one.history.items():
            np.testing.assert_array_equal(curve, other.history[name])


@contextlib.contextmanager
def two_nodes(cpus=1):
    """A head and a second node of one processor each; what is started is ended."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": cpus, "include_dashboard": False})
        try:
            nodes.add_node(num_cpus=cpus)
            yield nodes
        finally:
            ray.shutdown()
            nodes.shutdown()


pytestmark = pytest.mark.filterwarnings(
    r"ignore:os\.fork\(\) was called:RuntimeWarning",  # Ray's own test cluster forks beside JAX
    "ignore::ResourceWarning",  # and leaves pipes to the garbage collector
)


@pytest.fixture(scope="module")
def nodes():
    with two_nodes() as started:
        yield started


@pytest.fixture(scope="module")
def crew(nodes):
    with cluster(nodes.address, seconds=0.2) as joined:
        yield joined


def workers(nodes):
    """The processes that train."""
    raylets = [str(p.process.pid) for node in nodes.list_all_nodes() for p in node.all_processes.get("raylet", [])]
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", ",".join(raylets)], capture_output=True, text=True, check=False
    ).stdout
    return [int(line.split()[0]) for line in listed.splitlines() if "ray::_lane" in line]


def test_the_same_bits_as_here(crew):
    assert crew.platform == "cpu"
    told, epochs = [], {n: [] for n in range(len(CONFIGS))}
    runs = caviar.train(blobs(), CONFIGS, crew=crew, callbacks=[told.append])
    assert_same(runs, here())
    for progress in told:
        for part in progress.epochs:
            assert part.first == len(epochs[part.number])
            epochs[part.number] += list(part.history["dev_loss"])
    for number, run in enumerate(runs):
        np.testing.assert_array_equal(epochs[number], run.history["dev_loss"])
    assert told[-1].networks_done == len(CONFIGS)
    for run in runs:  # nothing is held in Ray's store
        assert all(leaf.flags.writeable for leaf in jax.tree.leaves(run.weights))


def test_with_rungs_given_weights_and_folds(crew):
    def better_half(runs):
        losses = np.array([run.history["train_loss"][-1] for run in runs])
        return losses <= np.median(losses)

    configs = [*CONFIGS[:6], CONFIGS[0].changed(rows=(1, 3)), CONFIGS[1].changed(rows=0.5)]
    weights = [here()[5].weights, *[None] * 7]
    rungs = [Rung(2, better_half), Rung(4, better_half)]
    runs = caviar.train(blobs(), configs, weights, rungs=rungs, crew=crew)
    assert_same(runs, caviar.train(blobs(), configs, weights, rungs=rungs))
    assert [run.status for run in runs].count("pruned") >= 4


def test_what_a_cluster_kept_is_gone_on_with_here_and_the_other_way_round(crew, tmp_path):
    for first, second in ((crew, None), (None, crew)):
        folder = tmp_path / str(second is None)

        def interrupt(progress, folder=folder, first=first):
            if list(folder.glob("*.safetensors")) if first else progress.share > 0.1:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            caviar.train(blobs(), LONG, checkpoints=folder, crew=first, callbacks=[interrupt])
        assert list(folder.glob("*.safetensors"))
        told = []
        assert_same(caviar.train(blobs(), LONG, checkpoints=folder, crew=second, callbacks=[told.append]), here(True))
        begins = {part.number: part.first for progress in reversed(told) for part in reversed(progress.epochs)}
        assert max(begins.values()) > 0
        assert_same(caviar.train(blobs(), LONG, checkpoints=folder, crew=crew), here(True))  # and done is done


@pytest.mark.parametrize("kept", [True, False])
def test_killed_workers_cost_the_time_since_their_last_checkpoint(crew, nodes, tmp_path, kept):
    killed, epochs = [], {0: [], 1: []}

    def kill(progress):
        for part in progress.epochs:
            assert part.first == len(epochs[part.number])
            epochs[part.number] += list(part.history["dev_loss"])
        if len(killed) < 2 and progress.share > 0.25 * (1 + len(killed)):
            victims = workers(nodes)
            assert victims
            os.kill(victims[0], signal.SIGKILL)
            killed.append(victims[0])

    runs = caviar.train(blobs(), LONG, checkpoints=tmp_path if kept else None, crew=crew, callbacks=[kill])
    assert len(killed) == 2
    assert_same(runs, here(True))
    for number, run in enumerate(runs):  # each epoch was told once
        np.testing.assert_array_equal(epochs[number], run.history["dev_loss"])


def test_a_node_may_go_and_another_one_come(crew, nodes):
    changed = []

    def change(progress):
        if not changed and progress.share > 0.3:
            second = next(node for node in nodes.list_all_nodes() if node is not nodes.head_node)
            nodes.remove_node(second, allow_graceful=False)
            changed.append(nodes.add_node(num_cpus=1))

    assert_same(caviar.train(blobs(), LONG, crew=crew, callbacks=[change]), here(True))
    assert changed


def test_a_lane_that_ends_its_workers_is_given_up(crew, monkeypatch):
    monkeypatch.setattr(module, "_DEATHS", 2)

    def init(key, config):  # noqa: ARG001
        return {"w": np.zeros((4, 3), np.float32)}

    def apply(weights, x):
        if "RAY_JOB_ID" in os.environ or "ray::" in Path("/proc/self/cmdline").read_text():
            os._exit(1)
        return x @ weights["w"]

    with pytest.raises(BadRun, match=r"networks 0 of the list ended 2 workers at the same place \(WorkerCrashedError"):
        caviar.train(blobs(), [caviar.Config(network=(init, apply), epochs=1)], crew=crew)


def test_networks_of_ones_own(crew):
    import collections

    import jax.numpy as jnp

    layer = collections.namedtuple("layer", "w b")

    def init(key, config):  # noqa: ARG001
        return layer(jax.random.normal(key, (4, 3)) / 2, jnp.zeros(3))

    def apply(weights, x):
        return jnp.sin(x) @ weights.w + weights.b[None]

    configs = [caviar.Config(network=(init, apply), epochs=3, learning_rate=0.01 * (n + 1)) for n in range(10)]
    rungs = [Rung(2, lambda runs: [True] * len(runs))]
    runs = caviar.train(blobs(), configs, crew=crew, rungs=rungs)
    assert type(runs[0].weights) is layer
    assert_same(runs, caviar.train(blobs(), configs))
    assert_same(
        caviar.train(blobs(), configs[:1], [runs[0].weights], crew=crew),
        caviar.train(blobs(), configs[:1], [runs[0].weights]),
    )


def test_what_is_raised_on_a_worker_is_raised_here(crew):
    def init(key, config):  # noqa: ARG001
        return {"w": np.zeros((4, 3), np.float32)}

    def apply(weights, x):
        if "ray::" in Path("/proc/self/cmdline").read_text():
            raise LookupError("only there")
        return x @ weights["w"]

    with pytest.raises(BadConfig, match=r"apply of Config.network must run, but it raised LookupError: only there"):
        caviar.train(blobs(), [caviar.Config(network=(init, apply), epochs=1)], crew=crew)


def test_functions_that_cannot_travel(crew):
    import threading

    lock = threading.Lock()

    def init(key, config):  # noqa: ARG001
        return {"w": np.zeros((4, 3), np.float32)}

    def apply(weights, x):
        with lock:
            return x @ weights["w"]

    with pytest.raises(
        BadConfig, match=r"must be ones that can be pickled to travel to a cluster, but they are not \(T"
    ):
        caviar.train(blobs(), [caviar.Config(network=(init, apply), epochs=1)], crew=crew)


def test_other_versions_are_said(crew, monkeypatch):
    monkeypatch.setattr(errand, "versions", lambda: "caviar 9.9 jax 9.9")
    monkeypatch.setattr(module, "versions", lambda: "caviar 9.9 jax 9.9")
    with pytest.raises(BadRun, match=r"this one, which has caviar 9.9 jax 9.9, but a worker has caviar 0.* jax"):
        caviar.train(blobs(), CONFIGS[:1], crew=crew)


def test_no_memory_for_a_lane(crew, monkeypatch):
    monkeypatch.setattr(module, "lane_bytes", lambda *_: 1 << 50)
    with pytest.raises(BadConfig, match="must fit into memory"):
        caviar.train(blobs(), CONFIGS[:1], crew=crew)


@pytest.mark.parametrize("address", ["nowhere", "ray://127.0.0.1:10001", "host:"])
def test_an_address_that_is_none(address, monkeypatch):
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with pytest.raises(BadRun, match="must be `local`, `auto` or HOST:PORT"), cluster(address):
        pass


def test_a_cluster_that_is_not_there(monkeypatch):
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    began = time.monotonic()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(BadRun, match=rf"nothing listens at '127.0.0.1:{port}'.*--resume"), cluster(f"127.0.0.1:{port}"):
        pass
    assert time.monotonic() - began < 10


def test_something_else_at_the_address(monkeypatch):
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(module, "_ANSWERS_WITHIN", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(BadRun, match=r"must answer at .*, but it does not"), cluster(address):
            pass


def test_without_ray(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r'needs Ray: pip install "caviar\[ray\]"'), cluster("local"):
        pass


LOST = """
import sys
import numpy as np
import caviar
from caviar.tuning import cluster as module

module._LOST_AFTER = 3.0
rng = np.random.default_rng(0)
split = caviar.split(caviar.read((rng.normal(size=(160, 4)), np.arange(160) % 3)), dev=32, test=32)
config = caviar.Config(hidden_units=(64, 64), batch_size=7, epochs=100_000)
try:
    with module.cluster(sys.argv[1], seconds=0.1) as crew:
        caviar.train(split, [config], crew=crew, checkpoints=sys.argv[2])
except caviar.CaviarError as error:
    print(type(error).__name__, error)
    sys.exit(3)
"""


def test_a_lost_head_is_said_and_leaves_what_was_kept(tmp_path):
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    command = [sys.executable, "-W", "ignore", "-c", LOST, nodes.address, str(tmp_path)]
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as training:
            try:
                while training.poll() is None and not list(tmp_path.glob("*.safetensors")):
                    time.sleep(0.1)
                for server in nodes.head_node.all_processes["gcs_server"]:
                    server.process.kill()
                killed = time.monotonic()
                said, _ = training.communicate(timeout=55)  # Ray would end the process, without a word, after 60
                assert time.monotonic() - killed < 55
            finally:
                training.kill()
    finally:
        for node in nodes.list_all_nodes():
            node.kill_all_processes(check_alive=False, allow_graceful=False)
    assert training.returncode == 3, said
    assert said.startswith("BadRun The head of a cluster must stay until the end")
    assert "goes on from its last checkpoints" in said
    assert list(tmp_path.glob("*.safetensors"))
