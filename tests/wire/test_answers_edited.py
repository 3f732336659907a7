"""What a policy adds to answers beside Access-Control-*: Timing-Allow-Origin, resource policy,
cookies, private network, the decision header. DESIGN §1, §6."""
import re

import pytest

from harness import cors, free_port, get, own_answer, preflight, reply, request, stall, vary

APP = "https://app.example.com"
OTHER = "https://other.example.com"
EVIL = "https://evil.example"

YAML = """
listen: LISTEN
upstream: BACKEND
policies:
  plain: {allow_origins: ["https://app.example.com"]}
  timed: {allow_origins: ["https://app.example.com", "https://other.example.com"], timing_allow_origin: true}
  timed_any: {allow_origins: ["https://app.example.com"], timing_allow_origin: "*"}
  timed_star: {allow_origins: ["*"], timing_allow_origin: true}
  timed_pattern: {allow_origins: ["https://*.example.com"], timing_allow_origin: true}
  timed_mixed:
    - {allow_origins: ["https://app.example.com"], allow_credentials: true, timing_allow_origin: true}
    - {allow_origins: ["*"]}
  timed_off: {allow_origins: ["https://app.example.com"], timing_allow_origin: false}
  same_origin: {allow_origins: ["https://app.example.com"], resource_policy: same-origin}
  same_site: {allow_origins: ["https://app.example.com"], resource_policy: same-site}
  cross_origin: {allow_origins: ["https://app.example.com"], resource_policy: cross-origin}
  star_cross: {allow_origins: ["*"], resource_policy: cross-origin}
  crumbs:
    allow_origins: ["https://app.example.com"]
    allow_credentials: true
    cookies: {same_site: none, secure: true}
  chips: {allow_origins: ["https://app.example.com"], cookies: {same_site: none, secure: true, partitioned: true}}
  lax: {allow_origins: ["https://app.example.com"], cookies: {same_site: lax}}
  strict: {allow_origins: ["https://app.example.com"], cookies: {same_site: strict}}
  secure: {allow_origins: ["https://app.example.com"], cookies: {secure: true}}
  private: {allow_origins: ["https://app.example.com"], allow_methods: [PUT], allow_private_network: true}
routes:
  - {host: plain.test, upstream: BACKEND, cors: plain}
  - {host: timed.test, upstream: BACKEND, cors: timed}
  - {host: timed-any.test, upstream: BACKEND, cors: timed_any}
  - {host: timed-star.test, upstream: BACKEND, cors: timed_star}
  - {host: timed-pattern.test, upstream: BACKEND, cors: timed_pattern}
  - {host: timed-mixed.test, upstream: BACKEND, cors: timed_mixed}
  - {host: timed-off.test, upstream: BACKEND, cors: timed_off}
  - {host: same-origin.test, upstream: BACKEND, cors: same_origin}
  - {host: same-site.test, upstream: BACKEND, cors: same_site}
  - {host: cross-origin.test, upstream: BACKEND, cors: cross_origin}
  - {host: star-cross.test, upstream: BACKEND, cors: star_cross}
  - {host: crumbs.test, upstream: BACKEND, cors: crumbs}
  - {host: chips.test, upstream: BACKEND, cors: chips}
  - {host: lax.test, upstream: BACKEND, cors: lax}
  - {host: strict.test, upstream: BACKEND, cors: strict}
  - {host: secure.test, upstream: BACKEND, cors: secure}
  - {host: private.test, upstream: BACKEND, cors: private}
  - {host: timed.test, path: /down, upstream: "http://DOWN", cors: timed}
  - {host: cross-origin.test, path: /down, upstream: "http://DOWN", cors: cross_origin}
cors: plain
"""


@pytest.fixture(scope="module")
def corsd(shared):
    return shared(YAML, DOWN=f"127.0.0.1:{free_port()}")


# ---------------------------------------------------------------- Timing-Allow-Origin

