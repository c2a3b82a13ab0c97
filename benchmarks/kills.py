"""Kills: a search of networks that is killed again and again ends as the one that was let be.

    python benchmarks/kills.py [--kills 50] [--trials 300] [--seed 0] [--folder DIR]

A search of small networks on digits runs in a process group of its own, which is killed by SIGKILL: at a random time
after its search began, or - every fifth - in the middle of a line that it appends to the journal. The same call is made
again until the search is finished, and a new one is begun until all kills are spent. Every finished study is compared
with an uninterrupted one: trials, numbers, parameters, distributions, values, states, attributes, rungs, zooms, curves
to the bit, and the weights of the best, trained once more.
"""

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TEAR_EVERY = 5
BEGUN = "the search begins"


def search_in(folder: Path, trials: int, tear: int) -> None:
    """The search; it kills itself inside its `tear`-th line of the journal."""
    import jax
    from optuna.storages.journal import JournalFileBackend
    from optuna.storages.journal._file import get_lock_file
    from sklearn.datasets import load_digits

    import caviar
    from caviar.tuning.study import store
    from caviar.tuning.study.replay import replay_trial

    x, y = load_digits(return_X_y=True)
    split = caviar.split(caviar.read((x[:1400], y[:1400])), dev=caviar.read((x[1400:], y[1400:])), test=0, seed=0)
    base = caviar.Config(hidden_units=(16,), epochs=5, batch_size=64)
    space = caviar.Space(
        {
            "learning_rate": caviar.LogUniform(1e-4, 1e-1),
            "beta1": caviar.OneMinusLogUniform(0.8, 0.99),
            "dropout": caviar.Uniform(0.0, 0.5),
            "units": caviar.Integer(8, 32, log=True),
        }
    )
    append, lines = JournalFileBackend.append_logs, [0]

    def torn(self, logs):
        lines[0] += 1
        if lines[0] == tear:
            import json

            line = json.dumps(logs[0]).encode()
            with get_lock_file(self._lock), Path(self._file_path).open("ab") as file:
                file.write(line[: len(line) // 2])
                file.flush()
                os.killpg(os.getpgid(0), signal.SIGKILL)
        append(self, logs)

    JournalFileBackend.append_logs = torn
    print(BEGUN, flush=True)
    caviar.tune(split, space, base=base, trials=trials, strategy="caviar", folder=folder, seed=0)
    JournalFileBackend.append_logs = append
    study = store.load_study(folder / "study.log")
    best = replay_trial(study, split, study.best_trial.number, folder=folder / "curves")
    assert best.recorded
    assert best.differs is None, best.differs
    made = hashlib.sha256()
    for leaf in jax.tree.leaves([run.weights for run in best.runs]):
        made.update(f"{leaf.shape} {leaf.dtype}".encode() + leaf.tobytes())
    (folder / "best").write_text(f"{study.best_trial.number} {made.hexdigest()}", encoding="utf-8")


def everything(folder: Path) -> list:
    """All that two equal studies have in common."""
    from caviar.tuning.study import store
    from caviar.tuning.study.records import Curves

    study, records = store.load_study(folder / "study.log"), Curves(folder / "curves")
    found: list = [study.user_attrs, study.directions, (folder / "best").read_text(encoding="utf-8")]
    for t in study.get_trials(deepcopy=False):
        curves = records.curves(t.user_attrs["caviar:id"])
        assert curves
        kept = [(name, curve.dtype, curve.tobytes()) for name, curve in curves.items()]
        found.append(
            (t.number, t.state, t.params, t.distributions, t.values, t.intermediate_values, t.user_attrs, kept)
        )
    return found


def started(folder: Path, trials: int, tear: int) -> subprocess.Popen:
    """A search in a process group of its own, once it has begun to search."""
    command = [sys.executable, __file__, "--search", str(folder), "--trials", str(trials), "--tear", str(tear)]
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while process.poll() is None and BEGUN not in process.stdout.readline():
        pass
    return process


def main() -> None:
    """Kill, go on, compare; print what came of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--search", type=Path)
    parser.add_argument("--tear", type=int, default=0)
    asked = parser.parse_args()
    if asked.search:
        search_in(asked.search, asked.trials, asked.tear)
        return
    with tempfile.TemporaryDirectory(dir=asked.folder) as name:
        compare(Path(name), asked.kills, asked.trials, random.Random(asked.seed))


def compare(place: Path, kills: int, trials: int, chance: random.Random) -> None:
    """Kill searches so often, and compare each with one that was let be."""
    seconds = 0.0
    for run in ("cold", "whole"):  # the first one fills JAX's compilation cache
        process, began = started(place / run, trials, 0), time.monotonic()
        assert process.wait() == 0
        seconds = time.monotonic() - began
    whole = everything(place / "whole")
    assert everything(place / "cold") == whole
    print(f"{trials} trials take {seconds:.0f} s where nobody kills them", flush=True)
    done = torn = studies = since = 0
    while done < kills or since:
        folder = place / f"killed-{studies}"
        tears = done % TEAR_EVERY == TEAR_EVERY - 1
        process = started(folder, trials, chance.randint(1, trials // 3) if tears and done < kills else 0)
        if done < kills:
            try:
                process.wait(timeout=600 if tears else chance.uniform(0, 0.6) * seconds)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
        ended = process.wait()
        if ended == -signal.SIGKILL:
            done, since, torn = done + 1, since + 1, torn + tears
            continue
        assert ended == 0, ended
        same = everything(folder) == whole
        print(f"study {studies}: {since} kills, {'equal' if same else 'DIFFERENT'}; {done} kills so far", flush=True)
        assert same
        studies, since = studies + 1, 0
    print(f"{done} kills, {torn} of them inside a line of the journal: all {studies} studies equal the whole one")


if __name__ == "__main__":
    main()
