"""What is not to reach the backend: `denied: reject`, `enforce_methods`, and what counts as
same-origin. DESIGN §2 rules 8, 10, 15."""
import re

import pytest

from harness import chunked, cors, get, own_answer, post, preflight, reply, request, vary

APP = "https://app.example.com"
EVIL = "https://evil.example"

YAML = """
listen: LISTEN
upstream: BACKEND
policies:
  reject: {allow_origins: ["https://app.example.com"], denied: reject}
  forward: {allow_origins: ["https://app.example.com"], denied: forward}
  methods: {allow_origins: ["https://app.example.com"], allow_methods: [POST, PUT], enforce_methods: true}
  any_method: {allow_origins: ["https://app.example.com"], allow_methods: ["*"], enforce_methods: true}
  both: {allow_origins: ["https://app.example.com"], allow_methods: [PUT], enforce_methods: true, denied: reject}
  star: {allow_origins: ["*"], denied: reject}
  star_methods: {allow_origins: ["*"], allow_methods: [GET], enforce_methods: true}
  ruled:
    - {allow_origins: ["https://app.example.com"], allow_methods: [PUT], enforce_methods: true}
    - {allow_origins: ["https://other.example"], allow_methods: [DELETE]}
routes:
  - {host: reject.test, upstream: BACKEND, cors: reject}
  - {host: "*.reject.test", upstream: BACKEND, cors: reject}
  - {host: "[::1]", upstream: BACKEND, cors: reject}
  - {host: 127.0.0.1, upstream: BACKEND, cors: reject}
  - {host: forward.test, upstream: BACKEND, cors: forward}
  - {host: methods.test, upstream: BACKEND, cors: methods}
  - {host: any-method.test, upstream: BACKEND, cors: any_method}
  - {host: both.test, upstream: BACKEND, cors: both}
  - {host: star.test, upstream: BACKEND, cors: star}
  - {host: star-methods.test, upstream: BACKEND, cors: star_methods}
  - {host: ruled.test, upstream: BACKEND, cors: ruled}
cors: reject
"""


@pytest.fixture(scope="module")
def corsd(shared):
    return shared(YAML)


@pytest.fixture(scope="module")
def behind(shared):
    """The same behind a proxy that is believed."""
    return shared(YAML + "trusted_proxies: [127.0.0.0/8]\n")


REFUSED = {
    "off the list": [EVIL],
    "null": ["null"],
    "two": [APP, APP],
    "two, the first refused": [EVIL, APP],
    "empty": [""],
    "with a slash": [APP + "/"],
    "upper case": [APP.upper()],
    "the default port spelled out": [APP + ":443"],
    "rubbish": ["%%%"],
    "bytes": ["https://\xe9.example"],
    "a prefix": [APP + ".evil.example"],
    "a list": [f"{APP} {APP}"],
}


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "OPTIONS", "QUERY"])
@pytest.mark.parametrize("name", REFUSED)
def test_reject(corsd, backend, name, method):
    lines = [f"Origin: {one}" for one in REFUSED[name]]
    client = corsd.connect()
    answer = client.ask(request(method, "/", *lines, host="reject.test"))
    assert answer.status == 403 and cors(answer) == {} and vary(answer) == {"origin"}
    if method != "HEAD":
        own_answer(answer, 403)
        assert b"origin" in answer.body.lower()
    assert client.ask(get(host="reject.test")).body == b"hello", "the connection is kept"
    assert [seen.method for seen in backend.requests] == ["GET"]


@pytest.mark.parametrize("name", REFUSED)
def test_forward_is_the_default(corsd, backend, name):
    answer = corsd.ask(get("/", *[f"Origin: {one}" for one in REFUSED[name]], host="forward.test"))
    assert answer.body == b"hello" and cors(answer) == {} and vary(answer) == {"origin"}


def test_reject_lets_the_allowed_pass(corsd, backend):
    answer = corsd.ask(post("/", f"Origin: {APP}", host="reject.test"))
    assert answer.body == b"hello" and cors(answer) == {"allow-origin": APP} and vary(answer) == {"origin"}


@pytest.mark.parametrize("origins", REFUSED.values(), ids=REFUSED)
def test_reject_means_nothing_where_every_origin_is_allowed(corsd, backend, origins):
    answer = corsd.ask(get("/", *[f"Origin: {one}" for one in origins], host="star.test"))
    assert answer.body == b"hello" and cors(answer) == {"allow-origin": "*"} and vary(answer) == set()


