"""The page in a real browser: script time per update with 1,000 curves, and what a browser costs the training.

    apt-get install chromium; python -m pip install playwright
    python benchmarks/page.py [--parts curves nudges session] [--curves 1000] [--seconds 20] [--chromium PATH]
                              [--screenshots DIR]

curves: a made-up search whose curves all grow by an epoch ten times a second; the page says how long its scripts took
for each message, drawing included. nudges: how soon a rate that is changed in its field acts on digits, until the page
has the news of it. session: a session on digits with and without a browser on the same machine, in
turns: epochs a second. The machine should do nothing else.
"""

import argparse
import contextlib
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PARTS = ("curves", "nudges", "session")
PER_SECOND = 10


class MadeSearch:
    """A search under way, as the server asks it."""

    id, name, kind, folder, live = "0", "made up", "study", None, True

    def __init__(self, curves: int, epochs: int = 20) -> None:
        """So many curves, each so long at first."""
        draw = random.Random(0)
        self._floors = [draw.uniform(0.02, 0.4) for _ in range(curves)]
        self._rates = [10 ** draw.uniform(-4, -1) for _ in range(curves)]
        self._epochs, self._draw = epochs, draw

    def state(self) -> str:
        """It goes on."""
        return "under way"

    def _value(self, number: int, epoch: int) -> float:
        return round(self._floors[number] + 0.8 / (1 + 0.3 * epoch) + self._draw.gauss(0, 0.004), 5)

    def begin(self) -> dict[str, Any]:
        """All curves so far."""
        numbers = range(len(self._floors))
        trials = [
            {"number": n, "generation": n // 50, "state": "complete", "value": self._floors[n], "epochs": self._epochs}
            | {"seconds": 1.0, "params": {"learning_rate": self._rates[n], "units": 16 + n % 112}}
            for n in numbers
        ]
        run = {
            **{"id": "0", "name": "made up", "folder": "made-up", "finished": False, "metric": "error"},
            **{"smaller_is_better": True, "task": "classification", "curve": "dev_error", "most_epochs": 1_000},
            "space": {
                "learning_rate": {"kind": "number", "scale": "log", "low": 1e-4, "high": 0.1},
                "units": {"kind": "whole", "scale": "log", "low": 16, "high": 128},
            },
            **{"headline": ["A made-up search."], "importance": [], "critic": [], "best": None},
        }
        curves = {str(n): [self._value(n, epoch) for epoch in range(self._epochs)] for n in numbers}
        return {"run": run, "trials": trials, "curves": curves, "zooms": [], "rungs": []}

    def more(self) -> dict[str, Any]:
        """One more epoch of every curve."""
        at = self._epochs
        self._epochs += 1
        return {"curves": {str(n): {"from": at, "values": [self._value(n, at)]} for n in range(len(self._floors))}}

    def ask(self, *_: Any) -> Any:
        """Nothing trains."""
        raise NotImplementedError


@contextlib.contextmanager
def browser(executable: str) -> Iterator[Any]:
    """Chromium without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield opened
        opened.close()


def curves(count: int, seconds: float, executable: str, screenshots: Path | None) -> None:
    """Script time per update."""
    from caviar.web import hub
    from caviar.web.server import Server

    hub.SECONDS_PER_LOOK = 1 / PER_SECOND
    with Server([MadeSearch(count)], port=0) as server, browser(executable) as opened:  # pyright: ignore[reportArgumentType]
        page = opened.new_page(viewport={"width": 1280, "height": 720})
        page.goto(server.address)
        while page.evaluate("window.caviar?.stats.updates ?? 0") < 5:  # the page's policy forbids wait_for_function
            page.wait_for_timeout(100)
        page.evaluate("window.caviar.stats.worstUpdateMs = 0")
        before, times, began = page.evaluate("window.caviar.stats.updates"), [], time.monotonic()
        while time.monotonic() - began < seconds:
            page.wait_for_timeout(100)
            times.append(page.evaluate("window.caviar.stats.lastUpdateMs"))
        took = time.monotonic() - began
        updates = page.evaluate("window.caviar.stats.updates") - before
        worst = page.evaluate("window.caviar.stats.worstUpdateMs")
        if screenshots:
            page.screenshot(path=screenshots / "curves.png")
    print(
        f"curves: {count:,}, {updates / took:.1f} updates a second, script per update {statistics.median(times):.1f} "
        f"ms (median), {sorted(times)[int(0.95 * len(times))]:.1f} ms (19 of 20), {worst:.1f} ms at most",
        flush=True,
    )


def session(seconds: float, executable: str) -> None:
    """Epochs a second with a browser and without, in turns."""
    import caviar
    from caviar.web.server import Server
    from caviar.web.sources import SessionSource

    config = caviar.Config(hidden_units=(32,), epochs=1_000_000, dropout=0.1)
    split = caviar.split(caviar.read("digits"))
    speeds: dict[bool, list[float]] = {False: [], True: []}
    with tempfile.TemporaryDirectory() as folder, caviar.watch(split, config, folder=folder) as watched:
        time.sleep(5)
        with Server([SessionSource(watched, None, "0", "digits")], port=0) as server:
            for _ in range(3):
                for looked_at, found in speeds.items():
                    with browser(executable) if looked_at else contextlib.nullcontext() as opened:
                        if opened is not None:
                            opened.new_page(viewport={"width": 1280, "height": 720}).goto(server.address)
                            time.sleep(2)
                        at, began = watched.branches[0].branch.epochs, time.monotonic()
                        time.sleep(seconds)
                        found.append((watched.branches[0].branch.epochs - at) / (time.monotonic() - began))
    alone, beside = (statistics.median(found) for found in speeds.values())
    print(f"session: {alone:.1f} epochs a second, {beside:.1f} with a browser: {beside / alone:.3f} of it", flush=True)


NUDGED = """
async ([name, value]) => {
  const field = document.querySelector(`[data-testid=setting-${name}]`);
  const began = performance.now();
  field.focus();
  field.value = String(value);
  field.dispatchEvent(new Event('input', { bubbles: true }));
  field.dispatchEvent(new Event('change', { bubbles: true }));
  while (window.caviar.store.branches.get(0).config[name] !== value) {
    if (performance.now() - began > 10_000) return null;
    await new Promise((next) => setTimeout(next, 2));
  }
  return performance.now() - began;
}
"""
"""From a change of a field to the news that it acts, in milliseconds."""


def nudges(executable: str, count: int = 30) -> None:
    """How soon a change on the page acts, and everybody sees it."""
    import caviar
    from caviar.web.server import Server
    from caviar.web.sources import SessionSource

    config = caviar.Config(hidden_units=(64,), epochs=1_000_000, learning_rate=1e-3)
    split, draw = caviar.split(caviar.read("digits")), random.Random(0)
    with tempfile.TemporaryDirectory() as folder, caviar.watch(split, config, folder=folder) as watched:
        server = Server([SessionSource(watched, None, "0", "digits")], port=0)
        with server, browser(executable) as opened:
            page = opened.new_page(viewport={"width": 1280, "height": 720})
            page.goto(server.address)
            while page.evaluate("window.caviar?.store.branches.get(0)?.epochs ?? 0") < 50:
                page.wait_for_timeout(100)
            found = []
            for number in range(count):
                page.wait_for_timeout(draw.uniform(100, 300))
                found.append(page.evaluate(NUDGED, ["learning_rate", 1e-3 + 1e-5 * (number + 1)]))
    taken = sorted(one for one in found if one is not None)
    print(
        f"nudges: {len(taken)} of {count} seen to act, in {statistics.median(taken):.0f} ms (median), "
        f"{taken[-1]:.0f} ms at most",
        flush=True,
    )


def main() -> None:
    """Part by part."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--parts", nargs="*", default=PARTS, choices=PARTS)
    parser.add_argument("--curves", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("google-chrome"))
    parser.add_argument("--screenshots", type=Path)
    asked = parser.parse_args()
    if asked.chromium is None:
        parser.error("a browser is needed: install chromium, or give --chromium PATH")
    if "curves" in asked.parts:
        curves(asked.curves, asked.seconds, asked.chromium, asked.screenshots)
    if "nudges" in asked.parts:
        nudges(asked.chromium)
    if "session" in asked.parts:
        session(asked.seconds, asked.chromium)


if __name__ == "__main__":
    main()
