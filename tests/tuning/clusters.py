"""A PostgreSQL server of one's own, in a temporary folder, for the time of a test."""

import contextlib
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path


def server_programs() -> Path | None:
    """The folder of initdb and pg_ctl; None where no server is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    here = shutil.which("initdb")
    return found[-1].parent if found else Path(here).resolve().parent if here else None


def as_server(*command: str | Path) -> None:
    """Run a program of the server, which refuses to be root."""
    user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
    done = subprocess.run([*user, *map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@contextlib.contextmanager
def running(folder: Path) -> Iterator[str]:
    """The URL of a running server; it listens on a socket in its folder only."""
    programs = server_programs()
    assert programs is not None
    folder.mkdir()
    if os.getuid() == 0:
        for parent in [folder, *folder.parents[:2]]:
            parent.chmod(parent.stat().st_mode | 0o011)
        owner = pwd.getpwnam("postgres")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    data = folder / "data"
    as_server(programs / "initdb", "-D", data, "-U", "caviar", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C")
    options = f"-c listen_addresses='' -k {folder} -c fsync=off -c max_connections=40"
    as_server(programs / "pg_ctl", "-D", data, "-l", folder / "log", "-o", options, "-w", "start")
    try:
        yield f"postgresql+psycopg://caviar:a-secret-word@/postgres?host={folder}"
    finally:
        as_server(programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
