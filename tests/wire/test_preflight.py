"""Preflights: DESIGN §2 rules 1, 2, 3, 5, 6, 7, 12, 13. The host picks the policy."""
import pytest

from harness import chunked, cors, get, own_answer, preflight, request, vary

APP = "https://app.example.com"
ASKED = {"access-control-request-method", "access-control-request-headers"}

YAML = """
listen: LISTEN
upstream: BACKEND
limits: {header_size: 32k}
policies:
  plain: {allow_origins: ["https://app.example.com"]}
  full:
    allow_origins: ["https://app.example.com", "https://other.example:8443"]
    allow_methods: [GET, POST, PUT, DELETE]
    allow_headers: [Content-Type, Authorization, X-Custom]
    max_age: 2h
  creds:
    allow_origins: ["https://app.example.com"]
    allow_methods: [PUT, GET]
    allow_headers: [Content-Type]
    allow_credentials: true
  creds_any:
    allow_origins: ["https://app.example.com"]
    allow_methods: ["*"]
    allow_headers: ["*"]
    allow_credentials: true
  creds_any_auth:
    allow_origins: ["https://app.example.com"]
    allow_methods: ["*"]
    allow_headers: ["*", Authorization]
    allow_credentials: true
  any_methods: {allow_origins: ["https://app.example.com"], allow_methods: ["*"], allow_headers: ["*"]}
  any_auth: {allow_origins: ["https://app.example.com"], allow_headers: ["*", Authorization]}
  star: {allow_origins: ["*"], allow_methods: [GET, PUT], max_age: 10m}
  s200: {allow_origins: ["https://app.example.com"], preflight_status: 200}
  s202: {allow_origins: ["https://app.example.com"], preflight_status: 202}
  s204: {allow_origins: ["https://app.example.com"], preflight_status: 204}
  no_cache: {allow_origins: ["https://app.example.com"], max_age: 0}
  patterns:
    allow_origins:
      - https://*.example.com
      - http://localhost:*
      - https://ports.example.net:*
      - https://UPPER.example.org
      - https://default.example.org:443
      - http://127.0.0.1:5173
      - http://[::1]:8080
      - tauri://localhost
      - "null"
routes:
  - {host: plain.test, upstream: BACKEND, cors: plain}
  - {host: full.test, upstream: BACKEND, cors: full}
  - {host: creds.test, upstream: BACKEND, cors: creds}
  - {host: creds-any.test, upstream: BACKEND, cors: creds_any}
  - {host: creds-any-auth.test, upstream: BACKEND, cors: creds_any_auth}
  - {host: any.test, upstream: BACKEND, cors: any_methods}
  - {host: any-auth.test, upstream: BACKEND, cors: any_auth}
  - {host: star.test, upstream: BACKEND, cors: star}
  - {host: s200.test, upstream: BACKEND, cors: s200}
  - {host: s202.test, upstream: BACKEND, cors: s202}
  - {host: s204.test, upstream: BACKEND, cors: s204}
  - {host: no-cache.test, upstream: BACKEND, cors: no_cache}
  - {host: patterns.test, upstream: BACKEND, cors: patterns}
  - {host: off.test, upstream: BACKEND, cors: "off"}
  - {host: inline.test, upstream: BACKEND, cors: {allow_origins: ["https://inline.example"], allow_methods: [PATCH]}}
cors: plain
"""


@pytest.fixture(scope="module")
def corsd(shared):
    return shared(YAML)


