"""Chaos: a crowd of clients that do everything wrong, a backend that does everything wrong, and between them,
all the time, a well-behaved client of another upstream, none of whose answers may be wrong or lost. When
all is over corsd is as it was: descriptors, memory, rest. DESIGN §3."""
import asyncio
import contextlib
import os
import random
import socket
import struct
import time

import pytest

from fault_backend import ENDINGS, PACES, PLACES_OF_BODY, PLACES_OF_HEAD, WHOLE, Case, FaultBackend, Seen
from harness import BINARY, REPORTS, chunked, free_port

YAML = """
listen: LISTEN
upstreams:
  faulty: {url: FAULTY, response_timeout: 1s, idle_timeout: 2s, connect_timeout: 3s}
  good: {url: GOOD, response_timeout: 60s, idle_timeout: 2s}
routes: [{host: good.test, upstream: good}]
upstream: faulty
limits: {body_size: 1m, connections: 2000}
timeouts: {header: 2s, body: 2s, idle: 3s, tunnel: 4s, drain: 10s}
log: {level: error}
cors: {allow_origins: ["https://app.example.com"]}
"""
MEMORY = 16 << 20  # how much more than before is still "as before", in a build without a sanitizer
PATIENCE = 60
PLACES = PLACES_OF_HEAD + PLACES_OF_BODY + ("end",)
HELLO = ("GET /tunnel HTTP/1.1\r\nHost: app.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").encode()


