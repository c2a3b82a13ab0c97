"""`tune`: searches the settings of networks, hundreds at a time."""

from collections.abc import Callable, Sequence
from pathlib import Path

from caviar.data.split import Split
from caviar.errors import BadSpace
from caviar.network.config import Config
from caviar.training.metrics import MetricName
from caviar.training.population import Callback
from caviar.tuning.propose import Proposer
from caviar.tuning.search import Study
from caviar.tuning.space import Space
from caviar.tuning.strategy import StrategyName
from caviar.tuning.tune_networks import TRIALS, Told, tune_networks


def tune(
    what: Split,
    space: Space | None = None,
    *,
    base: Config | None = None,
    metric: MetricName | None = None,
    trials: int | None = None,
    seconds: float | None = None,
    proposals: Proposer | None = None,
    strategy: StrategyName | None = None,
    storage: str | Path | None = None,
    folder: str | Path | None = None,
    callbacks: Sequence[Callback] = (),
    say: Callable[[str], None] = lambda _: None,
    tell: Told = lambda *_: None,
    seed: int = 0,
) -> Study:
    """Search settings, coarse to fine, hundreds of networks at a time.

    Args:
        what: the data; with fewer than 5,000 train and dev rows configs are judged out of fold.
        space: what is searched; None is a space around `base` for its most important settings.
        base: trial 0, and the settings that are not searched; None is `Config()`.
        metric: what is optimised; None is error or rmse.
        trials: configs in all; None is 64, or as many as the seconds allow.
        seconds: no generation is begun that would end much later.
        proposals: who proposes points; None is coarse to fine.
        strategy: "panda" nudges one network at a time, "caviar" trains many; None: by how many the budget allows.
        storage: None in memory (or, with a folder, a journal in it), a path for Optuna's journal file, or a URL such as
            sqlite:///study.db.
        folder: where curves and networks under way are kept; the same call goes on where it was interrupted.
        callbacks: see `train`.
        say: told in words what is decided.
        tell: told after each generation of its trials and its zooms.
        seed: of the proposals and of the networks.

    Returns:
        The Study: `best_config`, `best_value`, `best_params`, `trials`, `optuna`.

    Raises:
        BadSpace: a budget that is not above 0, or a space that names what is no setting.
        BadConfig: a metric of another task.
        BadRun: the storage does not answer, or holds another search.
    """
    if (trials is not None and trials < 1) or (seconds is not None and not 0 < seconds < float("inf")):
        raise BadSpace(
            f"caviar.tune needs at least 1 trial and more than 0 seconds, got trials={trials}, seconds={seconds}."
        )
    place = None if folder is None else Path(folder)
    return tune_networks(
        what,
        space,
        base=base,
        metric=metric,
        trials=TRIALS if trials is None and seconds is None else trials,
        seconds=seconds,
        proposals=proposals,
        strategy=strategy,
        storage=place / "study.log" if storage is None and place is not None else storage,
        folder=place,
        callbacks=callbacks,
        say=say,
        tell=tell,
        seed=seed,
    )
