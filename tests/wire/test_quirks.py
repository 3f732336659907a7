"""Legacy quirks on the wire: stripped prefixes, public addresses, edited headers, the Origin sent upstream."""
import json

import pytest

from harness import chunked, get, preflight, reply, reply_chunked, request

APP = "https://app.example.com"

YAML = """
listen: LISTEN
upstreams:
  own: {url: BACKEND, host: upstream}
  silent: {url: BACKEND, origin: remove}
routes:
  - {path: /app, upstream: own, strip_prefix: true}
  - {path: /ws, upstream: own, strip_prefix: true}
  - {path: /silent, upstream: silent, cors: off}
  - path: /edited
    upstream: own
    request_headers: {set: {X-Api-Key: secret}, remove: [X-Debug]}
    response_headers: {set: {X-Frame-Options: DENY}, remove: [Server]}
  - {path: /small, upstream: own, body_size: 10}
cors: {allow_origins: ["https://app.example.com"], allow_credentials: true}
"""


@pytest.fixture(scope="module")
def corsd(shared):
    return shared(YAML)


@pytest.mark.parametrize("target, want", [
    ("/app", "/"), ("/app/", "/"), ("/app/x?y=/z", "/x?y=/z"), ("/app//evil.test", "/evil.test"),
    ("/app/%2Fevil.test", "/evil.test"), ("/app/%5C/evil.test", "/evil.test"), ("/app/.//evil.test", "/evil.test"),
    ("/app/x%2Fy;z", "/x%2Fy;z")])
def test_what_remains_begins_with_one_slash(corsd, backend, target, want):
    assert corsd.ask(get(target)).status == 200
    assert backend.request.target == want
    assert backend.request.one("Host") == backend.address


@pytest.mark.parametrize("target", ["/app/../edited", "/app/%2e%2e/edited", "/x/../app/y"])
def test_prefixes_that_are_in_doubt(corsd, backend, target):
    assert corsd.ask(get(target)).status in (400, 404)
    assert backend.untouched()


def test_a_redirect_becomes_public(corsd, backend):
    backend.plays(reply(302, "", f"Location: {backend.url}/login", f"Content-Location: //{backend.address}/a",
                        f"Refresh: 1; url={backend.url}/b", "Set-Cookie: a=b; Path=/; HttpOnly"))
    answer = corsd.ask(get("/app/x", f"Origin: {APP}", host="public.test:8443"))
    assert answer.one("Location") == "http://public.test:8443/app/login"
    assert answer.one("Content-Location") == "//public.test:8443/app/a"
    assert answer.one("Refresh") == "1; url=http://public.test:8443/app/b"
    assert answer.one("Set-Cookie") == "a=b; Path=/app; HttpOnly"
    assert answer.one("Access-Control-Allow-Origin") == APP


def test_edits(corsd, backend):
    backend.plays(reply(200, "x", "Server: secret/1", "server: twice", "x-frame-options: ALLOWALL", "X-Other: 1"))
    answer = corsd.ask(get("/edited", "X-Debug: 1", "x-api-key: forged", "X_Api_Key: forged", "X-Other: 2"))
    assert backend.request.one("X-Api-Key") == "secret" and backend.request.one("X-Other") == "2"
    assert not backend.request.has("X-Debug") and not backend.request.has("X_Api_Key")
    assert answer.one("X-Frame-Options") == "DENY" and answer.one("X-Other") == "1" and not answer.has("Server")


def test_edits_hold_for_trailers(corsd, backend):
    backend.plays(reply_chunked(b"x", trailers=["Server: late", "X-Frame-Options: late", "X-Sum: 1"]))
    answer = corsd.ask(request("POST", "/edited", "Transfer-Encoding: chunked") +
                       chunked(b"y", trailers=["X-Debug: late", "X_Api_Key: late", "X-Sum: 2"]))
    assert backend.request.trailers == [("X-Sum", "2")] and backend.request.one("X-Api-Key") == "secret"
    assert answer.trailers == [("X-Sum", "1")] and answer.body == b"x"


def test_own_answers_are_not_edited(corsd, backend):
    answer = corsd.ask(preflight("/edited", APP, "GET"))
    assert answer.status == 204 and not answer.has("X-Frame-Options")


def test_the_origin_is_not_sent(corsd, backend):
    corsd.ask(preflight("/silent", APP, "PUT", "Access-Control-Request-Headers: a"))
    assert backend.request.method == "OPTIONS"
    assert not [name for name, _ in backend.request.headers if name.lower().startswith(("origin", "access-control"))]


def test_limits_of_a_route(corsd, backend):
    assert corsd.ask(request("POST", "/small", body=b"x" * 10)).status == 200
    assert corsd.ask(request("POST", "/small", body=b"x" * 11)).status == 413
    assert corsd.ask(request("POST", "/edited", body=b"x" * 11)).status == 200


def test_a_websocket_below_a_prefix(corsd, backend):
    corsd.ask(get("/ws/chat", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="))
    assert backend.request.target == "/chat"


# ---------------------------------------------------------------- long values

def test_edits_beyond_a_heads_usual_room(given, backend):
    """What the keys allow fits: here 100 KB in each direction."""
    edits = {"set": {f"X-Long-{n}": "v" * 8000 for n in range(13)}}
    corsd = given("listen: LISTEN\nupstream: BACKEND\ncors: off\nlimits: {header_size: 1k}\nroutes:\n"
                  f"  - {{path: /in, request_headers: {json.dumps(edits)}}}\n"
                  f"  - {{path: /out, response_headers: {json.dumps(edits)}}}\n")
    assert corsd.ask(get("/in")).status == 200
    assert all(backend.request.one(f"X-Long-{n}") == "v" * 8000 for n in range(13))
    answer = corsd.ask(get("/out"))
    assert answer.status == 200
    assert all(answer.one(f"X-Long-{n}") == "v" * 8000 for n in range(13))
