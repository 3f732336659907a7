"""Chunked bodies are decoded and encoded afresh, both ways; oddities end here. RFC 9112 §7.1."""
import pytest

from harness import Cut, Fault, chunked, close, drip, get, own_answer, pause, reply_chunked, request

YAML = """
listen: LISTEN
upstream: BACKEND
cors: {allow_origins: ["https://app.example.com"]}
limits: {header_size: 8k, headers: 50}
timeouts: {body: 20s}
"""


@pytest.fixture(scope="module")
def corsd(shared):
    return shared(YAML)


def upload(body, *lines):
    return request("POST", "/up", "Transfer-Encoding: chunked", *lines) + body


GOOD = {
    "one chunk": (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
    "several": (b"1\r\nh\r\n4\r\nello\r\n0\r\n\r\n", b"hello"),
    "none": (b"0\r\n\r\n", b""),
    "hex in lower case": (b"a\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
    "hex in upper case": (b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
    "leading zeros": (b"0005\r\nhello\r\n000\r\n\r\n", b"hello"),
    "an extension": (b"5;name=value\r\nhello\r\n0\r\n\r\n", b"hello"),
    "a bare extension": (b"5;name\r\nhello\r\n0;last\r\n\r\n", b"hello"),
    "a quoted extension": (b'5;name="a b"\r\nhello\r\n0\r\n\r\n', b"hello"),
    "data that looks like an end": (b"7\r\n0\r\n\r\nXX\r\n0\r\n\r\n", b"0\r\n\r\nXX"),
    "many": (b"1\r\nx\r\n" * 300 + b"0\r\n\r\n", b"x" * 300),
    "a trailer": (b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n", b"hello"),
}


@pytest.mark.parametrize("name", GOOD)
def test_good_request(corsd, backend, deliver, name):
    coded, body = GOOD[name]
    client = corsd.connect()
    deliver(client, upload(coded))
    assert client.response().body == b"hello"
    assert client.ask(get("/after")).status == 200
    assert backend.requests[0].body == body
    assert backend.requests[0].has("Content-Length") or \
        backend.requests[0].all("Transfer-Encoding") == ["chunked"]


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("way", ["whole", "byte by byte"])
def test_good_response(corsd, backend, name, way):
    coded, body = GOOD[name]
    text = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + coded
    backend.plays([drip(text, 0.0001) if way == "byte by byte" else text])
    client = corsd.connect()
    assert client.ask(get()).body == body
    assert client.ask(get()).body == b"hello"


BAD = {
    "no size": b"\r\nhello\r\n0\r\n\r\n",
    "no hex": b"g\r\nhello\r\n0\r\n\r\n",
    "a prefix 0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "a sign": b"+5\r\nhello\r\n0\r\n\r\n",
    "negative": b"-5\r\nhello\r\n0\r\n\r\n",
    "a space before": b" 5\r\nhello\r\n0\r\n\r\n",
    "an underscore": b"5_\r\nhello\r\n0\r\n\r\n",
    "a bare LF after the size": b"5\nhello\r\n0\r\n\r\n",
    "a bare CR after the size": b"5\rhello\r\n0\r\n\r\n",
    "a bare LF after the data": b"5\r\nhello\n0\r\n\r\n",
    "a bare CR after the data": b"5\r\nhello\r0\r\n\r\n",
    "too much data": b"5\r\nhelloo\r\n0\r\n\r\n",
    "too little data": b"6\r\nhello\r\n0\r\n\r\n",
    "17 hex digits": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "64 bits": b"ffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "a thousand digits": b"0" * 1000 + b"5\r\nhello\r\n0\r\n\r\n",
    "an extension with a bare LF": b"5;a\nhello\r\n0\r\n\r\n",
    "an extension with a bare CR": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "an extension with NUL": b"5;a=\0\r\nhello\r\n0\r\n\r\n",
    "an endless extension": b"5;" + b"a" * 30000 + b"\r\nhello\r\n0\r\n\r\n",
    "a bare LF as the last line": b"5\r\nhello\r\n0\r\n\n",
    "a bare LF after the zero": b"5\r\nhello\r\n0\n\r\n",
    "a trailer without colon": b"5\r\nhello\r\n0\r\nnonsense\r\n\r\n",
    "a trailer with a bare LF": b"5\r\nhello\r\n0\r\nA: b\n\r\n",
    "a trailer with a space before the colon": b"5\r\nhello\r\n0\r\nA : b\r\n\r\n",
    "a folded trailer": b"5\r\nhello\r\n0\r\nA: b\r\n c\r\n\r\n",
    "a trailer with NUL": b"5\r\nhello\r\n0\r\nA: \0\r\n\r\n",
}

UNUSUAL = {"a thousand digits", "an endless extension"}  # may be read too: they are unambiguous


@pytest.mark.parametrize("name", BAD)
def test_bad_request(corsd, backend, deliver, name):
    """The head may have gone ahead; a whole request never, nor what stands behind it."""
    client = corsd.connect()
    try:
        deliver(client, upload(BAD[name]) + get("/hidden"))
    except OSError:
        pass
    answer = client.response()
    if name in UNUSUAL and answer.status == 200:
        return
    own_answer(answer, 400)
    assert client.ended()
    assert backend.idle(), "the upstream connection is closed"
    assert not backend.requests
    assert [head.target for head in backend.heads] in ([], ["/up"])


@pytest.mark.parametrize("name", BAD)
def test_bad_response(corsd, backend, name):
    """Cut visibly, or a 502 if nothing had gone to the client: never a clean end of a wrong body."""
    backend.plays([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", pause(0.02), BAD[name], pause(0.2)])
    client = corsd.connect()
    try:
        answer = client.ask(get("/", "Origin: https://app.example.com"))
    except (Cut, ConnectionResetError):
        assert client.ended()
    else:
        if name in UNUSUAL and answer.body == b"hello":
            return
        assert answer.status == 502
    assert backend.idle()
    assert corsd.ask(get()).body == b"hello"


DROPPED = ["Content-Length: 5", "Transfer-Encoding: chunked", "Host: evil.test", "Authorization: x",
           "Connection: close", "Cookie: a=b", "X-Forwarded-For: 1.2.3.4", "Trailer: x", "Content_Length: 5"]


def test_request_trailers_pass(corsd, backend):
    body = chunked(b"hello", trailers=["X-Checksum: abc", "x-other:  d  "])
    assert corsd.ask(upload(body, "Trailer: X-Checksum")).body == b"hello"
    assert backend.request.trailers == [("X-Checksum", "abc"), ("x-other", "d")]


@pytest.mark.parametrize("line", DROPPED)
def test_request_trailers_that_frame_route_or_authenticate(corsd, backend, line):
    corsd.ask(upload(chunked(b"hello", trailers=["X-A: 1", line, "X-B: 2"])))
    assert backend.request.trailers == [("X-A", "1"), ("X-B", "2")]


def test_response_trailers_pass(corsd, backend):
    backend.plays(reply_chunked(b"hello", lines=["Trailer: X-Sum"], trailers=["X-Sum: abc"]))
    answer = corsd.ask(get("/", "TE: trailers"))
    assert (answer.body, answer.trailers) == (b"hello", [("X-Sum", "abc")])


@pytest.mark.parametrize("line", ["Content-Length: 5", "Transfer-Encoding: chunked", "Set-Cookie: a=b",
                                  "Connection: close"])
def test_response_trailers_that_frame_or_authenticate(corsd, backend, line):
    backend.plays(reply_chunked(b"hello", trailers=["X-A: 1", line]))
    answer = corsd.ask(get("/", "TE: trailers"))
    assert answer.trailers == [("X-A", "1")]


@pytest.mark.parametrize("name, trailers", [
    ("too large", ["X-A: " + "b" * 9000]), ("too many", [f"X-{n}: b" for n in range(60)])])
def test_trailers_keep_the_limits_of_heads(corsd, backend, name, trailers):
    client = corsd.connect()
    client.send(upload(chunked(b"hello", trailers=trailers)))
    answer = client.response()
    assert answer.status in (400, 431)
    assert client.ended() and backend.idle() and not backend.requests


@pytest.mark.parametrize("sent, arrives", [
    ("trailers", [["trailers"]]), ("gzip", [[]]), ("gzip, trailers;q=0.5", [[], ["trailers"]])])
def test_te_trailers_alone_survives(corsd, backend, sent, arrives):
    corsd.ask(get("/", f"TE: {sent}", "Connection: TE"))
    assert backend.request.all("TE") in arrives


def test_a_megabyte_in_one_chunk(corsd, backend):
    body = bytes(range(256)) * 4096
    backend.plays(lambda seen: reply_chunked(seen.body))
    assert corsd.ask(upload(chunked(body))).body == body
    assert backend.request.body == body


def test_a_response_in_tiny_chunks(corsd, backend):
    backend.plays(reply_chunked(*[b"x"] * 20000))
    assert corsd.ask(get()).body == b"x" * 20000


def test_an_end_without_the_last_chunk_is_no_end(corsd, backend):
    backend.plays([reply_chunked(b"hello")[:-5], close])
    with pytest.raises(Cut):
        corsd.ask(get())


def test_an_upload_that_ends_early_is_no_request(corsd, backend):
    client = corsd.connect()
    client.send(upload(b"5\r\nhello\r\n")).finish()
    try:
        assert client.response().status == 400
    except (Fault, OSError):
        pass
    assert backend.idle() and not backend.requests