@pytest.mark.parametrize("body", ["length", "chunked", "expected"])
def test_a_rejected_upload_is_no_request(corsd, backend, body):
    """Whatever its body holds, and whether corsd reads it or closes."""
    hidden = get("/hidden", host="reject.test")
    lines = [f"Origin: {EVIL}"]
    if body == "chunked":
        text = request("POST", "/", *lines, "Transfer-Encoding: chunked", host="reject.test") + chunked(hidden)
    else:
        lines += ["Expect: 100-continue"] * (body == "expected")
        text = request("POST", "/", *lines, host="reject.test", body=hidden)
    client = corsd.connect()
    answer = client.ask(text)
    own_answer(answer, 403)
    assert not answer.interim, "no body is asked for that nobody wants"
    assert backend.untouched()


# ---------------------------------------------------------------- enforce_methods

@pytest.mark.parametrize("host, origin, method, passes", [
    ("methods.test", APP, "POST", True),
    ("methods.test", APP, "PUT", True),
    ("methods.test", APP, "GET", False),      # GET, HEAD and POST count too
    ("methods.test", APP, "HEAD", False),
    ("methods.test", APP, "put", False),      # rule 13
    ("methods.test", APP, "DELETE", False),
    ("methods.test", APP, "OPTIONS", False),  # no preflight, so a method like others
    ("methods.test", EVIL, "PUT", True),      # forwarded without CORS headers, as ever
    ("methods.test", EVIL, "GET", False),
    ("methods.test", "null", "GET", False),
    ("any-method.test", APP, "FROBNICATE", True),
    ("both.test", APP, "PUT", True),
    ("both.test", APP, "GET", False),
    ("both.test", EVIL, "PUT", False),
    ("star-methods.test", APP, "GET", True),
    ("star-methods.test", "null", "POST", False),
    ("ruled.test", APP, "PUT", True),
    ("ruled.test", APP, "DELETE", False),
    ("ruled.test", "https://other.example", "DELETE", True),
    ("ruled.test", "https://other.example", "PUT", False),
])
def test_enforce_methods(corsd, backend, host, origin, method, passes):
    answer = corsd.ask(request(method, "/", f"Origin: {origin}", host=host))
    assert answer.status == (200 if passes else 403)
    allowed = "*" if host.startswith("star") else origin if origin not in (EVIL, "null") else None
    assert cors(answer) == ({"allow-origin": allowed} if allowed else {}), "rule 10: readable where allowed"
    assert vary(answer) == {"origin"}, "rule 8: the answer depends on the origin"
    if passes:
        assert backend.request.method == method
    else:
        assert backend.untouched()
        assert method == "HEAD" or method.encode() in own_answer(answer, 403).body or b"origin" in answer.body


def test_enforced_methods_and_preflights(corsd, backend):
    """A preflight for GET is answered with the list, though GET will be refused."""
    answer = corsd.ask(preflight("/", APP, "GET", host="methods.test"))
    assert answer.status == 204 and cors(answer) == {"allow-origin": APP, "allow-methods": "POST, PUT"}
    answer = corsd.ask(preflight("/", APP, "GET", host="star-methods.test"))
    assert cors(answer)["allow-origin"] == "*" and "origin" in vary(answer)
    assert backend.untouched()


@pytest.mark.parametrize("host", ["reject.test", "methods.test", "star-methods.test"])
def test_vary_without_an_origin(corsd, backend, host):
    answer = corsd.ask(get("/", host=host))
    assert answer.body == b"hello" and vary(answer) == {"origin"}


# ---------------------------------------------------------------- rule 15: what is not cross-origin

