"""TLS listeners: certificates by SNI, versions and ciphers, resumption, plain requests, bad bytes, floods,
certificates that change."""
import ctypes
import ctypes.util
import os
import re
import select
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest

import certificates
from harness import PATIENCE, Client, eventually, get, own_answer, post, reply, reply_chunked

CORS = 'cors: {allow_origins: ["https://app.example.com"]}'
ORIGIN = "Origin: https://app.example.com"


@pytest.fixture(scope="session")
def made():
    return certificates.folder()


def context(made, version=None, alpn=("http/1.1",)):
    ctx = ssl.create_default_context(cafile=made.cert)
    if alpn:
        ctx.set_alpn_protocols(list(alpn))
    if version:
        ctx.minimum_version = ctx.maximum_version = version
    return ctx


class Sealed(Client):
    """A client over TLS. One thread may send while another reads: OpenSSL allows one call at a time, and
    Python 3.11 does not see to that."""

    def __init__(self, sock):
        super().__init__(sock)
        self.turn = threading.Lock()

    def attempt(self, call, *arguments):
        end = time.monotonic() + self.patience
        while True:
            with self.turn:
                self.sock.setblocking(False)
                try:
                    return call(*arguments)
                except ssl.SSLWantReadError:
                    waits = select.POLLIN
                except ssl.SSLWantWriteError:
                    waits = select.POLLOUT
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            poll = select.poll()
            poll.register(self.sock, waits)
            poll.poll(min(left, 0.05) * 1000)  # what the other thread reads may be what this one waits for

    def fill(self):
        try:
            more = self.attempt(self.sock.recv, 65536)
        except ssl.SSLEOFError as error:
            raise ConnectionResetError("no close_notify") from error
        self.buffer += more
        return bool(more)

    def send(self, *parts):
        for part in parts:
            left = memoryview(part)
            while left:
                left = left[self.attempt(self.sock.send, left[:65536]):]
        return self


def seal(corsd, ctx, name="app.test", session=None):
    raw = corsd.connect()
    corsd.clients.remove(raw)
    client = Sealed(ctx.wrap_socket(raw.sock, server_hostname=name, session=session, suppress_ragged_eofs=False))
    corsd.clients.append(client)
    return client


@pytest.fixture
def sealed(given, made):
    """sealed(more YAML): a corsd with a TLS listener at LISTEN."""
    def start(more="", tls=None, **words):
        text = (f'listen: {{address: "LISTEN", tls: {tls or "{cert: CERT, key: KEY}"}}}\n'
                f"upstream: BACKEND\n{CORS}\n{more}")
        return given(text, CERT=made.server.cert, KEY=made.server.key, **words)
    return start


def s_client(corsd, *arguments, stdin=b"", within=30):
    done = subprocess.run(["openssl", "s_client", "-connect", corsd.words["LISTEN"], *arguments], input=stdin,
                          capture_output=True, timeout=within, check=False)
    return (done.stdout + done.stderr).decode(errors="replace")


# ---------------------------------------------------------------- the plain good case

@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_requests_on_one_connection(sealed, backend, made, version):
    corsd = sealed()
    client = seal(corsd, context(made, version))
    assert client.sock.version() == {771: "TLSv1.2", 772: "TLSv1.3"}[version]
    assert client.sock.selected_alpn_protocol() == "http/1.1"
    for n in range(3):
        backend.plays(reply(200, f"answer {n}"))
        answer = client.ask(get(f"/{n}", ORIGIN))
        assert answer.body == b"answer %d" % n
        assert answer.one("Access-Control-Allow-Origin") == "https://app.example.com"
    assert [seen.one("X-Forwarded-Proto") for seen in backend.requests] == ["https"] * 3


def test_a_close_is_said(sealed, backend, made):
    client = seal(sealed(), context(made))
    answer = client.ask(get("/", "Connection: close"))
    assert answer.body == b"hello"
    assert client.ended()  # by close_notify: without it fill() says reset


