"""https:// upstreams: nginx, Node and a backend of the test's own over TLS; each way to fail has its word in the
log and a 502; sessions, client certificates, pools."""
import socket
import ssl
import time

import pytest

import certificates
from harness import Backend, Connection, get, own_answer, post, reply
from real_servers import Nginx, Node

CORS = 'cors: {allow_origins: ["https://app.example.com"]}'


@pytest.fixture(scope="session")
def made():
    return certificates.folder()


def server_context(pair, version=None, client_ca=None):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ctx.load_cert_chain(pair.cert, pair.key)
    if version:
        ctx.set_ciphers("ALL:@SECLEVEL=0")
        ctx.minimum_version = ctx.maximum_version = version
    if client_ca:
        ctx.load_verify_locations(client_ca)
        ctx.verify_mode = ssl.CERT_REQUIRED
    return ctx


class SealedConnection(Connection):
    def serve(self):
        try:
            self.sock.settimeout(20)
            self.sock = self.backend.context.wrap_socket(self.sock, server_side=True)
            self.wire.sock = self.sock
            with self.backend.condition:
                self.backend.resumed.append(self.sock.session_reused)
        except OSError as error:
            with self.backend.condition:
                self.backend.refused.append(error)
        super().serve()


class SealedBackend(Backend):
    """The recording backend over TLS."""

    def __init__(self, context):
        self.context, self.names, self.resumed, self.refused = context, [], [], []
        context.sni_callback = lambda sock, name, ctx: self.names.append(name)
        super().__init__()
        self.url = self.url.replace("http:", "https:")

    def connection(self, sock, number):
        return SealedConnection(self, sock, number)


@pytest.fixture
def https():
    """https(context): a backend over TLS that ends with the test."""
    running = []

    def start(context):
        running.append(SealedBackend(context))
        return running[-1]

    yield start
    for one in running:
        one.stop()


def through(given, url, made, more="", tls=""):
    return given(f"""
        listen: LISTEN
        upstreams:
          api:
            url: {url}
            {more}
            tls: {{{tls or f"ca: {made.cert}"}}}
        upstream: api
        {CORS}
    """)


# ---------------------------------------------------------------- it works

@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_requests_are_pooled_and_sessions_resumed(given, backend, made, https, version):
    origin = https(server_context(made.server, version))
    client = through(given, origin.url, made).connect()  # one worker's: each has its own pool
    for n in range(4):
        origin.plays(reply(200, f"answer {n}"))
        assert client.ask(get(f"/{n}")).body == b"answer %d" % n
    assert origin.resumed == [False], "one connection for all"
    origin.plays(reply(200, "bye", "Connection: close"))
    client.ask(get("/last"))
    assert client.ask(get("/again")).status == 200
    assert origin.resumed == [False, True]
    assert not origin.refused


def test_a_name_is_sent_and_verified(given, backend, made, https):
    origin = https(server_context(made.server))
    corsd = through(given, origin.url, made, tls=f"ca: {made.cert}, server_name: x.app.test")
    assert corsd.ask(get()).status == 200
    assert origin.names == ["x.app.test"]


def test_an_address_is_no_server_name(given, backend, made, https):
    origin = https(server_context(made.server))
    assert through(given, origin.url, made).ask(get()).status == 200
    assert origin.names == [None]


def test_large_bodies_both_ways(given, backend, made, https):
    origin = https(server_context(made.server))
    origin.always(lambda request: reply(200, request.body))
    body = bytes(range(256)) * 8192
    assert through(given, origin.url, made).ask(post("/", body=body)).body == body


@pytest.mark.parametrize("server", [Nginx, Node])
def test_real_servers(given, backend, made, server):
    class Over(server):
        conf = Nginx.conf.replace("listen 127.0.0.1:PORT;", "listen 127.0.0.1:PORT ssl;\n"
                                  "ssl_certificate CERT;\nssl_certificate_key KEY;")
        script = Node.script.replace('http = require("http")', 'http = require("https")').replace(
            "http.createServer({", 'http.createServer({ cert: fs.readFileSync("CERT"), key: fs.readFileSync("KEY"),')

    if not server.is_there():
        pytest.skip(f"no {server.program}")
    with Over(CERT=made.server.cert, KEY=made.server.key) as running:
        corsd = through(given, running.url.replace("http:", "https:"), made)
        for n in range(3):
            assert corsd.ask(get(f"/{n}")).body == f"{server.program}\n".encode()
        assert corsd.ask(post("/up", body=b"x" * 200000)).status == 200
        assert [seen.target for seen in running.saw(4)] == ["/0", "/1", "/2", "/up"]


