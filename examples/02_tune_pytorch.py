"""Tune a plain PyTorch network: epochs are reported, and trials that are behind are pruned.

python examples/02_tune_pytorch.py
"""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

import caviar

torch.set_num_threads(1)  # for networks this small a second thread costs more than it brings
X, y = load_digits(return_X_y=True)
X_train, X_dev, y_train, y_dev = train_test_split(X / 16, y, test_size=0.3, random_state=0, stratify=y)
X_train, X_dev = (torch.tensor(part, dtype=torch.float32) for part in (X_train, X_dev))  # (rows, 64)
y_train, y_dev = torch.tensor(y_train), torch.tensor(y_dev)  # (rows,)
EPOCHS = 6

space = caviar.Space(
    {
        "optimizer": caviar.Choice("sgd", "adam"),
        "lr": caviar.LogUniform(1e-4, 1.0),
        "momentum": caviar.OneMinusLogUniform(0.5, 0.99),  # 1 / (1 - momentum) is what matters
        "units": caviar.Integer(8, 128, log=True),
        "batch": caviar.Choice(64, 128),
    },
    conditions={"momentum": {"optimizer": ("sgd",)}},
)


def dev_error(trial):
    """Share of the dev rows that are wrong after training."""
    p = trial.params
    torch.manual_seed(trial.seed)
    model = nn.Sequential(nn.Linear(64, p["units"]), nn.ReLU(), nn.Linear(p["units"], 10))
    if p["optimizer"] == "sgd":
        optimizer = torch.optim.SGD(model.parameters(), lr=p["lr"], momentum=p["momentum"])
    else:
        optimizer = torch.optim.Adam(model.parameters(), lr=p["lr"])
    error = 1.0
    for epoch in range(EPOCHS):
        for rows in torch.randperm(len(X_train)).split(p["batch"]):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(X_train[rows]), y_train[rows]).backward()
            optimizer.step()
        with torch.no_grad():
            error = (model(X_dev).argmax(1) != y_dev).float().mean().item()
        trial.report(error, epoch)
        if trial.should_prune():
            break
    return error


if __name__ == "__main__":
    study = caviar.tune(dev_error, space, trials=24, seed=1)
    print(f"best: {study.best_value:.4f} with {study.best_params}")
    print(f"epochs trained: {sum(len(trial.outcome.rungs) for trial in study.trials)} of {EPOCHS * len(study.trials)}")
