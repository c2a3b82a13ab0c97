"""A session in the output cell of a notebook: the page itself, with the notebook's connection for a WebSocket.

Needs the extra `[notebook]`: anywidget. The page stands in a frame of its own, so that its style and the notebook's do
not meet. Its modules import each other by name, and a widget is one module: it gets all of them as text, and makes each
an address of its own that the others import.
"""

import threading
from collections.abc import Callable
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from caviar.errors import BadRun, CaviarError
from caviar.watching.adviser import Adviser
from caviar.watching.commands import command_from
from caviar.watching.session import Session
from caviar.watching.telling import done_in_words
from caviar.web.data_view import data_view
from caviar.web.sources import Message, SessionSource, listed

if TYPE_CHECKING:
    from anywidget import AnyWidget

_SECONDS_PER_LOOK = 0.2

LOADER = """
// Each module as an address that the others import; those it imports come first.
function addresses(modules) {
  const made = new Map();
  const make = (name) => {
    if (!made.has(name)) {
      const imports = /(from|import) '\\.\\/([\\w-]+\\.js)'/g;
      const text = modules[name].replace(imports, (_, word, other) => `${word} '${make(other)}'`);
      made.set(name, URL.createObjectURL(new Blob([text], { type: 'text/javascript' })));
    }
    return made.get(name);
  };
  make('main.js');
  return made;
}

// What looks like a WebSocket to the page.
class Talk extends EventTarget {
  readyState = 0;

  constructor(model) {
    super();
    this.model = model;
    this.hear = (message) => message.type !== 'fetched' && this.tell('message', { data: JSON.stringify(message) });
    model.on('msg:custom', this.hear);
    setTimeout(() => {
      if (this.readyState !== 0) return;
      this.readyState = 1;
      this.tell('open');
      model.send({ hello: true });
    });
  }

  tell(name, more = {}) {
    this.dispatchEvent(Object.assign(new Event(name), more));
  }

  send(text) {
    this.model.send(JSON.parse(text));
  }

  close() {
    this.readyState = 3;
    this.model.off('msg:custom', this.hear);
  }
}

// What the page would fetch, and what ends it. Several views hear the same answers: each has numbers of its own.
function asking(model) {
  const waiting = new Map();
  let number = Math.floor(Math.random() * 2 ** 40);
  const hear = (message) => {
    if (message.type !== 'fetched') return;
    const { status, content } = message;
    waiting.get(message.id)?.({ ok: status === 200, status, json: async () => content });
    waiting.delete(message.id);
  };
  model.on('msg:custom', hear);
  const fetch = (path) =>
    new Promise((resolve) => {
      number += 1;
      waiting.set(number, resolve);
      model.send({ fetch: path, id: number });
    });
  return { fetch, end: () => model.off('msg:custom', hear) };
}

function render({ model, el }) {
  const made = addresses(model.get('modules'));
  const frame = document.createElement('iframe');
  frame.title = 'caviar';
  Object.assign(frame.style, { width: '100%', height: model.get('height'), border: '0' });
  el.append(frame);
  const inside = frame.contentDocument;
  inside.documentElement.lang = 'en';
  const { fetch, end } = asking(model);
  let talk = null; // the page has one at a time, and closes it before the next
  const open = () => (talk = new Talk(model));
  frame.contentWindow.caviarTransport = { open, fetch };
  const style = inside.createElement('style');
  style.textContent = model.get('style');
  const script = inside.createElement('script');
  script.type = 'module';
  script.src = made.get('main.js');
  inside.head.append(style, script);
  return () => {
    talk?.close();
    end();
    frame.remove();
    for (const address of made.values()) URL.revokeObjectURL(address);
  };
}

export default { render };
"""


def show(session: Session, *, advice: bool = True, height: str = "720px") -> "AnyWidget":
    """A widget with the curves and controls of a session.

    Args:
        session: that trains; when it is closed the widget keeps what it has shown.
        advice: whether findings are shown while it trains.
        height: of the cell, as CSS writes it.

    Raises:
        BadRun: anywidget is not installed.
    """
    try:
        import anywidget  # noqa: PLC0415  (an extra)
        import traitlets  # noqa: PLC0415
    except ImportError:
        raise BadRun('A session in a notebook needs anywidget: pip install "caviar[notebook]".') from None

    class Widget(anywidget.AnyWidget):
        """Curves and controls."""

        _esm = LOADER
        modules = traitlets.Dict().tag(sync=True)
        style = traitlets.Unicode().tag(sync=True)
        height = traitlets.Unicode().tag(sync=True)

    page = files("caviar.web") / "page"
    texts = {file.name: file.read_text(encoding="utf-8") for file in page.iterdir() if file.is_file()}
    modules = {name: text for name, text in texts.items() if name.endswith(".js")}
    widget = Widget(modules=modules, style=texts["style.css"], height=height)
    talk = Talk(session, widget.send, advice=advice)
    widget.on_msg(lambda _, message, __: talk.hear(message))
    return widget


