"""One of several searches of a study on PostgreSQL; a script.

    python shared_search.py URL NAME TRIALS [die]

Prints the generations that it has judged. With `die` it kills itself while it judges its first, after some of its
trials are in the study.
"""

import sys
import time

import optuna

from caviar.tuning.search import Plan, asked_of, search
from caviar.tuning.study import store
from caviar.tuning.trials import Trial
from tuning import killed_search


def main(url: str, name: str, trials: int, *, dies: bool) -> None:
    plan = killed_search.plan_of(trials)
    study = store.open_study(url, "minimize", study_name=name)
    store.claim(study, asked_of(plan, rows="a fingerprint"))
    judged = []

    def judge(entries, generation, before):
        judged.append(generation)
        if dies:
            begin(study, plan, entries, generation)
            killed_search.die()
        time.sleep(0.3)
        return killed_search.judge(entries, generation, before)

    found = search(plan, judge, study)
    print(len(found.trials), *judged)  # noqa: T201


def begin(study: optuna.Study, plan: Plan, entries, generation: int) -> None:
    """Two trials of the generation, as if the end had come between two writes."""
    for index, outcome in enumerate(killed_search.judge(entries[:2], generation, ())):
        trial = Trial(index, generation, index, entries[index].values, None, outcome)
        store.add_trial(study, plan.space, trial, store.Begun(len(entries), ()) if index == 0 else None)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), dies=len(sys.argv) > 4)
