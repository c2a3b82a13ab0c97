"""Rungs: some networks are stopped, the others go on to the same bits in other company."""

import dataclasses

import numpy as np
import pytest
import toy_splits
from toy_splits import assert_same_bits

import caviar
from caviar.errors import BadConfig
from caviar.training.population import Rung

CONFIGS = [
    caviar.Config(
        hidden_units=(4 + n,),
        batch_size=16,
        epochs=9 if n % 3 else 4,
        learning_rate=10 ** -(1 + n / 5),
        seed=n % 2,
        dropout=0.3,
        batch_norm=n > 16,
        early_stopping=3 if n in (2, 7) else None,
    )
    for n in range(20)
]


def best(share):
    def keep(runs):
        losses = [run.history["dev_loss"][-1] for run in runs]
        return np.array(losses) <= np.quantile(losses, share)

    return keep


def test_who_goes_on_has_the_bits_of_who_never_stopped():
    split = toy_splits.classes()
    whole = caviar.train(split, CONFIGS)
    told, asked = [], []

    def keep_half(runs):
        asked.append([run.status for run in runs])
        return best(0.5)(runs)

    rungs = [Rung(2, keep_half), Rung(5, keep_half)]
    runs = caviar.train(split, CONFIGS, rungs=rungs, callbacks=[told.append])
    stopped = [run for run in runs if run.status == "pruned"]
    assert set(asked[0]) == set(asked[1]) == {"pruned"}
    assert len(asked[0]) == 20
    assert len(asked[1]) < 10
    assert 10 <= len(stopped) < 20
    for run, other in zip(runs, whole, strict=True):
        if run.status != "pruned":
            assert_same_bits(run, other)
            continue
        assert run.epochs in (2, 5)
        for name, curve in run.history.items():
            np.testing.assert_array_equal(curve, other.history[name][: run.epochs])
    # Told once of each network, and once of each epoch.
    finished = [number for progress in told for number, _ in progress.finished]
    assert sorted(finished) == list(range(20))
    assert told[-1].networks_done == 20
    assert told[-1].share == pytest.approx(1)
    epochs = {n: [] for n in range(20)}
    for progress in told:
        for part in progress.epochs:
            assert part.first == len(epochs[part.number])
            epochs[part.number] += list(part.history["dev_loss"])
    for number, run in enumerate(runs):
        np.testing.assert_array_equal(epochs[number], run.history["dev_loss"])
        assert dict(pair for progress in told for pair in progress.finished)[number] is run


def test_survivors_share_full_lanes():
    """Eight of sixteen fill one lane: no more steps are computed than for eight networks."""
    split = toy_splits.classes()
    configs = [caviar.Config(hidden_units=8, epochs=4, learning_rate=0.01 * (n + 1)) for n in range(16)]
    from caviar.training import crew

    seen = []
    original = crew.drive

    def watched(lane, *rest, **others):
        seen.append((others["until"], len(lane.members), lane.size))
        return original(lane, *rest, **others)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crew, "drive", watched)
        caviar.train(split, configs, rungs=[Rung(1, lambda runs: np.arange(len(runs)) % 2 == 0)])
    assert sorted(seen, key=str) == [(1, 8, 8), (1, 8, 8), (None, 8, 8)]


def test_only_who_is_still_in_the_race_is_compared():
    """The README's rule halves what is left, also beside a network that diverged and one that is done."""
    split = toy_splits.classes()
    base = caviar.Config(hidden_units=8, epochs=8, batch_size=16)
    configs = [base.changed(learning_rate=0.001 * (n + 1)) for n in range(8)]
    configs += [base.changed(learning_rate=1e30, optimizer="sgd"), base.changed(epochs=2)]
    counts = []

    def better_half(runs):
        counts.append(len(runs))
        losses = [run.history["dev_loss"][-1] for run in runs]
        return losses <= np.median(losses)

    told = []
    rungs = [Rung(3, better_half), Rung(5, better_half), Rung(7, better_half)]
    runs = caviar.train(split, configs, rungs=rungs, callbacks=[told.append])
    assert counts == [8, 4, 2]
    statuses = [run.status for run in runs]
    assert statuses.count("pruned") == 7
    assert statuses[-2:] == ["diverged", "finished"]
    shares = [progress.share for progress in told]
    assert shares == sorted(shares)


def test_nobody_goes_on():
    split = toy_splits.classes()
    runs = caviar.train(split, CONFIGS[:3], rungs=[Rung(1, lambda _runs: [False] * 3), Rung(2, best(1.0))])
    assert [run.status for run in runs] == ["pruned"] * 3
    assert [run.epochs for run in runs] == [1] * 3


@pytest.mark.parametrize("epochs", [(0,), (3, 3), (4, 2), (2.5,)])
def test_rungs_rise(epochs):
    with pytest.raises(BadConfig, match="rising whole epochs"):
        caviar.train(toy_splits.classes(), CONFIGS[:1], rungs=[Rung(epoch, best(1.0)) for epoch in epochs])


def test_rungs_are_rungs():
    for given in (Rung(1, best(1.0)), [(1, best(1.0))]):
        with pytest.raises(BadConfig, match=r"must be a list of caviar.Rung\(epoch, keep\)"):
            caviar.train(toy_splits.classes(), CONFIGS[:1], rungs=given)


def test_an_answer_for_every_network():
    with pytest.raises(BadConfig, match=r"one value per run it is given \(3\), got the shape \(1,\)"):
        caviar.train(toy_splits.classes(), CONFIGS[:3], rungs=[Rung(1, lambda _runs: [True])])


def test_a_run_knows_how_it_stands_at_a_rung():
    """What is judged at a rung is what the same network would be had it ended there."""
    split = toy_splits.classes()
    config = CONFIGS[18]
    seen = []

    def keep(runs):
        seen.extend(runs)
        return [True]

    caviar.train(split, [config], rungs=[Rung(3, keep)])
    (ended,) = caviar.train(split, [config.changed(stop_after=3)])
    assert_same_bits(dataclasses.replace(seen[0], config=ended.config, status="finished"), ended)
