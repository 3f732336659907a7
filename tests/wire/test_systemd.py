"""sd_notify, the watchdog, socket activation, and the shipped units. DESIGN §5. No systemd runs here: its side is played."""
import contextlib
import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from harness import BINARY, HOUSE, PATIENCE, Corsd, environment, eventually, free_port, get, reply, until

YAML = """
listen: LISTEN
upstream: BACKEND
cors: off
timeouts: {drain: 20s}
"""


class Notices:
    """A NOTIFY_SOCKET, and what came over it."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address[0] == "@" else address)
        self.all = []

    def wait(self, pattern, within=PATIENCE):
        """The first datagram from now on that has it."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            self.socket.settimeout(max(end - time.monotonic(), 0.01))
            with contextlib.suppress(TimeoutError):
                text = self.socket.recv(4096).decode()
                self.all.append(text)
                if re.search(pattern, text, re.M):
                    return text
        raise AssertionError(f"no {pattern} among {self.all}")


@pytest.mark.parametrize("kind", ["a path", "abstract"])
def test_the_whole_protocol(given, backend, short_folder, kind):
    address = f"{short_folder}/notify" if kind == "a path" else f"@corsd-test-{os.getpid()}-{time.monotonic_ns()}"
    notices, go = Notices(address), threading.Event()
    corsd = given(YAML, env={"NOTIFY_SOCKET": address})
    notices.wait("^READY=1$")
    before = time.monotonic_ns() // 1000
    corsd.reload(YAML)
    reloading = notices.wait("^RELOADING=1$")
    assert before <= int(re.search(r"^MONOTONIC_USEC=(\d+)$", reloading, re.M)[1]) <= time.monotonic_ns() // 1000
    notices.wait("^READY=1$")
    corsd.reload(YAML + "unknown: 1\n")
    notices.wait("^RELOADING=1$")
    notices.wait("^READY=1$")
    backend.plays([until(go), reply(200, "finished")])
    busy = corsd.connect()
    busy.send(get())
    assert backend.saw_heads(1)
    status = notices.wait("connections", 30)
    assert re.search(r"^STATUS=1 connections, \d+\.\d requests/s, configuration of \d+ s ago$", status, re.M)
    corsd.signal(signal.SIGTERM)
    notices.wait("^STOPPING=1$")
    go.set()
    assert busy.response().body == b"finished" and corsd.exited() == 0
    assert not any("WATCHDOG" in text for text in notices.all), "nobody asked for it"


@contextlib.contextmanager
def frozen_thread(pid, name):
    """One thread of a process does not run meanwhile (ptrace stops it alone); the others do."""
    seize, interrupt, detach, wall = 0x4206, 0x4207, 17, 0x40000000
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    thread = next(int(task) for task in os.listdir(f"/proc/{pid}/task")
                  if open(f"/proc/{pid}/task/{task}/comm", encoding="ascii").read() == name + "\n")
    if libc.ptrace(seize, thread, None, None) < 0:
        pytest.skip("ptrace is not allowed here")
    assert libc.ptrace(interrupt, thread, None, None) == 0
    os.waitpid(thread, wall)
    try:
        yield
    finally:
        libc.ptrace(detach, thread, None, None)


def test_a_hung_worker_misses_its_watchdog(given, backend, short_folder):
    notices = Notices(f"{short_folder}/notify")
    port = free_port()
    corsd = given(YAML + f"workers: 2\nadmin: 127.0.0.1:{port}\n",
                  env={"NOTIFY_SOCKET": f"{short_folder}/notify", "WATCHDOG_USEC": "600000"})
    for _ in range(3):
        notices.wait("^WATCHDOG=1$")
    with frozen_thread(corsd.pid, "corsd-1"):
        assert corsd.logged("a worker has not turned for [0-9]+ ms: the watchdog is not fed", 30)
        notices.socket.settimeout(0.05)
        with contextlib.suppress(TimeoutError):
            while True:
                notices.socket.recv(4096)  # what was sent before it hung
        time.sleep(1.5)
        with contextlib.suppress(TimeoutError):
            while True:
                assert b"WATCHDOG" not in notices.socket.recv(4096), "one worker hangs: no sign of life"
        address = f"127.0.0.1:{port}"
        eventually(lambda: asked(corsd, address) == 503, 30)
    notices.wait("^WATCHDOG=1$", 30)
    eventually(lambda: asked(corsd, address) == 200, 30)


