"""Floods: interim heads without end, requests in line without end. Others are served meanwhile, memory
stays, and the deadlines hold. DESIGN §3."""
import time

import pytest

from harness import (Cut, cors, early, get, own_answer, pause, post, read_body, read_response_head, reply,
                     request, reset)

APP = "https://app.example.com"

YAML = """
listen: LISTEN
workers: 1
upstreams:
  app: {url: BACKEND, response_timeout: 1s}
  patient: {url: BACKEND, response_timeout: 20s}
routes: [{host: patient.test, upstream: patient}]
upstream: app
timeouts: {body: 1s}
cors: {allow_origins: ["https://app.example.com"]}
"""
LEAN = {"ASAN_OPTIONS": "quarantine_size_mb=1"}  # so that RSS means something

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"


@pytest.fixture(scope="module")
def corsd(shared):
    return shared(YAML, env=LEAN)


def flood(bytes_, gap=0.0):
    """Sends this over and over until corsd hangs up."""
    def step(conn):
        end = time.monotonic() + 30
        while not conn.gone() and time.monotonic() < end:
            conn.send(bytes_)
            if gap:
                time.sleep(gap)
        conn.over = True
    return step


FLOODS = {
    "small pieces": flood(HINTS, 0.005),
    "byte by byte": lambda conn: drip_for_ever(conn),
    "as fast as it goes": flood(CONTINUE * 2000),
    "large ones": flood(b"HTTP/1.1 102 Processing\r\nA: " + b"x" * 20000 + b"\r\n\r\n"),
}


def drip_for_ever(conn):
    end = time.monotonic() + 30
    while not conn.gone() and time.monotonic() < end:
        for byte in CONTINUE:
            conn.send(bytes([byte]))


@pytest.mark.parametrize("name", FLOODS)
def test_interim_heads_do_not_put_the_deadline_off(corsd, backend, name):
    """response_timeout runs from the request's last byte, whatever comes before the answer."""
    backend.plays([FLOODS[name]])
    start = time.monotonic()
    client = corsd.connect()
    client.send(get("/", f"Origin: {APP}"))
    assert backend.saw(1)
    assert corsd.ask(get("/other")).body == b"hello", "others have their turn"
    interim = 0
    while (answer := heads_of(client)).status < 200:
        interim += 1
    assert interim and answer.status == 504 and cors(answer) == {"allow-origin": APP}
    assert 0.7 < time.monotonic() - start < 20
    assert backend.idle(8)


def heads_of(client):
    return read_response_head(client, "GET")


@pytest.mark.parametrize("name", FLOODS)
def test_nor_where_the_client_does_not_read_them(corsd, backend, name):
    before = corsd.rss()
    backend.plays([FLOODS[name]])
    client = corsd.connect(receive_buffer=4096)
    client.send(get())
    assert backend.saw(1)
    assert corsd.ask(get("/other")).body == b"hello"
    assert backend.idle(20), "the backend is let go"
    assert corsd.rss() - before < 8 << 20


def test_nor_where_an_old_client_never_sees_them(corsd, backend):
    backend.plays([flood(CONTINUE * 100)])
    own_answer(corsd.ask(get("/", version="1.0")), 504)


def test_a_slow_reader_of_hints_gets_the_answer(corsd, backend):
    """Interim heads that wait for the client are no reason to lose the response behind them."""
    backend.plays([HINTS * 3000, reply(200, "at last")])
    client = corsd.connect(receive_buffer=4096)
    client.send(get("/", host="patient.test"))
    assert backend.saw(1)
    time.sleep(0.5)
    client.patience = 30
    assert client.response().body == b"at last"


ORDERS = {
    "hints before the go-ahead": [HINTS, pause(1.6), CONTINUE],
    "processing before the go-ahead": [b"HTTP/1.1 102 Processing\r\n\r\n", pause(1.6), CONTINUE],
    "hints behind the go-ahead": [CONTINUE, HINTS],
    "the go-ahead twice": [CONTINUE, CONTINUE],
    "an unknown one": [b"HTTP/1.1 199 Whatever\r\nA: b\r\n\r\n", CONTINUE],
}


@pytest.mark.parametrize("name", ORDERS)
def test_interim_heads_in_every_order(corsd, backend, name):
    """A client that waits for 100 is not to blame for the time before it, whatever else came first."""
    backend.plays(early(*ORDERS[name], read_body, reply(200, "thanks")))
    client = corsd.connect()
    client.send(request("POST", "/", "Expect: 100-continue", "Content-Length: 4", host="patient.test"))
    while heads_of(client).status != 100:
        pass
    client.send(b"data")
    answer = client.response("POST")
    assert answer.body == b"thanks" and backend.request.body == b"data"


def test_a_client_that_was_told_to_go_on_has_its_own_deadline(corsd, backend):
    backend.plays(early(HINTS, CONTINUE, read_body, reply(200, "thanks")))
    client = corsd.connect()
    client.send(request("POST", "/", "Expect: 100-continue", "Content-Length: 4", host="patient.test"))
    own_answer(client.response("POST"), 408)


def test_an_interim_head_after_the_answer_spoils_the_connection(corsd, backend):
    backend.plays([reply(200, "first") + HINTS])
    client = corsd.connect()
    assert client.ask(get()).body == b"first"
    assert client.ask(get()).body == b"hello"
    assert backend.requests[0].connection != backend.requests[1].connection


# requests in line

def test_a_pipelined_flood(corsd, backend):
    """Thousands at once: all answered in order, others served meanwhile, nothing hoarded."""
    backend.always(lambda seen: reply(200, seen.target))
    before, count = corsd.rss(), 1500
    client = corsd.connect()
    sent = b"".join(get(f"/{number}") for number in range(count))
    client.sock.settimeout(60)
    client.sock.sendall(sent)
    for number in range(count):
        if number == 5:
            assert corsd.ask(get("/other")).body == b"/other"
        assert client.response().body == b"/%d" % number
    assert corsd.rss() - before < 8 << 20


def test_a_flood_of_own_answers_that_nobody_reads(corsd, backend):
    """Refusals are not hoarded either: corsd stops reading until they are taken."""
    before = corsd.rss()
    client = corsd.connect(receive_buffer=4096)
    ask = request("OPTIONS", "/", "Origin: https://evil.example", "Access-Control-Request-Method: PUT") * 50
    client.sock.settimeout(1)
    with pytest.raises((TimeoutError, ConnectionResetError, BrokenPipeError)):
        while True:
            client.sock.sendall(ask)
    assert corsd.ask(get("/other")).body == b"hello"
    assert corsd.rss() - before < 8 << 20


def test_a_flood_behind_a_post_that_fails(corsd, backend):
    """The backend dies on the first of them: a 502, and none of the rest is lost or sent twice."""
    backend.plays([reset])
    backend.always(lambda seen: reply(200, seen.target))
    client = corsd.connect()
    client.send(post("/0") + b"".join(post(f"/{number}") for number in range(1, 20)))
    assert client.response("POST").status == 502
    try:
        answers = [client.response("POST").body for _ in range(19)]
    except (Cut, ConnectionResetError):
        answers = []
    assert answers in ([], [b"/%d" % number for number in range(1, 20)])
    targets = [seen.target for seen in backend.heads]
    assert len(set(targets)) == len(targets), "a POST is never sent twice"
