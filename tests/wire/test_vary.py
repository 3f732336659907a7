"""Vary, DESIGN §2 rule 8: names what the answer depends on, merged with the backend's, never twice."""
import pytest

from harness import get, post, preflight, reply, vary

APP = "https://app.example.com"

YAML = """
listen: LISTEN
upstream: BACKEND
limits: {body_size: 10}
policies:
  plain: {allow_origins: ["https://app.example.com"]}
  star: {allow_origins: ["*"]}
routes:
  - {host: star.test, upstream: BACKEND, cors: star}
  - {host: off.test, upstream: BACKEND, cors: "off"}
  - {host: down.test, upstream: "http://DOWN", cors: plain}
  - {host: down-star.test, upstream: "http://DOWN", cors: star}
cors: plain
"""


@pytest.fixture(scope="module")
def corsd(shared, closed_port):
    return shared(YAML, DOWN=closed_port)


@pytest.fixture(scope="module")
def closed_port():
    from harness import free_port
    return f"127.0.0.1:{free_port()}"


# the backend's Vary lines → the names the client gets
MERGED = {
    "none": ([], {"origin"}),
    "another name": (["Accept-Encoding"], {"origin", "accept-encoding"}),
    "origin already": (["Origin"], {"origin"}),
    "origin in lower case": (["origin"], {"origin"}),
    "origin first": (["ORIGIN, Accept"], {"origin", "accept"}),
    "origin last": (["Accept,Origin"], {"origin", "accept"}),
    "origin in the middle": (["A,  origin  ,B"], {"a", "b", "origin"}),
    "two lines": (["Accept", "Accept-Encoding"], {"origin", "accept", "accept-encoding"}),
    "two lines, origin in the second": (["Accept", "Origin"], {"origin", "accept"}),
    "a name that begins the same": (["Origin-Agent"], {"origin", "origin-agent"}),
    "a name that ends the same": (["X-Origin"], {"origin", "x-origin"}),
    "empty": ([""], {"origin"}),
    "empty items": ([",,Accept,"], {"origin", "accept"}),
}

WHO = {"allowed": [APP], "denied": ["https://evil.example"], "no origin": [], "null": ["null"]}


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("name", MERGED)
def test_merged(corsd, backend, name, who):
    lines, want = MERGED[name]
    backend.plays(reply(200, "hello", *[f"Vary: {line}" for line in lines]))
    assert vary(corsd.ask(get("/", *[f"Origin: {one}" for one in WHO[who]]))) == want


@pytest.mark.parametrize("who", WHO)
def test_star_stays(corsd, backend, who):
    backend.plays(reply(200, "hello", "Vary: *"))
    assert "*" in vary(corsd.ask(get("/", *[f"Origin: {one}" for one in WHO[who]])))


@pytest.mark.parametrize("name", MERGED)
def test_untouched_where_any_origin_is_allowed(corsd, backend, name):
    lines = MERGED[name][0]
    backend.plays(reply(200, "hello", *[f"Vary: {line}" for line in lines]))
    want = {item.strip().lower() for line in lines for item in line.split(",") if item.strip()}
    assert vary(corsd.ask(get("/", f"Origin: {APP}", host="star.test"))) == want


@pytest.mark.parametrize("name", MERGED)
def test_untouched_where_the_policy_is_off(corsd, backend, name):
    backend.plays(reply(200, "hello", *[f"Vary: {line}" for line in MERGED[name][0]]))
    answer = corsd.ask(get("/", f"Origin: {APP}", host="off.test"))
    assert answer.all("Vary") == MERGED[name][0]


@pytest.mark.parametrize("status", [204, 301, 304, 404, 500])
def test_on_every_status(corsd, backend, status):
    backend.plays(reply(status, None if status in (204, 304) else "x"))
    assert vary(corsd.ask(get())) == {"origin"}


@pytest.mark.parametrize("who", WHO)
def test_on_own_errors(corsd, backend, who):
    origin = [f"Origin: {one}" for one in WHO[who]]
    assert vary(corsd.ask(get("/", *origin, host="down.test"))) == {"origin"}
    assert vary(corsd.ask(post("/", *origin, body=b"x" * 11))) == {"origin"}
    assert vary(corsd.ask(get("/", *origin, host="down-star.test"))) == set()


@pytest.mark.parametrize("host, want", [("app.test", True), ("star.test", False)])
def test_on_preflights(corsd, backend, host, want):
    answer = corsd.ask(preflight("/", APP, host=host))
    asked = {"access-control-request-method", "access-control-request-headers"}
    assert vary(answer) == asked | ({"origin"} if want else set())
    assert len(answer.all("Vary")) == 1
