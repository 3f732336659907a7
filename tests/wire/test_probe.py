"""corsd probe against nginx and HAProxy in configurations with known mistakes: each is named, and the
right ones get no false alarm. And its own manners: what it sends, and that no server can hurt it."""
import json
import re
import socket
import threading
import time
import xml.etree.ElementTree as xml

import pytest

from harness import free_port, reply, run
from real_servers import Nginx, RealServer

APP = "https://app.example.com"

# A location for each mistake, of a server that else does all right.
ANSWER = """
            if ($request_method = OPTIONS) {
                add_header Access-Control-Allow-Origin $allowed always;
                add_header Access-Control-Allow-Methods "GET, PUT" always;
                add_header Access-Control-Allow-Headers "X-Tenant" always;
                add_header Access-Control-Allow-Credentials true always;
                add_header Access-Control-Max-Age 600 always;
                add_header Vary Origin always;
                return 204;
            }
            add_header Access-Control-Allow-Origin $allowed always;
            add_header Access-Control-Allow-Credentials true always;
            add_header Vary Origin always;
            return 200 done;"""


def location(name, *edits, extra=""):
    text = ANSWER
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new)
    return f"        location /{name} {{{extra}{text}\n        }}\n"


NGINX = [  # name, its location, what is to be found (errors and warnings), extra arguments
    ("right", location("right"), set(), ()),
    ("right-credentials", location("right-credentials"), set(), ("--credentials",)),
    ("star", location("star", ("$allowed", "'*'"), ("Access-Control-Allow-Credentials true", "X-Nothing 1")), set(), ()),
    ("no-options", location("no-options", ("return 204", "return 405")), {"preflight-405"}, ()),
    ("auth", location("auth", ("return 204", "return 401")), {"preflight-auth-wall"}, ()),
    ("redirect", location("redirect", ("return 204", "return 301 /elsewhere")), {"preflight-redirect"}, ()),
    ("fails", location("fails", ("return 204", "return 500")), {"preflight-status"}, ()),
    ("method", location("method", ("GET, PUT", "GET, POST")), {"method-missing"}, ()),
    ("header", location("header", ("X-Tenant", "Content-Type")), {"header-missing"}, ()),
    ("list", location("list", ("GET, PUT", "GET PUT")), {"list-unreadable"}, ()),
    ("twice", location("twice", ("add_header Access-Control-Allow-Credentials", "add_header Access-Control-Allow-Origin $allowed always; add_header Access-Control-Allow-Credentials")),
     {"allow-origin-doubled"}, ()),
    ("star-credentials", location("star-credentials", ("$allowed", "'*'")), {"wildcard-with-credentials"}, ("--credentials",)),
    ("star-and-true", location("star-and-true", ("$allowed", "'*'")), {"wildcard-allows-credentials"}, ()),
    ("no-credentials", location("no-credentials", ("add_header Access-Control-Allow-Credentials true always;", "")), {"allow-credentials-missing"}, ("--credentials",)),
    ("reflects", location("reflects", ("$allowed", "$http_origin")), {"origin-reflected"}, ()),
    ("echoes", location("echoes", ("$allowed", "$http_origin"), ("add_header Access-Control-Allow-Credentials true always;", "")), {"origin-reflected-plain"}, ()),
    ("null", location("null", ("$allowed", "$with_null")), {"origin-null"}, ()),
    ("suffix", location("suffix", ("$allowed", "$no_end")), {"origin-look-alike-suffix"}, ()),
    ("prefix", location("prefix", ("$allowed", "$no_start")), {"origin-look-alike-prefix", "origin-http"}, ()),
    ("plain", location("plain", ("$allowed", "$any_scheme")), {"origin-http"}, ()),
    ("other", location("other", ("$allowed", "https://other.example.com")), {"allow-origin-wrong"}, ()),
    ("nothing", "        location /nothing { return 200 done; }\n", {"allow-origin-missing"}, ()),
]
# The same, by a GET that needs no preflight.
SIMPLE = [
    ("simple", location("simple"), set(), ()),
    ("no-vary", location("no-vary", ("add_header Vary Origin always;", "")), {"vary-missing"}, ()),
    ("errors", location("errors", ("            add_header Access-Control-Allow-Origin $allowed always;\n            add", "            add_header Access-Control-Allow-Origin $allowed;\n            add"),
                        ("return 200 done;", "try_files /none @done;")), {"errors-without-cors"}, ()),
]
MAPS = """
    map $http_origin $allowed { default ""; "https://app.example.com" $http_origin; }
    map $http_origin $with_null { default ""; "https://app.example.com" $http_origin; "null" $http_origin; }
    map $http_origin $no_end { default ""; "~^https://app\\.example\\.com" $http_origin; }
    map $http_origin $no_start { default ""; "~example\\.com$" $http_origin; }
    map $http_origin $any_scheme { default ""; "~^https?://app\\.example\\.com$" $http_origin; }
"""


