"""Lists of rules, `*` in every list, odd origins and odd preflights. DESIGN §2 rules 2, 5–8, 12, 13."""
import itertools

import pytest

from harness import cors, get, own_answer, preflight, reply, request, vary

APP = "https://app.example.com"
ADMIN = "https://admin.example.com"
ELSE = "https://elsewhere.example"
ASKED = {"access-control-request-method", "access-control-request-headers"}

YAML = """
listen: LISTEN
upstream: BACKEND
policies:
  mixed:
    - allow_origins: ["https://admin.example.com"]
      allow_methods: [DELETE]
      allow_headers: [X-Admin]
      allow_credentials: true
      max_age: 1m
      preflight_status: 200
    - {allow_origins: ["https://*.example.com"], allow_methods: [PUT], allow_credentials: true}
    - {allow_origins: ["*"], allow_headers: ["*"], expose_headers: [X-Public]}
  stars:
    - {allow_origins: ["*"], allow_methods: [GET]}
    - {allow_origins: ["*"], allow_methods: [PUT]}
  null_first:
    - {allow_origins: ["null"], allow_methods: [PUT]}
    - {allow_origins: ["*"], allow_methods: [DELETE]}
  null_only: {allow_origins: ["null"], expose_headers: ["*"]}
  null_trusted: {allow_origins: ["null"], allow_credentials: true, dangerous: [null_with_credentials]}
  http_trusted: {allow_origins: ["http://app.example.com"], allow_credentials: true, dangerous: [http_with_credentials]}
  suffix: {allow_origins: ["https://*.github.io"], dangerous: [public_suffix_patterns]}
  creds_all:
    allow_origins: ["https://app.example.com"]
    allow_methods: ["*"]
    allow_headers: ["*"]
    expose_headers: ["*"]
    allow_credentials: true
  creds_named:
    allow_origins: ["https://app.example.com"]
    allow_methods: ["*", PUT]
    allow_headers: [X-Named, "*", Authorization]
    expose_headers: ["*", X-Named]
    allow_credentials: true
  open_all:
    allow_origins: ["https://app.example.com"]
    allow_methods: ["*"]
    allow_headers: ["*"]
    expose_headers: ["*"]
  open_auth: {allow_origins: ["*"], allow_headers: [AUTHORIZATION, "*"]}
  auth_only: {allow_origins: ["https://app.example.com"], allow_headers: [Authorization]}
routes:
  - {host: mixed.test, upstream: BACKEND, cors: mixed}
  - {host: stars.test, upstream: BACKEND, cors: stars}
  - {host: null-first.test, upstream: BACKEND, cors: null_first}
  - {host: null-only.test, upstream: BACKEND, cors: null_only}
  - {host: null-trusted.test, upstream: BACKEND, cors: null_trusted}
  - {host: http-trusted.test, upstream: BACKEND, cors: http_trusted}
  - {host: suffix.test, upstream: BACKEND, cors: suffix}
  - {host: creds-all.test, upstream: BACKEND, cors: creds_all}
  - {host: creds-named.test, upstream: BACKEND, cors: creds_named}
  - {host: open-all.test, upstream: BACKEND, cors: open_all}
  - {host: open-auth.test, upstream: BACKEND, cors: open_auth}
  - {host: auth-only.test, upstream: BACKEND, cors: auth_only}
cors: mixed
"""


@pytest.fixture(scope="module")
def corsd(shared):
    return shared(YAML)


def names(text):
    return [name.strip().lower() for name in text.split(",")] if text is not None else None


# ---------------------------------------------------------------- the first rule that matches decides

# host, origins → the Access-Control-* headers of an actual response
ACTUAL = {
    "the first": ("mixed.test", [ADMIN], {"allow-origin": ADMIN, "allow-credentials": "true"}),
    "the second, a pattern": ("mixed.test", [APP], {"allow-origin": APP, "allow-credentials": "true"}),
    "the last, a star": ("mixed.test", [ELSE], {"allow-origin": "*", "expose-headers": "X-Public"}),
    "null by the star": ("mixed.test", ["null"], {"allow-origin": "*", "expose-headers": "X-Public"}),
    "malformed by the star": ("mixed.test", [ADMIN + "/"], {"allow-origin": "*", "expose-headers": "X-Public"}),
    "two by the star": ("mixed.test", [ADMIN, ADMIN], {"allow-origin": "*", "expose-headers": "X-Public"}),
    "none: mixed rules say nothing": ("mixed.test", [], {}),
    "two star rules": ("stars.test", [ELSE], {"allow-origin": "*"}),
    "two star rules, none": ("stars.test", [], {"allow-origin": "*"}),
    "null before the star": ("null-first.test", ["null"], {"allow-origin": "null"}),
    "another than null": ("null-first.test", [ELSE], {"allow-origin": "*"}),
    "null in capitals": ("null-first.test", ["NULL"], {"allow-origin": "*"}),
    "null alone": ("null-only.test", ["null"], {"allow-origin": "null", "expose-headers": "*"}),
    "null alone, in capitals": ("null-only.test", ["Null"], {}),
    "null alone, quoted": ("null-only.test", ['"null"'], {}),
    "null trusted": ("null-trusted.test", ["null"], {"allow-origin": "null", "allow-credentials": "true"}),
    "http trusted": ("http-trusted.test", ["http://app.example.com"],
                     {"allow-origin": "http://app.example.com", "allow-credentials": "true"}),
    "http trusted is not https": ("http-trusted.test", [APP], {}),
    "a public suffix by name": ("suffix.test", ["https://me.github.io"], {"allow-origin": "https://me.github.io"}),
}
STAR_ALWAYS = {"stars.test", "open-auth.test"}


