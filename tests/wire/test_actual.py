"""Actual requests and their responses: DESIGN §2 rules 4, 5, 6, 9, 12, 13."""
import pytest

from harness import cors, get, post, reply, request

APP = "https://app.example.com"

YAML = """
listen: LISTEN
upstream: BACKEND
policies:
  plain: {allow_origins: ["https://app.example.com"]}
  rich:
    allow_origins: ["https://app.example.com"]
    allow_methods: [GET, PUT]
    allow_headers: [Content-Type]
    expose_headers: [X-Request-Id, ETag]
    allow_credentials: true
    max_age: 1h
  expose_any: {allow_origins: ["https://app.example.com"], expose_headers: ["*"]}
  expose_any_creds: {allow_origins: ["https://app.example.com"], expose_headers: ["*"], allow_credentials: true}
  star: {allow_origins: ["*"], expose_headers: [X-Total]}
routes:
  - {host: rich.test, upstream: BACKEND, cors: rich}
  - {host: expose-any.test, upstream: BACKEND, cors: expose_any}
  - {host: expose-any-creds.test, upstream: BACKEND, cors: expose_any_creds}
  - {host: star.test, upstream: BACKEND, cors: star}
  - {host: off.test, upstream: BACKEND, cors: "off"}
cors: plain
"""


@pytest.fixture(scope="module")
def corsd(shared):
    return shared(YAML)


# host, origin lines → the exact Access-Control-* headers of the response
INJECTED = {
    "allowed": ("app.test", [APP], {"allow-origin": APP}),
    "credentials and exposed": ("rich.test", [APP], {
        "allow-origin": APP, "allow-credentials": "true", "expose-headers": "X-Request-Id, ETag"}),
    "any exposed": ("expose-any.test", [APP], {"allow-origin": APP, "expose-headers": "*"}),
    "not allowed": ("app.test", ["https://evil.example"], {}),
    "not allowed, with credentials": ("rich.test", ["https://evil.example"], {}),
    "null": ("app.test", ["null"], {}),
    "upper case": ("app.test", ["https://APP.example.com"], {}),
    "not an origin": ("app.test", [APP + "/"], {}),
    "two origins": ("app.test", [APP, APP], {}),
    "empty": ("app.test", [""], {}),
    "no origin": ("app.test", [], {}),
    "no origin, with credentials": ("rich.test", [], {}),
    "any origin": ("star.test", [APP], {"allow-origin": "*", "expose-headers": "X-Total"}),
    "any origin, none sent": ("star.test", [], {"allow-origin": "*", "expose-headers": "X-Total"}),
    "any origin, null": ("star.test", ["null"], {"allow-origin": "*", "expose-headers": "X-Total"}),
    "any origin, rubbish": ("star.test", ["rub bish"], {"allow-origin": "*", "expose-headers": "X-Total"}),
    "any origin, two": ("star.test", [APP, "null"], {"allow-origin": "*", "expose-headers": "X-Total"}),
}

# what the backend may say about CORS: all of it goes
BACKEND_CORS = {
    "nothing": [],
    "a star": ["Access-Control-Allow-Origin: *"],
    "another origin": ["Access-Control-Allow-Origin: https://evil.example"],
    "the same": [f"Access-Control-Allow-Origin: {APP}"],
    "twice": ["Access-Control-Allow-Origin: *", f"Access-Control-Allow-Origin: {APP}"],
    "odd case": ["aCCESS-cONTROL-aLLOW-oRIGIN: *", "ACCESS-CONTROL-ALLOW-CREDENTIALS: true"],
    "everything": ["Access-Control-Allow-Methods: *", "Access-Control-Allow-Headers: *",
                   "Access-Control-Max-Age: 1", "Access-Control-Expose-Headers: X-B",
                   "Access-Control-Allow-Credentials: true", "Access-Control-Allow-Origin: *",
                   "Access-Control-Allow-Private-Network: true", "Access-Control-Unheard-Of: 1"],
}


@pytest.mark.parametrize("name", INJECTED)
def test_injected(corsd, backend, deliver, name):
    host, origins, want = INJECTED[name]
    client = corsd.connect()
    deliver(client, get("/data", *[f"Origin: {one}" for one in origins], host=host))
    answer = client.response()
    assert (answer.status, answer.body) == (200, b"hello")
    assert cors(answer) == want
    assert backend.request.all("Origin") == origins, "the backend sees what the page sent"


@pytest.mark.parametrize("name", BACKEND_CORS)
@pytest.mark.parametrize("origin, want", [(APP, {"allow-origin": APP}), ("https://evil.example", {}), (None, {})],
                         ids=["allowed", "denied", "none"])
def test_the_backends_cors_is_replaced(corsd, backend, name, origin, want):
    backend.plays(reply(200, "hello", "X-Before: 1", *BACKEND_CORS[name], "X-After: 2"))
    answer = corsd.ask(get("/", *([f"Origin: {origin}"] if origin else [])))
    assert cors(answer) == want
    assert (answer.one("X-Before"), answer.one("X-After"), answer.body) == ("1", "2", b"hello")


