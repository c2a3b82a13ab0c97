"""Attacks on a real server, from outside: refused or bounded, and nobody else is troubled."""

import asyncio
import errno
import json
import socket
import threading
import time
from http.client import HTTPConnection
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from caviar.errors import BadData, BadRun
from caviar.web import live
from caviar.web import server as server_module
from caviar.web.hub import Hub
from caviar.web.live import MOST_BYTES, Bucket
from caviar.web.server import Server
from web.made_source import MadeSource

TOKEN = "t" * 43


@pytest.fixture(scope="module")
def source():
    return MadeSource()


@pytest.fixture(scope="module")
def served(source, tmp_path_factory):
    place = tmp_path_factory.mktemp("run")
    (place / "report.html").write_text("<h1>A report</h1>", encoding="utf-8")
    (place.parent / "secret.txt").write_text("secret", encoding="utf-8")
    other = MadeSource("1", "another")
    other.folder = place
    with Server([source, other], port=0, token=TOKEN) as server:
        yield server


def ask(server, path, method="GET", *, cookie=True, **headers):
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    sent = {"Host": f"127.0.0.1:{server.port}"} | ({"Cookie": f"caviar-{server.port}={TOKEN}"} if cookie else {})
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection.putrequest(method, path, skip_host=True)
    for name, value in sent.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer, body


def opened(server, run="0", **how):
    headers = {"Cookie": f"caviar-{server.port}={TOKEN}"} | how.pop("headers", {})
    return connect(f"ws://127.0.0.1:{server.port}/live?run={run}", additional_headers=headers, **how)


def answered(talk, number):
    while True:
        message = json.loads(talk.recv(timeout=10))
        if message["type"] == "answer" and message["id"] == number:
            return message


def sent_away(talk, frames):
    for frame in frames:
        talk.send(frame)
    while True:
        talk.recv(timeout=10)


def test_the_token_gets_the_page_and_a_cookie_which_gets_the_rest(served):
    answer, body = ask(served, f"/?token={TOKEN}", cookie=False)
    assert answer.status == 200
    assert "<html" in body
    cookie = answer.headers["set-cookie"]
    assert cookie == f"caviar-{served.port}={TOKEN}; HttpOnly; SameSite=Strict; Path=/"
    answer, body = ask(served, "/api/runs", cookie=False, Cookie=cookie.split(";")[0])
    assert answer.status == 200
    assert [run["name"] for run in json.loads(body)["runs"]] == ["made <b>up</b>", "another"]
    assert "set-cookie" not in ask(served, "/")[0].headers


@pytest.mark.parametrize(
    "path",
    ["/", "/?token=wrong", f"/?token={TOKEN[:-1]}", f"/api/runs?token={TOKEN}", "/static/main.js", "/runs/1/report"],
)
def test_without_the_token_nothing_is_told(served, path):
    answer, body = ask(served, path, cookie=False)
    assert answer.status == 403
    assert "token is needed" in body


@pytest.mark.parametrize(
    "how", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Sec_Fetch_Site": "cross-site"}]
)
def test_foreign_requests_are_refused(served, how):
    answer, _ = ask(served, "/api/runs", **how)
    assert answer.status in (403, 421)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ["/", "/api/runs", "/runs/1/report"])
def test_only_get_is_answered(served, method, path):
    assert ask(served, path, method)[0].status == 405


def test_every_answer_carries_the_policy(served):
    for path, how in (
        ("/", {}),
        ("/api/runs", {}),
        ("/nothing", {}),
        ("/", {"cookie": False}),
        ("/static/main.js", {}),
    ):
        headers = ask(served, path, **how)[0].headers
        assert headers["content-security-policy"].startswith("default-src 'self'; style-src 'self' 'unsafe-inline'")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers


