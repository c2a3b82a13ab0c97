"""A list of configs as a table, before it is trained: what is compiled, what it takes, how much only fills up.

The same list, in any order, has the same plan whenever it is asked for: seconds come from the table in
`training.costs`. Only how many lanes are trained at once, and with it memory and time by the clock, follows from the
machine.
"""

import dataclasses
import functools
import heapq
import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from caviar.data.split import Split
from caviar.network.config import Config
from caviar.training import devices
from caviar.training.costs import compile_seconds, epochs_of, lane_seconds
from caviar.training.lanes import lanes
from caviar.training.memory import lane_bytes, places_with_room
from caviar.training.packing import shapes_of
from caviar.training.plan import Program, held_out, inputs_of, last_epoch, part_of_train, steps_per_epoch

_WORDS, _FIGURES = 32, (10, 12, 9, 9, 10, 10)
"""Columns of a table: for what distinguishes a program, and for its figures."""


@dataclasses.dataclass(frozen=True)
class Row:
    """One compiled program of a plan.

    Attributes:
        program: what distinguishes it from others, in words; layers at the width for which they are compiled.
        networks: of the list.
        lanes: into which they are cut.
        size: places of a lane; those that no network needs are filled with copies.
        padding: share of the multiplications in training that only fill up: units, places of a lane, epochs of a
            network that is done before its lane, rows that a mini-batch lacks and those that are held out.
        bytes: of the lanes trained at once.
        compile_seconds: expected when it was never compiled before.
        train_seconds: expected of one core for all lanes, as if no network stopped early.
        spent: seconds of one core that it took, compiling or loading it included; None before.
    """

    program: str
    networks: int
    lanes: int
    size: int
    padding: float
    bytes: int
    compile_seconds: float
    train_seconds: float
    spent: float | None = None

    @property
    def seconds(self) -> float:
        """Expected of one core."""
        return self.compile_seconds + self.train_seconds


@dataclasses.dataclass(frozen=True)
class Plan:
    """What training a list of configs takes.

    Attributes:
        rows: the dearest program first.
        padding: share of all multiplications that only fill up.
        at_once: lanes that are trained side by side.
        bytes: of the largest lanes that may be trained at once.
        seconds: expected by the clock, when nothing was compiled before.
    """

    rows: tuple[Row, ...]
    padding: float
    at_once: int
    bytes: int
    seconds: float

    def with_spent(self, spent: Mapping[str, float]) -> Self:
        """The same plan with the seconds that its programs took, by their words."""
        rows = tuple(dataclasses.replace(row, spent=spent.get(row.program)) for row in self.rows)
        return dataclasses.replace(self, rows=rows)

    def lines(self) -> list[str]:
        """A table of at most 92 columns."""
        spent = [row.spent for row in self.rows if row.spent is not None]
        names = ["networks", "lanes", "padding", "memory", "expected", *["spent"] * bool(spent)]
        told = [_line("program", names)]
        for row in self.rows:
            first, *others = textwrap.wrap(row.program, _WORDS, subsequent_indent="  ")
            told += [_line(first, _figures(row)), *others]
        if len(self.rows) > 1:
            networks, lanes = (sum(getattr(row, name) for row in self.rows) for name in ("networks", "lanes"))
            figures = [f"{networks:,}", f"{lanes:,}", f"{self.padding:.0%}", _size(self.bytes)]
            figures += [_seconds(sum(row.seconds for row in self.rows)), *[_seconds(sum(spent))] * bool(spent)]
            told.append(_line("together", figures))
        told += [
            "Seconds of one core, expected with nothing compiled before and no network stopped early.",
            f"By the clock about {_seconds(self.seconds)}, {_lanes(self.at_once)} at once. Padding: multiplications "
            "that only fill up.",
        ]
        return told

    def to_json(self) -> dict[str, Any]:
        """Plain values by name; `from_json` reads them back."""
        return dataclasses.asdict(self) | {"rows": [dataclasses.asdict(row) for row in self.rows]}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """What `to_json` gave."""
        own = dict(content)
        return cls(tuple(Row(**row) for row in own.pop("rows")), **own)


def explain(split: Split, configs: Sequence[Config]) -> Plan:
    """What `train` would do with these configs, in any order, as if none stopped early.

    Args:
        split: their data.
        configs: the networks.

    Raises:
        BadConfig: one asks for what the split does not have, or has no room in memory.
    """
    ordered = sorted(configs, key=lambda config: json.dumps(config.to_json(), sort_keys=True))
    cut = lanes(ordered, split)
    at_once = len(places_with_room(cut, devices.places()))
    names = in_words(lane.program for lane in cut)
    used = functools.cache(lambda rows: int((~held_out(Config(rows=rows), split)).sum()))
    rows, useful, done = [], 0.0, 0.0
    for program, words in names.items():
        own = [lane for lane in cut if lane.program == program]
        members = [ordered[number] for lane in own for number in lane.members]
        architecture, size = program.architecture, own[0].size
        epochs = sum(epochs_of(lane, ordered, split) for lane in own)
        all_done = size * architecture.products_per_row * epochs * steps_per_epoch(program, split) * program.batch_size
        all_useful = sum(
            _products(c, program, split) * last_epoch(c, split) * (_rows_of_a_share(c, program, split) or used(c.rows))
            for c in members
        )
        rows.append(
            Row(
                program=words,
                networks=len(members),
                lanes=len(own),
                size=size,
                padding=1 - all_useful / all_done,
                bytes=min(len(own), at_once) * lane_bytes(program, size),
                compile_seconds=compile_seconds(program),
                train_seconds=sum(lane_seconds(lane, ordered, split) for lane in own),
            )
        )
        useful, done = useful + all_useful, done + all_done
    return Plan(
        rows=tuple(sorted(rows, key=lambda row: (-row.seconds, row.program))),
        padding=1 - useful / done if done else 0.0,
        at_once=at_once,
        bytes=sum(heapq.nlargest(at_once, (lane_bytes(lane.program, lane.size) for lane in cut))),
        seconds=_by_the_clock([(lane.program, lane_seconds(lane, ordered, split)) for lane in cut], at_once),
    )


