import pytest
from hypothesis import given
from hypothesis import strategies as st

from caviar.web.access import Access, headers_of

ACCESS = Access(8765, ["Models.example.org"], token="a-token")
COOKIE = {"host": "127.0.0.1:8765", "cookie": "other=1; caviar-8765=a-token"}


def test_the_cookie_or_a_bearer_opens_everything():
    assert ACCESS.refusal(COOKIE) is None
    assert ACCESS.refusal({"host": "localhost:8765", "authorization": "Bearer a-token"}) is None


def test_the_token_in_the_address_opens_the_page_only():
    plain = {"host": "[::1]:8765"}
    assert ACCESS.refusal(plain, "token=a-token", page=True) is None
    assert ACCESS.refusal(plain, "token=a-token").status == 403
    assert ACCESS.refusal(plain, "token=a-tokem", page=True).status == 403
    assert ACCESS.refusal(plain, "", page=True).status == 403


@pytest.mark.parametrize(
    "host", ["", "evil.example", "evil.example:8765", "127.0.0.1", "127.0.0.1:8766", "127.0.0.1.nip.io:8765"]
)
def test_a_foreign_host_is_refused_whatever_else_is_right(host):
    assert ACCESS.refusal(COOKIE | {"host": host}).status == 421


@pytest.mark.parametrize(
    "origin",
    ["null", "http://evil.example", "http://127.0.0.1:9999", "http://127.0.0.1:8765.evil.example", "file://127.0.0.1:8765",
     "http://127.0.0.1:8765@evil.example", ""],
)  # fmt: skip
def test_a_foreign_origin_is_refused(origin):
    assert ACCESS.refusal(COOKIE | {"origin": origin}).status == 403


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8765", "http://localhost:8765", "https://models.example.org"])
def test_its_own_origins_are_not(origin):
    assert ACCESS.refusal(COOKIE | {"origin": origin}) is None


def test_what_another_site_asks_for_is_refused_but_a_link_to_the_page_is_not():
    foreign = COOKIE | {"sec-fetch-site": "cross-site"}
    assert ACCESS.refusal(foreign).status == 403
    assert ACCESS.refusal(foreign, page=True) is None


def test_the_name_of_a_proxy_with_and_without_port():
    for host in ("models.example.org", "MODELS.example.org:8765"):
        assert ACCESS.refusal(COOKIE | {"host": host}) is None


def test_cookies_of_two_ports_do_not_meet():
    assert Access(8766, token="other").cookie != ACCESS.cookie
    assert ACCESS.refusal({"host": "127.0.0.1:8765", "cookie": "caviar-8766=a-token"}).status == 403


@pytest.mark.parametrize(
    "others",
    ['prefs={"a":1}', "lonely", "path=/x", "version=1", '"', "a b=c,d", "caviar-8765=of-an-older-server", ";;="],
)
def test_other_cookies_lock_nobody_out(others):
    for cookie in (f"{others}; caviar-8765=a-token", f"caviar-8765=a-token; {others}"):
        assert ACCESS.refusal(COOKIE | {"cookie": cookie}) is None
        assert ACCESS.knows_cookie({"cookie": cookie})


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites():
    made = ACCESS.set_cookie("/base/")
    assert made == "caviar-8765=a-token; HttpOnly; SameSite=Strict; Path=/base/"


def test_every_server_has_a_token_of_its_own():
    assert Access(1).token != Access(1).token
    assert len(Access(1).token) >= 43  # 256 bits


@given(st.text(), st.text(), st.text())
def test_no_text_is_taken_for_the_token(cookie, bearer, query):
    given = {"host": "127.0.0.1:8765", "cookie": cookie, "authorization": bearer}
    assert ACCESS.refusal(given, query, page=True).status == 403


def test_a_header_that_comes_twice_is_seen_whole():
    """So that no rule sees one of them and the application another."""
    scope = {
        "headers": [(b"Host", b"127.0.0.1:8765"), (b"host", b"evil.example"), (b"cookie", b"a=1"), (b"Cookie", b"b=2")]
    }
    assert headers_of(scope) == {"host": "127.0.0.1:8765, evil.example", "cookie": "a=1; b=2"}
