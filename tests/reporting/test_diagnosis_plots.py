"""The pictures of a diagnosis: valid, whatever diverged, and with every network and companion in them."""

import math
from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest
from test_plots import picture

from caviar.diagnosis.subject import CompanionKind, Probe
from caviar.network.config import Config
from caviar.reporting import diagnosis_plots


def score(loss, status="finished"):
    return SimpleNamespace(loss=np.full(3, loss), status=status)


def probe(layers):
    units = np.linspace(0, 1, layers)
    matrices = np.geomspace(1e-6, 1, layers + 1)
    return Probe(
        loss=np.ones(2),
        gradient_norm=np.stack([matrices, matrices]),
        weight_norm=matrices,
        update_ratio=matrices,
        no_gradient=np.zeros(layers + 1),
        spread=units,
        constant=units,
        saturated=units,
        symmetric=units,
        noise_scale=10.0,
    )


def run(*losses, best=1):
    history = {"train_loss": np.array(losses), "dev_loss": 2 * np.array(losses)}
    return SimpleNamespace(history=history, epochs=len(losses), best_epoch=best)


@pytest.mark.parametrize("losses", [(1.0, 0.5), (1.0, math.inf), (math.nan,), (0.0, 0.0)])
def test_epochs_of_all_networks(losses):
    told = picture(diagnosis_plots.epochs_of_all, [run(*losses, best=0), run(3.0, 2.0, 1.0, best=2)], "cross-entropy")
    assert {"training rows", "held-out rows", "epoch", "cross-entropy"} <= set(told)


def test_layers_before_and_after():
    seen = SimpleNamespace(start=probe(2), end=probe(2))
    told = picture(diagnosis_plots.layers, seen)
    assert {"length of the gradient", "units that answer alike, %", "answers at a bound, %", "last"} <= set(told)
    assert {"at the start", "at the end"} <= set(told)
    linear = picture(diagnosis_plots.layers, SimpleNamespace(start=probe(0), end=None))
    assert "units that answer alike, %" not in linear
    assert "at the end" not in linear
    assert diagnosis_plots.layers(SimpleNamespace(start=None, end=None)) == ""


def test_companions_stand_beside_the_network():
    own = [score(0.5), score(math.nan, "diverged")]
    beside = [
        SimpleNamespace(kind=kind, name=f"a {kind}", config=Config(learning_rate=rate), scores=(score(loss, status),))
        for kind, rate, loss, status in (
            ("higher rate", 0.05, 9.0, "diverged"),
            ("lower rate", 0.002, 0.7, "finished"),
            ("plain", 0.01, 0.4, "finished"),
            *((kind, 0.01, 0.6, "finished") for kind in get_args(CompanionKind)[3:]),
        )
    ]
    assert {one.kind for one in beside} == set(get_args(CompanionKind))
    told = picture(diagnosis_plots.companions, own, 0.01, beside, 0.69)
    assert {"the network", "constant model", *(f"{one.name} (1)" for one in beside)} <= set(told)
