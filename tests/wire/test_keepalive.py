"""Client connections: kept, closed, pipelined, half-closed: RFC 9112 §9, DESIGN §3."""
import threading
import time

import pytest

from harness import close, cors, get, pause, post, preflight, reply, reply_chunked, request, until

APP = "https://app.example.com"

YAML = """
listen: LISTEN
upstream: BACKEND
routes: [{host: only.test, path: /here, upstream: BACKEND}]
cors: {allow_origins: ["https://app.example.com"]}
"""


@pytest.fixture(scope="module")
def corsd(shared):
    return shared(YAML)


def test_one_after_the_other(corsd, backend, deliver):
    client = corsd.connect()
    for number in range(5):
        deliver(client, get(f"/{number}"))
        answer = client.response()
        assert answer.body == b"hello" and "close" not in answer.items("Connection")
    assert [seen.target for seen in backend.requests] == [f"/{number}" for number in range(5)]


@pytest.mark.parametrize("count", [2, 10, 100, 500])
def test_pipelined_in_one_packet(corsd, backend, count):
    backend.always(lambda seen: reply(200, seen.target))
    client = corsd.connect()
    client.send(b"".join(get(f"/{number}") for number in range(count)))
    for number in range(count):
        assert client.response().body == b"/%d" % number
    assert client.silent(0.05)
    assert len(backend.requests) == count


def test_pipelined_byte_by_byte(corsd, backend):
    backend.always(lambda seen: reply(200, seen.target))
    client = corsd.connect()
    client.drip(b"".join(get(f"/{number}") for number in range(10)))
    assert [client.response().body for _ in range(10)] == [b"/%d" % number for number in range(10)]


def test_pipelined_with_bodies(corsd, backend):
    backend.always(lambda seen: reply(200, seen.body))
    client = corsd.connect()
    bodies = [b"x" * number for number in (1, 0, 70000, 3, 1000)]
    client.send(b"".join(post("/", body=body) for body in bodies))
    assert [client.response().body for _ in bodies] == bodies


def test_pipelined_answers_of_all_kinds_in_order(corsd, backend):
    """What corsd knows at once waits for what the backend takes its time for."""
    backend.plays([pause(0.2), reply(200, "slow")], [pause(0.1), reply_chunked(b"slower")])
    client = corsd.connect()
    client.send(get("/1") + preflight(origin=APP) + preflight(origin="https://evil.example")
                + get("/2") + request("TRACE", "/") + get("/3"))
    assert client.response().body == b"slow"
    assert client.response("OPTIONS").status == 204
    assert client.response("OPTIONS").status == 403
    assert client.response().body == b"slower"
    refusal = client.response()
    assert refusal.status == 405
    assert client.ended() if "close" in refusal.items("Connection") else client.response().body == b"hello"


def test_pipelined_waits_its_turn(corsd, backend):
    """The second request is not sent before the first is answered: the answers keep their order."""
    go = threading.Event()
    backend.plays([until(go), reply(200, "first")], reply(200, "second"))
    client = corsd.connect()
    client.send(get("/1") + get("/2"))
    assert backend.saw_heads(1)
    assert client.silent(0.1)
    go.set()
    assert [client.response().body, client.response().body] == [b"first", b"second"]


def test_a_broken_request_behind_good_ones(corsd, backend):
    client = corsd.connect()
    client.send(get("/1") + get("/2") + b"GET /3 HTTP/1.1\nHost: app.test\n\n" + get("/4"))
    assert [client.response().status for _ in range(3)] == [200, 200, 400]
    assert client.ended()
    assert [seen.target for seen in backend.requests] == ["/1", "/2"]


def test_a_flood_that_nobody_reads(corsd, backend):
    """10,000 pipelined requests from a client that reads later: bounded, and all answered."""
    client = corsd.connect()
    flood = get("/", "X-Pad: " + "x" * 100) * 10000
    sender = threading.Thread(target=lambda: client.sock.sendall(flood))
    client.sock.settimeout(60)
    sender.start()
    for number in range(10000):
        assert client.response().body == b"hello", number
    sender.join()


@pytest.mark.parametrize("spelling", ["close", "Close", "keep-alive, close", "close, x-y"])
def test_close_is_honoured(corsd, backend, spelling):
    client = corsd.connect()
    client.send(get("/1", f"Connection: {spelling}") + get("/2"))
    answer = client.response()
    assert answer.body == b"hello"
    assert [item.lower() for item in answer.items("Connection")] == ["close"]
    assert client.ended()
    assert [seen.target for seen in backend.requests] == ["/1"], "nothing behind a close is looked at"


def test_keep_alive_is_the_default(corsd, backend):
    client = corsd.connect()
    assert "close" not in client.ask(get("/", "Connection: keep-alive")).items("Connection")
    assert client.ask(get()).status == 200


def test_an_old_client_is_closed(corsd, backend):
    client = corsd.connect()
    client.send(get("/1", version="1.0") + get("/2", version="1.0"))
    assert client.response().body == b"hello"
    assert client.ended() and len(backend.heads) == 1