# host, method and header lines asked → the exact Access-Control-* headers of the answer
ALLOWED = {
    "defaults": ("plain.test", "PUT", [], {
        "allow-origin": APP, "allow-methods": "GET, HEAD, POST"}),
    "lists as configured": ("full.test", "PUT", ["Content-Type"], {
        "allow-origin": APP, "allow-methods": "GET, POST, PUT, DELETE",
        "allow-headers": "Content-Type, Authorization, X-Custom", "max-age": "7200"}),
    "the whole list though the method is not on it": ("full.test", "PATCH", [], {
        "allow-origin": APP, "allow-methods": "GET, POST, PUT, DELETE",
        "allow-headers": "Content-Type, Authorization, X-Custom", "max-age": "7200"}),
    "the whole list though a header is not on it": ("full.test", "PUT", ["x-unknown"], {
        "allow-origin": APP, "allow-methods": "GET, POST, PUT, DELETE",
        "allow-headers": "Content-Type, Authorization, X-Custom", "max-age": "7200"}),
    "a method in lower case is not listed either": ("full.test", "put", [], {
        "allow-origin": APP, "allow-methods": "GET, POST, PUT, DELETE",
        "allow-headers": "Content-Type, Authorization, X-Custom", "max-age": "7200"}),
    "a safelisted method": ("full.test", "GET", ["content-type"], {
        "allow-origin": APP, "allow-methods": "GET, POST, PUT, DELETE",
        "allow-headers": "Content-Type, Authorization, X-Custom", "max-age": "7200"}),
    "credentials": ("creds.test", "PUT", ["content-type"], {
        "allow-origin": APP, "allow-credentials": "true", "allow-methods": "PUT, GET",
        "allow-headers": "Content-Type"}),
    "any method and header, no credentials": ("any.test", "PATCH", ["x-a,x-b"], {
        "allow-origin": APP, "allow-methods": "*", "allow-headers": "*"}),
    "authorization beside *": ("any-auth.test", "GET", ["authorization"], {
        "allow-origin": APP, "allow-methods": "GET, HEAD, POST", "allow-headers": "*,authorization"}),
    "any origin": ("star.test", "PUT", [], {
        "allow-origin": "*", "allow-methods": "GET, PUT", "max-age": "600"}),
    "max_age 0 is sent": ("no-cache.test", "PUT", [], {
        "allow-origin": APP, "allow-methods": "GET, HEAD, POST", "max-age": "0"}),
    "credentials and any method: the one asked": ("creds-any.test", "PATCH", [], {
        "allow-origin": APP, "allow-credentials": "true", "allow-methods": "PATCH"}),
    "credentials and any method: as spelled": ("creds-any.test", "pAtCh", [], {
        "allow-origin": APP, "allow-credentials": "true", "allow-methods": "pAtCh"}),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_allowed(corsd, backend, deliver, name):
    host, method, asked, want = ALLOWED[name]
    lines = [f"Access-Control-Request-Headers: {value}" for value in asked]
    client = corsd.connect()
    deliver(client, preflight("/api/resource/42", APP, method, *lines, host=host))
    answer = client.response("OPTIONS")
    assert answer.status == 204
    assert cors(answer) == want
    assert backend.untouched()


def test_the_first_example_of_the_issue(corsd, backend):
    answer = corsd.ask(preflight("/api/resource/42", APP, "PUT", host="full.test"))
    assert answer.status == 204
    assert vary(answer) == ASKED | {"origin"}
    assert len(answer.all("Vary")) == 1
    assert not answer.has("Content-Length") and not answer.has("Transfer-Encoding")
    assert backend.untouched()


@pytest.mark.parametrize("status", [200, 202, 204])
def test_status(corsd, backend, status):
    client = corsd.connect()
    answer = client.ask(preflight(host=f"s{status}.test"))
    assert answer.status == status and answer.body == b""
    assert answer.one("Content-Length") == (None if status == 204 else "0")
    assert client.ask(get(host="plain.test")).body == b"hello", "the connection is kept"


# origin → 204 with this origin, byte for byte, by the policy `patterns`
PATTERNS_ALLOW = {
    "one label": "https://a.example.com",
    "several labels": "https://a.b.c.example.com",
    "a label with a dash": "https://a-b.example.com",
    "any port: none": "http://localhost",
    "any port: one": "http://localhost:3000",
    "any port: the highest": "http://localhost:65535",
    "any port on a name": "https://ports.example.net:444",
    "any port on a name: none": "https://ports.example.net",
    "configured in upper case": "https://upper.example.org",
    "configured with its default port": "https://default.example.org",
    "an address": "http://127.0.0.1:5173",
    "an IPv6 address": "http://[::1]:8080",
    "another scheme": "tauri://localhost",
    "null": "null",
}

PATTERNS_DENY = {
    "the apex": "https://example.com",
    "a suffix that is no label": "https://badexample.com",
    "an empty label": "https://.example.com",
    "two dots": "https://a..example.com",
    "a port where none is allowed": "https://a.example.com:8443",
    "the wrong scheme": "http://a.example.com",
    "the domain in front": "https://a.example.com.evil.example",
    "upper case": "https://A.example.com",
    "a final dot": "https://a.example.com.",
    "a user": "https://user@a.example.com",
    "localhost as a domain": "http://localhost.evil.example",
    "port 0": "http://localhost:0",
    "a port too big": "http://localhost:65536",
    "a port that is no number": "http://localhost:80a",
    "a port with a leading zero": "http://localhost:03000",
    "an empty port": "http://localhost:",
    "the default port": "http://localhost:80",
    "configured case": "https://UPPER.example.org",
    "a default port spelled out": "https://default.example.org:443",
    "another address": "http://127.0.0.2:5173",
    "another spelling of the address": "http://127.1:5173",
    "another scheme with a port": "tauri://localhost:1",
    "null in capitals": "NULL",
}

PLAIN_DENY = {
    "another origin": "https://evil.example",
    "the wrong scheme": "http://app.example.com",
    "a port": "https://app.example.com:8443",
    "the default port": "https://app.example.com:443",
    "upper case host": "https://APP.example.com",
    "upper case scheme": "HTTPS://app.example.com",
    "a slash": "https://app.example.com/",
    "a path": "https://app.example.com/a",
    "a query": "https://app.example.com?a",
    "a fragment": "https://app.example.com#a",
    "a user": "https://a@app.example.com",
    "a final dot": "https://app.example.com.",
    "a prefix": "https://app.example.co",
    "longer": "https://app.example.comm",
    "null": "null",
    "no scheme": "app.example.com",
    "two in one": "https://app.example.com https://app.example.com",
    "two by comma": "https://app.example.com, https://app.example.com",
    "a tab inside": "https://app\t.example.com",
    "a star": "*",
    "empty": "",
    "bytes beyond ASCII": "https://app.example.com\xff",
    "very long": "https://" + "a" * 3000 + ".example.com",
}


def denied(answer):
    assert answer.status == 403
    assert cors(answer) == {}
    assert vary(answer) == ASKED | {"origin"}
    own_answer(answer, 403)
    assert b"origin" in answer.body.lower(), "says what was refused"


@pytest.mark.parametrize("name", PATTERNS_ALLOW)
def test_patterns_allow(corsd, backend, name):
    answer = corsd.ask(preflight("/", PATTERNS_ALLOW[name], host="patterns.test"))
    assert answer.status == 204
    assert cors(answer)["allow-origin"] == PATTERNS_ALLOW[name]
    assert vary(answer) == ASKED | {"origin"}
    assert backend.untouched()


@pytest.mark.parametrize("name", PATTERNS_DENY)
def test_patterns_deny(corsd, backend, name):
    denied(corsd.ask(preflight("/", PATTERNS_DENY[name], host="patterns.test")))
    assert backend.untouched()


@pytest.mark.parametrize("name", PLAIN_DENY)
def test_plain_denies(corsd, backend, deliver, name):
    client = corsd.connect()
    deliver(client, preflight("/", PLAIN_DENY[name], host="plain.test"))
    denied(client.response("OPTIONS"))
    assert backend.untouched()


@pytest.mark.parametrize("second", [APP, "https://evil.example", "null", ""])
def test_two_origins_are_not_allowed(corsd, backend, second):
    denied(corsd.ask(preflight("/", APP, "PUT", f"Origin: {second}", host="plain.test")))
    assert backend.untouched()


@pytest.mark.parametrize("origin", [APP, "null", "https://evil.example/", "not an origin", ""])
def test_any_origin_whatever_it_looks_like(corsd, backend, origin):
    answer = corsd.ask(preflight("/", origin, host="star.test"))
    assert answer.status == 204
    assert cors(answer) == {"allow-origin": "*", "allow-methods": "GET, PUT", "max-age": "600"}
    assert vary(answer) == ASKED
    assert backend.untouched()


def test_any_origin_with_two_origins(corsd, backend):
    answer = corsd.ask(preflight("/", APP, "PUT", "Origin: https://b.example", host="star.test"))
    assert answer.status == 204 and cors(answer)["allow-origin"] == "*"
    assert backend.untouched()


# Access-Control-Request-Headers lines → the names echoed where credentials forbid `*`
ECHO = {
    "one": (["x-a"], {"x-a"}),
    "two": (["x-a,x-b"], {"x-a", "x-b"}),
    "white space": ([" x-a ,\tx-b  ,  x-c"], {"x-a", "x-b", "x-c"}),
    "any case": (["X-A, x-B"], {"x-a", "x-b"}),
    "any order": (["x-z, x-a"], {"x-a", "x-z"}),
    "empty items": ([",,x-a,, ,x-b,"], {"x-a", "x-b"}),
    "several lines": (["x-a", "x-b, x-c"], {"x-a", "x-b", "x-c"}),
    "an empty line among them": (["", "x-b"], {"x-b"}),
    "not tokens": (["x-a, b@d, c d, x-e"], {"x-a", "x-e"}),
    "only rubbish": (["b@d"], None),
    "nothing but commas": ([",,,"], None),
    "authorization is not covered": (["authorization, x-a"], {"x-a"}),
    "authorization in any case": (["AUTHORIZATION"], None),
    "none asked": ([], None),
}


@pytest.mark.parametrize("name", ECHO)
def test_echo_with_credentials(corsd, backend, name):
    lines, want = ECHO[name]
    asked = [f"Access-Control-Request-Headers: {line}" for line in lines]
    answer = corsd.ask(preflight("/", APP, "PUT", *asked, host="creds-any.test"))
    assert answer.status == 204
    got = cors(answer).get("allow-headers")
    assert "*" not in "".join(cors(answer).values())
    assert (got and {item.strip().lower() for item in got.split(",")}) == want
    assert backend.untouched()


def test_authorization_listed_beside_any_header(corsd, backend):
    asked = "Access-Control-Request-Headers: authorization,x-a"
    answer = corsd.ask(preflight("/", APP, "PUT", asked, host="creds-any-auth.test"))
    names = {item.strip().lower() for item in cors(answer)["allow-headers"].split(",")}
    assert names == {"authorization", "x-a"}
    assert backend.untouched()


def test_a_method_that_is_no_token_is_not_echoed(corsd, backend):
    answer = corsd.ask(preflight("/", APP, "P@T CH", host="creds-any.test"))
    assert "P@T" not in cors(answer).get("allow-methods", "")
    assert backend.untouched()


def test_very_many_headers_asked(corsd, backend):
    asked = "Access-Control-Request-Headers: " + ",".join(f"x-{n}" for n in range(3500))
    answer = corsd.ask(preflight("/", APP, "PUT", asked, host="creds-any.test"))
    assert answer.status in (204, 403, 431), "answered, whatever it says, in bounded work"
    answer = corsd.ask(preflight("/", APP, "PUT", asked, host="full.test"))
    assert answer.status == 204 and cors(answer)["allow-headers"] == "Content-Type, Authorization, X-Custom"
    assert backend.untouched()


def test_header_names_in_any_case(corsd, backend):
    text = (f"OPTIONS / HTTP/1.1\r\nhOST: FULL.test\r\noRIGIN: {APP}\r\n"
            "access-CONTROL-request-METHOD: PUT\r\n\r\n")
    answer = corsd.ask(text.encode())
    assert answer.status == 204 and cors(answer)["allow-origin"] == APP
    assert backend.untouched()


# what is no preflight goes to the backend like any other method
NOT_PREFLIGHTS = {
    "no origin": request("OPTIONS", "/x", "Access-Control-Request-Method: PUT", host="full.test"),
    "no method asked": request("OPTIONS", "/x", f"Origin: {APP}", host="full.test"),
    "neither": request("OPTIONS", "/x", host="full.test"),
    "only headers asked": request("OPTIONS", "/x", f"Origin: {APP}",
                                  "Access-Control-Request-Headers: x-a", host="full.test"),
    "another method": get("/x", f"Origin: {APP}", "Access-Control-Request-Method: PUT", host="full.test"),
    "the policy is off": preflight("/x", APP, host="off.test"),
    "with a body": request("OPTIONS", "/x", f"Origin: {APP}", host="full.test", body=b"{}"),
}


@pytest.mark.parametrize("name", NOT_PREFLIGHTS)
def test_not_a_preflight(corsd, backend, name):
    answer = corsd.ask(NOT_PREFLIGHTS[name])
    assert answer.body == b"hello"
    assert backend.request.target == "/x"


def test_asterisk_preflight_belongs_to_the_root_route(corsd, backend):
    answer = corsd.ask(preflight("*", APP, host="full.test"))
    assert answer.status == 204 and cors(answer)["max-age"] == "7200"
    assert backend.untouched()


def test_asterisk_is_forwarded_otherwise(corsd, backend):
    assert corsd.ask(request("OPTIONS", "*", host="full.test")).body == b"hello"
    assert backend.request.target == "*"


def test_inline_policy(corsd, backend):
    answer = corsd.ask(preflight("/", "https://inline.example", "PATCH", host="inline.test"))
    assert cors(answer) == {"allow-origin": "https://inline.example", "allow-methods": "PATCH"}
    denied(corsd.ask(preflight("/", APP, host="inline.test")))
    assert backend.untouched()


@pytest.mark.parametrize("body", ["length", "chunked"])
def test_the_body_of_a_preflight_is_no_request(corsd, backend, body):
    """Whether corsd reads the body or closes: what is in it is never taken for a request."""
    hidden = get("/hidden", host="plain.test")
    if body == "length":
        text = request("OPTIONS", "/", f"Origin: {APP}", "Access-Control-Request-Method: PUT",
                       host="plain.test", body=hidden)
    else:
        text = preflight("/", APP, "PUT", "Transfer-Encoding: chunked", host="plain.test") + chunked(hidden)
    client = corsd.connect()
    assert client.ask(text).status == 204
    try:
        client.send(get("/after", host="plain.test"))
        client.response()
    except (OSError, AssertionError):
        pass
    assert [head.target for head in backend.heads] in ([], ["/after"])


def test_on_one_connection_between_requests(corsd, backend):
    client = corsd.connect()
    for _ in range(3):
        assert client.ask(preflight(host="plain.test")).status == 204
        assert client.ask(get("/a", f"Origin: {APP}", host="plain.test")).status == 200
        assert client.ask(preflight("/", "https://evil.example", host="plain.test")).status == 403
    assert backend.saw(3)


def test_from_an_old_client(corsd, backend):
    client = corsd.connect()
    answer = client.ask(preflight(host="full.test", version="1.0"))
    assert answer.status == 204 and cors(answer)["allow-origin"] == APP
    assert client.ended()
    assert backend.untouched()
