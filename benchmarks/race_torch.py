"""One process of Optuna's side of `race.py`: rows.npz, a shared journal, seconds, a seed; prints its result as JSON."""

import json
import math
import sys

import numpy as np
import optuna
import torch
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from torch import nn

from race_space import ACTIVATIONS, BATCHES, BETA1, DROPOUT, EPOCHS, L2_PER_ROW, LAYERS, RATE, UNITS

UNIT = {"relu": nn.ReLU, "silu": nn.SiLU, "tanh": nn.Tanh}


class Objective:
    """The dev error of a network, reported after every epoch."""

    def __init__(self, path: str) -> None:
        """Read the rows."""
        rows = np.load(path)
        self.x, self.x_dev = (torch.tensor(rows[name], dtype=torch.float32) for name in ("x_train", "x_dev"))
        self.y, self.y_dev = (torch.tensor(rows[name], dtype=torch.long) for name in ("y_train", "y_dev"))
        self.lowest = 1.0

    def __call__(self, trial: optuna.Trial) -> float:
        """Train one network."""
        layers = trial.suggest_int("layers", *LAYERS)
        units = trial.suggest_int("units", *UNITS, log=True)
        activation = UNIT[trial.suggest_categorical("activation", ACTIVATIONS)]
        dropout = trial.suggest_float("dropout", *DROPOUT)
        rate = trial.suggest_float("learning_rate", *RATE, log=True)
        decay = trial.suggest_float("weight_decay", *L2_PER_ROW, log=True)
        low, high = (math.log10(1 - beta) for beta in reversed(BETA1))
        beta1 = 1 - 10 ** trial.suggest_float("log_one_minus_beta1", low, high)
        batch = trial.suggest_categorical("batch_size", BATCHES)
        parts: list[nn.Module] = []
        width = self.x.shape[1]
        for _ in range(layers):
            parts += [nn.Linear(width, units), activation(), nn.Dropout(dropout)]
            width = units
        model = nn.Sequential(*parts, nn.Linear(width, int(self.y.max()) + 1))
        optimizer = torch.optim.Adam(model.parameters(), lr=rate, betas=(beta1, 0.999), weight_decay=decay)
        loss = nn.CrossEntropyLoss()
        best = 1.0
        for epoch in range(EPOCHS):
            model.train()
            order = torch.randperm(len(self.x))
            for start in range(0, len(self.x), batch):
                part = order[start : start + batch]
                optimizer.zero_grad()
                loss(model(self.x[part]), self.y[part]).backward()
                optimizer.step()
            model.eval()
            with torch.no_grad():
                error = float((model(self.x_dev).argmax(dim=1) != self.y_dev).float().mean())
            best = min(best, error)
            self.lowest = min(self.lowest, best)
            trial.report(error, epoch + 1)
            if trial.should_prune():
                raise optuna.TrialPruned
        return best


def main() -> None:
    """Optimise for so many seconds."""
    path, journal, seconds, seed = sys.argv[1:]
    torch.set_num_threads(1)
    torch.manual_seed(int(seed))
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        study_name="race",
        storage=JournalStorage(JournalFileBackend(journal)),
        direction="minimize",
        sampler=optuna.samplers.TPESampler(seed=int(seed)),
        pruner=optuna.pruners.HyperbandPruner(min_resource=1, max_resource=EPOCHS, reduction_factor=3),
        load_if_exists=True,
    )
    objective = Objective(path)
    study.optimize(objective, timeout=float(seconds))
    print(json.dumps({"lowest": objective.lowest, "trials": len(study.trials)}))


if __name__ == "__main__":
    main()