@pytest.mark.parametrize("spelling", ["keep-alive", "Keep-Alive"])
def test_an_old_client_may_ask_to_be_kept(corsd, backend, spelling):
    client = corsd.connect()
    for _ in range(3):
        answer = client.ask(get("/", f"Connection: {spelling}", version="1.0"))
        assert answer.body == b"hello"
        assert [item.lower() for item in answer.items("Connection")] == ["keep-alive"]
    assert client.ask(get("/", version="1.0")).body == b"hello"
    assert client.ended()


def test_an_old_client_kept_gets_preflights_and_errors_too(corsd, backend):
    client = corsd.connect()
    answer = client.ask(preflight("/", APP, "PUT", "Connection: keep-alive", version="1.0"))
    assert answer.status == 204 and "keep-alive" in [item.lower() for item in answer.items("Connection")]
    assert client.ask(get("/", version="1.0")).body == b"hello"


def test_an_old_client_cannot_be_kept_without_a_length(corsd, backend):
    """No chunks for HTTP/1.0: the end of the connection ends the body."""
    backend.plays(reply_chunked(b"hel", b"lo"))
    client = corsd.connect()
    answer = client.ask(get("/", "Connection: keep-alive", version="1.0"))
    assert answer.body == b"hello" and answer.framing == "close"
    assert "keep-alive" not in [item.lower() for item in answer.items("Connection")]
    assert client.ended()


def test_a_body_until_the_end_keeps_a_new_client(corsd, backend):
    backend.plays([b"HTTP/1.1 200 OK\r\n\r\nhello", close])
    client = corsd.connect()
    answer = client.ask(get())
    assert answer.body == b"hello"
    if answer.framing == "chunked":
        assert client.ask(get()).body == b"hello"
    else:
        assert client.ended()


def test_half_closed_after_its_request(corsd, backend):
    backend.plays([pause(0.2), reply(200, "late", "X: y")])
    client = corsd.connect()
    client.send(get("/", f"Origin: {APP}")).finish()
    answer = client.response()
    assert answer.body == b"late" and cors(answer) == {"allow-origin": APP}
    assert client.ended()


def test_half_closed_after_a_pipeline(corsd, backend):
    backend.always([pause(0.02), reply(200, "x")])
    client = corsd.connect()
    client.send(get() * 5 + post("/", body=b"last")).finish()
    assert [client.response().body for _ in range(6)] == [b"x"] * 6
    assert client.ended()


def test_half_closed_inside_a_head(corsd, backend):
    client = corsd.connect()
    client.send(get()[:-2]).finish()
    assert_refused_or_closed(client)
    assert backend.untouched()


def test_half_closed_inside_a_body(corsd, backend):
    client = corsd.connect()
    client.send(post("/", body=b"x" * 100)[:-1]).finish()
    assert_refused_or_closed(client)
    assert backend.idle() and not backend.requests


def assert_refused_or_closed(client):
    if not client.ended():
        assert client.response().status == 400
        assert client.ended()


def test_reset_while_waiting_releases_the_upstream(corsd, backend):
    gone = threading.Event()
    backend.plays([wait_until_gone(gone)])
    client = corsd.connect()
    client.send(get())
    assert backend.saw_heads(1)
    client.reset()
    assert gone.wait(5), "the upstream connection is closed at once"


def test_reset_inside_a_response_releases_the_upstream(corsd, backend):
    gone = threading.Event()
    backend.plays([b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello", wait_until_gone(gone)])
    client = corsd.connect()
    client.send(get())
    client.through(b"hello")
    client.reset()
    assert gone.wait(5)


def wait_until_gone(event):
    def step(conn):
        for _ in range(1000):
            if conn.gone():
                event.set()
                break
            time.sleep(0.01)
        conn.over = True
    return step


def test_empty_lines_between_requests(corsd, backend):
    """Old clients send a line end behind a POST's body: up to eight are skipped."""
    client = corsd.connect()
    assert client.ask(post("/1", body=b"x") + b"\r\n").status == 200
    assert client.ask(get("/2")).status == 200
    client.send(b"\r\n" * 7 + get("/3"))
    assert client.response().status == 200
    assert len(backend.requests) == 3


def test_many_clients_at_once(corsd, backend):
    backend.always(lambda seen: reply(200, seen.target))
    clients = [corsd.connect() for _ in range(100)]
    for turn in range(3):
        for number, client in enumerate(clients):
            client.send(get(f"/{turn}/{number}"))
        for number, client in enumerate(clients):
            assert client.response().body == f"/{turn}/{number}".encode()


def test_connections_that_say_nothing(corsd, backend):
    for _ in range(50):
        client = corsd.connect()
        client.sock.close()
    clients = [corsd.connect() for _ in range(50)]
    for client in clients:
        client.reset()
    assert corsd.ask(get()).body == b"hello"
    assert len(backend.heads) == 1
