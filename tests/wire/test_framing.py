"""Where a body ends, and what is refused because nobody can tell: RFC 9112 §6.3, DESIGN §3."""
import pytest

from harness import chunked, close, get, own_answer, post, reply, reply_chunked, request

YAML = """
listen: LISTEN
upstream: BACKEND
cors: {allow_origins: ["https://app.example.com"]}
"""


@pytest.fixture(scope="module")
def corsd(shared):
    return shared(YAML)


def framed(*lines, version="1.1"):
    """A POST with these framing lines, whose body could hide a second request."""
    return request("POST", "/first", *lines, version=version) + b"5\r\nhello\r\n0\r\n\r\n" + get("/hidden")


CL, TE = "Content-Length: ", "Transfer-Encoding: "

AMBIGUOUS = {
    "length and chunked": ((400,), [CL + "5", TE + "chunked"]),
    "chunked and length": ((400,), [TE + "chunked", CL + "5"]),
    "length zero and chunked": ((400,), [CL + "0", TE + "chunked"]),
    "two equal lengths": ((400,), [CL + "5", CL + "5"]),
    "two different lengths": ((400,), [CL + "5", CL + "6"]),
    "two lengths in other case": ((400,), [CL + "5", "cONTENT-lENGTH: 5"]),
    "two lengths in one line": ((400,), [CL + "5, 5"]),
    "two different lengths in one line": ((400,), [CL + "5,6"]),
    "a length with a plus": ((400,), [CL + "+5"]),
    "a negative length": ((400,), [CL + "-5"]),
    "a length in hex": ((400,), [CL + "0x5"]),
    "a length with an underscore": ((400,), [CL + "5_0"]),
    "a length with an exponent": ((400,), [CL + "1e1"]),
    "a length with a point": ((400,), [CL + "5.0"]),
    "a length with a space inside": ((400,), [CL + "5 0"]),
    "a length in quotes": ((400,), [CL + '"5"']),
    "an empty length": ((400,), [CL]),
    "a length beyond 64 bits": ((400, 413), [CL + "18446744073709551621"]),
    "a length of 100 digits": ((400, 413), [CL + "9" * 100]),
    "a word as length": ((400,), [CL + "five"]),
    "a length with a semicolon": ((400,), [CL + "5;a=b"]),
    "a length with a comma behind": ((400,), [CL + "5,"]),
    "digits of another script": ((400,), [CL + "\xd9\xa5"]),
    "an unknown coding": ((501,), [TE + "xchunked"]),
    "a coding that begins the same": ((501,), [TE + "chunkedx"]),
    "gzip": ((400, 501), [TE + "gzip"]),
    "gzip, then chunked": ((400, 501), [TE + "gzip, chunked"]),
    "chunked, then gzip": ((400, 501), [TE + "chunked, gzip"]),
    "chunked, then identity": ((400, 501), [TE + "chunked, identity"]),
    "identity": ((400, 501), [TE + "identity"]),
    "chunked twice in one line": ((400,), [TE + "chunked, chunked"]),
    "chunked twice": ((400,), [TE + "chunked", TE + "chunked"]),
    "chunked, then another line": ((400, 501), [TE + "chunked", TE + "gzip"]),
    "another line, then chunked": ((400, 501), [TE + "identity", TE + "chunked"]),
    "an empty coding": ((400, 501), [TE]),
    "a comma before chunked": ((400, 501), [TE + ",chunked"]),
    "a comma behind chunked": ((400, 501), [TE + "chunked,"]),
    "chunked with a parameter": ((400, 501), [TE + "chunked;q=1"]),
    "chunked in quotes": ((400, 501), [TE + '"chunked"']),
    "chunked with a vertical tab": ((400,), [TE + "\x0bchunked"]),
    "chunked with a NUL": ((400,), [TE + "chunked\0"]),
    "chunked folded": ((400,), ["Transfer-Encoding:", " chunked"]),
    "a space before the colon": ((400,), ["Transfer-Encoding : chunked"]),
    "chunked, cut by a byte above ASCII": ((400, 501), [TE + "chun\xfeked"]),
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_refused(corsd, backend, deliver, name):
    status, lines = AMBIGUOUS[name]
    client = corsd.connect()
    deliver(client, framed(*lines))
    answer = client.response()
    assert answer.status in status, answer.raw
    own_answer(answer, answer.status)
    assert [item.lower() for item in answer.items("Connection")] == ["close"]
    assert client.ended()
    assert backend.untouched()


@pytest.mark.parametrize("lines", [[TE + "chunked"], [TE + "chunked", "Connection: keep-alive"],
                                   [CL + "5", TE + "chunked"]], ids=["alone", "keep-alive", "both"])
def test_chunked_from_an_old_client_is_refused(corsd, backend, lines):
    client = corsd.connect()
    client.send(framed(*lines, version="1.0"))
    own_answer(client.response(), 400)
    assert client.ended()
    assert backend.untouched()


TWINS = {
    "a length with an underscore": ["Content_Length: 5"],
    "chunked with an underscore": ["Transfer_Encoding: chunked"],
}


@pytest.mark.parametrize("name", TWINS)
def test_underscore_twins_frame_nothing(corsd, backend, name):
    """CGI-like backends cannot tell them from the real ones: they never arrive."""
    client = corsd.connect()
    answer = client.ask(get("/first", *TWINS[name]))
    assert answer.body == b"hello"
    assert not [key for key, _ in backend.request.headers if "_" in key]


FRAMED_RIGHT = {
    "no body": (get("/x"), b""),
    "length zero": (request("POST", "/x", CL + "0"), b""),
    "a length": (request("POST", "/x", CL + "5") + b"hello", b"hello"),
    "leading zeros": (request("POST", "/x", CL + "005") + b"hello", b"hello"),
    "spaces around a length": (request("POST", "/x", CL + " \t5 ") + b"hello", b"hello"),
    "chunked": (request("POST", "/x", TE + "chunked") + chunked(b"hel", b"lo"), b"hello"),
    "chunked in capitals": (request("POST", "/x", TE + "CHUNKED") + chunked(b"hello"), b"hello"),
    "spaces around chunked": (request("POST", "/x", TE + " \tchunked \t") + chunked(b"hello"), b"hello"),
    "an empty chunked body": (request("POST", "/x", TE + "chunked") + chunked(), b""),
    "a GET with a body": (request("GET", "/x", CL + "5") + b"hello", b"hello"),
    "a DELETE with a chunked body": (request("DELETE", "/x", TE + "chunked") + chunked(b"hello"), b"hello"),
    "a body that looks like a request": (post("/x", body=get("/hidden")), get("/hidden")),
}


@pytest.mark.parametrize("name", FRAMED_RIGHT)
def test_accepted(corsd, backend, deliver, name):
    text, body = FRAMED_RIGHT[name]
    client = corsd.connect()
    deliver(client, text)
    assert client.response().body == b"hello"
    assert client.ask(get("/after")).body == b"hello"
    assert [one.target for one in backend.requests] == ["/x", "/after"]
    assert backend.requests[0].body == body


# responses: what the backend sends for which method → the body the client gets
RESPONSES = {
    "a length": ("GET", [reply(200, "hello")], b"hello"),
    "length zero": ("GET", [reply(200, "")], b""),
    "chunked": ("GET", [reply_chunked(b"hel", b"lo")], b"hello"),
    "empty chunked": ("GET", [reply_chunked()], b""),
    "until the end": ("GET", [b"HTTP/1.1 200 OK\r\n\r\nhello", close], b"hello"),
    "until the end, empty": ("GET", [b"HTTP/1.1 200 OK\r\n\r\n", close], b""),
    "HTTP/1.0 until the end": ("GET", [b"HTTP/1.0 200 OK\r\n\r\nhello", close], b"hello"),
    "HTTP/1.0 with a length": ("GET", [b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", close], b"hello"),
    "HEAD with a length": ("HEAD", [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"], b""),
    "HEAD with chunked": ("HEAD", [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"], b""),
    "HEAD without framing": ("HEAD", [b"HTTP/1.1 200 OK\r\n\r\n"], b""),
    "204": ("GET", [b"HTTP/1.1 204 No Content\r\n\r\n"], b""),
    "204 with length zero": ("GET", [b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"], b""),
    "304": ("GET", [b"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n"], b""),
    "304 with the length of the body it has not": (
        "GET", [b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"], b""),
    "a reason that is empty": ("GET", [b"HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\nhello"], b"hello"),
    "length after many headers": (
        "GET", [reply(200, "hello", *[f"X-{n}: y" for n in range(90)])], b"hello"),
}


@pytest.mark.parametrize("name", RESPONSES)
def test_response(corsd, backend, name):
    method, steps, body = RESPONSES[name]
    backend.plays(steps)
    client = corsd.connect()
    answer = client.ask(request(method, "/"))
    assert answer.body == body
    if answer.framing != "close":
        assert client.ask(get()).body == b"hello", "the connection stays in step"


@pytest.mark.parametrize("name", [name for name in RESPONSES if RESPONSES[name][0] == "GET"])
def test_response_to_an_old_client(corsd, backend, name):
    """No chunks for HTTP/1.0; a body without length ends with the connection."""
    _, steps, body = RESPONSES[name]
    backend.plays(steps)
    client = corsd.connect()
    answer = client.ask(get("/", version="1.0"))
    assert answer.body == body
    assert not answer.has("Transfer-Encoding")
    assert client.ended()


@pytest.mark.parametrize("status, method", [(204, "GET"), (304, "GET"), (200, "HEAD")])
def test_a_body_where_none_may_be(corsd, backend, status, method):
    """What a bad backend sends behind such a head is no one's response."""
    backend.plays([reply(status, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"), wait_for_the_end])
    client = corsd.connect()
    answer = client.ask(request(method, "/"))
    assert answer.status == status and answer.body == b""
    assert client.ask(get("/next")).body == b"hello"
    assert backend.requests[1].connection != backend.requests[0].connection


def wait_for_the_end(conn):
    """Stays until corsd has closed: the leftover bytes spoil the connection."""
    conn.sock.settimeout(5)
    try:
        while conn.sock.recv(4096):
            pass
    except OSError:
        pass
    conn.over = True