def test_a_report_is_in_a_sandbox(served):
    answer, body = ask(served, "/runs/1/report")
    assert body == "<h1>A report</h1>"
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    answer, body = ask(served, "/runs/0/report")
    assert "no report of made &lt;b&gt;up&lt;/b&gt; yet" in body
    assert answer.headers["content-security-policy"].startswith("sandbox")


@pytest.mark.parametrize(
    "path",
    ["/static/../secret.txt", "/static/..%2f..%2fsecret.txt", "/static/%2e%2e/app.py", "/static//etc/passwd",
     "/static/app.py", "/runs/../secret.txt/report", "/runs/..%2f/report", "/runs/%2Fetc/report", "/api/runs/%00/data",
     "/static/main.js%00.css", "//etc/passwd", "/static/..\\..\\secret.txt", "/static/__pycache__", "/live",
     "/api/runs/0/data"],
)  # fmt: skip
def test_no_path_leads_out(served, path):
    answer, body = ask(served, path)
    assert answer.status in (400, 404)
    assert "secret" not in body
    assert "import" not in body


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60))
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_asked_for_is_answered_in_peace(served, path):
    answer, body = ask(served, "/" + path)
    assert answer.status in (200, 400, 404)
    assert "Traceback" not in body


@pytest.mark.parametrize(
    "headers", [{"Cookie": ""}, {"Cookie": "caviar-1=x"}, {"Host": "evil.example"}, {"Origin": "http://evil.example"}]
)
def test_a_foreign_socket_is_refused_before_it_is_open(served, headers):
    with pytest.raises(InvalidStatus) as refused, opened(served, headers=headers):
        pass
    assert refused.value.response.status_code in (400, 403)


def test_a_command_acts_and_is_answered_to_who_gave_it(served, source):
    with opened(served) as talk, opened(served) as other:
        talk.send(json.dumps({"id": 3, "command": {"verb": "nudge", "branch": 0, "settings": {"l2": 0.5}}}))
        told = answered(talk, 3)
        assert told["done"] == {
            "step": 7,
            "compiles": False,
            "new": None,
            "words": "nudge branch 0, l2 = 0.5, at step 7",
        }
        command, who = source.commands[-1]
        assert (command.settings, who) == ({"l2": 0.5}, "page")
        talk.send(json.dumps({"id": 4, "command": {"verb": "delete", "branch": 0}}))
        assert answered(talk, 4)["error"] == "The last branch cannot be deleted."
        source.grow(1)
        while not json.loads(other.recv(timeout=10)).get("values"):
            pass


def test_a_run_that_is_not_there(served):
    with opened(served, "7") as talk, pytest.raises(ConnectionClosed) as closed:
        talk.recv(timeout=5)
    assert closed.value.rcvd.code == 4404


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
COMMANDS = st.dictionaries(
    st.sampled_from(["verb", "branch", "settings", "epoch", "text", "more"]),
    JSON | st.sampled_from(["nudge", "rewind", "branch", "stop", "delete", "note", "__class__"]),
)
FRAMES = st.one_of(
    st.text(max_size=200),
    st.binary(max_size=200),
    JSON.map(json.dumps),
    st.fixed_dictionaries({"id": JSON, "command": COMMANDS}).map(json.dumps),
    st.integers(0, 5_000).map(lambda depth: "[" * depth),
    st.just("x" * (MOST_BYTES + 1)),
)


@given(st.lists(FRAMES, min_size=10, max_size=10))
@settings(
    max_examples=200,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.large_base_example,
    ],
)
def test_two_thousand_frames_of_any_kind_harm_nothing(served, frames):
    """Each is answered, or its sender sent away; the server takes a proper command as before."""
    with opened(served) as talk:
        for frame in frames:
            talk.send(frame)
        talk.send(json.dumps({"id": 999_999, "command": {"verb": "note", "text": "still here"}}))
        assert "done" in answered(talk, 999_999)


