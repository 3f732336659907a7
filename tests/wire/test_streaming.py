"""Bodies are never collected: byte by byte, back-pressure, bounded memory, checksums. DESIGN §3, §8."""
import hashlib
import socket
import threading
import time

import pytest

from harness import (BINARY, Backend, close, chunked, cors, drip, early, get, pause, post, read_body,
                     reply, reply_chunked, request, until)

APP = "https://app.example.com"
MIB = 1 << 20

YAML = """
listen: LISTEN
workers: 1
upstream: BACKEND
cors: {allow_origins: ["https://app.example.com"]}
"""

LEAN = {"ASAN_OPTIONS": "quarantine_size_mb=1"}  # so that RSS means something


@pytest.fixture(scope="module")
def corsd(shared):
    return shared(YAML, env=LEAN)


@pytest.fixture
def narrow():
    """A backend whose own socket buffers are small, so that what is stuck is stuck in corsd."""
    backend = Backend(small_buffers=True)
    yield backend
    backend.stop()
    assert not backend.faults


# the moment matters

@pytest.mark.parametrize("framing", ["chunked", "length", "until the end"])
def test_each_event_arrives_before_the_next_is_sent(corsd, backend, framing):
    events = [threading.Event() for _ in range(5)]
    head = {"chunked": b"Transfer-Encoding: chunked\r\n", "length": b"Content-Length: 50\r\n",
            "until the end": b""}[framing]
    steps = [b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" + head + b"\r\n"]
    for number, event in enumerate(events):
        data = b"data: %d\n\n\n" % number
        steps += [chunked(data)[:-5] if framing == "chunked" else data, until(event)]
    steps += [b"0\r\n\r\n"] if framing == "chunked" else [close] if framing != "length" else []
    backend.plays(steps)
    client = corsd.connect()
    client.send(get("/events"))
    for number, event in enumerate(events):
        client.through(b"data: %d\n" % number)
        event.set()


def test_events_byte_by_byte(corsd, backend):
    body = b"".join(b"data: %d\n\n" % number for number in range(50))
    backend.plays([b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
                   drip(chunked(*[body[at:at + 1] for at in range(len(body))]))])
    assert corsd.ask(get()).body == body


def test_the_head_goes_ahead_of_the_body(corsd, backend):
    go = threading.Event()
    backend.plays([b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", until(go), b"hello"])
    client = corsd.connect()
    client.send(get())
    client.through(b"\r\n\r\n")
    go.set()
    client.exactly(5, lambda piece: None)


def test_an_upload_arrives_while_it_is_sent(corsd, backend):
    seen = []

    def taste(conn):
        for _ in range(5):
            conn.wire.exactly(5, seen.append)
            parts.release()
        conn.send(reply(200, "all"))

    parts = threading.Semaphore(0)
    backend.plays(early(taste))
    client = corsd.connect()
    client.send(post("/", body=b"x" * 25)[:-25])
    for number in range(5):
        client.send(b"part%d" % number)
        assert parts.acquire(timeout=10), f"part {number} does not arrive before the next is sent"
    assert client.response().body == b"all"
    assert b"".join(seen) == b"part0part1part2part3part4"


def test_both_ways_at_once(corsd, backend):
    """A backend that answers each chunk as it comes: neither direction waits for the other's end."""
    def echo(conn):
        conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        conn.wire.chunks(lambda piece: conn.send(chunked(piece)[:-5]))
        conn.send(b"0\r\n\r\n")

    backend.plays(early(echo))
    client = corsd.connect()
    client.send(request("POST", "/", "Transfer-Encoding: chunked"))
    client.send(chunked(b"first")[:-5])
    client.through(b"first")
    client.send(chunked(b"second")[:-5])
    client.through(b"second")
    client.send(b"0\r\n\r\n")
    client.through(b"0\r\n\r\n")


# big bodies, right to the last byte

def pattern(count, block=1 << 16):
    """`count` bytes, a block at a time, no block like the one before."""
    number = 0
    while count:
        piece = hashlib.sha256(b"%d" % number).digest() * (block // 32)
        piece = piece[:min(count, block)]
        yield piece
        count -= len(piece)
        number += 1


def digest(count):
    sha = hashlib.sha256()
    for piece in pattern(count):
        sha.update(piece)
    return sha.hexdigest()


def download(count, framing):
    def step(conn):
        head = {"length": f"Content-Length: {count}\r\n", "chunked": "Transfer-Encoding: chunked\r\n",
                "until the end": ""}[framing]
        conn.send(f"HTTP/1.1 200 OK\r\n{head}\r\n".encode())
        for piece in pattern(count):
            conn.send(b"%x\r\n%s\r\n" % (len(piece), piece) if framing == "chunked" else piece)
        if framing == "chunked":
            conn.send(b"0\r\n\r\n")
        elif framing == "until the end":
            close(conn)
    return step


def take(corsd, backend, count, framing, version="1.1", pace=None):
    backend.plays([download(count, framing)])
    sha, client = hashlib.sha256(), corsd.connect()
    got = {"bytes": 0, "rss": 0}

    def into(piece):
        sha.update(piece)
        got["bytes"] += len(piece)
        if got["bytes"] % (8 * MIB) < len(piece):
            got["rss"] = max(got["rss"], corsd.rss())
        if pace:
            pace(got["bytes"])

    client.send(get("/", version=version))
    client.response(into=into)
    assert got["bytes"] == count and sha.hexdigest() == digest(count)
    return got["rss"]


def give(corsd, backend, count, framing, hear=None):
    """An upload, whose checksum the backend takes while it hears it."""
    sha = hashlib.sha256()
    got = {"bytes": 0, "rss": 0}

    def listen(conn):
        def into(piece):
            sha.update(piece)
            got["bytes"] += len(piece)
            if got["bytes"] % (8 * MIB) < len(piece):
                got["rss"] = max(got["rss"], corsd.rss())
            if hear:
                hear(got["bytes"])
        conn.wire.read_body(conn.request, into)
        conn.complete()
        conn.send(reply(201, "stored"))

    backend.plays(early(listen))
    client = corsd.connect()
    client.patience = 60
    if framing == "length":
        client.send(request("PUT", "/", f"Content-Length: {count}"))
        client.send(*pattern(count))
    else:
        client.send(request("PUT", "/", "Transfer-Encoding: chunked"))
        for piece in pattern(count):
            client.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        client.send(b"0\r\n\r\n")
    assert client.response().status == 201
    assert got["bytes"] == count and sha.hexdigest() == digest(count)
    return got["rss"]


@pytest.mark.parametrize("count", [0, 1, 65535, 65536, 65537, 16 * MIB])
@pytest.mark.parametrize("framing", ["length", "chunked", "until the end"])
def test_download(corsd, backend, count, framing):
    take(corsd, backend, count, framing)


@pytest.mark.parametrize("framing", ["length", "chunked", "until the end"])
def test_download_to_an_old_client(corsd, backend, framing):
    take(corsd, backend, 4 * MIB, framing, version="1.0")


@pytest.mark.parametrize("count", [1, 65535, 65536, 65537, 16 * MIB])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_upload(corsd, backend, count, framing):
    give(corsd, backend, count, framing)


# back-pressure: who does not read stops the one who writes, and memory stays where it is

def plateau(read, within=20):
    """Waits until a counter has stopped rising; its value."""
    last, end = read(), time.monotonic() + within
    still = 0
    while still < 6 and time.monotonic() < end:
        time.sleep(0.1)
        now = read()
        still, last = (still + 1, now) if now == last else (0, now)
    assert still >= 6, "never stops"
    return last


def test_a_reader_that_stalls_stops_the_backend(given, narrow):
    corsd = given(YAML, env=LEAN, BACKEND=narrow.url)
    assert corsd.ask(get()).status == 200
    sent, before = {"bytes": 0}, corsd.rss()

    def flood(conn):
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (128 * MIB))
        for piece in pattern(128 * MIB):
            conn.send(piece)
            sent["bytes"] += len(piece)

    narrow.plays([flood])
    client = corsd.connect(receive_buffer=32768)
    client.send(get("/big"))
    client.through(b"\r\n\r\n")
    stuck = plateau(lambda: sent["bytes"])
    assert stuck < 48 * MIB, "reading goes on with no one to take it"
    assert corsd.rss() - before < 8 * MIB
    cpu = corsd.cpu()
    time.sleep(0.5)
    assert corsd.cpu() - cpu < 0.25, "waiting costs nothing"
    assert corsd.ask(get("/other")).body == b"hello", "others are served meanwhile"
    sha = hashlib.sha256()
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * MIB)
    client.exactly(128 * MIB, sha.update)
    assert sha.hexdigest() == digest(128 * MIB)
    assert corsd.rss() - before < 8 * MIB


def test_a_backend_that_stalls_stops_the_client(given, narrow):
    corsd = given(YAML, env=LEAN, BACKEND=narrow.url)
    assert corsd.ask(get()).status == 200
    sent, go, before = {"bytes": 0}, threading.Event(), corsd.rss()
    narrow.plays(early(until_long(go), read_body, lambda conn: conn.send(reply(200, digest_of(conn)))))
    client = corsd.connect()
    client.patience = 60

    def upload():
        client.send(request("PUT", "/big", f"Content-Length: {64 * MIB}"))
        for piece in pattern(64 * MIB):
            client.send(piece)
            sent["bytes"] += len(piece)

    sender = threading.Thread(target=upload)
    sender.start()
    stuck = plateau(lambda: sent["bytes"])
    assert stuck < 48 * MIB
    assert corsd.rss() - before < 8 * MIB
    assert corsd.ask(get("/other")).body == b"hello"
    go.set()
    sender.join(60)
    assert client.response().body.decode() == digest(64 * MIB)
    assert corsd.rss() - before < 8 * MIB


def until_long(event):
    return lambda conn: event.wait(60)


def digest_of(conn):
    return hashlib.sha256(conn.request.body).hexdigest()


def test_many_slow_readers_are_cheap(given, narrow):
    """64 KiB each way while they wait, whatever the size of the bodies."""
    corsd = given(YAML, env=LEAN, BACKEND=narrow.url)
    assert corsd.ask(get()).status == 200
    before = corsd.rss()
    narrow.always([download(8 * MIB, "length")])
    clients = [corsd.connect(receive_buffer=32768) for _ in range(30)]
    for client in clients:
        client.send(get())
        client.through(b"\r\n\r\n")
    time.sleep(0.5)
    assert corsd.rss() - before < 30 * 128 * 1024 + 12 * MIB
    for client in clients[:5]:
        sha = hashlib.sha256()
        client.exactly(8 * MIB, sha.update)
        assert sha.hexdigest() == digest(8 * MIB)


# answers that come before the upload's end

def test_an_early_answer_reaches_a_client_that_goes_on_sending(corsd, backend):
    """Closed with lingering: no reset eats the answer, though megabytes are still coming."""
    backend.plays(early(reply(401, "who are you?", "Connection: close"), pause(0.05), close))
    client = corsd.connect()
    client.send(request("PUT", "/", f"Origin: {APP}", f"Content-Length: {32 * MIB}"))
    time.sleep(0.3)
    for piece in pattern(4 * MIB):
        try:
            client.send(piece)
        except (BrokenPipeError, ConnectionResetError):
            break
        time.sleep(0.001)
    answer = client.response()
    assert (answer.status, answer.body) == (401, b"who are you?")
    assert cors(answer) == {"allow-origin": APP}


def test_an_own_refusal_reaches_a_client_that_goes_on_sending(given, backend):
    corsd = given(YAML + "limits: {body_size: 1k}\n")
    client = corsd.connect()
    client.send(request("PUT", "/", f"Origin: {APP}", f"Content-Length: {4 * MIB}"))
    for piece in pattern(2 * MIB):
        try:
            client.send(piece)
        except (BrokenPipeError, ConnectionResetError):
            break
    answer = client.response()
    assert answer.status == 413 and cors(answer) == {"allow-origin": APP}
    assert backend.untouched()


def refused_early(corsd, backend):
    """A client that was answered when its upload had just begun."""
    backend.plays(early(reply(401, "who are you?", "Connection: close"), pause(0.05), close))
    client = corsd.connect()
    client.send(request("PUT", "/", f"Content-Length: {32 * MIB}"))
    assert client.response().body == b"who are you?"
    return client


def test_an_upload_that_trickles_on_is_not_reset(corsd, backend):
    """Two seconds without a byte end the lingering, not two seconds in all."""
    client = refused_early(corsd, backend)
    for _ in range(14):
        client.send(b"x" * 1000)
        time.sleep(0.25)
    client.send(b"x")
    assert client.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0


def test_a_burst_behind_an_early_answer_is_drained(corsd, backend):
    """All of it, though it is more than corsd reads in a turn and no event tells of the rest."""
    client = refused_early(corsd, backend)
    before = corsd.descriptors()
    with corsd.frozen():
        client.sock.setblocking(False)
        end, sent = time.monotonic() + 0.5, 0
        while sent < 8 * MIB and time.monotonic() < end:
            try:
                sent += client.sock.send(b"x" * 65536)
            except BlockingIOError:
                time.sleep(0.01)
    end = time.monotonic() + 8
    while corsd.descriptors() >= before and time.monotonic() < end:
        time.sleep(0.05)
    assert corsd.descriptors() < before, "closed when nothing more came"
    assert client.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0, "with nothing unread: no reset"


def test_a_stray_byte_behind_the_last_request_eats_no_answer(corsd, backend):
    """`Connection: close`, and a line end too many: closing with it unread would be a reset."""
    body = b"x" * 200_000
    backend.plays([pause(0.4), reply(200, body)])
    client = corsd.connect(receive_buffer=4096)
    client.send(get("/", "Connection: close"))
    time.sleep(0.1)
    client.send(b"\r\n")
    time.sleep(1)
    assert client.response().body == body
    assert client.ended()


def test_an_early_answer_while_the_upload_goes_on(corsd, backend):
    """A backend that answers 200 first and takes the whole body: both arrive."""
    backend.plays(early(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", read_body, b"lo"))
    client = corsd.connect()
    client.send(post("/", body=b"x" * 1000)[:-500])
    client.through(b"hel")
    client.send(b"x" * 500)
    client.exactly(2, lambda piece: None)
    assert backend.saw(1) and backend.request.body == b"x" * 1000


# who goes away

def test_a_client_that_vanishes_from_a_download(corsd, backend):
    backend.plays([download(64 * MIB, "length")])
    client = corsd.connect(receive_buffer=32768)
    client.send(get())
    client.through(b"\r\n\r\n")
    client.reset()
    assert backend.idle(5), "the backend is released at once"


def test_a_client_that_vanishes_from_an_upload(corsd, backend):
    client = corsd.connect()
    client.send(post("/", body=b"x" * MIB)[:-1000])
    assert backend.saw_heads(1)
    client.reset()
    assert backend.idle(5) and not backend.requests
    assert backend.cut == 1, "and sees that the request is not whole"


def test_a_client_that_closes_in_a_download(corsd, backend):
    """A FIN with unread bytes behind it becomes a reset by the kernel: as good as vanished."""
    backend.plays([download(64 * MIB, "chunked")])
    client = corsd.connect(receive_buffer=32768)
    client.send(get())
    client.through(b"\r\n\r\n")
    time.sleep(0.1)
    client.sock.close()
    assert backend.idle(5)


def test_long_polls_wait(corsd, backend):
    go = threading.Event()
    backend.always([until(go), reply_chunked(b"news")])
    clients = [corsd.connect() for _ in range(50)]
    for client in clients:
        client.send(get("/poll"))
    assert backend.saw(50)
    assert all(client.silent(0.001) for client in clients)
    cpu = corsd.cpu()
    time.sleep(0.3)
    assert corsd.cpu() - cpu < 0.2
    go.set()
    assert all(client.response().body == b"news" for client in clients)


# gigabytes

GIB = 1 << 30
RSS = 16 * MIB


def plain_build():
    return "asan" not in BINARY and "tsan" not in BINARY


def slow(rate):
    start = time.monotonic()

    def pace(done):
        time.sleep(max(0, start + done / rate - time.monotonic()))
    return pace


def stall_once(at, seconds=5):
    state = {"done": False}

    def pace(done):
        if done > at and not state["done"]:
            state["done"] = True
            time.sleep(seconds)
    return pace


PACES = {"fast": (GIB, lambda: None), "8 MiB a second": (256 * MIB, lambda: slow(8 * MIB)),
         "a stall of 5 s": (GIB, lambda: stall_once(100 * MIB))}


@pytest.mark.long
@pytest.mark.parametrize("pace", PACES)
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_gigabyte_down(given, backend, pace, framing):
    count, make = PACES[pace]
    corsd = given(YAML, env=LEAN)
    rss = take(corsd, backend, count, framing, pace=make())
    assert rss < RSS or not plain_build()


@pytest.mark.long
@pytest.mark.parametrize("pace", PACES)
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_gigabyte_up(given, backend, pace, framing):
    count, make = PACES[pace]
    corsd = given(YAML, env=LEAN)
    rss = give(corsd, backend, count, framing, hear=make())
    assert rss < RSS or not plain_build()
