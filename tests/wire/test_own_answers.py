"""What corsd says itself, and that the page can read it: DESIGN §2 rule 10, §3."""
import pytest

from harness import (chunked, close, cors, free_port, get, own_answer, post, preflight, request, stall,
                     vary)

APP = "https://app.example.com"
CORS = {"allow-origin": APP, "allow-credentials": "true"}

YAML = """
listen: LISTEN
upstreams:
  good: {url: BACKEND}
  slow: {url: BACKEND, response_timeout: 300ms}
  down: {url: "http://DOWN"}
policies:
  app: {allow_origins: ["https://app.example.com"], allow_credentials: true}
  other: {allow_origins: ["https://other.example"]}
  star: {allow_origins: ["*"]}
limits: {header_size: 8k, body_size: 100}
timeouts: {body: 700ms, header: 5s}
routes:
  - {host: app.test, upstream: good}
  - {host: slow.test, upstream: slow}
  - {host: down.test, upstream: down}
  - {host: other.test, upstream: down, cors: other}
  - {host: star.test, upstream: down, cors: star}
  - {host: off.test, upstream: down, cors: "off"}
cors: app
"""


@pytest.fixture(scope="module")
def corsd(shared):
    return shared(YAML, DOWN=f"127.0.0.1:{free_port()}")


def origin(value=APP):
    return [f"Origin: {value}"] if value else []