class Crowd:
    def __init__(self, port, seed, until):
        self.port, self.random, self.until = port, random.Random(seed), until
        self.number, self.done, self.wrong = 0, 0, []

    # what a client reads

    async def head(self, reader):
        text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lines = text.split("\r\n")[1:-2]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return int(text[9:12]), headers

    async def chunks(self, reader):
        body = b""
        while size := int(await reader.readuntil(b"\r\n"), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readuntil(b"\r\n")
        return body

    async def look(self, reader, method):
        seen = Seen()
        try:
            status, headers = await self.head(reader)
            while status < 200:
                status, headers = await self.head(reader)
            seen.status, seen.origin = status, headers.get("access-control-allow-origin", "")
            if method == "HEAD":
                pass
            elif "transfer-encoding" in headers:
                seen.body = await self.chunks(reader)
            elif "content-length" in headers:
                seen.body = await reader.readexactly(int(headers["content-length"]))
            else:
                seen.body = await reader.read(-1)
            seen.whole = True
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        return seen

    # what clients do

    def case(self, fault=None):
        while True:
            self.number += 1
            case = Case(fault or self.random.choice([*ENDINGS, *PACES, *WHOLE]), self.random.choice(PLACES),
                        self.random.choice(("length", "chunked", "close")),
                        self.random.choice(("GET", "GET", "HEAD", "POST", "PUT")),
                        self.random.choice((10, 3000, 100_000)), f"{id(self) % 9973}-{self.number}")
            if case.makes_sense():
                return case

    async def asks(self, reader, writer, case=None):
        """A right request; whether it can be answered is the backend's mood, whether rightly is corsd's."""
        case = case or self.case()
        writer.write(case.request())
        seen = await self.look(reader, case.method)
        if fault := case.judge(seen, unlucky=True):
            self.wrong.append((fault, case, seen.status, seen.whole, seen.body[:60]))
        return seen.whole

    async def asks_again_and_again(self, reader, writer):
        for _ in range(10):
            if not await self.asks(reader, writer, self.case("none")):
                return

    async def says_half_a_head(self, reader, writer):
        text = self.case().request()
        writer.write(text[:self.random.randrange(1, 100)])
        await asyncio.sleep(self.random.random())

    async def drips_a_head(self, reader, writer):
        for byte in self.case("none").request()[:60]:
            writer.write(bytes([byte]))
            await asyncio.sleep(self.random.random() * 0.02)

    async def uploads_half(self, reader, writer):
        writer.write(b"PUT /fault?fault=early HTTP/1.1\r\nHost: app.test\r\nContent-Length: 500000\r\n\r\n" + bytes(200000))
        await asyncio.sleep(self.random.random() * 0.3)

    async def uploads_too_much(self, reader, writer):
        writer.write(b"PUT /fault HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(20):
            writer.write(chunked(bytes(100000))[:-5])
            await writer.drain()

    async def talks_nonsense(self, reader, writer):
        writer.write(self.random.randbytes(self.random.randrange(1, 3000)))
        await reader.read(1000)

    async def asks_a_hundred_at_once(self, reader, writer):
        writer.write(b"".join(self.case("none").request() for _ in range(100)))
        await reader.read(self.random.randrange(1, 100_000))

    async def never_reads(self, reader, writer):
        reader._transport.pause_reading()
        writer.write(Case(size=3_000_000).request() * 3)
        await asyncio.sleep(self.random.random() * 3)

    async def tunnels(self, reader, writer):
        writer.write(HELLO + b"early")
        status, _ = await self.head(reader)
        if status != 101:
            return
        text = self.random.randbytes(50000)
        writer.write(text)
        if await reader.readexactly(5 + len(text)) != b"early" + text:
            self.wrong.append(("a tunnel", status))

    async def asks_and_shuts_down(self, reader, writer):
        writer.write(self.case("late").request())
        writer.write_eof()
        await reader.read(-1)

    async def says_nothing(self, reader, writer):
        await asyncio.sleep(self.random.random())

    DEEDS = ([asks] * 8 + [asks_again_and_again, says_half_a_head, drips_a_head, uploads_half, uploads_too_much,
                           talks_nonsense, asks_a_hundred_at_once, never_reads, tunnels, asks_and_shuts_down, says_nothing])

    def leave(self, writer):
        if self.random.random() < 0.4:
            with contextlib.suppress(OSError):
                writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async def client(self):
        while time.monotonic() < self.until:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                deed = self.random.choice(self.DEEDS)
                try:
                    async with asyncio.timeout(PATIENCE):
                        await deed(self, reader, writer)
                    self.done += 1
                except TimeoutError:
                    self.wrong.append(("no end", deed.__name__))
                finally:
                    self.leave(writer)

    # the one that does everything right

    async def good_client(self, lost):
        while time.monotonic() < self.until:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            for _ in range(20):
                case = self.case("none")
                writer.write(case.request(host="good.test"))
                async with asyncio.timeout(PATIENCE):
                    seen = await self.look(reader, case.method)
                if not seen.whole or case.judge(seen):
                    lost.append((case, seen.status, seen.whole, seen.body[:100]))
                    return
                self.done += 1
                await asyncio.sleep(0.005)
            writer.close()


async def run_crowd(port, seconds, size, seed):
    until = time.monotonic() + seconds
    crowd, good, lost = Crowd(port, seed, until), Crowd(port, seed + 1, until), []
    await asyncio.gather(good.good_client(lost), *(crowd.client() for _ in range(size)))
    return crowd, good, lost


def comes_back(read, most, within=60):
    """Waits until what is read is no more than that; the last reading."""
    end = time.monotonic() + within
    while (now := read()) > most and time.monotonic() < end:
        time.sleep(0.2)
    return now


def idle_share(corsd, seconds=1.0):
    before, start = corsd.cpu(), time.monotonic()
    time.sleep(seconds)
    return (corsd.cpu() - before) / (time.monotonic() - start)


def chaos(given, seconds, size):
    seed = int(os.environ.get("CORSD_SEED", 0)) or random.randrange(1 << 30)
    print(f"CORSD_SEED={seed}")
    with FaultBackend(free_port()) as faulty, FaultBackend(free_port()) as good_backend:
        corsd = given(YAML, FAULTY=faulty.url, GOOD=good_backend.url, env={"ASAN_OPTIONS": "quarantine_size_mb=1"})
        port = int(corsd.words["LISTEN"].rpartition(":")[2])
        asyncio.run(run_crowd(port, 1.5, 8, seed))  # warm: caches of the allocator, spare exchanges
        descriptors = comes_back(corsd.descriptors, 16)
        memory = corsd.rss()
        crowd, good, lost = asyncio.run(run_crowd(port, seconds, size, seed))
        print(f"{crowd.done} deeds, {good.done} right answers")
        assert corsd.alive and not REPORTS.search(corsd.log), corsd.log[-3000:]
        assert not lost and good.done >= min(20, seconds), lost
        assert not crowd.wrong, crowd.wrong[:5]
        good_backend.sound()
        faulty.sound()
        assert comes_back(corsd.descriptors, descriptors) <= descriptors, "a descriptor is lost"
        assert comes_back(lambda: idle_share(corsd), 0.05) <= 0.05, "it does not come to rest"
        if "asan" not in corsd_build() and "tsan" not in corsd_build():
            grown = comes_back(lambda: corsd.rss() - memory, MEMORY, 10)
            assert grown <= MEMORY, f"{grown >> 10} KiB more than before"


def corsd_build():
    return os.path.relpath(BINARY, os.path.join(os.path.dirname(__file__), "..", ".."))


def test_chaos(given):
    chaos(given, seconds=15, size=16)


@pytest.mark.long
def test_chaos_for_ten_minutes(given):
    chaos(given, seconds=600, size=200)