class _Teller:
    """News of a session for all widgets that show it: one source, one adviser and one thread, until it is closed."""

    def __init__(self, session: Session, *, advice: bool) -> None:
        self._session, self._advice = session, advice
        self._adviser = Adviser(session) if advice else None
        name = "session" if session.folder is None else session.folder.resolve().name
        self.source = SessionSource(session, self._adviser, "0", name)
        self._telling = threading.Lock()
        self._listeners: list[Callable[[Message | None], None]] = []
        threading.Thread(target=self._work, name="caviar notebook", daemon=True).start()

    def add(self, listener: Callable[[Message | None], None]) -> None:
        """One more who is told."""
        with self._telling:
            self._listeners.append(listener)

    def greet(self, tell: Callable[[Message], None]) -> None:
        """Tell one everything; the others what is new, which they would miss."""
        with self._telling:
            self._news()
            tell(self.source.begin())

    def _news(self) -> None:
        message = self.source.more()
        for listener in tuple(self._listeners):
            try:
                listener(message)
            except Exception:  # a widget that has gone takes no news from the others
                self._listeners.remove(listener)

    def _work(self) -> None:
        """Tell what is new, until the session is closed."""
        waited = threading.Event()
        try:
            over = False
            while not over:
                over = not self._session.alive
                with self._telling:
                    self._news()
                waited.wait(_SECONDS_PER_LOOK)
        finally:
            with _MAKING:
                del _TELLERS[self._session, self._advice]
            if self._adviser is not None:
                self._adviser.close()


_TELLERS: dict[tuple[Session, bool], _Teller] = {}
"""Of sessions that are open, with advice and without: however often a cell is run, nothing is looked at twice."""

_MAKING = threading.Lock()


def _teller(session: Session, *, advice: bool) -> _Teller:
    """That of a session."""
    with _MAKING:
        if (session, advice) not in _TELLERS:
            _TELLERS[session, advice] = _Teller(session, advice=advice)
        return _TELLERS[session, advice]


class Talk:
    """Between a session and a widget."""

    def __init__(self, session: Session, send: Callable[[Message], Any], *, advice: bool) -> None:
        """Begin to tell.

        Args:
            session: that trains.
            send: to the widget, one message at a time.
            advice: whether findings are told.
        """
        self._session, self._send = session, send
        self._version = 0
        self._teller = _teller(session, advice=advice)
        self._teller.add(self._news)

    def hear(self, message: Any) -> None:
        """Answer a message: a cell that has just been opened wants all, or asks for JSON; others are commands."""
        if isinstance(message, dict) and message.get("hello"):
            self._teller.greet(lambda message: self._news(message, reset=True))
        elif isinstance(message, dict) and "fetch" in message:
            threading.Thread(target=self._fetched, args=(message,), name="caviar notebook", daemon=True).start()
        else:
            self._command(message)

    def _news(self, message: Message | None, *, reset: bool = False) -> None:
        if message is not None and (reset or self._version):  # who has not been greeted is told everything then
            self._version += 1
            about = {"type": "news", "kind": "session", "reset": reset, "version": self._version, "viewers": 1}
            self._send(about | message)

    def _fetched(self, message: Message) -> None:
        """What the page would get by HTTP."""
        answers: dict[Any, Callable[[], Message]] = {
            "api/runs": lambda: {"runs": listed({"0": self._teller.source})},
            "api/runs/0/data": lambda: data_view(self._session.split),
        }
        try:
            find = answers.get(message["fetch"])
            status, content = (404, {"error": "There is no such thing."}) if find is None else (200, find())
        except CaviarError as error:
            status, content = 409, {"error": str(error)}
        except Exception as error:  # whoever asks waits for an answer
            status, content = (
                409,
                {"error": f"This cannot be shown: a fault of caviar ({error!r:.300}). Please report it."},
            )
        self._send({"type": "fetched", "id": message.get("id"), "status": status, "content": content})

    def _command(self, message: Any) -> None:
        number = message.get("id") if isinstance(message, dict) else None

        def answer(**what: Any) -> None:
            self._send({"type": "answer", "id": number} | what)

        def acted(found: Any) -> None:
            if (error := found.exception()) is not None:
                answer(error=str(error))
                return
            answer(done=done_in_words(found.result()))

        try:
            command = command_from(
                message["command"] if isinstance(message, dict) and "command" in message else message
            )
            self._teller.source.ask(command, "notebook").add_done_callback(acted)
        except CaviarError as error:
            answer(error=str(error))
