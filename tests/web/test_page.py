"""The page in a real browser: a session is watched and steered, and a search with a thousand networks is looked at."""

import json
import re
import shutil
import time
import webbrowser
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

import caviar
from caviar.cli import panda
from caviar.network.config import Config
from caviar.watching.adviser import Adviser
from caviar.watching.watch import watch
from caviar.web.folders import folder_source
from caviar.web.server import Server
from caviar.web.sources import SessionSource
from reporting.made_tuning import made_search
from training.toy_splits import blobs, classes

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
if BROWSER is None:
    pytest.skip("the page is looked at where Chromium is installed", allow_module_level=True)
playwright = pytest.importorskip("playwright.sync_api")


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as play:
        opened = play.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def split():
    """Class names with HTML in them; a network that learns it by heart."""
    x, y = blobs(400, 3, 5)
    names = np.array(["<img src=x onerror=alert(1)>", "b & c", "d"])[y]
    return caviar.split(caviar.read((x[:300], names[:300])), dev=caviar.read((x[300:], names[300:])), test=0, seed=0)


class Looked:
    """A page, and what it complained of."""

    def __init__(self, browser, address, **how):
        self.context = browser.new_context(viewport={"width": 1280, "height": 720}, **how)
        self.page = self.context.new_page()
        self.errors = []
        self.page.on("console", lambda one: self.errors.append(one.text) if one.type == "error" else None)
        self.page.on("pageerror", lambda one: self.errors.append(str(one)))
        self.page.goto(address)

    def at(self, name):
        return self.page.get_by_test_id(name)

    def value(self, expression):
        return self.page.evaluate(expression)

    def until(self, expression, seconds=60):
        """Wait until it is true; by asking again and again, since the page's policy forbids to evaluate text in it."""
        deadline = time.monotonic() + seconds
        while not (found := self.value(expression)):
            assert time.monotonic() < deadline, (expression, self.errors, self.page.locator("body").inner_text()[:2000])
            self.page.wait_for_timeout(20)
        return found

    def shows(self, name):
        """Wait until it is drawn, which is after the store knows it."""
        self.until(f"document.querySelector('[data-testid={name}]') !== null")

    def close(self):
        self.context.close()
        assert self.errors == []


BRANCH = "window.caviar.store.branches.get({})"


def test_a_session_is_watched_and_steered(browser, split, tmp_path):
    config = Config(hidden_units=(16,), epochs=1_000_000, batch_size=32, learning_rate=0.003, record="layers")
    with watch(split, config, folder=tmp_path / "run") as session, Adviser(session) as adviser:
        source = SessionSource(session, adviser, "0", "blobs <b>bold</b>")
        with Server([source], port=0) as server:
            seen = Looked(browser, server.address)
            assert "token" not in seen.page.url
            seen.until(f"{BRANCH.format(0)}?.curves.get('dev_loss')?.values.length > 5")
            before = seen.value(f"{BRANCH.format(0)}.epochs")
            seen.until(f"{BRANCH.format(0)}.epochs > {before + 20}")
            seen.until("document.querySelectorAll('canvas').length >= 2")

            rate = seen.at("setting-learning_rate")
            rate.fill("0.01")
            rate.press("Enter")
            seen.until(f"{BRANCH.format(0)}.config.learning_rate === 0.01")  # how soon: benchmarks/page.py
            assert session.lines[-1]["who"] == "page"
            assert session.branches[0].branch.config.learning_rate == 0.01

            seen.page.keyboard.press("Escape")
            seen.page.locator("main").focus()
            seen.page.keyboard.press("b")  # every command by keyboard: a copy trains beside it
            seen.until(f"{BRANCH.format(1)} !== undefined")
            seen.shows("branch-1")

            seen.at("rewind-epoch").select_option(index=0)  # the start, which is always kept
            chosen = seen.at("rewind-epoch").input_value()
            seen.page.get_by_role("button", name=re.compile("^Rewind")).first.click()
            deadline = time.monotonic() + 60
            while not any(line["verb"] == "rewind" for line in session.lines):
                assert time.monotonic() < deadline
                time.sleep(0.02)
            assert [str(line["epoch"]) for line in session.lines if line["verb"] == "rewind"] == [chosen]

            seen.page.reload()
            seen.until("window.caviar?.store.journal.length >= 3")
            verbs = [line["verb"] for line in session.lines]
            assert seen.value("window.caviar.store.journal.map((line) => line.verb)") == verbs
            assert {"nudge", "branch", "rewind"} <= set(verbs)
            seen.until("document.querySelector('[data-testid=journal]')?.innerText.includes('branch')")
            seen.close()


def test_two_people_see_each_others_commands(browser, split):
    config = Config(hidden_units=(16,), epochs=1_000_000, batch_size=32)
    with watch(split, config) as session, Server([SessionSource(session, None, "0", "two")], port=0) as server:
        one, other = Looked(browser, server.address), Looked(browser, server.address)
        for seen in (one, other):
            seen.until(f"{BRANCH.format(0)}?.epochs > 0")
        one.page.locator("main").focus()
        one.page.keyboard.press("p")
        other.until(f"{BRANCH.format(0)}.state === 'paused'")
        other.until("window.caviar.store.viewers === 2")
        assert session.branches[0].paused
        assert [line["verb"] for line in session.lines] == ["pause"]
        one.close()
        other.close()


