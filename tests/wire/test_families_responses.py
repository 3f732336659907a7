"""Families of hostile answers, generated: what a backend may send and a client gets, held against
strict.py. A right answer comes whole; any other is a 502 or is cut so that it can be seen; and
whoever asks next gets his own."""
import itertools

import pytest

from harness import PATIENCE, Cut, Fault, close, early, get, own_answer, pause, post, read_body, reply, request
from strict import read_response
from test_families import CHUNKS, CODING_NAMES, CODINGS, DATA_ENDS, ENDS, EXTENSIONS, LASTS, LENGTH_NAMES, LENGTHS, SIZES, \
    SPACES, VERSIONS

YAML = """
listen: LISTEN
upstream: BACKEND
cors: {allow_origins: ["https://app.example.com"]}
limits: {header_size: 8k, headers: 30}
timeouts: {header: 300ms, idle: 60s}
"""
LEGACY = YAML.replace("upstream: BACKEND", "upstreams: {old: {url: BACKEND, accept_bare_lf: true}}\nupstream: old")
HEADERS = 30
ORIGIN = "Origin: https://app.example.com"


@pytest.fixture(scope="module")
def corsd(shared):
    return shared(YAML)


@pytest.fixture(scope="module")
def legacy(shared):
    return shared(LEGACY)


def hang_on(conn):
    """An answer is over, its connection stays for a moment: what is too much has time to be found."""
    if not conn.gone():
        close(conn)


def check(corsd, backend, cases):
    kinds = {"whole": 0, "refused": 0}
    client = corsd.connect()
    for name, method, data in cases:
        want = read_response(data, method, HEADERS)
        backend.plays([data, hang_on])
        say = f"{name}: {method} {data!r}\nshould be {want}"
        client.send(request(method, "/", ORIGIN))
        try:
            answer = client.response(method)
        except (Cut, Fault) as cut:
            assert want.status is None, f"{cut}\n{say}"
            assert isinstance(cut, Cut), f"{cut}\n{say}"
            kinds["refused"] += 1
            client = corsd.connect()
        else:
            say += f"\ngot {answer.raw!r} {answer.body!r}"
            if want.status is None:
                assert answer.status == 502 and answer.has("Cache-Control"), say
                assert answer.one("Access-Control-Allow-Origin") == "https://app.example.com", say
                kinds["refused"] += 1
            else:
                assert (answer.status, answer.body) == (want.status, want.body), say
                kinds["whole"] += 1
            if "close" in answer.items("Connection") or answer.framing == "close":
                client = corsd.connect()
        assert client.ask(get("/next")).body == b"hello", say
    assert backend.idle()
    return kinds


def head(lines, status=b"200 OK", version=b"HTTP/1.1"):
    return version + b" " + status + b"\r\n" + b"".join(lines) + b"\r\n"


def lengths():
    for value, method in itertools.product(LENGTHS, ["GET", "HEAD"]):
        yield f"length {value!r}", method, head([b"Content-Length: " + value + b"\r\n"]) + b"hello"
    for value, status in itertools.product([b"5", b"05", b"x", b"5,5", b""], [b"204 No", b"304 Not", b"205 Reset", b"404 Not", b"999 X"]):
        yield f"length {value!r}", "GET", head([b"Content-Length: " + value + b"\r\n"], status) + b"hello"
    for space, shape in itertools.product(SPACES, [b"%sContent-Length: 5\r\n", b"Content-Length%s: 5\r\n", b"Content-Length:%s5\r\n",
                                                   b"Content-Length: 5%s\r\n", b"Content-Length: 1%s0\r\n"]):
        yield f"space {space!r}", "GET", head([shape % space]) + b"hello"
    for name in LENGTH_NAMES:
        yield f"name {name!r}", "GET", head([b"Content-Length: 5\r\n", name + b": 6\r\n"]) + b"hello!"
    for first, second in itertools.product([b"5", b"6", b"05", b""], repeat=2):
        yield "two lengths", "GET", head([b"Content-Length: " + first + b"\r\n", b"X: y\r\ncontent-length: " + second + b"\r\n"]) + b"hello"


