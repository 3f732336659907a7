"""Families of hostile requests, generated: the verdict is what a recording backend saw, held against
strict.py. One request in is at most one request out; a refusal is 4xx or 501 and a closed connection."""
import itertools
import random

import pytest

from harness import Cut, Fault, parse_head, Response, Wire, framing_of
from strict import read_requests

YAML = """
listen: LISTEN
upstream: BACKEND
cors: {allow_origins: ["https://app.example.com"]}
limits: {header_size: 8k, headers: 30}
"""
HEADERS = 30
HOST = b"Host: app.test\r\n"


@pytest.fixture(scope="module")
def corsd(shared):
    return shared(YAML)


# ---------------------------------------------------------------- the verdict

class Replay(Wire):
    """Bytes that came, read as a client would."""

    def __init__(self, data):
        super().__init__(None)
        self.buffer += data

    def fill(self):
        return False


def responses_of(data, methods):
    """Every final response in what the client got; the connection's end is the last one's end."""
    wire, found = Replay(data), []
    while wire.buffer:
        answer = parse_head(wire.through(b"\r\n\r\n"), Response)
        if answer.status < 200:
            continue
        method = methods[len(found)] if len(found) < len(methods) else "GET"
        answer.framing = framing_of(answer)[0] or "close"
        if answer.status in (204, 304) or method == "HEAD":
            answer.framing = "none"
        wire.read_body(answer)
        found.append(answer)
    return found


def exchange(corsd, data, cut=None):
    """Sends it, ends its side, and takes all that comes."""
    client, got = corsd.connect(), b""
    try:
        if cut is None:
            client.send(data)
        else:
            client.send(data[:cut], data[cut:])
        client.finish()
    except OSError:
        pass  # corsd has answered and closed already
    try:
        while client.fill():
            pass
    except ConnectionResetError:
        pass
    got = bytes(client.buffer)
    client.sock.close()
    corsd.clients.remove(client)
    return got


def plain(target):
    """The path a backend gets of an absolute form."""
    if "://" not in target:
        return target
    rest = target.split("://", 1)[1]
    at = min((rest.find(c) for c in "/?" if c in rest), default=len(rest))
    rest = rest[at:]
    return rest if rest.startswith("/") else "/" + rest


def check(corsd, backend, cases):
    """Each case is a stream of bytes. All of them on one corsd, the backend's record read at the end."""
    expected, seed = [], random.Random(5)
    for name, data in cases:
        reading = read_requests(data, HEADERS)
        cut = seed.randrange(1, len(data)) if seed.random() < 0.4 else None
        got = exchange(corsd, data, cut)
        say = f"{name}: {data!r}\ncut at {cut}, read as {reading}\ngot {got!r}"
        try:
            answers = responses_of(got, [one.method for one in reading.requests])
        except (Fault, Cut) as fault:
            raise AssertionError(f"{fault}\n{say}") from fault
        good = answers[:len(reading.requests)]
        rest = answers[len(good):]
        if reading.cut:  # who goes away inside a request may take the answers before it with him
            assert len(rest) <= 1 and all(400 <= one.status < 500 for one in rest), say
        else:
            assert [one.status for one in good] == [one.own or 200 for one in reading.requests], say
        if reading.refused:
            assert [one.status for one in rest] and rest[0].status in reading.refused, say
            assert [item.lower() for item in rest[0].items("Connection")] == ["close"], say
            assert len(rest) == 1, say
        elif not reading.cut:
            assert not rest, say
        expected += [(one.method, plain(one.target), one.body) for one in reading.requests
                     if not one.own]
        seen = [(one.method, one.target, one.body) for one in backend.requests]
        assert seen == expected, f"{say}\nsaw {seen[-4:]} for {expected[-4:]}"
    assert backend.idle()
    assert [(one.method, one.target, one.body) for one in backend.requests] == expected
    assert not backend.faults
    return expected


