"""`upstream_headers: keep` against `replace`: whose CORS headers the client gets, never a mix.
DESIGN §1, §2 rules 8, 9."""
import pytest

from harness import close, cors, free_port, get, own_answer, preflight, reply, vary

APP = "https://app.example.com"
EVIL = "https://evil.example"

YAML = """
listen: LISTEN
policies:
  keep:
    allow_origins: ["https://app.example.com"]
    allow_credentials: true
    expose_headers: [X-Ours]
    upstream_headers: keep
  replace:
    allow_origins: ["https://app.example.com"]
    allow_credentials: true
    expose_headers: [X-Ours]
    upstream_headers: replace
  star: {allow_origins: ["*"], upstream_headers: keep}
upstream: BACKEND
routes:
  - {host: keep.test, upstream: BACKEND, cors: keep}
  - {host: replace.test, upstream: BACKEND, cors: replace}
  - {host: star.test, upstream: BACKEND, cors: star}
  - {host: down.test, upstream: "http://DOWN", cors: keep}
cors: keep
"""

OURS = {"allow-origin": APP, "allow-credentials": "true", "expose-headers": "X-Ours"}
WHO = {"allowed": [f"Origin: {APP}"], "refused": [f"Origin: {EVIL}"], "none": []}

# what the backend said → whether it is a CORS answer of its own
SAID = {
    "an origin": ([f"Access-Control-Allow-Origin: {APP}"], True),
    "another origin": (["Access-Control-Allow-Origin: https://partner.example"], True),
    "a star": (["Access-Control-Allow-Origin: *"], True),
    "in odd case": (["aCCESS-cONTROL-aLLOW-oRIGIN: *"], True),
    "everything": (["Access-Control-Expose-Headers: X-Theirs", "X-Between: 1", "Access-Control-Allow-Origin: *",
                    "Access-Control-Allow-Methods: PATCH", "Access-Control-Max-Age: 7"], True),
    "the origin behind the rest": (["Access-Control-Allow-Credentials: true", "Access-Control-Allow-Origin: *"], True),
    "nothing": ([], False),
    "methods alone": (["Access-Control-Allow-Methods: PATCH"], False),
    "exposed headers alone": (["Access-Control-Expose-Headers: X-Theirs"], False),
    "credentials alone": (["Access-Control-Allow-Credentials: true"], False),
    "a name that begins the same": (["Access-Control-Allow-Origins: *"], False),
}


def access_lines(answer):
    return [line for line in answer.raw.decode().split("\r\n") if line.lower().startswith("access-control-")]


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("name", SAID)
def test_keep(corsd, backend, name, who):
    lines, theirs = SAID[name]
    backend.plays(reply(200, "hello", *lines))
    answer = corsd.ask(get("/", *WHO[who], host="keep.test"))
    if theirs:
        assert access_lines(answer) == [line for line in lines if line.lower().startswith("access-")]
    else:
        assert cors(answer) == (OURS if who == "allowed" else {})
    assert vary(answer) == {"origin"}, "rule 8 either way"
    assert answer.body == b"hello"


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("name", SAID)
def test_replace(corsd, backend, name, who):
    lines, _ = SAID[name]
    backend.plays(reply(200, "hello", *lines))
    answer = corsd.ask(get("/", *WHO[who], host="replace.test"))
    assert cors(answer) == (OURS if who == "allowed" else {}) and vary(answer) == {"origin"}


def test_keep_with_two_copies(corsd, backend):
    """Two Access-Control-Allow-Origin are the backend's fault, and stay its own."""
    lines = ["Access-Control-Allow-Origin: *", f"Access-Control-Allow-Origin: {APP}"]
    backend.plays(reply(200, "hello", *lines))
    assert access_lines(corsd.ask(get("/", *WHO["allowed"], host="keep.test"))) == lines


def test_keep_with_a_star_policy(corsd, backend):
    backend.plays(reply(200, "hello", f"Access-Control-Allow-Origin: {APP}", "Vary: Accept"), reply(200, "hello"))
    answer = corsd.ask(get("/", *WHO["allowed"], host="star.test"))
    assert cors(answer) == {"allow-origin": APP} and vary(answer) == {"accept"}
    answer = corsd.ask(get("/", *WHO["allowed"], host="star.test"))
    assert cors(answer) == {"allow-origin": "*"} and vary(answer) == set()


@pytest.mark.parametrize("host", ["keep.test", "replace.test"])
@pytest.mark.parametrize("lines, want", [
    (["Vary: Origin"], {"origin"}), (["Vary: Accept, origin", "Vary: ORIGIN"], {"accept", "origin"}),
    (["Vary: Accept-Encoding"], {"accept-encoding", "origin"})])
def test_vary_merges_either_way(corsd, backend, host, lines, want):
    backend.plays(reply(200, "hello", "Access-Control-Allow-Origin: *", *lines))
    assert vary(corsd.ask(get("/", *WHO["allowed"], host=host))) == want


def test_keep_never_asks_the_backend_about_preflights(corsd, backend):
    answer = corsd.ask(preflight("/", APP, host="keep.test"))
    assert answer.status == 204 and cors(answer)["allow-origin"] == APP
    assert corsd.ask(preflight("/", EVIL, host="keep.test")).status == 403
    assert backend.untouched()


def test_own_answers_under_keep_are_ours(corsd, backend):
    assert cors(own_answer(corsd.ask(get("/", *WHO["allowed"], host="down.test")), 502)) == OURS
    assert cors(own_answer(corsd.ask(get("/", *WHO["refused"], host="down.test")), 502)) == {}
    backend.plays([b"HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: x\r\n\r\n", close])
    assert cors(own_answer(corsd.ask(get("/", *WHO["allowed"], host="keep.test")), 502)) == OURS


@pytest.mark.parametrize("host", ["keep.test", "replace.test"])
def test_answers_of_one_connection_do_not_mix(corsd, backend, host):
    client = corsd.connect()
    for theirs in [True, False, False, True, True, False]:
        lines = ["Access-Control-Allow-Origin: *"] if theirs else []
        backend.plays(reply(200, "hello", *lines))
        got = cors(client.ask(get("/", *WHO["allowed"], host=host)))
        assert got == ({"allow-origin": "*"} if theirs and host == "keep.test" else OURS)


@pytest.fixture(scope="module")
def corsd(shared):
    return shared(YAML, DOWN=f"127.0.0.1:{free_port()}")
