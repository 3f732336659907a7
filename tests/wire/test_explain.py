"""corsd explain: the five classic situations in a newcomer's words, its sources and outputs; and the law
that what it says of a configuration is what corsd probe finds at the running corsd."""
import json
import random
import time

import pytest

from harness import reply, run

APP = "https://app.example.com"

YAML = """\
listen: 127.0.0.1:1
upstream: http://127.0.0.1:2
policies:
  app:
    allow_origins: ["https://app.example.com"]
    allow_methods: [GET, POST]
    allow_headers: [Content-Type]
  every:
    allow_origins: ["*"]
  lines:
    allow_origins:
      - https://a.example
      - https://b.example
    allow_methods: [GET]
  inline: {allow_origins: ["https://app.example.com"], upstream_headers: keep}
  report: {allow_origins: ["https://app.example.com"], mode: report}
routes:
  - {path: /, cors: app}
  - {path: /every, cors: every}
  - {path: /lines, cors: lines}
  - {path: /inline, cors: inline}
  - {path: /report, cors: report}
  - {path: /off, cors: off}
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("explain") / "corsd.yaml"
    path.write_text(YAML, encoding="utf-8")
    return str(path)


def explain(file, *arguments):
    return run("explain", "-c", file, *arguments)


def told(done):
    """What stands behind the verdict: the part for people."""
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout[done.stdout.index("BLOCKED"):]


def test_method_missing(file):
    assert told(explain(file, "--origin", APP, "-X", "PUT", "https://api.example.com/orders")) == f"""\
BLOCKED
  The page asks for PUT, and the server's answer to the preflight does not
  list it. Only GET, HEAD and POST need no listing, and capital letters count.

Chromium's console says:
  Access to fetch at 'https://api.example.com/orders' from origin 'https://app.example.com' has been blocked by CORS policy: Method PUT is not allowed by Access-Control-Allow-Methods in preflight response.

Firefox's console says:
  Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource at https://api.example.com/orders. (Reason: Did not find method in CORS header ‘Access-Control-Allow-Methods’).

What to change in {file}:6:
  -     allow_methods: [GET, POST]
  +     allow_methods: [GET, POST, PUT]
"""


def test_header_missing_altogether(file):
    assert told(explain(file, "--origin", "https://other.example", "https://api.example.com/orders")) == f"""\
BLOCKED
  The answer has no Access-Control-Allow-Origin header, so the browser keeps
  it from the page.

Chromium's console says:
  Access to fetch at 'https://api.example.com/orders' from origin 'https://other.example' has been blocked by CORS policy: No 'Access-Control-Allow-Origin' header is present on the requested resource.

Firefox's console says:
  Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource at https://api.example.com/orders. (Reason: CORS header ‘Access-Control-Allow-Origin’ missing). Status code: 200.

What to change in {file}:5:
  -     allow_origins: ["https://app.example.com"]
  +     allow_origins: ["https://app.example.com", "https://other.example"]
"""


def test_star_with_credentials(file):
    assert told(explain(file, "--origin", APP, "--credentials", "https://api.example.com/every")) == f"""\
BLOCKED
  The request is made with credentials (cookies), and the server allows every
  origin by *. A browser does not take * together with credentials.

Chromium's console says:
  Access to fetch at 'https://api.example.com/every' from origin 'https://app.example.com' has been blocked by CORS policy: The value of the 'Access-Control-Allow-Origin' header in the response must not be the wildcard '*' when the request's credentials mode is 'include'.

Firefox's console says:
  Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource at ‘https://api.example.com/every’. (Reason: Credential is not supported if the CORS header ‘Access-Control-Allow-Origin’ is ‘*’).

What to change in {file}:9:
  -     allow_origins: ["*"]
  +     allow_origins: ["https://app.example.com"]
  and beside it: allow_credentials: true
"""


def test_405_on_preflight(file):
    text = told(explain(file, "--origin", APP, "-X", "PUT", "--backend-status", "405", "https://api.example.com/off"))
    assert text.startswith("""\
BLOCKED
  Before such a request the browser asks for permission: an OPTIONS request
  called the preflight. The server answered it with 405 and without CORS
  headers: 405 and 404 mean that it knows no OPTIONS here, 401 and 403 that a
  login stands before it, and a preflight never carries one.
""")
    assert text.endswith("""\
What to change:
  Give the route a policy (cors: NAME): then corsd answers preflights and adds
  the headers. Or at the backend: Let the server, or a proxy before it, answer
  OPTIONS with 204, Access-Control-Allow-Origin: https://app.example.com and
  what the page asks for.
