"""`tune`: searches the settings of networks, hundreds at a time, or the arguments of any function."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from caviar.data.split import Split
from caviar.errors import BadRun, BadSpace
from caviar.network.config import Config
from caviar.training.crew import Crew
from caviar.training.metrics import MetricName
from caviar.training.population import Callback
from caviar.tuning.functions.own_trial import Objective
from caviar.tuning.rungs import Rungs
from caviar.tuning.search import Study
from caviar.tuning.spaces.space import Space
from caviar.tuning.strategy import StrategyName
from caviar.tuning.study.storage import Where
from caviar.tuning.study.store import STUDY_NAME, Direction
from caviar.tuning.transfer.prior import Prior
from caviar.tuning.tune_networks import TRIALS, Told, tune_networks


def _nothing(*_: Any) -> None:
    """Nobody is told."""


def tune(
    what: Split | Objective,
    space: Space | None = None,
    *,
    base: Config | None = None,
    metric: MetricName | None = None,
    objectives: Sequence[str] = ("error",),
    start: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    direction: Direction | Sequence[Direction] = "minimize",
    trials: int | None = None,
    seconds: float | None = None,
    proposals: Any = None,
    rungs: str | Rungs | None = None,
    strategy: StrategyName | None = None,
    prior: Prior | None = None,
    storage: Where = None,
    study_name: str = STUDY_NAME,
    folder: str | Path | None = None,
    crew: Crew | None = None,
    processes: int = 1,
    time_limit: float | None = None,
    generation_size: int | None = None,
    callbacks: Sequence[Callback] = (),
    say: Callable[[str], None] = _nothing,
    tell: Told = _nothing,
    seed: int = 0,
) -> Study:
    """Search settings, coarse to fine: of networks, hundreds at a time, or of any function in any framework.

    Args:
        what: the data, of which fewer than 5,000 train and dev rows are judged out of fold; or a function of a trial
            (`own_trial.OwnTrial`: `params`, `report`, `should_prune`, `seed`) that returns a number, or one for each
            direction.
        space: what is searched; None is a space around `base` for its most important settings.
        base: of networks: trial 0, and the settings that are not searched; None is, with a space, the default config,
            and without one what `spaces.defaults.starts` says.
        metric: of networks: what is optimised; None is error or rmse.
        objectives: of networks: "error", the metric, and what else is to be small: "size", "prediction_cost".
        start: of a function: your own arguments, which are tried first.
        direction: of a function: "minimize" or "maximize", or one for each number that it returns.
        trials: points in all; None is 64, or as many as the seconds allow.
        seconds: no generation is begun that would end much later.
        proposals: who proposes points: coarse_to_fine, random, grid, low_discrepancy, tpe, gp, cma, nsga2, one of
            Optuna's samplers, or a `Proposer`; None is what the strategy does: coarse to fine, or nudges.
        rungs: of networks: "halving" or "hyperband" stop at rungs what is plainly not among the best, see `Rungs`;
            None: nothing is stopped.
        strategy: of networks: "panda" nudges one network at a time, "caviar" trains many; None: by how many the budget
            allows.
        prior: of networks: earlier studies on other data, see `transfer.prior`.
        storage: None in memory (or, with a folder, a journal in it), a path for Optuna's journal file, or a URL such as
            sqlite:///study.db or postgresql+psycopg://user@host/database.
        study_name: of several studies in one storage.
        folder: where curves and networks under way are kept; the same call goes on where it was interrupted.
        crew: of networks: who trains: a cluster (`tuning.cluster.cluster`), or None for this machine.
        processes: of a function: that call it at a time; 1 is this process.
        time_limit: of a function: seconds that one trial may take, then its process is ended; a single process is
            one of its own then, too.
        generation_size: of a function: points that are proposed at a time; None is 8, and with more than four processes
            two for each.
        callbacks: of networks: see `train`.
        say: told in words what is decided.
        tell: told after each generation of its trials and its zooms.
        seed: of the proposals, the networks and the trials.

    Returns:
        The Study: `best_config`, `best_value`, `best_params`, `trials`, `optuna`.

    Raises:
        BadSpace: a budget that is not above 0, a space that names what is no setting, or an unknown word.
        BadConfig: a metric of another task.
        BadObjective: all trials of a function's first generation failed in the same way.
        BadRun: the storage does not answer, or holds another search.
    """
    if (trials is not None and trials < 1) or (seconds is not None and not 0 < seconds < math.inf):
        raise BadSpace(
            f"caviar.tune needs at least 1 trial and more than 0 seconds, got trials={trials}, seconds={seconds}."
        )
    of_networks = {
        "base": base,
        "metric": metric,
        "objectives": objectives if tuple(objectives) != ("error",) else None,
        "rungs": rungs,
        "strategy": strategy,
        "prior": prior,
        "crew": crew,
        "callbacks": callbacks or None,
    }
    of_functions = {
        "start": start,
        "direction": None if direction == "minimize" else direction,
        "processes": None if processes == 1 else processes,
        "time_limit": time_limit,
        "generation_size": generation_size,
    }
    of_rows = isinstance(what, Split)
    for name, value in (of_functions if of_rows else of_networks).items():
        if value is not None:
            kind, other = ("networks", "a function") if of_rows else ("a function", "networks")
            raise BadSpace(f"To tune {kind} leave out {name}, which is for {other}; got {value!r}.")
    place = None if folder is None else _made(Path(folder))
    kept = place / "study.log" if storage is None and place is not None else storage
    if not isinstance(what, Split):
        from caviar.tuning.functions.tune_function import tune_function  # noqa: PLC0415  (its processes: slow to import)

        return tune_function(
            what,
            space,
            start=start,
            direction=direction,
            trials=trials,
            seconds=seconds,
            proposals=proposals,
            storage=kept,
            study_name=study_name,
            folder=place,
            processes=processes,
            time_limit=time_limit,
            generation_size=generation_size,
            seed=seed,
            tell=tell,
        )
    return tune_networks(
        what,
        space,
        base=base,
        metric=metric,
        objectives=objectives,
        trials=TRIALS if trials is None and seconds is None else trials,
        seconds=seconds,
        proposals=proposals,
        rungs=rungs,
        strategy=strategy,
        prior=prior,
        storage=kept,
        study_name=study_name,
        folder=place,
        crew=crew,
        callbacks=callbacks,
        say=say,
        tell=tell,
        seed=seed,
    )


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadRun(
            f"The folder of a search must be one that can be written, got {folder} ({error.strerror}). Name another."
        ) from None
    return folder