# Host, header lines → whether it passes a policy that rejects
SAME = {
    "no origin": ("reject.test", [], True),
    "no origin, cross-site": ("reject.test", ["Sec-Fetch-Site: cross-site"], True),
    "same-origin by the browser's word": ("reject.test", [f"Origin: {EVIL}", "Sec-Fetch-Site: same-origin"], True),
    "none by the browser's word": ("reject.test", [f"Origin: {EVIL}", "Sec-Fetch-Site: none"], True),
    "null, same-origin by the browser's word": ("reject.test", ["Origin: null", "Sec-Fetch-Site: same-origin"], True),
    "same-site is not same-origin": ("reject.test", [f"Origin: {EVIL}", "Sec-Fetch-Site: same-site"], False),
    "cross-site": ("reject.test", [f"Origin: {EVIL}", "Sec-Fetch-Site: cross-site"], False),
    "capitals are not the browser's": ("reject.test", [f"Origin: {EVIL}", "Sec-Fetch-Site: Same-Origin"], False),
    "a list is not the browser's": ("reject.test", [f"Origin: {EVIL}", "Sec-Fetch-Site: none, none"], False),
    "twice is not the browser's": ("reject.test", [f"Origin: {EVIL}"] + ["Sec-Fetch-Site: none"] * 2, False),
    "empty": ("reject.test", [f"Origin: {EVIL}", "Sec-Fetch-Site:"], False),
    "an underscore is not the browser's": ("reject.test", [f"Origin: {EVIL}", "Sec_Fetch_Site: same-origin"], False),
    "named by Connection": ("reject.test", [f"Origin: {EVIL}", "Connection: Origin"], False),
    "equal, http": ("reject.test", ["Origin: http://reject.test"], True),
    "equal, https": ("reject.test", ["Origin: https://reject.test"], True),
    "equal with a port": ("reject.test:8080", ["Origin: http://reject.test:8080"], True),
    "the host's case does not count": ("REJECT.test", ["Origin: http://reject.test"], True),
    "the default port spelled out, http": ("reject.test:80", ["Origin: http://reject.test"], True),
    "the default port spelled out, https": ("reject.test:443", ["Origin: https://reject.test"], True),
    "a final dot": ("reject.test.", ["Origin: http://reject.test"], True),
    "another scheme's default port": ("reject.test:443", ["Origin: http://reject.test"], False),
    "and the other way": ("reject.test:80", ["Origin: https://reject.test"], False),
    "another port": ("reject.test:8080", ["Origin: http://reject.test:8081"], False),
    "a port in the origin alone": ("reject.test", ["Origin: http://reject.test:8080"], False),
    "a port in Host alone": ("reject.test:8080", ["Origin: http://reject.test"], False),
    "a subdomain": ("reject.test", ["Origin: http://a.reject.test"], False),
    "the parent": ("a.reject.test", ["Origin: http://reject.test"], False),
    "longer": ("reject.test", ["Origin: http://reject.test.evil.example"], False),
    "longer without a dot": ("reject.test", ["Origin: http://reject.tests"], False),
    "a user in front": ("reject.test", ["Origin: http://reject.test@evil.example"], False),
    "a slash behind": ("reject.test", ["Origin: http://reject.test/"], False),
    "the origin in capitals": ("reject.test", ["Origin: http://REJECT.test"], False),
    "another scheme": ("reject.test", ["Origin: tauri://reject.test"], False),
    "ftp": ("reject.test", ["Origin: ftp://reject.test"], False),
    "null": ("reject.test", ["Origin: null"], False),
    "twice": ("reject.test", ["Origin: http://reject.test"] * 2, False),
    "IPv6": ("[::1]:8080", ["Origin: http://[::1]:8080"], True),
    "IPv6, another port": ("[::1]:8080", ["Origin: http://[::1]"], False),
    "IPv4": ("127.0.0.1", ["Origin: http://127.0.0.1"], True),
    "X-Forwarded-Host says nothing": ("reject.test", [f"Origin: {EVIL}", "X-Forwarded-Host: evil.example"], False),
    "an untrusted X-Forwarded-Proto says nothing": (
        "reject.test", ["Origin: https://reject.test", "X-Forwarded-Proto: http"], True),
    "no Host to compare with": (None, ["Origin: http://reject.test"], False),
}


@pytest.mark.parametrize("name", SAME)
def test_same_origin(corsd, backend, name):
    host, lines, passes = SAME[name]
    version = "1.1" if host else "1.0"
    answer = corsd.ask(request("DELETE", "/", *lines, host=host, version=version))
    assert answer.status == (200 if passes else 403)
    assert cors(answer) == {} and vary(answer) == {"origin"}
    assert len(backend.heads) == passes


@pytest.mark.parametrize("name", [name for name, (host, *_) in SAME.items()
                                  if host and host.lower().startswith("reject.test")])