def stream(number, lines, body=b"", method=b"POST", version=b"1.1", host=HOST):
    """A request with these raw lines, and one behind it that must not be found inside its body."""
    return (b"%s /%d HTTP/%s\r\n%s%s\r\n%s" % (method, number, version, host, b"".join(lines), body) +
            b"GET /hidden/%d HTTP/1.1\r\n%s\r\n" % (number, HOST))


# ---------------------------------------------------------------- what the families are made of

SPACES = [b"", b" ", b"\t", b"  ", b" \t ", b"\x0b", b"\x0c", b"\xa0", b"\x00", b"\x1f", b"\x7f", b"\x85",
          b"\r", b"\n", b"\r\n ", b"\r\n\t", b"\n ", b"\xef\xbb\xbf", b"\xe2\x80\x8b"]
ENDS = [b"\r\n", b"\n", b"\r", b"\r\r\n", b"\n\r\n", b" \r\n", b"\t\r\n", b"\x00\r\n", b"\\r\\n"]
LENGTHS = [b"5", b"05", b"0", b"00", b"+5", b"-5", b"5.", b"5.0", b"5e0", b"0x5", b"5h", b"5,5", b"5, 5", b"5,6",
           b"5;", b"5;a=b", b"5 5", b"5_", b"1_0", b'"5"', b"'5'", b"5\t5", b",5", b"5,", b"", b"five", b"\xb5",
           b"\xd9\xa5", b"0b101", b"0o5", b"5L", b"\xef\xbc\x95", b"00000000000000000005", b"9" * 18, b"9" * 19,
           b"9" * 20, b"9" * 300, b"9223372036854775808", b"18446744073709551615",
           b"18446744073709551616", b"18446744073709551621", b"4294967301", b"%35", b"5#", b"NaN", b"null"]
CODINGS = [b"chunked", b"Chunked", b"CHUNKED", b"chunked,", b",chunked", b"chunked, chunked", b"chunked;", b"x",
           b"chunked;q=0", b'"chunked"', b"'chunked'", b"chunked identity", b"identity", b"identity, chunked",
           b"chunked, identity", b"gzip", b"gzip, chunked", b"chunked, gzip", b"gzip,chunked", b"deflate", b"br",
           b"xchunked", b"chunkedx", b"chunke", b"chunk", b"cow", b"", b",", b"chun\tked", b"chunked\xa0",
           b"\xa0chunked", b"ch\xc5\xabnked", b"chunked\xc4\xb1", b"\xd1\x81hunked", b"compress", b"trailers",
           b"chunked: yes", b"chunked\\", b"(chunked)", b"[chunked]", b"{}", b"chunked#", b"*", b"chunked chunked",
           b"chunKed", b"CHUN\xe2\x84\xaaED", b"c\x00hunked"]
LENGTH_NAMES = [b"Content-Length", b"content-length", b"CONTENT-LENGTH", b"Content_Length", b"Content-Length\x00",
                b"Content\x00-Length", b"Content-Length\xa0", b"\xa0Content-Length", b"Content Length",
                b"Content-Lengt", b"Content-Lengthh", b"X-Content-Length", b"'Content-Length", b"Content--Length",
                b"Content.Length", b"Content~Length", b"!Content-Length", b"Content-Length:", b"Content-Length;",
                b"Content\xe2\x80\x90Length", b"CONTENT_LENGTH", b"Content-Length!", b"Content-\tLength"]
CODING_NAMES = [name.replace(b"Content", b"Transfer").replace(b"Length", b"Encoding").replace(b"CONTENT", b"TRANSFER")
                .replace(b"LENGTH", b"ENCODING").replace(b"content", b"transfer").replace(b"length", b"encoding")
                .replace(b"Lengt", b"Encodin") for name in LENGTH_NAMES]
PADDING = [b"X-Pad: a\r\n", b"X-Last: b\r\n"]
CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"


