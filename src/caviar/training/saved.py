"""A trained network as files, and back: weights in safetensors, everything else in JSON, never a pickle.

`model.json` holds the config, the preparation of the inputs and the target's coding; `model.safetensors` the arrays
`layer.0.w` (units, inputs), `layer.0.b`, with batch norm `layer.0.scale`, `layer.0.mean` and `layer.0.variance`.
"""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
from safetensors.numpy import load_file, save_file
from scipy.special import softmax

from caviar.arrays import Numbers
from caviar.data.encoders import Dropped
from caviar.data.prepare import Preparation
from caviar.data.read import read_for
from caviar.data.split import Split
from caviar.data.stored import Frame, Stored
from caviar.data.target import TargetCoding
from caviar.data.transformed import Transformed
from caviar.errors import BadRun
from caviar.files import write_atomically
from caviar.network.config import Config
from caviar.network.layers import Layer, Statistics, Weights
from caviar.network.shapes import LayerShape
from caviar.training.outputs import outputs
from caviar.training.packing import shapes_of
from caviar.training.plan import inputs_of
from caviar.training.record import Run

FORMAT = 1


@dataclasses.dataclass(frozen=True, eq=False)
class Model:
    """A trained network with all that it takes to use it on new rows."""

    config: Config
    weights: Weights
    statistics: tuple[Statistics, ...]
    preparation: Preparation | Transformed
    target: TargetCoding

    @classmethod
    def of(cls, run: Run, split: Split) -> Self:
        """The model that a run on a split has become."""
        return cls(run.config, run.weights, run.statistics, split.preparation, split.target)

    def outputs(self, frame: Frame) -> Numbers:
        """Raw outputs, shape (rows, classes) or (rows, 1): logits, or the standardised prediction."""
        network = self.config, self.weights, self.statistics
        parts = (part for part, _ in frame.batches()) if isinstance(frame, Stored) else [frame]
        shape = self.preparation.image_shape
        return np.concatenate([outputs([network], self.preparation.features(part), shape)[0] for part in parts])

    def predict(self, data: Any, *, proba: bool = False) -> pl.DataFrame:
        """Predictions for rows with the columns it was trained on, in any order.

        Args:
            data: a DataFrame of any kind, or anything else that `read` takes; other columns are ignored.
            proba: add one column per class, "probability of CLASS"; classification only.

        Returns:
            A frame with the column "prediction" (labels, or numbers in the target's unit), one row per row of `data`.

        Raises:
            BadData: a column is missing or of another kind.
            BadRun: probabilities were asked of a regression.
        """
        classes = self.target.classes
        if proba and classes is None:
            raise BadRun(f"Probabilities need classes, but {self.target.name!r} is a number. Leave --proba out.")
        raw = self.outputs(data if isinstance(data, pl.DataFrame | Stored) else _rows_for(self.preparation, data))
        if classes is None:
            return pl.DataFrame({"prediction": self.target.decode(raw[:, 0])})
        shares = softmax(raw.astype(float), axis=1)
        answer = pl.DataFrame({"prediction": pl.Series(classes).gather(raw.argmax(axis=1))})
        if proba:
            answer = answer.with_columns(
                pl.Series(f"probability of {label}", shares[:, code]) for code, label in enumerate(classes)
            )
        return answer


def save(model: Model, folder: str | Path) -> None:
    """Write `model.json` and `model.safetensors` into a folder, which is made if it is not there.

    Args:
        model: of an improvement, or `Model.of(run, split)`.
        folder: where to.

    Raises:
        BadRun: a network or a transformer of the user's own, whose functions are no data.
    """
    if model.config.network is not None:
        raise BadRun(
            "A model is saved as data, but functions of your own are none. Keep Run.weights (numpy.savez of their "
            "arrays) beside your code, and give them to caviar.train(..., weights=[...]) or to your own apply."
        )
    preparation = model.preparation.to_json()
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    arrays = {}
    for number, layer in enumerate(model.weights):
        arrays |= {f"layer.{number}.{name}": array for name, array in layer._asdict().items() if array is not None}
    for number, statistics in enumerate(model.statistics):
        arrays |= {f"layer.{number}.{name}": array for name, array in statistics._asdict().items()}
    description = {
        "format": FORMAT,
        "task": model.target.task,
        "config": model.config.to_json(),
        "preparation": preparation,
        "target": model.target.to_json(),
    }
    with write_atomically(place / "model.safetensors") as path:
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)
    with write_atomically(place / "model.json") as path:
        path.write_text(json.dumps(description, indent=1), encoding="utf-8")