def codings():
    for value in CODINGS:
        yield f"coding {value!r}", "GET", head([b"Transfer-Encoding: " + value + b"\r\n"]) + CHUNKS
    for value, version in itertools.product([b"chunked", b"identity", b"gzip"], [b"HTTP/1.0", b"HTTP/1.1"]):
        for length in (b"", b"Content-Length: 5\r\n"):
            yield f"coding {value!r}", "GET", head([length, b"Transfer-Encoding: " + value + b"\r\n"], version=version) + CHUNKS
    for space, shape in itertools.product(SPACES, [b"%sTransfer-Encoding: chunked\r\n", b"Transfer-Encoding%s: chunked\r\n",
                                                   b"Transfer-Encoding:%schunked\r\n", b"Transfer-Encoding: chunked%s\r\n"]):
        yield f"space {space!r}", "GET", head([b"Content-Length: 5\r\n", shape % space]) + CHUNKS
    for name in CODING_NAMES:
        yield f"name {name!r}", "GET", head([b"Content-Length: 5\r\n", name + b": chunked\r\n"]) + b"hello"
    for first, second in itertools.product([b"chunked", b"identity", b"gzip", b""], repeat=2):
        yield "two codings", "GET", head([b"Transfer-Encoding: " + first + b"\r\nTransfer-Encoding: " + second + b"\r\n"]) + CHUNKS


def chunks():
    coding = head([b"Transfer-Encoding: chunked\r\n"])
    for size in SIZES:
        yield f"size {size!r}", "GET", coding + size + b"\r\nhello\r\n0\r\n\r\n"
    for extension in EXTENSIONS:
        yield f"extension {extension!r}", "GET", coding + b"5" + extension + b"\r\nhello\r\n0\r\n\r\n"
        yield f"extension {extension!r}", "GET", coding + b"5\r\nhello\r\n0" + extension + b"\r\n\r\n"
    for end, size in itertools.product(DATA_ENDS, [b"5", b"4", b"6"]):
        yield f"end {end!r}", "GET", coding + size + b"\r\nhello" + end + b"0\r\n\r\n"
    for last in LASTS:
        yield f"last {last!r}", "GET", coding + b"5\r\nhello\r\n" + last
    for cut in range(len(CHUNKS)):
        yield f"cut at {cut}", "GET", coding + CHUNKS[:cut]


STATUSES = [b"200 OK", b"200 ", b"200", b"200  OK", b"200\tOK", b"20 OK", b"2000 OK", b"0200 OK", b"099 OK", b"000 OK", b"-20 OK", b"+20 OK",
            b"2x0 OK", b" 200 OK", b"", b"OK 200", b"200 \x00", b"200 \x7f", b"200 \xff\xfe", b"200 a\tb", b"200 OK\r", b"200 OK\n", b"999 X",
            b"600 X", b"200:OK", b"200,OK", b"0x200 OK", b"\xb2\xb0\xb0 OK", b"200 " + b"a" * 3000, b"101 Switching Protocols", b"200\x0bOK"]


def status_lines():
    body = b"Content-Length: 5\r\n\r\nhello"
    for status in STATUSES:
        yield f"status {status!r}", "GET", b"HTTP/1.1 " + status + b"\r\n" + body
    for version in VERSIONS:
        yield f"version {version!r}", "GET", version + b" 200 OK\r\n" + body
    for before in [b"\r\n", b"\r\n\r\n", b"\n", b" ", b"\x00", b"\xef\xbb\xbf", b"hello", b"HTTP/1.1 100 Continue\r\n\r\n",
                   b"HTTP/1.1 103 E\r\nA: b\r\n\r\n" * 5, b"HTTP/1.1 100 \nA: b\r\n\r\n", b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\n\r\n",
                   b"HTTP/1.1 100 C\r\nContent-Length: 5\r\n\r\n", b"HTTP/1.1 102 P\r\nContent-Length: x\r\n\r\n"]:
        yield f"before {before!r}", "GET", before + b"HTTP/1.1 200 OK\r\n" + body
    for stranger in [b"SSH-2.0-OpenSSH\r\n", b"\x16\x03\x01\x02\x00", b"220 smtp ESMTP\r\n", b"+OK\r\n", b"<html>\r\n", b"\x00" * 50, b"HTTP"]:
        yield f"stranger {stranger!r}", "GET", stranger


