"""A server that is sick goes out and comes back: by what requests saw (max_fails), and by active
checks (health). With all out, the rule of DESIGN §4."""
import socket
import time
from collections import Counter

import pytest
from fleet import Load, Node, asker, eventually, nodes, servers_of
from harness import free_port, get, reply, reset

YAML = """
    listen: LISTEN
    cors: off
    upstream: api
    upstreams:
      api: {servers: SERVERS, MORE}
"""


def start(given, servers, more):
    return given(YAML, SERVERS=servers_of(servers), MORE=more)


def out(corsd, server):
    return corsd.logged(rf"server 127\.0\.0\.1:{server.port} is out")


def back(corsd, server, times=1):
    eventually(lambda: corsd.log.count(f"server 127.0.0.1:{server.port} is back") >= times, "back")


SICK = {  # mode -> (the word in the log, the statuses that its clients may see)
    "500": ("status 500", {500}),
    "reset": ("upstream_reset", {200, 502}),
    "slow": ("upstream_timeout", {504}),
}


@pytest.mark.parametrize("mode", SICK)
def test_a_sick_server_goes_out_and_comes_back(given, mode):
    word, seen = SICK[mode]
    with nodes("a", "b") as (a, b):
        corsd = start(given, (a, b), "max_fails: 3, fail_timeout: 300ms, response_timeout: 300ms")
        with asker(corsd) as ask:
            assert {ask()[1] for _ in range(4)} == {"a", "b"}
            b.becomes(mode)
            statuses = Counter(ask()[0] for _ in range(8))
            assert set(statuses) <= seen | {200}, statuses
            assert sum(n for status, n in statuses.items() if status != 200) <= 3
            assert corsd.logged(rf"server 127\.0\.0\.1:{b.port} is out for 300ms after 3 failures in a row, "
                                rf"the last: {word}")
            b.becomes("good")
            eventually(lambda: ask() == (200, "b"), "b")
            back(corsd, b)
            assert {ask()[1] for _ in range(4)} == {"a", "b"}


def test_a_server_that_refuses_costs_nobody_anything(given):
    with nodes("a") as (a,):
        port = free_port()
        corsd = given(YAML, SERVERS=f"['{a.url}', 'http://127.0.0.1:{port}']",
                      MORE="max_fails: 2, fail_timeout: 200ms")
        with asker(corsd) as ask:
            assert {ask(method=method, body=body) for method, body in [("GET", None), ("POST", b"x")] * 4} == {(200, "a")}
            assert corsd.logged(rf"server 127\.0\.0\.1:{port} is out for 200ms after 2 failures in a row, "
                                r"the last: upstream_refused")
            b = Node("b", port)
            try:
                eventually(lambda: ask()[1] == "b", "b")
                back(corsd, b)
            finally:
                b.kill()


def test_a_server_that_is_out_gets_nothing(given):
    with nodes("a", "b") as (a, b):
        corsd = start(given, (a, b), "max_fails: 1, fail_timeout: 10m, response_timeout: 500ms")
        with asker(corsd) as ask:
            b.becomes("slow")
            assert sorted(ask()[0] for _ in range(2)) == [200, 504]
            assert out(corsd, b)
            assert [ask()[1] for _ in range(10)] == ["a"] * 10


def test_one_request_tries_a_server_that_is_due(given):
    """A slow server that is out costs one request each fail_timeout, not one a client."""
    with nodes("a", "b") as (a, b):
        corsd = start(given, (a, b), "max_fails: 1, fail_timeout: 1s, response_timeout: 500ms")
        b.becomes("slow")
        with asker(corsd) as ask:
            assert sorted(ask()[0] for _ in range(2)) == [200, 504]
        assert out(corsd, b)
        begun = time.monotonic()
        with Load(corsd, 8, "/") as load:
            load.until(lambda: sum(load.bad("GET").values()) >= 2)
        elapsed = time.monotonic() - begun
        assert sum(load.bad("GET").values()) <= elapsed + 2, (elapsed, load.got)


def test_failures_count_in_a_row_only(given):
    with nodes("a", "b") as (a, b):
        corsd = start(given, (a, b), "max_fails: 2, fail_timeout: 10m")
        with asker(corsd) as ask:
            for _ in range(4):
                b.becomes("500")
                assert sorted(ask()[0] for _ in range(2)) == [200, 500]
                b.becomes("good")
                assert [ask()[0] for _ in range(2)] == [200, 200]
        assert " is out" not in corsd.log


def test_max_fails_0_takes_nobody_out(given):
    with nodes("a", "b") as (a, b):
        corsd = start(given, (a, b), "max_fails: 0")
        b.becomes("500")
        with asker(corsd) as ask:
            assert Counter(ask()[0] for _ in range(20)) == {200: 10, 500: 10}
        assert " is out" not in corsd.log


def test_a_group_of_one_is_never_taken_out(given, backend):
    corsd = given(YAML, SERVERS=f"['{backend.url}']", MORE="max_fails: 1, fail_timeout: 10m")
    backend.plays([reset], reply(500, "no", "Connection: close"), [reset], reply(200, "well"))
    client = corsd.connect()
    assert [client.ask(get("/")).status for _ in range(4)] == [502, 500, 502, 200]
    assert " is out" not in corsd.log


def test_with_all_out_the_one_out_longest_is_tried(given):
    with nodes("a", "b") as (a, b):
        corsd = start(given, (a, b), "max_fails: 1, fail_timeout: 10m")
        a.becomes("500")
        b.becomes("500")
        with asker(corsd) as ask:
            first = [ask() for _ in range(2)]
            assert {name for _, name in first} == {"a", "b"}
            assert out(corsd, a) and out(corsd, b)
            # in the order in which they went out, and again
            assert [ask()[1] for _ in range(4)] == [name for _, name in first] * 2
            a.becomes("good")
            eventually(lambda: ask() == (200, "a"), "a")
            back(corsd, a)
            assert [ask() for _ in range(4)] == [(200, "a")] * 4


