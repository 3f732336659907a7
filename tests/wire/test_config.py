"""`corsd check` and starts that fail: every fault at its place, exit codes 0, 1, 2. DESIGN §1, §5, §7."""
import re
import socket
import textwrap

import pytest

from harness import free_port, run

GOOD = """
listen: 127.0.0.1:8080
upstream: http://127.0.0.1:3000
cors:
  allow_origins: ["https://app.example.com"]
"""


@pytest.fixture
def file(tmp_path):
    """file(text) → the path of a configuration with this text."""
    def write(text):
        path = tmp_path / "corsd.yaml"
        if isinstance(text, bytes):
            path.write_bytes(text)
        else:
            path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        return str(path)
    return write


class Message:
    def __init__(self, line, column, kind, text, following):
        self.line, self.column, self.kind, self.text, self.following = line, column, kind, text, following


def messages(output, path):
    """The faults and warnings printed, each with the lines that followed it."""
    lines, found = output.split("\n"), []
    for at, line in enumerate(lines):
        match = re.match(re.escape(path) + r":(\d+):(\d+): (error|warning): (.+)", line)
        if match:
            found.append(Message(int(match[1]), int(match[2]), match[3], match[4], []))
        elif found:
            found[-1].following.append(line)
    return found


def check(path, *arguments):
    done = run("check", *arguments, path)
    return done, messages(done.stdout + done.stderr, path)


def quoted(message, path):
    """Asserts that the line is quoted and the caret stands under its column."""
    with open(path, encoding="utf-8") as text:
        source = text.read().split("\n")[message.line - 1].replace("\t", "    ")
    for quote, caret in zip(message.following, message.following[1:]):
        if source.strip() and source in quote and re.fullmatch(r"[\s|:>]*\^[~^]*", caret):
            where = caret.index("^") - quote.index(source) + 1
            assert "tab" in message.text or where == message.column, \
                f"the caret is elsewhere:\n{quote}\n{caret}"
            return
    raise AssertionError(f"no quoted line and caret under {message.text!r}: {message.following}")


