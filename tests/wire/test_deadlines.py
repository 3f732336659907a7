"""Deadlines, DESIGN §3: each wait has an end, and only time spent waiting for the client is the
client's. Bounds below are generous: they tell "at once" from "in time" from "never"."""
import time

import pytest

from harness import Cut, cors, get, own_answer, pause, post, reply_chunked, request, stall

APP = "https://app.example.com"

YAML = """
listen: LISTEN
upstreams:
  app: {url: BACKEND, response_timeout: 10s}
  brisk: {url: BACKEND, response_timeout: 1s}
routes: [{host: brisk.test, upstream: brisk}]
upstream: app
timeouts: {header: 1s, body: 1s, idle: 2s, tunnel: 3s}
limits: {min_rate: 0}
cors: {allow_origins: ["https://app.example.com"]}
"""


@pytest.fixture(scope="module")
def corsd(shared):
    return shared(YAML)


class Took:
    """Seconds since now, as a range check."""

    def __init__(self):
        self.start = time.monotonic()

    def between(self, low, high):
        return low < time.monotonic() - self.start < high


def test_a_head_that_stops(corsd, backend):
    client, took = corsd.connect(), Took()
    client.send(get("/", f"Origin: {APP}")[:-4])
    own_answer(client.response(), 408)
    assert client.ended() and took.between(0.7, 6)
    assert backend.untouched()


def test_a_head_that_crawls(corsd, backend):
    """The deadline runs from the first byte: dripping on does not put it off."""
    client, took = corsd.connect(), Took()
    client.drip(get("/" + "x" * 30), gap=0.1)
    assert took.between(0.7, 10)
    assert client.response().status == 408
    assert backend.untouched()


def test_a_head_in_time(corsd, backend):
    client = corsd.connect()
    client.split(get(), 1, 5, 20, gap=0.15)
    assert client.response().status == 200


def test_the_second_head_has_its_own_deadline(corsd, backend):
    client = corsd.connect()
    assert client.ask(get("/1")).status == 200
    time.sleep(0.7)
    assert client.ask(get("/2")).status == 200
    client.send(get("/3")[:10])
    assert client.response().status == 408
    assert client.ended()
    assert [seen.target for seen in backend.requests] == ["/1", "/2"]


def test_an_idle_connection_is_closed_without_a_word(corsd, backend):
    client = corsd.connect()
    client.ask(get())
    took = Took()
    assert client.ended(8) and took.between(1.2, 8)


def test_a_connection_that_never_speaks_is_closed_without_a_word(corsd, backend):
    client, took = corsd.connect(), Took()
    assert client.ended(8) and took.between(0.5, 8)


@pytest.mark.parametrize("text", [
    post("/", f"Origin: {APP}", body=b"x" * 10)[:-5],
    post("/", f"Origin: {APP}", body=b"x" * 10)[:-10],
    request("POST", "/", f"Origin: {APP}", "Transfer-Encoding: chunked") + b"5\r\nhel",
    request("POST", "/", f"Origin: {APP}", "Transfer-Encoding: chunked") + b"5\r\nhello\r\n0\r\n",
], ids=["a length", "nothing of it", "chunked", "trailers"])
def test_a_body_that_stops(corsd, backend, text):
    client, took = corsd.connect(), Took()
    client.send(text)
    answer = own_answer(client.response(), 408)
    assert cors(answer) == {"allow-origin": APP}
    assert client.ended() and took.between(0.7, 6)
    assert backend.idle() and not backend.requests


def test_a_body_that_moves_slowly(corsd, backend):
    client = corsd.connect()
    client.send(post("/", body=b"x" * 10)[:-10])
    client.drip(b"x" * 10, gap=0.3)
    assert client.response().status == 200
    assert backend.request.body == b"x" * 10


def test_a_body_below_the_least_rate(given, backend):
    corsd = given(YAML.replace("min_rate: 0", "min_rate: 256"))
    client, took = corsd.connect(), Took()
    client.send(post("/", f"Origin: {APP}", body=b"x" * 1000)[:-1000])
    client.drip(b"x" * 30, gap=0.2)
    assert client.response().status == 408
    assert took.between(0.7, 12)
    assert backend.idle() and not backend.requests


def test_a_body_above_the_least_rate(given, backend):
    corsd = given(YAML.replace("min_rate: 0", "min_rate: 256"))
    client = corsd.connect()
    client.send(post("/", body=b"x" * 3000)[:-3000])
    for _ in range(30):
        client.send(b"x" * 100)
        time.sleep(0.1)
    assert client.response().status == 200


