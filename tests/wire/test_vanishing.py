"""Clients that vanish while something is stuck: the backend is released at once, whichever way the
bytes were going, and half-closed clients still get their answer. DESIGN §3."""
import threading
import time

import pytest

from harness import Backend, chunked, close, early, get, pause, reply, request, reset, stall, until

MIB = 1 << 20

YAML = """
listen: LISTEN
workers: 1
upstreams: {app: {url: BACKEND, response_timeout: 10m}}
upstream: app
timeouts: {body: 10m, tunnel: 10m}
cors: {allow_origins: ["https://app.example.com"]}
"""

HELLO = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


@pytest.fixture
def narrow():
    backend = Backend(small_buffers=True)
    yield backend
    backend.stop()
    assert not backend.faults


def push_until_stuck(client):
    """Sends until nothing more is taken: corsd holds bytes that the backend does not read."""
    client.sock.settimeout(0.5)
    block = b"x" * 65536
    try:
        while True:
            client.sock.send(block)
    except TimeoutError:
        pass


@pytest.mark.parametrize("wait", [0, 0.4], ids=["at once", "later"])
@pytest.mark.parametrize("answer", [[], [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"]],
                         ids=["before the answer", "inside the answer"])
def test_from_an_upload_that_is_stuck(given, narrow, answer, wait):
    corsd = given(YAML, BACKEND=narrow.url)
    narrow.plays(early(*answer, stall))
    client = corsd.connect()
    client.send(request("PUT", "/", f"Content-Length: {256 * MIB}"))
    if answer:
        client.through(b"\r\n\r\n")
    push_until_stuck(client)
    time.sleep(wait)
    client.reset()
    assert narrow.idle(8), "nobody waits for this upload any more"
    assert not narrow.requests


def test_from_a_tunnel_that_is_stuck(given, narrow):
    corsd = given(YAML, BACKEND=narrow.url)
    narrow.plays([SWITCH, stall])
    client = corsd.connect()
    client.send(get("/chat", *HELLO))
    client.through(b"\r\n\r\n")
    push_until_stuck(client)
    client.reset()
    assert narrow.idle(8)


@pytest.mark.parametrize("wait", [0, 0.4], ids=["at once", "later"])
def test_while_the_backend_thinks(given, backend, wait):
    corsd = given(YAML)
    backend.plays([stall])
    client = corsd.connect()
    client.send(get("/slow"))
    assert backend.saw(1)
    time.sleep(wait)
    client.reset()
    assert backend.idle(8)


def test_with_data_and_a_reset_on_one_edge(given, backend):
    """The next request and the reset come together: readable, says the kernel, and no more."""
    corsd = given(YAML)
    backend.plays([stall])
    client = corsd.connect()
    client.send(get("/slow"))
    assert backend.saw(1)
    time.sleep(0.3)
    with corsd.frozen():
        client.send(get("/next"))
        client.reset()
        time.sleep(0.05)
    assert backend.idle(8)
    assert len(backend.heads) == 1


def test_half_closed_clients_get_their_answer(given, backend):
    corsd = given(YAML)
    go = threading.Event()
    backend.plays([until(go), b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", pause(0.1), b"world"])
    client = corsd.connect()
    client.send(get("/slow"))
    client.finish()
    assert backend.saw(1)
    time.sleep(0.3)
    go.set()
    assert client.response().body == b"helloworld"
    assert client.ended()


def test_half_closed_after_a_chunked_upload(given, backend):
    corsd = given(YAML)
    client = corsd.connect()
    client.send(request("PUT", "/", "Transfer-Encoding: chunked") + chunked(b"abc", b"def"))
    client.finish()
    assert client.response().body == b"hello"
    assert backend.request.body == b"abcdef" and client.ended()


def test_half_closed_with_requests_in_line(given, backend):
    """All of the pipeline is answered, in order, though nothing more will come."""
    corsd = given(YAML)
    backend.always(lambda seen: reply(200, seen.target))
    client = corsd.connect()
    client.send(b"".join(get(f"/{number}") for number in range(20)))
    client.finish()
    assert [client.response().body for _ in range(20)] == [b"/%d" % number for number in range(20)]
    assert client.ended()


def test_half_closed_inside_an_upload(given, backend):
    corsd = given(YAML)
    client = corsd.connect()
    client.send(request("PUT", "/", "Content-Length: 1000") + b"x" * 500)
    assert backend.saw_heads(1)
    client.finish()
    assert client.ended() and backend.idle(8)
    assert not backend.requests and backend.cut == 1


@pytest.mark.parametrize("how", [close, reset], ids=["an end", "a reset"])
def test_the_backend_leaves_a_stuck_upload(given, narrow, how):
    """What it said before is read, though the rest of the upload can go nowhere."""
    corsd = given(YAML, BACKEND=narrow.url)
    go = threading.Event()
    narrow.plays(early(until(go), reply(503, "enough", "Connection: close"), pause(0.3), how))
    client = corsd.connect()
    client.send(request("PUT", "/", f"Content-Length: {64 * MIB}"))
    push_until_stuck(client)
    go.set()
    answer = client.response()
    assert (answer.status, answer.body) == (503, b"enough")
