"""Host and path → route, and paths spelled so that another route could be meant: DESIGN §1, §2 rule 16."""
import pytest

from harness import Backend, cors, get, own_answer, preflight, request

YAML = """
listen: LISTEN
upstreams:
  a: {url: BACKEND}
  b: {url: OTHER}
policies:
  one: {allow_origins: ["https://one.example"]}
  two: {allow_origins: ["https://two.example"]}
routes:
  - {host: plain.test, upstream: a, cors: one}
  - {host: paths.test, path: /, upstream: a, cors: one}
  - {host: paths.test, path: /api/, upstream: b, cors: one}
  - {host: paths.test, path: /api/admin, upstream: a, cors: two}
  - {host: paths.test, path: /admin, upstream: b, cors: two}
  - {host: paths.test, path: /café/, upstream: b, cors: two}
  - {host: paths.test, path: "/with space", upstream: b, cors: two}
  - {host: some.test, path: /api, upstream: b, cors: one}
  - {host: "*.wild.test", upstream: b, cors: one}
  - {host: exact.wild.test, upstream: a, cors: two}
  - {host: "*.deep.wild.test", upstream: a, cors: two}
  - {path: /anywhere, upstream: b, cors: two}
  - {host: UPPER.test, upstream: b, cors: one}
  - {host: asterisk.test, path: /, upstream: b, cors: two}
  - {host: asterisk.test, path: /api, upstream: a, cors: one}
cors: one
"""

ONE, TWO = "https://one.example", "https://two.example"


@pytest.fixture(scope="module")
def other():
    backend = Backend()
    yield backend
    backend.stop()


@pytest.fixture(scope="module")
def corsd(shared, other):
    return shared(YAML, OTHER=other.url)


# host, path → the backend and the origin its policy allows; None: no route
CHOSEN = {
    "a host": ("plain.test", "/x", "a", ONE),
    "a host in capitals": ("PLAIN.Test", "/x", "a", ONE),
    "a host with a port": ("plain.test:8080", "/x", "a", ONE),
    "a host with a final dot": ("plain.test.", "/x", "a", ONE),
    "a host with a final dot and a port": ("plain.test.:80", "/x", "a", ONE),
    "configured in capitals": ("upper.test", "/x", "b", ONE),
    "a host nobody named": ("nowhere.test", "/x", None, ONE),
    "a host that begins the same": ("plain.test.evil", "/x", None, ONE),
    "a host that ends the same": ("evilplain.test", "/x", None, ONE),
    "any host, a path": ("nowhere.test", "/anywhere/x", "b", TWO),
    "any host, that very path": ("nowhere.test", "/anywhere", "b", TWO),
    "one label": ("a.wild.test", "/", "b", ONE),
    "several labels": ("a.b.wild.test", "/", "b", ONE),
    "the apex": ("wild.test", "/", None, ONE),
    "a suffix that is no label": ("notwild.test", "/", None, ONE),
    "exact before a pattern": ("exact.wild.test", "/", "a", TWO),
    "below the exact one": ("x.exact.wild.test", "/", "b", ONE),
    "the longer pattern": ("a.deep.wild.test", "/", "a", TWO),
    "the longer pattern's apex": ("deep.wild.test", "/", "b", ONE),
    "root": ("paths.test", "/", "a", ONE),
    "no path matches but root": ("paths.test", "/x/y", "a", ONE),
    "a prefix": ("paths.test", "/api/x", "b", ONE),
    "the prefix itself": ("paths.test", "/api", "b", ONE),
    "the prefix with its slash": ("paths.test", "/api/", "b", ONE),
    "not at a segment's end": ("paths.test", "/apix", "a", ONE),
    "the longest": ("paths.test", "/api/admin/x", "a", TWO),
    "the longest itself": ("paths.test", "/api/admin", "a", TWO),
    "the longest, not at a segment's end": ("paths.test", "/api/adminx", "b", ONE),
    "another": ("paths.test", "/admin/x", "b", TWO),
    "a query is no path": ("paths.test", "/x?/admin/", "a", ONE),
    "a query behind the prefix": ("paths.test", "/api?x", "b", ONE),
    "dots in a query": ("paths.test", "/x?a=/../admin", "a", ONE),
    "percent-encoded spelling of the route": ("paths.test", "/caf%C3%A9/x", "b", TWO),
    "the same in lower case": ("paths.test", "/caf%c3%a9/x", "b", TWO),
    "an encoded space in the route": ("paths.test", "/with%20space/x", "b", TWO),
    "only below a path": ("some.test", "/api/x", "b", ONE),
    "beside that path": ("some.test", "/x", None, ONE),
    "the host is more specific than the path": ("plain.test", "/anywhere", "a", ONE),
    "absolute form": ("nowhere.test", "http://paths.test/admin", "b", TWO),
}


@pytest.mark.parametrize("name", CHOSEN)
def test_chosen(corsd, backend, other, name):
    host, path, where, allowed = CHOSEN[name]
    other.turn_page()
    answer = corsd.ask(get(path, f"Origin: {allowed}", host=host))
    assert cors(answer) == {"allow-origin": allowed}
    assert (len(backend.heads), len(other.heads)) == {"a": (1, 0), "b": (0, 1), None: (0, 0)}[where]
    if where is None:
        own_answer(answer, 404)
    denied = TWO if allowed == ONE else ONE
    assert cors(corsd.ask(get(path, f"Origin: {denied}", host=host))) == {}


