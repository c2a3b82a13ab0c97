import numpy as np
import pytest

from caviar.network.config import Config
from caviar.remedies.experiment import RATES
from caviar.training.metrics import row_losses
from caviar.tuning.baselines import LINEAR_RATE, train_baselines
from diagnosis.made_scores import classes, quantity
from remedies.fake_bench import FakeBench

SPLIT = classes(400, 100)
START = Config(hidden_units=(16,), learning_rate=0.02, epochs=7)
SEEDS = (4, 5, 6)


def loss(config, _):
    """The linear model does best at its highest rate."""
    return 1 - config.rate if not config.hidden_units else 1.0


def found(own, bench=None, split=SPLIT, metric="error"):
    return train_baselines(split, START, bench or FakeBench(loss), own=own, seeds=SEEDS, metric=metric)


@pytest.mark.parametrize(
    ("own", "names"), [(False, ["constant", "linear", "default"]), (True, ["constant", "linear", "default", "yours"])]
)
def test_the_one_to_improve_comes_last_with_every_seed(own, names):
    baselines = found(own)
    assert [baseline.name for baseline in baselines] == names
    assert baselines[-1].config == START
    assert [s.config for s in baselines[-1].scores] == [START.changed(seed=seed) for seed in SEEDS]
    if own:
        assert baselines[2].config == Config(seed=4)
        assert len(baselines[2].scores) == 1


def test_the_linear_model_has_its_best_of_three_rates():
    linear = found(False)[1]
    assert linear.config.hidden_units == ()
    assert linear.config.rate == pytest.approx(LINEAR_RATE * max(RATES))
    assert (linear.config.epochs, linear.config.seed) == (None, 4)  # trained in full, whatever the start has
    assert len(linear.scores) == 1


def test_the_constant_model_by_hand():
    """Classes: the entropy of the shares, judged out of fold on all rows; error: whatever is not the commonest."""
    constant = found(False)[0]
    assert constant.config is None
    (score,) = constant.scores
    shares = np.bincount(SPLIT.y_train) / SPLIT.n_train
    assert score.loss == pytest.approx(-np.log(shares)[SPLIT.y], rel=1e-5)
    assert score.error.mean() == pytest.approx(np.mean(SPLIT.y != shares.argmax()))
    assert len(score.loss) == SPLIT.rows


def test_the_constant_model_of_a_quantity_is_its_mean():
    split = quantity(400, 100)
    (score,) = found(False, split=split, metric="rmse")[0].scores
    assert score.value == pytest.approx(np.sqrt(np.mean(split.y.astype(float) ** 2)) * split.target.std)
    assert score.loss == pytest.approx(row_losses(np.zeros((500, 1)), split.y))


def test_all_are_one_population_with_every_rate_where_they_fit():
    """The remedies will ask for these rates, and find their scores."""
    alone, together = FakeBench(loss), FakeBench(loss, fits=True)
    one, other = found(True, alone), found(True, together)
    assert (len(alone.judged), len(together.judged)) == (1, 1)
    more = {config for config in together.judged[0] if config not in alone.judged[0]}
    assert {(c.rate, c.seed) for c in more} == {(0.02 * f, seed) for f in (0.3, 3.0) for seed in SEEDS}
    for a, b in zip(one, other, strict=True):
        assert [s.loss.tolist() for s in a.scores] == [s.loss.tolist() for s in b.scores]