def content_length():
    number = itertools.count(1000)
    for value in LENGTHS:
        for before, after in [(b" ", b""), (b"", b""), (b"\t", b"\t")]:
            n = next(number)
            yield f"length {value!r}", stream(n, [b"Content-Length:" + before + value + after + b"\r\n"], b"hello")
    for space in SPACES:
        for shape in [b"%sContent-Length: 5\r\n", b"Content-Length%s: 5\r\n", b"Content-Length:%s5\r\n",
                      b"Content-Length: 5%s\r\n", b"Content-Length: 1%s0\r\n", b"Content%s-Length: 5\r\n"]:
            n = next(number)
            yield f"space {space!r} in {shape!r}", stream(n, [shape % space], b"hello")
    for name in LENGTH_NAMES:
        for lines in ([name + b": 5\r\n"], [b"Content-Length: 5\r\n", name + b": 6\r\n"],
                      [name + b": 6\r\n", b"Content-Length: 5\r\n"]):
            yield f"name {name!r}", stream(next(number), lines, b"hello")
    for end in ENDS:
        for lines in ([b"Content-Length: 5" + end], [b"X: y" + end + b"Content-Length: 5\r\n"],
                      [b"Content-Length: 5" + end + b"X: y\r\n"]):
            yield f"end {end!r}", stream(next(number), lines, b"hello")
    for first, second in itertools.product([b"5", b"6", b"0", b"05", b""], repeat=2):
        for position in range(3):
            lines = PADDING[:position] + [b"Content-Length: " + first + b"\r\n"] + PADDING[position:] + \
                [b"content-length: " + second + b"\r\n"]
            yield f"two lengths {first!r} {second!r}", stream(next(number), lines, b"hello!")


def transfer_encoding():
    number = itertools.count(2000)
    for value in CODINGS:
        for before, after in [(b" ", b""), (b"", b""), (b"\t", b" \t")]:
            lines = [b"Transfer-Encoding:" + before + value + after + b"\r\n"]
            yield f"coding {value!r}", stream(next(number), lines, CHUNKS)
    for space in SPACES:
        for shape in [b"%sTransfer-Encoding: chunked\r\n", b"Transfer-Encoding%s: chunked\r\n",
                      b"Transfer-Encoding:%schunked\r\n", b"Transfer-Encoding: chunked%s\r\n",
                      b"Transfer-Encoding: chun%sked\r\n", b"Transfer%s-Encoding: chunked\r\n"]:
            yield f"space {space!r} in {shape!r}", stream(next(number), [shape % space], CHUNKS)
    for name in CODING_NAMES:
        for lines in ([name + b": chunked\r\n"], [b"Content-Length: 15\r\n", name + b": chunked\r\n"],
                      [name + b": chunked\r\n", b"Content-Length: 15\r\n"],
                      [b"Transfer-Encoding: chunked\r\n", name + b": identity\r\n"]):
            yield f"name {name!r}", stream(next(number), lines, CHUNKS)
    for end in ENDS:
        for lines in ([b"Transfer-Encoding: chunked" + end], [b"X: y" + end + b"Transfer-Encoding: chunked\r\n"],
                      [b"Transfer-Encoding: chunked" + end + b"X: y\r\n"]):
            yield f"end {end!r}", stream(next(number), lines, CHUNKS)
    for first, second in itertools.product([b"chunked", b"identity", b"gzip", b"", b"CHUNKED"], repeat=2):
        lines = [b"Transfer-Encoding: " + first + b"\r\n", b"X: y\r\n", b"transfer-encoding: " + second + b"\r\n"]
        yield f"two codings {first!r} {second!r}", stream(next(number), lines, CHUNKS)
    for length, value in itertools.product([b"0", b"5", b"15", b"x", b""], [b"chunked", b"CHUNKED", b"identity", b"x"]):
        lines = [b"Content-Length: " + length + b"\r\n", b"Transfer-Encoding: " + value + b"\r\n"]
        for order in (lines, lines[::-1]):
            for version in (b"1.1", b"1.0"):
                yield "both", stream(next(number), order, CHUNKS, version=version)
    for value in [b"chunked", b"identity", b"gzip"]:
        for connection in [b"", b"Connection: keep-alive\r\n", b"Connection: transfer-encoding\r\n"]:
            lines = [connection, b"Transfer-Encoding: " + value + b"\r\n"]
            yield "old", stream(next(number), lines, CHUNKS, version=b"1.0")


