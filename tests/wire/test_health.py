"""health_path: answered on the traffic port, never proxied. DESIGN §1, §5."""
import signal
import threading
import time

import pytest

from harness import cors, get, own_answer, post, preflight, request, until, vary

APP = "https://app.example.com"

YAML = """
listen: LISTEN
health_path: /.well-known/corsd
policies:
  reject: {allow_origins: ["https://app.example.com"], denied: reject}
  watched: {allow_origins: ["https://app.example.com"], mode: report}
routes:
  - {host: app.test, upstream: BACKEND}
  - {host: app.test, path: /.well-known, upstream: BACKEND}
  - {host: reject.test, upstream: BACKEND, cors: reject}
  - {host: watched.test, upstream: BACKEND, cors: watched}
cors: {allow_origins: ["https://app.example.com"]}
timeouts: {drain: 5s}
"""
SLOW_TO_GO = YAML.replace("drain: 5s", "drain: 5s, drain_delay: 1s")
HEALTH = "/.well-known/corsd"


@pytest.fixture(scope="module")
def corsd(shared):
    return shared(YAML)


@pytest.mark.parametrize("host", ["app.test", "nowhere.test", "127.0.0.1:8080", "reject.test", "watched.test"])
@pytest.mark.parametrize("target", [HEALTH, HEALTH + "?from=balancer", "/.well-known/%63orsd", HEALTH + "/"])
def test_ready(corsd, backend, host, target):
    client = corsd.connect()
    for _ in range(2):
        own_answer(client.ask(get(target, host=host)), 200)
    assert backend.untouched()


def test_head(corsd, backend):
    client = corsd.connect()
    answer = client.ask(request("HEAD", HEALTH))
    assert answer.status == 200 and answer.one("Content-Length") and answer.body == b""
    own_answer(client.ask(get(HEALTH)), 200)


def test_from_an_old_balancer(corsd, backend):
    """HTTP/1.0, without a Host."""
    own_answer(corsd.ask(get(HEALTH, host=None, version="1.0")), 200)


@pytest.mark.parametrize("text", [post(HEALTH), request("DELETE", HEALTH), request("OPTIONS", HEALTH),
                                  request("QUERY", HEALTH)], ids=["POST", "DELETE", "OPTIONS", "QUERY"])
def test_other_methods(corsd, backend, text):
    answer = own_answer(corsd.ask(text), 405)
    assert "GET" in answer.items("Allow")
    assert backend.untouched()


@pytest.mark.parametrize("target", ["/.well-known/corsdx", "/.well-known/corsd.", "/.well-known/corsd/x",
                                    "/.well-known", "/x/.well-known/corsd", "/.well-known/CORSD"])
def test_near_misses_are_proxied(corsd, backend, target):
    assert corsd.ask(get(target)).body == b"hello"


@pytest.mark.parametrize("origin, want", [(APP, {"allow-origin": APP}), ("https://evil.example", {}), (None, {})])
def test_readable_by_the_pages_that_may(corsd, backend, origin, want):
    """It is an answer of corsd's own: rule 10."""
    for host in ("app.test", "reject.test"):
        answer = own_answer(corsd.ask(get(HEALTH, *([f"Origin: {origin}"] if origin else []), host=host)), 200)
        assert cors(answer) == want and vary(answer) == {"origin"}
    watched = own_answer(corsd.ask(get(HEALTH, *([f"Origin: {origin}"] if origin else []), host="watched.test")), 200)
    assert cors(watched) == {}


def test_a_preflight_never_reaches_the_backend(corsd, backend):
    corsd.ask(preflight(HEALTH, APP))
    corsd.ask(preflight(HEALTH, APP, host="watched.test"))
    assert backend.untouched()


def test_absent_it_is_a_path_like_others(given, backend):
    corsd = given(YAML.replace("health_path: /.well-known/corsd\n", ""))
    assert corsd.ask(get(HEALTH)).body == b"hello"


@pytest.mark.parametrize("target", ["/x/../.well-known/corsd", "/./.well-known/corsd", "/%2e/.well-known/corsd",
                                    "/.well-known/x/%2E%2e/corsd"])
def test_no_spelling_leads_it_to_the_backend(corsd, backend, target):
    """Rule 16 comes first where the spelling could mean another route."""
    own_answer(corsd.ask(get(target, host="reject.test")), 200)
    assert corsd.ask(get(target, host="app.test")).status in (200, 400)
    assert backend.untouched()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_draining_is_a_503_and_requests_go_on(given, backend, number):
    corsd = given(SLOW_TO_GO)
    own_answer(corsd.ask(get(HEALTH)), 200)
    corsd.signal(number)
    end = time.monotonic() + 0.7
    while (answer := corsd.ask(get(HEALTH, f"Origin: {APP}"))).status == 200 and time.monotonic() < end:
        time.sleep(0.01)
    own_answer(answer, 503)
    assert answer.has("Retry-After") and cors(answer) == {"allow-origin": APP}
    assert corsd.ask(request("HEAD", HEALTH)).status == 503
    assert corsd.ask(get("/work")).body == b"hello", "drain_delay: what comes is still served"
    assert corsd.exited() == 0


def test_draining_on_a_connection_that_is_busy(given, backend):
    """Behind an exchange under way: pipelined, it is answered 503 or the connection ends."""
    corsd = given(SLOW_TO_GO)
    go = threading.Event()
    backend.plays([until(go), b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"])
    client = corsd.connect()
    client.send(get("/slow"))
    assert backend.saw_heads(1)
    corsd.signal(signal.SIGTERM)
    assert corsd.logged(r"(?i)drain|stop|term|shut")
    go.set()
    answer = client.response()
    assert answer.body == b"ok"
    if "close" not in [item.lower() for item in answer.items("Connection")]:
        own_answer(client.ask(get(HEALTH)), 503)
    assert corsd.exited() == 0


def test_after_a_reload(given, backend):
    corsd = given(YAML)
    corsd.reload(YAML.replace("health_path: /.well-known/corsd", "health_path: /alive"))
    end = time.monotonic() + 5
    while (answer := corsd.ask(get("/alive"))).body == b"hello" and time.monotonic() < end:
        time.sleep(0.01)
    own_answer(answer, 200)
    assert corsd.ask(get(HEALTH)).body == b"hello"
