"""What a run was asked about its sets: in run.json, and as rows of its table."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from caviar.data.read import read
from caviar.data.split import Split, split
from caviar.data.table import Table
from caviar.reporting.run_folder import named
from caviar.reporting.terminal import Listener, Silent


class Division(NamedTuple):
    """How rows are divided, as `caviar.split` takes it; None where nothing was asked."""

    dev: Any = None
    """A share, a number of rows, or anything that `read` takes."""
    test: Any = None
    group: str | None = None
    time: str | None = None
    by: str | None = None
    source: Sequence[str] | None = None
    bridge: bool | None = None
    scale: str | None = None
    """How numbers are normalised: None is `standard`, and the word "none" leaves them as they are."""

    @property
    def asked(self) -> dict[str, Any]:
        """As run.json names them."""
        source = None if self.source is None else list(self.source)
        return self._asdict() | {"dev": named(self.dev), "test": named(self.test), "source": source}

    def split(self, table: Table, *, tell: Listener | None = None, **more: Any) -> Split:
        """The split that was asked for.

        Args:
            table: dev and test sets that are tables of their own are read as this one was.
            tell: told of what takes long.
            more: further arguments of `caviar.split`.
        """
        column = None if table.target is None else table.target.name
        shape = table.image_shape
        sets = [
            part if part is None or isinstance(part, (int, float)) else read(part, column, image_shape=shape)
            for part in (self.dev, self.test)
        ]
        if table.on_disk:
            (tell or Silent()).say(f"The {table.rows:,} rows of {table.name} are on disk: dividing and preparing them.")
        source = None if self.source is None else (self.source[0], self.source[1])
        roles: dict[str, Any] = {
            "group": self.group,
            "time": self.time,
            "by": self.by,
            "source": source,
            "bridge": self.bridge,
        }
        roles |= {} if self.scale is None else {"scale": None if self.scale == "none" else self.scale}
        return split(table, *sets, **roles, **more)
