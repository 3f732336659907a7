"""The real corsd between a raw client and a backend that records and misbehaves as told.

A test reads as a story: given this YAML, the client sends, the backend sees, the client gets.

    def test_story(given, backend):
        corsd = given('''
            listen: LISTEN
            upstream: BACKEND
            cors: {allow_origins: ["https://app.example.com"]}
        ''')
        backend.plays(reply(200, "hello"))
        answer = corsd.ask(get("/x", "Origin: https://app.example.com"))
        assert backend.requests[0].target == "/x"
        assert answer.body == b"hello"

Both sides are read by one strict parser that guesses and repairs nothing: whatever corsd
writes, to a client or to a backend, has to be beyond doubt.
"""
import contextlib
import itertools
import os
import re
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import textwrap
import threading
import time
from dataclasses import dataclass, field

import yaml

HOUSE = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BINARY = os.path.abspath(os.environ.get("CORSD_BIN", os.path.join(HOUSE, "build/asan/corsd")))
WORKERS = os.environ.get("CORSD_WORKERS", "1")
PATIENCE = 10.0  # seconds: the longest wait for what should come at once
GAP = 0.0002     # seconds between the bytes of a drip: enough for the other side to wake up

REPORTS = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:|Assertion .* failed")
SANITIZERS = {  # a report must change the exit code, and stand in the log, whatever the build
    "ASAN_OPTIONS": "exitcode=99:detect_leaks=1:abort_on_error=0:detect_stack_use_after_return=1",
    "LSAN_OPTIONS": "exitcode=96",
    "UBSAN_OPTIONS": "exitcode=98:halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": "exitcode=97:halt_on_error=0:second_deadlock_stack=1",
}


def environment(more=None):
    """Ours, with a sanitizer's own options first and what the harness relies on behind them."""
    env = {**os.environ, **(more or {})}
    for name, options in SANITIZERS.items():
        env[name] = ":".join(filter(None, [os.environ.get(name), options, (more or {}).get(name), "log_path=stderr"]))
    return env


# ---------------------------------------------------------------- messages, read strictly

class Fault(AssertionError):
    """Bytes that no HTTP/1.1 peer may send."""


class Cut(Fault):
    """The connection ended inside a message; `message` is what had come."""
    message = None


TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
VALUE = re.compile(r"(?:[\x21-\x7e\x80-\xff](?:[\t \x21-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?\Z")


