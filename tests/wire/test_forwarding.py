"""What reaches the backend and what comes back: hop-by-hop headers, Via, X-Forwarded-*, X-Request-Id."""
import re

import pytest

from harness import Backend, cors, get, post, reply, request

APP = "https://app.example.com"

YAML = """
listen: LISTEN
upstream: BACKEND
cors: {allow_origins: ["https://app.example.com"]}
"""


@pytest.fixture(scope="module")
def corsd(shared):
    return shared(YAML)


@pytest.fixture(scope="module")
def trusting(shared):
    return shared(YAML + "trusted_proxies: [127.0.0.0/8]\n")


@pytest.fixture(scope="module")
def quiet(shared):
    return shared(YAML + "forwarded: off\n")


OURS = {"via", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-request-id"}


def theirs(message):
    """The headers without those that corsd adds."""
    return [field for field in message.headers if field[0].lower() not in OURS]


def test_headers_arrive_as_they_came(corsd, backend, deliver):
    lines = ["accept: */*", "X-mIxEd-CaSe: Value", "X-Twice: 1", "X-Other: 2", "X-Twice: 3",
             "Cookie: a=b; c=d", "Authorization: Basic eDp5", "Accept-Encoding: gzip, br",
             "If-None-Match: \"etag\"", "Range: bytes=0-1", "traceparent: 00-1-2-01", "tracestate: a=b"]
    client = corsd.connect()
    deliver(client, get("/a/b?c=d&e", *lines))
    assert client.response().body == b"hello"
    assert backend.request.start == "GET /a/b?c=d&e HTTP/1.1"
    assert [f"{name}: {value}" for name, value in theirs(backend.request)] == ["Host: app.test", *lines]


TARGETS = ["/", "/a%2Fb", "/%41%42", "/a%20b", "/a//b", "/a/./b", "/a;x=1/b", "/~a!$&'()*+,;=:@",
           "/?", "/?a=b?c=/d", "/?/../x", "/a?%00", "/caf%C3%A9", "/" + "a" * 5000]


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target[:30])
def test_the_target_is_forwarded_as_it_came(corsd, backend, target):
    assert corsd.ask(get(target)).status == 200
    assert backend.request.target == target


# the client's lines → the names that must not arrive
REMOVED = {
    "Connection": ["Connection: keep-alive"],
    "Keep-Alive": ["Keep-Alive: timeout=5"],
    "Proxy-Connection": ["Proxy-Connection: keep-alive"],
    "TE": ["TE: gzip"],
    "Upgrade": ["Upgrade: h2c", "Connection: Upgrade"],
    "X-Named": ["X-Named: 1", "Connection: X-Named"],
    "X-named-in-other-case": ["X-Named-In-Other-Case: 1", "Connection: x-NAMED-in-other-case"],
    "X-Named-Later": ["Connection: close, X-Named-Later", "X-Named-Later: 1"],
    "X-Second-Line": ["Connection: keep-alive", "Connection: ,, X-Second-Line ,", "X-Second-Line: 1"],
    "X-Real-IP": ["X-Real-IP: 1.2.3.4"],
    "X-Original-URL": ["X-Original-URL: /admin"],
    "X-Rewrite-URL": ["X-Rewrite-URL: /admin"],
    "Forwarded": ["Forwarded: for=1.2.3.4;host=evil.test"],
    "X-Forwarded-Port": ["X-Forwarded-Port: 1"],
    "X-Forwarded-Server": ["X-Forwarded-Server: evil.test"],
    "X_Forwarded_For": ["X_Forwarded_For: 1.2.3.4"],
    "X-Forwarded_For": ["X-Forwarded_For: 1.2.3.4"],
    "X_Real_IP": ["X_Real_IP: 1.2.3.4"],
    "X_Request_Id": ["X_Request_Id: evil"],
    "Content_Length": ["Content_Length: 5"],
    "Transfer_Encoding": ["Transfer_Encoding: chunked"],
}


