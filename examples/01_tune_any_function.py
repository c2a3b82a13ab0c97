"""Tune any function: here a scikit-learn model, by the error of its cross-validation.

python examples/01_tune_any_function.py
"""

from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import SVC

import caviar

X, y = load_digits(return_X_y=True)
X, y = X[:600], y[:600]

space = caviar.Space(
    {
        "C": caviar.LogUniform(1e-2, 1e3),
        "gamma": caviar.LogUniform(1e-5, 1e-1),
        "class_weight": caviar.Choice(None, "balanced"),
        "kernel": "rbf",  # a plain value is the same in every trial
    }
)


def error(trial):
    """The error after each fold is reported, so that a hopeless trial needs no more of them."""
    wrong = rows = 0
    folds = StratifiedKFold(3, shuffle=True, random_state=0)  # the same rows for every trial: a fair comparison
    for step, (train, held_out) in enumerate(folds.split(X, y)):
        model = SVC(**trial.params)
        model.fit(X[train], y[train])
        wrong += (model.predict(X[held_out]) != y[held_out]).sum()
        rows += len(held_out)
        trial.report(wrong / rows, step)
        if trial.should_prune():
            break  # who returns then has pruned the trial; raising optuna.TrialPruned does the same
    return wrong / rows


if __name__ == "__main__":
    study = caviar.tune(
        error,
        space,
        start={"C": 1.0, "gamma": 1e-2, "class_weight": None},  # trial 0: what you use today
        trials=24,
        processes=2,
        time_limit=60,
    )
    pruned = sum(trial.outcome.state == "pruned" for trial in study.trials)
    print(f"trial 0: {study.trials[0].outcome.values[0]:.4f}")
    print(f"best:    {study.best_value:.4f} with {study.best_params}")
    print(f"{pruned} of {len(study.trials)} trials were pruned")
