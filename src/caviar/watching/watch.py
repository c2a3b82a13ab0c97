"""`watch`: train one network and steer it while it trains; `replay`: the same again from its journal."""

import dataclasses
from pathlib import Path

from caviar.data.split import Split
from caviar.errors import BadRun
from caviar.network.config import Config
from caviar.reporting.run_folder import read_run
from caviar.training import devices
from caviar.training.crew import rows_on_device
from caviar.watching.branches import Branch, begin, digest
from caviar.watching.journal import lines_of
from caviar.watching.session import Session
from caviar.watching.steering import retraced


def watch(
    split: Split, config: Config | None = None, *, folder: str | Path | None = None, paused: bool = False
) -> Session:
    """Train a network in a thread of its own, and take commands while it trains.

        with caviar.watch(split, caviar.Config(epochs=200), folder="runs/mine") as session:
            session.nudge(learning_rate=0.003)
            other = session.branch(dropout=0.3)     # a copy with one thing changed trains beside it
            session.rewind(40)                      # back to a kept epoch
            session.wait()
            print(session.history(other)["dev_error"][-1])

    Every command is in the journal, and on the disk, before it acts; `replay` gives the same weights bit for bit. Until
    the first one the network has the bits of `train`.

    Args:
        split: train and dev rows.
        config: the network; None is `Config()`.
        folder: of the session: journal and kept epochs. The same call goes on where it was left, paused: at the last
            kept epoch of every branch, with what the journal holds beyond it done again. None: nothing is kept on disk.
        paused: whether the network waits for `resume`.

    Raises:
        BadConfig: a config that cannot be, or not on this data.
        BadRun: the folder is in use, holds another session or something else, or cannot be written.
    """
    return Session(split, config or Config(), None if folder is None else Path(folder), paused=paused)


@dataclasses.dataclass(frozen=True)
class Replayed:
    """A session that was gone through again.

    Attributes:
        branches: as the commands of its journal make them, by number.
        equal: whether all have the bits that they had when the session was closed; None where it was not closed.
    """

    branches: dict[int, Branch]
    equal: bool | None


def replay(split: Split, folder: str | Path) -> Replayed:
    """Go through a session again, from the first step on, with the commands of its journal at their steps.

    Args:
        split: the data of the session.
        folder: of the session; nothing in it is changed.

    Raises:
        BadRun: there is no session in the folder, or it is of other data.
    """
    asked = read_run(Path(folder))["asked"]
    if asked.get("command") != "watch":
        raise BadRun(f"replay needs the folder of a session, but {folder} holds a run of {asked.get('command')}.")
    if asked["rows"] != split.fingerprint:
        raise BadRun(f"replay needs the rows of the session, but the data are not those of {folder}.")
    first, lines = begin(split, Config.from_mapping(asked["config"])), lines_of(Path(folder) / "journal.jsonl")
    branches = retraced(first, lines, split, rows_on_device(split), devices.places()[0])
    if not lines or lines[-1]["verb"] != "end":
        return Replayed(branches, None)
    found = {str(number): digest(branch) for number, branch in branches.items()}
    return Replayed(branches, found == {number: each["digest"] for number, each in lines[-1]["branches"].items()})