SIZES = [b"5", b"05", b"0000000000000005", b"00000000000000005", b"5 ", b" 5", b"5\t", b"+5", b"-5", b"0x5", b"5h", b"",
         b"5_0", b"5,", b"5.0", b"g", b"\xb5", b"5\x00", b"\x005", b"FFFFFFFFFFFFFFFF", b"7fffffffffffffff",
         b"8000000000000000", b"10000000000000005", b"100000005", b"fffffffffffffffb", b"5\x0b", b"5'", b'"5"', b"5L"]
EXTENSIONS = [b";", b";a", b";a=b", b';a="b c"', b";a=b;c=d", b" ;a", b"; a = b", b";a=\xff", b";\x00", b";a\x7f",
              b";a\x0b", b";a\n", b";a\r", b";a\r\r\n", b";" + b"a" * 4000, b";\t", b"\n", b"\r", b" ", b"a;", b"=", b";;;",
              b';a="\r\n"', b";a\n5\r\nhello\r\n0\r\n\r\n"]
DATA_ENDS = [b"\r\n", b"\n", b"\r", b"", b"\r\r\n", b"\n\r", b" \r\n", b"X\r\n", b"\r\n\r\n", b"\x00\n", b"\rX"]
LASTS = [b"0\r\n\r\n", b"0\r\n\n", b"0\n\r\n", b"0\r\r\n\r\n", b"00\r\n\r\n", b"0;a\r\n\r\n", b"0\r\n\r", b"0\r\nX: y\r\n\r\n",
         b"0\r\nX: y\n\r\n", b"0\r\nX : y\r\n\r\n", b"0\r\n X: y\r\n\r\n", b"0\r\nX: y\r\n z\r\n\r\n", b"0\r\nnonsense\r\n\r\n",
         b"0\r\n: y\r\n\r\n", b"0\r\nX: \x00\r\n\r\n", b"0\r\nX\xff: y\r\n\r\n", b"0\r\nX: \xff\r\n\r\n", b"-0\r\n\r\n", b"0x0\r\n\r\n",
         b"0\r\nContent-Length: 9\r\n\r\n", b"0\r\nTransfer-Encoding: x\r\n\r\n", b"0\r\nHost: a b\r\n\r\n", b" \r\n\r\n",
         b"0\r\n" + b"X: y\r\n" * 30 + b"\r\n", b"0\r\n" + b"X: y\r\n" * 31 + b"\r\n", b"\r\n\r\n", b"0 \r\n\r\n", b"0\r\n\r\r\n",
         b"0\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", b"0\r\nX: y\r\n\rZ: a\r\n\r\n"]


def chunk_syntax():
    number = itertools.count(3000)
    coding = [b"Transfer-Encoding: chunked\r\n"]
    for size, data in itertools.product(SIZES, [b"hello", b"hello\r\n5\r\nworld"]):
        yield f"size {size!r}", stream(next(number), coding, size + b"\r\n" + data + b"\r\n0\r\n\r\n")
    for extension, last in itertools.product(EXTENSIONS, [b"0\r\n\r\n", b"0;x\r\n\r\n"]):
        yield f"extension {extension!r}", stream(next(number), coding, b"5" + extension + b"\r\nhello\r\n" + last)
        yield f"extension {extension!r}", stream(next(number), coding, b"5\r\nhello\r\n0" + extension + b"\r\n\r\n")
    for end, size in itertools.product(DATA_ENDS, [b"5", b"4", b"6", b"7"]):
        yield f"end {end!r}", stream(next(number), coding, size + b"\r\nhello" + end + b"0\r\n\r\n")
    for end in ENDS:
        yield f"line {end!r}", stream(next(number), coding, b"5" + end + b"hello\r\n0\r\n\r\n")
        yield f"line {end!r}", stream(next(number), coding, b"5\r\nhello\r\n0" + end + b"\r\n")
    for last, pieces in itertools.product(LASTS, [b"", b"5\r\nhello\r\n", b"1\r\na\r\n" * 40]):
        yield f"last {last!r}", stream(next(number), coding, pieces + last)