@pytest.mark.parametrize("name", REMOVED)
def test_removed(corsd, backend, name):
    assert corsd.ask(get("/", "X-Before: 1", *REMOVED[name], "X-After: 2")).status == 200
    assert not backend.request.has(name)
    assert (backend.request.one("X-Before"), backend.request.one("X-After")) == ("1", "2")


@pytest.mark.parametrize("line", ["X_Custom: 1", "my_header: 2", "X-Named: 3", "DNT: 1",
                                  "Proxy-Authorization: Basic eDp5"])
def test_not_removed(corsd, backend, line):
    corsd.ask(get("/", line))
    name, _, value = line.partition(": ")
    if name == "Proxy-Authorization":
        assert backend.request.all(name) in ([], [value]), "a proxy may take it or pass it"
    else:
        assert backend.request.all(name) == [value]


# headers that Connection cannot name away
NOT_NAMED_AWAY = ["Host", "Content-Length", "Origin", "Via", "X-Forwarded-For", "X-Forwarded-Proto",
                  "X-Forwarded-Host", "X-Request-Id"]


@pytest.mark.parametrize("name", NOT_NAMED_AWAY)
def test_not_named_away(corsd, backend, name):
    answer = corsd.ask(post("/", f"Origin: {APP}", f"Connection: close, {name}", body=b"hello"))
    assert answer.status == 200 and cors(answer) == {"allow-origin": APP}
    assert backend.request.one(name) is not None
    assert backend.request.body == b"hello"


def test_no_connection_header_goes_upstream(corsd, backend):
    for lines in ([], ["Connection: close"], ["Connection: keep-alive"]):
        corsd.ask(get("/", *lines))
    assert [seen.all("Connection") for seen in backend.requests] == [[], [], []]


def test_a_length_is_forwarded_as_a_length(corsd, backend):
    corsd.ask(post("/", body=b"x" * 1234))
    assert backend.request.one("Content-Length") == "1234"
    assert not backend.request.has("Transfer-Encoding")


# Via

@pytest.mark.parametrize("there, want", [
    ([], ["1.1 corsd"]),
    (["1.0 fred"], ["1.0 fred", "1.1 corsd"]),
    (["1.0 fred, 1.1 nurks", "1.1 x"], ["1.0 fred", "1.1 nurks", "1.1 x", "1.1 corsd"])])
def test_via(corsd, backend, there, want):
    backend.plays(reply(200, "hello", *[f"Via: {line}" for line in there]))
    answer = corsd.ask(get("/", *[f"Via: {line}" for line in there]))
    assert backend.request.items("Via") == want
    assert answer.items("Via") == want


# X-Forwarded-*

def forwarded(message):
    return {name: message.one(f"X-Forwarded-{name}") for name in ("For", "Proto", "Host")}


@pytest.mark.parametrize("lines", [
    [],
    ["X-Forwarded-For: 1.2.3.4"],
    ["X-Forwarded-For: 1.2.3.4", "X-Forwarded-For: 5.6.7.8"],
    ["X-Forwarded-Proto: https", "X-Forwarded-Host: evil.test"],
    ["x-forwarded-for: 1.2.3.4, 127.0.0.1", "X-FORWARDED-HOST: evil.test"]],
    ids=["none", "one", "two", "proto and host", "other case"])
def test_forwarded_from_nobody_we_trust(corsd, backend, lines):
    corsd.ask(get("/", *lines, host="App.Test:8080"))
    assert forwarded(backend.request) == {"For": "127.0.0.1", "Proto": "http", "Host": "App.Test:8080"}


def test_forwarded_from_a_trusted_proxy(trusting, backend):
    trusting.ask(get("/", "X-Forwarded-For: 1.2.3.4, 5.6.7.8", "X-Forwarded-Proto: https",
                     "X-Forwarded-Host: public.test"))
    assert backend.request.items("X-Forwarded-For") == ["1.2.3.4", "5.6.7.8", "127.0.0.1"]
    assert backend.request.one("X-Forwarded-Proto") == "https"
    assert backend.request.one("X-Forwarded-Host") == "public.test"


