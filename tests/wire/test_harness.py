"""The harness itself: a parser that is too kind would hide corsd's faults."""
import socket
import threading

import pytest

import harness
from harness import (Backend, Client, Cut, Fault, chunked, close, drip, early, get, post, read_body,
                     reply, reply_chunked, reset, stall)


@pytest.fixture
def server():
    backend = Backend()
    yield backend
    backend.stop()


def dial(backend):
    host, port = backend.address.split(":")
    return Client(socket.create_connection((host, int(port))))


GOOD = {
    "a length": (reply(200, "hello"), b"hello"),
    "chunks": (reply_chunked(b"he", b"llo"), b"hello"),
    "trailers": (reply_chunked(b"hello", trailers=["X-Sum: 1"]), b"hello"),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    "until the end": ([b"HTTP/1.1 200 OK\r\n\r\nhello", close], b"hello"),
    "byte by byte": ([drip(reply(200, "hello"))], b"hello"),
}

BAD = {
    "a bare LF": b"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "both framings": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "a folded line": b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "a space before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
    "a chunk extension": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0;a=b\r\n\r\n",
    "a length on 204": b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
    "a control byte": b"HTTP/1.1 200 OK\r\nA: \x01\r\nContent-Length: 0\r\n\r\n",
    "a status of two digits": b"HTTP/1.1 20 OK\r\n\r\n",
}

CUT = {
    "short": [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", close],
    "no last chunk": [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", close],
    "reset": [b"HTTP/1.1 200 OK\r\n\r\nhello", harness.pause(0.05), reset],
}


@pytest.mark.parametrize("name", GOOD)
def test_reads(server, name):
    server.plays(GOOD[name][0])
    assert dial(server).ask(get()).body == GOOD[name][1]


@pytest.mark.parametrize("name", BAD)
def test_refuses(server, name):
    server.plays(BAD[name])
    with pytest.raises(Fault):
        dial(server).ask(get())


@pytest.mark.parametrize("name", CUT)
def test_notices_a_cut(server, name):
    server.plays(CUT[name])
    with pytest.raises(Cut):
        dial(server).ask(get())


def test_backend_records(server):
    client = dial(server)
    client.ask(post("/a", "X: 1", body=b"one"))
    client.send(b"PUT /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"t", b"wo"))
    assert client.response().status == 200
    first, second = server.requests
    assert (first.method, first.target, first.one("x"), first.body) == ("POST", "/a", "1", b"one")
    assert (second.body, second.connection) == (b"two", 1)
    assert server.opened == 1


def test_backend_names_faults(server):
    dial(server).send(b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx")
    assert server.waits(lambda: server.faults)


def test_backend_answers_early_and_turns_the_page(server):
    server.plays(early(reply(401, "no"), read_body), [stall])
    client = dial(server)
    client.send(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n")
    assert client.response().status == 401 and server.requests == []
    client.send(b"ab")
    assert server.saw(1)
    waiting = threading.Thread(target=lambda: client.send(get()))
    waiting.start()
    assert server.saw(2)
    server.turn_page()
    waiting.join()
    assert client.ended() and server.opened == 0
