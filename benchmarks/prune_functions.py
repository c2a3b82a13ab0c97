"""How much pruning saves of a function's steps, and how often it costs the best trial.

    python benchmarks/prune_functions.py

Curves are made so that the early order misleads: the setting that decides the end decides how fast a trial is too, and
every report has noise. 64 trials of 30 steps, 8 at a time, 60 searches. One column per chance at which a trial that is
as good as half of the others is pruned at a step; .5 is the plain median rule.
"""

from types import SimpleNamespace
from unittest import mock

import numpy as np

from caviar.tuning.functions import cuts
from caviar.tuning.functions.own_trial import OwnTrial, Task

TRIALS, STEPS, SIZE, SEARCHES = 64, 30, 8, 60


def curves(seed: int) -> np.ndarray:
    """Errors by trial and step."""
    rng = np.random.default_rng(seed)
    settings = rng.random((TRIALS, 2))
    end = 0.05 + 0.5 * np.sqrt((settings[:, 0] - 0.6) ** 2 + 0.3 * (settings[:, 1] - 0.4) ** 2)
    pace = 10 ** (1.2 * settings[:, 0] - 1.3) * np.exp(0.3 * rng.normal(size=TRIALS))
    steps = np.arange(1, STEPS + 1)
    return end[:, None] + 0.6 * np.exp(-pace[:, None] * steps) + 0.01 * rng.normal(size=(TRIALS, STEPS))


def searched(errors: np.ndarray) -> tuple[float, float]:
    """Share of the steps that were trained, and how much worse the best is than without pruning."""
    done, steps, best = [], 0, np.inf
    for generation in range(TRIALS // SIZE):
        table, ended = cuts.cuts_from(done, maximise=False), []
        for curve in errors[generation * SIZE : (generation + 1) * SIZE]:
            trial = OwnTrial(Task(0, {}, 0, ("minimize",), table))
            for step, value in enumerate(curve):
                trial.report(value, step)
                if trial.should_prune():
                    break
            else:
                best = min(best, curve[-1])
            answer = trial.pruned()
            steps += len(answer.rungs)
            ended.append(SimpleNamespace(outcome=SimpleNamespace(rungs=answer.rungs, state="pruned")))
        done += ended
    return steps / errors.size, best - errors[:, -1].min()


def main() -> None:
    """Print one line per chance."""
    print("chance   steps trained   best trial lost   worse by, on average")
    for chance in (0.05, 0.1, 0.2, 0.5):
        cuts._needed.cache_clear()
        with mock.patch.object(cuts, "CHANCE", chance):
            shares, losses = np.array([searched(curves(seed)) for seed in range(SEARCHES)]).T
        print(f"{chance:6} {shares.mean():13.0%} {(losses > 0).sum():9} of {SEARCHES} {losses.mean():19.4f}")
    cuts._needed.cache_clear()


if __name__ == "__main__":
    main()
