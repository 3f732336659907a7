"""When there is too little of something: descriptors, connections, room for a route's bodies, time for its
answers. Accepting pauses and goes on by itself, and nothing spins. DESIGN §3, "limits"."""
import time

import pytest

from harness import chunked, cors, early, eventually, get, own_answer, pause, post, read_body, reply, request, stall

APP = "https://app.example.com"

FEW = """
listen: LISTEN
workers: 1
upstream: BACKEND
limits: {connections: 100000}
timeouts: {idle: 10m}
log: {level: LEVEL}
cors: {allow_origins: ["https://app.example.com"]}
"""


def crowd(corsd, count):
    return [corsd.connect() for _ in range(count)]


def full(corsd, descriptors):
    """A client more than there are descriptors, again and again, until accepting pauses."""
    clients = crowd(corsd, descriptors + 8)
    assert corsd.logged("accepting pauses: Too many open files")
    eventually(lambda: corsd.descriptors() >= descriptors, 20, "the last client")
    time.sleep(0.1)  # whoever was just let in is served
    assert corsd.descriptors() == descriptors
    return clients


@pytest.fixture
def exhausted(given, backend):
    """corsd with 90 descriptors, all taken by clients that say nothing; others wait outside."""
    corsd = given(FEW, nofile=90, LEVEL="info")
    return corsd, full(corsd, 90)


def test_out_of_descriptors_nothing_spins(exhausted):
    corsd, _ = exhausted
    cpu, start = corsd.cpu(), time.monotonic()
    time.sleep(1)
    assert (corsd.cpu() - cpu) / (time.monotonic() - start) < 0.3
    assert corsd.log.count("accepting pauses") <= 2, "and it is said once"


def test_clients_inside_are_told(exhausted):
    """No descriptor for the backend's side: 503, readable for the page, and the connection stays."""
    corsd, clients = exhausted
    for _ in range(2):
        answer = own_answer(clients[0].ask(get("/", f"Origin: {APP}")), 503)
        assert cors(answer) == {"allow-origin": APP}


def test_accepting_goes_on_by_itself(exhausted):
    corsd, clients = exhausted
    outside = clients[-1]
    outside.send(get("/outside"))
    assert outside.silent(0.3)
    for client in clients[:60]:
        client.sock.close()
    assert outside.response().body == b"hello"
    assert corsd.connect().ask(get()).body == b"hello"


def test_a_reload_has_the_descriptor_in_reserve(exhausted):
    corsd, clients = exhausted
    corsd.words["LEVEL"] = "debug"
    corsd.reload(FEW)
    assert corsd.logged("reloaded")
    corsd.reload("listen: LISTEN\nnonsense: 1\n")
    assert corsd.logged("error: .*nonsense"), "again: it was given back"
    for client in clients[:60]:
        client.sock.close()
    assert clients[-1].ask(get()).body == b"hello"


def test_again_and_again(given, backend):
    """What was short comes back whole: no descriptor is lost over many rounds."""
    corsd = given(FEW, nofile=90, LEVEL="info")
    assert corsd.ask(get()).body == b"hello"
    before = corsd.descriptors()  # with a pooled connection, and a client that is about to go
    clients = full(corsd, 90)
    for client in clients:
        client.sock.close()
    for _ in range(5):
        for client in crowd(corsd, 110):
            client.sock.close()
    end = time.monotonic() + 20
    while True:
        try:
            assert corsd.ask(get()).body == b"hello"
            break
        except (AssertionError, OSError):
            assert time.monotonic() < end
            time.sleep(0.1)
    eventually(lambda: corsd.descriptors() <= before, what="the last descriptor")


def test_the_default_leaves_room_for_the_backends(given, backend):
    """Of N descriptors no more than about a half are for clients: each may need one behind it."""
    corsd = given("listen: LISTEN\nworkers: 1\nupstream: BACKEND\ncors: off\n", nofile=400)
    clients = crowd(corsd, 200)
    time.sleep(0.3)
    inside = [client for client in clients[:160]]
    assert all(client.ask(get()).status == 200 for client in inside)
    assert clients[-1].send(get()).silent(0.3), "the rest waits for its turn"
    for client in inside:
        client.sock.close()
    assert clients[-1].response().status == 200


