"""The study: Optuna's, so that its dashboard and its samplers open it. One write per finished trial.

A study of caviar says what it searches, so that another search is refused; a study that a person made with Optuna is
continued, its trials count as points that were tried. Where it is kept: `storage`; its curves: `records`.
"""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import optuna
from optuna.trial import FrozenTrial, TrialState

from caviar.errors import BadRun, nearest
from caviar.network.config import Config
from caviar.tuning.proposals.propose import Zoom
from caviar.tuning.spaces.kept import ASKED, space_from
from caviar.tuning.spaces.space import Space
from caviar.tuning.study.storage import Where, answering, open_storage, refused
from caviar.tuning.trials import Outcome, State, Trial

STUDY_NAME = "caviar"
Direction = Literal["minimize", "maximize"]
FORMAT = 1
_STATES: dict[TrialState, State] = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}
_OF_STATE = {name: state for state, name in _STATES.items()}


def open_study(
    storage: Where, directions: Direction | Sequence[Direction], *, study_name: str = STUDY_NAME
) -> optuna.Study:
    """Open the study, or start it.

    Args:
        storage: path of a journal file, a database URL such as sqlite:///study.db, one of Optuna's storages, or None to
            keep it in memory.
        directions: "minimize" or "maximize", one for each objective.
        study_name: of several studies in one place.

    Raises:
        BadRun: the storage does not answer or cannot be read, another process searches it, or the study that is there
            has other directions.
    """
    wanted: list[Direction] = [directions] if isinstance(directions, str) else list(directions)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    kept = open_storage(storage)
    try:
        if kept is not None and study_name in optuna.get_all_study_names(kept):
            study = optuna.load_study(study_name=study_name, storage=kept)  # to create it would be one more line
        else:
            study = optuna.create_study(study_name=study_name, storage=kept, directions=wanted, load_if_exists=True)
        found = [direction.name.lower() for direction in study.directions]
    except BadRun:
        raise
    except Exception as error:
        raise refused(storage, error) from None
    if found != wanted:
        raise BadRun(
            f"A study must be continued in its own directions, but {study_name!r} was begun with "
            f"{', '.join(found)}, and {', '.join(wanted)} came. Ask for the same, or give another study name."
        )
    return study