@pytest.mark.parametrize("name", CHOSEN)
def test_preflights_follow_the_same_route(corsd, backend, other, name):
    host, path, _, allowed = CHOSEN[name]
    other.turn_page()
    assert corsd.ask(preflight(path, allowed, host=host)).status == 204
    assert corsd.ask(preflight(path, TWO if allowed == ONE else ONE, host=host)).status == 403
    assert backend.untouched() and other.untouched()


# at paths.test these could be read as paths of another route, by someone
ODD = {
    "an encoded letter": "/%61dmin/x",
    "an encoded letter of a longer route": "/api/%61dmin",
    "an encoded slash": "/api%2Fadmin",
    "dot segments": "/api/../admin",
    "dot segments at the end": "/api/admin/..",
    "encoded dots": "/api/%2e%2e/admin",
    "half encoded dots": "/api/.%2E/admin",
    "dots and an encoded slash": "/api/..%2fadmin",
    "encoded twice": "/%2561dmin",
    "dots encoded twice": "/api/%252e%252e/admin",
    "a slash encoded twice": "/x/..%252fadmin",
    "a backslash": "/x\\..\\admin",
    "an encoded backslash": "/x%5c..%5cadmin",
    "a backslash in the route": "/api\\admin",
    "an empty segment": "//admin",
    "empty segments": "///admin//x",
    "an empty segment in the middle": "/api//admin",
    "a path parameter": "/admin;x=1",
    "a path parameter in the middle": "/api;x/admin",
    "an empty path parameter": "/admin;",
    "an encoded semicolon": "/admin%3Bx",
    "capitals": "/ADMIN",
    "one capital": "/api/Admin/x",
    "all together": "/API;x//%2561dmin",
    "dots hidden by parameters": "/api/..;/admin",
    "dots hidden by parameters, encoded": "/api/%2e%2e;a=b/admin",
    "capitals in the other direction": "/Api/x",
    "parameters that hide encoded dots": "/api/..;/admin/data;%2f..%2f..%2fapi",
    "a parameter that hides an encoded slash": "/;%2fy/admin/data",
    "parameters, empty segments and dots encoded twice":
        "/api//..;/admin/data;%255c..%255c..%255c..%255capi",
}


@pytest.mark.parametrize("name", ODD)
def test_odd_spellings_are_refused(corsd, backend, other, name):
    other.turn_page()
    answer = corsd.ask(get(ODD[name], f"Origin: {ONE}", host="paths.test"))
    own_answer(answer, 400)
    assert backend.untouched() and other.untouched()


@pytest.mark.parametrize("name", ODD)
def test_preflights_to_odd_spellings_are_no_way_in(corsd, backend, other, name):
    other.turn_page()
    answer = corsd.ask(preflight(ODD[name], TWO, host="paths.test"))
    assert answer.status == 400
    assert backend.untouched() and other.untouched()


@pytest.mark.parametrize("name", ODD)
def test_where_there_is_one_route_they_pass(corsd, backend, name):
    """No other route could be meant: forwarded as they came."""
    assert corsd.ask(get(ODD[name], host="plain.test")).status == 200
    assert backend.request.target == ODD[name]


# odd too, and every reading leads to the same route
HARMLESS = {
    "an encoded space": ("/a%20b", "a"),
    "an encoded slash": ("/a%2Fb", "a"),
    "an encoded percent": ("/a%25b", "a"),
    "dots inside a route": ("/api/x/../y", "b"),
    "a dot segment": ("/api/./x", "b"),
    "an empty segment inside a route": ("/api/x//y", "b"),
    "a parameter inside a route": ("/api/x;v=1/y", "b"),
    "capitals inside a route": ("/api/X", "b"),
    "an encoded letter inside a route": ("/api/%78", "b"),
    "a name with dots": ("/api/..x/...", "b"),
    "a long detour": ("/api" + "/x/.." * 500 + "/y", "b"),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_harmless_spellings_pass(corsd, backend, other, name):
    path, where = HARMLESS[name]
    other.turn_page()
    assert corsd.ask(get(path, host="paths.test")).status == 200
    assert {"a": backend, "b": other}[where].request.target == path


def test_asterisk_belongs_to_the_root_route(corsd, backend, other):
    other.turn_page()
    answer = corsd.ask(request("OPTIONS", "*", f"Origin: {TWO}", host="asterisk.test"))
    assert cors(answer) == {"allow-origin": TWO}
    assert other.request.target == "*" and backend.untouched()


def test_an_old_client_without_a_host_sees_only_routes_without(corsd, backend, other):
    other.turn_page()
    assert corsd.ask(get("/x", host=None, version="1.0")).status == 404
    assert corsd.ask(get("/anywhere", host=None, version="1.0")).status == 200
    assert len(other.heads) == 1 and backend.untouched()


def test_routes_by_their_order_do_not_matter(given, backend, other):
    text = """
        listen: LISTEN
        routes:
          - {path: ROUTE1, upstream: BACKEND}
          - {path: ROUTE2, upstream: "OTHER"}
        cors: off
    """
    for first, second in (("/", "/api"), ("/api", "/")):
        other.turn_page()
        corsd = given(text, OTHER=other.url, ROUTE1=first, ROUTE2=second)
        corsd.ask(get("/api/x"))
        assert len(other.heads) == (1 if second == "/api" else 0)


def test_one_connection_many_routes(corsd, backend, other):
    """Keep-alive does not remember a route."""
    other.turn_page()
    client = corsd.connect()
    for _ in range(5):
        client.ask(get("/", host="plain.test"))
        client.ask(get("/admin", host="paths.test"))
        assert client.ask(get("/", host="nowhere.test")).status == 404
    assert (len(backend.heads), len(other.heads)) == (5, 5)