METHODS = [b"GET", b"get", b"Get", b"FROB", b"G", b"GET\x00", b"\x00GET", b"G ET", b"GET\t", b"", b" GET", b"G@T", b"G(T", b"G:T",
           b"GET,POST", b"TRACE", b"trace", b"CONNECT", b"PRI", b"SOURCE", b"M-SEARCH", b"*", b"!#$%&'*+-.^_`|~", b"G\xc3\x89T",
           b"GET\r", b"GET\n", b"POST\r\nX: y\r\nGET", b"A" * 200, b"\xefGET", b"HTTP/1.1", b"_", b"PURGE", b"QUERY", b"g3t"]
TARGETS = [b"/", b"/a", b"/a?b", b"/?", b"/a//b", b"//a", b"/a/../b", b"/%41", b"/%", b"/%4", b"/%zz", b"/%00", b"/a%2fb", b"/a#b",
           b"#", b"*", b"**", b"*a", b"a", b"a/b", b"app.test", b"app.test:80", b":80", b"/\x00", b"/\x7f", b"/\x80", b"/\xff", b"/a b",
           b"/a\tb", b"/\x0b", b"/a\rb", b"/a\nb", b"", b"?", b"?a", b"http://app.test", b"http://app.test/", b"http://app.test/x",
           b"http://app.test?x", b"HTTP://APP.TEST/x", b"https://app.test/x", b"ftp://app.test/x", b"http:/x", b"http:x", b"http://",
           b"http:///x", b"http://a b/", b"http://me@app.test/", b"http://app.test:80/x", b"http://app.test:x/", b"http://app.test:99999/",
           b"http://[::1]/x", b"http://[::1/x", b"http://app.test\\@evil/", b"//evil.test/x", b"/\\", b"/a;b=c", b'/"<>^`{|}',
           b"http://app.test#x", b"http://app..test/", b"http://-/x", b"javascript:alert(1)", b"/" + b"a" * 3000, b"unix:/x", b"/a HTTP/1.1",
           b"/ HTTP/1.1 ", b"http://%61/", b"http://app.test./x"]
VERSIONS = [b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.2", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/2", b"HTTP/1", b"HTTP/1.", b"HTTP/.1", b"HTTP/1.11",
            b"HTTP/11.1", b"HTTP/01.1", b"HTTP/1.01", b"http/1.1", b"Http/1.1", b"HTTP /1.1", b"HTTP/ 1.1", b"HTTP/1 .1", b"HTTP/1,1",
            b"HTTP/1.1\x00", b"\x00HTTP/1.1", b"HTTP/1.1 ", b" HTTP/1.1", b"HTTP/1.1\t", b"HTTPS/1.1", b"HTP/1.1", b"", b"HTTP", b"HTTP/",
            b"HTTP/-1.1", b"HTTP/+1.1", b"HTTP/1.x", b"HTTP/A.B", b"HTTP\\1.1", b"HTTP/1.1\r", b"HTTP/1.1;", b"RTSP/1.0", b"SIP/2.0",
            b"HTTP/9.9", b"HTTP/1.1HTTP/1.1", b"HTTP/1.1 HTTP/1.1", b"\xc8TTP/1.1", b"ICY"]