@dataclass
class Message:
    """A head as bytes and as meaning, and the body that followed it."""
    raw: bytes = b""       # the head as it came, with its empty line
    start: str = ""        # the request or status line
    headers: list = field(default_factory=list)   # (name, value) in order, latin-1
    body: bytes = b""
    trailers: list = field(default_factory=list)
    framing: str = "none"  # none | length | chunked | close

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def one(self, name):
        """The value of a header that may come once at most, or None."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} came {len(values)} times: {values}"
        return values[0] if values else None

    def items(self, name):
        """The members of a list header, over all its lines, in order."""
        return [item for value in self.all(name) for item in map(str.strip, value.split(",")) if item]

    def has(self, name):
        return bool(self.all(name))


class Request(Message):
    connection = 0         # which of the backend's connections, counted from 1

    @property
    def method(self):
        return self.start.split(" ")[0]

    @property
    def target(self):
        return self.start.split(" ")[1]

    @property
    def version(self):
        return self.start.split(" ")[2]


class Response(Message):
    interim = ()           # the 1xx responses that came before

    @property
    def status(self):
        return int(self.start[9:12])

    @property
    def version(self):
        return self.start[:8]


def parse_lines(text, what):
    """Header lines to (name, value); `text` is without the empty line."""
    fields = []
    for line in text.split("\r\n")[:-1]:
        name, colon, value = line.partition(":")
        value = value.strip(" \t")
        if not colon or not TOKEN.match(name):
            raise Fault(f"{what}: no field name in {line!r}")
        if not VALUE.match(value):
            raise Fault(f"{what}: control byte in {line!r}")
        fields.append((name, value))
    return fields


def parse_head(raw, kind):
    text = raw.decode("latin-1")
    if "\n" in text.replace("\r\n", "") or "\r" in text.replace("\r\n", ""):
        raise Fault(f"bare CR or LF in {raw!r}")
    start, _, rest = text.partition("\r\n")
    line = {Request: r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+ [\x21-\x7e]+ HTTP/1\.[01]\Z",
            Response: r"HTTP/1\.[01] [1-9]\d\d [\t\x20-\x7e\x80-\xff]*\Z"}[kind]
    if not re.match(line, start):
        raise Fault(f"not a start line: {start!r}")
    return kind(raw=raw, start=start, headers=parse_lines(rest[:-2], start))


def framing_of(message):
    """How the body is delimited: ("length", n), ("chunked", 0) or (None, 0). RFC 9112 §6.3."""
    lengths, codings = message.all("Content-Length"), message.all("Transfer-Encoding")
    if len(lengths) + len(codings) > 1:
        raise Fault(f"framed more than once: {lengths} {codings}")
    if codings:
        if codings[0].lower() != "chunked":
            raise Fault(f"transfer coding {codings[0]!r}")
        return "chunked", 0
    if lengths:
        if not re.match(r"\d{1,18}\Z", lengths[0]):
            raise Fault(f"content length {lengths[0]!r}")
        return "length", int(lengths[0])
    return None, 0


class Wire:
    """A socket and what was read from it and not yet used."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = bytearray()
        self.patience = PATIENCE

    def fill(self):
        """Waits for more bytes; False at a clean end. ConnectionResetError and TimeoutError pass."""
        self.sock.settimeout(self.patience)
        more = self.sock.recv(65536)
        self.buffer += more
        return bool(more)

    def need(self):
        try:
            if self.fill():
                return
        except (ConnectionResetError, BrokenPipeError) as error:
            raise Cut("reset inside a message") from error
        raise Cut(f"end inside a message, after {bytes(self.buffer[-200:])!r}")

    def take(self, count):
        taken = bytes(self.buffer[:count])
        del self.buffer[:count]
        return taken

    def through(self, mark, limit=1 << 20):
        while (at := self.buffer.find(mark)) < 0:
            if len(self.buffer) > limit:
                raise Fault(f"no {mark!r} within {limit} bytes")
            self.need()
        return self.take(at + len(mark))

    def exactly(self, count, into):
        while count:
            if not self.buffer:
                self.need()
            piece = self.take(min(count, len(self.buffer)))
            count -= len(piece)
            into(piece)

    def chunks(self, into):
        """A chunked body to its end; returns the trailers. Extensions are a fault: corsd drops them."""
        while True:
            line = self.through(b"\r\n")
            if not re.match(rb"[0-9A-Fa-f]{1,15}\r\n\Z", line):
                raise Fault(f"chunk size line {line!r}")
            size = int(line, 16)
            if not size:
                break
            self.exactly(size, into)
            if self.through(b"\r\n", 2) != b"\r\n":
                raise Fault("chunk without its line end")
        lines = []
        while (line := self.through(b"\r\n")) != b"\r\n":
            lines.append(line.decode("latin-1"))
        return parse_lines("".join(lines), "trailers")

    def rest(self, into):
        while True:
            into(self.take(len(self.buffer)))
            try:
                if not self.fill():
                    return
            except ConnectionResetError as error:
                raise Cut("reset inside a body without length") from error

    def read_body(self, message, into=None):
        """The body `message.framing` promises, collected or handed piece by piece to `into`."""
        got = bytearray()
        kind, length = framing_of(message)
        if message.framing == "none":
            return
        try:
            if kind == "length":
                self.exactly(length, into or got.extend)
            elif kind == "chunked":
                message.trailers = self.chunks(into or got.extend)
            else:
                self.rest(into or got.extend)
        except Cut as cut:
            cut.message = message
            raise
        finally:
            message.body = bytes(got)


def read_request(wire):
    """The next request's head, or None when the peer ended between two requests."""
    while not wire.buffer:
        if not wire.fill():
            return None
    request = parse_head(wire.through(b"\r\n\r\n"), Request)
    request.framing = framing_of(request)[0] or "none"
    return request