@pytest.mark.parametrize("name", BACKEND_CORS)
def test_the_backends_cors_stays_where_the_policy_is_off(corsd, backend, name):
    backend.plays(reply(200, "hello", *BACKEND_CORS[name]))
    answer = corsd.ask(get("/", f"Origin: {APP}", host="off.test"))
    lines = [line for line in answer.raw.decode().split("\r\n") if line.lower().startswith("access-")]
    assert lines == BACKEND_CORS[name]


@pytest.mark.parametrize("status", [200, 201, 204, 206, 301, 304, 400, 401, 404, 418, 500, 503, 599])
def test_every_status(corsd, backend, status):
    bodiless = status in (204, 304)
    backend.plays(reply(status, None if bodiless else "text", "X-Mine: 1"))
    client = corsd.connect()
    answer = client.ask(get("/", f"Origin: {APP}", host="rich.test"))
    assert answer.status == status and answer.one("X-Mine") == "1"
    assert answer.body == (b"" if bodiless else b"text")
    assert cors(answer) == {"allow-origin": APP, "allow-credentials": "true",
                            "expose-headers": "X-Request-Id, ETag"}
    assert client.ask(get()).status == 200, "framed right: the next answer follows"


METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "REPORT", "MKCOL", "PURGE",
           "LOCK", "SEARCH", "M-SEARCH"]


@pytest.mark.parametrize("method", METHODS)
def test_every_method(corsd, backend, method):
    answer = corsd.ask(request(method, "/thing", f"Origin: {APP}"))
    assert (answer.status, answer.body) == (200, b"hello")
    assert cors(answer) == {"allow-origin": APP}
    assert (backend.request.method, backend.request.target) == (method, "/thing")


@pytest.mark.parametrize("method", ["FROBNICATE", "patch", "get", "X_Y"])
def test_methods_nobody_registered(corsd, backend, method):
    """`fetch(url, {method: "patch"})` sends it in lower case: a method is any token."""
    answer = corsd.ask(request(method, "/thing", f"Origin: {APP}"))
    assert answer.status == 200 and cors(answer) == {"allow-origin": APP}
    assert backend.request.method == method


def test_head(corsd, backend):
    backend.plays(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
    client = corsd.connect()
    answer = client.ask(request("HEAD", "/", f"Origin: {APP}"))
    assert answer.one("Content-Length") == "5000" and answer.body == b""
    assert cors(answer) == {"allow-origin": APP}
    assert client.ask(get()).body == b"hello"


def test_post_with_a_body(corsd, backend, deliver):
    client = corsd.connect()
    deliver(client, post("/form", f"Origin: {APP}", "Content-Type: text/plain", body=b"a=1&b=2"))
    assert cors(client.response()) == {"allow-origin": APP}
    assert backend.request.body == b"a=1&b=2"


def test_exposing_any_with_credentials(corsd, backend):
    """`*` would be taken literally: the response's own names are listed (rule 6)."""
    backend.plays(reply(200, "hello", "X-Total: 1", "ETag: \"a\"", "Set-Cookie: a=b", "Link: <b>",
                        "Content-Type: text/plain", "Cache-Control: no-cache", "Expires: 0",
                        "Content-Language: en", "Last-Modified: never", "Pragma: no-cache",
                        "Connection: X-Hop", "X-Hop: 1", "Keep-Alive: timeout=5",
                        "Access-Control-Allow-Origin: *", "x-total: 2"))
    answer = corsd.ask(get("/", f"Origin: {APP}", host="expose-any-creds.test"))
    names = [name.strip().lower() for name in cors(answer)["expose-headers"].split(",")]
    assert {"x-total", "etag", "link"} <= set(names)
    assert len(names) == len(set(names))
    hidden = {"set-cookie", "connection", "keep-alive", "x-hop", "content-length", "content-type",
              "cache-control", "expires", "content-language", "last-modified", "pragma",
              "transfer-encoding", "access-control-allow-origin", "*"}
    assert not hidden & set(names)


def test_exposing_any_with_credentials_and_nothing_to_expose(corsd, backend):
    answer = corsd.ask(get("/", f"Origin: {APP}", host="expose-any-creds.test"))
    assert "*" not in cors(answer).get("expose-headers", "")
    assert cors(answer)["allow-credentials"] == "true"


def test_the_backend_cannot_inject_what_follows(corsd, backend):
    """A denied origin gets the plain response, whatever the backend says about credentials."""
    backend.plays(reply(200, "secret", "Access-Control-Allow-Origin: https://evil.example",
                        "Access-Control-Allow-Credentials: true"))
    answer = corsd.ask(get("/", "Origin: https://evil.example", host="rich.test"))
    assert cors(answer) == {} and answer.body == b"secret"


def test_verdicts_do_not_leak_between_requests_of_a_connection(corsd, backend):
    client = corsd.connect()
    for origin, want in [(APP, {"allow-origin": APP}), ("https://evil.example", {}),
                         (APP, {"allow-origin": APP}), (None, {})] * 3:
        answer = client.ask(get("/", *([f"Origin: {origin}"] if origin else [])))
        assert cors(answer) == want
