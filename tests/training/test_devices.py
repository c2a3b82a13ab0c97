import os
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jax
import numpy as np
import pytest
import toy_splits

import caviar
from caviar import files
from caviar.errors import BadConfig
from caviar.network.config import Config
from caviar.training import devices
from caviar.training.outputs import outputs
from caviar.training.population import train


def test_cores():
    assert 1 <= devices.usable_cores() <= (os.cpu_count() or 1)


@pytest.mark.parametrize(("affinity", "quota", "cores"), [(8, None, 8), (8, 2.5, 2), (2, 8.0, 2), (4, 0.5, 1)])
def test_cores_by_affinity_and_quota(affinity, quota, cores, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(affinity)), raising=False)
    monkeypatch.setattr(devices, "_cgroup_quota", lambda: quota)
    assert devices.usable_cores() == cores


def test_a_lane_on_every_core():
    places = devices.places()
    assert devices.places() is places
    if places[0].platform == "cpu":
        assert places == (jax.local_devices()[0],) * devices.usable_cores()
    else:
        assert places == tuple(jax.local_devices())


def test_the_pool_has_a_thread_for_every_lane(monkeypatch):
    monkeypatch.delenv("NPROC", raising=False)
    with devices._threads_of_the_pool(3):
        assert os.environ["NPROC"] == "3"
    assert "NPROC" not in os.environ
    monkeypatch.setenv("NPROC", "7")
    with devices._threads_of_the_pool(3):
        assert os.environ["NPROC"] == "7"  # the user's own
    assert os.environ["NPROC"] == "7"


def test_threads_share_a_compiled_function():
    """It is traced once although all come at the same time, and arguments that are used up are gone."""
    traced = []

    def twice(x):
        traced.append(x.shape)
        return 2 * x

    function = devices.compiled(twice, donate=(0,))
    meet = threading.Barrier(8)

    def call(number):
        meet.wait()
        return float(function(np.float32(number)))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(call, range(8))) == [2.0 * number for number in range(8)]
    assert traced == [()]
    given = jax.numpy.ones(5)
    function(given)
    assert given.is_deleted()


def test_the_size_of_a_lane_is_a_function_of_cost_alone():
    costs = [1, 1 << 12, (1 << 12) + 1, 1 << 14, 1 << 15, 1 << 16, 1 << 17, 1 << 30]
    lanes = [devices.lane_size(cost) for cost in costs]
    assert lanes == sorted(lanes, reverse=True)
    assert all(lane & (lane - 1) == 0 for lane in lanes)
    if jax.local_devices()[0].platform == "cpu":
        assert lanes == [8, 8, 4, 4, 2, 2, 1, 1]


def test_the_folds_of_a_config_fill_a_lane():
    if jax.local_devices()[0].platform == "cpu":
        assert [devices.lane_size(1 << 14, folds) for folds in (0, 2, 3, 5, 8, 9)] == [4, 4, 3, 5, 8, 4]
        assert devices.lane_size(1 << 17, 5) == 1


@pytest.fixture
def without_cache():
    """No compilation cache is set, as in a program of the user's; put back afterwards."""
    names = [
        "jax_compilation_cache_dir",
        "jax_compilation_cache_max_size",
        "jax_persistent_cache_min_compile_time_secs",
        "jax_persistent_cache_min_entry_size_bytes",
    ]
    before = {name: jax.config.values[name] for name in names}
    jax.config.update("jax_compilation_cache_dir", None)
    yield
    for name, value in before.items():
        jax.config.update(name, value)


@pytest.mark.usefixtures("without_cache")
def test_compiled_programs_are_kept_in_the_user_s_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(devices, "cache_folder", lambda: tmp_path / "caviar")
    devices._use_compilation_cache()
    assert jax.config.values["jax_compilation_cache_dir"] == str(tmp_path / "caviar" / "compiled")
    assert jax.config.values["jax_compilation_cache_max_size"] == 1 << 30
    assert (tmp_path / "caviar" / "compiled").is_dir()


@pytest.mark.usefixtures("without_cache")
def test_a_cache_folder_that_cannot_be_written_is_said_and_does_no_harm(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setattr(devices, "cache_folder", lambda: tmp_path / "file")
    with pytest.warns(UserWarning, match="must be a folder that can be written .* Set JAX_COMPILATION_CACHE_DIR"):
        devices._use_compilation_cache()
    assert jax.config.values["jax_compilation_cache_dir"] is None


def test_a_cache_of_the_user_s_own_stays():
    before = jax.config.values["jax_compilation_cache_dir"]
    assert before
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        devices._use_compilation_cache()
    assert jax.config.values["jax_compilation_cache_dir"] == before


def test_the_cache_folder_follows_the_system(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert files.cache_folder() == tmp_path / "caviar"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert files.cache_folder().parts[-2:] == (".cache", "caviar")
    monkeypatch.setattr("sys.platform", "darwin")
    assert files.cache_folder().parts[-3:] == ("Library", "Caches", "caviar")


def test_products_are_of_float32_unless_a_function_says_otherwise():
    """On a GPU JAX would round their factors to tfloat32 without a word."""
    seen = []

    def function(x):
        seen.append(jax.config.jax_default_matmul_precision)
        return x

    devices.compiled(function)(np.float32(1))
    assert seen == ["highest"]
    assert jax.config.jax_default_matmul_precision is None
    with pytest.raises(BadConfig, match="precision must be 'float32' or 'bfloat16' without a GPU, got 'tfloat32'"):
        caviar.train(toy_splits.classes(), [caviar.Config(precision="tfloat32")])


def test_what_one_thread_makes_others_wait_for():
    made = []

    @devices.once
    def make(name):
        made.append(name)
        time.sleep(0.05)
        return object()

    with ThreadPoolExecutor(8) as pool:
        first, *others = pool.map(make, ["a"] * 8)
    assert made == ["a"]
    assert all(other is first for other in others)
    assert make("b") is not first


def test_a_network_trained_with_tfloat32_answers_on_a_processor():
    split = toy_splits.classes()
    (run,) = caviar.train(split, [caviar.Config(hidden_units=8, epochs=1)])
    on_gpu = run.config.changed(precision="tfloat32")
    ours, theirs = outputs([(config, run.weights, run.statistics) for config in (run.config, on_gpu)], split.x_dev)
    np.testing.assert_array_equal(ours, theirs)


def test_compiled_programs_are_let_go_when_there_are_too_many(monkeypatch):
    maps = Path("/proc/self/maps")
    if not maps.exists():
        pytest.skip("this system has no limit on maps of memory, or does not tell of them")
    calls = []
    monkeypatch.setattr(devices.jax, "clear_caches", lambda: calls.append(1))
    devices.make_room_for_programs()
    few = len(calls)
    monkeypatch.setattr(devices, "_MOST_MAPS", 10)
    devices.make_room_for_programs()
    assert len(calls) == few + 1


def test_a_network_has_the_same_bits_after_programs_were_let_go(monkeypatch):
    split, config = toy_splits.classes(), Config(hidden_units=(4,), epochs=2)
    (before,) = train(split, [config])
    monkeypatch.setattr(devices, "_MOST_MAPS", 10)
    (after,) = train(split, [config])
    toy_splits.assert_same_bits(before, after)