def test_a_frame_beyond_all_bounds_ends_its_connection_only(served):
    with opened(served) as calm, opened(served) as talk:
        with pytest.raises(ConnectionClosed):
            sent_away(talk, ["x" * (1 << 20)])
        calm.send(json.dumps({"id": 1, "command": {"verb": "note", "text": "calm"}}))
        assert "done" in answered(calm, 1)


def test_after_many_messages_that_are_none_a_viewer_is_sent_away(served):
    with opened(served) as talk:
        with pytest.raises(ConnectionClosed) as closed:
            sent_away(talk, ["nonsense"] * 40)
        assert closed.value.rcvd.code == 1008


def test_a_flood_of_commands_is_bounded_and_who_goes_on_is_sent_away(served, source):
    before = len(source.commands)
    note = {"id": 1, "command": {"verb": "note", "text": "again"}}
    with opened(served) as talk, pytest.raises(ConnectionClosed) as closed:
        sent_away(talk, [json.dumps(note)] * 300)
    assert closed.value.rcvd.code == 1008
    assert "10 commands a second" in closed.value.rcvd.reason
    assert 8 <= len(source.commands) - before <= 60  # at least as many as may be under way, at most the bucket


def test_a_burst_of_commands_is_answered_by_number_and_the_viewer_stays(served):
    """As many as a key gives that is held for some seconds."""
    with opened(served) as talk:
        for number in range(90):
            talk.send(json.dumps({"id": number, "command": {"verb": "note", "text": "held"}}))
        assert "commands a second" in answered(talk, 89)["error"]
        time.sleep(0.3)
        talk.send(json.dumps({"id": 90, "command": {"verb": "note", "text": "let go"}}))
        assert "done" in answered(talk, 90)


def test_a_viewer_to_whom_nothing_gets_through_is_let_go(monkeypatch):
    monkeypatch.setattr(live, "_SECONDS_TO_SEND", 0.05)

    class Suspended:
        async def receive(self):
            await asyncio.Event().wait()

        async def send_text(self, _):
            await asyncio.Event().wait()

    async def scene():
        hub = Hub(MadeSource())
        async with asyncio.timeout(10):
            await live.converse(Suspended(), hub)
        return hub.viewers

    assert asyncio.run(scene()) == 0


@pytest.mark.parametrize(("error", "words"), [(BadData("No rows."), "No rows."), (KeyError("x"), "cannot be shown")])
def test_rows_that_cannot_be_shown_are_told_to_all_who_wait_and_tried_again(source, error, words):
    begun, go = threading.Event(), threading.Event()
    answers, errors = [], [error]

    def look():
        begun.set()
        go.wait(10)
        if errors:
            raise errors.pop()
        return {"rows": 1}

    with Server([source], port=0, token=TOKEN, data={"0": look}) as server:

        def viewer():
            answers.append(ask(server, "/api/runs/0/data"))

        threads = [threading.Thread(target=viewer) for _ in range(2)]
        threads[0].start()
        assert begun.wait(10)
        threads[1].start()
        time.sleep(0.3)  # until it waits for the same
        go.set()
        for thread in threads:
            thread.join()
        assert [answer.status for answer, _ in answers] == [409, 409]
        assert all(words in json.loads(body)["error"] for _, body in answers)
        assert ask(server, "/api/runs/0/data")[0].status == 200


def test_commands_that_never_act_do_not_pile_up(served):
    with opened(served) as talk:
        for number in range(12):
            talk.send(json.dumps({"id": number, "command": {"verb": "rewind", "branch": 0, "epoch": 1}}))
        assert "may be under way" in answered(talk, 11)["error"]


def test_two_hundred_idle_sockets_are_let_go_and_hold_up_nobody(source, monkeypatch):
    monkeypatch.setattr(server_module, "_SECONDS_TO_ASK", 0.5)
    with Server([source], port=0, token=TOKEN) as server:
        idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(200)]
        began = time.monotonic()
        assert ask(server, "/api/runs")[0].status == 200
        assert time.monotonic() - began < 1.0
        for one in idle:
            one.settimeout(5)
            assert one.recv(1) == b""
            one.close()


