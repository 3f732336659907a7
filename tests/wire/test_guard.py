"""Heads that are refused before anything understands them: DESIGN §3, "guard first". A refusal is
a 400 and a close; the backend sees nothing of it, however the bytes were cut into packets."""
import pytest

from harness import get, own_answer, post

YAML = """
listen: LISTEN
upstream: BACKEND
cors: {allow_origins: ["https://app.example.com"]}
timeouts: {header: 20s}
"""


@pytest.fixture(scope="module")
def corsd(shared):
    return shared(YAML)


def head(*lines, start="GET / HTTP/1.1", host="Host: app.test"):
    return "\r\n".join([start, host, *lines, "", ""]).encode("latin-1")


MALFORMED = {
    # line ends
    "bare LF after the request line": b"GET / HTTP/1.1\nHost: app.test\r\n\r\n",
    "bare LF after a header": b"GET / HTTP/1.1\r\nHost: app.test\nA: b\r\n\r\n",
    "bare LF before the empty line": b"GET / HTTP/1.1\r\nHost: app.test\n\r\n",
    "bare LF as the empty line": b"GET / HTTP/1.1\r\nHost: app.test\r\n\n",
    "only bare LFs": b"GET / HTTP/1.1\nHost: app.test\n\n",
    "bare LF in a value": head("A: b\nc: d"),
    "bare CR in a value": head("A: b\rc"),
    "bare CR at a value's end": head("A: b\r"),
    "bare CR in a name": head("A\rB: c"),
    "bare CR in the target": b"GET /\rx HTTP/1.1\r\nHost: app.test\r\n\r\n",
    "bare CR after the request line": b"GET / HTTP/1.1\rHost: app.test\r\n\r\n",
    "CR CR LF": b"GET / HTTP/1.1\r\nHost: app.test\r\r\n\r\n",
    "LF CR": b"GET / HTTP/1.1\n\rHost: app.test\r\n\r\n",
    "bare CR before the request line": b"\rGET / HTTP/1.1\r\nHost: app.test\r\n\r\n",
    "bare LF before the request line": b"\nGET / HTTP/1.1\r\nHost: app.test\r\n\r\n",
    "nine empty lines before the request line": b"\r\n" * 9 + head(),
    # folded lines, colons, names
    "folded by a space": head("A: b", " c"),
    "folded by a tab": head("A: b", "\tc"),
    "a folded first line": b"GET / HTTP/1.1\r\n Host: app.test\r\n\r\n",
    "a folded empty line": head("A: b", " "),
    "space before the colon": head("A : b"),
    "tab before the colon": head("A\t: b"),
    "space before the colon of a length": head("Content-Length : 0"),
    "space in a name": head("A B: c"),
    "no colon": head("Nonsense"),
    "no name": head(": b"),
    "only a colon": head(":"),
    "a parenthesis in a name": head("A(b): c"),
    "a slash in a name": head("A/b: c"),
    "a quote in a name": head('A"b": c'),
    "an at sign in a name": head("A@b: c"),
    "a brace in a name": head("A{b}: c"),
    "a comma in a name": head("A,b: c"),
    "a semicolon in a name": head("A;b: c"),
    "an equals sign in a name": head("A=b: c"),
    "NUL in a name": head("A\0b: c"),
    "byte 0x80 in a name": head("A\x80: c"),
    "byte 0xff in a name": head("\xffA: c"),
    # values
    "NUL in a value": head("A: b\0c"),
    "NUL as a value": head("A: \0"),
    "DEL in a value": head("A: b\x7fc"),
    "NUL in the Host": head(host="Host: app\0.test"),
    # request lines
    "two spaces before the target": head(start="GET  / HTTP/1.1"),
    "two spaces before the version": head(start="GET /  HTTP/1.1"),
    "a space before the method": head(start=" GET / HTTP/1.1"),
    "a space after the version": head(start="GET / HTTP/1.1 "),
    "a tab between the parts": head(start="GET\t/\tHTTP/1.1"),
    "a space in the target": head(start="GET /a b HTTP/1.1"),
    "a tab in the target": head(start="GET /a\tb HTTP/1.1"),
    "NUL in the target": head(start="GET /a\0b HTTP/1.1"),
    "DEL in the target": head(start="GET /a\x7fb HTTP/1.1"),
    "byte 0x80 in the target": head(start="GET /a\x80 HTTP/1.1"),
    "UTF-8 in the target": head(start="GET /caf\xc3\xa9 HTTP/1.1"),
    "byte 0xff in the method": head(start="G\xffT / HTTP/1.1"),
    "a method that is no token": head(start="G(T / HTTP/1.1"),
    "a fragment in the target": head(start="GET /a#b HTTP/1.1"),
    "no target": head(start="GET HTTP/1.1"),
    "no version": head(start="GET /"),
    "an empty request": b"\r\n" * 2 + b" \r\n\r\n",
    "a version in lower case": head(start="GET / http/1.1"),
    "a version without a minor": head(start="GET / HTTP/1"),
    "a version with three digits": head(start="GET / HTTP/1.10"),
    "a version with two numbers before": head(start="GET / HTTP/01.1"),
    "another protocol": head(start="GET / RTSP/1.0"),
    "a version with a space": head(start="GET / HTTP/ 1.1"),
    "a relative target": head(start="GET index.html HTTP/1.1"),
    "an asterisk for GET": head(start="GET * HTTP/1.1"),
    "an authority for GET": head(start="GET app.test:80 HTTP/1.1"),
    # hosts
    "no Host": b"GET / HTTP/1.1\r\nA: b\r\n\r\n",
    "no headers at all": b"GET / HTTP/1.1\r\n\r\n",
    "two Hosts": head("Host: app.test"),
    "two different Hosts": head("Host: evil.test"),
    "two Hosts in other case": head("hOST: app.test"),
    "a Host with a space": head(host="Host: app test"),
    "a Host with a path": head(host="Host: app.test/x"),
    "a Host with a user": head(host="Host: me@app.test"),
    "a Host with a query": head(host="Host: app.test?x"),
    "a Host with a fragment": head(host="Host: app.test#x"),
    "a Host with a backslash": head(host="Host: app.test\\x"),
    "a Host with a scheme": head(host="Host: http://app.test"),
    "a Host with a wordy port": head(host="Host: app.test:http"),
    "a Host with a port too big": head(host="Host: app.test:65536"),
    "a Host with a negative port": head(host="Host: app.test:-1"),
    "a Host with two ports": head(host="Host: app.test:80:80"),
    "a Host with an open bracket": head(host="Host: [::1"),
    "a Host with rubbish in brackets": head(host="Host: [zz]"),
    "a Host with words after brackets": head(host="Host: [::1]x"),
    "two names in one Host": head(host="Host: app.test, evil.test"),
}