def test_same_origin_for_enforced_methods(corsd, backend, name):
    host, lines, passes = SAME[name]
    swap = lambda text: text.replace("reject.test", "methods.test").replace("REJECT.test", "METHODS.test")
    answer = corsd.ask(request("DELETE", "/", *map(swap, lines), host=swap(host)))
    assert answer.status == (200 if passes else 403)


# a trusted proxy tells the scheme: then it counts
SCHEMES = {
    "http and http": ("http", "http", True),
    "https and https": ("https", "https", True),
    "in capitals": ("https", "HTTPS", True),
    "a page by http, we by https": ("http", "https", False),
    "a page by https, we by http": ("https", "http", False),
    "nobody says": ("https", None, True),
}


@pytest.mark.parametrize("name", SCHEMES)
def test_the_scheme_counts_where_it_is_known(behind, backend, name):
    page, ours, passes = SCHEMES[name]
    lines = [f"Origin: {page}://reject.test"] + ([f"X-Forwarded-Proto: {ours}"] if ours else [])
    answer = behind.ask(request("DELETE", "/", *lines, host="reject.test"))
    assert answer.status == (200 if passes else 403)


def test_a_trusted_proxys_host_is_not_ours(behind, backend):
    answer = behind.ask(get("/", f"Origin: {EVIL}", "X-Forwarded-Host: evil.example", host="reject.test"))
    assert answer.status == 403


def test_same_origin_gives_no_right_to_read(corsd, backend):
    """It is let pass; a page elsewhere that says so gains nothing."""
    backend.plays(reply(200, "hello", "Access-Control-Allow-Origin: *"))
    answer = corsd.ask(get("/", f"Origin: {EVIL}", "Sec-Fetch-Site: same-origin", host="reject.test"))
    assert answer.body == b"hello" and cors(answer) == {}


def test_a_refused_preflight_is_refused_same_origin_or_not(corsd, backend):
    """Browsers send none to their own origin; rule 15 is about actual requests."""
    answer = corsd.ask(preflight("/", "http://reject.test", host="reject.test"))
    assert answer.status == 403 and cors(answer) == {}
    assert backend.untouched()


def test_no_route_and_reject(corsd, backend, given):
    """The default policy decides for what belongs to no route."""
    alone = given("""
        listen: LISTEN
        routes: [{host: app.test, upstream: BACKEND}]
        cors: {allow_origins: ["https://app.example.com"], denied: reject}
    """)
    own_answer(alone.ask(get("/", f"Origin: {EVIL}", host="nowhere.test")), 403)
    assert cors(own_answer(alone.ask(get("/", f"Origin: {APP}", host="nowhere.test")), 404)) == {"allow-origin": APP}


# ---------------------------------------------------------------- and the log says so

@pytest.fixture(scope="module")
def logs(shared):
    return shared(YAML + "log: {level: info, access: text}\n")


LOGGED = {
    "an origin": (lambda path: get(path, "Origin: https://one.example", host="reject.test"),
                  "cors_kind=actual cors_result=refused cors_reason=origin_off_list", "https://one.example"),
    "null": (lambda path: get(path, "Origin: null", host="reject.test"),
             "cors_kind=actual cors_result=refused cors_reason=origin_null", "null"),
    "a method": (lambda path: request("PURGE", path, f"Origin: {APP}", host="methods.test"),
                 "cors_kind=actual cors_result=refused cors_reason=method_off_list", "PURGE"),
}


@pytest.mark.parametrize("name", LOGGED)
def test_log(logs, backend, name):
    """One access line for each, one warning for all, with the line of YAML that would allow it."""
    text, words, what = LOGGED[name]
    path = "/logged-" + name.replace(" ", "-")
    for _ in range(3):
        own_answer(logs.ask(text(path)), 403)
    line = logs.logged(rf".*request_id=.*path={path} .*")
    assert line and words in line[0] and " status=403 " in line[0] and "cors_refused" in line[0]
    warned = logs.logged(rf'.*warn.*\["{what}"\] at \S*corsd\.yaml:\d+ would allow it.*')
    assert warned and "would refuse" not in warned[0]
    assert len(re.findall(rf'\["{what}"\] at', logs.log)) == 1
    assert backend.untouched()
