"""Proxies in front: whose X-Forwarded-* and Forwarded are believed, what of them is passed on, and what a
forger gets. A real nginx stands in front in the last tests."""
import contextlib
import socket

import pytest

from harness import Client, get, reply
from real_servers import Nginx

YAML = """
listen: LISTEN
upstream: BACKEND
cors: {allow_origins: ["https://app.example.com"], denied: reject}
log: {access: text}
"""
MODES = ["x", "rfc7239", "both", "off"]


@pytest.fixture(scope="module", params=MODES)
def untrusting(request, shared):
    return request.param, shared(YAML + f"forwarded: {request.param}\n")


@pytest.fixture(scope="module", params=MODES)
def trusting(request, shared):
    return request.param, shared(YAML + f"forwarded: {request.param}\ntrusted_proxies: [127.0.0.0/8]\n")


FORGED = {
    "X-Forwarded-For": "203.0.113.66", "X-Forwarded-Host": "evil.test", "X-Forwarded-Proto": "https",
    "X-Forwarded-Port": "443", "X-Forwarded-Prefix": "/evil", "X-Forwarded-Server": "evil.test",
    "X-Forwarded-Ssl": "on", "Forwarded": "for=203.0.113.66;host=evil.test",
    "X-Real-IP": "203.0.113.66", "X-Original-URL": "/evil", "X-Rewrite-URL": "/evil",
}


def spellings(name):
    """The name, and the twins that a CGI-like backend takes for it."""
    yield name
    if "-" in name:
        yield name.replace("-", "_")
        yield name.replace("-", "_", 1).upper()
        yield "_".join(name.lower().rsplit("-", 1))


SPELLINGS = [(name, spelled) for name in FORGED for spelled in spellings(name)]


@pytest.mark.parametrize("name, spelled", SPELLINGS, ids=[spelled for _, spelled in SPELLINGS])
def test_a_forger_is_not_believed(untrusting, backend, name, spelled):
    mode, corsd = untrusting
    assert corsd.ask(get("/", f"{spelled}: {FORGED[name]}", "Connection: close, " + spelled, "X-Request-Id: id")).status == 200
    text = backend.request.raw.decode("latin-1")
    for word in ("203.0.113.66", "evil", "https", "443"):
        assert word not in text, text
    if spelled != name:
        assert not backend.request.has(spelled)
    want = {"x": ["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"], "rfc7239": ["Forwarded"], "off": []}
    want["both"] = want["x"] + want["rfc7239"]
    for other in FORGED:
        assert backend.request.has(other) == (other in want[mode]), other


def test_all_at_once(untrusting, backend):
    _, corsd = untrusting
    lines = [f"{spelled}: {FORGED[name]}" for name, spelled in SPELLINGS]
    assert corsd.ask(get("/", *lines)).status == 200
    assert "203.0.113.66" not in (text := backend.request.raw.decode("latin-1")) and "evil" not in text


X = ["X-Forwarded-For: 198.51.100.7", "X-Forwarded-Proto: https", "X-Forwarded-Host: public.test"]
RFC7239 = ["Forwarded: for=198.51.100.7;proto=https;host=public.test"]


def test_a_trusted_proxy_is(trusting, backend):
    mode, corsd = trusting
    lines = {"x": X, "rfc7239": RFC7239, "both": X + RFC7239, "off": X}[mode]
    assert corsd.ask(get("/page", *lines)).status == 200
    seen = backend.request
    if mode in ("x", "both"):
        assert seen.one("X-Forwarded-For") == "198.51.100.7, 127.0.0.1"
        assert seen.one("X-Forwarded-Proto") == "https" and seen.one("X-Forwarded-Host") == "public.test"
    if mode in ("rfc7239", "both"):
        assert seen.one("Forwarded") == \
            "for=198.51.100.7;proto=https;host=public.test, for=127.0.0.1;host=app.test;proto=http"
    if mode == "off":
        assert seen.one("X-Forwarded-For") == "198.51.100.7"
    assert corsd.logged(r" client=198\.51\.100\.7 .*path=/page")


def test_what_is_not_read_does_not_pass(trusting, backend):
    mode, corsd = trusting
    lines = {"x": ["Forwarded: for=203.0.113.66"], "rfc7239": ["X-Forwarded-For: 203.0.113.66"],
             "both": X + ["Forwarded: for=203.0.113.66"], "off": []}[mode]
    corsd.ask(get("/", *lines))
    assert "203.0.113.66" not in backend.request.raw.decode("latin-1")
    if mode == "both":
        assert backend.request.one("X-Forwarded-For") == "127.0.0.1", "neither is believed"


# rule 15: the scheme that a trusted proxy tells
@pytest.mark.parametrize("origin, status", [("https://app.test", 200), ("http://app.test", 403)])
def test_the_scheme_of_a_proxy_counts(trusting, backend, origin, status):
    mode, corsd = trusting
    lines = RFC7239 if mode == "rfc7239" else X
    assert corsd.ask(get("/", f"Origin: {origin}", *lines)).status == status


def test_httpoxy(untrusting, backend):
    untrusting[1].ask(get("/", "Proxy: http://evil.test"))
    assert not backend.request.has("Proxy")


# a real nginx in front

class Front(Nginx):
    conf = Nginx.serving("""location / {
            proxy_pass http://CORSD;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Connection "";
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto https;
            proxy_set_header X-Real-IP $remote_addr;
        }""")


@contextlib.contextmanager
def through(front, source):
    client = Client(socket.create_connection(("127.0.0.1", front.port), 10, source_address=(source, 0)))
    try:
        yield client
    finally:
        client.sock.close()


@pytest.mark.skipif(not Nginx.is_there(), reason="no nginx")
def test_behind_nginx(given, backend):
    corsd = given(YAML + "trusted_proxies: [127.0.0.1/32]\n")
    backend.always(reply(200, "hello"))
    with Front(CORSD=corsd.words["LISTEN"]) as front, through(front, "127.0.0.9") as client:
        assert client.ask(get("/1")).status == 200
        # what the client forges stands left of what nginx saw
        assert client.ask(get("/2", "X-Forwarded-For: 203.0.113.66", "Forwarded: for=203.0.113.66")).status == 200
        # rule 15 by nginx's word: the page's scheme
        assert client.ask(get("/3", "Origin: https://app.test")).status == 200
        assert client.ask(get("/4", "Origin: http://app.test")).status == 403
    assert [seen.one("X-Forwarded-For") for seen in backend.requests] == [
        "127.0.0.9, 127.0.0.1", "203.0.113.66, 127.0.0.9, 127.0.0.1", "127.0.0.9, 127.0.0.1"]
    assert {seen.one("X-Forwarded-Proto") for seen in backend.requests} == {"https"}
    assert {seen.one("X-Real-IP") for seen in backend.requests} == {"127.0.0.9"}
    assert not any(seen.has("Forwarded") for seen in backend.requests)
    for page in ("/1", "/2", "/4"):
        assert corsd.logged(rf" client=127\.0\.0\.9 .*path={page} ")
