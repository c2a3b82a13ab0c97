"""The examples run as they are."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs(example, tmp_path):
    if "pytorch" in example.stem:
        pytest.importorskip("torch")
    came = subprocess.run(
        [sys.executable, "-W", "error", str(example)], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert came.returncode == 0, came.stderr
    assert "best:" in came.stdout
    assert not came.stderr
    assert not list(tmp_path.iterdir())
