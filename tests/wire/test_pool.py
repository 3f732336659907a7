"""Connections to the backend: reused, retried once, never trusted after a leftover byte. DESIGN §3.

One worker and one client connection at a time, so that the pool is one pool."""
import threading
import time

import pytest

from harness import (close, early, get, own_answer, pause, post, reply, reply_chunked, request, reset,
                     slam, stall, until)

YAML = """
listen: LISTEN
workers: 1
upstreams:
  app: {url: BACKEND, response_timeout: 5s}
upstream: app
cors: {allow_origins: ["https://app.example.com"]}
"""


@pytest.fixture
def corsd(given):
    return given(YAML)


REUSED = {
    "a length": reply(),
    "length zero": reply(200, ""),
    "chunked": reply_chunked(b"hello"),
    "chunked with trailers": reply_chunked(b"hello", trailers=["A: b"]),
    "204": reply(204, None),
    "304": reply(304, None),
    "an error": reply(500, "oh"),
    "old, and kept": b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
}

NOT_REUSED = {
    "close": reply(200, "hello", "Connection: close"),
    "Close among others": reply(200, "hello", "Connection: x-y, Close"),
    "old": b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "until the end": [b"HTTP/1.1 200 OK\r\n\r\nhello", close],
    "a byte too many": reply() + b"x",
    "a line end too many": reply() + b"\r\n",
    "two answers to one request": reply() + reply(200, "evil"),
    "bytes behind the last chunk": reply_chunked(b"hello") + b"0\r\n\r\n",
    "a body behind 204": reply(204, None) + b"hello",
    "a body behind 304": reply(304, None) + b"hello",
}


@pytest.mark.parametrize("name", REUSED)
def test_reused(corsd, backend, name):
    backend.always(REUSED[name])
    for _ in range(2):
        client = corsd.connect()
        for _ in range(3):
            client.ask(get())
        client.sock.close()
    assert len(backend.requests) == 6 and backend.opened == 1