def test_forwarded_when_the_trusted_proxy_says_nothing(trusting, backend):
    trusting.ask(get("/"))
    assert forwarded(backend.request) == {"For": "127.0.0.1", "Proto": "http", "Host": "app.test"}


def test_x_forwarded_host_never_routes(given, backend):
    corsd = given("""
        listen: LISTEN
        trusted_proxies: [127.0.0.0/8]
        routes: [{host: app.test, upstream: BACKEND, cors: off}]
    """)
    assert corsd.ask(get("/", "X-Forwarded-Host: app.test", host="other.test")).status == 404
    assert corsd.ask(get("/", "X-Forwarded-Host: other.test", host="app.test")).status == 200


def test_forwarded_off(quiet, backend):
    quiet.ask(get("/", "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https", "X-Forwarded-Host: x",
                  "Forwarded: for=1.2.3.4", "X-Real-IP: 1.2.3.4"))
    names = {name.lower() for name, _ in backend.request.headers}
    assert not {name for name in names if "forwarded" in name or name == "x-real-ip"}


# X-Request-Id

@pytest.mark.parametrize("value", ["a", "abc-123", "A.Z_a~z+0/9=@:x", "x" * 128], ids=lambda v: v[:20])
def test_a_good_request_id_is_kept(corsd, backend, value):
    corsd.ask(get("/", f"X-Request-Id: {value}"))
    assert backend.request.all("X-Request-Id") == [value]


@pytest.mark.parametrize("value", ["", "x" * 129, "a b", 'a"b', "a,b", "a;b", "<a>", "a\\b", "caf\xe9", "{a}"],
                         ids=lambda v: v[:20])
def test_a_bad_request_id_is_replaced(corsd, backend, value):
    corsd.ask(get("/", f"X-Request-Id: {value}"))
    assert re.fullmatch("[0-9a-f]{32}", backend.request.one("X-Request-Id"))


def test_a_fresh_request_id_each_time(corsd, backend):
    client = corsd.connect()
    for _ in range(20):
        client.ask(get())
    ids = [seen.one("X-Request-Id") for seen in backend.requests]
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in ids) and len(set(ids)) == 20


# host and target

@pytest.mark.parametrize("host", ["app.test", "App.Test:81", "127.0.0.1", "[::1]:80", "app.test."])
def test_the_host_is_kept(corsd, backend, host):
    corsd.ask(get("/", host=host))
    assert backend.request.all("Host") == [host]


@pytest.mark.parametrize("target, path, host", [
    ("http://other.test/a?b", "/a?b", "other.test"),
    ("http://other.test:81/a", "/a", "other.test:81"),
    ("http://other.test", "/", "other.test"),
    ("http://other.test?a=b", "/?a=b", "other.test"),
    ("HTTP://other.test/", "/", "other.test")])
def test_absolute_form_wins_over_host(corsd, backend, target, path, host):
    assert corsd.ask(get(target)).status == 200
    assert (backend.request.target, backend.request.all("Host")) == (path, [host])
    assert backend.request.one("X-Forwarded-Host") == host


@pytest.mark.parametrize("target", ["ftp://app.test/", "http://", "http:///a", "http://me@app.test/",
                                    "http://app.test:99999/", "http:/a", "mailto:a@b", "//"])
def test_absolute_forms_that_are_none(corsd, backend, target):
    answer = corsd.ask(get(target))
    if target == "//":
        assert answer.status == 200, "a path of one empty segment"
    else:
        assert answer.status == 400
        assert backend.untouched()