class ManyMistakes(Nginx):
    conf = Nginx.conf.replace("    server {", MAPS + "    server {").replace(
        '        location / { return 200 "nginx\\n"; }\n',
        "".join(row[1] for row in NGINX + SIMPLE).replace("try_files /none @done;", "if ($request_method = PROPFIND) { return 405; } return 200 done;"))


class HAProxy(RealServer):
    program = "haproxy"
    conf = """
global
    maxconn 200
defaults
    mode http
    timeout client 10s
    timeout server 10s
    timeout connect 5s
frontend cors
    bind 127.0.0.1:PORT
    http-request set-var(txn.origin) req.hdr(Origin)
    http-request set-var(txn.path) path
    acl mine var(txn.origin) -m str https://app.example.com
    acl reflect var(txn.path) -m beg /reflect
    acl quiet var(txn.path) -m beg /quiet
    http-request return status 200 hdr Access-Control-Allow-Origin "%[var(txn.origin)]" hdr Access-Control-Allow-Credentials true hdr Access-Control-Allow-Methods "GET, PUT" hdr Access-Control-Allow-Headers X-Tenant hdr Access-Control-Max-Age 600 hdr Vary Origin if reflect
    http-request return status 405 if quiet METH_OPTIONS
    http-request deny deny_status 403 if { path -m beg /deny } METH_OPTIONS
    http-request return status 204 hdr Access-Control-Allow-Origin https://app.example.com hdr Access-Control-Allow-Methods "GET, PUT" hdr Access-Control-Allow-Headers X-Tenant hdr Access-Control-Max-Age 600 hdr Vary Origin if mine METH_OPTIONS
    http-request return status 200 hdr Access-Control-Allow-Origin https://app.example.com hdr Vary Origin if mine
    http-request return status 200 hdr Vary Origin
"""

    def command(self):
        return ["-db", "-f", self.write("haproxy.cfg", self.conf)]


HAPROXY = [("right", set()), ("reflect", {"origin-reflected"}), ("quiet", {"preflight-405"}), ("deny", {"preflight-auth-wall"})]


@pytest.fixture(scope="module")
def nginx():
    with ManyMistakes() as server:
        yield server


@pytest.fixture(scope="module")
def haproxy():
    with HAProxy() as server:
        yield server


def probe(address, path, *arguments):
    done = run("probe", "--json", "--origin", APP, "--connect", address, *arguments, f"https://api.example.com{path}")
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, json.loads(done.stdout)


def serious(report):
    return {mistake["id"] for mistake in report["mistakes"] if mistake["level"] != "note"}


PUT = ("-X", "PUT", "-H", "X-Tenant: acme")


@pytest.mark.parametrize("name,_,found,more", NGINX, ids=[row[0] for row in NGINX])
def test_nginx(nginx, name, _, found, more):
    code, report = probe(nginx.address, f"/{name}", *PUT, *more)
    assert serious(report) == found
    assert code == (1 if found else 0)
    assert len(report["sent"]) <= 40


