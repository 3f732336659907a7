"""`mode: report` changes nothing on the wire, and says what it would do. DESIGN §2 rule 17."""
import re

import pytest

from harness import (chunked, close, cors, free_port, get, own_answer, pause, post, preflight, reply, reply_chunked,
                     request, stall)

APP = "https://app.example.com"
EVIL = "https://evil.example"

YAML = """
listen: LISTEN
log: {level: info, access: text}
policies:
  watched:
    - allow_origins: ["https://app.example.com"]
      allow_methods: [PUT]
      allow_credentials: true
      expose_headers: ["*"]
      mode: report
      denied: reject
      enforce_methods: true
      timing_allow_origin: true
      resource_policy: same-origin
      cookies: {same_site: none, secure: true, partitioned: true}
      allow_private_network: true
    - {allow_origins: ["https://second.example"]}
  star: {allow_origins: ["*"], mode: report, timing_allow_origin: "*"}
routes:
  - {host: report.test, upstream: BACKEND, cors: watched}
  - {host: star.test, upstream: BACKEND, cors: star}
  - {host: off.test, upstream: BACKEND, cors: "off"}
  - {host: report.test, path: /down, upstream: "http://DOWN", cors: watched}
  - {host: star.test, path: /down, upstream: "http://DOWN", cors: star}
  - {host: off.test, path: /down, upstream: "http://DOWN", cors: "off"}
cors: watched
"""
HELLO = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
SWITCH = (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")


@pytest.fixture(scope="module")
def corsd(shared):
    return shared(YAML, DOWN=f"127.0.0.1:{free_port()}")


REQUESTS = {
    "no origin": lambda host: get("/", host=host),
    "allowed": lambda host: get("/", f"Origin: {APP}", host=host),
    "by the second rule": lambda host: get("/", "Origin: https://second.example", host=host),
    "refused": lambda host: get("/", f"Origin: {EVIL}", host=host),
    "refused, cross-site": lambda host: get("/", f"Origin: {EVIL}", "Sec-Fetch-Site: cross-site", host=host),
    "null": lambda host: get("/", "Origin: null", host=host),
    "two origins": lambda host: get("/", f"Origin: {APP}", f"Origin: {EVIL}", host=host),
    "a method off the list": lambda host: request("DELETE", "/", f"Origin: {APP}", host=host),
    "a POST": lambda host: post("/", f"Origin: {EVIL}", host=host),
    "a preflight": lambda host: preflight("/", APP, host=host),
    "a refused preflight": lambda host: preflight("/", EVIL, host=host),
    "a private preflight": lambda host: preflight("/", APP, "PUT", "Access-Control-Request-Private-Network: true",
                                                  "Access-Control-Request-Headers: x-a", host=host),
    "HTTP/1.0": lambda host: get("/", f"Origin: {APP}", host=host, version="1.0"),
}
REPLIES = {
    "plain": reply(200, "hello"),
    "its own CORS": reply(200, "hello", "Access-Control-Allow-Origin: *", "access-control-allow-methods: PATCH",
                          "Access-Control-Allow-Origin: https://twice.example", "Access-Control-Max-Age: 1"),
    "Vary in an odd shape": reply(200, "hello", "Vary: Accept,, Accept", "vary:Origin,origin"),
    "cookies": reply(200, "hello", "Set-Cookie: a=b; Path=/; SameSite=Lax", "Set-Cookie: c=d"),
    "timing": reply(200, "hello", "Timing-Allow-Origin: null", "Cross-Origin-Resource-Policy: same-site"),
    "an error": reply(503, "no", "Retry-After: 9", reason="Not Now"),
    "chunked": reply_chunked(b"one", b"two", lines=["X-A: 1"], trailers=["X-B: 2"]),
    "no body": reply(204, None, "Vary: *"),
}


@pytest.mark.parametrize("asked", REQUESTS)
@pytest.mark.parametrize("said", REPLIES)
@pytest.mark.parametrize("host", ["report.test", "star.test"])
def test_the_same_bytes_as_without(corsd, backend, host, said, asked):
    """Both ways: what the client gets, and what the backend was asked."""
    backend.always(REPLIES[said])
    plain, watched = (corsd.ask(REQUESTS[asked](name)) for name in ("off.test", host))
    assert watched.raw == plain.raw
    assert (watched.body, watched.trailers) == (plain.body, plain.trailers)
    first, second = backend.requests
    scrub = lambda seen: re.sub(rb"(?i)(x-request-id: ).*", rb"\1", seen.raw.replace(host.encode(), b"off.test"))
    assert scrub(first) == scrub(second) and first.body == second.body


@pytest.mark.parametrize("host", ["report.test", "star.test"])
def test_own_errors_carry_no_cors(corsd, backend, host):
    for lines in ([], [f"Origin: {APP}"], [f"Origin: {EVIL}"]):
        plain, watched = (corsd.ask(get("/down", *lines, host=name)) for name in ("off.test", host))
        own_answer(watched, 502)
        assert cors(watched) == {} and not watched.has("Vary") and not watched.has("Timing-Allow-Origin")
        assert not watched.has("Cross-Origin-Resource-Policy")
        undated = lambda answer: re.sub(rb"Date: .*\r\n", b"", answer.raw)
        assert undated(watched) == undated(plain) and watched.body == plain.body


def test_no_route_by_a_watching_default(corsd, backend):
    answer = own_answer(corsd.ask(get("/", f"Origin: {APP}", host="nowhere.test")), 404)
    assert cors(answer) == {} and not answer.has("Vary")
    answer = own_answer(corsd.ask(preflight("/", APP, host="nowhere.test")), 404)
    assert cors(answer) == {}
    assert own_answer(corsd.ask(get("/", f"Origin: {EVIL}", host="nowhere.test")), 404)


def test_a_preflight_reaches_the_backend_whole(corsd, backend):
    corsd.ask(preflight("/where?q", EVIL, "PUT", "Access-Control-Request-Headers: x-a, X-B", host="report.test"))
    seen = backend.request
    assert (seen.method, seen.target, seen.one("Origin")) == ("OPTIONS", "/where?q", EVIL)
    assert seen.one("Access-Control-Request-Method") == "PUT"
    assert seen.one("Access-Control-Request-Headers") == "x-a, X-B"


def test_a_websocket_is_not_checked(corsd, backend):
    backend.plays([SWITCH, stall], [SWITCH, stall])
    for lines in ([f"Origin: {EVIL}", "Cookie: a=b"], ["Origin: null"]):
        assert corsd.ask(get("/chat", *lines, *HELLO, host="report.test")).status == 101


def test_max_forwards_ends_here_all_the_same(corsd, backend):
    answer = corsd.ask(preflight("/", APP, "PUT", "Max-Forwards: 0", host="report.test"))
    assert answer.status == 200 and cors(answer) == {} and backend.untouched()


def test_odd_spellings_are_refused_all_the_same(corsd, backend):
    """Rule 16 holds."""
    own_answer(corsd.ask(get("/%2564own", f"Origin: {APP}", host="report.test")), 400)
    own_answer(corsd.ask(get("/x;/../down", f"Origin: {APP}", host="report.test")), 400)
    assert backend.untouched()


def test_framing_is_checked_all_the_same(corsd, backend):
    text = request("POST", "/", f"Origin: {APP}", "Transfer-Encoding: chunked", host="report.test", body=b"x")
    answer = own_answer(corsd.ask(text + chunked(b"x")), 400)
    assert cors(answer) == {} and backend.untouched()


def test_a_bad_backend_is_a_502_without_cors(corsd, backend):
    backend.plays([b"nonsense\r\n\r\n", close])
    assert cors(own_answer(corsd.ask(post("/", f"Origin: {APP}", host="report.test")), 502)) == {}


WOULD = {
    "an origin": (lambda path: get(path, "Origin: https://one.example", host="report.test"),
                  "actual", "refused", "origin_off_list", "https://one.example"),
    "a preflight": (lambda path: preflight(path, "https://two.example", host="report.test"),
                    "preflight", "refused", "origin_off_list", "https://two.example"),
    "a method": (lambda path: request("PURGE", path, f"Origin: {APP}", host="report.test"),
                 "actual", "refused", "method_off_list", "PURGE"),
    "a preflight's method": (lambda path: preflight(path, APP, "MKCOL", host="report.test"),
                             "preflight", "refused", "method_off_list", "MKCOL"),
    "a preflight's header": (lambda path: preflight(path, APP, "PUT", "Access-Control-Request-Headers: x-new",
                                                    host="report.test"),
                             "preflight", "refused", "header_off_list", "x-new"),
    "a websocket": (lambda path: get(path, "Origin: https://three.example", *HELLO, host="report.test"),
                    "websocket", "refused", "origin_off_list", "https://three.example"),
    "nothing": (lambda path: request("PUT", path, f"Origin: {APP}", host="report.test"),
                "actual", "allowed", "allowed", None),
}


@pytest.mark.parametrize("name", WOULD)
def test_the_log_says_what_it_would_do(corsd, backend, name):
    text, kind, result, reason, what = WOULD[name]
    path = "/would-" + name.replace(" ", "-").replace("'", "")
    assert corsd.ask(text(path)).status == 200
    line = corsd.logged(rf".*request_id=.*path={path} .*")
    assert line and f"cors_kind={kind} cors_result={result} cors_reason={reason}" in line[0]
    if what:
        warned = corsd.logged(rf".*warn.*would refuse.*{re.escape(what)}.*")
        assert warned and re.search(r"corsd\.yaml:\d+ would allow it", warned[0])
        assert len(re.findall(rf"would refuse.*{re.escape(what)}", corsd.log)) == 1
    else:
        assert not re.search(rf"would refuse.*{path}", corsd.log)


def test_enforcing_after_a_reload(given, backend):
    """Report mode's one use: to see, and then to enforce."""
    text = """
        listen: LISTEN
        upstream: BACKEND
        cors: {allow_origins: ["https://app.example.com"], denied: reject, mode: report}
    """
    corsd = given(text)
    assert corsd.ask(get("/", f"Origin: {EVIL}")).status == 200
    corsd.reload(text.replace("report", "enforce"))
    for _ in range(500):
        if (answer := corsd.ask(get("/", f"Origin: {EVIL}"))).status == 403:
            break
    own_answer(answer, 403)


@pytest.mark.parametrize("steps, status", [([pause(0.2), reply()], 200), ([pause(0.2), close], 502)])
@pytest.mark.parametrize("at", [0, 40, -1])
def test_the_decision_header_names_what_a_forwarded_preflight_misses(given, backend, steps, status, at):
    """Known when the head came, written when the answer comes: other clients' bytes were read since."""
    corsd = given("""
        listen: LISTEN
        upstream: BACKEND
        decision_header: true
        cors: {allow_origins: ["https://app.example.com"], allow_methods: [PUT], allow_headers: [X-A], mode: report}
    """)
    client, other = corsd.connect(), corsd.connect()
    backend.plays(steps)
    client.split(preflight("/", APP, "PUT", "Access-Control-Request-Headers: x-a,x-missing-thing"), at, gap=0.05)
    assert backend.saw_heads(1)
    other.send(get("/" + "secret" * 400))
    answer = client.response("OPTIONS")
    assert answer.status == status and other.response().status == 200
    said = answer.one("Corsd-Decision").split("; ")
    assert "missing=x-missing-thing" in said and "reason=header_off_list" in said and "mode=report" in said