def asked(corsd, address):
    client = corsd.connect(address)
    status = client.ask(get("/healthz", "Connection: close", host="localhost")).status
    client.sock.close()
    return status


def test_somebody_elses_watchdog_is_not_fed(given, backend, short_folder):
    notices = Notices(f"{short_folder}/notify")
    given(YAML, env={"NOTIFY_SOCKET": f"{short_folder}/notify", "WATCHDOG_USEC": "100000", "WATCHDOG_PID": "1"})
    notices.wait("^READY=1$")
    time.sleep(0.5)
    notices.socket.setblocking(False)
    with pytest.raises(BlockingIOError):
        notices.socket.recv(4096)


# socket activation

class Activated(Corsd):
    """corsd with sockets passed as systemd does it: descriptors from 3 on, their names, and its own pid."""

    def __init__(self, text, words, sockets, names):
        self.sockets, self.names = sockets, names
        super().__init__(text, words)

    def start(self):
        self.errors = open(os.path.join(self.folder, "stderr"), "ab")
        moved = [os.dup2(sock.fileno(), 100 + number) for number, sock in enumerate(self.sockets)]
        moves = " ".join(f"{3 + number}<&{fd} {fd}<&-" for number, fd in enumerate(moved))
        self.process = subprocess.Popen(
            ["bash", "-c", f"exec {moves}; export LISTEN_PID=$$ LISTEN_FDS={len(moved)} LISTEN_FDNAMES={':'.join(self.names)}; "
             'exec "$0" "$@"', BINARY, "-c", self.file],
            stdin=subprocess.DEVNULL, stdout=self.errors, stderr=self.errors, pass_fds=moved, env=environment())
        for fd in moved:
            os.close(fd)
        try:
            self.await_ready()
        except BaseException:
            self.kill()
            raise

    def await_ready(self):
        assert self.logged("is ready", 20), self.log


def listening(kind="tcp", folder=None):
    sock = socket.socket(socket.AF_UNIX if kind == "unix" else socket.AF_INET)
    sock.bind(f"{folder}/passed" if kind == "unix" else ("127.0.0.1", free_port()))
    sock.listen(512)
    return sock


def address_of(sock):
    name = sock.getsockname()
    return f"unix:{name}" if isinstance(name, str) else "%s:%d" % name


@pytest.fixture
def activated(backend):
    running = []

    def start(listen, sockets, names, more=""):
        corsd = Activated(YAML.replace("LISTEN", listen) + more, {"BACKEND": backend.url}, sockets, names)
        running.append(corsd)
        return corsd

    yield start
    for corsd in running:
        corsd.stop()


@pytest.mark.parametrize("workers", [1, 3])
def test_passed_sockets_are_shared_by_the_workers(activated, backend, short_folder, workers):
    sockets = [listening(), listening("unix", short_folder)]
    corsd = activated("systemd", sockets, ["corsd.socket", "corsd.socket"], f"workers: {workers}\n")
    for _ in range(10):
        for sock in sockets:
            client = corsd.connect(address_of(sock))
            assert client.ask(get()).status == 200
            client.sock.close()
    corsd.signal(signal.SIGTERM)
    assert corsd.exited() == 0
    assert os.path.exists(f"{short_folder}/passed"), "it is systemd's"


def test_sockets_by_name(activated, backend):
    first, second = listening(), listening()
    corsd = activated("'systemd:b'", [first, second], ["a", "b"])
    assert corsd.connect(address_of(second)).ask(get()).status == 200
    assert corsd.logged('systemd passed the socket "a", and no address of listen takes it')
    client = corsd.connect(address_of(first))
    client.send(get())
    assert client.silent(0.3)
    corsd.reload(YAML.replace("LISTEN", "['systemd:b', systemd]"))
    assert client.response().status == 200, "taken by a reload, with whoever waited"