def read_response_head(wire, method):
    response = parse_head(wire.through(b"\r\n\r\n"), Response)
    kind, _ = framing_of(response)
    bodiless = response.status < 200 or response.status == 204
    if bodiless and kind and not (response.status == 101):
        raise Fault(f"{response.start}: framed, and has no body")
    if bodiless or response.status == 304 or method == "HEAD":
        response.framing = "none"
    else:
        response.framing = kind or "close"
    return response


# ---------------------------------------------------------------- what a client says

def request(method, target, *lines, host="app.test", version="1.1", body=None):
    """A request's bytes. `lines` are header lines without their ends."""
    lines = [f"{method} {target} HTTP/{version}"] + ([f"Host: {host}"] if host else []) + list(lines)
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines + ["", ""]).encode("latin-1") + (body or b"")


def get(target="/", *lines, **more):
    return request("GET", target, *lines, **more)


def post(target="/", *lines, body=b"body", **more):
    return request("POST", target, *lines, body=body, **more)


def preflight(target="/", origin="https://app.example.com", method="PUT", *lines, **more):
    return request("OPTIONS", target, f"Origin: {origin}",
                   f"Access-Control-Request-Method: {method}", *lines, **more)


def chunked(*pieces, trailers=()):
    coded = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return coded + b"0\r\n" + b"".join(line.encode("latin-1") + b"\r\n" for line in trailers) + b"\r\n"


class Client(Wire):
    """A raw connection to corsd."""

    def send(self, *parts):
        self.sock.settimeout(self.patience)
        for part in parts:
            self.sock.sendall(part)
        return self

    def drip(self, data, gap=GAP):
        """Byte by byte, each in a packet of its own. Stops quietly when corsd has hung up: what it
        said before that is what the test is about."""
        try:
            for at in range(len(data)):
                self.send(data[at:at + 1])
                time.sleep(gap)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return self

    def split(self, data, *positions, gap=0.002):
        edges = [0, *positions, len(data)]
        for start, end in zip(edges, edges[1:]):
            self.send(data[start:end])
            time.sleep(gap)
        return self

    def response(self, method="GET", into=None):
        """The next final response; the 1xx before it are in `.interim`."""
        interim = []
        while True:
            answer = read_response_head(self, method)
            if answer.status >= 200 or answer.status == 101:
                break
            interim.append(answer)
        answer.interim = interim
        self.read_body(answer, into)
        return answer

    def interim(self):
        answer = read_response_head(self, "GET")
        assert answer.status < 200, answer.start
        return answer

    def ask(self, data, into=None):
        self.send(data)
        return self.response(data.split(b" ")[0].decode("latin-1"), into)

    def finish(self):
        """Half-closes: nothing more will be sent."""
        self.sock.shutdown(socket.SHUT_WR)
        return self

    def reset(self):
        hang_up(self.sock)

    def ended(self, within=PATIENCE):
        """True when corsd closes, by FIN or RST, without another byte."""
        self.patience = within
        try:
            while not self.buffer:
                if not self.fill():
                    return True
        except (ConnectionResetError, BrokenPipeError):
            return True
        except TimeoutError:
            return False
        finally:
            self.patience = PATIENCE
        return False

    def silent(self, seconds=0.2):
        """True when not one byte comes, nor an end, for this long."""
        if not self.buffer:
            self.sock.settimeout(seconds)
            try:
                self.buffer += self.sock.recv(65536)
            except TimeoutError:
                return True
            except ConnectionResetError:
                print("not silent, but reset")
                return False
        print("not silent:", bytes(self.buffer[:500]) or "the end")  # pytest shows it on failure
        return False


def hang_up(sock):
    """Closes by RST."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


# ---------------------------------------------------------------- the CORS headers of a response

def cors(response):
    """The Access-Control-* headers as {rest of the name: value}, each of them exactly once."""
    found = {}
    for name, value in response.headers:
        if name.lower().startswith("access-control-"):
            short = name.lower()[len("access-control-"):]
            assert short not in found, f"{name} twice: {response.raw!r}"
            found[short] = value
    return found


def vary(response):
    """The names in Vary, over all lines, lower case; none of them twice."""
    names = [name.lower() for name in response.items("Vary")]
    assert len(names) == len(set(names)), f"Vary repeats itself: {names}"
    return set(names)


def own_answer(response, status):
    """Asserts what every answer of corsd's own looks like."""
    assert response.status == status, response.raw
    assert response.one("Content-Type") == "text/plain; charset=utf-8", response.raw
    assert response.one("Cache-Control") == "no-store", response.raw
    assert response.has("Content-Length"), response.raw
    assert response.body.endswith(b"\n") and response.body.count(b"\n") == 1, response.body
    return response