@pytest.mark.parametrize("name,_,found,more", SIMPLE, ids=[row[0] for row in SIMPLE])
def test_nginx_without_preflight(nginx, name, _, found, more):
    code, report = probe(nginx.address, f"/{name}", *more)
    assert serious(report) == found
    assert code == (1 if found else 0)


@pytest.mark.parametrize("name,found", HAPROXY, ids=[row[0] for row in HAPROXY])
def test_haproxy(haproxy, name, found):
    code, report = probe(haproxy.address, f"/{name}", *PUT)
    assert serious(report) == found
    assert code == (1 if found else 0)


# ---- its own outputs

def test_sarif_and_junit(nginx):
    arguments = ("--origin", APP, "--connect", nginx.address, *PUT, "https://api.example.com/no-options")
    sarif = json.loads(run("probe", "--sarif", *arguments).stdout)
    assert sarif["version"] == "2.1.0"
    [result] = [result for result in sarif["runs"][0]["results"] if result["level"] == "error"]
    assert result["ruleId"] == "preflight-405"
    rules = sarif["runs"][0]["tool"]["driver"]["rules"]
    assert rules[result["ruleIndex"]]["id"] == "preflight-405"
    suite = xml.fromstring(run("probe", "--junit", *arguments).stdout)
    assert suite.get("failures") == "1"
    [failed] = [case for case in suite if case.find("failure") is not None]
    assert failed.get("name") == "preflight-405"
    assert "OPTIONS" in failed.find("failure").get("message")


