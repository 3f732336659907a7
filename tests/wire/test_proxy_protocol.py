"""PROXY protocol in: required where it is set, believed from trusted peers only, closed when it is wrong."""
import contextlib
import os
import socket
import struct
import subprocess
import tempfile
import time

import pytest

from harness import PATIENCE, Client, free_port, get, post

YAML = """
listen: {address: LISTEN, proxy_protocol: true}
trusted_proxies: [127.0.0.1/32, 10.0.0.0/8]
upstream: BACKEND
cors: off
log: {access: text}
timeouts: {header: 60s}
"""
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v1(source="192.0.2.1", port=40000):
    family = "TCP6" if ":" in source else "TCP4"
    there = "::1" if ":" in source else "127.0.0.1"
    return f"PROXY {family} {source} {there} {port} 443\r\n".encode()


def v2(source="192.0.2.1", port=40000, tlvs=b"", command=0x21):
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    there = "::1" if ":" in source else "127.0.0.1"
    block = socket.inet_pton(family, source) + socket.inet_pton(family, there) + struct.pack(">HH", port, 443) + tlvs
    kind = 0x21 if ":" in source else 0x11
    return SIGNATURE + bytes([command, kind]) + struct.pack(">H", len(block)) + block


def tlv(kind, value):
    return struct.pack(">BH", kind, len(value)) + value


@pytest.fixture(scope="module")
def corsd(shared):
    return shared(YAML)