# ---------------------------------------------------------------- the backend

def reply(status=200, body="hello", *lines, reason="OK"):
    """A response's bytes with a Content-Length (body None: without)."""
    body = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} {reason}", *lines]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines + ["", ""]).encode("latin-1") + (body or b"")


def reply_chunked(*pieces, lines=(), trailers=(), status=200):
    head = [f"HTTP/1.1 {status} OK", *lines, "Transfer-Encoding: chunked", "", ""]
    return "\r\n".join(head).encode("latin-1") + chunked(*pieces, trailers=trailers)


# An answer is bytes, a list of steps, or a function of the whole request that returns either;
# early(steps) begins before the body. A step is bytes to send, or a function of the connection.

def pause(seconds):
    return lambda conn: time.sleep(seconds)


def drip(data, gap=GAP):
    def step(conn):
        for at in range(len(data)):
            conn.send(data[at:at + 1])
            time.sleep(gap)
    return step


def until(event):
    def step(conn):
        conn.over = not event.wait(PATIENCE)  # the test has failed by then: just end
    return step


def close(conn):
    """An orderly end: FIN, and what still comes is read away."""
    conn.over = True
    with contextlib.suppress(OSError):
        conn.sock.shutdown(socket.SHUT_WR)
        conn.sock.settimeout(PATIENCE)
        while conn.sock.recv(65536):
            pass
    conn.sock.close()


def slam(conn):
    """close() with whatever was not read: the kernel makes a RST of it if there was any."""
    conn.over = True
    conn.sock.close()


def reset(conn):
    conn.over = True
    hang_up(conn.sock)


def stall(conn):
    """Says nothing more until corsd hangs up; what corsd sends is left unread."""
    while not conn.gone():
        time.sleep(0.01)
    conn.over = True


def read_body(conn):
    """For early answers: takes the request's body after all."""
    conn.wire.read_body(conn.request)
    conn.complete()


def read_all(conn):
    """Takes whatever comes until corsd ends its side; kept in `conn.extra`."""
    conn.sock.settimeout(PATIENCE)
    with contextlib.suppress(OSError):
        while more := conn.sock.recv(65536):
            conn.wire.buffer += more
    conn.extra = bytes(conn.wire.buffer)


class early:
    """An answer that begins when the head has come, without waiting for the body."""

    def __init__(self, *steps):
        self.steps = list(steps)


class Episode:
    """What one test's backend saw."""

    def __init__(self):
        self.heads = []      # each request as its head came
        self.requests = []   # each request once its body was whole
        self.faults = []     # what corsd sent and may not
        self.cut = 0         # requests that ended before their body did
        self.touched = 0     # connections on which something came, or that were opened
        self.script = []
        self.default = reply()
        self.greeting = []


