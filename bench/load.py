"""Makes requests: wrk for a time, or a fixed number over connections that stay open."""
import json
import os
import select
import socket
import subprocess
from dataclasses import dataclass

from machine import Broken
from peers import ORIGIN

TIMEOUT_SECONDS = 30
DONE_LUA = """\
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('\\nRESULT {"requests": %d, "bytes": %d, "seconds": %f, "p50_ms": %f, ' ..
    '"p99_ms": %f, "status": %d, "connect": %d, "read": %d, "write": %d, "timeout": %d}\\n',
    summary.requests, summary.bytes, summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3, e.status, e.connect, e.read, e.write, e.timeout))
end
"""


@dataclass(frozen=True)
class Request:
    """What is asked, alike of every peer."""
    method: str = "GET"
    path: str = "/1024"
    headers: tuple = ()
    body: int = 0  # its bytes

    def all_headers(self):
        length = (("Content-Length", str(self.body)),) if self.body else ()
        return (("Origin", ORIGIN), *self.headers, *length)

    def to_bytes(self, host):
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: {host}",
                 *(f"{name}: {value}" for name, value in self.all_headers())]
        return "\r\n".join([*lines, "", ""]).encode() + b"x" * self.body

    def to_lua(self):
        headers = (("Origin", ORIGIN), *self.headers)  # wrk adds Host and Content-Length
        lines = [f"wrk.method = {json.dumps(self.method)}",
                 *(f"wrk.headers[{json.dumps(n)}] = {json.dumps(v)}" for n, v in headers)]
        if self.body:
            lines.append(f"wrk.body = string.rep('x', {self.body})")
        return "\n".join(lines) + "\n" + DONE_LUA


def wrk(request, port, connections, seconds, core, folder):
    """Loads the port for so long; returns what DONE_LUA prints, as a dict."""
    script = folder / "wrk.lua"
    script.write_text(request.to_lua(), encoding="utf-8")
    argv = ["wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--timeout", "10s",
            "-s", str(script), f"http://127.0.0.1:{port}{request.path}"]
    ran = subprocess.run(argv, text=True, capture_output=True, timeout=seconds + TIMEOUT_SECONDS,
                         check=False, preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    result = ran.stdout.partition("\nRESULT ")[2]
    if ran.returncode or not result:
        raise Broken(f"wrk: {(ran.stderr or ran.stdout).strip()[-200:]}")
    found = json.loads(result)
    if found["status"] or found["connect"] or found["timeout"] or not found["requests"]:
        raise Broken(f"wrk met errors: {result.strip()}")
    return found


def ask(connection, request):
    """One request on a connected socket; returns the response's head as (status, {name: value})."""
    connection.sendall(request.to_bytes("127.0.0.1"))
    received = b""
    while True:
        piece = connection.recv(1 << 16)
        if not piece:
            raise Broken("a connection was closed before the answer was whole")
        received += piece
        end, length = frame(received)
        if end and len(received) >= end + length:
            break
    status, *lines = received[:end].decode("latin-1").split("\r\n")
    fields = (line.partition(":") for line in lines if line)
    return int(status.split()[1]), {name.lower(): value.strip() for name, _, value in fields}


def frame(received):
    """(where the head ends, bytes of the body); (0, 0) while the head is not whole."""
    end = received.find(b"\r\n\r\n") + 4
    if end < 4:
        return 0, 0
    head = received[:end].lower()
    at = head.find(b"\r\ncontent-length:")
    return end, int(head[at + 17:head.index(b"\r\n", at + 17)]) if at >= 0 else 0


def connect(port, number=0):
    """A connection to the port; number chooses the source address, so that ports do not run out."""
    connection = socket.socket()
    connection.settimeout(TIMEOUT_SECONDS)
    if number >= 20000:
        connection.bind((f"127.0.0.{1 + number // 20000}", 0))
    connection.connect(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


class Crowd:
    """Keep-alive connections that each ask again as soon as they are answered."""

    def __init__(self, port, size):
        self.connections = [connect(port, number) for number in range(size)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for connection in self.connections:
            connection.close()

    def ask(self, request, count):
        """Makes count requests in all and takes every answer."""
        raw = request.to_bytes("127.0.0.1")
        active = self.connections[:count]
        left = count - len(active)
        missing = {connection.fileno(): None for connection in active}  # bytes; None: no head yet
        by_fd = {connection.fileno(): connection for connection in active}
        poll = select.epoll()
        for connection in active:
            poll.register(connection.fileno(), select.EPOLLIN)
            connection.sendall(raw)
        while missing:
            events = poll.poll(TIMEOUT_SECONDS)
            if not events:
                raise Broken("no answer")
            for fd, _ in events:
                if not self._take(by_fd[fd], missing):
                    continue
                if left:
                    left -= 1
                    missing[fd] = None
                    by_fd[fd].sendall(raw)
                else:
                    del missing[fd]
        poll.close()

    @staticmethod
    def _take(connection, missing):
        """Reads once; True when the answer is whole."""
        fd = connection.fileno()
        piece = connection.recv(1 << 18)
        if not piece:
            raise Broken("a connection was closed before the answer was whole")
        if missing[fd] is None:
            end, length = frame(piece)
            if not end:
                raise Broken("a response head came in pieces")
            if not piece.startswith(b"HTTP/1.1 2"):
                raise Broken(f"answered {piece[:40]!r}")
            missing[fd] = end + length
        missing[fd] -= len(piece)
        return missing[fd] <= 0