def test_a_name_that_was_not_passed(backend, tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text("listen: systemd:x\nupstream: http://127.0.0.1:1\ncors: off\n", encoding="utf-8")
    done = subprocess.run([BINARY, "-c", str(file)], capture_output=True, text=True, timeout=30, env=environment())
    assert done.returncode == 1 and 'systemd passed no socket of the name "x"' in done.stderr


def test_sockets_of_another_process_are_not_taken(backend, tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text("listen: systemd\nupstream: http://127.0.0.1:1\ncors: off\n", encoding="utf-8")
    done = subprocess.run([BINARY, "-c", str(file)], capture_output=True, text=True, timeout=30,
                          env=environment({"LISTEN_PID": "1", "LISTEN_FDS": "1"}))
    assert done.returncode == 1 and "systemd passed no socket" in done.stderr


def test_a_restart_loses_no_connection(activated, backend):
    """Clients that come one after the other, over three processes on one socket: each is answered."""
    sock = listening()
    stop, lost, answered = threading.Event(), [], [0]
    corsd = activated("systemd", [sock], ["s"], "workers: 2\n")

    def knock():
        while not stop.is_set():
            client = None
            try:
                client = corsd.connect(address_of(sock))
                client.patience = 30
                assert client.ask(get("/", "Connection: close")).status == 200
                answered[0] += 1
            except Exception as error:  # every kind of failure is a finding
                lost.append(repr(error))
            finally:
                if client:
                    client.sock.close()

    threads = [threading.Thread(target=knock) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        time.sleep(0.3)
        corsd.signal(signal.SIGTERM)
        assert corsd.exited(30) == 0
        corsd.errors.close()
        os.truncate(os.path.join(corsd.folder, "stderr"), 0)
        corsd.start()
    stop.set()
    for thread in threads:
        thread.join(40)
    assert not lost and answered[0] > 10


@pytest.mark.skipif(not shutil.which("systemd-socket-activate"), reason="no systemd-socket-activate")
def test_with_systemd_socket_activate(backend, tmp_path):
    address = f"127.0.0.1:{free_port()}"
    file = tmp_path / "c.yaml"
    file.write_text(f"listen: systemd:web\nupstream: {backend.url}\ncors: off\n", encoding="utf-8")
    with open(tmp_path / "log", "wb") as log:
        passed = [f"--setenv={name}={value}" for name, value in environment().items() if "SAN_OPTIONS" in name]
        process = subprocess.Popen(["systemd-socket-activate", "-l", address, "--fdname=web", *passed, BINARY,
                                    "-c", str(file)], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            eventually(lambda: connects(address))
            client = Corsd.dial(address)
            client.settimeout(30)
            client.sendall(get())
            assert client.recv(12) == b"HTTP/1.1 200"
            client.close()
            process.terminate()
            assert process.wait(20) == 0
        finally:
            if process.poll() is None:
                process.kill()


def connects(address):
    try:
        Corsd.dial(address).close()
    except OSError:
        return False
    return True


# the units

@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze")
def test_the_units_are_right_and_locked_down(tmp_path):
    for unit in ("corsd.service", "corsd.socket"):
        with open(os.path.join(HOUSE, "systemd", unit), encoding="utf-8") as text:
            (tmp_path / unit).write_text(re.sub(r"=corsd (check|--config)", rf"={BINARY} \1", text.read()),
                                         encoding="utf-8")
    for unit in ("corsd.service", "corsd.socket"):
        done = subprocess.run(["systemd-analyze", "verify", str(tmp_path / unit)], capture_output=True, text=True,
                              timeout=60)
        assert done.returncode == 0 and "corsd" not in done.stderr, done.stderr
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", str(tmp_path / "corsd.service")],
                          capture_output=True, text=True, timeout=60)
    print(done.stdout)
    assert float(re.search(r"exposure level for corsd\.service: ([0-9.]+)", done.stdout)[1]) <= 1.5
