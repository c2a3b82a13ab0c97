"""Earlier studies on disk: their trials, their space and what their data were like, as far as they tell.

A study is a run folder (`study.log`, with `summary.json` beside it where the run is finished), a journal file, or a URL
that Optuna opens.
"""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna

from caviar.data.split import Split
from caviar.errors import BadRun, BadSpace
from caviar.network.config import Config
from caviar.tuning.spaces.dimensions import Dimension, OneMinusLogUniform, Uniform
from caviar.tuning.spaces.kept import ASKED, space_of
from caviar.tuning.spaces.space import Space
from caviar.tuning.study import store
from caviar.tuning.study.storage import is_url
from caviar.tuning.transfer.likeness import figures_of, likeness
from caviar.tuning.transfer.prior import Earlier, Prior, earlier_study
from caviar.tuning.transfer.retune import for_rows
from caviar.tuning.trials import Trial

LIKE = "caviar:like"
"""Attribute of a study: what its data are like, see `likeness.figures_of`."""

_BETAS = ("momentum", "beta1", "beta2", "norm_beta", "average_weights", "decay_rate")
"""Settings that a study without its space keeps as log10(1 - value)."""


@dataclasses.dataclass(frozen=True, eq=False)
class Kept:
    """A study that was kept.

    Attributes:
        name: of its folder or file.
        space: what it searched.
        trials: complete ones of caviar's and of others, the best first; those of networks have their config.
        like: what its data were like, as far as it is known; see `likeness`.
    """

    name: str
    space: Space
    trials: tuple[Trial, ...]
    like: Mapping[str, Any]

    @property
    def train_rows(self) -> int | None:
        """Rows that its networks were trained on."""
        rows = self.like.get("train_rows")
        return None if rows is None else int(rows)


def kept_study(where: str | Path) -> Kept:
    """Read an earlier study; nobody who writes it is disturbed.

    Args:
        where: a run folder, a journal file, or a URL.

    Raises:
        BadRun: there is none, it cannot be read, or it has no complete trial.
    """
    folder = None if is_url(where) else Path(where)
    place: str | Path = where
    if folder is not None and folder.is_dir():
        place = _storage_in(folder)
    elif folder is not None and not folder.is_file():
        raise BadRun(f"An earlier study must be a run folder, a journal file or a URL, got {where}. Check the path.")
    study = store.load_study(place)
    try:
        space = space_in(study)
    except BadSpace:
        raise BadRun(f"An earlier study must have trials, but {where} holds none. Leave it out.") from None
    held = store.held_by(study, space, configs=True)
    trials = [trial for trial in (*held.others, *held.trials) if trial.outcome.state == "complete"]
    trials = [trial for trial in trials if math.isfinite(trial.outcome.criterion)]
    if not trials:
        raise BadRun(f"An earlier study must have a complete trial, but {where} has none. Leave it out.")
    trials.sort(key=lambda trial: trial.outcome.criterion)
    name = str(where) if folder is None else (folder if folder.is_dir() else folder.with_suffix("")).name
    return Kept(name, space, tuple(trials), _like(study, folder))


def space_in(study: optuna.Study) -> Space:
    """The space of a study that was kept; averaging weights on their own scale, as caviar keeps them.

    Raises:
        BadSpace: it has no trial with parameters.
    """
    space = space_of(study)
    if isinstance(study.user_attrs.get(ASKED), dict):
        return space

    def own(name: str, one: Dimension) -> Dimension:
        if name in _BETAS and isinstance(one, Uniform) and one.high < 0:
            return OneMinusLogUniform(1 - 10**one.high, 1 - 10**one.low)
        return one

    return Space({name: own(name, one) for name, one in space.items()}, space.conditions, space.fixed)


def prior_from(studies: Sequence[str | Path], space: Space, split: Split | None) -> Prior:
    """What earlier studies tell a search of a space.

    Args:
        studies: see `kept_study`.
        space: what is searched on the new data.
        split: the new data; None where a function is tuned.

    Raises:
        BadRun: one of them cannot be read.
    """
    like = None if split is None else figures_of(split)
    found = [as_earlier(kept_study(where), space, like) for where in studies]
    return Prior(space, tuple(one for one in found if one is not None))


def as_earlier(
    kept: Kept, space: Space, like: Mapping[str, Any] | None, *, alike: float | None = None
) -> Earlier | None:
    """A kept study for the search of a space; None where too few of its trials have settings that are searched.

    Args:
        kept: the study.
        space: what is searched.
        like: what the new data are like; None where a function is tuned.
        alike: how alike the data are, where it is known otherwise.
    """
    ratio = 1.0
    if like is not None and kept.train_rows:
        ratio = like["train_rows"] / kept.train_rows
    trials = [(_settings(trial, space, ratio), trial.outcome.criterion) for trial in kept.trials]
    known = likeness(kept.like, like or {}) if alike is None else alike
    return earlier_study(kept.name, space, trials, alike=known)


def _settings(trial: Trial, space: Space, ratio: float) -> Mapping[str, Any]:
    """All settings of a trial that a space searches: of a network those too that its own study did not search."""
    if trial.config is None:
        return trial.values
    values = space.values_of(for_rows(trial.config, ratio))
    return {name: value for name, value in values.items() if value is not None}


def _storage_in(folder: Path) -> str | Path:
    """Where the study of a run folder is: its journal, or the URL that was asked for."""
    if (folder / "study.log").exists():
        return folder / "study.log"
    asked = _json(folder / "run.json").get("asked", {})
    if isinstance(asked, dict) and isinstance(asked.get("storage"), str):
        return asked["storage"]
    raise BadRun(f"A run with a study must hold study.log, but {folder} has none. Give the folder of a search.")


def _like(study: optuna.Study, folder: Path | None) -> dict[str, Any]:
    """What the data of a study were like: as it was kept with it, or what the run's summary tells."""
    kept = study.user_attrs.get(LIKE)
    if isinstance(kept, dict):
        return kept
    if folder is None:
        return {}
    content = _json((folder if folder.is_dir() else folder.parent) / "summary.json")
    found: dict[str, Any] = {}
    if isinstance(content.get("task"), str):
        found["task"] = content["task"]
    sizes = content.get("split")
    if isinstance(sizes, dict) and sizes.get("train"):
        found |= {"train_rows": int(sizes["train"]), "log_rows": math.log(int(sizes["train"]))}
    errors = {
        one["name"]: one["dev_error"]["value"]
        for one in content.get("baselines") or []
        if isinstance(one, dict) and isinstance(one.get("dev_error"), dict)
    }
    if errors.get("constant") and errors.get("linear") is not None:
        share = errors["linear"] / errors["constant"]
        found["linear"] = share if found.get("task") == "classification" else share**2  # a share of squared errors
    return found


def _json(path: Path) -> dict[str, Any]:
    """What a JSON file holds; nothing where it cannot be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def top_settings(kept: Kept, n: int) -> list[tuple[str, Config]]:
    """The best n settings of a study of networks, those that differ in nothing but the seed once."""
    found: dict[Config, str] = {}
    for trial in kept.trials:
        if trial.config is not None and len(found) < n:
            found.setdefault(trial.config.changed(seed=0), f"trial {trial.number}")
    return [(name, config) for config, name in found.items()]
