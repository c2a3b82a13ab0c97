"""Memory: what a lane takes, known before it is trained, and what is done where there is not enough.

    bytes = 4 * 7 weights of all networks + activations of the networks and rows that are computed at once

Weights are held as such, as kept and as two moments, and while a step lasts as gradients, directions and new weights;
activations are those of `plan.activation_bytes`. Measured by XLA's own account over dense and convolutional networks of
32 to 1,024 units, mini-batches of 64 to 1,024: the estimate is 1.1 to 2.1 times what is used.
"""

from collections.abc import Sequence
from pathlib import Path

from caviar.errors import BadConfig
from caviar.training.devices import Device
from caviar.training.lanes import Lane, halves
from caviar.training.plan import Program, activation_bytes, one_after_the_other
from caviar.training.rows import IMAGES_AT_ONCE, MEASURED_AT_ONCE

_FEWEST_IN_A_HALF = 8
"""From here on lanes of any size give the same bits."""


def lane_bytes(program: Program, size: int) -> int:
    """Bytes that a lane of so many networks takes beside the rows."""
    architecture = program.architecture
    at_once = 1 if one_after_the_other(architecture) else size
    rows = max(program.batch_size, IMAGES_AT_ONCE if architecture.inputs.image else MEASURED_AT_ONCE)
    return 4 * 7 * size * architecture.weights + at_once * activation_bytes(architecture, rows)


def places_with_room(lanes: Sequence[Lane], places: Sequence[Device], *, first: bool = True) -> Sequence[Device]:
    """As many of a processor's places as there is memory for: its lanes wait for each other rather than fail.

    Raises:
        BadConfig: not even one lane has room, and it is the first that would be trained; later it is tried, since what
            was trained would be lost.
    """
    room = available_bytes()
    if not lanes or room is None or places[0].platform != "cpu":
        return places
    most = max(lane_bytes(lane.program, lane.size) for lane in lanes)
    if first and most > room:
        raise BadConfig(too_large(most, room))
    return places[: max(1, int(room // most))]


def with_less_memory(lanes: Sequence[Lane], places: Sequence[Device]) -> tuple[list[Lane], Sequence[Device]]:
    """Another try for lanes that found no room, to the same bits.

    On a GPU lanes of half the size; on a processor, where the bits of small lanes depend on their size, one lane at a
    time.

    Raises:
        BadConfig: they cannot be made smaller.
    """
    if not lanes:
        return [], places
    if places[0].platform != "cpu" and all(lane.size >= 2 * _FEWEST_IN_A_HALF for lane in lanes):
        return [half for lane in lanes for half in halves(lane)], places
    if places[0].platform == "cpu" and len(places) > 1:
        return list(lanes), places[:1]
    raise BadConfig(too_large(max(lane_bytes(lane.program, lane.size) for lane in lanes), available_bytes()))


def too_large(needed: int, room: int | None) -> str:
    """What is said where there is no room."""
    there = "" if room is None else f", but {room / 1e9:.1f} GB are free"
    return (
        f"Networks must fit into memory, and what is trained at once takes about {needed / 1e9:.1f} GB{there}. Make "
        "batch_size smaller, or the network narrower."
    )


def available_bytes() -> int | None:
    """Memory that this process may still take, by the system and the container's limit; None where it is not known."""
    found = []
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                found.append(int(line.split()[1]) * 1024)
    except OSError:
        return None
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        if limit != "max":
            used = int(Path("/sys/fs/cgroup/memory.current").read_text())
            facts = dict(line.split() for line in Path("/sys/fs/cgroup/memory.stat").read_text().splitlines())
            found.append(int(limit) - used + int(facts.get("inactive_file", 0)))  # what files keep is given back
    except (OSError, ValueError):
        pass
    return max(0, min(found)) if found else None
