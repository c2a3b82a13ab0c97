"""What a person sees while caviar works: stages, sentences and a bar with the time left, on stderr.

Plain lines when stderr is no terminal, so that a log can be read; nothing at all with `Silent`.
"""

import sys
import time
from typing import Protocol, Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from caviar.reporting.words import duration


class Listener(Protocol):
    """Who is told how the work goes."""

    def stage(self, title: str) -> None:
        """A new part of the work begins."""

    def say(self, text: str) -> None:
        """One sentence or finding."""

    def progress(self, text: str, share: float) -> None:
        """A share in [0, 1] of what is under way is done."""


class Silent:
    """Tells nobody."""

    def stage(self, title: str) -> None:
        """Nothing."""

    def say(self, text: str) -> None:
        """Nothing."""

    def progress(self, text: str, share: float) -> None:
        """Nothing."""


_QUIET_SECONDS = 10.0
"""A log hears of progress when it has heard nothing for so long."""


class PlainLines:
    """One line per event, for logs and pipes; progress only where nothing else is told for a while."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._began = self._last = time.monotonic()

    def stage(self, title: str) -> None:
        """A heading with the time since the start."""
        self._write(f"== {title}")

    def say(self, text: str) -> None:
        """One line with the time since the start."""
        self._write(f"   {text}")

    def progress(self, text: str, share: float) -> None:
        """A line when nothing was written for some seconds."""
        if time.monotonic() - self._last >= _QUIET_SECONDS:
            self._write(f"   {text}: {share:.0%}")

    def _write(self, text: str) -> None:
        self._last = time.monotonic()
        print(f"{duration(time.monotonic() - self._began)} {text}", file=self._stream, flush=True)


class Terminal:
    """Rich text with a bar that shows the time left; use as a context."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._began = time.monotonic()
        self._bar = Progress(
            TextColumn("      {task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )
        self._task = self._bar.add_task("", total=1.0, visible=False)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def stage(self, title: str) -> None:
        """A bold heading with the time since the start."""
        self._bar.update(self._task, visible=False)
        self._write(Text(title, "bold"))

    def say(self, text: str) -> None:
        """One line."""
        self._write(Text(f"  {text}"))

    def progress(self, text: str, share: float) -> None:
        """Move the bar; a share smaller than the last begins a new bar."""
        task = self._bar.tasks[0]
        if share < task.completed or not task.visible:
            self._bar.reset(self._task, total=1.0)
        self._bar.update(self._task, description=text, completed=share, visible=share < 1)

    def _write(self, text: Text) -> None:
        """A `Text`, in which nothing that comes from data is read as markup."""
        spent = Text(duration(time.monotonic() - self._began), "dim")
        self._console.print(Text.assemble(spent, " ", text), soft_wrap=True)