def test_the_backends_time_is_not_the_clients(corsd, backend):
    """A slow backend: timeouts.body, 1 s, has nothing to say about its 2.5 s."""
    backend.plays([pause(2.5), b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", pause(2.5), b"world"])
    assert corsd.ask(get()).body == b"helloworld"


def test_a_reader_that_stops(corsd, backend):
    """A client that does not read is waited for no longer than timeouts.body."""
    backend.plays([lambda conn: send_all(conn, 64 << 20)])
    client = corsd.connect(receive_buffer=32768)
    client.send(get())
    client.through(b"\r\n\r\n")
    assert backend.idle(15), "the backend is released"
    client.patience = 15
    with pytest.raises((Cut, ConnectionResetError)):
        client.exactly(64 << 20, lambda piece: None)


def send_all(conn, count):
    conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % count)
    block = b"x" * 65536
    for _ in range(count // len(block)):
        conn.send(block)


def test_a_reader_that_is_slow(corsd, backend):
    """Reading slowly is fine as long as bytes move: it takes longer than any deadline here."""
    backend.plays([lambda conn: send_all(conn, 32 << 20)])
    client = corsd.connect(receive_buffer=32768)
    client.send(get())
    client.through(b"\r\n\r\n")
    for _ in range(32):
        client.exactly(1 << 20, lambda piece: None)
        time.sleep(0.15)


def test_a_reader_slower_than_the_kernels_buffer_tells(given, backend):
    """Bytes move out of the kernel's buffer for long without an event: min_rate is what counts."""
    corsd = given("""
        listen: LISTEN
        upstream: BACKEND
        timeouts: {body: 1s}
        limits: {min_rate: 256}
        cors: off
    """)
    backend.plays([lambda conn: send_all(conn, 32 << 20)])
    client = corsd.connect(receive_buffer=8192)
    client.send(get())
    client.through(b"\r\n\r\n")
    for _ in range(50):
        client.exactly(2000, lambda piece: None)
        time.sleep(0.1)


def test_a_client_that_waits_for_100_is_not_to_blame(corsd, backend):
    """Its body does not come because the backend is silent: that is the backend's time."""
    backend.plays([stall])
    client, took = corsd.connect(), Took()
    client.send(request("POST", "/", "Expect: 100-continue", "Content-Length: 5", f"Origin: {APP}",
                        host="brisk.test"))
    own_answer(client.response(), 504)
    assert took.between(0.7, 6)


def test_no_response(corsd, backend):
    backend.plays([stall])
    took = Took()
    answer = corsd.ask(get("/", f"Origin: {APP}", host="brisk.test"))
    own_answer(answer, 504)
    assert cors(answer) == {"allow-origin": APP} and took.between(0.7, 6)


def test_the_response_deadline_starts_with_the_requests_last_byte(corsd, backend):
    client = corsd.connect()
    client.send(post("/", host="brisk.test", body=b"xxxxx")[:-5])
    client.drip(b"xxxxx", gap=0.5)
    assert client.response().status == 200


def test_silence_inside_a_body_is_bounded(corsd, backend):
    backend.plays([b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", stall])
    took = Took()
    with pytest.raises((Cut, ConnectionResetError)):
        corsd.ask(get("/", host="brisk.test"))
    assert took.between(0.7, 6)
    assert backend.idle()


def test_many_small_silences_are_fine(corsd, backend):
    steps = [b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n"]
    for _ in range(8):
        steps += [pause(0.4), b"x"]
    backend.plays(steps)
    assert corsd.ask(get("/", host="brisk.test")).body == b"x" * 8


def test_event_streams_may_be_silent_for_longer(corsd, backend):
    """text/event-stream: silence is timeouts.tunnel's, not the response_timeout's."""
    backend.plays([b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
                   b"9\r\ndata: 1\n\n\r\n", pause(2), b"9\r\ndata: 2\n\n\r\n0\r\n\r\n"])
    assert corsd.ask(get("/", host="brisk.test")).body == b"data: 1\n\ndata: 2\n\n"


def test_event_streams_end_at_last(corsd, backend):
    backend.plays([b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
                   b"Transfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n", stall])
    took = Took()
    with pytest.raises((Cut, ConnectionResetError)):
        corsd.ask(get("/", host="brisk.test"))
    assert took.between(2, 12)


def test_a_silent_tunnel_ends(corsd, backend):
    backend.plays([b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", stall])
    client = corsd.connect()
    answer = client.ask(get("/", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="))
    assert answer.status == 101
    took = Took()
    assert client.ended(15) and took.between(2, 15)
    assert backend.idle()


def test_a_client_that_does_not_take_a_close(corsd, backend):
    """Lingering after a refusal is bounded too: descriptors come back."""
    before = corsd.descriptors()
    clients = [corsd.connect() for _ in range(10)]
    for client in clients:
        client.send(b"nonsense\r\n\r\n")
        client.response()
    end = time.monotonic() + 15
    while corsd.descriptors() > before and time.monotonic() < end:
        time.sleep(0.1)
    assert corsd.descriptors() <= before


def test_nothing_ends_too_early(given, backend):
    corsd = given("""
        listen: LISTEN
        upstream: BACKEND
        cors: off
    """)
    backend.plays([pause(1), *sum([[bytes([byte]), pause(0.01)] for byte in reply_chunked(b"hello")], [])])
    client = corsd.connect()
    client.split(get(), 1, 10, gap=0.4)
    assert client.response().body == b"hello"
    time.sleep(1)
    assert client.ask(get()).body == b"hello"