def test_connections_wait_without_spinning(given, backend):
    corsd = given("listen: LISTEN\nworkers: 1\nupstream: BACKEND\nlimits: {connections: 5}\ncors: off\n")
    inside = crowd(corsd, 5)
    assert all(client.ask(get()).status == 200 for client in inside)
    outside = crowd(corsd, 30)
    for number, client in enumerate(outside):
        client.send(get(f"/{number}"))
    cpu, start = corsd.cpu(), time.monotonic()
    time.sleep(0.7)
    assert (corsd.cpu() - cpu) / (time.monotonic() - start) < 0.3
    for client in inside:
        client.sock.close()
    for client in outside:
        assert client.response().status == 200
        client.sock.close()


# a route's own limits

ROUTES = """
listen: LISTEN
workers: 1
upstreams: {app: {url: BACKEND, response_timeout: 1s}}
routes:
  - {path: /upload, upstream: app, body_size: 100k, response_timeout: 30s}
  - {path: /endless, upstream: app, body_size: 0}
  - {path: /tiny, upstream: app, body_size: 5}
  - {path: /, upstream: app}
limits: {body_size: 1k}
cors: {allow_origins: ["https://app.example.com"]}
"""


@pytest.fixture(scope="module")
def routes(shared):
    return shared(ROUTES)


@pytest.mark.parametrize("coding", ["length", "chunked"])
@pytest.mark.parametrize("path, size, status", [
    ("/", 1024, 200), ("/", 1025, 413), ("/upload/x", 102400, 200), ("/upload/x", 102401, 413),
    ("/endless", 300_000, 200), ("/tiny", 5, 200), ("/tiny", 6, 413)])
def test_a_routes_body_size(routes, backend, coding, path, size, status):
    client = routes.connect()
    if coding == "length":
        client.send(post(path, f"Origin: {APP}", body=b"x" * size))
    else:
        pieces = [b"x" * min(5000, size - at) for at in range(0, size, 5000)]
        client.send(request("POST", path, f"Origin: {APP}", "Transfer-Encoding: chunked") + chunked(*pieces))
    answer = client.response()
    assert answer.status == status and cors(answer) == {"allow-origin": APP}
    assert [len(seen.body) for seen in backend.requests] == ([size] if status == 200 else [])


def test_a_routes_response_timeout(routes, backend):
    backend.always([pause(2), reply(200, "late")])
    assert routes.ask(get("/upload/slow")).body == b"late"
    own_answer(routes.ask(get("/slow")), 504)


def test_it_holds_inside_a_body_too(routes, backend):
    backend.always([b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab", pause(2), b"cd"])
    assert routes.ask(get("/upload/slow")).body == b"abcd"
    with pytest.raises((AssertionError, ConnectionResetError)):
        routes.ask(get("/slow"))


def test_and_for_an_upload_that_the_backend_does_not_take(routes, backend):
    """It reads nothing of a body larger than all buffers on the way: its time, not the client's."""
    backend.plays(early(stall))
    client = routes.connect()
    client.sock.settimeout(10)
    client.send(request("PUT", "/endless", f"Origin: {APP}", "Content-Length: 900000000"))
    with pytest.raises((TimeoutError, ConnectionResetError, BrokenPipeError)):
        client.sock.settimeout(6)
        while True:
            client.sock.sendall(b"x" * 1_000_000)
    own_answer(client.response("PUT"), 504)


def test_early_bodies_are_read_to_their_limit_only(routes, backend):
    """The backend answers first and reads on: what is above the limit still never reaches it."""
    backend.plays(early(reply(200, "early"), read_body))
    client = routes.connect()
    client.send(request("POST", "/", f"Origin: {APP}", "Transfer-Encoding: chunked") + b"5\r\nhello\r\n")
    assert client.response("POST").body == b"early"
    try:
        for _ in range(20):
            client.send(chunked(b"x" * 100)[:-5])
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert backend.idle(8) and not backend.requests