def test_no_verification_is_a_warning_and_works(given, backend, made, https):
    origin = https(server_context(made.stranger))
    corsd = through(given, origin.url, made, tls="verify: false")
    assert corsd.ask(get()).status == 200


def test_a_client_certificate_is_shown(given, backend, made, https):
    origin = https(server_context(made.server, client_ca=made.cert))
    corsd = through(given, origin.url, made, tls=f"ca: {made.cert}, cert: {made.client.cert}, key: {made.client.key}")
    assert corsd.ask(get()).status == 200


# ---------------------------------------------------------------- each way to fail

def refused(corsd, word):
    answer = own_answer(corsd.ask(get()), 502)
    assert corsd.logged(rf"upstream api: {word}: "), corsd.log
    return answer


@pytest.mark.parametrize("which, word", [("expired", "upstream_tls_expired"), ("early", "upstream_tls_expired"),
                                         ("elsewhere", "upstream_tls_name"), ("stranger", "upstream_tls_issuer")])
def test_certificates_that_are_not_trusted(given, backend, made, https, which, word):
    origin = https(server_context(getattr(made, which)))
    answer = refused(through(given, origin.url, made), word)
    assert b"certificate" in answer.body
    assert not origin.heads


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_no_version_in_common(given, backend, made, https, version):
    origin = https(server_context(made.server, version))
    refused(through(given, origin.url, made), "upstream_tls_version")


def test_no_cipher_in_common(given, backend, made, https):
    ctx = server_context(made.server, ssl.TLSVersion.TLSv1_2)
    ctx.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")  # and the key is EC
    refused(through(given, https(ctx).url, made), "upstream_tls_refused")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_certificate_is_demanded(given, backend, made, https, version):
    origin = https(server_context(made.server, version, client_ca=made.cert))
    refused(through(given, origin.url, made), "upstream_tls_client")


def test_garbage(given, backend, made):
    backend.greets(b"HTTP/1.1 400 Bad Request\r\n\r\n", lambda conn: setattr(conn, "over", True))
    refused(through(given, backend.url.replace("http:", "https:"), made), "upstream_tls_garbage")


def test_an_end_within_the_handshake(given, backend, made):
    backend.greets(lambda conn: conn.sock.recv(10), lambda conn: setattr(conn, "over", True))
    refused(through(given, backend.url.replace("http:", "https:"), made), "upstream_tls_cut")
    backend.turn_page()


def test_a_handshake_ends_with_connect_timeout(given, backend, made):
    backend.greets(lambda conn: time.sleep(3), lambda conn: setattr(conn, "over", True))
    corsd = through(given, backend.url.replace("http:", "https:"), made, "connect_timeout: 300ms")
    own_answer(corsd.ask(get()), 504)
    assert corsd.logged("upstream_connect_timeout")


# ---------------------------------------------------------------- ends and leftovers

def raw_end(conn):
    """Ends TCP without close_notify."""
    conn.over = True
    socket.socket.shutdown(conn.sock, socket.SHUT_WR)
    time.sleep(0.2)


def said_end(conn):
    conn.over = True
    try:
        conn.sock.settimeout(5)
        conn.sock.unwrap()
    except OSError:
        pass


OLD = b"HTTP/1.1 200 OK\r\n\r\nall of it"


def test_a_body_until_close_needs_close_notify(given, backend, made, https):
    origin = https(server_context(made.server))
    corsd = through(given, origin.url, made)
    origin.plays([OLD, said_end])
    assert corsd.ask(get()).body == b"all of it"
    origin.plays([OLD, raw_end])
    with pytest.raises(AssertionError):  # a Cut
        corsd.ask(get())
    assert corsd.logged("upstream_cut")