@pytest.mark.parametrize("name", ACTUAL)
def test_actual(corsd, backend, deliver, name):
    host, origins, want = ACTUAL[name]
    backend.plays(reply(200, "hello", "Access-Control-Allow-Origin: https://backend.example"))
    client = corsd.connect()
    deliver(client, get("/", *[f"Origin: {one}" for one in origins], host=host))
    answer = client.response()
    assert cors(answer) == want
    assert vary(answer) == (set() if host in STAR_ALWAYS else {"origin"}), "rule 5"


# host, origin → status and headers of the answer to a preflight for PUT with x-a
PREFLIGHT = {
    "the first": ("mixed.test", ADMIN, 200, {"allow-origin": ADMIN, "allow-credentials": "true",
                                             "allow-methods": "DELETE", "allow-headers": "X-Admin", "max-age": "60"}),
    "the second": ("mixed.test", APP, 204, {"allow-origin": APP, "allow-credentials": "true", "allow-methods": "PUT"}),
    "the star": ("mixed.test", ELSE, 204, {"allow-origin": "*", "allow-methods": "GET, HEAD, POST",
                                           "allow-headers": "*"}),
    "the first of two stars": ("stars.test", ELSE, 204, {"allow-origin": "*", "allow-methods": "GET"}),
    "null": ("null-first.test", "null", 204, {"allow-origin": "null", "allow-methods": "PUT"}),
    "not null": ("null-first.test", ELSE, 204, {"allow-origin": "*", "allow-methods": "DELETE"}),
    "credentials with stars": ("creds-all.test", APP, 204, {
        "allow-origin": APP, "allow-credentials": "true", "allow-methods": "PUT", "allow-headers": "x-a"}),
    "no credentials, stars": ("open-all.test", APP, 204, {
        "allow-origin": APP, "allow-methods": "*", "allow-headers": "*"}),
    "authorization beside a star": ("open-auth.test", APP, 204, {
        "allow-origin": "*", "allow-methods": "GET, HEAD, POST", "allow-headers": "*,authorization"}),
    "authorization alone": ("auth-only.test", APP, 204, {
        "allow-origin": APP, "allow-methods": "GET, HEAD, POST", "allow-headers": "Authorization"}),
}


@pytest.mark.parametrize("name", PREFLIGHT)
def test_preflight(corsd, backend, name):
    host, origin, status, want = PREFLIGHT[name]
    answer = corsd.ask(preflight("/", origin, "PUT", "Access-Control-Request-Headers: x-a", host=host))
    assert answer.status == status and cors(answer) == want
    assert vary(answer) == ASKED | (set() if host in STAR_ALWAYS else {"origin"})
    assert backend.untouched()


# ---------------------------------------------------------------- rule 6: never a star with credentials

ODD_NAMES = ["*", "x-a", "X-A,x-a", "authorization", "*,authorization", "x-*", "a b", "\x80", '"x"', "x-a;q=1",
             "a:b", "", ",", "x-" + "a" * 2000, "access-control-request-method", "set-cookie", "cookie",
             "0", "__proto__"]


@pytest.mark.parametrize("host", ["creds-all.test", "creds-named.test"])
@pytest.mark.parametrize("method", ["*", "PUT", "get", "GET,PUT", "P UT", "", "CONNECT", "trace", "\x80", "a*b", "G;T"],
                         ids=repr)