def test_a_body_until_close_ends_cleanly_and_is_cut_visibly(sealed, backend, made):
    corsd = sealed()
    old = b"GET /old HTTP/1.0\r\nHost: app.test\r\n\r\n"
    backend.plays(reply_chunked(b"a" * 30000))
    client = seal(corsd, context(made)).send(old)
    answer = client.response()
    assert answer.framing == "close" and answer.body == b"a" * 30000
    backend.plays([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", lambda conn: conn.sock.close()])
    client = seal(corsd, context(made)).send(old)
    with pytest.raises(AssertionError):  # a Cut: no close_notify
        client.response()


def test_large_bodies_both_ways(sealed, backend, made):
    body = os.urandom(3 << 20)
    backend.plays(lambda request: reply(200, request.body))
    client = seal(sealed(), context(made))
    thread = threading.Thread(target=client.send, args=(post("/", body=body),))
    thread.start()
    assert client.response().body == body
    thread.join()


def test_pipelined_requests(sealed, backend, made):
    client = seal(sealed(), context(made)).send(get("/1") + get("/2") + get("/3"))
    for n in range(3):
        backend.plays(reply(200, str(n)))
    assert [client.response().body for _ in range(3)] == [b"0", b"1", b"2"]


def test_back_pressure_resumes_without_an_edge(sealed, backend, made):
    """What waits inside OpenSSL while the backend reads nothing is read when it goes on."""
    go = threading.Event()
    seen = []
    from harness import early, read_body, until
    backend.plays(early(until(go), read_body, reply(200, "all")))
    client = seal(sealed(), context(made))
    body = b"x" * (8 << 20)
    thread = threading.Thread(target=lambda: seen.append(client.send(post("/", body=body))))
    thread.start()
    time.sleep(0.5)
    go.set()
    assert client.response().body == b"all"
    thread.join()
    assert backend.request.body == body


# ---------------------------------------------------------------- certificates by SNI

def test_pairs_are_chosen_by_sni(given, backend, made):
    one, other = made.issue("sni-one", "DNS:one.test"), made.issue("sni-other", "DNS:*.other.test")
    corsd = given(f"""
        listen:
          address: LISTEN
          tls: [{{cert: {one.cert}, key: {one.key}}}, {{cert: {other.cert}, key: {other.key}}}]
        upstream: BACKEND
        {CORS}
    """)
    for name, holds in ("one.test", "one.test"), ("x.other.test", "*.other.test"), ("else.test", "one.test"):
        shown = s_client(corsd, "-servername", name)
        assert re.search(r"subject=CN = sni-" + ("other" if "other" in holds else "one"), shown), shown
    assert seal(corsd, context(made), "one.test").ask(get()).status == 200
    assert seal(corsd, context(made), "a.other.test").ask(get()).status == 200


def test_an_rsa_and_an_ec_pair_for_the_same_names(given, backend, made):
    corsd = given(f"""
        listen:
          address: LISTEN
          tls: [{{cert: {made.rsa.cert}, key: {made.rsa.key}}}, {{cert: {made.server.cert}, key: {made.server.key}}}]
        upstream: BACKEND
        {CORS}
    """)
    for cipher, subject in ("ECDHE-RSA-AES128-GCM-SHA256", "rsa"), ("ECDHE-ECDSA-AES128-GCM-SHA256", "server"):
        shown = s_client(corsd, "-tls1_2", "-cipher", cipher, "-servername", "app.test")
        assert f"subject=CN = {subject}" in shown, shown


# ---------------------------------------------------------------- versions, ciphers, resumption

@pytest.mark.parametrize("arguments", [
    ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], ["-tls1", "-cipher", "ALL:@SECLEVEL=0"],
    ["-tls1_2", "-cipher", "AES128-GCM-SHA256"], ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"],
    ["-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"], ["-tls1_2", "-cipher", "DHE:!ECDHE"],
    ["-alpn", "h2"]])
def test_what_is_not_spoken(sealed, backend, arguments):
    shown = s_client(sealed(), *arguments)
    assert re.search(r"alert|no ciphers available|no protocols available|Cipher is \(NONE\)", shown), shown
    assert not re.search(r"Cipher is (?!\(NONE\))", shown), shown


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_sessions_are_resumed_and_outlive_a_reload(sealed, backend, made, version, tmp_path):
    corsd = sealed()
    kept = str(tmp_path / "session")
    request = get("/", "Connection: close")

    def connect(*arguments):
        return s_client(corsd, version, "-ign_eof", "-servername", "app.test", *arguments, stdin=request)

    assert "New, TLS" in connect("-sess_out", kept)
    assert "Reused, TLS" in connect("-sess_in", kept)
    corsd.signal(signal.SIGHUP)
    assert corsd.logged("reloaded")
    assert "Reused, TLS" in connect("-sess_in", kept)


def test_renegotiation_is_refused(sealed, backend):
    shown = s_client(sealed(), "-tls1_2", stdin=b"R\n")
    assert re.search(r"no renegotiation|RENEGOTIATING", shown), shown
    assert not re.search(r"verify return.*RENEGOTIATING.*verify return", shown, re.S), shown


def test_curl(sealed, backend, made):
    corsd = sealed()
    port = corsd.words["LISTEN"].rpartition(":")[2]
    done = subprocess.run(["curl", "-sS", "--cacert", made.cert, f"https://localhost:{port}/a", f"https://localhost:{port}/b",
                           "-w", "%{num_connects} %{http_version};"], capture_output=True, timeout=30, check=True)
    assert done.stdout == b"hello1 1.1;hello0 1.1;"


# ---------------------------------------------------------------- what is not TLS

def test_a_plain_request_is_told(sealed, backend, made):
    corsd = sealed()
    client = corsd.connect()
    answer = own_answer(client.ask(get("/")), 400)
    assert b"plain HTTP was spoken to a TLS port" in answer.body
    assert client.ended()
    assert backend.untouched()


def test_a_plain_upload_gets_its_answer_too(sealed, backend):
    client = sealed().connect()
    client.send(post("/", body=b"x" * 100000))
    assert client.response().status == 400


@pytest.mark.parametrize("garbage", [b"\x00", b"\x16\x03\x01\xff\xff" + b"a" * 70000, b"\x16\x03\x01\x00\x05hello",
                                     b"\x80\x2e\x01\x00\x02" + b"\0" * 50, bytes(range(128, 256)) * 10, b"\x17\x03\x03\x00\x01a",
                                     b"\x15\x03\x01\x00\x02\x02\x28"], ids=["nul", "record", "short", "ssl2", "high", "data", "alert"])
def test_garbage_is_closed(sealed, backend, made, garbage):
    corsd = sealed("timeouts: {header: 1s}\n")
    client = corsd.connect()
    try:
        client.send(garbage)
        while client.fill():
            pass
    except OSError:
        pass
    assert seal(corsd, context(made)).ask(get()).status == 200


def test_a_handshake_has_a_deadline(sealed, backend, made):
    corsd = sealed("timeouts: {header: 500ms}\n")
    quiet, slow = corsd.connect(), corsd.connect()
    slow.send(b"\x16\x03\x01\x02\x00\x01")
    assert quiet.ended() and slow.ended()
    assert seal(corsd, context(made)).ask(get()).status == 200


def test_an_idle_connection_outlives_the_handshakes_deadline(sealed, backend, made):
    corsd = sealed("timeouts: {header: 500ms}\n")
    client = seal(corsd, context(made))
    time.sleep(1.2)
    assert client.ask(get()).status == 200


def test_half_handshakes_count(sealed, backend, made):
    corsd = sealed("limits: {connections_per_client: 20}\n")
    halves = [corsd.connect().send(b"\x16\x03\x01\x02\x00\x01") for _ in range(20)]
    assert corsd.connect().ended()
    for half in halves:
        half.reset()
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            assert seal(corsd, context(made)).ask(get()).status == 200
            return
        except OSError:
            time.sleep(0.02)
    raise AssertionError("they still count")


def test_key_updates_without_end_are_cut(sealed, backend, made):
    """OpenSSL reads on within one call as long as a record brings no data: a peer may not hold the loop so."""
    corsd = sealed("workers: 1\ntimeouts: {header: 60s, idle: 60s}\n")
    lib = ctypes.CDLL(ctypes.util.find_library("ssl"))
    for name in "TLS_client_method", "SSL_CTX_new", "SSL_new":
        getattr(lib, name).restype = ctypes.c_void_p
    ctx = ctypes.c_void_p(lib.SSL_CTX_new(ctypes.c_void_p(lib.TLS_client_method())))
    ssl_ = ctypes.c_void_p(lib.SSL_new(ctx))
    client = corsd.connect()
    client.sock.setblocking(True)
    assert lib.SSL_set_fd(ssl_, client.sock.fileno()) == 1 and lib.SSL_connect(ssl_) == 1
    end, sent = time.monotonic() + 20, 0
    while time.monotonic() < end and lib.SSL_key_update(ssl_, 0) == 1 and lib.SSL_do_handshake(ssl_) == 1:
        sent += 1
    assert time.monotonic() < end, f"{sent} of them were read"
    assert sent > 1000, "some are everyday"
    assert seal(corsd, context(made)).ask(get()).status == 200
    lib.SSL_free(ssl_)
    lib.SSL_CTX_free(ctx)


def pump(source, sink, gap=0.0):
    """Byte by byte from one socket to the other."""
    try:
        while data := source.recv(65536):
            for at in range(len(data)):
                sink.sendall(data[at:at + 1])
                time.sleep(gap)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def test_records_byte_by_byte(sealed, backend, made):
    corsd = sealed()
    inner, outer = socket.socketpair()
    raw = corsd.connect().sock
    threads = [threading.Thread(target=pump, args=pair, daemon=True) for pair in ((outer, raw), (raw, outer))]
    for thread in threads:
        thread.start()
    client = Sealed(context(made).wrap_socket(inner, server_hostname="app.test"))
    for body in b"one", b"x" * 3000:
        backend.plays(lambda request: reply(200, request.body))
        assert client.ask(post("/", body=body)).body == body
    client.sock.close()
    outer.close()


def test_a_client_that_ends_without_close_notify(sealed, backend, made):
    corsd = sealed()
    for cut in socket.SHUT_WR, socket.SHUT_RDWR:
        client = seal(corsd, context(made))
        assert client.ask(get()).status == 200
        socket.socket.shutdown(client.sock, cut)
        client.sock.close()
    client = seal(corsd, context(made))
    client.send(post("/", body=b"x" * 100)[:-50])  # within a body
    socket.socket.shutdown(client.sock, socket.SHUT_WR)
    assert backend.waits(lambda: backend.cut == 1)


# ---------------------------------------------------------------- files

@pytest.mark.parametrize("what, says", [("mismatch", "does not match the certificate"), ("encrypted", "is encrypted"),
                                        ("missing", "cannot read"), ("empty", "holds no certificate")])
def test_a_bad_pair_is_a_fault_with_its_place(made, tmp_path, what, says):
    from harness import run
    cert, key = made.server.cert, made.server.key
    if what == "mismatch":
        key = made.client.key
    if what == "encrypted":
        key = str(tmp_path / "key")
        certificates.openssl("pkey", "-in", made.server.key, "-aes128", "-passout", "pass:x", "-out", key)
    if what == "missing":
        cert = str(tmp_path / "none")
    if what == "empty":
        cert = str(tmp_path / "empty")
        open(cert, "wb").close()
    file = tmp_path / "corsd.yaml"
    file.write_text(f"listen:\n  address: 127.0.0.1:1\n  tls:\n    cert: {cert}\n    key: {key}\n"
                    f"upstream: http://127.0.0.1:2\n{CORS}\n")
    done = run("check", str(file))
    assert done.returncode == 1
    assert re.search(r"corsd\.yaml:[45]:\d+: error: .*" + says, done.stderr + done.stdout), done.stderr + done.stdout


def test_an_expired_certificate_is_a_warning(made, tmp_path):
    from harness import run
    file = tmp_path / "corsd.yaml"
    file.write_text(f"listen: {{address: '127.0.0.1:1', tls: {{cert: {made.expired.cert}, key: {made.expired.key}}}}}\n"
                    f"upstream: http://127.0.0.1:2\n{CORS}\n")
    done = run("check", str(file))
    assert done.returncode == 0 and "warning: the certificate in" in done.stderr + done.stdout


def serial(corsd, made):
    client = seal(corsd, context(made))
    number = client.sock.getpeercert()["serialNumber"]
    client.sock.close()
    return number


def test_a_pair_that_cannot_be_used_keeps_the_old_one(given, backend, made, tmp_path):
    """What is tried again may be a pair in itself and still be refused: the key is too small."""
    weak = certificates.Pair(str(tmp_path / "weak.crt"), str(tmp_path / "weak.key"))
    certificates.openssl("req", "-x509", "-newkey", "rsa:1024", "-nodes", "-keyout", weak.key, "-out", weak.cert, "-subj", "/CN=weak",
                         "-addext", "subjectAltName=DNS:app.test")
    pair = certificates.Pair(str(tmp_path / "cert"), str(tmp_path / "key"))
    shutil.copy(made.server.cert, pair.cert)
    shutil.copy(made.server.key, pair.key)
    corsd = given(f"listen: {{address: LISTEN, tls: {{cert: {pair.cert}, key: {pair.key}}}}}\nupstream: BACKEND\n{CORS}\n")
    old = serial(corsd, made)
    shutil.copy(weak.cert, pair.cert)  # no match: the old pair goes on, and this one is tried again
    corsd.signal(signal.SIGHUP)
    assert corsd.logged("does not match the certificate")
    shutil.copy(weak.key, pair.key)
    time.sleep(2.5)
    assert serial(corsd, made) == old
    assert "are in use" not in corsd.log
    shutil.copy(made.client.key, pair.key)  # and it is still there for the next
    corsd.signal(signal.SIGHUP)
    eventually(lambda: corsd.log.count("reloaded") >= 2, what="the reload")
    assert corsd.log.count("reloaded") == 2, corsd.log
    assert serial(corsd, made) == old


def test_a_pair_that_does_not_match_keeps_the_old_one_and_is_tried_again(given, backend, made, tmp_path):
    pair = certificates.Pair(str(tmp_path / "cert"), str(tmp_path / "key"))
    shutil.copy(made.server.cert, pair.cert)
    shutil.copy(made.server.key, pair.key)
    corsd = given(f"listen: {{address: LISTEN, tls: {{cert: {pair.cert}, key: {pair.key}}}}}\nupstream: BACKEND\n{CORS}\n")
    old, fresh = serial(corsd, made), made.issue("swap-half")
    shutil.copy(fresh.cert, pair.cert)
    corsd.signal(signal.SIGHUP)
    assert corsd.logged(r"warning: the key in .* does not match")
    assert corsd.logged("reloaded")
    assert serial(corsd, made) == old
    shutil.copy(fresh.key, pair.key)
    assert corsd.logged("the new certificates are in use", within=30)
    eventually(lambda: serial(corsd, made) != old, what="the new certificate")
    assert serial(corsd, made) != old


def test_certificates_change_under_load(given, backend, made, tmp_path):
    pair = certificates.Pair(str(tmp_path / "cert"), str(tmp_path / "key"))
    shutil.copy(made.server.cert, pair.cert)
    shutil.copy(made.server.key, pair.key)
    corsd = given(f"listen: {{address: LISTEN, tls: {{cert: {pair.cert}, key: {pair.key}}}}}\nupstream: BACKEND\n{CORS}\n")
    old, stop, failed, served = serial(corsd, made), threading.Event(), [], []

    def load(keep):
        ctx = context(made)
        while not stop.is_set():
            try:
                client = Sealed(ctx.wrap_socket(corsd.dial(corsd.words["LISTEN"]), server_hostname="app.test"))
                for _ in range(20 if keep else 1):
                    assert client.ask(get()).status == 200
                    served.append(1)
                client.sock.close()
            except Exception as error:  # noqa: BLE001: whatever failed is what the test is about
                failed.append(error)

    threads = [threading.Thread(target=load, args=(n % 2,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for n in range(3):
        fresh = made.issue(f"swap-{n}")
        shutil.copy(fresh.cert, pair.cert)
        shutil.copy(fresh.key, pair.key)
        corsd.signal(signal.SIGHUP)
        eventually(lambda: serial(corsd, made) != old, what="the new certificate")
        now = serial(corsd, made)
        assert now != old
        old = now
    stop.set()
    for thread in threads:
        thread.join()
    assert not failed and served
