import pytest

from caviar.diagnosis.finding import Finding
from caviar.network.config import Config
from caviar.remedies.experiment import Candidate, experiment
from caviar.remedies.fix import fix
from caviar.remedies.rules import prescribe
from caviar.training.plan import FOLDS
from diagnosis.made_scores import classes
from remedies.fake_bench import FakeBench

SPLIT = classes(400, 100)
SEEDS = (0, 1, 2, 3)
FAULTY = Config(initializer="zeros", dropout=0.9, learning_rate=0.01)


def finding(name, severity="warning", **evidence):
    return Finding(name, severity, evidence, "made up", "a test")


def two_faults(config, _):
    """Zeros cost 1, dropout its size."""
    return 2 + (config.initializer == "zeros") + max(config.dropouts)


def nothing_helps(*_):
    return 2.0


def fixed(loss, findings, *, config=FAULTY, noise=0.1, **how):
    bench = FakeBench(loss, noise=noise)
    return fix(SPLIT, config, findings, bench, SEEDS, **how), bench


def test_what_helps_is_kept_and_the_next_finding_treated_from_there():
    seen = []

    def again(candidate: Candidate):
        seen.append(candidate.config.initializer)
        return [finding("over_regularized")]

    found, _ = fixed(two_faults, [finding("symmetric_units")], trainings=60, diagnose=again)
    assert [outcome.remedy.name for outcome in found.kept] == ["He initialisation", "no regularisation"]
    assert (found.config.initializer, found.config.dropout, found.config.seed) == ("he", 0.0, FAULTY.seed)
    assert seen[0] == "he"
    assert len(found.experiments) >= 2
    assert found.trainings <= 60
    assert found.words()[0].startswith("He initialisation: loss lower by ")


@pytest.mark.parametrize("trainings", [1, 9, 12, 20, 33])
def test_no_more_trainings_than_were_given(trainings):
    found, bench = fixed(two_faults, [finding("symmetric_units")], trainings=trainings)
    assert len(bench.trained) / FOLDS == found.trainings <= trainings


def test_twenty_trainings_mend_one_fault():
    found, _ = fixed(two_faults, [finding("symmetric_units", "critical")], trainings=20)
    assert found.config.initializer == "he"


def test_without_a_budget_everything_is_tried_with_every_seed():
    found, bench = fixed(two_faults, [finding("symmetric_units")], rounds=1)
    (one,) = found.experiments
    prescribed = [r for r in prescribe([finding("symmetric_units")], FAULTY, SPLIT) if not r.asks]
    assert {outcome.remedy.name for outcome in one.outcomes} == {remedy.name for remedy in prescribed}
    assert {len(outcome.scores) for outcome in one.outcomes} == {len(SEEDS) - 1}
    assert found.trainings == len(bench.trained) / FOLDS


def test_one_round_is_the_experiment_as_it_is():
    found, _ = fixed(two_faults, [], rounds=1)
    alone = experiment(Candidate(FAULTY, SPLIT), prescribe([], FAULTY, SPLIT), FakeBench(two_faults), SEEDS)
    assert [(o.remedy, o.verdict, o.gain) for o in found.experiments[0].outcomes] == [
        (o.remedy, o.verdict, o.gain) for o in alone.outcomes
    ]


def test_rounds_end_when_nothing_helps_any_more():
    found, _ = fixed(two_faults, [finding("symmetric_units")], rounds=9, trainings=300)
    assert found.rounds[-1].helped is None
    assert found.config.initializer == "he"
    assert len(found.rounds) < 9


def test_verdicts_allow_for_all_rounds():
    """The same gain, enough for one round of tries, is not for ten million."""

    def small(config, _):
        return 2 - 0.09 * (config.initializer == "he")

    one, _ = fixed(small, [finding("symmetric_units")], noise=0.2, rounds=1)
    many, _ = fixed(small, [finding("symmetric_units")], noise=0.2, rounds=10**7)
    verdicts = [next(o.verdict for o in f.outcomes if "He" in o.remedy.name) for f in (one, many)]
    assert verdicts == ["accepted", "undecided"]


def test_when_nothing_helps_it_says_what_a_person_could_do():
    found, _ = fixed(nothing_helps, [finding("high_variance")], config=Config(), trainings=20)
    assert not found.kept
    assert found.config.differences(Config()).keys() <= {"learning_rate"}
    assert [remedy.name for remedy in found.asked] == ["more data"]
    assert "helps beyond the noise" in found.words()[0]
    assert "800 instead of 400" in found.words()[1]
    without, _ = fixed(nothing_helps, [finding("saddle")], config=Config(), trainings=20)
    assert [remedy.name for remedy in without.asked] == ["more data"]
    beside, _ = fixed(nothing_helps, [finding("leakage", "critical")], config=Config(), trainings=20)
    assert [remedy.name for remedy in beside.asked] == ["another division", "more data"]


def test_what_a_person_must_do_is_told_and_never_tried():
    found, _ = fixed(two_faults, [finding("leakage", "critical"), finding("symmetric_units")], trainings=20)
    assert [remedy.name for remedy in found.asked] == ["another division"]
    assert "another division" not in [outcome.remedy.name for outcome in found.outcomes]
    assert found.words()[-1].startswith("Divide the rows")


def test_what_is_left_out_is_not_tried():
    asked = []

    def leave_out(start, remedies):
        asked.append(start)
        return {remedy.name: "it would take long" for remedy in remedies if remedy.name != "dropout 0.2"}

    found, _ = fixed(two_faults, [], config=Config(), rounds=1, leave_out=leave_out)
    assert [outcome.remedy.name for outcome in found.outcomes] == ["dropout 0.2"]
    assert found.not_tried["larger network"] == "it would take long"
    assert len(asked) == 1


def test_raw_inputs_are_mended_by_another_split():
    raw = SPLIT.rescaled(None)
    bench = FakeBench(lambda _, split: {None: 3.0, "robust": 2.5, "standard": 2.0}[split.scale])
    found = fix(raw, Config(), [finding("unnormalized_inputs")], bench, SEEDS, trainings=20)
    assert found.split.scale == "standard"