TIMING = {
    "allowed": ("timed.test", [APP], APP),
    "the other": ("timed.test", [OTHER], OTHER),
    "refused": ("timed.test", [EVIL], None),
    "null": ("timed.test", ["null"], None),
    "two": ("timed.test", [APP, APP], None),
    "no origin: the exact ones": ("timed.test", [], f"{APP}, {OTHER}"),
    "any, allowed": ("timed-any.test", [APP], "*"),
    "any, refused": ("timed-any.test", [EVIL], "*"),
    "any, no origin": ("timed-any.test", [], "*"),
    "every origin": ("timed-star.test", [EVIL], "*"),
    "every origin, none": ("timed-star.test", [], "*"),
    "a pattern": ("timed-pattern.test", ["https://x.example.com"], "https://x.example.com"),
    "a pattern, none: no list": ("timed-pattern.test", [], None),
    "mixed, with credentials": ("timed-mixed.test", [APP], APP),
    "mixed, by the star": ("timed-mixed.test", [EVIL], "*"),
    "off": ("timed-off.test", [APP], None),
    "not said": ("plain.test", [APP], None),
}


@pytest.mark.parametrize("name", TIMING)
def test_timing(corsd, backend, name):
    host, origins, want = TIMING[name]
    answer = corsd.ask(get("/", *[f"Origin: {one}" for one in origins], host=host))
    got = answer.items("Timing-Allow-Origin")
    assert got == ([one.strip() for one in want.split(",")] if want else [])
    assert vary(answer) == (set() if host == "timed-star.test" else {"origin"})


def test_timing_of_own_answers(corsd, backend):
    answer = own_answer(corsd.ask(get("/down", f"Origin: {APP}", host="timed.test")), 502)
    assert answer.one("Timing-Allow-Origin") == APP
    answer = own_answer(corsd.ask(get("/down", f"Origin: {EVIL}", host="timed.test")), 502)
    assert not answer.has("Timing-Allow-Origin")


def test_timing_list_up_to_a_kibibyte(given, backend):
    def listed(count):
        origins = [f"https://a{n:03}.example.com" for n in range(count)]
        corsd = given(f"""
            listen: LISTEN
            upstream: BACKEND
            cors: {{allow_origins: {origins}, timing_allow_origin: true}}
        """)
        assert corsd.ask(get("/", f"Origin: {origins[-1]}")).one("Timing-Allow-Origin") == origins[-1]
        return origins, corsd.ask(get()).items("Timing-Allow-Origin")
    origins, got = listed(38)  # 38 · 24 + 37 · 2 = 986 bytes
    assert got == origins
    origins, got = listed(60)
    assert got in ([], origins[:len(got)]) and len(", ".join(got)) <= 1024


# ---------------------------------------------------------------- Cross-Origin-Resource-Policy

@pytest.mark.parametrize("origin", [APP, EVIL, None])
@pytest.mark.parametrize("host, word", [("same-origin.test", "same-origin"), ("same-site.test", "same-site"),
                                        ("cross-origin.test", "cross-origin"), ("star-cross.test", "cross-origin"),
                                        ("plain.test", None)])
def test_resource_policy(corsd, backend, host, word, origin):
    lines = [f"Origin: {origin}"] if origin else []
    answer = corsd.ask(get("/", *lines, host=host))
    assert answer.one("Cross-Origin-Resource-Policy") == word
    backend.plays(reply(200, "hello", "cross-origin-RESOURCE-policy: same-site"))
    answer = corsd.ask(get("/", *lines, host=host))
    assert answer.all("Cross-Origin-Resource-Policy") == ["same-site"], "only where the backend sent none"


def test_resource_policy_of_own_answers(corsd, backend):
    answer = own_answer(corsd.ask(get("/down", host="cross-origin.test")), 502)
    assert answer.one("Cross-Origin-Resource-Policy") == "cross-origin"


# ---------------------------------------------------------------- cookies