def test_nobody_there_is_a_502(given):
    ports = [free_port(), free_port()]
    corsd = given(YAML, SERVERS=str([f"http://127.0.0.1:{port}" for port in ports]), MORE="max_fails: 1")
    for _ in range(3):
        assert corsd.ask(get("/")).status == 502


def test_a_request_adds_one_failure_a_server(given):
    """It goes to both, once each: two requests make two failures each, not four."""
    ports = [free_port(), free_port()]
    corsd = given(YAML, SERVERS=str([f"http://127.0.0.1:{port}" for port in ports]), MORE="max_fails: 3")
    for _ in range(2):
        assert corsd.ask(get("/")).status == 502
    assert " is out" not in corsd.log
    assert corsd.ask(get("/")).status == 502
    for port in ports:
        assert corsd.logged(rf"127\.0\.0\.1:{port} is out for 10s after 3 failures")


# ---------------------------------------------------------------- active checks

HEALTH = "health: {path: '/?check', interval: 50ms, timeout: 10s, rise: 2, fall: 2}"


def test_checks_take_a_server_out_and_bring_it_back(given):
    with nodes("a", "b") as (a, b):
        corsd = start(given, (a, b), HEALTH + ", max_fails: 0")
        with asker(corsd) as ask:
            assert {ask()[1] for _ in range(4)} == {"a", "b"}
            b.becomes("500")
            assert corsd.logged(rf"server 127\.0\.0\.1:{b.port} is down: its check was answered by 500")
            assert [ask()[1] for _ in range(6)] == ["a"] * 6
            b.becomes("good")
            assert corsd.logged(rf"server 127\.0\.0\.1:{b.port} is up: it answers its checks well")
            assert {ask()[1] for _ in range(4)} == {"a", "b"}
            b.kill()
            assert corsd.logged(rf"server 127\.0\.0\.1:{b.port} is down: its check could not connect")
            assert [ask() for _ in range(6)] == [(200, "a")] * 6


def test_a_check_says_who_it_is_meant_for(given, backend):
    given(YAML, SERVERS=f"['{backend.url}']", MORE=HEALTH + ", host: api.example.com")
    assert backend.waits(lambda: len(backend.requests) >= 2)
    request = backend.requests[0]
    assert (request.start, request.one("Host")) == ("GET /?check HTTP/1.1", "api.example.com")
    assert request.one("Connection") == "close"


def test_with_every_server_down_the_answer_is_503(given):
    with nodes("a", "b") as (a, b):
        corsd = start(given, (a, b), HEALTH)
        a.becomes("500")
        b.becomes("500")
        for one in (a, b):
            assert corsd.logged(rf"server 127\.0\.0\.1:{one.port} is down")
        answer = corsd.ask(get("/"))
        assert (answer.status, answer.one("Retry-After")) == (503, "1")
        assert b"no server of the backend is healthy" in answer.body
        a.becomes("good")
        assert corsd.logged(rf"server 127\.0\.0\.1:{a.port} is up")
        assert corsd.ask(get("/")).one("X-Server") == "a"


def test_a_group_of_one_can_be_down(given):
    with nodes("a") as (a,):
        corsd = start(given, (a,), HEALTH)
        a.becomes("500")
        assert corsd.logged("is down")
        assert corsd.ask(get("/")).status == 503
        a.becomes("good")
        assert corsd.logged("is up")
        assert corsd.ask(get("/")).status == 200


def test_a_check_that_is_not_answered_is_a_failed_one(given):
    """The one accepts and says nothing, the other says something else than HTTP."""
    with socket.socket() as silent, nodes("a") as (a,):
        silent.bind(("127.0.0.1", free_port()))
        silent.listen(64)
        port = silent.getsockname()[1]
        corsd = given(YAML, SERVERS=f"['{a.url}', 'http://127.0.0.1:{port}']",
                      MORE="health: {path: /, interval: 50ms, timeout: 200ms, fall: 2}")
        assert corsd.logged(rf"127\.0\.0\.1:{port} is down: its check was not answered in time")
        with asker(corsd) as ask:
            assert [ask() for _ in range(4)] == [(200, "a")] * 4


def test_health_lives_over_a_reload(given):
    with nodes("a", "b") as (a, b):
        text = YAML + "    log: {level: LEVEL}\n"
        corsd = given(text, SERVERS=servers_of((a, b)), MORE=HEALTH, LEVEL="info")
        b.becomes("500")
        assert corsd.logged("is down")
        corsd.reload(text.replace("LEVEL", "debug"))
        assert corsd.logged("reloaded")
        with asker(corsd) as ask:
            assert [ask() for _ in range(6)] == [(200, "a")] * 6
        corsd.reload(YAML.replace("MORE", "max_fails: 3"))  # without checks it counts as up
        eventually(lambda: corsd.log.count("reloaded") == 2, "the reload")
        b.becomes("good")
        with asker(corsd) as ask:
            eventually(lambda: ask()[1] == "b", "b")


def test_slow_start_spares_a_server_that_came_back(given):
    with nodes("a", "b") as (a, b):
        corsd = start(given, (a, b), "max_fails: 1, fail_timeout: 100ms, slow_start: 10m")
        b.becomes("500")
        with asker(corsd) as ask:
            eventually(lambda: ask()[0] == 500, "500")
            b.becomes("good")
            eventually(lambda: ask() == (200, "b"), "b")
            names = Counter(ask()[1] for _ in range(60))
        assert 1 <= names["b"] <= 12, names  # a tenth of its weight
