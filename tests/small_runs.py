"""Improvements that take seconds: small tables, a tiny network, and one finished run that many tests read."""

import functools
from pathlib import Path

import numpy as np
import polars as pl

import caviar

HOSTILE = "<script>alert(1)</script>"

SMALL = {"hidden_units": [4], "epochs": 20, "batch_size": "full"}
"""Settings of a network that is trained in no time; the same shapes everywhere, so that programs are compiled once."""

TOML = 'hidden_units = [4]\nepochs = 20\nbatch_size = "full"\n'
CONFIG = caviar.Config.from_mapping(SMALL)
QUICK = {"config": CONFIG, "trials": 2}

CSV = [
    "a,b,y",
    *(f"{np.sin(7.0 * i):.3f},{np.cos(3.0 * i * i):.3f},{'no' if np.sin(7.0 * i) < 0.1 else 'yes'}" for i in range(60)),
]
"""A table of 60 rows: numbers a and b, label y."""


def written(path: Path, lines: list[str], encoding: str = "utf-8") -> Path:
    """A text file of these lines."""
    path.write_bytes(("\n".join(lines) + "\n").encode(encoding))
    return path


def frame(rows: int = 60) -> pl.DataFrame:
    """As `CSV`, with names that try to be markup."""
    own = pl.DataFrame([line.split(",") for line in CSV[1 : rows + 1]], schema=CSV[0].split(","), orient="row")
    return own.select(
        pl.col("a").cast(float).alias(HOSTILE),
        pl.col("b").cast(float).alias("b [red]$x$"),
        pl.col("y").replace_strict({"yes": f"yes {HOSTILE}", "no": "no & 'never' $"}),
    )


class Lines:
    """A listener that keeps what it is told, and interrupts at a sentence that begins with `until`."""

    def __init__(self, until: str | None = None) -> None:
        self.told: list[str] = []
        self.trained_in: set[str] = set()
        """Stages in which networks were trained."""
        self._stage = ""
        self._until = until

    def stage(self, title: str) -> None:
        self._stage = title
        self.say(f"== {title}")

    def say(self, text: str) -> None:
        self.told.append(text)
        if self._until is not None and text.startswith(self._until):
            raise KeyboardInterrupt

    def progress(self, text: str, share: float) -> None:
        assert text
        assert 0 <= share <= 1
        self.trained_in.add(self._stage)


@functools.cache
def finished(base: Path) -> tuple[caviar.Improvement, list[str]]:
    """One finished run of the test session, and what was said: of `frame()`, with a hostile name everywhere."""
    listener = Lines()
    return caviar.improve(frame(), "y", out=base / "finished", listener=listener, **QUICK), listener.told


@functools.cache
def finished_from_file(base: Path) -> tuple[caviar.Improvement, Path]:
    """One finished run of the test session whose data are a file, and the file."""
    path = written(base / "labels.csv", CSV)
    return caviar.improve(path, "y", out=base / "labels", **QUICK), path
