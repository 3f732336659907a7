"""What a pooled connection's server says about it, and what it says without being asked: DESIGN §3,
"bytes left over on a pooled connection close it". One worker, so that the pool is one pool."""
import threading
import time

import pytest

from harness import get, post, reply, request, until

YAML = """
listen: LISTEN
workers: 1
upstreams: {app: {url: BACKEND, idle_timeout: 20s}}
upstream: app
cors: {allow_origins: ["https://app.example.com"]}
"""


@pytest.fixture
def corsd(given):
    return given(YAML)


POOLED = {
    "nothing said": None,
    "ten minutes": "timeout=600",
    "with a maximum": "timeout=600, max=100",
    "a maximum alone": "max=100",
    "negative": "timeout=-5",
    "a fraction": "timeout=0.5",
    "words": "timeout=soon",
    "empty": "timeout=",
    "no value": "timeout",
    "another word": "xtimeout=0",
    "2^53 s": "timeout=9007199254740993",
    "wraps in milliseconds": "timeout=18446744073709553",
    "wraps below the margin": "timeout=18446744073709552",
    "2^64 - 1": "timeout=18446744073709551615",
    "2^64": "timeout=18446744073709551616",
    "endless": "timeout=" + "9" * 300,
}


@pytest.mark.parametrize("name", POOLED)
def test_hints_that_leave_the_pool_alone(shared_one, backend, name):
    lines = [f"Keep-Alive: {POOLED[name]}"] if POOLED[name] is not None else []
    backend.plays(reply(200, "first", *lines))
    client = shared_one.connect()
    assert client.ask(get("/1")).body == b"first"
    time.sleep(0.5)
    assert client.ask(get("/2")).body == b"hello"
    assert backend.requests[0].connection == backend.requests[1].connection


@pytest.fixture(scope="module")
def shared_one(shared):
    return shared(YAML)


@pytest.mark.parametrize("hint", ["timeout=0", "timeout=1", "timeout=01", "max=5, timeout=0", "Timeout = 0"])
def test_hints_that_the_server_is_about_to_close(shared_one, backend, hint):
    """The server may be gone before the next request is there: it is not raced."""
    backend.plays(reply(200, "first", f"Keep-Alive: {hint}"))
    client = shared_one.connect()
    assert client.ask(get("/1")).body == b"first"
    assert client.ask(get("/2")).body == b"hello"
    assert backend.requests[0].connection != backend.requests[1].connection


# an answer that nobody asked for, found together with the next request

def unasked(corsd, backend, data, more):
    """A request and bytes on the only pooled connection, seen in one turn of the loop, request first."""
    go, said = threading.Event(), threading.Event()
    backend.plays([reply(200, "warm"), until(go), more, lambda conn: said.set()])
    backend.always(lambda seen: reply(200, f"{seen.method} {seen.target}"))
    client = corsd.connect()
    assert client.ask(get("/warm")).body == b"warm"
    time.sleep(0.2)  # corsd is in its wait again
    with corsd.frozen():
        client.send(data)
        time.sleep(0.02)
        go.set()
        assert said.wait(20)
        time.sleep(0.02)
    return client


@pytest.mark.parametrize("more", [reply(200, "evil"), b"H", b"\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"],
                         ids=["an answer", "a byte", "a line end", "an interim head"])
@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
def test_an_answer_nobody_asked_for(corsd, backend, method, more):
    body = None if method == "GET" else b"data"
    client = unasked(corsd, backend, request(method, "/mine", body=body), more)
    answer = client.response(method)
    if answer.status != 502:
        assert answer.status == 200 and answer.body == f"{method} /mine".encode()
    mine = [seen for seen in backend.heads if seen.target == "/mine"]
    assert method != "POST" or len(mine) <= 1
    assert client.ask(get("/next")).body == b"GET /next"


def test_posts_in_a_row_are_not_mistaken_for_it(corsd, backend):
    """A connection given back and taken again within a turn is as good as before."""
    backend.always(lambda seen: reply(200, seen.target))
    client = corsd.connect()
    client.send(b"".join(post(f"/{number}") for number in range(50)))
    assert [client.response("POST").body for _ in range(50)] == [b"/%d" % number for number in range(50)]
    assert backend.opened == 1