def fields():
    body = b"Content-Length: 5\r\n\r\nhello"
    for byte in range(256):
        c = bytes([byte])
        if byte != 0x3a:
            yield f"byte {byte:#x} in a name", "GET", b"HTTP/1.1 200 OK\r\nX" + c + b"Y: z\r\n" + body
        yield f"byte {byte:#x} in a value", "GET", b"HTTP/1.1 200 OK\r\nX: y" + c + b"z\r\n" + body
    for end in ENDS:
        for shape in [b"X: y%s", b"X: y%sZ: a\r\n", b"%s", b"X%s"]:
            yield f"end {end!r}", "GET", b"HTTP/1.1 200 OK\r\n" + shape % end + body
        yield f"end {end!r}", "GET", b"HTTP/1.1 200 OK" + end + body
    for fold in [b"\r\n ", b"\r\n\t", b"\n ", b"\r "]:
        yield f"fold {fold!r}", "GET", b"HTTP/1.1 200 OK\r\nX: y" + fold + b"z\r\n" + body
    for count in (29, 30, 31):
        yield f"{count} headers", "GET", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * (count - 1) + body


FAMILIES = [lengths, codings, chunks, status_lines, fields]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_family(corsd, backend, family):
    cases = list(family())
    kinds = check(corsd, backend, cases)
    assert min(kinds.values()) > 10, "the family has members of both kinds"


# ---------------------------------------------------------------- accept_bare_lf

REPAIRED = {
    "LF alone": b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
    "mixed": b"HTTP/1.1 200 OK\nContent-Length: 5\r\nX: y\n\r\nhello",
    "CRLF throughout": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "no fields": b"HTTP/1.0 200 OK\n\nhello",
}


@pytest.mark.parametrize("name", REPAIRED)
def test_a_legacy_head_is_taken(legacy, backend, name):
    backend.plays([REPAIRED[name], close])
    assert legacy.ask(get("/", ORIGIN)).body == b"hello"


HOPELESS = {
    "a bare CR": b"HTTP/1.1 200 OK\nX: y\rContent-Length: 5\n\nhello",
    "CR CR LF": b"HTTP/1.1 200 OK\nX: y\r\r\n\nhello",
    "a fold": b"HTTP/1.1 200 OK\nX: y\n z\n\nhello",
    "a space before the colon": b"HTTP/1.1 200 OK\nContent-Length : 5\n\nhello",
    "both framings": b"HTTP/1.1 200 OK\nContent-Length: 5\nTransfer-Encoding: chunked\n\nhello",
    "a chunk with a bare LF": b"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\nhello\n0\n\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
    "another protocol, begun": b"\x16\x03\x01",
}


@pytest.mark.parametrize("name", HOPELESS)
def test_a_legacy_server_may_do_nothing_else(legacy, backend, name):
    """And is found out at once: it holds the connection open until corsd closes it."""
    backend.plays([HOPELESS[name], lambda conn: conn.sock.settimeout(PATIENCE) or conn.sock.recv(1)])
    answer = own_answer(legacy.ask(get("/", ORIGIN)), 502)
    assert b"accept_bare_lf" not in answer.body
    assert legacy.ask(get()).body == b"hello"


def test_only_what_it_would_help_names_accept_bare_lf(corsd, backend):
    backend.plays([b"HTTP/1.1 200 OK\r\nX: y\rZ: a\r\n\r\n", close], [b"HTTP/1.1 200 OK\nX: y\n\n", close])
    assert b"accept_bare_lf" not in own_answer(corsd.ask(get()), 502).body
    assert b"accept_bare_lf" in own_answer(corsd.ask(get()), 502).body


# ---------------------------------------------------------------- what else the audit asked