WHOLE = {
    "v1": (v1(), "192.0.2.1"),
    "v1 of IPv6": (v1("2001:db8::1"), "2001:db8::1"),
    "v2": (v2(), "192.0.2.1"),
    "v2 of IPv6": (v2("2001:db8::1"), "2001:db8::1"),
    "v2 with TLVs": (v2(tlvs=tlv(2, b"app.example.com") + tlv(4, b"x" * 1000)), "192.0.2.1"),
    "v2 of 4,096 bytes": (v2(tlvs=tlv(4, b"x" * (4096 - 16 - 12 - 3))), "192.0.2.1"),
    "v2 local": (v2(command=0x20), "127.0.0.1"),
    "v1 unknown": (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    "v2 unspecified": (SIGNATURE + b"\x21\0\0\0", "127.0.0.1"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_the_client_is_who_the_header_says(corsd, backend, deliver, name):
    header, client = WHOLE[name]
    conn = corsd.connect()
    deliver(conn, header[:300])
    conn.send(header[300:] + post("/", body=b"body"))
    assert conn.response().status == 200
    assert backend.request.one("X-Forwarded-For") == client
    assert backend.request.body == b"body"


@pytest.mark.parametrize("header", [v1(), v2(tlvs=tlv(4, b"x"))], ids=["v1", "v2"])
def test_every_split(corsd, backend, header):
    data = header + get()
    for at in range(1, len(header) + 3):
        conn = corsd.connect()
        conn.split(data, at, gap=0.001)
        assert conn.response().status == 200, f"split at {at}"
        conn.sock.close()
    assert {seen.one("X-Forwarded-For") for seen in backend.requests} == {"192.0.2.1"}


def test_once_a_connection(corsd, backend):
    conn = corsd.connect()
    assert conn.ask(v1() + get("/1")).status == 200
    assert conn.ask(get("/2")).status == 200
    assert conn.ask(v1() + get("/3")).status == 400
    assert [seen.one("X-Forwarded-For") for seen in backend.requests] == ["192.0.2.1"] * 2


def test_pipelined_behind_it(corsd, backend):
    conn = corsd.connect()
    conn.send(v2() + get("/1") + get("/2"))
    assert [conn.response().status, conn.response().status] == [200, 200]
    assert backend.saw(2)


# X-Forwarded-For is believed of the header's client, not of the balancer
@pytest.mark.parametrize("header, want", [
    (v1("192.0.2.1"), "192.0.2.1"),
    (v1("10.1.1.1"), "198.51.100.7, 10.1.1.1"),
    (v2("10.1.1.1"), "198.51.100.7, 10.1.1.1"),
    (v2(command=0x20), "198.51.100.7, 127.0.0.1"),
    (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    (SIGNATURE + b"\x21\0\0\0", "127.0.0.1"),
], ids=["a client", "a proxy", "a proxy, v2", "local", "unknown", "unspecified"])
def test_whom_forwarding_headers_are_believed_of(corsd, backend, header, want):
    conn = corsd.connect()
    conn.send(header)
    assert conn.ask(get("/", "X-Forwarded-For: 198.51.100.7", "X-Real-IP: 203.0.113.9")).status == 200
    assert ", ".join(backend.request.items("X-Forwarded-For")) == want
    assert backend.request.has("X-Real-IP") == ("198.51.100.7" in want)


WRONG = {
    "HTTP": get(),
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "wrong family": b"PROXY TCP4 2001:db8::1 ::1 1 2\r\n" + get(),
    "no such family": b"PROXY UDP4 192.0.2.1 127.0.0.1 1 2\r\n" + get(),
    "v1 too long": b"PROXY TCP4 " + b"1" * 200,
    "v1 with trailing bytes": b"PROXY TCP4 192.0.2.1 127.0.0.1 1 2 3\r\n" + get(),
    "v1 without CR": b"PROXY TCP4 192.0.2.1 127.0.0.1 1 2\n" + get(),
    "v2 too short for its family": SIGNATURE + b"\x21\x11\0\x04abcd" + get(),
    "v2 of another family": SIGNATURE + b"\x21\x41\0\x0c" + b"x" * 12 + get(),
    "v2 huge": SIGNATURE + b"\x21\x11\xff\xff" + b"x" * 100,
    "v2 with a TLV beyond its end": v2(tlvs=b"\x04\0\x09x") + get(),
    "v2 with a wrong checksum": v2(tlvs=tlv(3, b"abcd")) + get(),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_header_ends_the_connection(corsd, backend, name):
    conn = corsd.connect()
    conn.send(WRONG[name])
    assert conn.ended()
    assert backend.untouched()
    assert corsd.logged(r"closed 127\.0\.0\.1: proxy_header: ")


def test_a_truncated_header_ends_the_connection(corsd, backend):
    for data in (v1(), v2()):
        for n in (1, 11, 12, 16, len(data) - 1):
            conn = corsd.connect()
            conn.send(data[:n]).finish()
            assert conn.ended(), n
    assert backend.untouched()


def test_a_client_that_asks_nothing(corsd):
    conn = corsd.connect()
    conn.send(v1()).finish()
    assert conn.ended()


def test_connections_are_counted_by_the_client(given, backend):
    corsd = given(YAML + "limits: {connections_per_client: 3}\n")
    conns = [corsd.connect() for _ in range(6)]
    for i, conn in enumerate(conns[:3]):
        assert conn.ask(v1("192.0.2.77") + get()).status == 200, i
    assert conns[3].send(v1("192.0.2.77") + get()).ended()
    assert conns[4].ask(v1("192.0.2.78") + get()).status == 200
    conns[0].sock.close()
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        conn = corsd.connect()
        conn.send(v1("192.0.2.77") + get())
        if not conn.ended(0.2):
            break
    assert conn.response().status == 200


def test_a_late_header(given, backend):
    corsd = given(YAML.replace("header: 60s", "header: 300ms"))
    conn = corsd.connect()
    conn.send(v1()[:10])
    assert conn.ended()
    assert corsd.logged(r"proxy_header_timeout")
    assert corsd.connect().ended()
    assert backend.untouched()


def test_from_others_it_is_closed(given, backend):
    corsd = given(YAML.replace("127.0.0.1/32", "127.0.0.2/32"))
    for data in (v1() + get(), v2() + get(), get(), b""):
        conn = corsd.connect()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            conn.send(data)
        assert conn.ended()
    assert backend.untouched()
    assert corsd.logged(r"closed 127\.0\.0\.1: proxy_untrusted: ")


def test_the_other_listener_takes_none(given, backend):
    corsd = given(YAML.replace("listen: {", "listen:\n  - PLAIN\n  - {"), PLAIN=(plain := f"127.0.0.1:{free_port()}"))
    assert corsd.connect(plain).ask(get()).status == 200
    assert corsd.connect(plain).ask(v1() + get()).status == 400
    assert corsd.connect().ask(v1() + get()).status == 200


def test_on_a_unix_socket(given, backend, short_folder):
    path = f"unix:{short_folder}/corsd.sock"
    corsd = given(YAML.replace("10.0.0.0/8", '"unix:"'), LISTEN=f'"{path}"')
    conn = Client(corsd.dial(path))
    corsd.clients.append(conn)
    assert conn.ask(v2() + get()).status == 200
    assert backend.request.one("X-Forwarded-For") == "192.0.2.1"


# a real HAProxy in front

@contextlib.contextmanager
def haproxy(send, to):
    """HAProxy on a port of its own, which is yielded, that forwards to corsd."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "haproxy.cfg")
        with open(file, "w", encoding="ascii") as out:
            out.write(f"""
defaults
    mode tcp
    timeout connect 10s
    timeout client 60s
    timeout server 60s
listen front
    bind 127.0.0.1:{port}
    server corsd {to} {send} check inter 200ms
""")
        process = subprocess.Popen(["/usr/sbin/haproxy", "-db", "-f", file], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            end = time.monotonic() + PATIENCE
            while time.monotonic() < end:
                with contextlib.suppress(ConnectionRefusedError):
                    socket.create_connection(("127.0.0.1", port), PATIENCE).close()
                    break
                time.sleep(0.02)
            yield port
        finally:
            process.terminate()
            process.wait(PATIENCE)


@pytest.mark.parametrize("send", ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id",
                                  "send-proxy check-send-proxy", "send-proxy-v2 check-send-proxy"])
def test_behind_haproxy(corsd, backend, send):
    with haproxy(send, corsd.words["LISTEN"]) as port:
        sock = socket.create_connection(("127.0.0.1", port), PATIENCE, source_address=("127.0.0.9", 0))
        client = Client(sock)
        corsd.clients.append(client)
        for target in ("/1", "/2"):
            assert client.ask(get(target, "X-Forwarded-For: 203.0.113.9")).status == 200
    assert [seen.one("X-Forwarded-For") for seen in backend.requests] == ["127.0.0.9"] * 2