def request_lines():
    number = itertools.count(4000)

    def line(text):
        n = next(number)
        return text + b"\r\n" + HOST + b"\r\n" + b"GET /hidden/%d HTTP/1.1\r\n%s\r\n" % (n, HOST)

    for method in METHODS:
        yield f"method {method!r}", line(method + b" / HTTP/1.1")
    for version in VERSIONS:
        yield f"version {version!r}", line(b"GET / " + version)
        yield f"version {version!r}", line(b"POST /?x " + version)
    for target, method in itertools.product(TARGETS, [b"GET", b"FROB"]):
        yield f"target {target!r}", line(method + b" " + target + b" HTTP/1.1")
    for first, second in itertools.product([b" ", b"", b"  ", b"\t", b" \t", b"\x0b", b"\xa0", b"\r", b"\n", b"\x00"], repeat=2):
        yield f"between {first!r} {second!r}", line(b"GET" + first + b"/x" + second + b"HTTP/1.1")
    for before in [b"\r\n" * n for n in range(10)] + [b"\n", b"\r", b" ", b"\t", b"\x00", b"\r\n\n", b"\r\n ", b"\xef\xbb\xbf", b"\n\r\n"]:
        yield f"before {before!r}", before + line(b"GET / HTTP/1.1")
    for end in ENDS:
        n = next(number)
        yield f"end {end!r}", b"GET / HTTP/1.1" + end + HOST + b"\r\n" + b"GET /hidden/%d HTTP/1.1\r\n%s\r\n" % (n, HOST)


HOSTS = [b"app.test", b"APP.test", b"app.test:80", b"app.test:", b"app.test:0", b"app.test:65535", b"app.test:65536", b"app.test:080",
         b"app.test:000080", b"app.test:8 0", b"app.test:+80", b"app.test:-1", b"app.test:80:80", b":80", b"", b".", b"..", b".app.test",
         b"app..test", b"app.test.", b"app.test..", b"a b", b"a,b", b"a;b", b"a/b", b"a?b", b"a#b", b"a@b", b"me:pw@a", b"a\\b", b"a%41",
         b"a%00", b"[::1]", b"[::1]:80", b"[::1", b"::1", b"[::1]x", b"[::1].test", b"[]", b"[1.2.3.4]", b"[::ffff:1.2.3.4]",
         b"[fe80::1%25eth0]", b"1.2.3.4", b"1.2.3.4:80", b"1.2.3.256", b"0x7f.1", b"a_b", b"-a", b"a-", b"*", b"*.a", b"a'b", b'"a"', b"(a)",
         b"<a>", b"a&b", b"a=b", b"a+b", b"a!b", b"a$b", b"a~b", b"a|b", b"a^b", b"a{b}", b"a`b", b"a\tb", b"a\x00", b"\x00a", b"a\x7f",
         b"a\x80", b"\xe4.test", b"xn--caf-dma.test", b"http://a", b"//a", b"a\x0b", b"a" * 63 + b".test", b"a" * 250, b"a" * 300, b"a\r", b"a\n"]


def hosts_and_targets():
    number = itertools.count(5000)
    for host in HOSTS:
        for shape in [b"Host: %s\r\n", b"host:%s\r\n", b"HOST:\t%s \r\n"]:
            if not (b"[1.2.3.4]" in host):  # strict.py is laxer inside brackets
                yield f"Host {host!r}", stream(next(number), [], b"", b"GET", host=shape % host)
    for first, second in itertools.product([b"app.test", b"evil.test", b"", b"a b"], repeat=2):
        for between in [b"", b"X: y\r\n"]:
            lines = b"Host: " + first + b"\r\n" + between + b"host: " + second + b"\r\n"
            yield f"two Hosts {first!r} {second!r}", stream(next(number), [], b"", b"GET", host=lines)
    for name in [b"Host ", b" Host", b"Host\t", b"Host\x00", b"X-Host", b"Hos", b"Hostt", b"H\xf6st", b"Host\xa0", b"\x0bHost"]:
        for lines in (name + b": evil.test\r\n", HOST + name + b": evil.test\r\n", name + b": evil.test\r\n" + HOST):
            yield f"name {name!r}", stream(next(number), [], b"", b"GET", host=lines)
    for version, host in itertools.product([b"1.0", b"1.1"], [b"", HOST, HOST + HOST, b"Host:\r\n", b"Host: a/b\r\n"]):
        for target in [b"/", b"http://app.test/x", b"http://evil.test/x", b"http://a b/", b"http:///", b"*"]:
            n = next(number)
            yield f"absolute {target!r}", b"GET %s HTTP/%s\r\n%sX: y\r\n\r\nGET /hidden/%d HTTP/1.1\r\n%s\r\n" % (target, version, host, n, HOST)


