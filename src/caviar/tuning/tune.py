"""`tune`: searches the settings of networks, hundreds at a time."""

import time
from pathlib import Path

from caviar.data.split import Split
from caviar.errors import BadSpace
from caviar.network.config import Config
from caviar.training.metrics import LARGER_IS_BETTER, MetricName, metric_for
from caviar.training.plan import written_out
from caviar.tuning import store
from caviar.tuning.coarse_to_fine import CoarseToFine
from caviar.tuning.defaults import default_space
from caviar.tuning.networks import Networks
from caviar.tuning.search import Entry, Plan, Study, asked_of, search
from caviar.tuning.space import Space
from caviar.tuning.together import together_in_programs


def tune(
    split: Split,
    space: Space | None = None,
    *,
    base: Config | None = None,
    metric: MetricName | None = None,
    trials: int = 64,
    seconds: float | None = None,
    storage: str | Path | None = None,
    seed: int = 0,
) -> Study:
    """Search settings, coarse to fine, hundreds of networks at a time.

    Args:
        split: data; with fewer than 5,000 train and dev rows configs are judged out of fold.
        space: what is searched; None is a space around `base` for its most important settings.
        base: trial 0, and the settings that are not searched; None is `Config()`.
        metric: what is optimised; None is error or rmse.
        trials: configs in all.
        seconds: no new generation is begun after so many.
        storage: None in memory, a path for Optuna's journal file, or a URL such as sqlite:///study.db.
        seed: of the proposals and of the networks.

    Returns:
        The Study: `best_config`, `best_value`, `best_params`, `trials`, `optuna`.

    Raises:
        BadSpace: a budget that is not above 0, or a space that names what is no setting.
        BadConfig: a metric of another task.
    """
    if trials < 1 or (seconds is not None and seconds <= 0):
        raise BadSpace(
            f"caviar.tune needs at least 1 trial and more than 0 seconds, got trials={trials}, seconds={seconds}."
        )
    chosen = metric_for(split.task, metric)
    start = written_out((base or Config()).changed(seed=seed, rows=1.0), split)
    space = space or default_space(start, split)
    space.check_settings()
    began = time.monotonic()
    size = max(8, min(64, -(-trials // 4)))
    plan = Plan(
        space=space,
        propose=CoarseToFine(),
        trials=trials,
        generation_size=lambda _: size,
        seed=seed,
        given=(Entry(space.values_of(start), start),),
        config=lambda point: space.config(point, start),
        together=lambda generation: together_in_programs(space, start, first=generation == 0),
        metric=chosen,
    )
    study = store.open_study(storage, "maximize" if chosen in LARGER_IS_BETTER else "minimize")
    store.claim(study, asked_of(plan, base=start.to_json()))
    return search(
        plan,
        Networks(split, chosen),
        study,
        enough=lambda: seconds is not None and time.monotonic() - began >= seconds,
    )
