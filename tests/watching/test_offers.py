import dataclasses

import numpy as np
import pytest

import caviar
from caviar.diagnosis.finding import Finding
from caviar.training import devices
from caviar.training.crew import rows_on_device
from caviar.watching.branches import advance, begin
from caviar.watching.offers import offers, sound_epoch
from caviar.watching.session import Seen
from training.toy_splits import classes

SMALL = caviar.Config(hidden_units=(8, 8), epochs=6, learning_rate=0.01)


@pytest.fixture(scope="module")
def trained():
    split = classes()
    (branch,) = advance(split, [begin(split, SMALL)], 4, rows_on_device(split), devices.places()[0])
    assert branch.epochs == 2
    return branch


def seen(branch, **how):
    return Seen(branch, **{"paused": False, "ended": False, "kept": (0, 1, branch.epochs), **how})


def of(name, seen_, **evidence):
    finding = Finding(name, "warning", evidence, "Why.", "Somewhere.")
    return {offer.remedy.name: offer for offer in offers(finding, seen_, classes())}


def with_status(branch, epochs=None, **monitor):
    """A branch whose monitor says otherwise, and whose curves are longer."""
    times = 1 if epochs is None else epochs // branch.epochs
    longer = {name: np.tile(getattr(branch.measured, name), times) for name in ("train_loss", "dev_loss", "objective")}
    state = branch.state._replace(monitor=branch.state.monitor._replace(**monitor))
    return dataclasses.replace(branch, state=state, measured=branch.measured._replace(**longer))


def test_what_a_network_can_change_while_it_trains_is_possible(trained):
    found = of("high_variance", seen(trained))
    assert found["L2"].possible
    assert found["dropout 0.2"].possible
    assert found["early stopping"].possible
    asks = [offer for offer in found.values() if offer.remedy.asks]
    assert asks
    assert all(not offer.possible and offer.why_not == offer.remedy.asks for offer in asks)


def test_what_would_be_another_network_is_told_with_what_to_do(trained):
    found = of("high_bias", seen(trained))
    assert found["larger network"].possible
    assert "not in number" in found["deeper network"].why_not
    assert found["longer training"].possible
    spread = dataclasses.replace(trained, config=SMALL.changed(initializer="normal"))
    found = of("poor_initialization", seen(spread))
    assert "it says how a network starts" in found["He initialisation"].why_not
    found = of("unnormalized_inputs", seen(trained))
    assert "begin another one with scale='robust'" in found["robust normalisation"].why_not


def test_a_change_that_would_end_the_network_is_none(trained):
    found = of("overtrained", seen(trained), best_epoch=1)
    assert not found["fewer epochs"].possible
    assert "would end the network here" in found["fewer epochs"].why_not


def test_a_network_that_stands_still_says_how_it_goes_on(trained):
    gone = with_status(trained, active=np.array(False), diverged=np.array(True))
    found = of("diverged", seen(gone))
    assert all(not offer.possible and "rewind it to epoch" in offer.why_not for offer in found.values())
    finished = with_status(trained, epochs=6, active=np.array(False))
    found = of("undertrained", seen(finished))
    assert found["longer training"].possible  # more epochs let it train on
    assert "nudge epochs first" in found["rate x 10"].why_not
    stopped = with_status(trained, active=np.array(False))
    assert "stopped early" in of("high_variance", seen(stopped))["L2"].why_not
    assert of("high_variance", seen(stopped))["early stopping"].possible
    assert "was stopped" in of("high_variance", seen(trained, ended=True))["L2"].why_not


def test_the_sound_epoch_is_the_kept_one_with_the_lowest_held_out_loss(trained):
    losses = trained.measured._replace(dev_loss=np.array([0.5, 0.7]))
    branch = dataclasses.replace(trained, measured=losses)
    assert sound_epoch(seen(branch), classes()) == 1
    assert sound_epoch(seen(branch, kept=(0, 2)), classes()) == 2
    gone = with_status(dataclasses.replace(trained, measured=losses._replace(dev_loss=np.array([0.5, np.nan]))))
    gone = with_status(gone, active=np.array(False), diverged=np.array(True))
    assert sound_epoch(seen(gone, kept=(0, 2)), classes()) == 0
    assert sound_epoch(seen(gone, kept=(2,)), classes()) is None


def test_an_offer_is_plain_values():
    split = classes()
    finding = Finding("high_bias", "warning", {}, "Why.", "Somewhere.")
    plain = offers(finding, seen(begin(split, SMALL)), split)[0].to_json()
    assert set(plain) == {"name", "reason", "cost", "settings", "possible", "why_not"}
    assert plain["settings"] == {"hidden_units": [64, 64]}