def refused(corsd, client, status=(400,)):
    answer = client.response()
    assert answer.status in status, answer.raw
    own_answer(answer, answer.status)
    assert [item.lower() for item in answer.items("Connection")] == ["close"]
    assert client.ended(), "the connection is closed"


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed(corsd, backend, deliver, name):
    client = corsd.connect()
    deliver(client, MALFORMED[name])
    refused(corsd, client)
    assert backend.untouched()


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_with_a_good_request_before_and_behind(corsd, backend, name):
    """The good one is answered; nothing behind a refusal is looked at."""
    client = corsd.connect()
    assert client.ask(get("/good")).body == b"hello"
    client.send(MALFORMED[name] + get("/behind"))
    refused(corsd, client)
    assert [head.target for head in backend.heads] == ["/good"]


CONTROLS = [byte for byte in [*range(1, 32), 127] if byte not in (9, 10, 13)]


@pytest.mark.parametrize("byte", CONTROLS, ids=lambda byte: f"{byte:#04x}")
def test_control_bytes(corsd, backend, byte):
    for text in (head(f"A: b{chr(byte)}c"), head(f"A: {chr(byte)}"), head(f"A: c{chr(byte)}"),
                 head(f"A{chr(byte)}: c"), head(start=f"GET /{chr(byte)} HTTP/1.1"),
                 head(start=f"GET{chr(byte)}/ HTTP/1.1")):
        client = corsd.connect()
        client.send(text)
        refused(corsd, client)
    assert backend.untouched()