def test_never_a_star_nor_what_is_no_token(corsd, backend, host, method):
    token = set("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
    for odd in ODD_NAMES:
        answer = corsd.ask(preflight("/", APP, method, f"Access-Control-Request-Headers: {odd}", host=host))
        got = cors(answer)
        assert answer.status == 204 and got["allow-origin"] == APP and got["allow-credentials"] == "true"
        echoed = names(got.get("allow-methods", "none")) + names(got.get("allow-headers", "none"))
        assert "*" not in echoed
        assert all(name and set(name) <= token for name in echoed), echoed
        assert not {"connect", "trace", "track"} & set(echoed)
        if host == "creds-all.test":
            assert "authorization" not in echoed, "rule 6: only where it is listed"
    assert backend.untouched()


def test_authorization_is_echoed_where_it_is_listed(corsd, backend):
    for odd in ("authorization", "Authorization, x-a", "x-a,\tAUTHORIZATION ,,"):
        asked = f"Access-Control-Request-Headers: {odd}"
        answer = corsd.ask(preflight("/", APP, "PUT", asked, host="creds-named.test"))
        assert "authorization" in names(cors(answer)["allow-headers"])


@pytest.mark.parametrize("host", ["creds-all.test", "creds-named.test"])
def test_exposed_by_name(corsd, backend, host):
    backend.plays(reply(200, "hello", "X-One: 1", "x-one: 2", "Set-Cookie: a=b", "Set-Cookie2: c", "Connection: X-Hop",
                        "X-Hop: 1", "ETag: e", "Trailer: X-T", "*: star", "Access-Control-Max-Age: 1",
                        "Proxy-Authenticate: x"))
    answer = corsd.ask(get("/", f"Origin: {APP}", host=host))
    exposed = names(cors(answer)["expose-headers"])
    assert {"x-one", "etag"} <= set(exposed) and len(exposed) == len(set(exposed))
    hidden = {"*", "set-cookie", "set-cookie2", "connection", "x-hop", "content-length", "access-control-max-age",
              "trailer", "proxy-authenticate"}
    assert not hidden & set(exposed)


def test_exposed_by_name_up_to_the_heads_limit(corsd, backend):
    """Every name of a head as large as a backend may send."""
    mine = [f"x-{n:02}-" + "n" * 320 for n in range(90)]
    backend.plays(reply(200, "hello", *[f"{one}: 1" for one in mine]))
    answer = corsd.ask(get("/", f"Origin: {APP}", host="creds-all.test"))
    assert answer.status == 200 and answer.body == b"hello"
    assert set(mine) <= set(names(cors(answer)["expose-headers"]))


def test_exposed_by_name_on_own_answers(corsd, backend):
    """Nothing of a backend's, and still no star."""
    backend.plays(b"nonsense\r\n\r\n")
    answer = corsd.ask(request("POST", "/", f"Origin: {APP}", host="creds-all.test", body=b"x"))
    assert answer.status == 502 and cors(answer)["allow-origin"] == APP
    assert "*" not in cors(answer).get("expose-headers", "")


def test_a_star_is_a_star_without_credentials(corsd, backend):
    answer = corsd.ask(get("/", f"Origin: {APP}", host="open-all.test"))
    assert cors(answer) == {"allow-origin": APP, "expose-headers": "*"}


# ---------------------------------------------------------------- oddities of preflights

def test_many_lines_in_any_shape(corsd, backend):
    lines = ["Access-Control-Request-Headers: " + text for text in
             ("X-C, x-a", "", " ,, ", "x-b\t,\tx-d", "X-E", ",x-f,")]
    answer = corsd.ask(preflight("/", APP, "PUT", *lines, host="creds-all.test"))
    assert names(cors(answer)["allow-headers"]) == ["x-c", "x-a", "x-b", "x-d", "x-e", "x-f"]


def test_the_method_asked_twice_is_not_echoed(corsd, backend):
    answer = corsd.ask(preflight("/", APP, "PUT", "Access-Control-Request-Method: DELETE", host="creds-all.test"))
    assert answer.status == 204 and "allow-methods" not in cors(answer)
    assert backend.untouched()


def test_an_empty_method_is_a_preflight_all_the_same(corsd, backend):
    answer = corsd.ask(preflight("/", APP, "", host="open-all.test"))
    assert answer.status == 204 and cors(answer)["allow-origin"] == APP
    assert backend.untouched()


def test_thirty_kibibytes_of_names(corsd, backend):
    asked = ["x-%05d" % n for n in range(3800)]
    line = "Access-Control-Request-Headers: " + ",".join(asked)
    answer = corsd.ask(preflight("/", APP, "PUT", line, host="creds-all.test"))
    assert answer.status == 204 and names(cors(answer)["allow-headers"]) == asked
    assert backend.untouched()


def test_a_comma_storm(corsd, backend):
    lines = ["Access-Control-Request-Headers: " + "," * 300] * 90
    answer = corsd.ask(preflight("/", APP, "PUT", *lines, host="creds-all.test"))
    assert answer.status == 204 and "allow-headers" not in cors(answer)
    assert backend.untouched()


@pytest.mark.parametrize("spelling", ["options", "Options"])
def test_methods_are_case_sensitive(corsd, backend, spelling):
    """`options` is some other method: no preflight."""
    lines = [f"Origin: {APP}", "Access-Control-Request-Method: PUT"]
    answer = corsd.ask(request(spelling, "/", *lines, host="mixed.test"))
    assert answer.body == b"hello" and backend.request.method == spelling


# ---------------------------------------------------------------- origins that are none

MALFORMED = ["https://", "https:///", "https://:443", "https:app.example.com", "//app.example.com",
             "https://app.example.com:", "https://app.example.com:0443", "https://app.example.com:+443",
             "https://app.example.com\\", "https://app.example.com#", "https://app.example.com?",
             "https://user:pw@app.example.com", "https://app.example.com ", "https://app.example.com,",
             "https://app.example.com https://x.example", "https://[app.example.com]", "https://app%2eexample.com",
             "https://*.example.com", "https://app..example.com", "HTTPS://app.example.com", "https://APP.example.com",
             "null null", "nul", "null0", "*", "https://app.example.com\x7f", "https://ａpp.example.com"]
SPACES = {"https://app.example.com "}  # white space around a value is no part of it


@pytest.mark.parametrize("origin", [one for one in MALFORMED if one not in SPACES and "\x7f" not in one], ids=repr)
def test_not_an_origin(corsd, backend, origin):
    raw = origin.encode().decode("latin-1")
    for host in ("open-all.test", "creds-all.test"):
        answer = corsd.ask(get("/", f"Origin: {raw}", host=host))
        assert answer.body == b"hello" and cors(answer) == {} and vary(answer) == {"origin"}
        answer = corsd.ask(preflight("/", raw, host=host))
        assert own_answer(answer, 403) and cors(answer) == {}
    star = corsd.ask(get("/", f"Origin: {raw}", host="stars.test"))
    assert cors(star) == {"allow-origin": "*"}


def test_white_space_around_an_origin_is_no_part_of_it(corsd, backend):
    answer = corsd.ask(get("/", f"Origin: \t {APP} \t", host="open-all.test"))
    assert cors(answer)["allow-origin"] == APP


# ---------------------------------------------------------------- Vary

@pytest.mark.parametrize("host", ["mixed.test", "stars.test", "open-all.test", "creds-all.test", "null-first.test"])
@pytest.mark.parametrize("lines, want", [
    (["*"], {"*"}), (["*", "Origin"], {"*", "origin"}), (["Accept, *"], {"accept", "*"}),
    (["Accept", "accept"], None), (["Origin, origin"], {"origin"}), (["Access-Control-Request-Headers"], None),
])
def test_vary_merges(corsd, backend, host, lines, want):
    ours = set() if host in STAR_ALWAYS else {"origin"}
    for origins in ([APP], [ELSE], ["null"], [APP, APP], []):
        backend.plays(reply(200, "hello", *[f"Vary: {line}" for line in lines]))
        answer = corsd.ask(get("/", *[f"Origin: {one}" for one in origins], host=host))
        items = [item.lower() for item in answer.items("Vary")]
        assert items.count("origin") <= 1
        theirs = {item.strip().lower() for line in lines for item in line.split(",")}
        assert set(items) in ([theirs, theirs | ours] if "*" in theirs else [theirs | ours])
        if want and "*" in want:
            assert "*" in items


@pytest.mark.parametrize("host", ["mixed.test", "creds-all.test"])
def test_vary_of_thirty_kibibytes(corsd, backend, host):
    """Nothing of it is lost."""
    theirs = ["x-%06d" % n for n in range(3000)]
    backend.plays(reply(200, "hello", *["Vary: " + ",".join(theirs[at:at + 100]) for at in range(0, 3000, 100)]))
    assert vary(corsd.ask(get("/", f"Origin: {APP}", host=host))) == {*theirs, "origin"}


def test_every_host_and_origin_keeps_the_laws(corsd, backend):
    """One Access-Control-Allow-Origin at most; never * with credentials; no methods on answers."""
    hosts = [line.split("host: ")[1].split(",")[0] for line in YAML.split("\n") if "host: " in line]
    origins = [[], [APP], [ADMIN], [ELSE], ["null"], [APP, APP], ["x"], ["http://app.example.com"]]
    client = corsd.connect()
    for host, origin in itertools.product(hosts, origins):
        lines = [f"Origin: {one}" for one in origin]
        got = cors(client.ask(get("/", *lines, host=host)))  # each header once at most
        assert set(got) <= {"allow-origin", "allow-credentials", "expose-headers"}
        if got.get("allow-credentials"):
            assert "*" not in "".join(got.values()) and got["allow-origin"] == origin[0]
        assert got.get("allow-origin") in [None, "*", *origin]