def test_the_browser_is_led_to_the_page_without_a_token_among_arguments(browser, split, monkeypatch):
    given = []
    monkeypatch.setattr(webbrowser, "open", lambda address: not given.append(address))
    config = Config(hidden_units=(16,), epochs=1_000_000, batch_size=32)
    with (
        watch(split, config) as session,
        panda._page([SessionSource(session, None, "0", "led")], panda.Page(port=0, browser=True), {}),
    ):
        file = Path(urlsplit(given[0]).path)
        assert file.stat().st_mode & 0o077 == 0
        seen = Looked(browser, given[0])
        seen.page.wait_for_url(re.compile("^http://127.0.0.1:"))
        seen.until(f"window.caviar && {BRANCH.format(0)}?.epochs > 0")
        assert "token" not in seen.page.url
        seen.page.reload()  # by the cookie alone
        seen.until(f"window.caviar && {BRANCH.format(0)}?.epochs > 0")
        seen.close()
    assert not file.exists()


def test_a_key_that_is_held_gives_its_command_once(browser, split):
    config = Config(hidden_units=(16,), epochs=1_000_000, batch_size=32)
    with watch(split, config) as session, Server([SessionSource(session, None, "0", "held")], port=0) as server:
        seen = Looked(browser, server.address)
        seen.until(f"window.caviar && {BRANCH.format(0)}?.epochs > 0")
        seen.page.locator("main").focus()
        for _ in range(5):
            seen.page.keyboard.down("p")
        seen.until(f"{BRANCH.format(0)}.state === 'paused'")
        seen.page.wait_for_timeout(300)
        assert [line["verb"] for line in session.lines] == ["pause"]
        seen.close()


def test_a_remedy_is_a_button(browser):
    """A rate that is far too high: what the finding prescribes trains beside it at a press."""
    config = Config(hidden_units=(8,), activation="tanh", optimizer="sgd", batch_size="full", learning_rate=30.0)
    with (
        watch(classes(), config.changed(epochs=1_000_000)) as session,
        Adviser(session) as adviser,
        Server([SessionSource(session, adviser, "0", "remedies")], port=0) as server,
    ):
        seen = Looked(browser, server.address)
        possible = "window.caviar?.store.findings.some((one) => one.remedies.some((each) => each.possible))"
        seen.until(possible, 60)
        seen.page.locator("[data-testid^=remedy-try]:enabled").first.click()
        seen.until("window.caviar.store.branches.size === 2")
        made = next(line for line in session.lines if line["verb"] == "branch")
        offered = [o["settings"] for one in adviser.to_json() for o in one["remedies"] if o["possible"]]
        assert json.loads(json.dumps(made["settings"])) in offered
        seen.close()


def test_a_server_that_goes_away_is_told_and_one_that_comes_back_found(browser, split):
    config = Config(hidden_units=(16,), epochs=1_000_000, batch_size=32)
    with watch(split, config) as session:
        source = SessionSource(session, None, "0", "away")
        with Server([source], port=0, token="t" * 43) as server:
            port = server.port
            seen = Looked(browser, server.address)
            seen.until(f"{BRANCH.format(0)}?.epochs > 0")
        seen.until("/lost/i.test(document.querySelector('[data-testid=connection]').textContent)")
        with Server([source], port=port, token="t" * 43):
            epochs = session.branches[0].branch.epochs
            seen.until(f"{BRANCH.format(0)}?.epochs > {epochs}", 30)
            seen.until("!/lost/i.test(document.querySelector('[data-testid=connection]').textContent)")
            assert seen.value(f"{BRANCH.format(0)}.epochs") > epochs
        seen.context.close()  # what it complained of is that nobody answered


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A folder of a search of a thousand networks, with HTML in its name."""
    return made_search(tmp_path_factory.mktemp("searched") / "<b>run", 1_000, rungs=True)


def test_a_thousand_networks_are_brushed_and_one_is_opened(browser, searched):
    with Server([folder_source(searched, "0")], port=0) as server:
        seen = Looked(browser, server.address)
        seen.until("window.caviar?.store.trials.size === 1000", 60)
        seen.until("window.caviar.store.curves.size >= 900", 60)
        seen.until("document.querySelector('[data-testid=trials-shown]')?.innerText === '1,000 trials'")
        axis = seen.at("axis-learning_rate-low")
        axis.focus()
        for _ in range(15):
            seen.page.keyboard.press("ArrowUp")
        seen.until("location.hash.includes('brush')")
        seen.at("trials").scroll_into_view_if_needed()  # what nobody sees is not drawn
        seen.until("document.querySelector('[data-testid=trials-shown]').textContent.includes(' of 1,000')")
        first = seen.page.locator("[data-testid^=trial-]").first
        number = int(first.get_attribute("data-testid").removeprefix("trial-"))
        first.click()
        seen.until(f"location.hash.includes('trial={number}')")
        address = seen.page.url
        seen.page.reload()
        seen.until("window.caviar?.store.trials.size === 1000", 60)
        assert seen.page.url == address
        seen.until("document.querySelector('main').innerText.includes('learning_rate')")
        seen.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 720), (768, 1024)])
def test_nothing_hangs_over_the_edge(browser, searched, split, scheme, size):
    config = Config(hidden_units=(16,), epochs=300, batch_size=32, record="layers")
    with watch(split, config) as session:
        sources = [SessionSource(session, None, "0", "blobs"), folder_source(searched, "1")]
        with Server(sources, port=0) as server:
            seen = Looked(browser, server.address, color_scheme=scheme)
            seen.page.set_viewport_size({"width": size[0], "height": size[1]})
            for run, ready in (("0", f"{BRANCH.format(0)}?.epochs > 5"), ("1", "window.caviar?.store.trials.size > 0")):
                seen.page.goto(f"{server.address}#run={run}")
                seen.page.reload()
                seen.until(ready, 60)
                seen.page.wait_for_timeout(200)
                assert seen.value("document.documentElement.scrollWidth <= window.innerWidth")
                assert seen.value("document.documentElement.dataset.theme") == scheme
            seen.close()
