"""The process: TERM, INT and HUP, unix sockets, and descriptors that run out. DESIGN §5."""
import contextlib
import os
import signal
import socket
import threading
import time

import pytest

from harness import (PATIENCE, Backend, Cut, cors, eventually, free_port, get, pause, post, preflight, reply,
                     request, run, stall, until, vary)

APP = "https://app.example.com"

YAML = """
listen: LISTEN
upstream: BACKEND
cors: {allow_origins: ["https://app.example.com"]}
timeouts: {drain: 3s}
"""


def refuses(corsd, within=5):
    """Waits until no new connection is taken."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        try:
            corsd.dial(corsd.words["LISTEN"]).close()
        except (ConnectionRefusedError, ConnectionResetError, FileNotFoundError):
            return True
        time.sleep(0.01)
    return False


# the end

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT, signal.SIGINT], ids=lambda n: n.name)
def test_ends_at_once_when_idle(given, backend, number):
    corsd = given(YAML)
    client = corsd.connect()
    client.ask(get())
    corsd.signal(number)
    assert corsd.exited() == 0
    assert client.ended()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT], ids=lambda n: n.name)
def test_term_lets_exchanges_end(given, backend, number):
    corsd, go = given(YAML), threading.Event()
    backend.plays([until(go), reply(200, "finished")])
    busy, idle = corsd.connect(), corsd.connect()
    idle.ask(request("OPTIONS", "*", "Max-Forwards: 0"))
    busy.send(get("/busy", f"Origin: {APP}"))
    assert backend.waits(lambda: any(head.target == "/busy" for head in backend.heads))
    corsd.signal(number)
    assert idle.ended(), "idle connections close"
    assert refuses(corsd), "listeners close"
    assert corsd.alive
    go.set()
    answer = busy.response()
    assert answer.body == b"finished" and cors(answer) == {"allow-origin": APP}
    assert [item.lower() for item in answer.items("Connection")] == ["close"]
    assert busy.ended() and corsd.exited() == 0


def test_term_lets_an_upload_end(given, backend):
    corsd = given(YAML)
    client = corsd.connect()
    client.send(post("/", body=b"x" * 1000)[:-500])
    assert backend.saw_heads(1)
    corsd.signal(signal.SIGTERM)
    time.sleep(0.2)
    client.send(b"x" * 500)
    assert client.response().body == b"hello"
    assert client.ended() and corsd.exited() == 0


def test_term_lets_a_download_end(given, backend):
    corsd, go = given(YAML), threading.Event()
    backend.plays([b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", until(go), b"world"])
    client = corsd.connect()
    client.send(get())
    client.through(b"hello")
    corsd.signal(signal.SIGTERM)
    time.sleep(0.2)
    go.set()
    client.exactly(5, lambda piece: None)
    assert client.ended() and corsd.exited() == 0


def test_drain_has_an_end(given, backend):
    corsd = given(YAML.replace("drain: 3s", "drain: 1s"))
    backend.plays([stall])
    client = corsd.connect()
    client.send(get())
    assert backend.saw(1)
    start = time.monotonic()
    corsd.signal(signal.SIGTERM)
    assert corsd.exited(10) == 0
    assert 0.5 < time.monotonic() - start < 8


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT], ids=lambda n: n.name)
def test_a_second_signal_ends_at_once(given, backend, second):
    corsd = given(YAML.replace("drain: 3s", "drain: 1h"))
    backend.plays([stall])
    client = corsd.connect()
    client.send(get())
    assert backend.saw(1)
    corsd.signal(signal.SIGTERM)
    assert refuses(corsd) and corsd.alive
    corsd.signal(second)
    assert corsd.exited(8) == 0
    assert client.ended()


def test_int_ends_at_once(given, backend):
    corsd = given(YAML)
    backend.plays([stall])
    client = corsd.connect()
    client.send(get())
    assert backend.saw(1)
    corsd.signal(signal.SIGINT)
    assert corsd.exited(2.5) == 0, "without draining"


def test_connections_that_wait_are_answered_before_the_listener_closes(given, backend):
    """A connection in the queue when TERM comes is accepted: no client sees a reset."""
    corsd = given(YAML)
    clients = [corsd.connect() for _ in range(100)]
    for client in clients:
        client.send(get())
    corsd.signal(signal.SIGTERM)
    for client in clients:
        assert client.response().status == 200
    assert corsd.exited() == 0


def knocks(corsd):
    """Clients that come one after the other until no more get in; what each that got in was told."""
    port = int(corsd.words["LISTEN"].rpartition(":")[2])
    inside, heard = [], []
    while len(inside) < 5000:
        sock = socket.socket()
        sock.settimeout(PATIENCE)
        try:
            sock.connect(("127.0.0.1", port))
        except ConnectionRefusedError:
            sock.close()
            break
        except ConnectionResetError as error:
            heard.append(repr(error))
            continue
        inside.append(sock)
        with contextlib.suppress(OSError):
            sock.sendall(get())
        time.sleep(0.0005)
    for sock in inside:
        try:
            heard.append(sock.recv(12))
        except OSError as error:
            heard.append(repr(error))
        sock.close()
    return heard


def test_connections_that_come_while_the_listener_closes(given, backend):
    """Restarts under load: whoever got in is answered. The listener is shut to new handshakes first, so that
    nothing can arrive between its last accept and its close."""
    resets = []
    for _ in range(3):
        corsd = given(YAML + "workers: 2\n")
        ends = threading.Timer(0.1, corsd.signal, [signal.SIGTERM])
        ends.start()
        heard = knocks(corsd)
        ends.join()
        assert corsd.exited() == 0 and heard
        resets.append(len(heard) - heard.count(b"HTTP/1.1 200"))
    assert resets == [0, 0, 0]


def test_health_tells_balancers_before_the_listener_closes(given, backend):
    """On the connection a balancer keeps, at once; for all that come, work goes on until drain_delay is over."""
    corsd = given("health_path: /health\n" + YAML.replace("drain: 3s", "drain: 3s, drain_delay: 2s"))
    kept = corsd.connect()
    assert kept.ask(get("/health")).status == 200
    start = time.monotonic()
    corsd.signal(signal.SIGTERM)
    eventually(lambda: corsd.ask(get("/health")).status == 503, 1.5)
    assert corsd.ask(get("/work", f"Origin: {APP}")).body == b"hello"
    assert kept.ask(get("/health")).status == 503
    assert corsd.exited() == 0
    assert time.monotonic() - start > 1.8


def test_restarts_on_the_same_port_at_once(given, backend):
    corsd = given(YAML)
    for _ in range(3):
        client = corsd.connect()
        assert client.ask(get("/", "Connection: close")).status == 200
        assert client.ended(), "corsd closed first: its side lingers"
        corsd.signal(signal.SIGTERM)
        assert corsd.exited() == 0
        corsd.errors.close()
        corsd.start()


def test_a_closed_standard_input_is_nothing(given, backend):
    """And neither is a reader of the log that went away."""
    corsd = given(YAML)
    corsd.signal(signal.SIGPIPE)
    assert corsd.ask(get()).status == 200


# reload

def allows(corsd, origin):
    return corsd.ask(preflight("/", origin)).status == 204


OTHER = YAML.replace("https://app.example.com", "https://other.example")


def test_reload_changes_the_policy(given, backend):
    corsd = given(YAML)
    assert allows(corsd, APP)
    corsd.reload(OTHER)
    eventually(lambda: allows(corsd, "https://other.example"))
    assert not allows(corsd, APP)


def test_a_bad_file_keeps_the_old_plan(given, backend):
    corsd = given(YAML)
    corsd.reload(YAML + "unknown: 1\n")
    assert corsd.logged(r"corsd\.yaml:\d+:1: error: .*unknown"), "and says why"
    assert allows(corsd, APP)
    os.unlink(corsd.file)
    corsd.signal(signal.SIGHUP)
    time.sleep(0.2)
    assert allows(corsd, APP)
    corsd.reload(OTHER)
    eventually(lambda: allows(corsd, "https://other.example"))


def test_requests_in_flight_keep_their_plan(given, backend):
    corsd, go = given(YAML), threading.Event()
    backend.plays([until(go), reply(200, "old")])
    busy, kept = corsd.connect(), corsd.connect()
    kept.ask(request("OPTIONS", "*", "Max-Forwards: 0"))
    busy.send(get("/", f"Origin: {APP}"))
    assert backend.saw_heads(1)
    corsd.reload(OTHER)
    eventually(lambda: allows(corsd, "https://other.example"))
    go.set()
    answer = busy.response()
    assert answer.body == b"old" and cors(answer) == {"allow-origin": APP}
    assert cors(kept.ask(get("/", f"Origin: {APP}"))) == {}, "the next one on a kept connection has the new plan"
    assert cors(kept.ask(get("/", "Origin: https://other.example"))) == {"allow-origin": "https://other.example"}


def test_a_bodys_end_keeps_its_plan(given, backend):
    """Reloads in the middle of a long body, again and again: it arrives whole."""
    corsd = given(YAML)
    backend.plays([b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n",
                   *sum([[b"x" * 100, pause(0.05)] for _ in range(20)], [])])
    client = corsd.connect()
    client.send(get("/", f"Origin: {APP}"))
    for number in range(20):
        corsd.reload(OTHER if number % 2 else YAML)
        time.sleep(0.02)
    assert client.response().body == b"x" * 2000


def test_a_change_of_workers_needs_a_restart(given, backend):
    corsd = given(YAML + "workers: 1\n")
    corsd.reload(YAML + "workers: 2\n")
    assert corsd.logged(r"warning.*restart|restart.*workers|workers.*restart")
    assert allows(corsd, APP)


def test_reload_changes_the_backend(given, backend):
    second = Backend()
    corsd = given(YAML)
    client = corsd.connect()
    client.ask(get())
    corsd.reload(YAML.replace("BACKEND", second.url))
    eventually(lambda: (client.ask(get()), len(second.requests))[1])
    assert len(second.requests) == 1
    assert client.ask(post()).status == 200 and len(second.requests) == 2
    second.stop()


def test_fifty_reloads_under_load(given, backend):
    """No request fails, no connection is dropped, no answer is wrong by any plan there was."""
    corsd = given(YAML)
    backend.always(lambda seen: reply(200, seen.body or seen.target))
    stop, failures, done = threading.Event(), [], [0] * 6
    allowed = {"allow-origin": APP}

    def load(number):
        try:
            client = corsd.connect()
            client.patience = 20
            while not stop.is_set():
                turn = done[number]
                answer = client.ask(get(f"/{number}/{turn}", f"Origin: {APP}"))
                assert answer.body == f"/{number}/{turn}".encode(), answer.raw
                assert cors(answer) in (allowed, {}) and vary(answer) == {"origin"}
                assert client.ask(post("/", body=b"%d" % turn)).body == b"%d" % turn
                answer = client.ask(preflight("/", APP))
                assert answer.status in (204, 403)
                if number % 2:
                    assert corsd.ask(get("/fresh")).body == b"/fresh"
                done[number] += 1
        except Exception as error:  # every kind of failure is a finding
            failures.append(f"client {number}, turn {done[number]}: {error!r}")

    threads = [threading.Thread(target=load, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for number in range(50):
        corsd.reload([OTHER, YAML, YAML + "broken: [\n"][number % 3])
        time.sleep(0.05)
    stop.set()
    for thread in threads:
        thread.join(30)
    assert not failures, failures
    assert min(done) > 5
    corsd.reload(OTHER)
    eventually(lambda: allows(corsd, "https://other.example"))


def test_reloads_leave_nothing_behind(given, backend):
    corsd = given(YAML)
    for _ in range(3):
        corsd.reload(OTHER)
        eventually(lambda: allows(corsd, "https://other.example"))
        corsd.reload(YAML)
        eventually(lambda: allows(corsd, APP))
    before = corsd.descriptors()
    for _ in range(30):
        corsd.signal(signal.SIGHUP)
        time.sleep(0.01)
    corsd.reload(OTHER)
    eventually(lambda: allows(corsd, "https://other.example"))
    end = time.monotonic() + 5
    while corsd.descriptors() > before and time.monotonic() < end:
        time.sleep(0.05)
    assert corsd.descriptors() <= before


def test_a_storm_of_hups(given, backend):
    corsd = given(YAML)
    for _ in range(300):
        corsd.signal(signal.SIGHUP)
    assert allows(corsd, APP)
    corsd.signal(signal.SIGTERM)
    corsd.signal(signal.SIGHUP)
    assert corsd.exited() == 0


# listeners

def test_a_unix_listener(given, backend):
    corsd = given(YAML.replace("LISTEN", "[LISTEN, 'unix:FOLDER/corsd.sock']"))
    address = f"unix:{corsd.folder}/corsd.sock"
    client = corsd.connect(address)
    for _ in range(3):
        answer = client.ask(get("/", f"Origin: {APP}"))
        assert answer.body == b"hello" and cors(answer) == {"allow-origin": APP}
    assert client.ask(preflight()).status == 204
    client.send(b"nonsense\r\n\r\n")
    assert client.response().status == 400


def test_a_unix_listener_takes_over_a_dead_ones_place(given, backend):
    corsd = given(YAML.replace("LISTEN", "[LISTEN, 'unix:FOLDER/corsd.sock']"))
    address = f"unix:{corsd.folder}/corsd.sock"
    corsd.process.kill()
    corsd.process.wait()
    corsd.errors.close()
    corsd.start()
    assert corsd.connect(address).ask(get()).status == 200


def test_a_unix_listener_does_not_take_a_living_ones_place(given, backend, tmp_path):
    corsd = given(YAML.replace("LISTEN", "[LISTEN, 'unix:FOLDER/corsd.sock']"))
    address = f"unix:{corsd.folder}/corsd.sock"
    second = tmp_path / "second.yaml"
    second.write_text(f"listen: {address}\nupstream: http://127.0.0.1:1\ncors: off\n", encoding="utf-8")
    done = run("-c", str(second))
    assert done.returncode == 1 and "corsd.sock" in done.stderr
    assert corsd.connect(address).ask(get()).status == 200


@pytest.mark.parametrize("when", [
    "draining",
    "its path was taken away",
])
def test_a_successor_on_a_unix_path_keeps_it(given, backend, short_folder, when):
    """The old process ends after the new one has begun: the path is the new one's."""
    address, go = f"unix:{short_folder}/s", threading.Event()
    old = given(YAML, LISTEN=address)
    backend.plays([until(go), reply(200, "finished")])
    busy = old.connect()
    busy.send(get("/busy"))
    assert backend.saw_heads(1)
    if when == "draining":
        old.signal(signal.SIGTERM)
        assert refuses(old)
        new = given(YAML, LISTEN=address)
    else:
        os.unlink(address[5:])
        new = given(YAML, LISTEN=address)
        old.signal(signal.SIGTERM)
    assert new.ask(get()).body == b"hello"
    go.set()
    assert busy.response().body == b"finished"
    assert old.exited() == 0
    assert new.ask(get()).body == b"hello"


