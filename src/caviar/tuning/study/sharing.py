"""Several machines, one study: on PostgreSQL, generations are claimed.

Every machine is started with the same call. A table beside Optuna's says who is at which generation, since when it was
last heard of, and what its points are. Whoever is free claims the first generation that is neither finished nor
somebody's; a machine that is silent for `LEASE_SECONDS` has lost its claim, and the next one goes on with the very
points that it had proposed. Trials are written while the claim's row is locked, so that one that was only slow finds
its claim gone, and writes nothing.

What is deterministic: with one machine, everything, as in a file. With several, the number of generations and their
sizes, and that no point of a generation is tried twice; a point's outcome follows from the point alone. Which trials of
others a generation knew of when it was proposed depends on who was faster, and so do its points, unless whoever
proposes looks at no trials: grid, random, low-discrepancy. Trials stand in the order in which they were finished.
"""

import contextlib
import json
import os
import socket
import threading
import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple

import optuna
from optuna.storages import RDBStorage
from optuna.storages._cached_storage import _CachedStorage
from sqlalchemy import text
from sqlalchemy.engine import Connection

from caviar.tuning.study.storage import answering

LEASE_SECONDS = 60.0
_BEATS = 5
"""Signs of life within a lease."""

_TABLE = """
create table if not exists caviar_claims (
    study varchar(512) not null, generation integer not null, owner varchar(200) not null,
    heard timestamp with time zone not null, finished boolean not null, points text,
    primary key (study, generation))"""

_CLAIM = """
insert into caviar_claims as held values (:study, :generation, :owner, clock_timestamp(), false, null)
on conflict (study, generation) do update set owner = :owner, heard = clock_timestamp()
where not held.finished and (
    held.owner in (:owner, :lost) or held.heard < clock_timestamp() - make_interval(secs => :lease))
returning points"""


class Claim(NamedTuple):
    """A generation that is this machine's."""

    generation: int
    points: Any
    """Plain values, where somebody has proposed its points before; else None."""


class Claims:
    """Who is at which generation of a study."""

    def __init__(self, study: optuna.Study, *, lease: float = LEASE_SECONDS) -> None:
        """The claims of a study that `shares` says yes to.

        Args:
            study: on PostgreSQL.
            lease: seconds of silence after which a claim is lost.
        """
        self._engine, self._study, self._lease = _database(study).engine, study.study_name, lease
        self._storage = study._storage
        self._owner = f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:8]}"
        with self._connected() as connection:
            connection.execute(text("select pg_advisory_xact_lock(4242001)"))  # two that make the table at one moment
            connection.execute(text(_TABLE))

    def claim(self, generation: int) -> Claim | None:
        """Take a generation; None where it is finished or somebody else's."""
        with self._connected() as connection:
            row = connection.execute(text(_CLAIM), self._of(generation, lease=self._lease, lost="")).first()
            if row is None and (lost := self._dead_owner(connection, generation)):
                row = connection.execute(text(_CLAIM), self._of(generation, lease=self._lease, lost=lost)).first()
        return None if row is None else Claim(generation, None if row[0] is None else json.loads(row[0]))

    def _dead_owner(self, connection: Connection, generation: int) -> str:
        """Whoever has a generation, if it was a process of this machine and is no more: its lease need not run out."""
        row = connection.execute(text(f"select owner from caviar_claims where {_HERE}"), self._of(generation)).first()
        host, process, _ = ("", "", "") if row is None else row[0].rsplit("/", 2)
        return row[0] if row is not None and host == socket.gethostname() and not _runs(int(process)) else ""

    def had_no_points(self, generation: int) -> bool:
        """Whether somebody found nothing more to try in a generation."""
        with self._connected() as connection:
            select = text(f"select points from caviar_claims where {_HERE} and finished")
            row = connection.execute(select, self._of(generation)).first()
        return row is not None and row[0] is not None and not json.loads(row[0])["points"]

    def proposed(self, generation: int, points: Any) -> None:
        """Keep the points of a generation that is this machine's: whoever takes it over judges the same."""
        self._run("update caviar_claims set points = :points", generation, points=json.dumps(points))

    @contextlib.contextmanager
    def alive(self, generation: int) -> Iterator[None]:
        """Give signs of life while a generation is judged."""
        ended = threading.Event()

        def beat() -> None:
            while not ended.wait(self._lease / _BEATS):
                with contextlib.suppress(Exception):  # the next one may get through
                    self._run("update caviar_claims set heard = clock_timestamp()", generation)

        thread = threading.Thread(target=beat, name="caviar heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    @contextlib.contextmanager
    def writing(self, generation: int) -> Iterator[bool]:
        """While its trials are written: whether it is still this machine's; finished when the block ends well."""
        with self._connected() as connection:
            row = connection.execute(
                text(f"select owner from caviar_claims where {_HERE} and not finished for update"), self._of(generation)
            ).first()
            mine = row is not None and row[0] == self._owner
            yield mine
            if mine:
                connection.execute(
                    text(f"update caviar_claims set finished = true where {_HERE}"), self._of(generation)
                )

    def release(self, generation: int) -> None:
        """Let others have a generation at once, whose points stay as they were proposed."""
        self._run("update caviar_claims set heard = '-infinity'", generation)

    def _run(self, change: str, generation: int, **values: Any) -> None:
        with self._connected() as connection:
            connection.execute(text(f"{change} where {_HERE} and owner = :owner"), self._of(generation, **values))

    def _of(self, generation: int, **values: Any) -> dict[str, Any]:
        return {"study": self._study, "generation": generation, "owner": self._owner, **values}

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Connection]:
        with answering(self._storage), self._engine.begin() as connection:
            yield connection


_HERE = "study = :study and generation = :generation"


def _runs(process: int) -> bool:
    """Whether a process of this machine still runs; on Windows one cannot ask without ending it."""
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def shares(study: optuna.Study) -> bool:
    """Whether several machines may search a study at once: on PostgreSQL."""
    storage = _storage(study)
    return isinstance(storage, RDBStorage) and storage.engine.dialect.name == "postgresql"


def _storage(study: optuna.Study) -> Any:
    storage = study._storage
    return storage._backend if isinstance(storage, _CachedStorage) else storage


def _database(study: optuna.Study) -> RDBStorage:
    storage = _storage(study)
    assert isinstance(storage, RDBStorage)
    return storage
