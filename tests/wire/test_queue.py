"""max_connections: a server never has more connections than it may, counted by itself; those that
cannot have one wait in a bounded queue, and nobody is passed over. Real Node servers (fleet.py)."""
import time

import pytest
from fleet import Load, asker, eventually, nodes, servers_of
from harness import get, post, reply, slam

YAML = """
    listen: LISTEN
    workers: 2
    cors: off
    upstream: api
    log: {level: debug}
    upstreams:
      api: {servers: SERVERS, MORE}
"""


def start(given, servers, more, yaml=YAML):
    return given(yaml, SERVERS=servers_of(servers), MORE=more)


@pytest.fixture
def one():
    with nodes("a") as (server,):
        yield server


@pytest.fixture
def two():
    with nodes("a", "b") as servers:
        yield servers


def open_now(server):
    return server.stats["connectionsNow"] - 1  # the one that asks


def most(server):
    return server.stats["connectionsMost"]


def test_never_more_connections_than_allowed_counted_by_the_server(given, one):
    base = most(one)  # those of this test itself, one at a time
    corsd = start(given, [one], "max_connections: 3, queue: {size: 100, timeout: 60s}")
    with Load(corsd, 12, "/?ms=3", posts=5) as load:
        load.asks(600)
    assert not load.bad("GET") and not load.bad("POST"), load.got
    assert one.stats["most"] <= 3
    assert base <= 1 and most(one) <= 3 + 1, one.stats  # and one that asks for the figures


def test_the_limit_is_each_servers_own(given, two):
    corsd = start(given, two, "max_connections: 2, queue: {size: 100, timeout: 60s}")
    with Load(corsd, 10, "/?ms=3") as load:
        load.asks(300)
    assert not load.bad("GET"), load.got
    for server in two:
        assert server.stats["most"] == 2


def test_nobody_starves(given, one):
    """Every client of both workers gets its turn within the queue's time, again and again."""
    corsd = start(given, [one], "max_connections: 1, queue: {size: 100, timeout: 60s}")
    clients = [corsd.connect() for _ in range(8)]
    for _ in range(6):
        for client in clients:
            client.send(get("/?ms=1"))
        for client in clients:
            assert client.response().status == 200
    assert one.stats["most"] == 1


def queued(corsd, n):
    """So many requests have begun to wait."""
    eventually(lambda: corsd.log.count("-> queue\n") >= n, "the queue")


def busy(corsd, server, n, target="/?ms=60000"):
    """So many requests that stay under way."""
    clients = [corsd.connect() for _ in range(n)]
    for client in clients:
        client.send(get(target))
    eventually(lambda: server.stats["now"] == n, "the long requests")
    return clients


def test_beyond_the_queue_is_503_at_once(given, one):
    corsd = start(given, [one], "max_connections: 1, queue: {size: 2, timeout: 60s}")
    long = busy(corsd, one, 1)
    waiting = [corsd.connect() for _ in range(2)]
    for client in waiting:
        client.send(get("/"))
    queued(corsd, 2)
    answer = corsd.ask(get("/"))
    assert (answer.status, answer.one("Retry-After")) == (503, "1")
    assert b"the backend has no free connection" in answer.body
    long[0].reset()
    assert [client.response().status for client in waiting] == [200, 200]


def test_too_long_in_the_queue_is_503(given, one):
    corsd = start(given, [one], "max_connections: 1, queue: {size: 2, timeout: 300ms}")
    busy(corsd, one, 1)
    began = time.monotonic()
    assert corsd.ask(get("/")).status == 503
    assert time.monotonic() - began >= 0.3
    assert one.stats["requests"] == 1


def test_without_a_queue_nobody_waits(given, one):
    corsd = start(given, [one], "max_connections: 1")
    busy(corsd, one, 1)
    assert corsd.ask(get("/")).status == 503


def test_an_idle_connection_of_another_worker_is_given_up(given, one):
    """Both workers get requests in turn, and one connection has to do, without a queue."""
    corsd = start(given, [one], "max_connections: 1")
    for _ in range(20):  # the kernel deals the clients out
        with asker(corsd) as ask:
            assert ask() == (200, "a")
    assert most(one) <= 2


