"""corsd before real servers: what they count is what corsd counted, and what strict.py reads in the
client's bytes. The same streams, valid, odd and hostile, go to each of them."""
import collections
import itertools
import os
import random
import re
import signal

import pytest

from harness import chunked, get, post
from real_servers import SERVERS
from strict import read_requests
from test_families import chunk_syntax, content_length, exchange, transfer_encoding

YAML = """
listen: LISTEN
upstream: SERVER
cors: {allow_origins: ["https://app.example.com"]}
log: {access: text, output: FOLDER/access.log}
"""
ORIGIN = "Origin: https://app.example.com"


@pytest.fixture(scope="module", params=SERVERS)
def server(request):
    if not SERVERS[request.param].is_there():
        pytest.skip(f"no {request.param} here")
    with SERVERS[request.param]() as running:
        yield running


def test_plain_requests(given, server):
    corsd = given(YAML, SERVER=server.url)
    before, client = len(server.seen), corsd.connect()
    answers = [client.ask(get("/a?b=c", ORIGIN)), client.ask(post("/d", ORIGIN, body=b"e"))]
    assert [one.status for one in answers] == [200, 200]
    assert answers[0].one("Access-Control-Allow-Origin") == "https://app.example.com"
    seen = server.saw(before + 2)[before:]
    assert [(one.method, one.target) for one in seen] == [("GET", "/a?b=c"), ("POST", "/d")]


# ---------------------------------------------------------------- streams

def valid(seed, number):
    """One right request, framed in any right way."""
    target, body = f"/v/{number}", bytes(seed.randrange(256) for _ in range(seed.randrange(40)))
    odd = seed.choice([[], ["X-A: b"], ["X-Long: " + "a" * 3000], ["content_length: 5"], ["Transfer_Encoding: chunked"],
                       ["Connection: keep-alive, Content-Length"], ["Expect: 100-continue"], ["TE: trailers"],
                       ["Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAAQAAP__"]])
    kind = seed.randrange(5)
    if kind == 0:
        return b"\r\n" * seed.randrange(3) + get(target, *[line for line in odd if "Expect" not in line])
    if kind == 1:
        return post(target, *odd, body=body)
    if kind == 2:
        pieces = [body[at:at + 7] for at in range(0, len(body), 7)]
        coding = ("POST %s HTTP/1.1\r\nHost: app.test\r\n%stransfer-encoding:\tChunked\r\n\r\n" %
                  (target, "".join(line + "\r\n" for line in odd))).encode()
        return coding + chunked(*pieces, trailers=seed.choice([(), ("X-Sum: 1",), ("Content-Length: 3",)]))
    if kind == 3:
        return b"GET http://app.test%s HTTP/1.1\r\nHost: other.test\r\nContent-Length:  00%d\r\n\r\n%s" % (
            target.encode(), len(body), body)
    # a body that looks like requests, to whoever loses its beginning
    inner = get(f"/inside/{number}") + b"0\r\n\r\n" + get(f"/inside/{number}")
    return post(target, *odd, body=inner)


def streams():
    """Pipelines of right requests, and one that is hostile at the end or none; each target is used once."""
    seed = random.Random(7)
    hostile = [data for _, data in itertools.chain(content_length(), transfer_encoding(), chunk_syntax())]
    seed.shuffle(hostile)
    number = itertools.count()
    for last in hostile[:250] + [b""] * 50:
        yield b"".join(valid(seed, next(number)) for _ in range(seed.randrange(4))) + last


def counted(corsd):
    """What corsd says it sent to the server and got an answer to. It writes its last lines as it ends."""
    corsd.signal(signal.SIGTERM)
    assert corsd.exited(20) == 0
    with open(os.path.join(corsd.folder, "access.log"), encoding="utf-8") as log:
        lines = re.finditer(r" path=(\S+) .* upstream_status=(\d+) ", log.read())
        return collections.Counter(short(path) for path, status in map(re.Match.groups, lines) if status != "0")


def short(target):
    return "/" + target.split("://", 1)[1].split("/", 1)[1] if "://" in target else target


def test_they_count_what_corsd_counted(given, server):
    corsd = given(YAML, SERVER=server.url)
    before, seed, expected = len(server.seen), random.Random(11), collections.Counter()
    for data in streams():
        requests = read_requests(data).requests
        if any(one.method not in ("GET", "POST") for one in requests):
            continue  # a body that was none has become a method: not every server takes any
        expected.update(short(one.target) for one in requests)
        exchange(corsd, data, seed.randrange(1, len(data)) if data and seed.random() < 0.5 else None)
    ours = counted(corsd)
    seen = collections.Counter(one.target for one in server.saw(before + sum(expected.values()))[before:])
    assert max(expected.values()) == 1 and len(expected) > 400
    assert {target: seen[target] for target in expected} == expected
    assert {target: ours[target] for target in expected} == expected
    # A request that was refused or cut inside its body may have been begun, so be counted: never what is in it.
    begun = set(seen) - set(expected)
    assert not {target for target in begun if not re.fullmatch(r"/[123]\d\d\d|-", target)}
    assert max(seen[target] for target in begun | set(expected) if target != "-") == 1