def test_a_unix_listener_does_not_remove_what_is_no_socket(tmp_path, short_folder):
    precious = f"{short_folder}/precious"
    with open(precious, "w", encoding="ascii") as out:
        out.write("data")
    file = tmp_path / "c.yaml"
    file.write_text(f"listen: unix:{precious}\nupstream: http://127.0.0.1:1\ncors: off\n", encoding="utf-8")
    done = run("-c", str(file))
    assert done.returncode == 1 and "precious" in done.stderr
    with open(precious, encoding="ascii") as text:
        assert text.read() == "data"


def test_several_listeners(given, backend):
    ports = [free_port() for _ in range(3)]
    corsd = given(YAML.replace("LISTEN", "[LISTEN, ':PORTA', 'localhost:PORTB', '127.0.0.1:PORTC']"),
                  PORTA=ports[0], PORTB=ports[1], PORTC=ports[2])
    for port in ports:
        assert corsd.connect(f"127.0.0.1:{port}").ask(get()).status == 200


def test_an_ipv6_listener(given, backend):
    if not os.path.exists("/proc/net/if_inet6"):
        pytest.skip("no IPv6 here")
    port = free_port("::1")
    corsd = given(YAML.replace("LISTEN", "[LISTEN, '[::1]:PORT6']"), PORT6=port)
    corsd.connect(f"[::1]:{port}").ask(get())
    assert backend.request.one("X-Forwarded-For") == "::1"