ANY = {"crumbs.test": "SameSite=None; Secure", "chips.test": "SameSite=None; Secure; Partitioned",
       "lax.test": "SameSite=Lax", "strict.test": "SameSite=Strict", "secure.test": "Secure"}
COOKIES = {
    # host, what the backend set → what the client gets; attributes in order, compared without case
    "bare": ("crumbs.test", "a=b", "a=b; SameSite=None; Secure"),
    "another SameSite": ("crumbs.test", "a=b; SameSite=Strict; Path=/", "a=b; Path=/; SameSite=None; Secure"),
    "in odd case": ("crumbs.test", "a=b; SAMESITE=lax; sEcUrE", "a=b; SameSite=None; Secure"),
    "white space": ("crumbs.test", "a=b ;  samesite = Lax ; secure ;HttpOnly", "a=b; HttpOnly; SameSite=None; Secure"),
    "twice": ("crumbs.test", "a=b; SameSite=Lax; SameSite=Strict; Secure; Secure", "a=b; SameSite=None; Secure"),
    "without a value": ("crumbs.test", "a=b; SameSite; HttpOnly", "a=b; HttpOnly; SameSite=None; Secure"),
    "with a comma": ("crumbs.test", "a=b; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Path=/",
                     "a=b; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Path=/; SameSite=None; Secure"),
    "all of them": ("crumbs.test", "a=b; Domain=example.com; Max-Age=1; HttpOnly; Priority=High; Path=/x",
                    "a=b; Domain=example.com; Max-Age=1; HttpOnly; Priority=High; Path=/x; SameSite=None; Secure"),
    "the value holds our words": ("crumbs.test", "SameSite=Secure", "SameSite=Secure; SameSite=None; Secure"),
    "quotes": ("crumbs.test", 'a="b c"; Path=/', 'a="b c"; Path=/; SameSite=None; Secure'),
    "an equals sign in it": ("crumbs.test", "a=b=c; Path=/", "a=b=c; Path=/; SameSite=None; Secure"),
    "empty attributes": ("crumbs.test", "a=b;; ;Path=/;", "a=b; Path=/; SameSite=None; Secure"),
    "a name that begins the same": ("crumbs.test", "a=b; SameSiteX=1; Secured",
                                    "a=b; SameSiteX=1; Secured; SameSite=None; Secure"),
    "a host prefix": ("crumbs.test", "__Host-a=b; Path=/; Secure", "__Host-a=b; Path=/; SameSite=None; Secure"),
    "its own Partitioned stays": ("crumbs.test", "a=b; Partitioned", "a=b; Partitioned; SameSite=None; Secure"),
    "partitioned": ("chips.test", "a=b; SameSite=Lax", "a=b; SameSite=None; Secure; Partitioned"),
    "partitioned already": ("chips.test", "a=b; partitioned; SameSite=Lax", "a=b; SameSite=None; Secure; Partitioned"),
    "lax": ("lax.test", "a=b; SameSite=None; Secure", "a=b; Secure; SameSite=Lax"),
    "strict": ("strict.test", "a=b", "a=b; SameSite=Strict"),
    "secure alone": ("secure.test", "a=b; SameSite=Lax", "a=b; SameSite=Lax; Secure"),
    "no cookies key": ("plain.test", "a=b ;SameSite=Lax;;", "a=b ;SameSite=Lax;;"),
}


@pytest.mark.parametrize("who", [APP, EVIL, None])
@pytest.mark.parametrize("name", COOKIES)
def test_cookies(corsd, backend, name, who):
    host, sent, want = COOKIES[name]
    backend.plays(reply(200, "hello", f"Set-Cookie: {sent}"))
    answer = corsd.ask(get("/", *([f"Origin: {who}"] if who else []), host=host))
    got = [part.strip() for part in answer.one("Set-Cookie").split(";")]
    assert got == [part.strip() for part in want.split(";")]