@pytest.mark.parametrize("version", ["0.9", "1.2", "2.0", "3.0", "9.9"])
def test_versions_never_spoken(corsd, backend, version):
    client = corsd.connect()
    client.send(head(start=f"GET / HTTP/{version}"))
    refused(corsd, client, (400, 505))
    assert backend.untouched()


STRANGERS = {
    "an HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(64)),
    "HTTP/0.9": b"GET /\r\n\r\n",
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "a PROXY line": b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + head(),
    "zeros": bytes(4096),
    "0xff": b"\xff" * 4096,
}


@pytest.mark.parametrize("name", STRANGERS)
def test_strangers_are_turned_away_at_once(corsd, backend, name):
    """A clear 4xx, or just a close: but no waiting for a deadline."""
    client = corsd.connect()
    client.send(STRANGERS[name])
    client.patience = 5
    try:
        answer = client.response()
        assert answer.status in (400, 405, 431, 505)
    except ConnectionResetError:
        pass
    assert client.ended(5)
    assert backend.untouched()


# what looks odd and is right
WELL_FORMED = {
    "eight empty lines before": b"\r\n" * 8 + head(),
    "one empty line before": b"\r\n" + head(),
    "no space after the colon": head("A:b"),
    "spaces around a value": head("A:   b   "),
    "tabs around a value": head("A:\tb\t"),
    "a tab inside a value": head("A: b\tc"),
    "an empty value": head("A:"),
    "bytes above 0x80 in a value": head("A: \x80\xff caf\xc3\xa9"),
    "every token byte in a name": head("!#$%&'*+-.^_`|~09AZaz: b"),
    "a colon in a value": head("A: b:c: d"),
    "quotes in a value": head('A: "b\\"c"'),
    "a long value": head("A: " + "b" * 8000),
    "a Host with a port": head(host="Host: app.test:8080"),
    "a Host that is an address": head(host="Host: 127.0.0.1:80"),
    "a Host that is an IPv6 address": head(host="Host: [::1]:80"),
    "a Host in capitals": head(host="HOST: APP.TEST"),
    "a Host with a final dot": head(host="Host: app.test."),
    "a Host with an underscore": head(host="Host: my_app.test"),
    "a query": head(start="GET /?a=b&c=%20'()*!$+,;:@/? HTTP/1.1"),
    "an empty query": head(start="GET /? HTTP/1.1"),
    "HTTP/1.0 without a Host": b"GET / HTTP/1.0\r\n\r\n",
}


@pytest.mark.parametrize("name", WELL_FORMED)
def test_well_formed(corsd, backend, deliver, name):
    client = corsd.connect()
    deliver(client, WELL_FORMED[name])
    assert client.response().body == b"hello"
    assert len(backend.heads) == 1


def test_values_arrive_as_they_were(corsd, backend, deliver):
    client = corsd.connect()
    deliver(client, head("X-One: a\tb", "X-Two:   c  d  ", "X-Three: \x80\xff", "X-Four:", 'X-Five: "q"'))
    client.response()
    got = [backend.request.one(f"X-{n}") for n in ("One", "Two", "Three", "Four", "Five")]
    assert got == ["a\tb", "c  d", "\x80\xff", "", '"q"']


GOOD = post("/form", "Origin: https://app.example.com", "X-A: b", body=b"0123456789")
BROKEN = head("A: b", "C: d\ne")


@pytest.mark.parametrize("start", range(0, len(GOOD) - 1, 20))
def test_a_good_request_cut_anywhere(corsd, backend, start):
    for at in range(max(start, 1), min(start + 20, len(GOOD))):
        client = corsd.connect()
        client.split(GOOD, at)
        assert client.response().body == b"hello", f"cut at {at}"
        assert backend.requests[-1].body == b"0123456789", f"cut at {at}"


@pytest.mark.parametrize("start", range(0, len(BROKEN) - 1, 20))
def test_a_broken_head_cut_anywhere(corsd, backend, start):
    for at in range(max(start, 1), min(start + 20, len(BROKEN))):
        client = corsd.connect()
        client.split(BROKEN, at)
        refused(corsd, client)
    assert backend.untouched()