def load_study(storage: Where, study_name: str | None = None) -> optuna.Study:
    """Open a study that is there, to read it; nobody who writes it is disturbed.

    Args:
        storage: see `open_study`.
        study_name: None where the storage holds one study only, or one that is called caviar.

    Raises:
        BadRun: the storage does not answer or cannot be read, or holds no such study.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    kept = open_storage(storage, alone=False)
    try:
        names = [] if kept is None else optuna.get_all_study_names(kept)
        chosen = study_name or (names[0] if len(names) == 1 else STUDY_NAME)
        if kept is not None and chosen in names:
            return optuna.load_study(study_name=chosen, storage=kept)
    except Exception as error:
        raise refused(storage, error) from None
    raise BadRun(
        f"The storage must hold the study {chosen!r}, but it holds {'others' if names else 'none'}. "
        + (nearest(chosen, names) if names else "Check the path or the URL.")
    )


def claim(study: optuna.Study, asked: Mapping[str, Any]) -> None:
    """Mark a study with what it searches, or make sure that it is this.

    Raises:
        BadRun: it holds another search; the first difference is named.
    """
    now = json.loads(json.dumps({"format": FORMAT, **asked}, default=repr))
    with answering(study._storage):
        before = study.user_attrs.get(ASKED)
        if before is None:
            for trial in study.get_trials(deepcopy=False):
                _check_distributions(trial, asked)
            study.set_user_attr(ASKED, now)
            return
    if not isinstance(before, dict) or before.get("format", 0) > FORMAT:
        raise BadRun(f"The study {study.study_name!r} was written by another version of caviar: update, or start anew.")
    name, was, is_now = _difference(before, now) or ("", None, None)
    if name in ("data", "rows"):
        raise BadRun(
            f"The study {study.study_name!r} must go on with the rows it was begun with, but the data hold others. "
            "Give another storage or study name."
        )
    if name:
        raise BadRun(
            f"The study {study.study_name!r} was begun with {name} = {_short(was)}, now {name} = {_short(is_now)} "
            "came. Ask for the same to continue it, or give another storage or study name."
        )


def _difference(was: Any, now: Any, name: str = "") -> tuple[str, Any, Any] | None:
    """The first place where two plain values differ: its name and both."""
    if isinstance(was, dict) and isinstance(now, dict):
        inside = (
            _difference(was.get(key), now.get(key), f"{name}.{key}".removeprefix("."))
            for key in (*was, *(now.keys() - was))
        )
        return next((found for found in inside if found), None)
    if isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        inside = (_difference(one, other, f"{name}[{i}]") for i, (one, other) in enumerate(zip(was, now, strict=True)))
        return next((found for found in inside if found), None)
    return None if was == now else (name, was, now)


def _short(value: Any) -> str:
    if isinstance(value, dict) and "kind" in value:
        value = f"{value['kind']}({', '.join(f'{k}={v}' for k, v in value.items() if k != 'kind')})"
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _check_distributions(trial: FrozenTrial, asked: Mapping[str, Any]) -> None:
    """Make sure that trials of this search fit beside one that is there.

    Raises:
        BadRun: the same name means something else there.
    """
    space = space_from(asked)
    for name, theirs in trial.distributions.items():
        if space is None or name not in space:
            continue
        try:
            optuna.distributions.check_distribution_compatibility(theirs, space.distributions[name])
        except ValueError:
            raise BadRun(
                f"A study must be continued with dimensions of the same kind, but it holds {name} as {theirs}, and "
                f"{space[name]} came. Take the study's own space, or give another storage or study name."
            ) from None


class Begun(NamedTuple):
    """What the first trial of a generation says about all of it."""

    points: int
    zooms: tuple[Zoom, ...]

    def plain(self) -> dict[str, Any]:
        """As plain values."""
        zooms = [dataclasses.asdict(zoom) for zoom in self.zooms]
        return json.loads(json.dumps({"points": self.points, "zooms": zooms}, default=lambda number: number.item()))

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "Begun":
        """From plain values."""
        return cls(plain["points"], tuple(_zoom(one) for one in plain["zooms"]))


def _zoom(plain: Mapping[str, Any]) -> Zoom:
    return Zoom(**{name: tupled(value) for name, value in plain.items()})


def tupled(value: Any) -> Any:
    """Lists, as JSON has them, as the tuples that they were."""
    if isinstance(value, list):
        return tuple(tupled(one) for one in value)
    return {name: tupled(one) for name, one in value.items()} if isinstance(value, dict) else value


class Held(NamedTuple):
    """What a study holds."""

    trials: list[Trial]
    """Of caviar's searches, in the order of the study."""
    others: list[Trial]
    """Finished points that others have tried and that fit the space, in the order of the study."""
    unusable: dict[str, int]
    """How many of other people's trials were left out, by the reason."""
    total: int
    """Trials in all, whatever their state."""
    begun: dict[int, Begun]
    """What is known of each generation whose first trial is there."""


def held_by(study: optuna.Study, space: Space, *, configs: bool = False, after: int = 0) -> Held:
    """The trials that a study holds.

    Args:
        study: where they are.
        space: what it searches.
        configs: whether the configs of networks are wanted.
        after: trials that are left out, from the first on: whoever asks knows them.
    """
    trials, others, unusable, begun = [], [], dict[str, int](), dict[int, Begun]()
    with answering(study._storage):
        found = study.get_trials(deepcopy=False)
    for frozen in found[after:]:
        if "caviar:id" in frozen.user_attrs:
            if mark := frozen.user_attrs.get("caviar:generation"):
                begun[int(frozen.user_attrs["caviar:id"].split("/")[0])] = Begun.of(mark)
            trials.append(_trial(frozen, configs=configs))
            continue
        values = _fitting(frozen, space)
        if isinstance(values, str):
            unusable[values] = unusable.get(values, 0) + 1
            continue
        assert frozen.values is not None
        first = -frozen.values[0] if study.directions[0].name == "MAXIMIZE" else frozen.values[0]
        outcome = Outcome("complete", tuple(frozen.values), first)
        others.append(Trial(frozen.number, -1, frozen.number, values, None, outcome))
    return Held(trials, others, unusable, len(found), begun)