def test_several_cookies(corsd, backend):
    """Each on its line, in order, those between other headers too."""
    backend.plays(reply(200, "hello", "Set-Cookie: a=1; SameSite=Lax", "X-Between: 1", "set-cookie: b=2",
                        "SET-COOKIE: c=3; Secure; Path=/c"))
    answer = corsd.ask(get("/", f"Origin: {APP}", host="chips.test"))
    assert answer.all("Set-Cookie") == [
        "a=1; SameSite=None; Secure; Partitioned", "b=2; SameSite=None; Secure; Partitioned",
        "c=3; Path=/c; SameSite=None; Secure; Partitioned"]
    assert answer.one("X-Between") == "1"


def test_fifty_cookies(corsd, backend):
    backend.plays(reply(302, "", *[f"Set-Cookie: c{n}={'v' * 200}; SameSite=Lax" for n in range(50)]))
    answer = corsd.ask(get("/", host="crumbs.test"))
    assert answer.all("Set-Cookie") == [f"c{n}={'v' * 200}; SameSite=None; Secure" for n in range(50)]


def test_cookies_of_other_answers(corsd, backend):
    """A 304 sets cookies, and a 101 too; an interim response is for nobody's jar."""
    backend.plays(b"HTTP/1.1 304 Not Modified\r\nSet-Cookie: a=b; SameSite=Lax\r\n\r\n")
    assert corsd.ask(get("/", host="crumbs.test")).all("Set-Cookie") == ["a=b; SameSite=None; Secure"]
    switch = (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSet-Cookie: a=b; SameSite=Lax\r\n\r\n")
    backend.plays([switch, stall])
    answer = corsd.ask(get("/", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", host="crumbs.test"))
    assert answer.status == 101 and answer.all("Set-Cookie") == ["a=b; SameSite=None; Secure"]


def test_cookies_up_to_the_heads_limit(corsd, backend):
    """None is lost where our words make the head longer than the backend was allowed."""
    backend.plays(reply(200, "hello", *[f"Set-Cookie: c{n:02}={'v' * 330}" for n in range(90)]))
    answer = corsd.ask(get("/", f"Origin: {APP}", host="chips.test"))
    assert answer.all("Set-Cookie") == [
        f"c{n:02}={'v' * 330}; SameSite=None; Secure; Partitioned" for n in range(90)]
    assert cors(answer) == {"allow-origin": APP} and vary(answer) == {"origin"}


def test_request_cookies_are_not_touched(corsd, backend):
    corsd.ask(get("/", "Cookie: a=b; SameSite=Lax", host="chips.test"))
    assert backend.request.all("Cookie") == ["a=b; SameSite=Lax"]


# ---------------------------------------------------------------- private network

@pytest.mark.parametrize("host, origin, asks, want", [
    ("private.test", APP, ["true"], "true"),
    ("private.test", APP, [], None),        # answered only when asked
    ("private.test", APP, ["false"], None),
    ("private.test", APP, [""], None),
    ("private.test", EVIL, ["true"], None),
    ("plain.test", APP, ["true"], None),
])
def test_private_network(corsd, backend, host, origin, asks, want):
    lines = [f"Access-Control-Request-Private-Network: {one}" for one in asks]
    answer = corsd.ask(preflight("/", origin, "PUT", *lines, host=host))
    assert answer.status == (403 if origin == EVIL else 204)
    assert cors(answer).get("allow-private-network") == want
    assert backend.untouched()


def test_private_network_is_for_preflights(corsd, backend):
    backend.plays(reply(200, "hello", "Access-Control-Allow-Private-Network: true"))
    answer = corsd.ask(get("/", f"Origin: {APP}", "Access-Control-Request-Private-Network: true", host="private.test"))
    assert cors(answer) == {"allow-origin": APP}


# ---------------------------------------------------------------- the decision header

DECIDES = """
listen: LISTEN
decision_header: true
policies:
  app:
    - {allow_origins: ["https://app.example.com"], allow_methods: [PUT]}
    - {allow_origins: ["https://other.example.com"], allow_methods: [GET]}
  watched: {allow_origins: ["https://app.example.com"], mode: report}
routes:
  - {host: app.test, upstream: BACKEND, cors: app}
  - {host: watched.test, upstream: BACKEND, cors: watched}
  - {host: off.test, upstream: BACKEND, cors: "off"}
  - {host: down.test, upstream: "http://DOWN", cors: app}
cors: app
"""


@pytest.fixture(scope="module")
def decides(shared):
    return shared(DECIDES, DOWN=f"127.0.0.1:{free_port()}")


def decision(answer):
    return dict(item.strip().split("=", 1) for item in answer.one("Corsd-Decision").split(";"))


DECISIONS = {
    "allowed": (get("/", f"Origin: {APP}"),
                {"kind": "actual", "result": "allowed", "reason": "allowed", "policy": "app", "rule": "1"}),
    "by the second rule": (get("/", f"Origin: {OTHER}"), {"result": "allowed", "rule": "2"}),
    "refused": (get("/", f"Origin: {EVIL}"),
                {"kind": "actual", "result": "refused", "reason": "origin_off_list", "rule": None}),
    "null": (get("/", "Origin: null"), {"reason": "origin_null"}),
    "malformed": (get("/", "Origin: a;b=c d"), {"reason": "origin_malformed"}),
    "two": (get("/", f"Origin: {APP}", f"Origin: {APP}"), {"reason": "origin_twice"}),
    "no origin": (get(), {"kind": "none", "reason": "no_origin"}),
    "a preflight": (preflight("/", APP, "PUT"), {"kind": "preflight", "result": "allowed"}),
    "a preflight's method": (preflight("/", APP, "PURGE"),
                             {"kind": "preflight", "result": "refused", "reason": "method_off_list",
                              "missing": "PURGE"}),
    "a preflight's header": (preflight("/", APP, "PUT", "Access-Control-Request-Headers: x-a"),
                             {"reason": "header_off_list", "missing": "x-a"}),
    "a refused preflight": (preflight("/", EVIL), {"kind": "preflight", "result": "refused"}),
    "what is missing holds our separators": (preflight("/", APP, "PUT", "Access-Control-Request-Headers: a;b=c"),
                                             {"reason": "headers_malformed"}),
    "off": (get("/", f"Origin: {APP}", host="off.test"), {"reason": "no_policy", "policy": None}),
    "report": (get("/", f"Origin: {EVIL}", host="watched.test"), {"mode": "report", "result": "refused"}),
    "an error of ours": (get("/", f"Origin: {APP}", host="down.test"), {"result": "allowed", "cause": ...}),
    "no route": (get("/", f"Origin: {APP}", host="nowhere.test"), {"policy": "app", "route": None, "cause": ...}),
    "TRACE": (request("TRACE", "/", f"Origin: {APP}"), {"cause": ...}),
    "unreadable": (b"GET / HTTP/1.1\r\nHost: app.test\r\nA b: c\r\n\r\n", {"cause": ...}),
}


@pytest.mark.parametrize("name", DECISIONS)
def test_decision_header(decides, backend, name):
    text, want = DECISIONS[name]
    answer = decides.ask(text)
    got = decision(answer)
    for key, value in want.items():
        assert got.get(key) == value or (value is ... and got[key]), (key, answer.one("Corsd-Decision"))


def test_the_backends_word_is_not_ours(decides, backend):
    backend.plays(reply(200, "hello", "Corsd-Decision: kind=forged", "corsd-decision: twice"))
    assert decision(decides.ask(get("/", f"Origin: {APP}")))["kind"] == "actual"
    backend.plays(reply(200, "hello", "Corsd-Decision: kind=forged"))
    assert decision(decides.ask(get("/", host="off.test")))["kind"] == "none"


def test_it_is_not_sent_unless_asked_for(corsd, backend):
    assert not corsd.ask(get("/", f"Origin: {APP}", host="plain.test")).has("Corsd-Decision")
    assert not re.search("Corsd-Decision", corsd.ask(preflight("/", APP, host="plain.test")).raw.decode())