def test_an_empty_line_behind_a_body_begins_no_head(corsd, backend):
    """Old clients send one too many: the connection is idle then, and no 408 waits for its next answer."""
    client = corsd.connect()
    assert client.ask(post("/one") + b"\r\n").status == 200
    assert client.silent(1.0), "longer than timeouts.header"
    assert client.ask(get("/two")).body == b"hello"


def test_what_follows_a_refused_connect_is_not_looked_at(corsd, backend):
    client = corsd.connect()
    own_answer(client.ask(request("CONNECT", "app.test:443") + get("/inside")), 405)
    assert client.ended()
    assert backend.untouched()


def test_a_length_leaves_in_one_spelling(corsd, backend):
    backend.plays([b"HTTP/1.1 200 OK\r\nContent-Length:\t 005 \r\n\r\nhello"])
    answer = corsd.ask(get())
    assert answer.body == b"hello" and b"\r\nContent-Length: 5\r\n" in answer.raw


SITES = {"Sec_Fetch_Site": "same-origin", "Sec-Fetch_Site": "none", "Proxy_Authentication_Info": "x"}


@pytest.mark.parametrize("name", SITES)
def test_twins_of_what_decides(corsd, backend, name):
    corsd.ask(get("/", f"{name}: {SITES[name]}"))
    assert not [key for key, _ in backend.request.headers if "_" in key]


# ---------------------------------------------------------------- bodies of what corsd answers itself

PREFLIGHT = ["Origin: https://app.example.com", "Access-Control-Request-Method: PUT"]
HIDDEN = get("/hidden")


@pytest.mark.parametrize("framing, body", [
    (f"Content-Length: {len(HIDDEN)}", HIDDEN),
    ("Transfer-Encoding: chunked", b"%x\r\n%s\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN)),
    ("Transfer-Encoding: chunked", b"0\r\n\r\n"),
], ids=["a length", "chunked", "chunked and empty"])
@pytest.mark.parametrize("own", [("OPTIONS", "/", PREFLIGHT), ("GET", "/.well-known/corsd", []), ("TRACE", "/", []),
                                 ("OPTIONS", "/", ["Max-Forwards: 0"])], ids=["preflight", "health", "trace", "max-forwards"])
def test_a_body_of_what_corsd_answers_itself_is_no_request(given, backend, own, framing, body):
    corsd = given(YAML + "health_path: /.well-known/corsd\n")
    method, target, lines = own
    client = corsd.connect()
    answer = client.ask(request(method, target, *lines, framing) + body + HIDDEN)
    assert answer.status in (200, 204, 405)
    assert answer.items("Connection") == ["close"] and client.ended()
    assert backend.untouched()


def test_who_was_asked_for_100_and_gave_none_may_not_have_read_the_body(corsd, backend):
    """It may have refused at the head, and take the body for its next request: it is asked no more."""
    body = get("/inside")
    for _ in range(2):
        assert corsd.ask(request("POST", "/up", "Expect: 100-continue", f"Content-Length: {len(body)}") + body).status == 200
    backend.plays(early(b"HTTP/1.1 100 Continue\r\n\r\n", read_body, reply()))
    client = corsd.connect()
    assert client.ask(request("POST", "/up", "Expect: 100-continue", f"Content-Length: {len(body)}") + body).status == 200
    assert client.ask(get("/next")).status == 200
    numbers = [one.connection for one in backend.requests]
    assert len(set(numbers[:3])) == 3, "a connection each"
    assert numbers[3] == numbers[2], "who gave the 100 has read the body"


def test_an_early_answer_ends_the_connection_behind_it(corsd, backend):
    """What is left of a body is not taken for a request, on neither side."""
    backend.plays(early(reply(401, "no"), pause(0.1)))
    client = corsd.connect()
    client.send(request("POST", "/up", f"Content-Length: {len(HIDDEN) * 2}") + HIDDEN)
    answer = client.response()
    assert answer.status == 401 and answer.items("Connection") == ["close"]
    client.send(HIDDEN)
    assert client.ended()
    assert [one.target for one in backend.heads] == ["/up"]
