"""Any cut of the bytes gives the same result: streams of requests of every kind, cut at random."""
import time

import pytest
from hypothesis import HealthCheck, settings, strategies
from hypothesis import given as examples

from harness import chunked, cors, get, post, preflight, reply, request

APP = "https://app.example.com"

YAML = """
listen: LISTEN
upstream: BACKEND
cors: {allow_origins: ["https://app.example.com"]}
"""

# a request, its method → the status and body of its response (None: corsd's own words)
KINDS = {
    "get": (get("/a", f"Origin: {APP}"), "GET", 200, b"GET /a "),
    "head": (request("HEAD", "/h"), "HEAD", 200, b""),
    "post": (post("/p", body=b"x" * 50), "POST", 200, b"POST /p " + b"x" * 50),
    "big post": (post("/b", body=b"y" * 70000), "POST", 200, b"POST /b " + b"y" * 70000),
    "chunks": (request("PUT", "/c", "Transfer-Encoding: chunked")
               + chunked(b"ab", b"cde", trailers=["X-T: 1"]), "PUT", 200, b"PUT /c abcde"),
    "extensions": (request("PUT", "/e", "Transfer-Encoding: chunked")
                   + b"5;a=b\r\nhello\r\n0;c\r\n\r\n", "PUT", 200, b"PUT /e hello"),
    "preflight": (preflight("/", APP), "OPTIONS", 204, b""),
    "refused": (preflight("/", "https://evil.example"), "OPTIONS", 403, None),
    "blank lines": (b"\r\n\r\n" + get("/l"), "GET", 200, b"GET /l "),
    "close": (get("/z", "Connection: close"), "GET", 200, b"GET /z "),
    "broken": (b"GET /broken HTTP/1.1\r\nHost: app.test\r\nA : b\r\n\r\n", "GET", 400, None),
    "bare LF": (b"GET /broken HTTP/1.1\r\nHost: app.test\nA: b\r\n\r\n", "GET", 400, None),
    "two lengths": (request("POST", "/broken", "Content-Length: 5", "Content-Length: 6") + b"hello!",
                    "POST", 400, None),
}
ENDS = {"close", "broken", "bare LF", "two lengths"}

cuts = strategies.lists(strategies.floats(0, 1), max_size=8)
streams = strategies.lists(strategies.sampled_from(sorted(KINDS)), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def corsd(shared):
    return shared(YAML)


@settings(max_examples=120, deadline=None, derandomize=True, database=None,
          suppress_health_check=list(HealthCheck))
@examples(names=streams, where=cuts)
def test_any_cut_gives_the_same(corsd, backend, names, where):
    backend.turn_page()
    backend.always(lambda seen: reply(200, f"{seen.method} {seen.target} ".encode() + seen.body))
    text = b"".join(KINDS[name][0] for name in names)
    client = corsd.connect()
    edges = sorted({int(part * len(text)) for part in where} | {0, len(text)})
    try:
        for start, end in zip(edges, edges[1:]):
            client.send(text[start:end])
            time.sleep(0.0005)
    except OSError:
        assert ENDS & set(names)
    expected = []
    for name in names:
        _, method, status, body = KINDS[name]
        answer = client.response(method)
        assert answer.status == status, (names, edges, answer.raw)
        assert body is None or answer.body == (b"" if method == "HEAD" else body), (names, edges)
        assert cors(answer).get("allow-origin") == (APP if name in ("get", "preflight") else None)
        expected += [KINDS[name][0].strip().split(b" ")[1].decode()] if status == 200 else []
        if name in ENDS:
            assert client.ended()
            break
    assert [seen.target for seen in backend.requests] == expected
    client.reset()

