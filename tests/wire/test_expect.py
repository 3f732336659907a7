"""100-continue, 103 and the other 1xx: they pass, and never to HTTP/1.0 clients. RFC 9110 §10.1.1, §15.2."""
import time

import pytest

from harness import (chunked, close, cors, early, get, pause, post, preflight, read_body, reply, request)

APP = "https://app.example.com"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nLink: </b.js>; rel=preload\r\n\r\n"

YAML = """
listen: LISTEN
upstream: BACKEND
limits: {body_size: 1m}
cors: {allow_origins: ["https://app.example.com"]}
"""


@pytest.fixture(scope="module")
def corsd(shared):
    return shared(YAML)


def expecting(length=5, version="1.1", *lines):
    return request("POST", "/up", f"Origin: {APP}", "Expect: 100-continue", f"Content-Length: {length}",
                   *lines, version=version)


def test_the_client_waits_for_100(corsd, backend, deliver):
    backend.plays(early(CONTINUE, read_body, reply(201, "stored")))
    client = corsd.connect()
    deliver(client, expecting())
    assert client.interim().status == 100
    deliver(client, b"hello")
    answer = client.response()
    assert (answer.status, answer.body) == (201, b"stored") and cors(answer) == {"allow-origin": APP}
    assert backend.request.body == b"hello"
    assert client.ask(get()).status == 200


def test_the_client_waits_and_sends_chunks(corsd, backend):
    backend.plays(early(CONTINUE, read_body, reply(201, "stored")))
    client = corsd.connect()
    client.send(request("POST", "/up", "Expect: 100-continue", "Transfer-Encoding: chunked"))
    assert client.interim().status == 100
    client.send(chunked(b"hel", b"lo"))
    assert client.response().status == 201 and backend.request.body == b"hello"


def test_the_client_does_not_wait(corsd, backend):
    backend.plays(early(read_body, reply(201, "stored")))
    client = corsd.connect()
    client.send(expecting() + b"hello")
    assert client.response().status == 201 and backend.request.body == b"hello"


def test_a_backend_that_knows_no_100(corsd, backend):
    """It waits for the body, the client waits for a while, then sends."""
    client = corsd.connect()
    client.send(expecting())
    assert client.silent(0.1) or client.interim().status == 100
    client.send(b"hello")
    assert client.response().status == 200 and backend.request.body == b"hello"


@pytest.mark.parametrize("status", [401, 413, 417])
def test_the_backend_refuses_before_the_body(corsd, backend, status):
    backend.plays(early(reply(status, "no", "Connection: close"), pause(0.05), close))
    client = corsd.connect()
    client.send(expecting())
    answer = client.response()
    assert (answer.status, answer.body) == (status, b"no") and cors(answer) == {"allow-origin": APP}
    assert not answer.interim
    assert client.ended(), "whether a body will follow nobody knows"


def test_corsd_refuses_before_the_body(corsd, backend):
    client = corsd.connect()
    client.send(expecting(2 << 20))
    answer = client.response()
    assert answer.status == 413 and not answer.interim
    assert client.ended() and backend.untouched()


def test_no_100_for_a_preflight(corsd, backend):
    answer = corsd.ask(preflight("/", APP, "PUT", "Expect: 100-continue"))
    assert answer.status == 204 and not answer.interim and backend.untouched()


def test_100_after_the_body_has_begun(corsd, backend):
    backend.plays(early(read_body, CONTINUE, reply(201, "stored")))
    client = corsd.connect()
    client.send(expecting() + b"hello")
    assert client.response().status == 201


INTERIM = {
    "103": ([HINTS], [103]),
    "two 103": ([HINTS, HINTS], [103, 103]),
    "102, 103": ([b"HTTP/1.1 102 Processing\r\n\r\n", HINTS], [102, 103]),
    "one nobody knows": ([b"HTTP/1.1 199 Hm\r\nX-A: b\r\n\r\n"], [199]),
    "100 that nobody waits for": ([CONTINUE], [100]),
    "in one packet with the answer": ([HINTS + CONTINUE + HINTS], [103, 100, 103]),
}


@pytest.mark.parametrize("name", INTERIM)
@pytest.mark.parametrize("gap", [0, 0.05])
def test_interim_responses_pass(corsd, backend, name, gap):
    steps, statuses = INTERIM[name]
    backend.plays(sum([[step, pause(gap)] for step in steps], []) + [reply(200, "done")])
    client = corsd.connect()
    answer = client.ask(get("/", f"Origin: {APP}"))
    assert answer.body == b"done" and cors(answer) == {"allow-origin": APP}
    got = [one.status for one in answer.interim]
    assert got == statuses or name == "100 that nobody waits for" and got == []
    assert client.ask(get()).body == b"hello", "the connections stay in step"


def test_hints_keep_their_links(corsd, backend):
    backend.plays([HINTS, reply()])
    answer = corsd.ask(get())
    assert answer.interim[0].all("Link") == ["</a.css>; rel=preload", "</b.js>; rel=preload"]


def test_hints_come_before_the_answer_is_there(corsd, backend):
    backend.plays([HINTS, pause(0.5), reply()])
    client = corsd.connect()
    client.send(get())
    assert client.interim().status == 103
    assert client.silent(0.1)
    assert client.response().status == 200


def test_hints_that_a_slow_reader_is_behind_on(given, backend):
    """More of them than the kernel holds: they wait, and the client has its time to take them."""
    corsd = given(YAML + "timeouts: {body: 10s}\n")
    hint = b"HTTP/1.1 103 Early Hints\r\nLink: <" + b"a" * 8000 + b">; rel=preload\r\n\r\n"
    backend.plays([hint * 2000, reply(200, "done")])
    client = corsd.connect(receive_buffer=20000)
    client.send(get("/", f"Origin: {APP}"))
    time.sleep(1)
    answer = client.response()
    assert answer.body == b"done" and len(answer.interim) == 2000
    assert client.ask(get()).body == b"hello"


@pytest.mark.parametrize("name", INTERIM)
def test_never_to_an_old_client(corsd, backend, name):
    backend.plays([*INTERIM[name][0], reply(200, "done")])
    client = corsd.connect()
    answer = client.ask(get("/", version="1.0"))
    assert answer.body == b"done" and not answer.interim


def test_100_never_to_an_old_client(corsd, backend):
    backend.plays(early(CONTINUE, read_body, reply(201, "stored")))
    client = corsd.connect()
    client.send(expecting(5, "1.0") + b"hello")
    answer = client.response()
    assert answer.status == 201 and not answer.interim


def test_a_post_that_expects_nothing(corsd, backend):
    assert corsd.ask(post("/", body=b"hello")).interim == []
    assert not backend.request.has("Expect")