# text, line of the fault, and a word of its message or hint
FAULTS = {
    "an unknown key": (GOOD + "lisen: 1\n", 5, "lisen"),
    "an unknown key, with a hint": (GOOD + "upstrem: 1\n", 5, "upstream"),
    "an unknown key in a policy": ("""
        listen: :8080
        upstream: http://127.0.0.1:3000
        cors:
          allow_origins: ["https://app.example.com"]
          allow_header: [X-A]
        """, 5, "allow_headers"),
    "an unknown key in a route": ("""
        listen: :8080
        routes:
          - {path: /, upstream: "http://127.0.0.1:3000", cros: off}
        """, 3, "cors"),
    "a duplicate key": (GOOD + "listen: :8081\n", 5, "listen"),
    "a duplicate key in a map": ("""
        listen: :8080
        upstream: http://127.0.0.1:3000
        cors:
          allow_origins: ["https://a.example"]
          allow_origins: ["https://b.example"]
        """, 5, "allow_origins"),
    "a word as a number": (GOOD + "workers: many\n", 5, "workers"),
    "a negative number": (GOOD + "workers: -1\n", 5, "workers"),
    "no workers": (GOOD + "workers: 0\n", 5, "workers"),
    "a list for a map": (GOOD + "limits: [1, 2]\n", 5, "limits"),
    "a scalar for a map": (GOOD + "timeouts: 5s\n", 5, "timeouts"),
    "a map for a scalar": (GOOD + "workers: {a: b}\n", 5, "workers"),
    "an origin with a path": ("""
        listen: :8080
        upstream: http://127.0.0.1:3000
        cors: {allow_origins: ["https://a.example/path"]}
        """, 3, "https://a.example"),
    "an origin with a slash": ("""
        listen: :8080
        upstream: http://127.0.0.1:3000
        cors:
          allow_origins:
            - https://a.example
            - https://b.example/
        """, 6, "https://b.example"),
    "an origin without a scheme": ("""
        listen: :8080
        upstream: http://127.0.0.1:3000
        cors: {allow_origins: [a.example]}
        """, 3, "a.example"),
    "an origin with ws": ("""
        listen: :8080
        upstream: http://127.0.0.1:3000
        cors: {allow_origins: ["wss://a.example"]}
        """, 3, "https://a.example"),
    "an origin of a file": ("""
        listen: :8080
        upstream: http://127.0.0.1:3000
        cors: {allow_origins: ["file://"]}
        """, 3, "file"),
    "a port too big in an origin": ("""
        listen: :8080
        upstream: http://127.0.0.1:3000
        cors: {allow_origins: ["https://a.example:99999"]}
        """, 3, "99999"),
    "a star inside a label": ("""
        listen: :8080
        upstream: http://127.0.0.1:3000
        cors: {allow_origins: ["https://a*b.example.com"]}
        """, 3, r"\*"),
    "any origin with credentials": ("""
        listen: :8080
        upstream: http://127.0.0.1:3000
        cors:
          allow_origins: ["*"]
          allow_credentials: true
        """, None, "credentials"),
    "a policy without origins": ("""
        listen: :8080
        upstream: http://127.0.0.1:3000
        cors:
          allow_methods: [GET]
        """, None, "allow_origins"),
    "no origins at all": ("""
        listen: :8080
        upstream: http://127.0.0.1:3000
        cors: {allow_origins: []}
        """, 3, "allow_origins"),
    "no listen": ("upstream: http://127.0.0.1:3000\ncors: off\n", None, "listen"),
    "no upstream and no routes": ("listen: :8080\ncors: off\n", None, "upstream|route"),
    "a policy nobody defined": ("listen: :8080\nupstream: http://127.0.0.1:3000\ncors: nothing\n", 3, "nothing"),
    "a policy misspelt": ("""
        listen: :8080
        upstream: http://127.0.0.1:3000
        policies: {frontend: {allow_origins: ["https://a.example"]}}
        cors: fronted
        """, 4, "frontend"),
    "an upstream nobody defined": ("listen: :8080\nupstream: nothing\ncors: off\n", 2, "nothing"),
    "an upstream of a route nobody defined": (
        "listen: :8080\nroutes:\n  - {upstream: nothing}\ncors: off\n", 3, "nothing"),
    "a policy named off": ("""
        listen: :8080
        upstream: http://127.0.0.1:3000
        policies:
          off: {allow_origins: ["https://a.example"]}
        cors: off
        """, 4, "off"),
    "yes for true": ("""
        listen: :8080
        upstream: http://127.0.0.1:3000
        cors: {allow_origins: ["https://a.example"], allow_credentials: yes}
        """, 3, "true"),
    "True for true": ("""
        listen: :8080
        upstream: http://127.0.0.1:3000
        cors: {allow_origins: ["https://a.example"], allow_credentials: True}
        """, 3, "true"),
    "1 for true": ("""
        listen: :8080
        upstream: http://127.0.0.1:3000
        cors: {allow_origins: ["https://a.example"], allow_credentials: 1}
        """, 3, "true"),
    "a duration without sense": (GOOD + "timeouts: {header: 10 parsecs}\n", 5, "10 parsecs|duration"),
    "a negative duration": (GOOD + "timeouts: {header: -1s}\n", 5, "-1s|duration"),
    "an endless duration": (GOOD + "timeouts: {header: 99999999999999999999d}\n", 5, "9999|duration"),
    "a size without sense": (GOOD + "limits: {header_size: 10 elephants}\n", 5, "elephants|size"),
    "a size with a fraction": (GOOD + "limits: {header_size: 1.5k}\n", 5, "1.5k|size"),
    "a status not offered": ("""
        listen: :8080
        upstream: http://127.0.0.1:3000
        cors: {allow_origins: ["https://a.example"], preflight_status: 201}
        """, 3, "204"),
    "max_age above a day": ("""
        listen: :8080
        upstream: http://127.0.0.1:3000
        cors: {allow_origins: ["https://a.example"], max_age: 25h}
        """, 3, "24h|max_age"),
    "TRACE": ("""
        listen: :8080
        upstream: http://127.0.0.1:3000
        cors: {allow_origins: ["https://a.example"], allow_methods: [GET, TRACE]}
        """, 3, "TRACE"),
    "connect in lower case": ("""
        listen: :8080
        upstream: http://127.0.0.1:3000
        cors: {allow_origins: ["https://a.example"], allow_methods: [connect]}
        """, 3, "connect"),
    "Track": ("""
        listen: :8080
        upstream: http://127.0.0.1:3000
        cors: {allow_origins: ["https://a.example"], allow_methods: [Track]}
        """, 3, "Track"),
    "a method that is no token": ("""
        listen: :8080
        upstream: http://127.0.0.1:3000
        cors: {allow_origins: ["https://a.example"], allow_methods: ["GET,PUT"]}
        """, 3, "GET,PUT"),
    "a header that is no token": ("""
        listen: :8080
        upstream: http://127.0.0.1:3000
        cors: {allow_origins: ["https://a.example"], allow_headers: ["X A"]}
        """, 3, "X A"),
    "a scheme nobody speaks": ("listen: :8080\nupstream: ftp://127.0.0.1\ncors: off\n", 2, "ftp"),
    "an upstream without a host": ("listen: :8080\nupstream: 'http://:80'\ncors: off\n", 2, "http"),
    "an upstream's port too big": ("listen: :8080\nupstream: http://127.0.0.1:70000\ncors: off\n", 2, "70000|port"),
    "a name to listen on": ("listen: example.com:80\nupstream: http://127.0.0.1:3000\ncors: off\n", 1, "example.com"),
    "a port to listen on too big": ("listen: :70000\nupstream: http://127.0.0.1:3000\ncors: off\n", 1, "70000|port"),
    "no port to listen on": ("listen: 127.0.0.1\nupstream: http://127.0.0.1:3000\ncors: off\n", 1, "port"),
    "both spellings of a path": ("""
        listen: :8080
        routes:
          - {path: /api, upstream: "http://127.0.0.1:3000", cors: off}
          - {path: /api/, upstream: "http://127.0.0.1:3001", cors: off}
        """, 4, "/api"),
    "two equal routes": ("""
        listen: :8080
        routes:
          - {host: a.test, upstream: "http://127.0.0.1:3000", cors: off}
          - {host: A.test, upstream: "http://127.0.0.1:3001", cors: off}
        """, 4, "a.test|A.test"),
    "a path without a slash": ("""
        listen: :8080
        routes: [{path: api, upstream: "http://127.0.0.1:3000", cors: off}]
        """, 2, "api"),
    "a network that is none": (GOOD + "trusted_proxies: [10.0.0.0/33]\n", 5, "10.0.0.0/33"),
    "a choice that is none": (GOOD + "log: {level: loud}\n", 5, "loud|level"),
    "forwarded, misspelt": (GOOD + "forwarded: y\n", 5, "forwarded|y"),
    "a tab as indentation": ("listen: :8080\ncors:\n\tallow_origins: [a]\n", 3, "."),
    "an open bracket": ("listen: [:8080\nupstream: http://127.0.0.1:3000\n", None, "."),
    "a list at the top": ("- listen\n- upstream\n", 1, "."),
    "a scalar at the top": ("hello\n", 1, "."),
}

