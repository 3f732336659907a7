"""Listeners over reloads and at the end: added, removed, kept, and nobody who connected is lost. DESIGN §5."""
import os
import re
import signal
import socket
import stat

import pytest

from harness import PATIENCE, eventually, free_port, get

YAML = """
listen: LISTENERS
upstream: BACKEND
cors: off
health_path: /health
"""


@pytest.fixture
def two(given):
    """corsd on two ports, the second of which comes and goes; and its YAML for a reload."""
    first, second = (f"127.0.0.1:{free_port()}" for _ in range(2))

    def start(more="", **words):
        corsd = given(YAML + more, LISTEN=first, LISTENERS=f"[{first}, {second}]", **words)
        corsd.second = second
        assert corsd.logged("is ready"), "descriptors are counted from here on"
        return corsd

    def listens_on(corsd, *addresses, more=""):
        corsd.words["LISTENERS"] = "[%s]" % ", ".join(f'"{address}"' for address in addresses)
        corsd.reload(YAML + more)

    start.reload = listens_on
    return start


def is_refused(corsd, address):
    try:
        corsd.dial(address).close()
    except (ConnectionRefusedError, ConnectionResetError, FileNotFoundError):
        return True
    return False


def crowd_of(corsd, address, count=300):
    """Connections that have sent their request and wait in the queue of a listener."""
    clients = [corsd.connect(address) for _ in range(count)]
    for number, client in enumerate(clients):
        client.send(get(f"/{number}"))
    return clients


def all_answered(clients):
    for client in clients:
        client.patience = 30
        assert client.response().status == 200


def test_listeners_come_and_go(two, backend):
    corsd = two()
    kept, leaving = corsd.connect(), corsd.connect(corsd.second)
    third = f"127.0.0.1:{free_port()}"
    assert kept.ask(get()).status == leaving.ask(get()).status == 200
    two.reload(corsd, corsd.words["LISTEN"], third)
    eventually(lambda: not is_refused(corsd, third))
    eventually(lambda: is_refused(corsd, corsd.second))
    assert corsd.connect(third).ask(get()).status == 200
    assert kept.ask(get()).status == 200, "what stays, stays"
    assert leaving.ask(get()).status == 200, "connections outlive their listener"
    assert corsd.logged(rf"listening on {third}")
    assert corsd.logged(rf"no longer listening on {corsd.second}")
    assert corsd.log.count(f"listening on {corsd.words['LISTEN']}") == 1, "it was never bound again"


def test_a_listener_that_went_comes_back(two, backend):
    corsd = two()
    for _ in range(3):
        two.reload(corsd, corsd.words["LISTEN"])
        two.reload(corsd, corsd.words["LISTEN"], corsd.second)
    eventually(lambda: corsd.log.count("reloaded: ") >= 1 and not is_refused(corsd, corsd.second))
    eventually(lambda: corsd.connect(corsd.second).ask(get()).status == 200)


def test_the_order_of_listeners_means_nothing(two, backend):
    corsd = two()
    client = corsd.connect(corsd.second)
    two.reload(corsd, corsd.second, corsd.words["LISTEN"])
    assert corsd.logged("reloaded: ")
    assert client.ask(get()).status == 200
    assert "no longer" not in corsd.log


def test_a_port_in_use_keeps_everything(two, backend):
    corsd = two()
    with socket.socket() as other:
        other.bind(("127.0.0.1", free_port()))
        other.listen()
        taken, free = "127.0.0.1:%d" % other.getsockname()[1], f"127.0.0.1:{free_port()}"
        before = corsd.descriptors()
        two.reload(corsd, free, taken, more="log: {level: debug}\n")
        assert corsd.logged(rf"error: cannot listen on {taken}: Address already in use")
        assert corsd.logged("reload failed: the old configuration stays")
    assert is_refused(corsd, free), "all or nothing"
    assert corsd.connect(corsd.second).ask(get()).status == 200
    eventually(lambda: corsd.descriptors() <= before + 2)


@pytest.mark.parametrize("workers", [1, 3])
def test_the_queue_of_a_removed_listener_is_served(two, backend, workers):
    corsd = two(f"workers: {workers}\n")
    for _ in range(2):
        with corsd.frozen():
            clients = crowd_of(corsd, corsd.second)
            two.reload(corsd, corsd.words["LISTEN"], more=f"workers: {workers}\n")
        all_answered(clients)
        eventually(lambda: is_refused(corsd, corsd.second))
        corsd.drop_clients()
        two.reload(corsd, corsd.words["LISTEN"], corsd.second, more=f"workers: {workers}\n")
        eventually(lambda: not is_refused(corsd, corsd.second))


