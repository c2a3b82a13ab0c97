import asyncio
import contextlib
import json
import threading

import pytest

from caviar.errors import BadRun
from caviar.web import hub as hub_module
from caviar.web.hub import Hub
from web.made_source import MadeSource


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(hub_module, "SECONDS_PER_LOOK", 0.002)


async def read(news, seen, until):
    """What a viewer has in the end, who applies all that it is told."""
    async with asyncio.timeout(10):
        while len(seen) < until:
            message = json.loads(await anext(news))
            if message["reset"]:
                seen.clear()
            seen += message.get("values", [])
    return seen


def test_everybody_gets_everything_once_whenever_he_comes():
    async def scene():
        source = MadeSource()
        hub = Hub(source)
        source.grow(0)
        viewers = []
        for number in range(1, 40):
            if number % 10 == 1:
                viewers.append((hub.follow(), []))
            source.grow(number)
            await asyncio.gather(*(read(news, seen, number + 1) for news, seen in viewers))
        for news, _ in viewers:
            await news.aclose()
        return [seen for _, seen in viewers]

    for seen in asyncio.run(scene()):
        assert seen == list(range(40))


def test_a_viewer_that_sleeps_costs_a_bounded_memory_and_then_is_told_all_anew():
    async def scene():
        source = MadeSource(size=100_000)
        hub = Hub(source)
        awake, asleep = hub.follow(), hub.follow()
        source.grow(0)
        seen, slept = [], []
        await read(asleep, slept, 1)
        for number in range(1, 300):
            source.grow(number)
            await read(awake, seen, number + 1)
        held = sum(map(len, hub._frames))
        await read(asleep, slept, 300)
        await awake.aclose()
        await asleep.aclose()
        return held, seen, slept

    held, seen, slept = asyncio.run(scene())
    assert held <= (4 << 20) + 200_000
    assert seen == slept == list(range(300))


def test_who_leaves_while_it_is_greeted_takes_no_news_from_the_others(monkeypatch):
    asked, answer = threading.Event(), threading.Event()

    class Slow(MadeSource):
        def more(self):
            found = super().more()
            if found is not None:
                asked.set()
                answer.wait(10)
            return found

    async def scene():
        monkeypatch.setattr(hub_module, "SECONDS_PER_LOOK", 60)  # only who comes asks
        source, seen = Slow(), []
        hub = Hub(source)
        stays, leaves = hub.follow(), hub.follow()
        await read(stays, seen, 0)
        await anext(stays)
        source.grow(0)

        async def greeted():
            await anext(leaves)

        task = asyncio.create_task(greeted())
        assert await asyncio.to_thread(asked.wait, 10)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        answer.set()
        await read(stays, seen, 1)
        await stays.aclose()
        return seen

    assert asyncio.run(scene()) == [0]


def test_nobody_looks_nobody_asks():
    async def scene():
        source = MadeSource()
        hub = Hub(source)
        news = hub.follow()
        await anext(news)
        await news.aclose()
        source.grow(1)
        await asyncio.sleep(0.05)
        return hub, source

    hub, source = asyncio.run(scene())
    assert hub.viewers == 0
    assert source.told == 0


def test_a_source_that_fails_is_told_and_asked_again_by_who_comes_later():
    async def scene():
        source = MadeSource()
        hub = Hub(source)
        news = hub.follow()
        await anext(news)
        source.failure = BadRun("The folder has gone.")
        with pytest.raises(BadRun, match="has gone"):
            async with asyncio.timeout(5):
                await anext(news)
        source.failure = None
        source.grow(1)
        async with contextlib.aclosing(hub.follow()) as again:
            return await read(again, [], 1)

    assert asyncio.run(scene()) == [1]


def test_whatever_goes_wrong_in_a_source_is_one_line():
    async def scene():
        source = MadeSource()
        source.failure = KeyError("data")
        async with contextlib.aclosing(Hub(source).follow()) as news:
            await anext(news)

    with pytest.raises(BadRun, match=r"cannot be shown: .*KeyError: 'data'"):
        asyncio.run(scene())


def test_how_many_look_is_told():
    async def scene():
        hub = Hub(MadeSource())
        first = hub.follow()
        await anext(first)
        second = hub.follow()
        await anext(second)
        async with asyncio.timeout(5):
            told = json.loads(await anext(first))
        await first.aclose()
        await second.aclose()
        return told["viewers"]

    assert asyncio.run(scene()) == 2