# descriptors

def test_out_of_descriptors(given, backend):
    """Accepting pauses, nothing spins, those inside are served, and it recovers."""
    corsd = given("workers: 1\n" + YAML, nofile=40)
    inside = corsd.connect()
    assert inside.ask(get()).status == 200
    crowd = []
    for _ in range(80):
        client = corsd.connect()
        client.send(get("/crowd"))
        crowd.append(client)
    served = sum(not client.silent(0.002) for client in crowd[-40:])
    assert served < 40, "more connections than descriptors"
    time.sleep(0.3)
    cpu = corsd.cpu()
    time.sleep(1)
    assert corsd.cpu() - cpu < 0.4, "it waits, it does not spin"
    answer = inside.ask(get("/inside", f"Origin: {APP}"))
    assert answer.status in (200, 502, 503) and cors(answer) == {"allow-origin": APP}
    for client in crowd[:60]:
        client.reset()
    for client in crowd[60:]:
        client.patience = 20
        assert client.response().status in (200, 502, 503)
        client.sock.close()
    eventually(lambda: corsd.ask(get()).status == 200)
    assert corsd.ask(preflight()).status == 204


def test_more_preflights_than_descriptors(given, backend):
    """What needs no backend is answered, one after the other, however many wait."""
    corsd = given("workers: 1\n" + YAML, nofile=40)
    crowd = [corsd.connect() for _ in range(100)]
    for client in crowd:
        client.send(preflight("/", APP, "PUT", "Connection: close"))
    for client in crowd:
        client.patience = 20
        assert client.response("OPTIONS").status == 204
        client.sock.close()


def test_descriptors_come_back(given, backend):
    corsd = given(YAML)
    corsd.ask(get())
    before = corsd.descriptors()
    backend.plays([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", lambda conn: conn.sock.close()],
                  [lambda conn: conn.sock.close()], [b"nonsense\r\n\r\n"])
    for text in (get(), get(), get(), b"nonsense\r\n\r\n", preflight(), get("/", "Connection: close")):
        try:
            corsd.ask(text)
        except (Cut, OSError):
            pass
    for _ in range(30):
        client = corsd.connect()
        client.send(get()[:20])
        client.reset()
    end = time.monotonic() + 8
    while corsd.descriptors() > before + 1 and time.monotonic() < end:
        time.sleep(0.05)
    assert corsd.descriptors() <= before + 1


@pytest.mark.parametrize("workers", [1, 2, 3, 5])
def test_every_worker_accepts(given, backend, workers):
    """Each has a socket of its own: a connection that the kernel gave to one must not wait for ever."""
    corsd = given(f"""
        listen: LISTEN
        workers: {workers}
        upstream: BACKEND
        cors: off
    """)
    for _ in range(40):
        assert corsd.ask(get()).status == 200
