"""Backends that are down, silent, cut off or talk nonsense: 502 or 504 with CORS headers, a reason
in the log, and a closed connection. DESIGN §3, "bad backends"."""
import socket
import time

import pytest

from harness import (Cut, close, cors, drip, early, free_port, get, own_answer, pause, post, reply,
                     reply_chunked, reset, stall, vary)

APP = "https://app.example.com"
CORS = {"allow-origin": APP}

YAML = """
listen: LISTEN
upstreams:
  app: {url: BACKEND, response_timeout: 1s}
  patient: {url: BACKEND, response_timeout: 20s}
  down: {url: "http://DOWN"}
  gone: {url: "http+unix:FOLDER/nothing.sock"}
  full: {url: "http://FULL", connect_timeout: 500ms}
limits: {header_size: 8k, headers: 60}
routes:
  - {host: patient.test, upstream: patient}
  - {host: down.test, upstream: down}
  - {host: gone.test, upstream: gone}
  - {host: full.test, upstream: full}
upstream: app
cors: {allow_origins: ["https://app.example.com"]}
"""


@pytest.fixture(scope="module")
def full_backlog():
    """An address that neither accepts nor refuses."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", free_port()))
        listener.listen(0)
        waiting = []
        for _ in range(3):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
            waiting.append(sock)
        yield "127.0.0.1:%d" % listener.getsockname()[1]
        for sock in waiting:
            sock.close()


@pytest.fixture(scope="module")
def corsd(shared, full_backlog):
    return shared(YAML, DOWN=f"127.0.0.1:{free_port()}", FULL=full_backlog)


def ask(corsd, host="app.test", text=None):
    return corsd.ask(text or get("/", f"Origin: {APP}", host=host))


def told(answer, status):
    own_answer(answer, status)
    assert cors(answer) == CORS and vary(answer) == {"origin"}


@pytest.mark.parametrize("host, status", [("down.test", (502,)), ("gone.test", (502,)), ("full.test", (502, 504))])
@pytest.mark.parametrize("text", ["GET", "POST"])
def test_no_connection(corsd, backend, host, status, text):
    data = get("/", f"Origin: {APP}", host=host) if text == "GET" else post("/", f"Origin: {APP}", host=host)
    answer = corsd.ask(data)
    assert answer.status in status
    told(answer, answer.status)


def head(*lines, start="HTTP/1.1 200 OK"):
    return "\r\n".join([start, *lines, "", ""]).encode("latin-1")


NONSENSE = {
    "words": b"this is not HTTP\r\n\r\n",
    "words without an end": b"x" * 3000,
    "an SSH banner": b"SSH-2.0-OpenSSH_9.2\r\n",
    "a TLS alert": b"\x15\x03\x01\x00\x02\x02\x46",
    "zeros": bytes(1000),
    "a request": get(),
    "HTTP/2": b"HTTP/2 200\r\n\r\n",
    "HTTP/2 frames": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + bytes(18),
    "another protocol": b"ICY 200 OK\r\n\r\n",
    "no status": head(start="HTTP/1.1"),
    "a status of two digits": head(start="HTTP/1.1 20 OK"),
    "a status of four digits": head(start="HTTP/1.1 2000 OK"),
    "a wordy status": head(start="HTTP/1.1 abc OK"),
    "a status below 100": head(start="HTTP/1.1 099 OK"),
    "a status with a sign": head(start="HTTP/1.1 +20 OK"),
    "bare LFs": b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
    "one bare LF": b"HTTP/1.1 200 OK\r\nA: b\nContent-Length: 5\r\n\r\nhello",
    "a bare CR": head("A: b\rc", "Content-Length: 0"),
    "NUL in a value": head("A: b\0c", "Content-Length: 0"),
    "a control byte in a value": head("A: b\x01c", "Content-Length: 0"),
    "a control byte in the reason": head("Content-Length: 0", start="HTTP/1.1 200 O\x01K"),
    "a folded line": head("A: b", " c", "Content-Length: 0"),
    "a space before the colon": head("A : b", "Content-Length: 0"),
    "a space before the colon of the length": head("Content-Length : 5") + b"hello",
    "no colon": head("nonsense", "Content-Length: 0"),
    "a space in a name": head("A B: c", "Content-Length: 0"),
    "an empty name": head(": c", "Content-Length: 0"),
    "both framings": head("Content-Length: 5", "Transfer-Encoding: chunked") + b"5\r\nhello\r\n0\r\n\r\n",
    "two different lengths": head("Content-Length: 5", "Content-Length: 6") + b"hello!",
    "a list of lengths": head("Content-Length: 5, 6") + b"hello!",
    "a negative length": head("Content-Length: -5"),
    "a length in hex": head("Content-Length: 0x5") + b"hello",
    "a huge length": head("Content-Length: 99999999999999999999"),
    "an empty length": head("Content-Length:"),
    "an unknown coding": head("Transfer-Encoding: gzip") + b"hello",
    "gzip, chunked": head("Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n",
    "chunked twice": head("Transfer-Encoding: chunked, chunked") + b"0\r\n\r\n",
    "a head too large": head("A: " + "b" * 9000, "Content-Length: 0"),
    "a head without an end": b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 3000,
    "too many headers": head(*["A: b"] * 80, "Content-Length: 0"),
    "101 that nobody asked for": head("Connection: Upgrade", "Upgrade: websocket",
                                      start="HTTP/1.1 101 Switching Protocols"),
    "101 without a protocol": head(start="HTTP/1.1 101 Switching Protocols"),
    "endless 100s": b"HTTP/1.1 100 Continue\r\n\r\n" * 5000 + b"x",
}


ENDLESS = {"words without an end", "an SSH banner", "endless 100s"}  # or 504: no head ever came


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense(corsd, backend, name):
    backend.plays([NONSENSE[name], stall])
    client = corsd.connect()
    client.send(get("/", f"Origin: {APP}"))
    answer = client.response()
    if name in ENDLESS and answer.status == 504:
        return
    told(answer, 502)
    assert backend.idle(5), "the connection is closed, not waited for"
    assert client.ask(get("/after")).body == b"hello"
    assert backend.requests[1].connection != backend.requests[0].connection


@pytest.mark.parametrize("name", ["bare LFs", "both framings", "a head too large"])
def test_nonsense_byte_by_byte(corsd, backend, name):
    backend.plays([drip(NONSENSE[name], 0.00005), stall])
    told(ask(corsd, "patient.test"), 502)


def test_the_log_names_what_would_help(corsd, backend):
    backend.plays([NONSENSE["bare LFs"], stall])
    ask(corsd)
    assert corsd.logged("accept_bare_lf")


ENDS = {
    "hangs up at once": [close],
    "resets at once": [reset],
    "hangs up later": [pause(0.1), close],
    "resets later": [pause(0.1), reset],
    "ends inside the status line": [b"HTTP/1.1 2", pause(0.02), close],
    "ends inside the head": [b"HTTP/1.1 200 OK\r\nContent-Le", pause(0.02), close],
    "ends before the empty line": [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", pause(0.02), close],
    "ends after 100": [b"HTTP/1.1 100 Continue\r\n\r\n", pause(0.02), close],
    "resets inside the head": [b"HTTP/1.1 200 OK\r\nContent-Le", pause(0.02), reset],
}


@pytest.mark.parametrize("name", ENDS)
@pytest.mark.parametrize("kind", ["GET", "POST"])
def test_ends_before_it_answered(corsd, backend, name, kind):
    """A GET on a reused connection may be tried once more: it ends the same way."""
    backend.plays(ENDS[name], ENDS[name])
    text = get("/", f"Origin: {APP}") if kind == "GET" else post("/", f"Origin: {APP}")
    told(ask(corsd, text=text), 502)
    assert len(backend.requests) in ((1,) if kind == "POST" else (1, 2))


def test_hangs_up_before_it_is_asked(corsd, backend):
    """A fresh connection that ends at once: 502, and the next one is tried for the next request."""
    backend.always(reply(200, "hello", "Connection: close"))
    ask(corsd)
    assert backend.released()
    backend.greets(close)
    told(ask(corsd), 502)
    backend.greets()
    assert ask(corsd).status == 200


SILENT = {
    "says nothing": [stall],
    "stops in the head": [b"HTTP/1.1 200 OK\r\nA:", stall],
    "stops after 100": [b"HTTP/1.1 100 Continue\r\n\r\n", stall],
}


@pytest.mark.parametrize("name", SILENT)
def test_silent(corsd, backend, name):
    backend.plays(SILENT[name])
    start = time.monotonic()
    client = corsd.connect()
    client.send(get("/", f"Origin: {APP}"))
    told(client.response(), 504)
    assert 0.7 < time.monotonic() - start < 8
    assert backend.idle(5)
    assert client.ask(get()).body == b"hello"


def test_slow_is_not_silent(corsd, backend):
    backend.plays([pause(0.6), drip(reply(200, "hello"), 0.002)])
    assert ask(corsd).body == b"hello"


# a body that ends before its framing does is cut visibly: never a clean end

CUTS = {
    "a length": [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", pause(0.05), close],
    "a length, nothing came": [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", pause(0.05), close],
    "a length, by reset": [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", pause(0.05), reset],
    "chunked": [reply_chunked(b"hello")[:-5], pause(0.05), close],
    "inside a chunk": [reply_chunked(b"hello")[:-9], pause(0.05), close],
    "inside a size": [reply_chunked(b"hello")[:-5] + b"5", pause(0.05), close],
    "before the last line end": [reply_chunked(b"hello")[:-2], pause(0.05), close],
    "chunked, by reset": [reply_chunked(b"hello")[:-5], pause(0.05), reset],
    "until the end, by reset": [b"HTTP/1.1 200 OK\r\n\r\nhello", pause(0.05), reset],
    "a wrong chunk": [reply_chunked(b"hello")[:-5], pause(0.05), b"zzz\r\n", stall],
    "silence": [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", stall],
    "silence between chunks": [reply_chunked(b"hello")[:-5], stall],
}


@pytest.mark.parametrize("name", CUTS)
def test_cut_visibly(corsd, backend, name):
    backend.plays(CUTS[name])
    client = corsd.connect()
    client.send(get("/", f"Origin: {APP}"))
    try:
        answer = client.response()
    except (Cut, ConnectionResetError):
        assert client.ended(), "and the connection is closed"
    else:
        told(answer, 502)
    assert backend.idle(5)
    assert corsd.ask(get()).body == b"hello"


@pytest.mark.parametrize("name", ["chunked", "inside a chunk", "chunked, by reset", "until the end, by reset"])
def test_cut_visibly_to_an_old_client(corsd, backend, name):
    """Without chunks or a length only a reset can say that the body is not whole."""
    backend.plays(CUTS[name])
    client = corsd.connect()
    with pytest.raises((Cut, ConnectionResetError)):
        client.ask(get("/", version="1.0"))


@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_a_reset_together_with_the_bytes_before_it(corsd, backend, version):
    """How a crash looks: data and reset are there at once, and it is no clean end."""
    def crash(conn):
        with corsd.frozen():
            conn.send(b"HTTP/1.1 200 OK\r\n\r\npartial")
            reset(conn)
            time.sleep(0.05)

    backend.plays([crash])
    client = corsd.connect()
    client.send(get("/", f"Origin: {APP}", version=version))
    try:
        answer = client.response()
    except (Cut, ConnectionResetError):
        assert client.ended()
    else:
        told(answer, 502)


def test_an_answer_and_a_reset_during_an_upload(corsd, backend):
    """A failed write does not end the exchange: what the backend had answered is read first."""
    backend.plays(early(reply(413, "too much", "Connection: close"), pause(0.1), reset))
    client = corsd.connect()
    client.send(post("/", f"Origin: {APP}", body=b"x" * 3_000_000)[:1_500_000])
    answer = client.response()
    assert (answer.status, answer.body) == (413, b"too much") and cors(answer) == CORS


def test_one_bad_answer_does_not_harm_the_others(corsd, backend):
    backend.plays(*[NONSENSE[name] for name in ("words", "both framings", "bare LFs")] * 3)
    statuses = [ask(corsd).status for _ in range(12)]
    assert statuses == [502] * 9 + [200] * 3