# a request and what the backend does → the status corsd answers by itself
ANSWERS = {
    "no route": (404, get("/", *origin(), host="nowhere.test"), None),
    "no route for a POST": (404, post("/", *origin(), host="nowhere.test"), None),
    "TRACE": (405, request("TRACE", "/", *origin()), None),
    "CONNECT": (405, request("CONNECT", "app.test:443", *origin(), host="app.test:443"), None),
    "a body declared too large": (413, post("/", *origin(), body=b"x" * 101), None),
    "a chunked body too large": (413, request("POST", "/", *origin(), "Transfer-Encoding: chunked")
                                 + chunked(b"x" * 60, b"x" * 60), None),
    "a body that stops": (408, post("/", *origin(), body=b"x" * 50)[:-10], None),
    "the backend is down": (502, get("/", *origin(), host="down.test"), None),
    "the backend hangs up": (502, post("/", *origin()), [close]),
    "the backend talks nonsense": (502, get("/", *origin()), [b"nonsense\r\n\r\n", close]),
    "the backend is silent": (504, get("/", *origin(), host="slow.test"), [stall]),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_readable_by_the_page(corsd, backend, name):
    status, text, answer = ANSWERS[name]
    if answer:
        backend.plays(answer)
    client = corsd.connect()
    client.send(text)
    got = own_answer(client.response(), status)
    assert cors(got) == CORS
    assert "origin" in vary(got)
    if status == 405:
        allow = got.items("Allow")
        assert "GET" in allow and "TRACE" not in allow and "CONNECT" not in allow


@pytest.mark.parametrize("who, want", [
    ("https://evil.example", {}), (None, {}), ("null", {}), (APP + "/", {})])
@pytest.mark.parametrize("name", ["no route", "the backend is down", "a body declared too large"])
def test_not_readable_by_others(corsd, backend, name, who, want):
    status, text, _ = ANSWERS[name]
    text = text.replace(b"Origin: %s\r\n" % APP.encode(), b"Origin: %s\r\n" % who.encode() if who else b"")
    got = corsd.ask(text)
    own_answer(got, status)
    assert cors(got) == want and vary(got) == {"origin"}


@pytest.mark.parametrize("host, who, want", [
    ("other.test", "https://other.example", {"allow-origin": "https://other.example"}),
    ("other.test", APP, {}),
    ("star.test", APP, {"allow-origin": "*"}),
    ("star.test", None, {"allow-origin": "*"}),
    ("off.test", APP, {}),
    ("down.test", APP, CORS),
])
def test_the_routes_policy_decides(corsd, backend, host, who, want):
    got = own_answer(corsd.ask(get("/", *origin(who), host=host)), 502)
    assert cors(got) == want


def test_preflight_to_no_route_lets_the_page_read_the_404(corsd, backend):
    answer = corsd.ask(preflight("/nothing", APP, "PUT", host="nowhere.test"))
    assert answer.status == 204
    assert cors(answer) == {**CORS, "allow-methods": "GET, HEAD, POST"}
    own_answer(corsd.ask(get("/nothing", *origin(), host="nowhere.test")), 404)
    assert backend.untouched()


def test_a_refused_preflight_to_no_route(corsd, backend):
    answer = own_answer(corsd.ask(preflight("/nothing", "https://evil.example", host="nowhere.test")), 403)
    assert cors(answer) == {} and "origin" in vary(answer)
    assert backend.untouched()


def test_a_default_policy_for_everyone_is_on_every_answer(given, backend):
    """Rule 5: even where no head could be read, and so no Origin is known."""
    corsd = given("""
        listen: LISTEN
        routes: [{host: app.test, upstream: BACKEND}]
        cors: {allow_origins: ["*"], expose_headers: [X-A]}
    """)
    for text, status in [(get(host="nowhere.test"), 404), (b"GET / HTTP/1.1\r\nHost: app.test\r\nA b: c\r\n\r\n", 400),
                         (get("/", "Host: twice.test"), 400), (request("TRACE", "/"), 405),
                         (get("/", "X: " + "x" * 40000), 431), (b"GET / HTTP/9.9\r\n\r\n", None)]:
        answer = corsd.ask(text)
        assert answer.status == status or status is None and answer.status in (400, 505)
        assert cors(answer) == {"allow-origin": "*", "expose-headers": "X-A"} and vary(answer) == set()


def test_rules_decide_for_no_route_too(given, backend):
    corsd = given("""
        listen: LISTEN
        routes: [{host: app.test, upstream: BACKEND}]
        policies:
          ruled:
            - {allow_origins: ["https://app.example.com"], allow_credentials: true}
            - {allow_origins: ["*"]}
        cors: ruled
    """)
    star = {"allow-origin": "*"}
    for who, want in [(APP, CORS), ("https://x.example", star), ("null", star), (None, {})]:
        answer = own_answer(corsd.ask(get("/", *origin(who), host="nowhere.test")), 404)
        assert cors(answer) == want and vary(answer) == {"origin"}


def test_preflight_to_a_dead_backend_is_answered(corsd, backend):
    assert corsd.ask(preflight("/", APP, host="down.test")).status == 204


def test_head_gets_no_body(corsd, backend):
    client = corsd.connect()
    answer = client.ask(request("HEAD", "/", *origin(), host="nowhere.test"))
    assert answer.status == 404 and int(answer.one("Content-Length")) > 0
    assert cors(answer) == CORS
    assert client.ask(get()).body == b"hello", "the connection is kept, and no body came"


@pytest.mark.parametrize("host, status", [("nowhere.test", 404), ("down.test", 502)])
def test_the_connection_is_kept_where_nothing_is_in_doubt(corsd, backend, host, status):
    client = corsd.connect()
    for _ in range(3):
        own_answer(client.ask(get("/", host=host)), status)
    assert client.ask(get()).body == b"hello"


@pytest.mark.parametrize("name", ["a body declared too large", "a body that stops"])
def test_the_connection_is_closed_where_a_body_is_left(corsd, backend, name):
    client = corsd.connect()
    client.send(ANSWERS[name][1])
    answer = client.response()
    assert answer.status == ANSWERS[name][0]
    assert "close" in [item.lower() for item in answer.items("Connection")]
    assert client.ended()


def test_without_a_default_policy_there_is_no_cors(given, backend):
    corsd = given("""
        listen: LISTEN
        routes: [{host: app.test, upstream: BACKEND}]
    """)
    answer = own_answer(corsd.ask(get("/", *origin(), host="nowhere.test")), 404)
    assert cors(answer) == {} and not answer.has("Vary")
    assert corsd.ask(preflight("/", APP)).body == b"hello", "preflights are forwarded"


def test_max_forwards_ends_an_options_here(corsd, backend):
    answer = corsd.ask(request("OPTIONS", "/", "Max-Forwards: 0"))
    assert answer.status in (200, 204)
    assert backend.untouched()


@pytest.mark.parametrize("target", ["/", "*"])
def test_max_forwards_and_origins(corsd, backend, target):
    """An OPTIONS that is no preflight ends here readable; a preflight is answered as ever."""
    answer = corsd.ask(request("OPTIONS", target, "Max-Forwards: 0", *origin()))
    assert answer.status == 200 and cors(answer) == CORS and vary(answer) == {"origin"}
    answer = corsd.ask(request("OPTIONS", target, "Max-Forwards: 0", *origin("https://evil.example")))
    assert answer.status == 200 and cors(answer) == {} and vary(answer) == {"origin"}
    answer = corsd.ask(preflight(target, APP, "PUT", "Max-Forwards: 0"))
    assert answer.status == 204 and cors(answer)["allow-methods"] == "GET, HEAD, POST"
    assert backend.untouched()


@pytest.mark.parametrize("value", ["-1", "00x", "", "0, 0", "99999999999999999999999"])
def test_max_forwards_that_is_no_number(corsd, backend, value):
    corsd.ask(request("OPTIONS", "/", f"Max-Forwards: {value}"))
    assert backend.request.one("Max-Forwards") == value


def test_max_forwards_counts_down(corsd, backend):
    corsd.ask(request("OPTIONS", "/", "Max-Forwards: 5"))
    assert backend.request.one("Max-Forwards") == "4"


def test_max_forwards_means_nothing_elsewhere(corsd, backend):
    corsd.ask(get("/", "Max-Forwards: 0"))
    assert backend.request.one("Max-Forwards") == "0"


@pytest.mark.parametrize("method, target", [("TRACE", "/"), ("CONNECT", "app.test:443")])
def test_refused_methods_never_reach_the_backend(corsd, backend, method, target):
    own_answer(corsd.ask(request(method, target, host="app.test:443")), 405)
    assert backend.untouched()