def test_a_post_gets_the_place_of_a_connection_too_old_for_it(given, one):
    corsd = start(given, [one], "max_connections: 1", yaml=YAML.replace("workers: 2", "workers: 1"))
    client = corsd.connect()
    assert client.ask(get("/")).status == 200
    time.sleep(2.2)  # DESIGN §3: a POST takes only connections idle under 2 s
    assert client.ask(post("/")).status == 200
    assert most(one) <= 2


@pytest.mark.parametrize("how", ["closes", "resets"])
def test_a_waiter_whose_client_vanishes_leaves(given, one, how):
    corsd = start(given, [one], "max_connections: 1, queue: {size: 1, timeout: 60s}")
    long = busy(corsd, one, 1)
    gone, after = corsd.connect(), corsd.connect()
    gone.send(get("/gone"))
    queued(corsd, 1)
    assert corsd.ask(get("/")).status == 503
    if how == "resets":
        gone.reset()
    else:
        gone.sock.close()
    assert corsd.logged("queue -> done")
    after.send(get("/after"))  # the place in the queue is free again
    queued(corsd, 2)
    long[0].reset()
    assert after.response().status == 200
    assert one.stats["requests"] == 2  # the long one and this: never /gone


def test_a_waiter_is_served_when_a_server_comes_back(given, two):
    """One server is full, the other out: who waits goes on as soon as that one is tried again."""
    a, b = two
    corsd = start(given, two, "max_connections: 1, max_fails: 1, fail_timeout: 1s, queue: {size: 9, timeout: 60s}")
    b.becomes("500")
    with asker(corsd) as ask:
        eventually(lambda: ask()[0] == 500, "500")
    b.becomes("good")
    long = corsd.connect()
    long.send(get("/?ms=60000"))
    eventually(lambda: a.stats["now"] + b.stats["now"] == 1, "the long request")
    assert corsd.ask(get("/")).status == 200


def test_a_reload_lets_waiters_finish(given, one):
    text = YAML
    corsd = start(given, [one], "max_connections: 1, queue: {size: 9, timeout: 60s}")
    long = busy(corsd, one, 1)
    waiting = [corsd.connect() for _ in range(3)]
    for client in waiting:
        client.send(get("/"))
    queued(corsd, 3)
    corsd.reload(text.replace("MORE", "max_connections: 2"))
    assert corsd.logged("reloaded")
    assert corsd.ask(get("/")).status == 200  # the new limit holds for new requests
    long[0].reset()
    assert [client.response().status for client in waiting] == [200] * 3


def test_draining_serves_those_that_wait(given, one):
    corsd = start(given, [one], "max_connections: 1, queue: {size: 9, timeout: 60s}")
    clients = [corsd.connect() for _ in range(5)]
    for client in clients:
        client.send(get("/?ms=300"))
    eventually(lambda: one.stats["now"] == 1, "the first request")
    corsd.signal(15)
    assert [client.response().status for client in clients] == [200] * 5
    assert corsd.exited() == 0


def test_a_tunnel_and_a_stream_count(given, one):
    """What is under way counts until it ends, and its place is given on."""
    corsd = start(given, [one], "max_connections: 2, queue: {size: 4, timeout: 60s}")
    long = busy(corsd, one, 2)
    waits = corsd.connect()
    waits.send(get("/"))
    queued(corsd, 1)
    assert one.stats["requests"] == 2
    long[1].reset()
    assert waits.response().status == 200


@pytest.mark.parametrize("size", [0, 5])
def test_a_retry_after_a_stale_connection_has_its_place(given, backend, size):
    """The connection that died and the one that takes its request count once."""
    corsd = given("""
        listen: LISTEN
        upstreams:
          api: {url: BACKEND, max_connections: 1, queue: {size: SIZE, timeout: 20s}}
        upstream: api
        cors: off
        """, SIZE=str(size))
    client = corsd.connect()
    for n in range(5):
        backend.plays(reply(200, "warm"))
        assert client.ask(get(f"/{n}")).body == b"warm"
        backend.plays([slam])
        backend.plays(reply(200, "again"))
        answer = client.ask(get(f"/{n}/stale"))
        assert (answer.status, answer.body) == (200, b"again")
