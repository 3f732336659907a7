"""The check of WebSocket handshakes, which no browser makes. DESIGN §2 rules 14, 15."""
import pytest

from harness import cors, get, own_answer, reply, request, stall, vary

APP = "https://app.example.com"
SURE = "https://sure.example.com"
EVIL = "https://evil.example"

YAML = """
listen: LISTEN
upstream: BACKEND
policies:
  plain: {allow_origins: ["https://app.example.com"]}
  sure: {allow_origins: ["https://app.example.com"], allow_credentials: true}
  any: {allow_origins: ["https://app.example.com"], websocket_origins: any}
  check: {allow_origins: ["https://app.example.com"], websocket_origins: check}
  star: {allow_origins: ["*"]}
  "null": {allow_origins: ["null"]}
  mixed:
    - {allow_origins: ["https://sure.example.com"], allow_credentials: true}
    - {allow_origins: ["*"]}
  reject: {allow_origins: ["https://app.example.com"], denied: reject, websocket_origins: any}
  methods: {allow_origins: ["https://app.example.com"], allow_methods: [POST], enforce_methods: true}
routes:
  - {host: plain.test, upstream: BACKEND, cors: plain}
  - {host: sure.test, upstream: BACKEND, cors: sure}
  - {host: any.test, upstream: BACKEND, cors: any}
  - {host: check.test, upstream: BACKEND, cors: check}
  - {host: star.test, upstream: BACKEND, cors: star}
  - {host: null.test, upstream: BACKEND, cors: "null"}
  - {host: mixed.test, upstream: BACKEND, cors: mixed}
  - {host: reject.test, upstream: BACKEND, cors: reject}
  - {host: methods.test, upstream: BACKEND, cors: methods}
  - {host: off.test, upstream: BACKEND, cors: "off"}
cors: plain
"""
HELLO = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
SWITCH = (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
COOKIE, PASSWORD = "Cookie: a=b", "Authorization: Basic YTpi"


@pytest.fixture(scope="module")
def corsd(shared):
    return shared(YAML)


# host, header lines → whether the handshake passes
CASES = {
    "allowed": ("plain.test", [f"Origin: {APP}"], True),
    "allowed, a cookie": ("plain.test", [f"Origin: {APP}", COOKIE], False),
    "allowed, authorization": ("plain.test", [f"Origin: {APP}", PASSWORD], False),
    "allowed, an empty cookie": ("plain.test", [f"Origin: {APP}", "Cookie:"], False),
    "with credentials": ("sure.test", [f"Origin: {APP}"], True),
    "with credentials, a cookie": ("sure.test", [f"Origin: {APP}", COOKIE], True),
    "with credentials, both": ("sure.test", [f"Origin: {APP}", COOKIE, PASSWORD], True),
    "off the list": ("plain.test", [f"Origin: {EVIL}"], False),
    "off the list, with credentials": ("sure.test", [f"Origin: {EVIL}", COOKIE], False),
    "null": ("plain.test", ["Origin: null"], False),
    "null on the list": ("null.test", ["Origin: null"], True),
    "null on the list, a cookie": ("null.test", ["Origin: null", COOKIE], False),
    "two origins": ("plain.test", [f"Origin: {APP}"] * 2, False),
    "malformed": ("plain.test", [f"Origin: {APP}/"], False),
    "empty": ("plain.test", ["Origin:"], False),
    "ws is no page's origin": ("plain.test", ["Origin: wss://app.example.com"], False),
    "no origin: no browser": ("plain.test", [COOKIE], True),
    "check, said": ("check.test", [f"Origin: {EVIL}"], False),
    "any": ("any.test", [f"Origin: {EVIL}"], True),
    "any, a cookie": ("any.test", [f"Origin: {EVIL}", COOKIE], True),
    "any, allowed, a cookie": ("any.test", [f"Origin: {APP}", COOKIE], True),
    "every origin": ("star.test", [f"Origin: {EVIL}"], True),
    "every origin, a cookie": ("star.test", [f"Origin: {EVIL}", COOKIE], False),
    "every origin, two": ("star.test", [f"Origin: {EVIL}"] * 2, True),
    "every origin, two and a cookie": ("star.test", [f"Origin: {EVIL}"] * 2 + [COOKIE], False),
    "mixed rules, the first": ("mixed.test", [f"Origin: {SURE}", COOKIE], True),
    "mixed rules, the star": ("mixed.test", [f"Origin: {APP}"], True),
    "mixed rules, the star and a cookie": ("mixed.test", [f"Origin: {APP}", COOKIE], False),
    "same-origin by the browser's word": ("plain.test", ["Origin: https://plain.test:1", COOKIE,
                                                         "Sec-Fetch-Site: same-origin"], True),
    "same-origin by its name": ("plain.test", ["Origin: http://plain.test", COOKIE], True),
    "same-origin by its name, every origin": ("star.test", ["Origin: https://star.test", COOKIE], True),
    "cross-site": ("plain.test", [f"Origin: {EVIL}", "Sec-Fetch-Site: cross-site"], False),
    "reject means requests": ("reject.test", [f"Origin: {EVIL}"], True),
    "methods are of requests": ("methods.test", [f"Origin: {APP}"], True),
    "off": ("off.test", [f"Origin: {EVIL}", COOKIE], True),
}


@pytest.mark.parametrize("name", CASES)
def test_handshake(corsd, backend, deliver, name):
    host, lines, passes = CASES[name]
    backend.plays([SWITCH, stall])
    client = corsd.connect()
    deliver(client, get("/chat", *lines, *HELLO, host=host))
    answer = client.response()
    if passes:
        assert answer.status == 101
        assert backend.heads[0].all("Origin") == [line[7:].strip() for line in lines if line.startswith("Origin")]
        assert backend.heads[0].has("Cookie") == any(line.startswith("Cookie") for line in lines)
    else:
        own_answer(answer, 403)
        assert backend.untouched()


@pytest.mark.parametrize("spelling", [
    ["Connection: keep-alive, UPGRADE", "Upgrade: WebSocket"],
    ["Connection: upgrade", "Upgrade: h2c, websocket"],
    ["Connection: x", "Connection: Upgrade", "Upgrade: h2c", "Upgrade: websocket"],
    ["Connection: ,upgrade,", "Upgrade: ,websocket"],
])
def test_no_spelling_evades_it(corsd, backend, spelling):
    """What passes the check as a plain request cannot become a tunnel: its Upgrade is gone."""
    answer = corsd.ask(get("/chat", f"Origin: {EVIL}", COOKIE, *spelling, *HELLO[2:], host="plain.test"))
    if answer.status == 403:
        assert backend.untouched()
    else:
        assert not backend.request.has("Upgrade")


@pytest.mark.parametrize("text", [
    request("POST", "/chat", f"Origin: {EVIL}", *HELLO, host="plain.test", body=b"x"),
    request("GET", "/chat", f"Origin: {EVIL}", *HELLO, host="plain.test", version="1.0"),
    get("/chat", f"Origin: {EVIL}", "Connection: Upgrade", "Upgrade: h2c", host="plain.test"),
    get("/chat", f"Origin: {EVIL}", "Upgrade: websocket", host="plain.test"),
], ids=["POST", "HTTP/1.0", "h2c", "no Connection"])
def test_what_is_no_handshake_is_a_request(corsd, backend, text):
    assert corsd.ask(text).body == b"hello"
    assert not backend.request.has("Upgrade")


def test_a_handshake_that_the_backend_declines_has_the_headers_of_a_response(corsd, backend):
    backend.plays(reply(426, "no", "Access-Control-Allow-Origin: *"))
    answer = corsd.ask(get("/chat", f"Origin: {APP}", *HELLO, host="plain.test"))
    assert answer.status == 426 and cors(answer) == {"allow-origin": APP} and vary(answer) == {"origin"}


def test_refused_for_its_cookie_it_says_so(corsd, backend):
    answer = corsd.ask(get("/chat", f"Origin: {APP}", COOKIE, *HELLO, host="plain.test"))
    assert b"credentials" in own_answer(answer, 403).body and b"a=b" not in answer.body
    assert backend.untouched()
