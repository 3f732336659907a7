"""WebSocket tunnels after a 101, and every other Upgrade removed: DESIGN §3, RFC 6455."""
import hashlib
import os
import signal
import socket
import threading
import time

import pytest

from harness import (close, cors, get, own_answer, pause, post, read_all, reply, reset, stall, until)

APP = "https://app.example.com"

YAML = """
listen: LISTEN
upstream: BACKEND
cors: {allow_origins: ["https://app.example.com"], allow_credentials: true}
timeouts: {drain: 2s}
"""

HELLO = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol: chat"]
SWITCH = (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n")


@pytest.fixture(scope="module")
def corsd(shared):
    return shared(YAML)


def echo(conn):
    """Sends back whatever comes, until corsd ends its side; then ends its own."""
    conn.send(bytes(conn.wire.buffer))
    conn.wire.buffer.clear()
    conn.sock.settimeout(20)
    while data := conn.sock.recv(65536):
        conn.sock.sendall(data)
    close(conn)


def tunnel(corsd, backend, *steps, lines=HELLO, early=b""):
    """A client inside a tunnel whose other end plays these steps."""
    backend.plays([SWITCH, *steps])
    client = corsd.connect()
    answer = client.ask(get("/chat", *lines) + early)
    assert answer.status == 101
    return client


def test_the_handshake_passes(corsd, backend, deliver):
    backend.plays([SWITCH, stall])
    client = corsd.connect()
    deliver(client, get("/chat?room=1", f"Origin: {APP}", "Cookie: a=b", *HELLO))
    answer = client.response()
    assert answer.status == 101
    assert [item.lower() for item in answer.items("Connection")] == ["upgrade"]
    assert answer.all("Upgrade") == ["websocket"]
    assert answer.one("Sec-WebSocket-Accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert answer.one("Sec-WebSocket-Protocol") == "chat"
    seen = backend.request
    assert seen.start == "GET /chat?room=1 HTTP/1.1"
    assert [item.lower() for item in seen.items("Connection")] == ["upgrade"]
    assert [item.lower() for item in seen.all("Upgrade")] == ["websocket"]
    assert seen.one("Sec-WebSocket-Key") == "dGhlIHNhbXBsZSBub25jZQ=="
    assert (seen.one("Origin"), seen.one("Cookie")) == (APP, "a=b")


@pytest.mark.parametrize("lines", [
    ["Connection: keep-alive, Upgrade", "Upgrade: websocket"],
    ["Connection: upgrade", "Upgrade: WebSocket"],
    ["connection: UPGRADE", "upgrade: WEBSOCKET"],
    ["Connection: keep-alive", "Connection: Upgrade", "Upgrade: websocket"]],
    ids=["a list", "other case", "capitals", "two lines"])
def test_spellings(corsd, backend, lines):
    client = tunnel(corsd, backend, echo, lines=lines + HELLO[2:])
    client.send(b"ping")
    client.exactly(4, lambda piece: None)


def test_bytes_pass_both_ways_as_they_are(corsd, backend):
    client = tunnel(corsd, backend, echo)
    data = os.urandom(5000)
    client.drip(data[:300])
    client.send(data[300:])
    got = bytearray()
    client.exactly(5000, got.extend)
    assert got == data
    client.finish()
    assert client.ended()


def test_http_is_not_read_in_a_tunnel(corsd, backend):
    client = tunnel(corsd, backend, echo)
    client.send(get("/inside") + b"\0\r\n\n")
    got = bytearray()
    client.exactly(len(get("/inside")) + 4, got.extend)
    assert got == get("/inside") + b"\0\r\n\n"
    assert len(backend.heads) == 1


def test_early_data_is_held_until_the_101(corsd, backend):
    """Until the backend agrees, these bytes could be a request it would answer."""
    before = {}

    def look(conn):
        time.sleep(0.2)
        before["bytes"] = len(conn.wire.buffer)
        conn.sock.settimeout(0.1)
        try:
            before["bytes"] += len(conn.sock.recv(100))
        except TimeoutError:
            pass

    backend.plays([look, SWITCH, echo])
    client = corsd.connect()
    client.send(get("/chat", *HELLO) + b"early bytes")
    assert client.response().status == 101
    got = bytearray()
    client.exactly(11, got.extend)
    assert (before["bytes"], bytes(got)) == (0, b"early bytes")


def test_bytes_right_behind_the_101(corsd, backend):
    backend.plays([SWITCH + b"welcome", stall])
    client = corsd.connect()
    client.send(get("/chat", *HELLO))
    assert client.response().status == 101
    got = bytearray()
    client.exactly(7, got.extend)
    assert got == b"welcome"


def test_the_client_half_closes(corsd, backend):
    """The backend reads the end, and what it says after still arrives."""
    client = tunnel(corsd, backend, read_all, b"goodbye", close)
    client.send(b"last words").finish()
    got = bytearray()
    client.exactly(7, got.extend)
    assert got == b"goodbye" and client.ended()


def test_the_backend_half_closes(corsd, backend):
    heard = {}

    def half_close(conn):
        conn.send(b"goodbye")
        conn.sock.shutdown(socket.SHUT_WR)
        read_all(conn)
        heard["bytes"] = conn.extra
        conn.over = True

    client = tunnel(corsd, backend, half_close)
    got = bytearray()
    client.exactly(7, got.extend)
    assert client.ended()
    client.send(b"last words").finish()
    assert backend.idle()
    assert heard["bytes"] == b"last words"


def test_a_reset_passes_on(corsd, backend):
    client = tunnel(corsd, backend, stall)
    client.reset()
    assert backend.idle(5)
    client = tunnel(corsd, backend, pause(0.1), reset)
    assert client.ended(5)


def test_megabytes_both_ways(corsd, backend):
    client = tunnel(corsd, backend, echo)
    data = os.urandom(1 << 20) * 8
    sender = threading.Thread(target=client.sock.sendall, args=(data,))
    client.sock.settimeout(30)
    sender.start()
    got = hashlib.sha256()
    client.exactly(len(data), got.update)
    sender.join()
    assert got.hexdigest() == hashlib.sha256(data).hexdigest()


def test_a_tunnel_that_nobody_reads_is_held_back(corsd, backend):
    """The backend floods, the client does not read: its writes stop, then all arrives."""
    sent = {"bytes": 0}

    def flood(conn):
        for _ in range(1024):
            conn.send(b"x" * 65536)
            sent["bytes"] += 65536
        close(conn)

    client = tunnel(corsd, backend, flood)
    time.sleep(0.7)
    stuck = sent["bytes"]
    time.sleep(0.3)
    assert sent["bytes"] == stuck < 64 << 20
    client.exactly(64 << 20, lambda piece: None)
    assert client.ended()


def test_many_tunnels(corsd, backend):
    backend.always([SWITCH, echo])
    clients = [corsd.connect() for _ in range(50)]
    for client in clients:
        assert client.ask(get("/chat", *HELLO)).status == 101
    for number, client in enumerate(clients):
        client.send(b"%05d" % number)
    for number, client in enumerate(clients):
        got = bytearray()
        client.exactly(5, got.extend)
        assert got == b"%05d" % number


@pytest.mark.parametrize("status", [200, 400, 403, 426])
def test_a_refused_handshake_is_a_plain_response(corsd, backend, status):
    backend.plays(reply(status, "no"))
    client = corsd.connect()
    answer = client.ask(get("/chat", f"Origin: {APP}", *HELLO))
    assert (answer.status, answer.body) == (status, b"no")
    assert cors(answer) == {"allow-origin": APP, "allow-credentials": "true"}
    assert client.ask(get()).body == b"hello"


def test_early_data_behind_a_refused_handshake_is_the_next_request(corsd, backend):
    """HTTP goes on where the tunnel did not come about; or the connection is closed: never both."""
    backend.plays(reply(403, "no"))
    client = corsd.connect()
    client.send(get("/chat", *HELLO) + get("/next"))
    assert client.response().status == 403
    if not client.ended(1):
        assert client.response().body == b"hello"
        assert backend.requests[1].target == "/next"


# what is no WebSocket handshake: Upgrade goes as hop-by-hop, the request is proxied plainly
PLAIN = {
    "h2c": ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"],
    "h2c in capitals": ["Connection: Upgrade", "Upgrade: H2C"],
    "TLS": ["Connection: Upgrade", "Upgrade: TLS/1.0"],
    "another": ["Connection: Upgrade", "Upgrade: foo/2"],
    "one that begins the same": ["Connection: Upgrade", "Upgrade: websocketx"],
    "not named by Connection": ["Upgrade: websocket", "Sec-WebSocket-Version: 13"],
    "empty": ["Connection: Upgrade", "Upgrade: "],
    "none": ["Connection: Upgrade"],
}


@pytest.mark.parametrize("name", PLAIN)
def test_other_upgrades_are_removed(corsd, backend, name):
    client = corsd.connect()
    assert client.ask(get("/x", *PLAIN[name])).body == b"hello"
    seen = backend.request
    assert not seen.has("Upgrade") and not seen.has("Connection") and not seen.has("HTTP2-Settings")
    assert client.ask(get("/y")).body == b"hello", "and the connection goes on"


def test_an_old_client_cannot_upgrade(corsd, backend):
    answer = corsd.ask(get("/x", *HELLO, version="1.0"))
    assert answer.body == b"hello" and not backend.request.has("Upgrade")


WRONG_101 = {
    "not asked for": ([], SWITCH),
    "for another upgrade": (PLAIN["h2c"], b"HTTP/1.1 101 OK\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"),
    "another protocol": (HELLO, b"HTTP/1.1 101 OK\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n"),
    "no protocol": (HELLO, b"HTTP/1.1 101 OK\r\nConnection: Upgrade\r\n\r\n"),
    "nothing": (HELLO, b"HTTP/1.1 101 OK\r\n\r\n"),
}


@pytest.mark.parametrize("name", WRONG_101)
def test_a_101_that_is_wrong_is_a_502(corsd, backend, name):
    lines, switch = WRONG_101[name]
    backend.plays([switch, stall])
    answer = own_answer(corsd.ask(get("/chat", f"Origin: {APP}", *lines)), 502)
    assert cors(answer) == {"allow-origin": APP, "allow-credentials": "true"}
    assert backend.idle(5)


def test_a_tunnel_does_not_return_to_the_pool(corsd, backend):
    client = tunnel(corsd, backend, echo)
    client.finish()
    assert client.ended()
    before = backend.requests[0].connection
    assert corsd.ask(get()).body == b"hello"
    assert backend.requests[1].connection != before


def test_early_data_that_comes_later_waits_too(corsd, backend):
    """While a slow handshake is under way the client's bytes wait."""
    go = threading.Event()
    backend.plays([until(go), SWITCH, echo])
    client = corsd.connect()
    client.send(get("/chat", *HELLO))
    assert backend.saw(1)
    client.drip(b"0123456789")
    assert client.silent(0.1)
    go.set()
    assert client.response().status == 101
    got = bytearray()
    client.exactly(10, got.extend)
    assert got == b"0123456789" and len(backend.requests) == 1


def test_draining_gives_tunnels_their_time(given, backend):
    corsd = given(YAML)
    client = tunnel(corsd, backend, echo)
    corsd.signal(signal.SIGTERM)
    time.sleep(0.5)
    client.send(b"still")
    client.exactly(5, lambda piece: None)
    assert client.ended(15), "drain: 2s is over"
    assert corsd.exited() == 0


def test_posts_are_no_handshakes(corsd, backend):
    answer = corsd.ask(post("/x", *HELLO[:2], body=b"data"))
    assert answer.status in (200, 400)
    if answer.status == 200:
        assert backend.request.body == b"data"
