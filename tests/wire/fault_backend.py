"""A backend that does each wrong thing on demand, in a process of its own, and what a client may then see.

    with FaultBackend() as faulty:
        case = Case("reset", at="body", framing="chunked", method="POST")
        corsd.ask(case.request())  # the request says what is to go wrong

A case is a request whose query names the fault, the place of it in an otherwise right response, and an id.
The right body repeats that id, so an answer that belongs to somebody else is seen as such.
"""
import asyncio
import collections
import contextlib
import http.client
import json
import socket
import struct
import subprocess
import sys
import urllib.parse
from dataclasses import dataclass

APP = "https://app.example.com"
ANYBODY = "0"  # the id of requests whose body is not looked at
LATE, TOO_LATE, FOR_EVER = 0.2, 2.5, 20  # seconds; the tests' response_timeout is 1 s
GARBAGE = b"\xff\x00 nonsense\nof all kinds: \x16\x03\x01\r\r\n;;"
EVIL = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
INTERIM = (b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
           b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 199 Whatever\r\nA: b\r\n\r\n")

ENDINGS = ("close", "reset", "stall", "garbage")          # what happens at a place instead of the rest
PACES = ("drip", "late")                                  # what happens to the rest from a place on
PLACES_OF_HEAD = ("nothing", "status", "headers", "blank")
PLACES_OF_BODY = ("head", "body", "last")
WHOLE = {  # faults of the message itself, and whether it can be answered all the same
    "none": True, "interim": True, "trailing": True, "overlong": True, "early": True, "extensions": True,
    "too late": False, "both": False, "two lengths": False, "huge": False, "many": False, "101": False,
    "bare lf": False, "short": False, "bad chunk": False, "interim flood": False, "unknown coding": False,
}


@dataclass(frozen=True)
class Case:
    fault: str = "none"
    at: str = "end"              # the place, for endings and paces
    framing: str = "length"      # length, chunked, close
    method: str = "GET"
    size: int = 3000
    id: str = ANYBODY

    def target(self):
        return "/fault?" + urllib.parse.urlencode(self.__dict__, quote_via=urllib.parse.quote)

    def request(self, *lines, host="app.test"):
        body = self.upload()
        head = [f"{self.method} {self.target()} HTTP/1.1", f"Host: {host}", f"Origin: {APP}", *lines]
        if body:
            head.append(f"Content-Length: {len(body)}")
        return "\r\n".join(head + ["", ""]).encode() + body

    def upload(self):
        return b"" if self.method in ("GET", "HEAD") else (self.id.encode() + b"-") * 50

    def body(self):
        text = self.id.encode() + b":"
        return (text * (self.size // len(text) + 1))[:self.size]

    # what a client may see

    def makes_sense(self):
        """Whether there is such a case, and a way to tell that it went wrong."""
        if self.method == "HEAD" and (self.at in PLACES_OF_BODY or self.fault in ("overlong", "short", "bad chunk")):
            return False
        if self.fault in ("overlong", "short", "both", "two lengths"):
            return self.framing == "length"
        if self.fault in ("bad chunk", "extensions"):
            return self.framing == "chunked"
        if self.fault == "trailing":
            return self.framing != "close"
        if self.framing != "close" or self.method == "HEAD":
            return self.fault != "garbage" or self.framing == "chunked" or self.at not in PLACES_OF_BODY
        # bytes until the end of the connection: neither its end nor what came before can be wrong
        return self.fault not in ("close", "garbage") or self.at in PLACES_OF_HEAD

    def must_be_right(self):
        if self.fault in PACES:
            return True
        if self.fault in ENDINGS:
            whole = self.at == "end" and not (self.framing == "close" and self.method != "HEAD")
            return whole or (self.fault == "close" and self.at == "end")
        return WHOLE[self.fault]

    def poisons(self):
        """Whether it leaves a connection behind that looks well, and is not: whoever is sent on it, and
        may not be sent twice, has bad luck that no proxy can spare him."""
        return self.at == "end" and (self.fault in ENDINGS or self.fault == "trailing")

    def judge(self, seen, unlucky=False):
        """What is wrong with what the client saw, or None."""
        if seen.status in (502, 504) and seen.origin == APP:
            return "should have been answered" if self.must_be_right() and not unlucky else None
        if seen.status and seen.whole:
            right = self.must_be_right() and seen.status == 200 and seen.origin == APP
            return None if right and seen.body == (b"" if self.method == "HEAD" else self.body()) else "a wrong answer"
        return "should have been whole" if self.must_be_right() and not unlucky else None  # visibly cut


@dataclass
class Seen:
    status: int = 0              # 0: not one whole head came
    whole: bool = False
    origin: str = ""             # Access-Control-Allow-Origin
    body: bytes = b""


# ---------------------------------------------------------------- the server

class Exchange:
    def __init__(self, case, reader, writer):
        self.case, self.reader, self.writer = case, reader, writer

    def head(self):
        case, body, lines = self.case, self.case.body(), []
        if case.framing == "length":
            lines = [f"Content-Length: {len(body)}"]
        elif case.framing == "chunked":
            lines = ["Transfer-Encoding: chunked"]
        if case.fault == "both":
            lines.append("Transfer-Encoding: chunked")
        elif case.fault == "two lengths":
            lines.append("Content-Length: 1")
        elif case.fault == "unknown coding":
            lines = ["Transfer-Encoding: gzip"]
        elif case.fault == "huge":
            lines.append("A: " + "b" * 100000)
        elif case.fault == "many":
            lines += ["A: b"] * 500
        start = "HTTP/1.1 101 Switching Protocols" if case.fault == "101" else "HTTP/1.1 200 OK"
        if case.fault == "101":
            lines = ["Connection: Upgrade", "Upgrade: websocket"]
        end = "\n" if case.fault == "bare lf" else "\r\n"
        return end.join([start, "Server: faulty", *lines, "", ""]).encode()

    def coded(self):
        case, body = self.case, self.case.body()
        if case.method == "HEAD":
            return b""
        if case.framing != "chunked":
            cut = {"short": len(body) // 2}.get(case.fault, len(body))
            return body[:cut] + (b"x" * 10 if case.fault == "overlong" else b"")
        more = b";a=b" if case.fault == "extensions" else b""
        half = len(body) // 2
        pieces = [b"%x%s\r\n%s\r\n" % (len(piece), more, piece) for piece in (body[:half], body[half:]) if piece]
        if case.fault == "bad chunk":
            pieces.insert(1, b"zz\r\n")
        return b"".join(pieces) + b"0\r\n\r\n"

    def split(self):
        """The response in two, at the case's place."""
        head, coded = self.head(), self.coded()
        at = {"nothing": 0, "status": 7, "headers": len(head) // 2, "blank": len(head) - 2, "head": len(head),
              "body": len(head) + len(coded) // 2, "last": len(head) + len(coded) - 1,
              "end": len(head) + len(coded)}[self.case.at]
        return (head + coded)[:at], (head + coded)[at:]

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    def reset(self):
        sock = self.writer.get_extra_info("socket")
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def until_left(self):
        with contextlib.suppress(asyncio.TimeoutError):
            async with asyncio.timeout(FOR_EVER):
                while await self.reader.read(65536):
                    pass

    async def end(self):
        """The case's ending; False: the connection is over."""
        if self.case.fault == "reset":
            await asyncio.sleep(0.01)  # so that what went before is read, mostly
            self.reset()
        elif self.case.fault in ("stall", "garbage"):
            if self.case.fault == "garbage":
                await self.send(GARBAGE)
            await self.until_left()
        return False

    async def flood(self):
        with contextlib.suppress(asyncio.TimeoutError):
            async with asyncio.timeout(FOR_EVER):
                while True:
                    await self.send(INTERIM)
                    await asyncio.sleep(0.001)

    async def play(self):
        """Answers; True: the connection goes on."""
        fault, (first, rest) = self.case.fault, self.split()
        if fault == "interim flood":
            await self.flood()
        if fault == "interim":
            await self.send(INTERIM)
        if fault == "too late":
            await asyncio.sleep(TOO_LATE)
        if fault == "trailing":  # in one piece: what comes when the next request is out is that one's answer
            first, rest = first + rest + EVIL, b""
        await self.send(first)
        if fault in ENDINGS:
            return await self.end()
        if fault == "late":
            await asyncio.sleep(LATE)
        elif fault == "drip":
            for at in range(min(len(rest), 40)):
                await self.send(rest[at:at + 1])
                await asyncio.sleep(0.0005)
            rest = rest[40:]
        await self.send(rest)
        if fault in ("short", "bad chunk"):
            await self.until_left()
        return self.case.framing != "close" or self.case.method == "HEAD"


class Server:
    def __init__(self):
        self.heads = collections.Counter()   # "METHOD id": how many times it came
        self.broken = []                     # what corsd sent and may not

    async def read_case(self, reader):
        """The next request's case and its headers; None at the end."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            if error.partial:
                self.broken.append(repr(error.partial[:200]))
            return None
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:-2])}
        url = urllib.parse.urlsplit(target)
        query = dict(urllib.parse.parse_qsl(url.query))
        known = {key: query[key] for key in Case.__dataclass_fields__ if key in query}
        known["size"] = int(known.get("size", 3000))
        return url.path, Case(**{**known, "method": method}), headers

    async def read_body(self, case, reader, headers):
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        while "transfer-encoding" in headers and (size := int(await reader.readuntil(b"\r\n"), 16)):
            body += (await reader.readexactly(size + 2))[:-2]
        if "transfer-encoding" in headers:
            await reader.readuntil(b"\r\n")
        if body != case.upload() and case.id != ANYBODY:
            self.broken.append(f"{case.method} {case.id}: another's body: {body[:60]!r}")

    async def tunnel(self, reader, writer):
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()

    async def one(self, reader, writer):
        asked = await self.read_case(reader)
        if not asked:
            return False
        path, case, headers = asked
        if path == "/seen":
            text = json.dumps({"heads": self.heads, "broken": self.broken}).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(text) + text)
            return True
        if path == "/tunnel":
            await self.tunnel(reader, writer)
            return False
        self.heads[f"{case.method} {case.id}"] += 1
        exchange = Exchange(case, reader, writer)
        if case.fault == "early":
            goes_on = await exchange.play()
            await self.read_body(case, reader, headers)
            return goes_on
        await self.read_body(case, reader, headers)
        return await exchange.play()

    async def serve(self, reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while await self.one(reader, writer):
                pass
        writer.close()

    async def run(self):
        server = await asyncio.start_server(self.serve, "127.0.0.1", int(sys.argv[1]), backlog=1024)
        print("ready", flush=True)
        async with server:
            await server.serve_forever()


# ---------------------------------------------------------------- as a test sees it

class FaultBackend:
    def __init__(self, port):
        self.port, self.url = port, f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen([sys.executable, __file__, str(port)], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b"ready\n"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait(10)
        self.process.stdout.close()

    def report(self):
        """What came, asked for past corsd: {"heads": {"METHOD id": count}, "broken": [text]}."""
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        conn.request("GET", "/seen")
        text = conn.getresponse().read()
        conn.close()
        return json.loads(text)

    def sound(self):
        """Asserts that corsd sent nothing it may not, and no POST twice."""
        report = self.report()
        counts = {key: count for key, count in report["heads"].items() if not key.endswith(f" {ANYBODY}")}
        twice = [key for key, count in counts.items() if key.startswith("POST") and count > 1]
        thrice = [key for key, count in counts.items() if count > 2]
        assert not report["broken"] and not twice and not thrice, (report["broken"][:5], twice[:5], thrice[:5])


if __name__ == "__main__":
    asyncio.run(Server().run())