def load(folder: str | Path) -> Model:
    """Read a model from a run folder, or from any folder that `save` wrote.

    Raises:
        BadRun: there is no model, or its files are damaged or of a later caviar.
    """
    place = Path(folder)
    if not (place / "model.json").is_file():
        raise BadRun(
            f"A run folder with a model must hold model.json, got {place}. Give the folder that caviar improve "
            "or caviar train wrote, and let it finish."
        )
    try:
        description = json.loads((place / "model.json").read_text(encoding="utf-8"))
        if description["format"] != FORMAT:
            raise BadRun(
                f"A model must have format {FORMAT}, got {description['format']!r}. It was written by a later "
                "caviar: update."
            )
        arrays = load_file(place / "model.safetensors")
        config = Config.from_mapping(description["config"])
        preparation = Preparation.from_json(description["preparation"])
        target = TargetCoding.from_json(description["target"])
        shapes = shapes_of(config, inputs_of(preparation.width, preparation.image_shape), len(target.classes or [None]))
        layers, statistics = _layers(config, arrays, shapes)
        return Model(config, layers, statistics, preparation, target)
    except BadRun:
        raise
    except Exception as error:
        raise BadRun(
            f"The model in {place} cannot be read ({type(error).__name__}: {error}). Its files may be damaged: "
            "make it again."
        ) from error


def predict(model: Model | str | Path, data: Any, *, proba: bool = False) -> pl.DataFrame:
    """Predict for new rows.

    Args:
        model: a Model, or the folder of a finished run.
        data: anything `read` takes; feature columns in any order, more columns are ignored.
        proba: add one column per class with its probability.

    Returns:
        A polars DataFrame with the column "prediction", one row per row of `data`.

    Raises:
        BadRun: no model there, or probabilities of a regression.
        BadData: `data` cannot be read or lacks a column.
    """
    ready = model if isinstance(model, Model) else load(model)
    return ready.predict(_rows_for(ready.preparation, data), proba=proba)


def _rows_for(preparation: Preparation | Transformed, data: Any) -> Frame:
    """New rows as they are read; the pictures of a folder are scaled to those of training."""
    if isinstance(preparation, Transformed):
        used = preparation.columns
    else:
        used = [column.column for column in preparation.columns if not isinstance(column, Dropped)]
    return read_for(data, used, preparation.image_shape)


def _layers(
    config: Config, arrays: dict[str, Any], shapes: Sequence[LayerShape]
) -> tuple[Weights, tuple[Statistics, ...]]:
    """The arrays of a file as layers.

    Args:
        config: of the network.
        arrays: by name.
        shapes: of its layers.

    Raises:
        KeyError: an array is missing.
        ValueError: an array has another shape than the config says.
    """

    def array(name: str, *shape: int) -> Any:
        if arrays[name].shape != shape:
            raise ValueError(f"{name} must have the shape {shape}, got {arrays[name].shape}")
        return arrays[name]

    scaled = config.layers if config.batch_norm or config.layer_norm else 0
    layers = tuple(
        Layer(
            array(f"layer.{n}.w", shape.units, shape.inputs),
            array(f"layer.{n}.b", shape.units),
            array(f"layer.{n}.scale", shape.units) if n < scaled else None,
        )
        for n, shape in enumerate(shapes)
    )
    return layers, tuple(
        Statistics(array(f"layer.{n}.mean", shape.units), array(f"layer.{n}.variance", shape.units))
        for n, shape in enumerate(shapes[: config.layers if config.batch_norm else 0])
    )
