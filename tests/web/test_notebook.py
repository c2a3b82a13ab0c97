"""A session in an output cell: the widget's own code in a real browser, with what a notebook gives it made by hand."""

import json
import queue
import shutil
import threading
import time

import pytest

import caviar
from caviar.network.config import Config
from caviar.watching.watch import watch
from caviar.web import notebook
from caviar.web.notebook import LOADER, Talk, show
from training.toy_splits import blobs

X, Y = blobs(400, 3, 5)
SPLIT = caviar.split(caviar.read((X[:300], Y[:300])), dev=caviar.read((X[300:], Y[300:])), test=0, seed=0)
LONG = Config(hidden_units=(16,), epochs=1_000_000, batch_size=32)
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

MODEL = """
async ([loader, modules, style]) => {
  const listeners = new Set();
  window.hear = (message) => listeners.forEach((listener) => listener(message));
  const values = { modules, style, height: '600px' };
  const model = {
    get: (name) => values[name],
    send: (message) => window.toPython(JSON.stringify(message)),
    on: (_, listener) => listeners.add(listener),
    off: (_, listener) => listeners.delete(listener),
  };
  const { default: widget } = await import(URL.createObjectURL(new Blob([loader], { type: 'text/javascript' })));
  window.listening = () => listeners.size;
  window.close = widget.render({ model, el: document.body });
}
"""
INSIDE = "document.querySelector('iframe').contentWindow.caviar"


def test_a_widget_has_the_page_in_it_and_ends_its_threads_with_the_session():
    pytest.importorskip("anywidget")
    with watch(SPLIT, LONG) as session:
        widget = show(session, height="500px")
        assert "main.js" in widget.modules
        assert widget.height == "500px"
        assert ":root" in widget.style
        assert "render" in widget._esm


def test_without_a_widget_commands_are_answered_and_news_told():
    told = queue.SimpleQueue()
    with watch(SPLIT, LONG) as session:
        talk = Talk(session, told.put, advice=False)
        talk.hear({"hello": True})
        talk.hear({"id": 1, "command": {"verb": "nudge", "branch": 0, "settings": {"l2": 0.5}}})
        talk.hear({"id": 2, "command": {"verb": "delete", "branch": 0}})
        talk.hear({"id": 3, "nonsense": 1})
        talk.hear("nonsense")
        talk.hear({"fetch": "api/runs/0/data", "id": 4})
        talk.hear({"fetch": "/etc/passwd", "id": 5})
        answers, news, fetched = {}, [], {}
        while len(answers) < 4 or len(fetched) < 2 or not any(one.get("journal") for one in news):
            message = told.get(timeout=30)
            json.dumps(message, allow_nan=False)
            if message["type"] == "news":
                news.append(message)
            elif message["type"] == "answer":
                answers[message["id"]] = message
            else:
                fetched[message["id"]] = message
        assert any(one["reset"] for one in news)
        assert answers[1]["done"]["words"].startswith("nudge branch 0, l2 = 0.5")
        assert "last branch" in answers[2]["error"]
        assert "verb" in answers[3]["error"]
        assert "verb" in answers[None]["error"]
        assert fetched[4]["content"]["rows"] == {"train": 300, "dev": 100, "test": 0}
        assert fetched[5]["status"] == 404
        assert session.lines[0]["who"] == "notebook"


def test_a_session_that_is_shown_often_is_looked_at_once():
    before = set(threading.enumerate())

    def ours():
        new = [one.name for one in threading.enumerate() if one not in before]
        return sorted(name for name in new if name in ("caviar adviser", "caviar notebook"))

    told = [queue.SimpleQueue() for _ in range(5)]
    with watch(SPLIT, LONG) as session:
        talks = [Talk(session, one.put, advice=True) for one in told]
        assert ours() == ["caviar adviser", "caviar notebook"]
        for talk, own in zip(talks, told, strict=True):
            talk.hear({"hello": True})
            assert own.get(timeout=30)["reset"] is True
        for own in told:
            while own.get(timeout=30)["reset"]:
                pass
    deadline = time.monotonic() + 30
    while ours():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_whatever_goes_wrong_in_what_is_fetched_is_answered(monkeypatch):
    def fails(_):
        raise KeyError("rows")

    monkeypatch.setattr(notebook, "data_view", fails)
    told = queue.SimpleQueue()
    with watch(SPLIT, LONG) as session:
        Talk(session, told.put, advice=False).hear({"fetch": "api/runs/0/data", "id": 4})
        answer = told.get(timeout=30)
    assert (answer["id"], answer["status"]) == (4, 409)
    assert "KeyError" in answer["content"]["error"]


@pytest.mark.skipif(BROWSER is None, reason="the cell is looked at where Chromium is installed")
def test_the_cell_shows_curves_and_takes_commands():
    pytest.importorskip("anywidget")
    playwright = pytest.importorskip("playwright.sync_api")
    told = queue.SimpleQueue()
    with playwright.sync_playwright() as play, watch(SPLIT, LONG) as session:
        opened = play.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-dev-shm-usage"])
        page = opened.new_page()
        errors = []
        page.on("pageerror", lambda one: errors.append(str(one)))
        talk, widget = Talk(session, told.put, advice=False), show(session, advice=False)
        page.expose_function("toPython", lambda text: talk.hear(json.loads(text)))
        page.set_content("<!doctype html><body></body>")
        page.evaluate(MODEL, [LOADER, widget.modules, widget.style])

        def until(expression):
            deadline = time.monotonic() + 30
            while not page.evaluate(expression):
                assert time.monotonic() < deadline, (expression, errors)
                while not told.empty():
                    page.evaluate("(message) => window.hear(message)", told.get())
                page.wait_for_timeout(20)

        until(f"{INSIDE}?.store.branches.get(0)?.epochs > 5")
        before = page.evaluate(f"{INSIDE}.store.branches.get(0).epochs")
        until(f"{INSIDE}.store.branches.get(0).epochs > {before}")
        frame = page.frames[1]
        until("document.querySelector('iframe').contentDocument.querySelectorAll('canvas').length >= 1")
        frame.locator("main").focus()
        page.keyboard.press("p")
        until(f"{INSIDE}.store.branches.get(0).state === 'paused'")
        assert session.branches[0].paused
        assert errors == []
        page.evaluate("window.close()")
        assert page.evaluate("window.listening()") == 0
        opened.close()