NO_QUOTE = {"no listen", "no upstream and no routes", "an open bracket"}


@pytest.mark.parametrize("name", FAULTS)
def test_fault(file, name):
    text, line, word = FAULTS[name]
    path = file(text)
    done, found = check(path)
    errors = [message for message in found if message.kind == "error"]
    assert done.returncode == 1, done
    assert len(errors) == 1, f"one fault, one message: {done.stdout}{done.stderr}"
    if line:
        assert errors[0].line == line
    assert re.search(word, "\n".join([errors[0].text, *errors[0].following])), done.stdout + done.stderr
    if name not in NO_QUOTE:
        quoted(errors[0], path)


def test_columns(file):
    path = file("""
        listen: 127.0.0.1:8080
        upstream: http://127.0.0.1:3000
        cors:
          allow_origins: ["https://a.example", "https://b.example/x"]
          preflight_status: 201
        unknown: 1
        """)
    _, found = check(path)
    assert sorted((one.line, one.column) for one in found) == [(4, 40), (5, 21), (6, 1)]


def test_the_caret_after_letters_beyond_ascii(file):
    """Whatever a column counts, the caret stands where a person looks."""
    path = file("""
        listen: 127.0.0.1:8080
        routes: [{path: /café, cors: off, upstream: nothing}]
        """)
    _, found = check(path)
    errors = [one for one in found if one.kind == "error"]
    assert len(errors) == 1 and errors[0].line == 2
    quote, caret = errors[0].following[:2]
    assert caret.index("^") == quote.index("nothing")


def test_every_fault_in_one_run(file):
    path = file("""
        listen: nowhere:80
        workers: many
        unknown: 1
        upstream: ftp://x
        cors:
          allow_origins: ["https://a.example/x", "nothing"]
          allow_methods: [TRACE]
          allow_headers: ["X Y"]
          max_age: 3 weeks
        timeouts: {header: soon, nonsense: 1}
        limits: {headers: lots}
        """)
    done, found = check(path)
    assert done.returncode == 1
    assert [one.line for one in found if one.kind == "error"] == [1, 2, 3, 4, 6, 6, 7, 8, 9, 10, 10, 11]
    for one in found:
        quoted(one, path)


@pytest.mark.parametrize("command", [["check"], ["-c"], ["--config"]], ids=" ".join)
def test_faults_look_the_same_at_the_start(file, command):
    path = file(GOOD + "unknown: 1\n")
    done = run(*command, path)
    assert done.returncode == 1
    assert [(one.line, one.kind) for one in messages(done.stdout + done.stderr, path)] == [(5, "error")]