def in_words(programs: Iterable[Program]) -> dict[Program, str]:
    """What distinguishes programs of one split from each other; what is usual is left out."""
    told: dict[Program, str] = {}
    for program in dict.fromkeys(programs):
        words = same = _words(program)
        while words in told.values():  # networks of a person's own, with functions of one name
            words = f"{same} ({1 + sum(other.startswith(same) for other in told.values())})"
        told[program] = words
    return told


def _words(program: Program) -> str:
    architecture = program.architecture
    convolutions = architecture.convolutions
    layers = " ".join(map(str, architecture.units))
    if convolutions:
        filters = " ".join(str(each.filters) for each in convolutions)
        layers = f"convolutions {filters}" + (f", then {layers}" if layers else "")
    if architecture.own is not None:
        layers = f"own network {architecture.own.apply.__qualname__}"
    probable = architecture.outputs > 1
    output = "softmax" if probable else "linear"
    loss = "cross_entropy" if probable and architecture.output != "linear" else "squared"
    told = {
        layers or "linear": True,
        _alike("kernel", [each.kernel for each in convolutions], 3): True,
        _alike("stride", [each.stride for each in convolutions], 1): True,
        _alike("pooling", [each.pool for each in convolutions], 2): True,
        "global pooling": architecture.global_pooling,
        "residual": architecture.residual,
        f"{architecture.family} activations": architecture.family != "piecewise",
        "batch norm": architecture.batch_norm,
        "layer norm": architecture.layer_norm,
        "dropout": architecture.dropout,
        f"{architecture.output} output": architecture.output != output,
        f"{program.loss.replace('_', '-')} loss": program.loss != loss,
        architecture.precision: architecture.precision != "float32",
        f"mini-batch {program.batch_size}": True,
        "train and dev rows": program.pool == "train+dev",
        "class weights": program.weighted,
        "clipped": program.clipped,
        "max-norm": program.bounded,
        "input noise": program.noisy,
        "mixup": program.mixed,
        "averaged weights": program.averaged,
        " ".join(program.augment): bool(program.augment),
        "layers recorded": program.layers_recorded,
    }
    return ", ".join(words for words, holds in told.items() if words and holds)


def _alike(name: str, values: Sequence[int], usual: int) -> str:
    """A setting of convolutions: one number where all have it, nothing where it is the usual one."""
    if set(values) <= {usual}:
        return ""
    return f"{name} {' '.join(map(str, values if len(set(values)) > 1 else values[:1]))}"


def _products(config: Config, program: Program, split: Split) -> int:
    """Multiplications for one row at a network's true widths."""
    if program.architecture.own is not None:
        return program.architecture.products_per_row
    shapes = shapes_of(config, inputs_of(split.width, split.image_shape), split.outputs)
    return sum(shape.inputs * shape.units * shape.places for shape in shapes)


def _rows_of_a_share(config: Config, program: Program, split: Split) -> float:
    """Rows in the mini-batches of an epoch of a network on a share of the train rows; 0 for any other."""
    own = part_of_train(config.rows, split, config.seed)
    if own is None:
        return 0
    return steps_per_epoch(program, split) * len(own) / -(-len(own) // program.batch_size)


def _by_the_clock(lanes: Sequence[tuple[Program, float]], places: int) -> float:
    """Seconds until all lanes are done, each taken in its order by the first place that is free."""
    free, compiled = [0.0] * places, dict[Program, float]()
    for program, seconds in lanes:
        begins = heapq.heappop(free)
        ready = compiled.setdefault(program, begins + compile_seconds(program))
        heapq.heappush(free, max(begins, ready) + seconds)
    return max(free)


def _line(words: str, figures: Sequence[str]) -> str:
    return f"{words:<{_WORDS}}" + "".join(f"{one:>{width}}" for one, width in zip(figures, _FIGURES, strict=False))


def _lanes(count: int) -> str:
    return "1 lane" if count == 1 else f"{count} lanes"


def _figures(row: Row) -> list[str]:
    spent = [] if row.spent is None else [_seconds(row.spent)]
    lanes = f"{row.lanes:,} x {row.size}"
    return [f"{row.networks:,}", lanes, f"{row.padding:.0%}", _size(row.bytes), _seconds(row.seconds), *spent]


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds:,.0f} s"


def _size(count: float) -> str:
    units = ("B", "kB", "MB", "GB", "TB")
    power = sum(count >= 999.5 * 1000**n for n in range(len(units) - 1))
    return f"{count / 1000**power:.3g} {units[power]}"
