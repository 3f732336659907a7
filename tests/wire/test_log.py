"""The log and the access log of issue 3: text, one line a fact, no credentials. DESIGN §6."""
import os
import re

import pytest

from harness import close, get, post, preflight, reply

APP = "https://app.example.com"

YAML = """
listen: LISTEN
upstream: BACKEND
cors: {allow_origins: ["https://app.example.com"], allow_credentials: true}
log: {level: info, access: text}
"""


@pytest.fixture(scope="module")
def corsd(shared):
    return shared(YAML)


def line_with(corsd, word):
    """The access line of the request with this in its path."""
    found = corsd.logged(rf".*request_id=.*{re.escape(word)}.*")
    assert found, f"no line with {word}"
    return found[0]


def test_a_line_for_a_request(corsd, backend):
    backend.plays(reply(207, "some"))
    corsd.ask(get("/one-line", f"Origin: {APP}", "X-Request-Id: id-of-this-one", host="host-of-this.test"))
    line = line_with(corsd, "/one-line")
    for word in ("GET", "207", "127.0.0.1", "host-of-this.test", "id-of-this-one", APP, "actual"):
        assert word in line, f"{word} is missing in {line}"
    assert len(re.findall("/one-line", corsd.log)) == 1


@pytest.mark.parametrize("size", [0, 100, 1000, 4000, 16000, 30000])
def test_the_line_names_the_request_whatever_its_size(given, backend, size):
    """A head longer than any before it: what the line says still comes from this one."""
    corsd = given(YAML)
    for path in ("/first", "/second"):
        corsd.ask(get(path + "-line", "A: " + "b" * size, "Cookie: c=" + "d" * (size // 20)))
    for seen in backend.requests:
        assert seen.one("X-Request-Id") in line_with(corsd, seen.target)


def test_a_line_for_a_preflight(corsd, backend):
    corsd.ask(preflight("/pre-line", APP, "PUT"))
    line = line_with(corsd, "/pre-line")
    assert "OPTIONS" in line and "204" in line and "preflight" in line


def test_a_line_for_a_refused_preflight(corsd, backend):
    corsd.ask(preflight("/refused-line", "https://evil.example"))
    assert "403" in line_with(corsd, "/refused-line")


def test_a_line_for_an_error(corsd, backend):
    backend.plays([close])
    corsd.ask(post("/error-line"))
    assert "502" in line_with(corsd, "/error-line")


def test_a_line_for_each_of_a_pipeline(corsd, backend):
    client = corsd.connect()
    client.send(b"".join(get(f"/pipe-{number}-") for number in range(5)))
    for _ in range(5):
        client.response()
    for number in range(5):
        assert line_with(corsd, f"/pipe-{number}-")


def test_a_refused_origin_is_warned_about_once_with_the_line_that_would_allow_it(corsd, backend):
    for _ in range(5):
        corsd.ask(preflight("/", "https://new.example"))
    found = corsd.logged(r".*warn.*https://new\.example.*")
    assert found and "allow_origins" in found[0] and re.search(r"corsd\.yaml:\d+", found[0])
    assert len(re.findall(r"warn.*https://new\.example", corsd.log)) == 1


def test_credentials_are_never_logged(corsd, backend):
    corsd.ask(post("/secret-line", f"Origin: {APP}", "Authorization: Bearer t0psecret", "Cookie: sid=t0psecret",
                   "Proxy-Authorization: Basic t0psecret", body=b"t0psecret"))
    assert line_with(corsd, "/secret-line")
    assert "t0psecret" not in corsd.log


@pytest.mark.parametrize("value", ["a\tb", "\x80\xff", 'quote" injected=1', "\\n\\r", "\x9b31m"], ids=repr)
def test_values_cannot_forge_lines(corsd, backend, value):
    """Whatever a client writes stays inside its place in one line of plain text."""
    before = corsd.log.count("\n")
    corsd.ask(get("/forge", f"Origin: {value}", f"User-Agent: {value}", f"X-Request-Id: {value}"))
    assert corsd.logged("/forge")
    new = corsd.log.split("\n")[before:]
    assert all(re.fullmatch(r"[^\x00-\x1f\x7f]*", line) for line in new if "/forge" in line), new


def test_no_access_lines_by_default(given, backend):
    corsd = given("listen: LISTEN\nupstream: BACKEND\ncors: off\n")
    corsd.ask(get("/silent-line"))
    corsd.ask(get("/silent-line"))
    corsd.signal(15)
    corsd.exited()
    assert "/silent-line" not in corsd.log


def test_into_a_file(given, backend):
    corsd = given(YAML.replace("access: text", "access: text, output: FOLDER/access.log"))
    corsd.ask(get("/file-line"))
    corsd.signal(15)
    assert corsd.exited() == 0
    with open(f"{corsd.folder}/access.log", encoding="utf-8") as text:
        assert "/file-line" in text.read()


def test_it_says_where_it_listens(corsd, backend):
    assert corsd.words["LISTEN"] in corsd.log


def test_a_full_disk_costs_lines_and_nothing_else(given, backend):
    corsd = given(YAML.replace("access: text", "access: text, output: /dev/full"))
    client = corsd.connect()
    for _ in range(300):
        assert client.ask(get("/" + "p" * 200, f"Origin: {APP}")).status == 200


def test_a_log_that_nobody_reads_stalls_nothing(given, backend, short_folder):
    """A pipe holds 64 KiB: what would be written beyond that is lost, and the exchanges go on."""
    pipe = f"{short_folder}/log"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        corsd = given(YAML.replace("access: text", f"access: text, output: {pipe}"))
        client = corsd.connect()
        for _ in range(1000):
            assert client.ask(get("/" + "p" * 200, f"Origin: {APP}")).status == 200
        corsd.signal(15)
        assert corsd.exited() == 0
    finally:
        os.close(reader)


def test_a_warning_shows_no_query(corsd, backend):
    corsd.ask(get("/warned?token=t0psecret", "Origin: https://warned.example"))
    assert corsd.logged(r"warn.*/warned .*https://warned\.example")
    assert not re.search(r"warn.*t0psecret", corsd.log)