# keys of DESIGN §1 whose feature comes later: refused by name, never ignored
UNBUILT = {
    "log.access: json": GOOD + "log: {access: json}\n",
    "admin's token_file": GOOD + "admin: {address: 127.0.0.1:9901, token_file: token}\n",
}


@pytest.mark.parametrize("name", UNBUILT)
def test_unbuilt_keys_are_refused_by_name(file, name):
    done, found = check(file(UNBUILT[name]))
    assert done.returncode == 1
    assert any("not supported by this version" in one.text for one in found), done.stdout + done.stderr


WARNED = {
    "no policy": ("listen: :8080\nupstream: http://127.0.0.1:3000\n", "cors"),
    "max_age above Chromium's cap": (GOOD + "  max_age: 3h\n", "2h"),
    "patch": (GOOD + "  allow_methods: [GET, patch]\n", "PATCH"),
}


@pytest.mark.parametrize("name", WARNED)
def test_warnings_do_not_stop(file, name):
    text, word = WARNED[name]
    path = file(text)
    done, found = check(path)
    assert done.returncode == 0
    assert [one.kind for one in found] == ["warning"]
    assert word in "\n".join([found[0].text, *found[0].following])
    strict, _ = check(path, "--strict")
    assert strict.returncode == 1


FINE = {
    "the smallest": GOOD,
    "everything built": """
        listen: [127.0.0.1:8080, ":8081", "[::1]:8082", localhost:8083, unix:/tmp/corsd.sock]
        workers: auto
        upstreams:
          api:
            url: http://127.0.0.1:3000
            connect_timeout: 5s
            response_timeout: 1m
            idle_timeout: 55s
            max_idle: 64
            host: upstream
            accept_bare_lf: true
          local: {url: http+unix:/run/app.sock}
        policies:
          app:
            allow_origins:
              [https://app.example.com, https://*.example.org, "http://localhost:*", "null", tauri://localhost]
            allow_methods: [GET, PUT]
            allow_headers: [Content-Type]
            expose_headers: ["*"]
            max_age: 2h
            preflight_status: 200
            upstream_headers: keep
            denied: reject
            enforce_methods: true
            mode: report
            websocket_origins: any
            timing_allow_origin: "*"
            resource_policy: same-site
            cookies: {same_site: none, secure: true, partitioned: true}
            allow_private_network: true
          ruled:
            - allow_origins: ["null", https://*.github.io, http://app.example.com]
              allow_credentials: true
              dangerous: [null_with_credentials, http_with_credentials, public_suffix_patterns]
              timing_allow_origin: true
            - {allow_origins: ["*"], allow_headers: ["*", Authorization], timing_allow_origin: true}
        routes:
          - {host: api.example.com, path: /api/, upstream: api, cors: app, body_size: 10m, response_timeout: 10m}
          - {host: ruled.example.com, upstream: api, cors: ruled}
          - {host: "*.example.com", upstream: local, cors: off}
          - {path: /other, upstream: "http://127.0.0.1:3001", cors: {allow_origins: ["*"]}}
        cors: app
        upstream: http://127.0.0.1:3000
        trusted_proxies: [10.0.0.0/8, 192.168.1.1, "::1/128"]
        forwarded: x
        via: false
        health_path: /.well-known/corsd
        decision_header: true
        limits: {header_size: 32k, headers: 100, body_size: 0, connections: 0, connections_per_client: 0,
                 min_rate: 256}
        timeouts: {header: 10s, body: 60s, idle: 75s, tunnel: 1h, drain: 30s}
        log: {level: info, access: off, output: stderr}
        """,
    "flow style": "{listen: ':8080', upstream: 'http://127.0.0.1:1', cors: {allow_origins: ['*']}}\n",
    "Windows line ends": GOOD.replace("\n", "\r\n"),
    "comments and blanks": "# c\n\n" + GOOD + "\n# c\n",
    "no line end at the end": GOOD.rstrip("\n"),
    "a byte order mark": "\ufeff" + GOOD.lstrip("\n"),
    "a bare number of seconds": GOOD + "timeouts: {header: 10}\n",
    "a bare number of bytes": GOOD + "limits: {header_size: 8192}\n",
    "an alias": "listen: :8080\nupstream: &u http://127.0.0.1:1\nroutes: [{path: /a, upstream: *u}]\ncors: off\n",
}


@pytest.mark.parametrize("name", FINE)
def test_fine(file, name):
    done, found = check(file(FINE[name]))
    assert done.returncode == 0 and not found, done.stdout + done.stderr


