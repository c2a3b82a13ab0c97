"""The benchmark of the checks, with fewer tables and seeds: clean data are silent, planted faults are found."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture(scope="module")
def benchmark():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        spec = importlib.util.spec_from_file_location("benchmark_of_checks", BENCHMARKS / "checks.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(BENCHMARKS))
    return module


def test_clean_tables_raise_no_alarm(benchmark):
    some = ["2 blobs, few rows", "3 blobs", "hardly anything to learn", "shop", "survey", "linear quantity", "prices"]
    assert len(benchmark.CLEAN) == 20
    assert benchmark.false_alarms(1, some) == {name: [""] for name in some}


@pytest.mark.parametrize(
    "fault",
    [
        "10 % flipped labels",
        "0.3 sd in 1 of 20 columns",
        "65 instead of 50 % of a class",
        "1 % of test rows stand in train",
        "leaked column with noise",
        "one patient in several sets",
    ],
)
def test_planted_faults_are_found(benchmark, fault):
    name, plant = benchmark.FAULTS[fault]
    assert all(name in benchmark.alarms(plant(seed, np.random.default_rng(seed))) for seed in range(2))
