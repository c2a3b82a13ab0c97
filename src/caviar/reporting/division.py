"""What a run was asked about its sets besides their sizes: in run.json, and as `split` takes it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from caviar.data.sizes import Share
from caviar.data.split import Split, split
from caviar.data.table import Table
from caviar.data.task import Task


class Division(NamedTuple):
    """Arguments of `split`; None where nothing was asked."""

    group: str | None = None
    time: str | None = None
    by: str | None = None
    source: Sequence[str] | None = None
    bridge: bool | None = None

    @property
    def asked(self) -> dict[str, Any]:
        """As run.json names them."""
        return self._asdict() | {"source": None if self.source is None else list(self.source)}

    def split(self, table: Table, dev: Share | Table, test: Share | Table, *, task: Task | None, seed: int) -> Split:
        """The split that was asked for."""
        return split(
            table,
            dev,
            test,
            group=self.group,
            time=self.time,
            by=self.by,
            source=None if self.source is None else (self.source[0], self.source[1]),
            bridge=self.bridge,
            task=task,
            seed=seed,
        )