HUGE = {
    "aliases that multiply": "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)),
    "depth": "listen: " + "[" * 20000 + "]" * 20000 + "\n",
    "depth in blocks": "".join("  " * n + "a:\n" for n in range(2000)),
    "an alias of itself": "listen: &a [*a]\n",
    "an alias of nothing": "listen: *nothing\n",
    "a long scalar": "listen: " + "x" * 5_000_000 + "\n",
    "many keys": "".join(f"key{n}: 1\n" for n in range(20000)),
    "bytes": bytes(range(256)) * 100,
    "NUL": b"listen: \0\n",
    "not UTF-8": b"listen: \xff\xfe\n",
    "nothing": "",
    "only a comment": "# nothing\n",
    "two documents": GOOD + "---\n" + GOOD,
}


@pytest.mark.parametrize("name", HUGE)
def test_yaml_that_is_none_or_too_much(file, name):
    done = run("check", file(HUGE[name]), within=20)
    assert done.returncode == 1
    assert len(done.stdout + done.stderr) < 20_000_000
    assert done.stdout + done.stderr


# starts that fail: exit 1, and a sentence that names what is in the way

def fails(text, file, *words):
    done = run("-c", file(text))
    assert done.returncode == 1, done
    for word in words:
        assert word in done.stdout + done.stderr


def test_a_port_in_use(file):
    port = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        fails(GOOD.replace("8080", str(port)), file, str(port), "in use")


def test_a_port_in_use_by_another_corsd(given, backend, file):
    corsd = given("listen: LISTEN\nupstream: BACKEND\ncors: off\n")
    port = corsd.words["LISTEN"].split(":")[1]
    fails(GOOD.replace("8080", port), file, port, "in use")
    assert corsd.alive


def test_one_of_two_ports_in_use(file):
    good, bad = free_port(), free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", bad))
        taken.listen()
        fails(GOOD.replace("127.0.0.1:8080", f"[127.0.0.1:{good}, 127.0.0.1:{bad}]"), file, str(bad))
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", good)), "nothing is left listening"


def test_check_opens_no_port(file):
    port = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert run("check", file(GOOD.replace("8080", str(port)))).returncode == 0


def test_an_address_that_is_not_ours(file):
    fails(GOOD.replace("127.0.0.1:8080", "192.0.2.1:8080"), file, "192.0.2.1")


def test_a_file_that_is_missing(tmp_path):
    for command in (["-c"], ["check"]):
        done = run(*command, str(tmp_path / "missing.yaml"))
        assert done.returncode == 1 and "missing.yaml" in done.stderr + done.stdout


def test_a_directory_for_a_file(tmp_path):
    done = run("-c", str(tmp_path))
    assert done.returncode == 1 and str(tmp_path) in done.stderr


def test_a_socket_path_too_long(file):
    path = "/tmp/" + "x" * 120 + ".sock"
    fails(GOOD.replace("127.0.0.1:8080", "unix:" + path), file, path)


def test_an_upstreams_socket_path_too_long(file):
    path = "/tmp/" + "x" * 120 + ".sock"
    fails(GOOD.replace("http://127.0.0.1:3000", "http+unix:" + path), file, path)


def test_a_socket_in_no_directory(file):
    fails(GOOD.replace("127.0.0.1:8080", "unix:/nonexistent/corsd.sock"), file, "/nonexistent/corsd.sock")


def test_a_log_in_no_directory(file):
    fails(GOOD + "log: {output: /nonexistent/corsd.log}\n", file, "/nonexistent/corsd.log")


# words on the command line

@pytest.mark.parametrize("arguments", [["bogus"], ["--bogus"], ["-c"], ["check", "--bogus"],
                                       ["check", "a", "b", "c"], ["-x"], ["version", "extra"]], ids=" ".join)
def test_wrong_usage(arguments):
    done = run(*arguments)
    assert done.returncode == 2 and done.stderr


@pytest.mark.parametrize("arguments", [["version"], ["-V"], ["--version"], ["-h"], ["--help"]], ids=" ".join)
def test_words_that_explain(arguments):
    done = run(*arguments)
    assert done.returncode == 0 and "corsd" in done.stdout and not done.stderr


def test_check_takes_c_too(file):
    path = file(GOOD)
    assert run("check", "-c", path).returncode == 0
    assert run("check", "--config", path).returncode == 0


def test_the_file_may_be_named_by_the_environment(file):
    path = file(GOOD + "unknown: 1\n")
    done = run(env={"CORSD_CONFIG": path})
    assert done.returncode == 1 and messages(done.stderr, path)