def header_syntax():
    number = itertools.count(6000)
    for byte in range(256):
        c = bytes([byte])
        if byte != 0x3a:  # a colon ends the name: the rest is value
            yield f"byte {byte:#x} in a name", stream(next(number), [b"X" + c + b"Y: z\r\n"], b"", b"GET")
        yield f"byte {byte:#x} in a value", stream(next(number), [b"X: y" + c + b"z\r\n"], b"", b"GET")
    for byte in [*range(33), *range(58, 65), *range(123, 130), 0xa0, 0xff]:
        c = bytes([byte])
        yield f"byte {byte:#x} first", stream(next(number), [c + b"X: y\r\n"], b"", b"GET")
        yield f"byte {byte:#x} before the colon", stream(next(number), [b"X" + c + b": y\r\n"], b"", b"GET")
        yield f"byte {byte:#x} last", stream(next(number), [b"X: y" + c + b"\r\n"], b"", b"GET")
    for end in ENDS:
        for shape in [[b"X: y" + end], [b"X: y" + end + b"Z: a\r\n"], [b"X:" + end], [b"X" + end], [end]]:
            yield f"end {end!r}", stream(next(number), shape, b"", b"GET")
    for fold in [b"\r\n ", b"\r\n\t", b"\r\n  ", b"\n ", b"\r ", b"\r\n \r\n", b"\r\n\t\r\n ", b"\r\n\x0b"]:
        for shape in [b"X: y%sz\r\n", b"X:%sy\r\n", b"X%s: y\r\n", b"X: y%sContent-Length: 5\r\n", b"X: y%sTransfer-Encoding: chunked\r\n"]:
            yield f"fold {fold!r}", stream(next(number), [shape % fold], b"", b"GET")
    for count in (28, 29, 30, 31, 60):
        yield f"{count} headers", stream(next(number), [b"X-%d: y\r\n" % n for n in range(count)], b"", b"GET")
    for expect in [b"100-continue", b"100-Continue", b"200-ok", b"100-continue, x", b"", b"100", b"x 100-continue", b"100-continue\r\nExpect: 100-continue"]:
        for body in (b"", b"hello"):
            lines = [b"Expect: " + expect + b"\r\n"] + ([b"Content-Length: 5\r\n"] if body else [])
            yield f"expect {expect!r}", stream(next(number), lines, body)
    for option in [b"close", b"keep-alive", b"Close", b"close, keep-alive", b"keep-alive, close", b"X, close", b"closed", b'"close"',
                   b"Host", b"Content-Length, Transfer-Encoding", b"close\r\nConnection: keep-alive", b"keep-alive\r\nConnection: close", b",,close"]:
        for version in (b"1.1", b"1.0"):
            lines = [b"Connection: " + option + b"\r\n", b"Content-Length: 5\r\n"]
            yield f"connection {option!r}", stream(next(number), lines, b"hello", version=version)


FAMILIES = [content_length, transfer_encoding, chunk_syntax, request_lines, hosts_and_targets, header_syntax]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_family(corsd, backend, family):
    cases = list(family())
    expected = check(corsd, backend, cases)
    assert len(cases) > 100 and len(expected) > 10, "the family has members of both kinds"
