"""The study on disk: Optuna's, so that its dashboard and its samplers open it.

One write per finished trial. The journal file is made safe against a torn last line and a lock left behind, which
Optuna's own reader does not survive; the caller holds the run folder's lock while it is open.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import optuna
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

from caviar.errors import BadRun
from caviar.tuning.space import Space

STUDY_NAME = "caviar"

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


def claim(study: optuna.Study, asked: str) -> None:
    """Mark a study with what it searches, or make sure that it is this.

    Raises:
        BadRun: it holds another search.
    """
    mark = hashlib.sha256(asked.encode()).hexdigest()
    before = study.user_attrs.get("caviar:search")
    if before is None and not study.trials:
        study.set_user_attr("caviar:search", mark)
    elif before != mark:
        raise BadRun(
            "A study must be continued by the same search, but this one holds another: other space, metric, seed or "
            "start. Give another storage."
        )


def known_ids(study: optuna.Study) -> set[str]:
    """The trials that the study already holds, by their `caviar:id`: generation/index."""
    return {trial.user_attrs["caviar:id"] for trial in study.trials if "caviar:id" in trial.user_attrs}


def add_trial(
    study: optuna.Study, space: Space, values: Mapping[str, Any], score: float, attributes: Mapping[str, Any]
) -> None:
    """Write one finished trial in one piece.

    A value outside the space - the user's own config may have one - is kept as the attribute `caviar:values` and its
    trial has the nearest value inside, because a study's distributions must not change.

    Args:
        study: where to.
        space: the whole space, never a zoom: Optuna's samplers drop dimensions whose range changes.
        values: by name, as the config has them.
        score: the metric; finite.
        attributes: plain values by name.
    """
    params = {name: _inside(space, name, values[name]) for name in space}
    study.add_trial(
        optuna.trial.create_trial(
            params=params,
            distributions={name: dimension.distribution() for name, dimension in space.items()},
            value=score,
            user_attrs={**attributes, "caviar:values": dict(values)},
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