def trials_of(study: optuna.Study, space: Space, *, configs: bool = False) -> dict[str, Trial]:
    """The trials that the study holds, by their id: generation/index, and -1/number of those that others have added.

    Those of others that are not finished, or do not fit the space, are left out. See `held_by`.
    """
    held = held_by(study, space, configs=configs)
    return {trial.id: trial for trial in (*held.others, *held.trials)}


def _fitting(frozen: FrozenTrial, space: Space) -> dict[str, Any] | str:
    """The point of a trial that others have added; in words why it is none of the space's."""
    if frozen.state != TrialState.COMPLETE or not frozen.values:
        return f"{frozen.state.name.lower()}, not complete"
    values, fixed = {}, {}
    for name, value in frozen.params.items():
        if name in space.fixed:
            fixed[name] = value
            continue
        if name not in space:
            return f"{name} is not searched"
        dimension = space[name]
        alike = (
            type(frozen.distributions[name]) is type(own := space.distributions[name])
            and frozen.distributions[name] == own
        )
        values[name] = dimension.restored(value) if alike else value
        if not dimension.holds(values[name]):
            return f"{name} lies outside"
    if any(space.fixed[name] != value for name, value in fixed.items()):
        return "another value of what is fixed"
    active = space.active(values)
    missing = [name for name in space if name not in active and space.is_active(name, active)]
    return f"{missing[0]} is missing" if missing or not active else active


def _trial(frozen: FrozenTrial, *, configs: bool) -> Trial:
    """A trial as it was added."""
    facts = dict(frozen.user_attrs)
    generation, index = (int(part) for part in facts.pop("caviar:id").split("/"))
    facts.pop("caviar:generation", None)
    config = facts.pop("caviar:config", None)
    values = facts.pop("caviar:values")
    outcome = Outcome(
        state=_STATES[frozen.state],
        values=tuple(frozen.values or ()),
        criterion=facts.pop("caviar:criterion", math.inf),
        noise=facts.pop("caviar:noise", 0.0),
        rungs=dict(frozen.intermediate_values),
        facts=facts,
    )
    own = None if config is None or not configs else Config.from_mapping(json.loads(config))
    return Trial(frozen.number, generation, index, values, own, outcome)


def add_trial(study: optuna.Study, space: Space, trial: Trial, begun: Begun | None = None) -> None:
    """Write one finished trial in one piece.

    A value outside the space - the user's own config may have one - is kept as the attribute `caviar:values` and its
    trial has the nearest value inside, because a study's distributions must not change.

    Args:
        study: where to.
        space: the whole space, never a zoom: Optuna's samplers drop dimensions whose range changes.
        trial: what is written; its curves are not.
        begun: with the first trial of a generation, what is to be known about all of it.

    Raises:
        BadRun: there is no room, or the storage does not answer any more.
    """
    outcome, active = trial.outcome, space.active(trial.values)
    ranked = {"caviar:criterion": outcome.criterion} if math.isfinite(outcome.criterion) else {}
    config = {} if trial.config is None else {"caviar:config": json.dumps(trial.config.to_json())}
    failed_one = outcome.state == "failed"
    frozen = optuna.trial.create_trial(
        state=_OF_STATE[outcome.state],
        params={name: _inside(space, name, value) for name, value in active.items()},
        distributions={name: space.distributions[name] for name in active},
        values=None if failed_one else outcome.values or None,
        intermediate_values=dict(outcome.rungs),
        user_attrs={
            "caviar:id": trial.id,
            **({} if begun is None else {"caviar:generation": begun.plain()}),
            **config,
            **outcome.facts,
            **ranked,
            "caviar:noise": outcome.noise,
            "caviar:values": dict(trial.values),
        },
    )
    with answering(study._storage):
        study.add_trial(frozen)


def _inside(space: Space, name: str, value: Any) -> Any:
    """The value as the study keeps it; a value outside the space is moved to the nearest inside."""
    dimension = space[name]
    return dimension.stored(value if dimension.holds(value) else dimension.at(dimension.place(value)))
