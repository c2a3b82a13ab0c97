"""What a person reads while a search runs."""

import types

from caviar.reporting.tuning_progress import SearchTeller
from caviar.tuning.proposals.propose import Zoom
from caviar.tuning.trials import Outcome, Trial
from small_runs import Lines

AT_WORK = types.SimpleNamespace(networks_done=3, networks=8, share=0.4)


def trial(number, loss, *, state="complete", status="finished"):
    outcome = Outcome(state, (loss / 10,), loss, facts={"caviar:status": status})
    return Trial(number, number // 2, number % 2, {"learning_rate": 0.01 * (number + 1)}, None, outcome)


def teller(metric="error"):
    lines = Lines()
    return SearchTeller(lines, metric, "classification"), lines.told


def test_generations_and_what_each_brought():
    tell, told = teller()
    tell.decided("Many at once.")
    tell.training(AT_WORK)
    tell.generation([trial(0, 0.5), trial(1, 0.9, status="diverged")], ())
    tell.training(AT_WORK)
    tell.generation([trial(2, 0.4), trial(3, 0.6, state="pruned")], (Zoom(1, 2, {}, "the best 2 lie here"),))
    tell.training(AT_WORK)
    tell.generation([trial(4, 0.45), trial(5, 0.7)], ())
    assert told == [
        "Many at once.",
        "generation 1, 2 configs, 1 diverged: best error 5.00%, held-out loss 0.5 with the config that the search "
        "began with: learning rate 0.01",
        "zoom: the best 2 lie here",
        "generation 2, 2 configs, 1 stopped at rungs: better, error 4.00%, held-out loss 0.4 with trial 2: "
        "learning rate 0.03",
        "generation 3, 2 configs: nothing better than trial 2 (error 4.00%, held-out loss 0.4)",
    ]
    assert tell.strategy == "Many at once."


def test_what_the_study_held_is_told_in_one_line():
    tell, told = teller()
    tell.generation([trial(0, 0.5), trial(1, 0.9)], ())
    tell.generation([trial(2, 0.4), trial(3, 0.6)], ())
    assert told == []
    tell.training(AT_WORK)
    tell.training(AT_WORK)
    assert told == ["The study holds 2 generations with 4 trials already, lowest 4.00%. It goes on after them."]
    tell.generation([trial(4, 0.45), trial(5, 0.7)], ())
    assert told[-1].startswith("generation 3, 2 configs: nothing better than trial 2")


def test_a_generation_of_which_nothing_is_left():
    tell, told = teller()
    tell.training(AT_WORK)
    tell.generation([trial(0, 0.5, state="pruned"), trial(1, 0.9, state="failed")], ())
    assert told == ["generation 1, 2 configs, 1 stopped at rungs, 1 failed: none was trained to its end"]
