"""Several servers behind one upstream: who gets how much, and what becomes of requests when one of
them dies and returns. Real Node servers (fleet.py)."""
import time
from collections import Counter

import pytest
from fleet import Load, asker, eventually, nodes, servers_of
from harness import get, post, reply, slam

YAML = """
    listen: LISTEN
    cors: off
    upstream: api
    upstreams:
      api: {servers: SERVERS, MORE}
"""
WORKERS = "\n    workers: 2"


@pytest.fixture(scope="module")
def three():
    with nodes("a", "b", "c") as servers:
        yield servers


def start(given, servers, more="max_fails: 3", weights=None, yaml=YAML):
    return given(yaml, SERVERS=servers_of(servers, weights), MORE=more)


def test_a_round_goes_by_weight_and_is_smooth(given, three):
    corsd = start(given, three, weights=[2, 1, 1])
    with asker(corsd) as ask:
        names = [ask()[1] for _ in range(40)]
    for i in range(0, 40, 4):  # each round is whole, and no server gets its share in one go
        assert Counter(names[i:i + 4]) == {"a": 2, "b": 1, "c": 1}, names
    assert "aaa" not in "".join(names)


def test_weight_0_gets_nothing(given, three):
    corsd = start(given, three, weights=[1, 0, 1])
    with asker(corsd) as ask:
        assert Counter(ask()[1] for _ in range(20)) == {"a": 10, "c": 10}


def test_two_workers_do_not_move_in_step(given, three):
    """The first requests of two workers go to different servers."""
    corsd = start(given, three, yaml=YAML + WORKERS)
    first = set()
    for _ in range(40):  # the kernel deals connections out to both
        with asker(corsd) as ask:
            first.add(ask()[1])
    assert len(first) > 1


def test_shares_under_load_are_as_configured(given, three):
    corsd = start(given, three, weights=[3, 2, 1], yaml=YAML + WORKERS)
    with Load(corsd, 8, "/") as load:
        load.asks(900)
    total = load.total()
    assert not load.bad("GET")
    for name, share in (("a", 3 / 6), ("b", 2 / 6), ("c", 1 / 6)):
        assert abs(load.total(name) / total - share) < 0.02, load.got


def test_least_connections_counts_over_all_workers(given, three):
    """Two servers are busy: the third gets all that comes, whichever worker it comes to."""
    corsd = start(given, three, more="balance: least_connections", yaml=YAML + WORKERS)
    busy = [corsd.connect() for _ in range(2)]
    for client in busy:
        client.send(get("/?ms=60000"))
        eventually(lambda: sum(one.stats["now"] for one in three) > busy.index(client), "the long request")
    free = [one.name for one in three if not one.stats["now"]]
    assert len(free) == 1
    for _ in range(6):
        with asker(corsd) as ask:
            assert ask() == (200, free[0])
        time.sleep(0.05)  # the worker that relayed it counts it as ended a moment after its last byte
    for client in busy:
        client.reset()
    eventually(lambda: not any(one.stats["now"] for one in three), "the end of the long requests")


def test_host_upstream_is_the_chosen_servers_own(given, three):
    corsd = start(given, three, more="host: upstream")
    client = corsd.connect()
    hosts = {answer.one("X-Server"): answer.one("X-Host")
             for answer in (client.ask(get(f"/{'x' * n}", "X-Long: " + "y" * n)) for n in range(6))}
    assert hosts == {one.name: f"127.0.0.1:{one.port}" for one in three}


def test_host_upstream_follows_to_the_next_server(given, three):
    """The first server refuses: the second gets its own name, not the first one's."""
    dead = "http://127.0.0.1:1"
    corsd = given(YAML, SERVERS=f"['{dead}', '{three[0].url}']", MORE="host: upstream")
    for _ in range(4):
        answer = corsd.ask(get("/"))
        assert (answer.status, answer.one("X-Host")) == (200, f"127.0.0.1:{three[0].port}")


def test_a_killed_server_costs_no_get_and_returns(given):
    """Killed and revived under load: no failed GET; of the POSTs at most those in flight on it."""
    clients, posts = 8, 3
    with nodes("a", "b", "c") as servers:
        corsd = start(given, servers, more="max_fails: 2, fail_timeout: 300ms", yaml=YAML + WORKERS)
        with Load(corsd, clients, posts=posts) as load:
            for name in "abc":
                load.asks(60, name)
            servers[1].kill()
            load.asks(300)
            servers[1].start()
            load.asks(60, "b")
            load.asks(100)
    assert not load.bad("GET"), load.got
    assert sum(load.bad("POST").values()) <= posts, load.got
    assert corsd.logged(r"server 127\.0\.0\.1:%d is out for 300ms after \d+ failures in a row, the last: upstream_"
                 % servers[1].port)
    assert corsd.logged(r"server 127\.0\.0\.1:%d is back" % servers[1].port)


def test_a_post_is_never_sent_twice(given, backend, three):
    """The server closes after it has read the POST: no other one sees it."""
    before = [one.stats["posts"] for one in three]
    backend.plays([slam])
    corsd = given(YAML, SERVERS=f"['{backend.url}', '{three[0].url}']", MORE="max_fails: 100")
    client = corsd.connect()
    statuses = [client.ask(post("/")).status for _ in range(2)]
    assert sorted(statuses) == [200, 502], statuses
    assert [one.stats["posts"] for one in three] == [before[0] + 1, *before[1:]]


def test_a_reload_keeps_pools_of_what_did_not_change(given, backend):
    text = """
        listen: LISTEN
        cors: off
        upstreams: {api: {url: 'BACKEND', max_fails: 5}, other: {url: 'BACKEND', max_fails: FAILS}}
        routes: [{path: /, upstream: api}, {path: /other, upstream: other}]
    """
    backend.always(reply(200, "hello"))
    corsd = given(text, FAILS="5")
    client = corsd.connect()  # one worker's: each has its own pools
    assert client.ask(get("/")).status == 200
    assert client.ask(get("/other")).status == 200
    opened = backend.requests[1].connection
    corsd.reload(text.replace("FAILS", "6"))
    assert backend.waits(lambda: len(backend.open) == 1)  # the changed one's pool is let go at once
    assert client.ask(get("/")).status == 200
    assert backend.requests[2].connection == backend.requests[0].connection
    assert client.ask(get("/other")).status == 200
    assert backend.requests[3].connection not in (opened, backend.requests[0].connection)