""")


def test_options_handled_by_the_framework(file):
    text = told(explain(file, "--origin", APP, "-X", "PUT", "--backend-header", "Allow: GET, PUT", "https://api.example.com/off"))
    assert text.startswith("""\
BLOCKED
  Before such a request the browser asks for permission: an OPTIONS request
  called the preflight. The server answered it with 200, but without CORS
  headers: its framework answers OPTIONS by itself, and the code that would
  add them is not asked.
""")


def test_allowed(file):
    done = explain(file, "--origin", APP, "-X", "POST", "-H", "Content-Type: application/json", "--backend-header", "X-Total: 3", "https://api.example.com/orders")
    assert done.returncode == 0
    assert "ALLOWED  the page gets status 200 and may read content-length" in done.stdout
    assert "What to change" not in done.stdout


@pytest.mark.parametrize("path,more,change", [
    ("/lines", ("--origin", "https://c.example"), {"key": "allow_origins", "add": '"https://c.example"', "line": 12}),
    ("/lines", ("--origin", "https://a.example", "-H", "X-A: 1"), {"key": "allow_headers", "add": "x-a", "line": 11}),
    ("/inline", ("--origin", APP, "-X", "PUT"), {"key": "allow_methods", "add": "GET, HEAD, POST, PUT", "line": 15}),
    ("/inline", ("--origin", APP, "--backend-header", "Access-Control-Allow-Origin: https://old.example"), {"key": "upstream_headers", "set": "replace", "line": 15}),
    ("/report", ("--origin", APP), {"key": "mode", "set": "enforce", "line": 16}),
    ("/", ("--origin", APP, "--credentials"), {"key": "allow_credentials", "set": "true", "line": 5}),
], ids=lambda value: value if isinstance(value, str) else "")
def test_the_change_mends_it(file, tmp_path, path, more, change):
    """The line named is the line to change, and with the change made the page is let through."""
    arguments = ("--json", *more, f"https://api.example.com{path}")
    done = explain(file, *arguments)
    assert done.returncode == 1, done.stdout
    report = json.loads(done.stdout)
    assert {key: report["change"].get(key) for key in change} == change
    lines = YAML.split("\n")
    assert lines[report["change"]["line"] - 1] == report["change"]["before"]
    lines[report["change"]["line"] - 1] = report["change"]["after"]
    mended = tmp_path / "corsd.yaml"
    mended.write_text("\n".join(lines), encoding="utf-8")
    done = explain(str(mended), *arguments)
    assert done.returncode == 0, done.stdout


def test_from_curl(file):
    text = ("curl 'https://api.example.com/orders?x=1' \\\n  -X 'PUT' \\\n  -H 'accept: */*' \\\n  -H 'accept-language: en' \\\n  -b 'session=1' \\\n"
            "  -H 'content-type: application/json' \\\n  -H 'origin: https://app.example.com' \\\n  -H 'priority: u=1, i' \\\n"
            "  -H 'sec-ch-ua: \"Chromium\";v=\"156\"' \\\n  -H 'user-agent: Mozilla/5.0' \\\n  --data-raw $'{\"a\":\"it\\'s\"}'")
    report = json.loads(explain(file, "--json", "--from-curl", text).stdout)
    assert report["request"] == {"origin": APP, "method": "PUT", "url": "https://api.example.com/orders?x=1", "credentials": "include",
                                 "headers": {"accept": "*/*", "accept-language": "en", "content-type": "application/json"}}
    assert report["block"] == "allow_credentials_missing"


def har(*entries):
    return json.dumps({"log": {"version": "1.2", "entries": [
        {"request": {"method": method, "url": url, "headers": [{"name": "Origin", "value": APP}, {"name": "X-Ü\u20ac\"\\", "value": "no name"}][:1] + [{"name": name, "value": "1"} for name in names],
                     "bodySize": -1, "cookies": []},
         "response": {"status": status, "content": {"text": "\ud83d\ude00 \\ \" \n"}}, "time": 1.5e3} for method, url, status, *names in entries]}})


def test_from_har(file, tmp_path):
    path = tmp_path / "a.har"
    path.write_text(har(("GET", "https://api.example.com/fine", 200), ("PUT", "https://api.example.com/blocked", 0, "X-A"),
                        ("OPTIONS", "https://api.example.com/blocked", 0), ("GET", "https://api.example.com/last", 200)), encoding="utf-8")
    report = json.loads(explain(file, "--json", "--from-har", str(path)).stdout)
    assert report["request"]["url"] == "https://api.example.com/blocked"
    assert report["request"]["method"] == "PUT"
    assert report["request"]["headers"] == {"X-A": "1"}
    report = json.loads(explain(file, "--json", "--from-har", str(path), "https://api.example.com/fine").stdout)
    assert report["request"]["method"] == "GET"
    assert report["allowed"] is True
    assert explain(file, "--from-har", str(path), "https://api.example.com/none").returncode == 2
    path.write_text("{", encoding="utf-8")
    assert explain(file, "--from-har", str(path)).returncode == 2


@pytest.mark.parametrize("arguments", [
    (), ("https://api.example.com/",), ("--origin", APP), ("--origin", "app.example.com", "https://api.example.com/"),
    ("--origin", APP, "-X", "CONNECT", "https://api.example.com/"), ("--origin", APP, "--backend-status", "99", "https://api.example.com/"),
    ("--origin", APP, "--backend-header", "no colon", "https://api.example.com/"), ("--origin", APP, "--from-curl", "curl 'x", "https://api.example.com/"),
    ("--origin", APP, "mailto:x@example.com"), ("--origin", APP, "https://api.example.com/", "more"),
])
def test_wrong_usage(file, arguments):
    done = explain(file, *arguments)
    assert done.returncode == 2
    assert "usage: corsd explain" in done.stderr


def test_a_bad_configuration(tmp_path):
    path = tmp_path / "corsd.yaml"
    path.write_text("listen: nowhere\n", encoding="utf-8")
    done = explain(str(path), "--origin", APP, "https://api.example.com/")
    assert done.returncode == 1
    assert "error:" in done.stderr


def test_no_colours_in_a_pipe(file):
    assert "\x1b" not in explain(file, "--origin", APP, "https://api.example.com/").stdout


# ---- the law: explain says of the configuration what probe finds at the running corsd

ORIGINS = ["https://app.example.com", "https://other.example", "null", "http://localhost:3000", "https://x.wild.example"]
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "patch", "DELETE", "OPTIONS", "CUSTOM"]
NAMES = ["X-A", "X-B", "Authorization", "Content-Type"]


def some(dice, words, least=0):
    return dice.sample(words, dice.randint(least, min(3, len(words))))


def a_policy(dice):
    credentials = dice.random() < 0.4
    origins = ["*"] if not credentials and dice.random() < 0.2 else \
        some(dice, ["https://app.example.com", "https://*.wild.example", "http://localhost:*"] + ([] if credentials else ["null"]), 1)
    policy = {"allow_origins": origins, "allow_credentials": credentials, "preflight_status": dice.choice([200, 202, 204])}
    if dice.random() < 0.8:
        policy["allow_methods"] = ["*"] if dice.random() < 0.2 else some(dice, ["GET", "PUT", "PATCH", "DELETE", "CUSTOM"], 1)
    if dice.random() < 0.8:
        policy["allow_headers"] = dice.choice([["*"], ["*", "Authorization"], some(dice, NAMES, 1)])
    for key, value in [("denied", "reject"), ("enforce_methods", True), ("upstream_headers", "keep"), ("max_age", "1h"), ("mode", "report")]:
        if dice.random() < 0.15:
            policy[key] = value
    return policy


def a_configuration(dice, policies):
    lines = ["listen: LISTEN", "upstream: BACKEND", "policies:"]
    lines += [f"  p{n}: {json.dumps(a_policy(dice))}" for n in range(policies)]
    lines += ["routes:", *(f"  - {{path: /p{n}, cors: p{n}}}" for n in range(policies)), "cors: off"]
    return "\n".join(lines) + "\n"


def a_request(dice, policies):
    arguments = ["--json", "--origin", dice.choice(ORIGINS), "-X", dice.choice(METHODS)]
    for name in some(dice, NAMES):
        value = dice.choice(["text/plain", "application/json"]) if name == "Content-Type" else "1"
        arguments += ["-H", f"{name}: {value}"]
    return arguments + ["--credentials"] * (dice.random() < 0.4), f"/p{dice.randrange(policies + 1)}"


def pairs(given, backend, seed, count, seconds):
    dice, policies, end, done = random.Random(seed), 24, time.monotonic() + seconds, 0
    backend.always(reply(200, "", "X-Own: 1"))
    while done < count and time.monotonic() < end:
        corsd = given(a_configuration(dice, policies))
        for _ in range(min(50, count - done)):
            arguments, path = a_request(dice, policies)
            url = f"http://{corsd.words['LISTEN']}{path}"
            told = json.loads(explain(corsd.file, *arguments, "--backend-header", "X-Own: 1", url).stdout)
            found = json.loads(run("probe", *arguments, url).stdout)
            for key in ("allowed", "block", "in_preflight", "status", "readable", "chromium", "firefox", "steps"):
                assert told[key] == found[key], (seed, arguments, path, key)
            done += 1
            if time.monotonic() > end:
                break
    return done


def test_explain_and_probe_agree(given, backend):
    assert pairs(given, backend, 12, 1000, 20) >= 10


@pytest.mark.long
def test_explain_and_probe_agree_a_thousand_times(given, backend):
    assert pairs(given, backend, random.randrange(1 << 30), 1000, 3600) == 1000


# ---------------------------------------------------------------- lines that are hard to change

def change_in(path, text, *arguments):
    path.write_text(text, encoding="utf-8")
    done = explain(str(path), "--json", *arguments, "https://api.example.com/")
    assert done.returncode == 1, done.stdout + done.stderr
    return json.loads(done.stdout).get("change", {})


HEAD = "listen: 127.0.0.1:1\nupstream: http://127.0.0.1:2\n"


@pytest.mark.parametrize("line, arguments, after", [
    ('cors: {allow_origins: ["https://xn--bcher-kva.example", "https://app.example.com"], allow_methods: [GET] } # bücher', ("-X", "PUT"),
     'cors: {allow_origins: ["https://xn--bcher-kva.example", "https://app.example.com"], allow_methods: [GET, PUT] } # bücher'),
    ('cors: {"allow_origins": ["https://app.example.com"], max_age: 1h, allow_methods: &q [GET]}', ("-X", "PUT"), None),
    ("cors: {allow_origins: [\n  https://app.example.com], allow_methods: [\n GET]}", ("-X", "PUT"), "  https://app.example.com], allow_methods: [PUT, "),
], ids=["beyond ASCII", "anchor", "several lines"])
def test_changes_of_hard_lines(tmp_path, line, arguments, after):
    change = change_in(tmp_path / "corsd.yaml", HEAD + line + "\n", "--origin", APP, *arguments)
    assert change.get("after") == after


def test_a_character_beyond_ascii_before_the_place(tmp_path):
    text = HEAD + 'cors: {allow_origins: ["https://bücher.example", "https://app.example.com"], allow_methods: [GET]}\n'
    change = change_in(tmp_path / "corsd.yaml", text, "--origin", APP, "-X", "PUT")
    assert "allow_methods: [GET, PUT]" in change["after"]


def test_a_byte_order_mark(tmp_path):
    text = "\ufeffcors: {allow_origins: ['https://app.example.com'], allow_methods: [GET]}\n" + HEAD
    change = change_in(tmp_path / "corsd.yaml", text, "--origin", APP, "-X", "PUT")
    assert "allow_methods: [GET, PUT]" in change["after"]


def test_a_line_too_long_to_print(tmp_path):
    """All in one line, as JSON: the change is named, no line is made, and nothing is written beyond a buffer."""
    origins = [f"https://app-{n}.example.com" for n in range(3000)]
    text = json.dumps({"cors": {"allow_methods": ["GET"], "allow_origins": [APP, *origins]},
                       "listen": "127.0.0.1:1", "upstream": "http://127.0.0.1:2"})
    change = change_in(tmp_path / "corsd.yaml", text, "--origin", APP, "-X", "PUT")
    assert change["key"] == "allow_methods" and "after" not in change


def test_an_origin_that_was_copied_is_looked_at(file):
    done = explain(file, "--from-curl", "curl 'https://api.example.com/' -H 'Origin: https://App.Example.com/\"x'")
    assert done.returncode == 2 and "not an origin as browsers write it" in done.stderr


def test_what_is_typed_wins_over_what_was_copied(file):
    copied = "curl 'https://api.example.com/copied' -X PUT -H 'Origin: https://copied.example' -H 'Authorization: copied' -H 'X-A: copied'"
    done = explain(file, "--json", "--origin", APP, "-X", "DELETE", "-H", "authorization: typed", "--from-curl", copied, "https://api.example.com/typed")
    assert json.loads(done.stdout)["request"] | {"credentials": ""} == {
        "origin": APP, "method": "DELETE", "url": "https://api.example.com/typed", "credentials": "",
        "headers": {"authorization": "typed", "X-A": "copied"}}


def test_too_much_of_the_backend_is_told(file):
    done = explain(file, "--origin", APP, *["--backend-header", "X: " + "a" * 10000] * 7, "https://api.example.com/")
    assert done.returncode == 2 and "--backend-header: at most" in done.stderr