@pytest.mark.parametrize("workers", [1, 3])
def test_the_queue_is_served_before_the_end(two, backend, workers):
    corsd = two(f"workers: {workers}\n")
    with corsd.frozen():
        clients = crowd_of(corsd, corsd.second) + crowd_of(corsd, None)
        corsd.signal(signal.SIGTERM)
    all_answered(clients)
    assert corsd.exited() == 0


def test_a_queue_without_room_is_served_as_room_comes(two, backend):
    """At limits.connections accepting pauses; a drain waits for it all the same."""
    corsd = two("limits: {connections: 20}\n")
    with corsd.frozen():
        clients = crowd_of(corsd, None, 100)
        corsd.signal(signal.SIGTERM)
    all_answered(clients)
    assert corsd.exited() == 0


@pytest.mark.parametrize("how", ["removed", "drained"])
def test_the_queue_of_a_unix_listener(given, backend, short_folder, how):
    path = f"{short_folder}/s"
    listeners = "[LISTEN, 'unix:PATH']"
    corsd = given(YAML.replace("LISTENERS", listeners) + "workers: 3\n", PATH=path)
    with corsd.frozen():
        clients = crowd_of(corsd, f"unix:{path}", 200)
        if how == "removed":
            corsd.reload(YAML.replace("LISTENERS", "LISTEN") + "workers: 3\n")
        else:
            corsd.signal(signal.SIGTERM)
    all_answered(clients)
    eventually(lambda: not os.path.exists(path))
    assert how == "removed" or corsd.exited() == 0


def test_a_unix_listener_keeps_its_socket_and_takes_its_mode(given, backend, short_folder):
    path = f"{short_folder}/s"
    text = YAML.replace("LISTENERS", "[LISTEN, {address: 'unix:PATH', mode: 0600}]")
    corsd = given(YAML.replace("LISTENERS", "[LISTEN, 'unix:PATH']"), PATH=path)
    before = os.stat(path).st_ino
    corsd.reload(text)
    eventually(lambda: stat.S_IMODE(os.stat(path).st_mode) == 0o600)
    corsd.reload(text.replace("0600", "0666"))
    eventually(lambda: stat.S_IMODE(os.stat(path).st_mode) == 0o666)
    assert os.stat(path).st_ino == before
    assert corsd.connect(f"unix:{path}").ask(get()).status == 200


def test_a_path_that_was_taken_away_is_bound_again(given, backend, short_folder):
    path = f"{short_folder}/s"
    corsd = given(YAML.replace("LISTENERS", "[LISTEN, 'unix:PATH']"), PATH=path)
    os.unlink(path)
    corsd.signal(signal.SIGHUP)
    eventually(lambda: os.path.exists(path))
    assert corsd.connect(f"unix:{path}").ask(get()).status == 200


def test_the_log_moves(given, backend):
    corsd = given(YAML.replace("LISTENERS", "LISTEN"))
    log = os.path.join(corsd.folder, "corsd.log")
    corsd.reload(YAML.replace("LISTENERS", "LISTEN") + "log: {output: corsd.log}\n")
    eventually(lambda: os.path.exists(log) and "reloaded: " in open(log, encoding="utf-8").read())
    os.rename(log, log + ".1")
    corsd.signal(signal.SIGUSR1)
    eventually(lambda: os.path.exists(log))
    before = corsd.log.count("reloaded: ")
    corsd.reload(YAML.replace("LISTENERS", "LISTEN"))
    assert corsd.logged("reloaded: ") and before == 0


def test_a_log_that_cannot_be_opened_keeps_everything(given, backend):
    corsd = given(YAML.replace("LISTENERS", "LISTEN"))
    corsd.reload(YAML.replace("LISTENERS", "LISTEN").replace("/health", "/other")
                 + "log: {output: missing/corsd.log}\n")
    assert corsd.logged(r"error: cannot open the log \S*missing/corsd\.log: No such file")
    assert corsd.logged("reload failed: ")
    assert corsd.ask(get("/health")).one("Content-Type") == "text/plain; charset=utf-8"


def test_sockets_are_not_lost_over_many_reloads(two, backend):
    corsd = two()
    before = corsd.descriptors()
    for number in range(20):
        count = len(re.findall("reloaded: ", corsd.log))
        two.reload(corsd, *[corsd.words["LISTEN"], corsd.second][:1 + number % 2])
        eventually(lambda: len(re.findall("reloaded: ", corsd.log)) > count)
    eventually(lambda: corsd.descriptors() <= before, PATIENCE)
    assert corsd.connect(corsd.second).ask(get()).status == 200
