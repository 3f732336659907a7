"""Limits, DESIGN §3: 431, 414, 413, and connections that wait or are turned away."""
import time

import pytest

from harness import chunked, cors, get, own_answer, post, reply, request

APP = "https://app.example.com"

YAML = """
listen: LISTEN
upstream: BACKEND
limits: {header_size: 1k, headers: 10, body_size: 1000}
cors: {allow_origins: ["https://app.example.com"]}
"""


@pytest.fixture(scope="module")
def corsd(shared):
    return shared(YAML)


@pytest.fixture(scope="module")
def roomy(shared):
    return shared("""
        listen: LISTEN
        upstream: BACKEND
        cors: {allow_origins: ["https://app.example.com"]}
    """)


def refused(client, status):
    answer = own_answer(client.response(), status)
    if answer.items("Connection") == [] and status == 413:
        assert client.ask(get("/after")).status == 200, "kept: the body was there, and taken away"
        return
    assert [item.lower() for item in answer.items("Connection")] == ["close"]
    assert client.ended()


TOO_MUCH = {
    "one large header": (431, get("/", "A: " + "b" * 1100)),
    "many small headers": (431, get("/", *[f"A{n}: {'b' * 150}" for n in range(8)])),
    "a head without an end": (431, get("/", "A: " + "b" * 1100)[:-4]),
    "a name without an end": (431, get()[:-2] + b"A" * 2000),
    "eleven headers": (431, get("/", *["A: b"] * 10)),
    "a long target": (414, get("/" + "a" * 1100)),
    "a target without an end": (414, b"GET /" + b"a" * 2000),
    "a long query": (414, get("/?" + "a" * 1100)),
    "a body declared too large": (413, post("/", body=b"x" * 1001)),
    "a body declared far too large": (413, request("POST", "/", "Content-Length: 999999999999")),
    "a chunk too large": (413, request("POST", "/", "Transfer-Encoding: chunked") + chunked(b"x" * 1001)),
    "chunks too large together": (
        413, request("POST", "/", "Transfer-Encoding: chunked") + chunked(*[b"x" * 100] * 11)),
}


@pytest.mark.parametrize("name", TOO_MUCH)
def test_too_much(corsd, backend, deliver, name):
    status, text = TOO_MUCH[name]
    client = corsd.connect()
    deliver(client, text)
    refused(client, status)
    assert backend.idle() and [seen.target for seen in backend.requests] in ([], ["/after"])


def test_a_method_without_an_end(corsd, backend):
    client = corsd.connect()
    client.send(b"A" * 3000)
    assert client.response().status in (400, 414, 431)
    assert client.ended() and backend.untouched()


ENOUGH = {
    "a large header": get("/", "A: " + "b" * 900),
    "ten headers": get("/", *["A: b"] * 9),
    "a long target": get("/" + "a" * 900),
    "a body of the very size": post("/", body=b"x" * 1000),
    "chunks of the very size": request("POST", "/", "Transfer-Encoding: chunked") + chunked(*[b"x" * 100] * 10),
}


@pytest.mark.parametrize("name", ENOUGH)
def test_enough(corsd, backend, deliver, name):
    client = corsd.connect()
    deliver(client, ENOUGH[name])
    assert client.response().body == b"hello"


def test_413_can_be_read_by_the_page(corsd, backend):
    answer = own_answer(corsd.ask(post("/", f"Origin: {APP}", body=b"x" * 1001)), 413)
    assert cors(answer) == {"allow-origin": APP}


def test_responses_may_be_larger_than_requests(corsd, backend):
    backend.plays(reply(200, b"x" * 100000))
    assert corsd.ask(get()).body == b"x" * 100000


def test_defaults_are_roomy(roomy, backend):
    assert roomy.ask(get("/", "A: " + "b" * 31000)).status == 200
    assert roomy.ask(get("/" + "a" * 31000)).status == 200
    assert roomy.ask(get("/", *["A: b"] * 98)).status == 200


@pytest.mark.parametrize("status, text", [
    (431, get("/", "A: " + "b" * 33000)), (414, get("/" + "a" * 33000)), (431, get("/", *["A: b"] * 101))],
    ids=["head", "target", "count"])
def test_defaults_have_an_end(roomy, backend, status, text):
    client = roomy.connect()
    client.send(text)
    refused(client, status)
    assert backend.untouched()


def test_an_endless_head_is_cut_off(roomy, backend):
    """A refusal does not wait for the head's end, and lingers for a moment only."""
    client = roomy.connect()
    client.send(b"GET / HTTP/1.1\r\nHost: app.test\r\n")
    end = time.monotonic() + 30
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        while time.monotonic() < end:
            client.send(b"A: " + b"b" * 8000 + b"\r\n")
            time.sleep(0.01)
    assert roomy.ask(get()).status == 200
    assert len(backend.heads) == 1


def test_connections_wait_at_the_limit(given, backend):
    corsd = given("""
        listen: LISTEN
        workers: 1
        upstream: BACKEND
        limits: {connections: 3}
        cors: off
    """)
    inside = [corsd.connect() for _ in range(3)]
    assert all(client.ask(get()).status == 200 for client in inside)
    outside = corsd.connect()
    outside.send(get("/outside"))
    cpu = corsd.cpu()
    assert outside.silent(0.7), "not accepted yet"
    assert corsd.cpu() - cpu < 0.35, "and nothing spins"
    assert inside[0].ask(get()).status == 200
    inside[0].sock.close()
    assert outside.response().status == 200


def test_connections_of_one_client(given, backend):
    corsd = given("""
        listen: LISTEN
        workers: 1
        upstream: BACKEND
        limits: {connections_per_client: 2}
        cors: off
    """)
    first, _ = enters(corsd), enters(corsd)
    third = corsd.connect()
    assert third.ended(), "closed at once"
    first.sock.close()
    enters(corsd)


def enters(corsd):
    """A connection that is served, once corsd has noticed those that ended before."""
    end = time.monotonic() + 10
    while True:
        client = corsd.connect()
        try:
            assert client.ask(get()).status == 200
            return client
        except (AssertionError, OSError):
            assert time.monotonic() < end
            time.sleep(0.05)


@pytest.mark.parametrize("options, status", [(64, 200), (65, 400), (8000, 400)])
def test_options_of_a_connection(given, backend, options, status):
    """Each costs a look at every header: nobody means more than a few."""
    corsd = given("listen: LISTEN\nupstream: BACKEND\ncors: off\n")
    names = ", ".join(["a"] * options)
    assert corsd.ask(get("/", f"Connection: {names}", *(f"{letter}: 1" for letter in "bcdefg"))).status == status
