"""`caviar check-gradients FILE.py:FUNCTION`: what it prints, its exit codes, and faults of the file by their line."""

import json
import sys

import pytest

from caviar.cli import main

FILE = """
import dataclasses
import numpy as np
from beside import X

print("on the way")


@dataclasses.dataclass
class Kept:
    x: "np.ndarray"


def loss(params):
    return np.mean((Kept(X).x @ params["w"] - 1) ** 2)


def backward(params, factor=2):
    return {"w": factor * X.T @ (X @ params["w"] - 1) / len(X)}


def right():
    return loss, {"w": np.ones(3)}, backward


def wrong():
    return loss, {"w": np.ones(3)}, lambda params: backward(params, 4)


def without():
    return loss, {"w": np.ones(3)}


def crash():
    return lambda params: 1 / 0, {"w": np.ones(3)}


def leaves():
    raise SystemExit(3)


def other():
    return 7


def missing():
    return loss, {"w": np.ones(3)}, {"v": np.ones(3)}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "net.py").write_text(FILE)
    (tmp_path / "beside.py").write_text("import numpy as np\nX = np.random.default_rng(0).normal(size=(20, 3))\n")
    (tmp_path / "bad.py").write_text("x = 1\ndef f(:\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = list(sys.path)
    yield tmp_path
    assert sys.path == before
    sys.modules.pop("beside", None)


def said(capsys, *words):
    code = main(["check-gradients", *words])
    return code, *capsys.readouterr()


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("function", ["right", "without"])
def test_correct(capsys, function):
    code, out, err = said(capsys, f"net.py:{function}")
    assert (code, err) == (0, "on the way\n")
    assert out.startswith("correct: the difference is ")
    assert out.count("\n") == 1


def test_wrong(folder, capsys):
    code, out, _ = said(capsys, str(folder / "net.py") + ":wrong")
    assert code == 1
    assert "wrong: the difference is 0.33 along all 3 parameters" in out
    assert "They differ in w (0.33). The worst is w[0]" in out
    assert "2 times as much" in out


@pytest.mark.usefixtures("folder")
def test_json_and_steps(capsys):
    code, out, _ = said(capsys, "net.py:right", "--steps", "3", "--rate", "0.2", "--json")
    content = json.loads(out)
    assert code == 0
    assert (content["verdict"], content["after"]["steps"], content["overall"]) == ("correct", 3, "correct")
    assert content["worst"][0].keys() == {"name", "index", "given", "approximated"}


REFUSED = {
    "net.py:crash": ["net.py must run, but line 35 raised ZeroDivisionError: division by zero"],
    "net.py:leaves": ["line 39 raised SystemExit: 3"],
    "net.py:rigth": ["must define a function rigth", "Did you mean 'right'?"],
    "net.py:other": ["other must return (loss, params) or", "got int"],
    "net.py:missing": ["gradients must be a tree like params (w)", "lacks w and has v"],
    "nett.py:right": ["There must be a file nett.py", "Did you mean 'net.py'?"],
    "bad.py:f": ["bad.py must be Python, but line 2 is not"],
    "net.py": ["must be FILE.py:FUNCTION", "got 'net.py'"],
    "net.txt:right": ["must be FILE.py:FUNCTION"],
}


@pytest.mark.parametrize("json_too", [False, True])
@pytest.mark.parametrize("named", REFUSED)
def test_one_line_says_where(folder, capsys, named, json_too):
    before = sorted(path.name for path in folder.rglob("*"))
    code, out, err = said(capsys, named, *(["--json"] if json_too else []))
    line = err.removeprefix("on the way\n")
    assert code == 1
    assert line.startswith("caviar: ")
    assert line.count("\n") == 1
    for word in REFUSED[named]:
        assert word in line
    assert out == (json.dumps({"error": line.removeprefix("caviar: ").rstrip("\n")}) + "\n" if json_too else "")
    assert sorted(path.name for path in folder.rglob("*")) == before


@pytest.mark.usefixtures("folder")
def test_debug_shows_the_way():
    with pytest.raises(Exception, match="line 35 raised") as caught:
        main(["check-gradients", "net.py:crash", "--debug"])
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