class Connection:
    """The backend's end of one connection, served by a thread of its own."""

    def __init__(self, backend, sock, number):
        self.backend, self.sock, self.number = backend, sock, number
        self.wire = Wire(sock)
        self.wire.patience = 600
        self.episode = backend.episode
        self.request = None
        self.busy = False
        self.over = False
        self.extra = b""
        self.closed = threading.Event()

    def send(self, data):
        self.sock.settimeout(60)
        self.sock.sendall(data)

    def gone(self):
        """True when corsd has ended or reset this connection; reads nothing away."""
        watch = select.poll()
        watch.register(self.sock, select.POLLRDHUP)
        return bool(watch.poll(0))

    def readable(self):
        watch = select.poll()
        with contextlib.suppress(OSError, ValueError):
            watch.register(self.sock, select.POLLIN)
            return bool(watch.poll(0))
        return False

    def occupied(self, busy):
        with self.backend.condition:
            self.busy = busy
            self.backend.condition.notify_all()

    def complete(self):
        self.backend.note(self.episode.requests, self.request)

    def play(self, steps):
        for step in [steps] if isinstance(steps, bytes) else steps:
            if self.over:
                return
            self.send(step) if isinstance(step, bytes) else step(self)

    def one_exchange(self):
        """False when the connection is at its end."""
        if not self.wire.buffer and not self.wire.fill():
            return False
        self.occupied(True)
        self.episode = self.backend.episode
        self.request = read_request(self.wire)
        self.request.connection = self.number
        self.backend.note(self.episode.heads, self.request)
        answer = self.backend.next_answer(self.episode)
        if isinstance(answer, early):
            self.play(answer.steps)
        else:
            self.wire.read_body(self.request)
            self.complete()
            self.play(answer(self.request) if callable(answer) else answer)
        self.occupied(False)
        return not self.over

    def serve(self):
        try:
            if self.episode.greeting:
                self.occupied(True)
                self.play(self.episode.greeting)
                self.occupied(False)
            while not self.over and self.one_exchange():
                pass
        except Cut:
            self.episode.cut += 1
        except Fault as fault:
            self.backend.note(self.episode.faults, str(fault))
        except OSError:
            pass
        finally:
            self.over = True
            self.sock.close()
            self.closed.set()
            self.backend.forget(self)