def test_text_says_what_was_sent(nginx):
    done = run("probe", "--origin", APP, "--connect", nginx.address, "https://api.example.com/simple")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ALLOWED" in done.stdout and "error [" not in done.stdout
    count = int(re.search(r"Sent \((\d+) requests", done.stdout)[1])
    assert done.stdout.count("  Origin: ") >= count


def test_every_request_goes_to_the_url_given(backend):
    run("probe", "--origin", APP, "--credentials", "-H", "X-A: 1", "--connect", backend.address, "http://api.test/a/b?c=d")
    assert backend.requests
    for request in backend.requests:
        assert request.target == "/a/b?c=d"
        assert request.one("host") == "api.test"
        assert not request.has("cookie")


def test_an_unsafe_method_is_sent_once_and_strangers_ask_by_preflight(backend):
    run("probe", "--origin", APP, "-X", "DELETE", "--connect", backend.address, "http://api.test/thing")
    methods = [request.method for request in backend.requests]
    assert methods.count("DELETE") <= 1
    assert set(methods) <= {"OPTIONS", "DELETE"}


def test_preflight_only_sends_no_request(backend):
    run("probe", "--preflight-only", "--origin", APP, "-X", "DELETE", "--connect", backend.address, "http://api.test/thing")
    assert {request.method for request in backend.requests} == {"OPTIONS"}


def test_redirects_are_not_followed(backend):
    backend.always(b"HTTP/1.1 302 Found\r\nAccess-Control-Allow-Origin: *\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
    _, report = probe(backend.address, "/x")
    assert "redirect" in {mistake["id"] for mistake in report["mistakes"]}


HOSTILE = {
    "silence": b"",
    "garbage": b"\x00\x01\x02 not HTTP\r\n\r\n",
    "endless head": b"HTTP/1.1 200 OK\r\n" + b"X: " + b"a" * 200000,
    "many fields": b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 5000 + b"\r\n",
    "bare LF": b"HTTP/1.1 200 OK\nAccess-Control-Allow-Origin: *\n\n",
    "interim forever": b"HTTP/1.1 100 Continue\r\n\r\n" * 20000,
    "escape codes": b"HTTP/1.1 200 \x1b[31mred\r\nAccess-Control-Allow-Origin: \x1b[2J\r\n\r\n",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_servers(what):
    """Told as no answer, in bounded time and memory."""
    def serve():
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with sock:
                sock.settimeout(5)
                try:
                    sock.recv(65536)
                    sock.sendall(HOSTILE[what])
                except OSError:
                    pass

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", free_port()))
        listener.listen(64)
        threading.Thread(target=serve, daemon=True).start()
        begun = time.monotonic()
        code, report = probe("127.0.0.1:%d" % listener.getsockname()[1], "/x")
        assert code == 1
        assert [mistake["id"] for mistake in report["mistakes"]] == ["no-answer"]
        assert time.monotonic() - begun < 100
        listener.shutdown(socket.SHUT_RDWR)


def test_nobody_there():
    code, report = probe(f"127.0.0.1:{free_port()}", "/x")
    assert code == 1
    assert report["mistakes"][0]["id"] == "no-answer"
    assert "refused" in report["mistakes"][0]["detail"]


@pytest.mark.parametrize("arguments", [
    (), ("http://127.0.0.1/",), ("--origin", APP), ("--origin", APP + "/", "http://127.0.0.1/"),
    ("--origin", APP, "ftp://127.0.0.1/"), ("--origin", APP, "127.0.0.1"), ("--origin", APP, "-X", "TRACE", "http://127.0.0.1/"),
    ("--origin", APP, "-H", "X A: 1", "http://127.0.0.1/"), ("--origin", APP, "--nonsense", "http://127.0.0.1/"),
    ("--origin", APP, "http://127.0.0.1/", "http://127.0.0.1/"),
])
def test_wrong_usage(arguments):
    done = run("probe", *arguments)
    assert done.returncode == 2
    assert "usage: corsd probe" in done.stderr


# ---------------------------------------------------------------- nothing false is said

CORS = ["Access-Control-Allow-Origin: " + APP, "Vary: Origin"]


def answers(preflight, actual):
    return lambda request: preflight if request.method == "OPTIONS" else actual


def test_a_refused_second_origin_is_no_error_without_cors(backend):
    right = reply(200, "ok", *CORS)
    backend.always(lambda request: right if request.one("origin") == APP else reply(403, "no", "Vary: Origin"))
    done = run("probe", "--json", "--origin", APP, "--origin", "https://second.example", "--connect", backend.address, "http://api.test/")
    found = {mistake["id"] for mistake in json.loads(done.stdout)["mistakes"]}
    assert "errors-without-cors" not in found
    done = run("probe", "--origin", APP, "--origin", "https://second.example", "--connect", backend.address, "http://api.test/")
    assert done.stdout.count("\n  The request\n") == 1


def test_a_browser_that_would_go_on_is_not_said_to_fail(backend):
    """Authorization under * alone: the standard stops at the preflight, browsers go on, and that was not asked."""
    backend.always(answers(reply(204, None, *CORS, "Access-Control-Allow-Headers: *"), reply(200, "ok", *CORS)))
    done = run("probe", "--origin", APP, "-H", "Authorization: x", "--connect", backend.address, "http://api.test/")
    assert "did not succeed" not in done.stdout


def test_no_request_is_sent_twice(backend):
    backend.always(lambda request: reply(200, "ok", *CORS) if request.has("origin") and request.one("origin") == APP
                   else reply(200, "ok", "Vary: Origin"))
    run("probe", "--origin", APP, "--connect", backend.address, "http://api.test/")
    asked = [(request.method, request.one("origin") if request.has("origin") else "") for request in backend.requests]
    assert len(asked) == len(set(asked)), asked


def test_control_characters_of_c1_are_not_printed(backend):
    backend.always(b"HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: \xc2\x9b31mred\r\nContent-Length: 0\r\n\r\n")
    done = run("probe", "--origin", APP, "--connect", backend.address, "http://api.test/")
    assert "31mred" in done.stdout and "\x9b" not in done.stdout
