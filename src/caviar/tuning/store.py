"""The study on disk: Optuna's, so that its dashboard and its samplers open it.

One write per finished trial. The journal file is made safe against a torn last line and a lock left behind, which
Optuna's own reader does not survive; the caller holds the run folder's lock while it is open.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import optuna
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from caviar.errors import BadRun
from caviar.network.config import Config
from caviar.tuning.space import Space
from caviar.tuning.trials import Outcome, State, Trial

STUDY_NAME = "caviar"

_STATES: dict[TrialState, State] = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}

_JOURNAL = b'{"op_code"'
"""How a journal begins."""


def open_study(storage: str | Path | None, direction: Literal["minimize", "maximize"]) -> optuna.Study:
    """Open the study, or start it.

    Args:
        storage: path of a journal file, a database URL such as sqlite:///study.db, or None to keep it in memory.
        direction: "minimize" or "maximize".

    Raises:
        BadRun: the storage does not answer or cannot be read.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        if storage is None:
            backend = None
        elif isinstance(storage, str) and "://" in storage:
            backend = RDBStorage(storage)
        else:
            path = Path(storage).absolute()
            _mend(path)
            backend = JournalStorage(JournalFileBackend(str(path)))
        return optuna.create_study(study_name=STUDY_NAME, storage=backend, direction=direction, load_if_exists=True)
    except Exception as error:
        raise BadRun(
            f"The study's storage must be a file or a database that answers, got {storage}: {error}. Check the "
            "path or the URL."
        ) from error


def claim(study: optuna.Study, asked: Mapping[str, Any]) -> None:
    """Mark a study with what it searches, or make sure that it is this.

    Raises:
        BadRun: it holds another search.
    """
    mark = hashlib.sha256(json.dumps(asked, sort_keys=True, default=repr).encode()).hexdigest()
    before = study.user_attrs.get("caviar:search")
    if before is None and not study.trials:
        study.set_user_attr("caviar:search", mark)
    elif before != mark:
        raise BadRun(
            "A study must be continued by the same search, but this one holds another: other space, metric, seed or "
            "start. Give another storage."
        )


def trials_of(study: optuna.Study, space: Space, *, configs: bool = False) -> dict[str, Trial]:
    """The trials that the study holds, by their id: generation/index, and -1/number of those that others have added.

    Those of others that are not finished, or lie outside the space, are left out.

    Args:
        study: where they are.
        space: what it searches.
        configs: whether the configs of networks are wanted.
    """
    found = [_trial(frozen, space, configs=configs) for frozen in study.get_trials(deepcopy=False)]
    return {trial.id: trial for trial in found if trial is not None}


def _trial(frozen: FrozenTrial, space: Space, *, configs: bool) -> Trial | None:
    """A trial as it was added."""
    facts = dict(frozen.user_attrs)
    state = _STATES.get(frozen.state)
    if state is None:
        return None
    place = facts.pop("caviar:id", None)
    if place is None:
        return None if frozen.values is None else _of_others(frozen, space)
    generation, index = (int(part) for part in place.split("/"))
    config = facts.pop("caviar:config", None)
    outcome = Outcome(
        state=state,
        values=tuple(frozen.values or ()),
        criterion=facts.pop("caviar:criterion", math.inf),
        noise=facts.pop("caviar:noise", 0.0),
        rungs=dict(frozen.intermediate_values),
        facts=facts,
    )
    values = facts.pop("caviar:values")
    own = None if config is None or not configs else Config.from_mapping(json.loads(config))
    return Trial(frozen.number, generation, index, values, own, outcome)


def _of_others(frozen: FrozenTrial, space: Space) -> Trial | None:
    """A trial that was not added by a search of caviar, where it lies in the space."""
    values = {name: space[name].restored(value) for name, value in frozen.params.items() if name in space}
    if space.active(values).keys() != values.keys() or not all(space[n].holds(v) for n, v in values.items()):
        return None
    if not values or frozen.state.name != "COMPLETE":
        return None
    return Trial(-1, -1, frozen.number, values, None, Outcome("complete", tuple(frozen.values), frozen.values[0]))


def add_trial(study: optuna.Study, space: Space, trial: Trial) -> None:
    """Write one finished trial in one piece.

    A value outside the space - the user's own config may have one - is kept as the attribute `caviar:values` and its
    trial has the nearest value inside, because a study's distributions must not change.

    Args:
        study: where to.
        space: the whole space, never a zoom: Optuna's samplers drop dimensions whose range changes.
        trial: what is written; its curves are not.
    """
    outcome, active = trial.outcome, space.active(trial.values)
    ranked = {"caviar:criterion": outcome.criterion} if math.isfinite(outcome.criterion) else {}
    config = {} if trial.config is None else {"caviar:config": json.dumps(trial.config.to_json())}
    study.add_trial(
        optuna.trial.create_trial(
            state=next(state for state, name in _STATES.items() if name == outcome.state),
            params={name: _inside(space, name, value) for name, value in active.items()},
            distributions={name: space[name].distribution() for name in active},
            values=outcome.values or None,
            intermediate_values=dict(outcome.rungs),
            user_attrs={
                "caviar:id": trial.id,
                **config,
                **outcome.facts,
                **ranked,
                "caviar:noise": outcome.noise,
                "caviar:values": dict(trial.values),
            },
        )
    )


def _inside(space: Space, name: str, value: Any) -> Any:
    """The value as the study keeps it; a value outside the space is moved to the nearest inside."""
    dimension = space[name]
    return dimension.stored(value if dimension.holds(value) else dimension.at(dimension.place(value)))


def _mend(path: Path) -> None:
    """Remove a lock that a killed process left, and cut a last line that was not written to its end.

    A file that is no journal is left as it is: Optuna's reader refuses it.
    """
    content = path.read_bytes() if path.exists() else b""
    if content[: len(_JOURNAL)] != _JOURNAL[: len(content)]:
        return
    path.with_name(path.name + ".lock").unlink(missing_ok=True)
    end = content.rfind(b"\n") + 1
    if end < len(content):
        with path.open("rb+") as journal:
            journal.truncate(end)
