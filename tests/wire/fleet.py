"""Real Node servers behind one upstream (fleet_server.js): each says its name, counts what it sees,
and misbehaves as told. `Load` is a crowd of keep-alive clients that note every answer."""
import contextlib
import http.client
import json
import os
import signal
import subprocess
import threading
from collections import Counter

import harness
from harness import PATIENCE, free_port

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fleet_server.js")
SLACK = 4 * PATIENCE  # for what Node does while others use the machine


class Node:
    def __init__(self, name, port=None):
        self.name = name
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self):
        self.process = subprocess.Popen(["node", SCRIPT, str(self.port), self.name], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b"ready\n"

    def get(self, target):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SLACK)
        with contextlib.closing(connection):
            connection.request("GET", target, headers={"Connection": "close"})
            return connection.getresponse().read()

    def becomes(self, mode):
        self.get(f"/control?mode={mode}")

    @property
    def stats(self):
        return json.loads(self.get("/stats"))

    def kill(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


@contextlib.contextmanager
def nodes(*names):
    with contextlib.ExitStack() as stack:
        servers = []
        for name in names:
            servers.append(Node(name))
            stack.callback(lambda one=servers[-1]: one.kill())
        yield servers


def servers_of(nodes, weights=None):
    return "[" + ", ".join(f"{{url: '{one.url}', weight: {weights[i] if weights else 1}}}"
                           for i, one in enumerate(nodes)) + "]"


@contextlib.contextmanager
def asker(corsd):
    """ask(target, method) -> (status, the server's name): one keep-alive client."""
    host, port = corsd.words["LISTEN"].rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=SLACK)

    def ask(target="/", method="GET", body=None, headers=None):
        connection.request(method, target, body=body, headers=headers or {})
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.getheader("X-Server")

    with contextlib.closing(connection):
        yield ask


class Load:
    """`clients` keep-alive clients that ask until told to stop; self.got counts (method, outcome, server)."""

    def __init__(self, corsd, clients, target="/?ms=5", posts=0):
        self.corsd, self.target = corsd, target
        self.got, self.lock, self.over = Counter(), threading.Lock(), threading.Event()
        self.threads = [threading.Thread(target=self.run, args=("POST" if i < posts else "GET",))
                        for i in range(clients)]

    def one(self, connection, method):
        try:
            connection.request(method, self.target, body=b"x" if method == "POST" else None)
            answer = connection.getresponse()
            answer.read()
            return answer.status, answer.getheader("X-Server")
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return repr(error), None

    def run(self, method):
        host, port = self.corsd.words["LISTEN"].rsplit(":", 1)
        connection = http.client.HTTPConnection(host, int(port), timeout=SLACK)
        with contextlib.closing(connection):
            while not self.over.is_set():
                outcome = self.one(connection, method)
                with self.lock:
                    self.got[(method, *outcome)] += 1

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def total(self, server=None):
        with self.lock:
            return sum(n for (_, _, name), n in self.got.items() if server in (None, name))

    def bad(self, method):
        with self.lock:
            return {key: n for key, n in self.got.items() if key[0] == method and key[1] != 200}

    def until(self, condition):
        harness.eventually(condition, SLACK, self.got)

    def asks(self, more, server=None):
        """Waits until so many more requests were answered (by that server)."""
        before = self.total(server)
        self.until(lambda: self.total(server) >= before + more)


def eventually(condition, what="it"):
    return harness.eventually(condition, SLACK, what)
