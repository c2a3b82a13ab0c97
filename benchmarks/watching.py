"""A watched session: is it replayed to the bit, does it survive being killed, and what does its page cost?

    python benchmarks/watching.py [--parts replay kills cost memory] [--commands 20] [--kills 20] [--seconds 20]
                                  [--viewers 0 1 50] [--minutes 30] [--seed 0]

replay: so many random commands at random moments of a session on digits; then all is trained again from its journal and
compared bit for bit. kills: the process is killed (SIGKILL of its group) at a random moment while commands come, again
and again; then the session goes on and is replayed. cost: epochs a second and the processor time of the page's threads
as a share of that of the rest of the process, which trains, with so many viewers that read all that they are sent. The
page alone, and training without a page, take turns. memory: resident memory while one viewer reads and one sleeps.

A figure of time is a ratio within one run; the machine should do nothing else.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PAGE_THREADS = ("caviar page", "asyncio_")
TICKS = os.sysconf("SC_CLK_TCK")

SETTINGS: dict[str, list[Any]] = {
    "learning_rate": [3e-4, 1e-3, 3e-3, 1e-2],
    "l2": [0.0, 0.1, 1.0],
    "dropout": [0.1, 0.2, 0.4],
    "beta1": [0.8, 0.9, 0.95],
    "weight_decay": [0.0, 0.01],
    "label_smoothing": [0.0, 0.1],
    "optimizer": ["adam", "momentum", "rmsprop"],
    "batch_size": [32, 64],
    "hidden_units": [[32], [48], [24]],
}


def data() -> Any:
    """Digits, divided."""
    import caviar

    return caviar.split(caviar.read("digits"))


def config() -> Any:
    """A small network that does not come to its end."""
    import caviar

    return caviar.Config(hidden_units=(32,), epochs=1_000_000, dropout=0.1)


def random_command(session: Any, draw: random.Random) -> Any:
    """One that fits the session."""
    from caviar.watching.commands import Command

    number = draw.choice(list(session.branches))
    seen = session.branches[number]
    verbs = ["nudge"] * 5 + ["rewind"] * 2 + ["pause", "resume", "note"]
    verbs += ["branch"] * 2 if len(session.branches) < 4 else ["delete"] * 2
    verb = draw.choice(verbs)
    name = draw.choice(list(SETTINGS))
    match verb:
        case "nudge" | "branch":
            return Command(verb, number, {name: draw.choice(SETTINGS[name])})
        case "rewind":
            return Command(verb, number, epoch=draw.choice(seen.kept))
        case "note":
            return Command(verb, text="a note")
        case _:
            return Command(verb, number)


def command_at_random(session: Any, draw: random.Random, commands: int) -> int:
    """Give commands at random moments; how many acted."""
    from caviar.errors import CaviarError

    acted = 0
    while acted < commands:
        time.sleep(draw.uniform(0.02, 0.3))
        with contextlib.suppress(CaviarError):  # it may not fit any more when its turn comes
            session.do(random_command(session, draw), who="benchmark")
            acted += 1
    return acted


def wait_until_it_trains(session: Any) -> None:
    """Some epochs: its program is compiled."""
    at = steps_of(session)
    while steps_of(session) < at + 100:
        time.sleep(0.01)


def steps_of(session: Any) -> int:
    """Of all its branches together."""
    return sum(seen.branch.steps for seen in session.branches.values())


def replayed(seed: int, commands: int) -> None:
    """A session with random commands, and the same again."""
    import caviar
    from caviar.watching.watch import replay

    split, draw = data(), random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        with caviar.watch(split, config(), folder=folder) as session:
            wait_until_it_trains(session)
            acted = command_at_random(session, draw, commands)
            branches = len(session.branches)
            steps = steps_of(session)
        found = replay(split, folder)
    print(
        f"replay: seed {seed}, {acted} commands, {branches} branches, {steps:,} steps: equal {found.equal}", flush=True
    )


def commanded(folder: str, seed: str) -> None:
    """A session with random commands until it is killed."""
    import caviar

    with caviar.watch(data(), config(), folder=folder) as session:
        session.resume()
        wait_until_it_trains(session)
        print("begun", flush=True)
        command_at_random(session, random.Random(int(seed)), 1_000_000)


def killed(kills: int, seed: int) -> None:
    """Kill a session again and again; go on, and replay."""
    import caviar
    from caviar.watching.branches import digest
    from caviar.watching.watch import replay

    draw, split = random.Random(seed), data()
    with tempfile.TemporaryDirectory() as folder:
        lines = 0
        for turn in range(kills):
            command = [sys.executable, __file__, "--commanded", folder, str(seed * 1_000 + turn)]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
            assert process.stdout is not None
            if process.stdout.readline() != "begun\n":
                raise SystemExit("The session could not go on after a kill.")
            time.sleep(draw.uniform(0.2, 3.0))
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            journal = (Path(folder) / "journal.jsonl").read_bytes()
            now = journal.count(b"\n")
            if now < lines:
                raise SystemExit(f"Lines were lost: {lines}, then {now}.")
            lines = now
        with caviar.watch(split, config(), folder=folder) as session:
            stands = {number: digest(seen.branch) for number, seen in session.branches.items()}
        found = replay(split, folder)
        same = {number: digest(branch) for number, branch in found.branches.items()} == stands
    print(f"kills: {kills}, {lines} lines in the journal: goes on, replayed equal {found.equal and same}", flush=True)


def read_news(address: str, viewers: str, seconds: str, counted: str) -> None:
    """So many viewers that read what they are sent, in a process of their own."""
    from urllib.parse import parse_qs, urlsplit

    import websockets

    parts = urlsplit(address)
    token = parse_qs(parts.query)["token"][0]

    async def view() -> int:
        where = f"ws://{parts.netloc}/live?run=0"
        messages = 0
        async with websockets.connect(
            where, additional_headers={"Authorization": f"Bearer {token}"}, max_size=None
        ) as one:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(float(seconds)):
                    async for _ in one:
                        messages += 1
        return messages

    async def all_of_them() -> list[int]:
        return await asyncio.gather(*(view() for _ in range(int(viewers))))

    Path(counted).write_text(json.dumps(asyncio.run(all_of_them())), encoding="utf-8")


def processor_seconds() -> tuple[float, float]:
    """Of the page's threads, and of all others of this process."""
    page = {t.native_id for t in threading.enumerate() if t.name.startswith(PAGE_THREADS)}
    own = others = 0.0
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            fields = (task / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            spent = (int(fields[11]) + int(fields[12])) / TICKS
            own, others = (own + spent, others) if int(task.name) in page else (own, others + spent)
    return own, others


@contextlib.contextmanager
def watched_page(folder: str) -> Iterator[tuple[Any, Any]]:
    """A session with its page."""
    import caviar
    from caviar.watching.adviser import Adviser
    from caviar.web.server import Server
    from caviar.web.sources import SessionSource

    with (
        caviar.watch(data(), config(), folder=folder) as session,
        Adviser(session) as adviser,
        Server([SessionSource(session, adviser, "0", "benchmark")], port=0) as server,
    ):
        yield session, server


def costs(viewers: list[int], seconds: float) -> None:
    """Epochs a second and the page's share, by the number of viewers."""
    speeds: dict[int, list[float]] = {number: [] for number in (0, *viewers)}
    shares: dict[int, list[float]] = {number: [] for number in speeds}
    with tempfile.TemporaryDirectory() as folder, watched_page(folder) as (session, server):
        time.sleep(5)
        for _ in range(3):
            for number, measured in speeds.items():
                counted = Path(folder) / "counted.json"
                command = [
                    sys.executable,
                    __file__,
                    "--news",
                    server.address,
                    str(number),
                    str(seconds + 2),
                    str(counted),
                ]
                process = subprocess.Popen(command) if number else None
                time.sleep(2)
                before, at, began = processor_seconds(), session.branches[0].branch.epochs, time.monotonic()
                time.sleep(seconds - 1)
                after, took = processor_seconds(), time.monotonic() - began
                measured.append((session.branches[0].branch.epochs - at) / took)
                shares[number].append((after[0] - before[0]) / (after[1] - before[1]))
                if process is not None:
                    process.wait(timeout=60)
        print("cost: viewers   epochs a second   of those without   page's share of processor time")
        for number, measured in speeds.items():
            speed, share = statistics.median(measured), statistics.median(shares[number])
            print(f"{number:>13}{speed:>18.1f}{speed / statistics.median(speeds[0]):>19.3f}{share:>31.2%}", flush=True)


def resident() -> float:
    """MiB of this process."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def memory(minutes: float) -> None:
    """Resident memory while somebody reads, and somebody sleeps."""
    import socket

    with tempfile.TemporaryDirectory() as folder, watched_page(folder) as (session, server):
        asleep = socket.create_connection(("127.0.0.1", server.port))
        asleep.sendall(
            f"GET /live?run=0 HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            f"Authorization: Bearer {server.access.token}\r\n\r\n".encode()
        )
        counted = Path(folder) / "counted.json"
        command = [sys.executable, __file__, "--news", server.address, "1", str(60 * minutes), str(counted)]
        process = subprocess.Popen(command)
        began = time.monotonic()
        while time.monotonic() - began < 60 * minutes:
            time.sleep(min(60.0, 6 * minutes))
            epochs = session.branches[0].branch.epochs
            print(
                f"memory: {(time.monotonic() - began) / 60:5.1f} min, {epochs:>9,} epochs, {resident():7.1f} MiB",
                flush=True,
            )
        process.wait(timeout=60)
        asleep.close()


def main() -> None:
    """Part by part."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument(
        "--parts", nargs="*", default=("replay", "kills", "cost"), choices=("replay", "kills", "cost", "memory")
    )
    parser.add_argument("--commands", type=int, default=20)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--viewers", type=int, nargs="*", default=(1, 50))
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--commanded", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--news", nargs=4, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.commanded:
        commanded(*asked.commanded)
    elif asked.news:
        read_news(*asked.news)
    else:
        if "replay" in asked.parts:
            replayed(asked.seed, asked.commands)
        if "kills" in asked.parts:
            killed(asked.kills, asked.seed)
        if "cost" in asked.parts:
            costs(list(asked.viewers), asked.seconds)
        if "memory" in asked.parts:
            memory(asked.minutes)


if __name__ == "__main__":
    main()