def test_reused_after_head(corsd, backend):
    backend.always(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
    for _ in range(3):
        corsd.ask(request("HEAD", "/"))
    assert backend.opened == 1


def test_reused_for_posts_in_a_row(corsd, backend):
    client = corsd.connect()
    for _ in range(5):
        assert client.ask(post()).status == 200
    assert backend.opened == 1


@pytest.mark.parametrize("name", NOT_REUSED)
def test_not_reused(corsd, backend, name):
    backend.plays(NOT_REUSED[name])
    first = corsd.ask(get())
    assert first.body in (b"hello", b"")
    client = corsd.connect()
    for _ in range(3):
        assert client.ask(get("/next")).body == b"hello", "the answer to its own request"
    assert [seen.connection - backend.requests[0].connection for seen in backend.requests] == [0, 1, 1, 1]


def test_a_leftover_behind_a_full_read(corsd, backend):
    """The response fills corsd's read to the byte: what follows lies in the kernel, seen by no event."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
    length = (68 << 10) - len(head % 69000)

    def both_at_once(conn):
        with corsd.frozen():
            conn.send(head % length + b"x" * length + reply(200, "evil", "X-Evil: 1"))
            time.sleep(0.1)

    backend.plays([both_at_once])
    client = corsd.connect()
    assert len(client.ask(get("/big")).body) == length
    for _ in range(3):
        assert client.ask(get("/next")).body == b"hello"
    assert backend.requests[1].connection != backend.requests[0].connection


def test_bytes_on_an_idle_connection_spoil_it(corsd, backend):
    """A response before its request would be the answer to someone else's."""
    backend.plays([reply(), pause(0.1), reply(200, "evil")])
    assert corsd.ask(get()).body == b"hello"
    time.sleep(0.3)
    assert corsd.ask(get("/next")).body == b"hello"
    assert backend.requests[1].connection != backend.requests[0].connection


def test_an_idle_connection_that_the_backend_closes(corsd, backend):
    backend.plays([reply(), pause(0.05), close])
    client = corsd.connect()
    assert client.ask(get()).body == b"hello"
    assert backend.released()
    assert client.ask(post()).body == b"hello", "noticed before a POST is risked on it"
    assert len(backend.requests) == 2


# the backend takes the second request on a connection and dies: what happens to it

STALE = {"hangs up": close, "resets": reset, "slams": slam}


@pytest.mark.parametrize("how", STALE)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_stale_connection_is_retried_once(corsd, backend, how, method):
    backend.plays(reply(), [STALE[how]], reply(200, "again"))
    client = corsd.connect()
    client.ask(get("/1"))
    answer = client.ask(request(method, "/2"))
    assert answer.status == 200
    assert [seen.target for seen in backend.requests] == ["/1", "/2", "/2"]
    assert backend.requests[2].connection != backend.requests[1].connection
    assert backend.requests[2].headers == backend.requests[1].headers


@pytest.mark.parametrize("method, body", [("POST", b"data"), ("POST", b""), ("PATCH", b"data"), ("FETCH", None)])
def test_what_is_not_idempotent_is_never_sent_twice(corsd, backend, method, body):
    if method == "FETCH":
        method = "LOCK"
    backend.plays(reply(), [reset], reply(200, "again"))
    client = corsd.connect()
    client.ask(get("/1"))
    own_answer(client.ask(request(method, "/2", body=body)), 502)
    assert [seen.target for seen in backend.requests] == ["/1", "/2"]


def test_retried_only_once(corsd, backend):
    backend.plays(reply(), [reset], [reset], reply(200, "third"))
    client = corsd.connect()
    client.ask(get("/1"))
    own_answer(client.ask(get("/2")), 502)
    assert [seen.target for seen in backend.requests] == ["/1", "/2", "/2"]


def test_a_fresh_connection_is_not_retried(corsd, backend):
    backend.plays([reset], reply(200, "again"))
    own_answer(corsd.ask(get("/1")), 502)
    assert len(backend.requests) == 1


# a connection that is dead already, which a busy corsd finds out by its first write only

def dead_on_arrival(corsd, backend, data):
    """A client whose data, and the reset of the only pooled connection, come in one turn of the loop."""
    go = threading.Event()
    backend.plays([reply(200, "warm"), until(go), reset])
    backend.always(lambda seen: reply(200, f"{seen.method} {seen.target} ".encode() + seen.body))
    client = corsd.connect()
    assert client.ask(get("/warm")).body == b"warm"
    pooled = backend.open[-1]
    time.sleep(0.1)  # corsd is in its wait again
    with corsd.frozen():
        client.send(data)
        go.set()
        assert pooled.closed.wait(5)
    return client


def its_own_or_502(client, body):
    answer = client.response()
    assert answer.status == 502 or answer.body == body, answer.body
    return answer


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_retry_never_takes_the_next_request_for_the_body(corsd, backend, method):
    """What left the client's buffer cannot be sent again: the body is whole or the answer is 502."""
    body = b"B" * len(get("/victim"))
    client = dead_on_arrival(corsd, backend, request(method, "/a", body=body) + get("/victim") + get("/second"))
    its_own_or_502(client, f"{method} /a ".encode() + body)
    for target in ("/victim", "/second"):
        if client.ended(2):
            break
        its_own_or_502(client, f"GET {target} ".encode())
    assert all(seen.body == (body if seen.target == "/a" else b"") for seen in backend.requests)


def test_a_retry_never_begins_inside_a_chunked_body(corsd, backend):
    """The size line was taken; the data behind it looks like chunks, and must never be read so."""
    data = b"3\r\nabc\r\n0\r\n\r\n"
    head = request("PUT", "/a", "Transfer-Encoding: chunked")
    client = dead_on_arrival(corsd, backend, head + b"%x\r\n" % len(data))
    time.sleep(0.2)
    client.send(data + b"\r\n0\r\n\r\n")
    its_own_or_502(client, b"PUT /a " + data)
    assert all(seen.body == data for seen in backend.requests if seen.target == "/a")


@pytest.mark.parametrize("part", [b"H", b"HTTP/1.1 200 OK\r\n", reply()[:-1]])
def test_not_retried_once_a_byte_of_the_response_came(corsd, backend, part):
    backend.plays(reply(), [part, pause(0.05), close], reply(200, "again"))
    client = corsd.connect()
    client.ask(get("/1"))
    client.send(get("/2"))
    try:
        assert client.response().status == 502
    except AssertionError:
        assert client.ended()
    assert [seen.target for seen in backend.requests] == ["/1", "/2"]


def test_a_post_takes_no_connection_idle_for_two_seconds(corsd, backend):
    client = corsd.connect()
    client.ask(get("/1"))
    time.sleep(2.3)
    assert client.ask(post("/2")).status == 200
    assert backend.requests[0].connection != backend.requests[1].connection
    assert client.ask(post("/3")).status == 200
    assert backend.requests[1].connection == backend.requests[2].connection


def test_the_backends_own_timeout_is_respected(corsd, backend):
    """Keep-Alive: timeout=2 is 1 s for corsd: it does not race the backend's close."""
    backend.plays(reply(200, "hello", "Keep-Alive: timeout=2"))
    client = corsd.connect()
    client.ask(get("/1"))
    assert backend.released(3), "closed by corsd in time"
    client.ask(get("/2"))
    assert backend.opened == 2


def test_idle_timeout(given, backend):
    corsd = given(YAML.replace("response_timeout: 5s", "idle_timeout: 500ms"))
    corsd.ask(get())
    start = time.monotonic()
    assert backend.released(5)
    assert time.monotonic() - start > 0.3
    assert corsd.ask(get()).status == 200


@pytest.mark.parametrize("key, lines", [
    ("idle_timeout: 1500ms", []), ("response_timeout: 5s", ["Keep-Alive: timeout=2"])])
def test_the_idle_deadline_ends_with_idleness(given, backend, key, lines):
    """It passes while a request is under way on the connection, and means nothing there."""
    corsd = given(YAML.replace("response_timeout: 5s", key))
    backend.plays(reply(200, "warm", *lines), [pause(2), reply(200, "slow", *lines)])
    client = corsd.connect()
    assert client.ask(get("/warm")).body == b"warm"
    assert client.ask(get("/slow")).body == b"slow"
    assert client.ask(get("/next")).body == b"hello"
    assert backend.opened == 1


def test_max_idle(given, backend):
    corsd = given(YAML.replace("response_timeout: 5s", "max_idle: 2"))
    go = threading.Event()
    backend.always([until(go), reply()])
    clients = [corsd.connect() for _ in range(5)]
    for client in clients:
        client.send(get())
    assert backend.saw(5)
    go.set()
    for client in clients:
        assert client.response().status == 200
    assert backend.waits(lambda: len(backend.open) == 2)
    time.sleep(0.1)
    assert len(backend.open) == 2


def test_newest_first(corsd, backend):
    """The pool is a stack: what is not needed ages and goes."""
    go = threading.Event()
    backend.plays([until(go), reply()], reply())
    slow, quick = corsd.connect(), corsd.connect()
    slow.send(get("/slow"))
    assert backend.saw(1)
    quick.ask(get("/quick"))
    go.set()
    slow.response()
    for _ in range(3):
        quick.ask(get("/again"))
    first = [seen for seen in backend.requests if seen.target == "/slow"][0]
    assert {seen.connection for seen in backend.requests[2:]} == {first.connection}


def test_an_early_answer_spoils_the_connection(corsd, backend):
    """The rest of the body was never sent: the next request would be taken for it."""
    backend.plays(early(reply(200, "early"), pause(0.3)))
    client = corsd.connect()
    client.send(post("/1", body=b"x" * 100000)[:-1000])
    assert client.response().body == b"early"
    client.sock.close()
    assert corsd.ask(get("/2")).body == b"hello"
    assert [head.connection for head in backend.heads] != [1, 1]
    assert backend.heads[-1].connection != backend.heads[0].connection


def test_a_cut_response_spoils_the_connection(corsd, backend):
    backend.plays([b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello", stall])
    client = corsd.connect()
    client.send(get("/1"))
    client.through(b"hello")
    client.reset()
    assert backend.released()
    assert corsd.ask(get("/2")).body == b"hello"
    assert backend.opened == 2


def test_connections_in_parallel(corsd, backend):
    go = threading.Event()
    backend.always([until(go), reply()])
    clients = [corsd.connect() for _ in range(20)]
    for client in clients:
        client.send(get())
    assert backend.saw(20), "no request waits for another's connection"
    go.set()
    assert all(client.response().status == 200 for client in clients)