def test_a_close_notify_takes_an_idle_connection_out_of_the_pool(given, backend, made, https):
    origin = https(server_context(made.server))
    corsd = through(given, origin.url, made)
    for n in range(3):
        origin.plays([reply(200, str(n)), said_end])
        assert corsd.ask(post(f"/{n}")).body == b"%d" % n  # not idempotent: no retry hides it
        assert origin.waits(lambda: not origin.open)


def test_bytes_behind_an_answer_answer_nobody(given, backend, made, https):
    origin = https(server_context(made.server))
    corsd = through(given, origin.url, made)
    whole, half = reply(200, "mine"), reply(200, "not yours")
    origin.plays(whole + half)                          # in one record
    assert corsd.ask(get("/1")).body == b"mine"
    origin.plays([whole, half])                         # in the next
    assert corsd.ask(get("/2")).body == b"mine"

    def piece_of_a_record(conn):
        """A record's head and a few bytes: nothing that could be decrypted yet."""
        raw = socket.socket(fileno=socket.dup(conn.sock.fileno()))
        raw.sendall(b"\x17\x03\x03\x00\x40abc")
        raw.close()

    origin.plays([whole, piece_of_a_record])
    assert corsd.ask(get("/3")).body == b"mine"
    time.sleep(0.1)
    origin.always(reply(200, "fresh"))
    assert corsd.ask(get("/4")).body == b"fresh"
    assert len(origin.resumed) == 4, "each on a connection of its own"


def test_an_authority_that_changed_is_used_after_a_reload(given, backend, made, https, tmp_path):
    import shutil
    import signal
    ca = str(tmp_path / "ca")
    shutil.copy(made.cert, ca)
    origin = https(server_context(made.stranger))
    corsd = through(given, origin.url, made, tls=f"ca: {ca}")
    refused(corsd, "upstream_tls_issuer")
    shutil.copy(made.folder + "/stranger.crt", ca)
    corsd.signal(signal.SIGHUP)
    assert corsd.logged("reloaded")
    assert corsd.ask(get()).status == 200


# ---------------------------------------------------------------- beside requests

def test_health_checks_speak_tls(given, made, https):
    """A server that is well over TLS stays up, one whose certificate is for another goes down."""
    good, other = https(server_context(made.server)), https(server_context(made.issue("elsewhere", "DNS:else.test")))
    for origin in good, other:
        origin.always(lambda request: reply(200, request.target))
    corsd = given(f"""
        listen: LISTEN
        upstreams:
          api:
            servers: [{good.url}, {other.url}]
            health: {{path: /check, interval: 50ms, timeout: 10s, rise: 1, fall: 2}}
            tls: {{ca: {made.cert}}}
        upstream: api
        {CORS}
    """)
    assert corsd.logged(rf"{other.url.rpartition('/')[2]} is down: its check could not connect: ")

    def checks():
        return sum(request.target == "/check" for request in good.requests)

    before = checks()
    assert [corsd.ask(get("/x")).body for _ in range(4)] == [b"/x"] * 4
    assert good.waits(lambda: checks() >= before + 8), good.requests
    assert f"{good.url.rpartition('/')[2]} is down" not in corsd.log
    assert not other.requests


def test_a_broken_certificate_in_a_bundle_is_told(made, tmp_path):
    from harness import run
    with open(made.cert, encoding="ascii") as good:
        text = good.read()
    lines = text.splitlines(True)
    bundle, file = tmp_path / "bundle.pem", tmp_path / "corsd.yaml"
    file.write_text(f"listen: 127.0.0.1:1\nupstream: api\nupstreams:\n  api: {{url: 'https://127.0.0.1:2', tls: {{ca: {bundle}}}}}\n{CORS}\n")
    bundle.write_text("# two good ones\n" + text + "\nand words between\n" + text)
    done = run("check", str(file))
    assert done.returncode == 0, done.stderr + done.stdout
    bundle.write_text(text + lines[0] + "AAAA\n" + lines[-1] + text)
    done = run("check", str(file))
    assert done.returncode == 1 and "bundle.pem is broken" in done.stderr + done.stdout, done.stderr + done.stdout
