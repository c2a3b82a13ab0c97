"""Where a study is kept, by a path or a URL: a journal file, SQLite, PostgreSQL or whatever else Optuna opens.

A database that does not answer is told in one line within seconds, and no message holds a password.
"""

import contextlib
import importlib.util
import re
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, ProgrammingError, SQLAlchemyError

from caviar.errors import BadRun
from caviar.tuning.study.journal import Journal, hold

CONNECT_SECONDS = 10
_SILENT_SECONDS = 30
"""After so long without a word from the server its connection is given up."""

_DRIVER_PACKAGES = {"postgresql": 'pip install "caviar[postgres]"', "mysql": "pip install pymysql"}
_ATTEMPTS = 4
_holds: weakref.WeakKeyDictionary[RDBStorage, Any] = weakref.WeakKeyDictionary()
"""Files that this process holds, as long as their storage is there."""

Where = str | Path | BaseStorage | None


def is_url(where: Where) -> bool:
    """Whether a study's place is a URL and not a path."""
    return isinstance(where, str) and "://" in where


def shown(where: Where) -> str:
    """A study's place for people: without passwords, tokens or options."""
    if not is_url(where):
        return "the storage that was given" if isinstance(where, BaseStorage) else str(where)
    try:
        url = make_url(str(where))
    except (ArgumentError, ValueError):
        return f"{str(where).split('://')[0]}://…"
    return url.set(query={}).render_as_string()  # with *** for the password


def open_storage(where: Where, *, alone: bool = True) -> BaseStorage | None:
    """Open a study's place, or start it.

    Args:
        where: path of a journal file, a database URL, one of Optuna's storages, or None to keep it in memory.
        alone: take a file for this process, and mend what a kill left in it; False only reads.

    Returns:
        Optuna's storage; None for memory.

    Raises:
        BadRun: it does not answer or cannot be read, its driver is not installed, or another process searches it.
    """
    if where is None or isinstance(where, BaseStorage):
        return where
    try:
        if is_url(where):
            return _database(str(where), alone=alone)
        path = Path(where).absolute()
        if not alone and not path.is_file():
            raise FileNotFoundError(f"there is no file {path}")
        return JournalStorage(Journal(path) if alone else JournalFileBackend(str(path)))
    except BadRun:
        raise
    except Exception as error:
        raise refused(where, error) from None  # its cause may hold the password


def refused(where: Where, error: Exception) -> BadRun:
    """One line on a storage that failed."""
    return BadRun(
        f"The study's storage must be a file or a database that answers, got {shown(where)}: {_reason(where, error)}. "
        "Check the path or the URL."
    )


def failed(where: Where, error: Exception) -> BadRun:
    """One line on a storage that failed in the middle of a search."""
    return BadRun(
        f"A study must be written as its trials finish, but {shown(where)} failed: {_reason(where, error)}. Make room "
        "or bring it back, and repeat the call: it goes on with the next trial."
    )


STORAGE_ERRORS = (StorageInternalError, SQLAlchemyError)


@contextlib.contextmanager
def answering(storage: BaseStorage) -> Iterator[None]:
    """Tell a storage that fails in the block in one line.

    Raises:
        BadRun: it did.
    """
    try:
        yield
    except STORAGE_ERRORS as error:
        raise failed(_url_of(storage), error) from None  # its cause may hold the password


def _url_of(storage: BaseStorage) -> str:
    """Where a storage keeps its studies."""
    backend = getattr(storage, "_backend", storage)
    if isinstance(backend, RDBStorage):
        return backend.url
    return str(getattr(backend, "_file_path", "the storage that was given"))


def _reason(where: Where, error: Exception) -> str:
    """What went wrong, on one line, without the password."""
    root: BaseException = error
    while isinstance(root, (SQLAlchemyError, StorageInternalError)) and (under := root.__cause__ or root.__context__):
        root = under
    text = re.sub(r"\s+", " ", str(root)).strip().removesuffix(".") or type(root).__name__
    if is_url(where):
        for secret in _secrets(str(where)):
            text = text.replace(secret, "***")
    return text[:300]


def _secrets(where: str) -> list[str]:
    """What of a URL must not be shown."""
    found = {where}
    if match := re.match(r"[^:]+://[^:/@]*:(.*)@", where):
        found.add(match[1])
    try:
        url = make_url(where)
    except (ArgumentError, ValueError):
        return sorted(found, key=len, reverse=True)
    values = [
        url.password,
        *(one for value in url.query.values() for one in ([value] if isinstance(value, str) else value)),
    ]
    return sorted(found | {str(value) for value in values if value and len(value) > 2}, key=len, reverse=True)


def _database(where: str, *, alone: bool) -> RDBStorage:
    """A database, with time limits for whatever waits."""
    try:
        url = _with_driver(make_url(where))
    except (ArgumentError, ValueError):
        raise ArgumentError("it is no database URL") from None
    kind = url.get_backend_name()
    settings: dict[str, Any] = {"pool_pre_ping": True}
    held = None
    if kind == "postgresql" and "connect_timeout" not in url.query:
        settings["connect_args"] = {"connect_timeout": CONNECT_SECONDS}
    if kind == "postgresql":
        keep = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 4}
        settings["connect_args"] = {
            **settings.get("connect_args", {}),
            **keep,
            "tcp_user_timeout": 1000 * _SILENT_SECONDS,
        }
        settings["pool_timeout"] = _SILENT_SECONDS
    elif kind == "mysql":
        settings["connect_args"] = {"connect_timeout": CONNECT_SECONDS}
    elif kind == "sqlite" and url.database and url.database != ":memory:":
        path = Path(url.database).absolute()
        if not alone and not path.is_file():
            raise FileNotFoundError(f"there is no file {path}")
        held = hold(path) if alone else None
    storage = _made(url.render_as_string(hide_password=False), settings)
    _holds[storage] = held
    weakref.finalize(storage, storage.engine.dispose)  # its connections end with it
    return storage


def _made(url: str, settings: dict[str, Any]) -> RDBStorage:
    """Connect; two processes that make the tables of a new database at one moment get in each other's way, briefly."""
    for attempt in range(_ATTEMPTS):
        try:
            return RDBStorage(url, engine_kwargs=settings)
        except (IntegrityError, ProgrammingError):
            if attempt == _ATTEMPTS - 1:
                raise
            time.sleep(0.3 * (attempt + 1))
    raise AssertionError


def _with_driver(url: URL) -> URL:
    """The URL with a driver that is installed.

    Raises:
        BadRun: none is.
    """
    if url.drivername in ("postgres", "postgresql"):
        installed = importlib.util.find_spec("psycopg2")
        url = url.set(drivername="postgresql+psycopg2" if installed else "postgresql+psycopg")
    try:
        url.get_dialect().import_dbapi()
    except NoSuchModuleError:
        raise ArgumentError(f"no kind of database is called {url.drivername!r}") from None
    except ImportError as error:
        kind = url.get_backend_name()
        install = _DRIVER_PACKAGES.get(kind, "install it")
        raise BadRun(f"A study on {kind} needs the package {error.name or url.get_driver_name()}: {install}") from None
    return url