class Backend:
    """A server on a free port (or a unix path) that records everything and answers as told."""

    def __init__(self, path=None, small_buffers=False):
        self.episode = Episode()
        self.condition = threading.Condition()
        self.open = []
        self.count = 0
        self.path = path
        if path:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(path)
            self.url = f"http+unix:{path}"
        else:
            self.listener = socket.socket()
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if small_buffers:
                self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
                self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32768)
            self.listener.bind(("127.0.0.1", free_port()))
            self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
            self.url = f"http://{self.address}"
        self.listener.listen(1024)
        threading.Thread(target=self.accept, daemon=True).start()

    def connection(self, sock, number):
        return Connection(self, sock, number)

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with self.condition:
                self.count += 1
                conn = self.connection(sock, self.count)
                self.open.append(conn)
                self.episode.touched += 1
                self.condition.notify_all()
            if not self.path:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=conn.serve, daemon=True).start()

    # what it is told

    def plays(self, *answers):
        """The next requests get these, one each, in the order their heads come."""
        with self.condition:
            self.episode.script += answers

    def always(self, answer):
        """What requests beyond the script get."""
        self.episode.default = answer

    def greets(self, *steps):
        """What happens on new connections before anything is read."""
        self.episode.greeting = steps

    def next_answer(self, episode):
        with self.condition:
            return episode.script.pop(0) if episode.script else episode.default

    # what it saw

    def note(self, record, what):
        with self.condition:
            record.append(what)
            self.condition.notify_all()

    def forget(self, conn):
        with self.condition:
            self.open.remove(conn)
            self.condition.notify_all()

    heads = property(lambda self: self.episode.heads)
    requests = property(lambda self: self.episode.requests)
    faults = property(lambda self: self.episode.faults)
    cut = property(lambda self: self.episode.cut)
    opened = property(lambda self: self.episode.touched)

    @property
    def request(self):
        """The only request that came."""
        assert len(self.requests) == 1, f"{len(self.requests)} requests: {self.requests}"
        return self.requests[0]

    def waits(self, condition, within=PATIENCE):
        with self.condition:
            return self.condition.wait_for(condition, within)

    def saw(self, count, within=PATIENCE):
        """Waits until so many requests are whole; True if they are, and no more than these."""
        return self.waits(lambda: len(self.requests) >= count, within) and len(self.requests) == count

    def saw_heads(self, count, within=PATIENCE):
        return self.waits(lambda: len(self.heads) >= count, within) and len(self.heads) == count

    def untouched(self, settle=0.02):
        """True when not one request head reached it."""
        time.sleep(settle)
        return not self.heads and not self.faults

    def released(self, within=PATIENCE):
        """Waits until corsd has hung up on every connection."""
        return self.waits(lambda: not self.open, within)

    def idle(self, within=PATIENCE):
        """Waits until no exchange is under way."""
        return self.waits(lambda: not any(conn.busy for conn in self.open), within)

    def turn_page(self):
        """A new episode for the next test: idle connections stay pooled, busy ones are ended."""
        end = time.monotonic() + 0.1
        while time.monotonic() < end and any(conn.busy or conn.readable() for conn in list(self.open)):
            time.sleep(0.001)  # what has come is still this test's; an answer just given is about to end
        with self.condition:
            self.episode = Episode()
            busy = [conn for conn in self.open if conn.busy]
        for conn in busy:
            conn.over = True
            with contextlib.suppress(OSError):
                conn.sock.shutdown(socket.SHUT_RDWR)
        for conn in busy:
            conn.closed.wait(PATIENCE)

    def stop(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.condition:
            conns = list(self.open)
        for conn in conns:
            with contextlib.suppress(OSError):
                conn.sock.shutdown(socket.SHUT_RDWR)


def eventually(condition, within=PATIENCE, what="it"):
    """Repeats until it holds; what held."""
    end = time.monotonic() + within
    while not (held := condition()):
        assert time.monotonic() < end, f"{what} did not come"
        time.sleep(0.01)
    return held


# ---------------------------------------------------------------- corsd itself

def ports():
    """Ports below the ephemeral range, far apart for processes that run at once."""
    worker = int(re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", "")) or 0)
    start = 10000 + (os.getpid() * 37 + worker * 5003) % 20000
    return itertools.chain(range(start, 32000), itertools.cycle(range(10000, 32000)))


PORTS = ports()


def free_port(host="127.0.0.1"):
    """A port on which nothing listens and no closed connection lingers."""
    for port in PORTS:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            with contextlib.suppress(OSError):
                probe.bind((host, port))
                return port


def yaml_of(text, words):
    """The test's YAML with its words in capitals filled in, and this run's number of workers."""
    text = textwrap.dedent(text).lstrip("\n")
    for word, value in words.items():
        text = re.sub(rf"\b{word}\b", lambda _: str(value), text)
    if not re.search(r"^workers:", text, re.M):
        text += f"workers: {WORKERS}\n"
    return text


def run(*arguments, env=None, within=30):
    """corsd as a command that ends by itself: the finished process, with text in stdout, stderr."""
    done = subprocess.run([BINARY, *arguments], capture_output=True, timeout=within,
                          env=environment(env), text=True, errors="replace", stdin=subprocess.DEVNULL)
    assert not REPORTS.search(done.stderr), done.stderr
    return done


class Corsd:
    """One running corsd, started from a YAML text and stopped by TERM."""

    def __init__(self, text, words=None, nofile=None, env=None, arguments=()):
        self.folder = tempfile.mkdtemp(prefix="corsd-")
        self.file = os.path.join(self.folder, "corsd.yaml")
        self.words = {"LISTEN": f"127.0.0.1:{free_port()}", "FOLDER": self.folder, **(words or {})}
        self.nofile, self.env, self.arguments = nofile, env or {}, arguments
        self.clients = []
        self.process = None
        self.write(text)
        self.start()

    def write(self, text):
        """Replaces the configuration as an editor does: never half a file."""
        with open(self.file + ".new", "w", encoding="utf-8") as out:
            out.write(yaml_of(text, self.words))
        os.replace(self.file + ".new", self.file)

    def start(self):
        limits = (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (self.nofile,) * 2)) \
            if self.nofile else None
        self.errors = open(os.path.join(self.folder, "stderr"), "ab")
        self.process = subprocess.Popen(
            [BINARY, "-c", self.file, *self.arguments], stdin=subprocess.DEVNULL,
            stdout=self.errors, stderr=self.errors, preexec_fn=limits,
            env=environment(self.env))
        try:
            self.await_listening()
        except BaseException:
            self.kill()
            raise

    def await_listening(self):
        end = time.monotonic() + 20
        with open(self.file, encoding="utf-8") as text:
            addresses = yaml.safe_load(text)["listen"]
        for address in addresses if isinstance(addresses, list) else [addresses]:
            address = address if isinstance(address, str) else address["address"]
            while not self.listens(address):
                assert time.monotonic() < end, f"corsd does not listen on {address}:\n{self.log}"
                time.sleep(0.005)

    def listens(self, address):
        assert self.process.poll() is None, \
            f"corsd ended with {self.process.returncode} at its start:\n{self.log}"
        try:
            self.dial(address).close()
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        return True

    @property
    def log(self):
        with open(os.path.join(self.folder, "stderr"), encoding="utf-8", errors="replace") as text:
            return text.read()

    def logged(self, pattern, within=PATIENCE):
        """Waits for a line in the log; the match, or None."""
        end = time.monotonic() + within
        while not (found := re.search(pattern, self.log)) and time.monotonic() < end:
            time.sleep(0.01)
        return found

    # clients

    @staticmethod
    def dial(address, receive_buffer=None):
        if address.startswith("unix:"):
            sock = socket.socket(socket.AF_UNIX)
            to = address[5:]
        else:
            host, _, port = address.rpartition(":")
            host = host.strip("[]") or "127.0.0.1"
            sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            to = (host, int(port))
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(PATIENCE)
        try:
            sock.connect(to)
        except BaseException:
            sock.close()
            raise
        return sock

    def connect(self, address=None, receive_buffer=None):
        client = Client(self.dial(address or self.words["LISTEN"], receive_buffer))
        self.clients.append(client)
        return client

    def ask(self, data, **more):
        """One request on a connection of its own; the response."""
        client = self.connect()
        try:
            return client.ask(data, **more)
        finally:
            client.sock.close()

    def drop_clients(self):
        for client in self.clients:
            client.reset()
        self.clients.clear()

    # the process

    @property
    def pid(self):
        return self.process.pid

    @property
    def alive(self):
        return self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    @contextlib.contextmanager
    def frozen(self):
        """corsd does not run meanwhile: what happens in here it finds all at once, as if it had been busy."""
        self.signal(signal.SIGSTOP)
        try:
            while not all(state == "T" for state in self.thread_states()):
                time.sleep(0.001)
            yield
        finally:
            self.signal(signal.SIGCONT)

    def thread_states(self):
        for task in os.listdir(f"/proc/{self.pid}/task"):
            with open(f"/proc/{self.pid}/task/{task}/status", encoding="ascii") as status:
                yield re.search(r"^State:\s+(\w)", status.read(), re.M)[1]

    def status(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            return status.read()

    def reload(self, text):
        """New configuration, HUP. Whoever needs it done waits for what it changes."""
        self.write(text)
        self.signal(signal.SIGHUP)

    def cpu(self):
        """Seconds of user and system time so far."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as stat:
            ticks = stat.read().rpartition(")")[2].split()
        return (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK")

    def rss(self):
        """Resident memory in bytes."""
        return int(re.search(r"VmRSS:\s+(\d+)", self.status())[1]) << 10

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def exited(self, within=PATIENCE):
        """Waits for the end; the exit code."""
        return self.process.wait(within)

    def check_report(self):
        found = REPORTS.search(self.log)
        assert not found, f"a sanitizer report:\n{self.log[found.start():][:6000]}"

    def stop(self):
        """TERM, and everything must be in order: exit 0, nothing leaked, in bounded time."""
        self.drop_clients()
        try:
            if self.alive:
                self.signal(signal.SIGTERM)
            code = self.process.wait(20)
            self.check_report()
            assert code == 0, f"exit code {code}:\n{self.log[-6000:]}"
        except subprocess.TimeoutExpired:
            raise AssertionError(f"corsd does not end on TERM:\n{self.log[-6000:]}") from None
        finally:
            self.kill()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        self.drop_clients()
        self.errors.close()
        if os.environ.get("CORSD_KEEP") is None:
            shutil.rmtree(self.folder, ignore_errors=True)


def survives(corsd):
    """Asserts that corsd still runs without a report; starts it anew for the next case if not."""
    if corsd.alive and not REPORTS.search(corsd.log):
        return
    corsd.process.wait(10) if not corsd.alive else corsd.process.kill()
    code, log = corsd.process.wait(10), corsd.log
    os.replace(os.path.join(corsd.folder, "stderr"), os.path.join(corsd.folder, "stderr.before"))
    corsd.errors.close()
    corsd.start()
    raise AssertionError(f"corsd died with {code}:\n{log[-6000:]}")
