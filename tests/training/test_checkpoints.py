"""Checkpoints: training that was interrupted anywhere goes on to the same bits."""

import contextlib

import numpy as np
import pytest
import toy_splits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from toy_splits import assert_same_bits

import caviar
from any_config import configs
from caviar.errors import BadRun
from caviar.training import drive
from caviar.training.population import Rung


class Interrupted(Exception):
    pass


def interrupted_after(calls):
    left = [calls]

    def callback(progress):
        left[0] -= 1
        if left[0] <= 0 and progress.networks_done < progress.networks:
            raise Interrupted

    return callback


EVERYTHING = [
    caviar.Config(
        hidden_units=(9, 5),
        batch_size=7,
        epochs=6,
        optimizer=optimizer,
        learning_rate=0.01,
        dropout=0.3,
        batch_norm=norm,
        average_weights=0.9 if averaged else None,
        early_stopping=4,
        input_noise=0.1,
        mixup=0.2,
        schedule="cosine",
        record="layers",
        seed=seed,
    )
    for optimizer, norm, averaged, seed in [
        ("adam", False, False, 0),
        ("momentum", False, False, 0),
        ("adam", False, True, 0),
        ("adam", True, False, 0),
        ("rmsprop", True, False, 1),
    ]
]


@pytest.fixture(autouse=True)
def short_calls(monkeypatch):
    """A call of the program lasts a step or a few, so that interruptions fall inside epochs."""
    monkeypatch.setattr(drive, "_SECONDS_PER_CALL", 1e-4)


@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=st.lists(st.integers(1, 9), min_size=1, max_size=3))
def test_interrupted_anywhere_ends_with_the_same_bits(calls, tmp_path_factory):
    split, folder = toy_splits.classes(), tmp_path_factory.mktemp("checkpoints")
    with pytest.raises(Interrupted):
        caviar.train(split, EVERYTHING, checkpoints=folder, callbacks=[interrupted_after(calls[0])])
    for number in calls[1:]:
        with contextlib.suppress(Interrupted):
            caviar.train(split, EVERYTHING, checkpoints=folder, callbacks=[interrupted_after(number)])
    assert list(folder.glob("*.safetensors"))
    for run, whole in zip(caviar.train(split, EVERYTHING, checkpoints=folder), uninterrupted(), strict=True):
        assert_same_bits(run, whole)


def uninterrupted(cache=[]):  # noqa: B006  (trained once)
    if not cache:
        cache.extend(caviar.train(toy_splits.classes(), EVERYTHING))
    return cache


@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(config=configs(most_units=12, most_layers=2), calls=st.integers(1, 9))
def test_any_config_goes_on(config, calls, tmp_path_factory):
    split, folder = toy_splits.classes(), tmp_path_factory.mktemp("checkpoints")
    config = config.changed(epochs=3, stop_after=None, batch_size=20)
    with contextlib.suppress(Interrupted):
        caviar.train(split, [config], checkpoints=folder, callbacks=[interrupted_after(calls)])
    (run,), (whole,) = caviar.train(split, [config], checkpoints=folder), caviar.train(split, [config])
    assert_same_bits(run, whole)


def test_with_rungs(tmp_path):
    split = toy_splits.classes()

    def half(runs):
        losses = np.array([run.history["dev_loss"][-1] for run in runs])
        return losses <= np.median(losses)

    rungs = [Rung(2, half), Rung(5, half)]
    whole = caviar.train(split, EVERYTHING, rungs=rungs)
    for calls in (2, 7):
        with pytest.raises(Interrupted):
            caviar.train(split, EVERYTHING, rungs=rungs, checkpoints=tmp_path, callbacks=[interrupted_after(calls)])
    for run, other in zip(caviar.train(split, EVERYTHING, rungs=rungs, checkpoints=tmp_path), whole, strict=True):
        assert_same_bits(run, other)


def test_a_finished_list_is_not_trained_again(tmp_path, monkeypatch):
    split = toy_splits.classes()
    runs = caviar.train(split, EVERYTHING[:3], checkpoints=tmp_path)

    def trained(*_):
        raise AssertionError("trained again")

    monkeypatch.setattr("caviar.training.calls.advance", lambda *_: trained)
    for run, again in zip(runs, caviar.train(split, EVERYTHING[:3], checkpoints=tmp_path), strict=True):
        assert_same_bits(run, again)


def test_other_data_settings_and_weights_have_checkpoints_of_their_own(tmp_path):
    split = toy_splits.classes()
    (first,) = caviar.train(split, EVERYTHING[:1], checkpoints=tmp_path)
    others = [
        (toy_splits.classes().rescaled("robust"), EVERYTHING[0], None),
        (split, EVERYTHING[0].changed(l2=0.1), None),
        (split, EVERYTHING[0], first.weights),
    ]
    for data, config, weights in others:
        (kept,) = caviar.train(data, [config], [weights], checkpoints=tmp_path)
        assert_same_bits(kept, caviar.train(data, [config], [weights])[0])
    assert len(list(tmp_path.glob("*.safetensors"))) == 4


def test_a_broken_checkpoint_is_said_and_trained_anew(tmp_path):
    split = toy_splits.classes()
    (first,) = caviar.train(split, EVERYTHING[:1], checkpoints=tmp_path)
    (file,) = tmp_path.glob("*.safetensors")
    whole = file.read_bytes()
    for broken in (b"", whole[:100], whole[:-8]):
        file.write_bytes(broken)
        with pytest.warns(UserWarning, match="A checkpoint must be a file that caviar wrote"):
            (again,) = caviar.train(split, EVERYTHING[:1], checkpoints=tmp_path)
        assert_same_bits(first, again)


def test_a_folder_that_cannot_be_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadRun, match=r"Checkpoints need a folder that can be written, got .*file"):
        caviar.train(toy_splits.classes(), EVERYTHING[:1], checkpoints=tmp_path / "file")
