import numpy as np

from caviar.diagnosis.intervals import Estimate, paired_gain
from caviar.diagnosis.sanity import diverged, worse_than_baseline
from caviar.network.config import Config
from diagnosis.made_scores import score


def test_networks_that_diverged_are_counted_with_their_rate():
    fast = Config(learning_rate=3.0)
    (found,) = diverged([score(fast), score(fast, status="diverged"), score(fast, status="diverged")])
    assert (found.name, found.severity) == ("diverged", "critical")
    assert found.evidence == {"diverged": 2, "seeds": 3, "learning_rate": 3.0}
    assert "With 2 of 3 seeds" in found.meaning
    assert "it is 3, lower it" in found.meaning
    assert diverged([score(), score(status="stopped")]) == []


def test_the_rate_that_is_named_is_the_one_used():
    (found,) = diverged([score(Config(optimizer="sgd"), status="diverged")])
    assert found.evidence["learning_rate"] == 0.1


def test_worse_than_a_simpler_model_only_beyond_the_interval():
    rows = np.random.default_rng(0).normal(size=(3, 200))
    gain = paired_gain(rows, rows + 0.5)
    (found,) = worse_than_baseline("linear", gain)
    assert (found.name, found.evidence) == ("worse_than_baseline", {"baseline": "linear", "gain": gain.to_json()})
    assert found.meaning.startswith("The linear model has a lower loss on rows that neither has seen, by 0.5 (")
    assert worse_than_baseline("linear", paired_gain(rows + 0.5, rows)) == []
    assert worse_than_baseline("linear", Estimate(-0.1, -0.3, 0.1, 200)) == []