def test_half_a_request_is_let_go_too(source, monkeypatch):
    monkeypatch.setattr(server_module, "_SECONDS_TO_ASK", 0.3)
    with Server([source], port=0, token=TOKEN) as server, socket.create_connection(("127.0.0.1", server.port)) as half:
        half.sendall(b"GET / HTTP/1.1\r\nHost: 127")
        half.settimeout(5)
        assert half.recv(1) == b""


def test_a_port_that_is_taken_gives_the_next(source):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with Server([source], port=port) as server:
            assert port < server.port <= port + 50
            assert f"Port {port} is taken: it is {server.port}." in server.words()


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"port": -1}, "--port must be from 0 to 65535"),
        ({"host": "192.0.2.1"}, "address of this machine"),
        ({"host": ""}, "which would let every machine in"),
        ({"base": "x"}, "--base must be a path"),
        ({"base": "/x;"}, "--base must be a path"),
    ],
)
def test_what_cannot_be_served_is_one_line(source, how, said):
    with pytest.raises(BadRun, match=said):
        Server([source], **({"port": 0} | how))


def test_behind_a_proxy_under_a_path(source):
    with Server([source], port=0, token=TOKEN, base="/caviar", hosts=["models.example.org"]) as server:
        answer, _ = ask(
            server,
            f"/caviar/?token={TOKEN}",
            cookie=False,
            Host="models.example.org",
            Origin="https://models.example.org",
        )
        assert answer.status == 200
        assert "Path=/caviar/" in answer.headers["set-cookie"]
        assert ask(server, "/caviar/api/runs")[0].status == 200
        assert ask(server, "/api/runs")[0].status == 404


@pytest.mark.parametrize("names", [[], ["10.0.0.5"]])
def test_another_interface_is_warned_of(source, names):
    server = Server([source], port=0, host="0.0.0.0", hosts=names)
    server._socket.close()
    assert any("TLS" in line for line in server.words())
    assert any("only under this machine's loopback" in line for line in server.words()) is (not names)


def test_an_address_of_the_newer_kind_is_its_name_in_brackets(source, monkeypatch):
    taken = SimpleNamespace(getsockname=lambda: ("fd00::5", 8765, 0, 0))
    monkeypatch.setattr(server_module, "_listen", lambda *_: taken)  # it need not be this machine's
    server = Server([source], host="FD00:0::5", hosts=["2001:db8::1"])
    assert server.address.startswith(f"http://[fd00::5]:{server.port}/")
    for host in ("[fd00::5]", "[2001:db8::1]"):
        assert (
            server.access.refusal({"host": f"{host}:{server.port}", "authorization": f"Bearer {server.access.token}"})
            is None
        )


def test_a_port_that_needs_rights_is_not_called_taken(source, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(server_module.socket.socket, "bind", refuse)
    with pytest.raises(BadRun, match=r"--port 80 needs rights that this user lacks\. Take one from 1024 on\."):
        Server([source], port=80)


def test_a_server_that_fails_says_so(source, monkeypatch):
    with Server([source], port=0) as server:

        async def fails():
            raise ZeroDivisionError

        monkeypatch.setattr(server._server, "on_tick", lambda _: fails())
        with pytest.raises(BadRun, match="served until Ctrl-C, but its server ended: ZeroDivisionError"):
            server.wait()


def test_the_bucket_fills_with_time():
    now = [0.0]
    bucket = Bucket(10, 30, lambda: now[0])
    assert sum(bucket.take() for _ in range(100)) == 30
    now[0] += 1
    assert sum(bucket.take() for _ in range(100)) == 10


def test_a_server_that_is_closed_frees_its_port_and_its_thread(source):
    with Server([source], port=0) as server:
        port = server.port
    assert not any(thread.name == "caviar page" for thread in threading.enumerate() if thread is server._thread)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), timeout=2)
