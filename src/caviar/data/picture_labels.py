"""A CSV file beside pictures says what each shows: file names in one column, labels in another."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from caviar.data.text import read_text
from caviar.data.words import count, listed
from caviar.errors import BadData, nearest

_LABELS = ("label", "labels", "class", "target", "y", "category")
_ENOUGH = 0.5
"""Share of a column's cells that must be names of pictures, for it to be the column of file names."""
_MOST_ABSENT = 0.05
"""Share of rows whose picture may be missing; they are left out."""

Labelled = tuple[list[str], pl.Series, str, list[str]]
"""Files, their labels, the name of the target, and sentences."""


def labels_file(root: Path, tables: Sequence[str], pictures: Sequence[str], target: str | None) -> Labelled | None:
    """Pictures and labels by the CSV file of their folder.

    A cell names a picture by its path below the folder, by its file name, or by its file name without ending, where
    only one picture has it. A path that leads out of the folder names none.

    Args:
        root: the folder.
        tables: names of its CSV and TSV files.
        pictures: paths of its pictures below it.
        target: the column of labels; None: the only other one, or the one called label, class, target, ….

    Returns:
        Files, labels as text, the target's name, and sentences; None when no file names the pictures.

    Raises:
        BadData: several such files, no column of labels, or too many rows without picture.
    """
    names = _names(pictures)
    fitting = {}
    for table in tables:
        cells = read_text(root / table).cells
        column = max(cells.columns, key=lambda name: _share(cells[name], names))
        if _share(cells[column], names) >= _ENOUGH:
            fitting[table] = (cells, column)
    if not fitting:
        return None
    best = [table for table in fitting if Path(table).stem.lower() == "labels"] or list(fitting)
    if len(best) > 1:
        raise BadData(
            f"One CSV file must say what the pictures show, but {listed(best)} in '{root}' name them. Keep one there, "
            "or call it labels.csv."
        )
    cells, column = fitting[best[0]]
    label = _label(cells, column, target, best[0])
    files = [names.get(_plain(cell)) if cell else None for cell in cells[column].to_list()]
    there = [number for number, file in enumerate(files) if file is not None]
    absent = len(files) - len(there)
    if absent > _MOST_ABSENT * len(files):
        gone = [cell for cell, file in zip(cells[column].to_list(), files, strict=True) if file is None]
        raise BadData(
            f"Every row of '{best[0]}' must name a picture of the folder in '{column}', but {absent:,} of "
            f"{count(len(files), 'row')} do not, such as {listed(gone, 3)}. Put them there, or correct the names."
        )
    notes = [f"Labels are the column '{label}' of '{best[0]}', file names its column '{column}'."]
    if others := [name for name in cells.columns if name not in (column, label)]:
        notes.append(f"Other columns of '{best[0]}' left out: {listed(others)}.")
    if absent:
        notes.append(f"{count(absent, 'row')} without a picture left out.")
    chosen = [file for file in files if file is not None]
    if unnamed := len(pictures) - len(set(chosen)):
        notes.append(f"{count(unnamed, 'picture')} without a row left out.")
    return chosen, cells[label][there], label, notes


def _names(pictures: Sequence[str]) -> dict[str, str]:
    """What may stand for a picture: its path, and its name and stem where no other has them."""
    bare = [path.rpartition("/")[2] for path in pictures]
    stems = [name.rpartition(".")[0] for name in bare]
    names: dict[str, str] = {}
    for words in (stems, bare):
        tally = Counter(words)
        names |= {word: path for word, path in zip(words, pictures, strict=True) if tally[word] == 1}
    return names | {path: path for path in pictures}


def _plain(cell: str) -> str:
    return cell.strip().replace("\\", "/").removeprefix("./")


def _share(cells: pl.Series, names: dict[str, str]) -> float:
    return sum(_plain(cell) in names for cell in cells.fill_null("").to_list()) / max(len(cells), 1)


def _label(cells: pl.DataFrame, column: str, target: str | None, table: str) -> str:
    others = [name for name in cells.columns if name != column]
    if target is not None:
        if target not in others:
            raise BadData(f"'{table}' has no column '{target}' to predict. {nearest(target, others)}")
        return target
    if len(others) == 1:
        return others[0]
    usual = [name for name in others if name.lower() in _LABELS]
    if len(usual) == 1:
        return usual[0]
    raise BadData(
        f"Which column of '{table}' is to be predicted? It has {listed(others) or 'only file names'} beside the file "
        f"names in '{column}': name it by --target (in Python target=...)."
    )