def test_an_old_client_without_a_host(corsd, backend):
    """The upstream's own authority is sent, and HTTP/1.1 spoken."""
    assert corsd.ask(get("/a", host=None, version="1.0")).status == 200
    assert backend.request.start == "GET /a HTTP/1.1"
    assert backend.request.all("Host") == [backend.address]


def test_an_old_client_with_a_host(corsd, backend):
    corsd.ask(get("/a", version="1.0"))
    assert backend.request.version == "HTTP/1.1" and backend.request.all("Host") == ["app.test"]


# responses

def test_the_response_comes_back_as_it_was(corsd, backend):
    lines = ["Server: legacy/1.0", "Date: Tue, 24 Nov 2026 22:00:00 GMT", "Set-Cookie: a=b; Path=/",
             "X-mIxEd: 1", "Set-Cookie: c=d", "ETag: \"x\"", "Content-Type: text/html; charset=utf-8",
             "X-Latin: caf\xe9", "X-Empty: ", "Cache-Control: max-age=1"]
    backend.plays(reply(200, "hello", *lines))
    answer = corsd.ask(get())
    assert answer.version == "HTTP/1.1"
    rest = [f"{name}: {value}" for name, value in answer.headers
            if name.lower() not in OURS | {"vary", "content-length"}]
    assert rest == lines


RESPONSE_REMOVED = {
    "Connection": ["Connection: keep-alive"],
    "Keep-Alive": ["Keep-Alive: timeout=5", "Connection: Keep-Alive"],
    "Proxy-Connection": ["Proxy-Connection: keep-alive"],
    "X-Named": ["X-Named: 1", "Connection: X-Named"],
    "Upgrade": ["Upgrade: h2,h2c", "Connection: Upgrade"],
    "X-Second": ["Connection: keep-alive", "Connection: x-second", "X-Second: 1"],
}


@pytest.mark.parametrize("name", RESPONSE_REMOVED)
def test_hop_by_hop_of_the_response(corsd, backend, name):
    backend.plays(reply(200, "hello", "X-Before: 1", *RESPONSE_REMOVED[name], "X-After: 2"))
    client = corsd.connect()
    answer = client.ask(get())
    assert answer.all(name) == []
    assert (answer.one("X-Before"), answer.one("X-After")) == ("1", "2")
    assert client.ask(get()).status == 200


def test_a_response_cannot_name_cors_away(corsd, backend):
    backend.plays(reply(200, "hello", "Connection: Access-Control-Allow-Origin, Vary, Content-Length"))
    answer = corsd.ask(get("/", f"Origin: {APP}"))
    assert cors(answer) == {"allow-origin": APP}
    assert answer.has("Vary") and answer.body == b"hello"


@pytest.mark.parametrize("version, lines", [("1.0", []), ("1.1", ["Connection: close"])])
def test_the_backends_connection_is_its_own_matter(corsd, backend, version, lines):
    """A backend that closes, or an old one, does not close the client's connection."""
    backend.always(reply(200, "hello", *lines).replace(b"HTTP/1.1", b"HTTP/%s" % version.encode()))
    client = corsd.connect()
    for _ in range(3):
        answer = client.ask(get())
        assert (answer.version, answer.body) == ("HTTP/1.1", b"hello")
        assert "close" not in answer.items("Connection")


def test_through_a_unix_socket(given, short_folder):
    local = Backend(f"{short_folder}/backend.sock")
    corsd = given("""
        listen: LISTEN
        upstreams: {app: {url: "UNIX"}}
        upstream: app
        cors: {allow_origins: ["https://app.example.com"]}
    """, UNIX=local.url)
    client = corsd.connect()
    for _ in range(3):
        answer = client.ask(request("PUT", "/x", f"Origin: {APP}", body=b"data"))
        assert answer.status == 200 and cors(answer) == {"allow-origin": APP}
    assert [seen.body for seen in local.requests] == [b"data"] * 3
    assert local.opened == 1 and local.requests[0].one("Host") == "app.test"
    local.stop()
