"""Whatever `Config` accepts trains an epoch; what it cannot do is said before."""

import numpy as np
import pytest
import toy_splits
from hypothesis import given, settings

import caviar
from any_config import configs


@pytest.mark.parametrize("data", ["classes", "numbers", "images"])
def test_any_config_that_is_accepted_trains_an_epoch(data):
    split, images = getattr(toy_splits, data)(), data == "images"
    classes = split.outputs if split.task == "classification" else 0

    @settings(max_examples=6 if images else 12)
    @given(config=configs(classes=classes, most_units=12, most_layers=1 if images else 2, images=images))
    def trains(config):
        one = config.changed(epochs=1, stop_after=None)
        (run,) = caviar.train(split, [one])
        assert run.config == one
        assert run.epochs == 1
        assert run.status in ("finished", "diverged")
        if run.status == "finished":
            assert all(np.isfinite(layer.w).all() for layer in run.weights)

    trains()
