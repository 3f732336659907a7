"""The admin listener: /healthz and /readyz, who may ask, and that it answers whatever happens. DESIGN §5, §6."""
import os
import signal
import socket
import threading
import time

import pytest

from harness import Client, eventually, free_port, get, post, reply, request, until

YAML = """
listen: LISTEN
upstream: BACKEND
cors: off
admin: ADMIN
timeouts: {drain: 20s, drain_delay: 0s}
"""


@pytest.fixture
def started(given):
    def start(admin=None, more="", **words):
        address = f"127.0.0.1:{free_port()}"
        corsd = given(YAML + more, ADMIN=admin or address, ADDRESS=address, **words)
        assert corsd.logged("is ready"), "the admin listener comes last"
        corsd.admin = admin or address
        if "ADDRESS" in (admin or ""):
            corsd.admin = address
        return corsd
    return start


def ask(corsd, data, address=None):
    client = Client(corsd.dial(address or corsd.admin))
    try:
        return client.ask(data)
    finally:
        client.sock.close()


def test_answers(started, backend):
    corsd = started()
    for path in ("/healthz", "/readyz", "/healthz?verbose=1"):
        answer = ask(corsd, get(path, host="localhost"))
        assert answer.status == 200 and answer.body in (b"ok\n", b"ready\n")
        assert answer.one("Cache-Control") == "no-store" and answer.one("X-Content-Type-Options") == "nosniff"
    assert ask(corsd, get("/", host="localhost")).status == 404
    assert ask(corsd, get("/metricsx", host="localhost")).status == 404
    assert ask(corsd, request("HEAD", "/healthz", host="localhost")).body == b""
    refused = ask(corsd, post("/healthz", host="localhost"))
    assert refused.status == 405 and refused.one("Allow") == "GET, HEAD" and refused.one("Connection") == "close"
    assert backend.untouched(), "nothing of it is proxied"


def test_a_connection_serves_many(started, backend):
    corsd = started()
    client = Client(corsd.dial(corsd.admin))
    for _ in range(5):
        assert client.ask(get("/healthz", host="localhost")).status == 200
    client.send(get("/healthz", host="localhost") * 3)
    for _ in range(3):
        assert client.response().status == 200
    client.drip(get("/readyz", host="localhost"))
    assert client.response().status == 200
    assert client.ask(get("/readyz", "Connection: close", host="localhost")).one("Connection") == "close"
    assert client.ended()


@pytest.mark.parametrize("data, status", [
    (b"nonsense\r\n\r\n", 400),
    (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
    (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400),
    (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    (b"GET http://localhost/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 20000 + b"\r\n\r\n", 431),
    (b"GET /healthz HTTP/1.0\r\n\r\n", 200),
], ids=["nonsense", "no host", "two hosts", "two framings", "absolute form", "a huge head", "HTTP/1.0"])
def test_what_is_wrong_is_refused_and_closed(started, backend, data, status):
    corsd = started()
    client = Client(corsd.dial(corsd.admin))
    client.send(data)
    assert client.response().status == status
    assert client.ended()


def test_names_it_answers_to(started, backend):
    """A page of a stranger's that had its name lead here (DNS rebinding) is told nothing."""
    corsd = started("{address: 'ADDRESS', hosts: [Corsd-Admin.internal]}")
    for host in ("localhost", "LOCALHOST:9901", "127.0.0.1", "[::1]:80", "10.1.2.3:9901", "corsd-admin.INTERNAL"):
        assert ask(corsd, get("/readyz", host=host)).status == 200, host
    for host in ("evil.example", "localhost.evil.example", "internal", "127.0.0.1.evil.example"):
        assert ask(corsd, get("/readyz", host=host)).status == 421, host


def test_a_unix_path(started, backend, short_folder):
    corsd = started(f"unix:{short_folder}/admin")
    assert ask(corsd, get("/readyz", host="localhost")).status == 200
    corsd.signal(signal.SIGTERM)
    assert corsd.exited() == 0 and not os.path.exists(f"{short_folder}/admin")


def test_readyz_turns_while_it_drains(started, backend):
    corsd, go = started(), threading.Event()
    backend.plays([until(go), reply(200, "finished")])
    busy = corsd.connect()
    busy.send(get())
    assert backend.saw_heads(1)
    corsd.signal(signal.SIGTERM)
    eventually(lambda: ask(corsd, get("/readyz", host="localhost")).status == 503)
    assert ask(corsd, get("/healthz", host="localhost")).status == 200, "it lives, and only wants no more work"
    go.set()
    assert busy.response().body == b"finished"
    assert corsd.exited() == 0


def test_it_answers_without_descriptors(started, backend):
    corsd = started(nofile=60)
    crowd = [corsd.connect() for _ in range(100)]
    for client in crowd:
        client.send(get("/crowd"))
    for _ in range(5):
        assert ask(corsd, get("/healthz", host="localhost")).status == 200
    corsd.drop_clients()
    eventually(lambda: ask(corsd, get("/readyz", host="localhost")).status == 200)


def test_many_askers_are_bounded(started, backend):
    corsd = started()
    before = corsd.descriptors()
    crowd = [Client(corsd.dial(corsd.admin)) for _ in range(200)]
    eventually(lambda: corsd.descriptors() <= before + 70)
    for client in crowd:
        client.sock.close()
    eventually(lambda: ask(corsd, get("/readyz", host="localhost")).status == 200)


def test_a_head_that_trickles_has_ten_seconds(started, backend):
    corsd = started()
    client = Client(corsd.dial(corsd.admin))
    assert client.ask(get("/healthz", host="localhost")).status == 200
    began = time.monotonic()
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        for byte in get("/healthz?" + "x" * 60, host="localhost"):
            client.send(bytes([byte]))
            time.sleep(0.5)
    assert 8 < time.monotonic() - began < 20


def test_it_comes_and_goes_and_moves_by_reload(started, backend):
    corsd = started()
    other = f"127.0.0.1:{free_port()}"
    first = corsd.admin
    corsd.words["ADMIN"] = other
    corsd.reload(YAML)
    eventually(lambda: not refused(corsd, other) and ask(corsd, get("/readyz", host="localhost"), other).status == 200)
    eventually(lambda: refused(corsd, first))
    corsd.words["ADMIN"] = "off"
    corsd.reload(YAML)
    eventually(lambda: refused(corsd, other))
    corsd.words["ADMIN"] = f"{{address: '{other}', hosts: [a.example]}}"
    corsd.reload(YAML)
    eventually(lambda: not refused(corsd, other))
    assert ask(corsd, get("/readyz", host="a.example"), other).status == 200
    assert corsd.log.count("reload failed") == 0


def test_an_admin_port_in_use_keeps_everything(started, backend):
    corsd = started()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port()))
        taken.listen()
        corsd.words["ADMIN"] = "127.0.0.1:%d" % taken.getsockname()[1]
        corsd.reload(YAML)
        assert corsd.logged("cannot listen on .*Address already in use") and corsd.logged("reload failed")
    assert ask(corsd, get("/readyz", host="localhost")).status == 200


def refused(corsd, address):
    try:
        corsd.dial(address).close()
    except OSError:
        return True
    return False
