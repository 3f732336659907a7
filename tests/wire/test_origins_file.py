"""allow_origins_file: 100,000 origins, patterns and comments among them, and its reload. DESIGN §1."""
import random
import time

import pytest

from harness import cors, get, own_answer, preflight, run, vary

COUNT = 100_000
YAML = """
listen: LISTEN
upstream: BACKEND
cors:
  - allow_origins: ["https://inline.example.com"]
    allow_origins_file: FOLDER/many.txt
    allow_methods: [PUT]
    allow_credentials: true
  - allow_origins: ["https://second.example.com"]
    allow_origins_file: few.txt
"""


def name(number):
    return f"https://tenant-{number:06}.customers.example.com"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The files, and a place beside them where corsd's configuration may be."""
    folder = tmp_path_factory.mktemp("origins")
    lines = [name(number) for number in range(COUNT)]
    lines[500] = "# https://commented.example.com"
    lines[501] = "  https://indented.example.com  "
    lines[502] = ""
    lines[503] = "https://*.wild.example.com"
    lines[504] = "https://behind.example.com # a tenant"
    lines[505] = "HTTPS://Upper.Example.Com:443"
    lines[506] = "http://localhost:*"
    lines[507] = "https://windows.example.com\r"
    (folder / "many.txt").write_text("\n".join(lines), encoding="utf-8")  # no line end at the end
    (folder / "few.txt").write_text("https://few.example.com\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def corsd(shared, folder):
    return shared(YAML.replace("FOLDER", str(folder)).replace("few.txt", f"{folder}/few.txt"))


ALLOWED = ["https://inline.example.com", name(0), name(1), name(499), name(508), name(COUNT // 2), name(COUNT - 1),
           "https://indented.example.com", "https://a.b.wild.example.com", "https://behind.example.com",
           "https://upper.example.com", "http://localhost", "http://localhost:5173", "https://windows.example.com"]
REFUSED = [name(500), name(501), name(COUNT), name(7) + ".", name(7) + ":443", name(7)[:-1], name(7) + "m",
           "http" + name(7)[5:], "https://commented.example.com", "https://wild.example.com",
           "https://customers.example.com", "https://x.customers.example.com", "null", "*", "", "#",
           "https://a.few.example.com", "https://tenant-000007.customers.example.co"]


@pytest.mark.parametrize("origin", ALLOWED)
def test_allowed(corsd, backend, origin):
    answer = corsd.ask(preflight("/", origin))
    assert answer.status == 204
    assert cors(answer) == {"allow-origin": origin, "allow-credentials": "true", "allow-methods": "PUT"}
    answer = corsd.ask(get("/", f"Origin: {origin}"))
    assert cors(answer) == {"allow-origin": origin, "allow-credentials": "true"} and vary(answer) == {"origin"}


@pytest.mark.parametrize("origin", ["https://second.example.com", "https://few.example.com"])
def test_the_second_rule_has_its_own_file(corsd, backend, origin):
    assert cors(corsd.ask(get("/", f"Origin: {origin}"))) == {"allow-origin": origin}


@pytest.mark.parametrize("origin", REFUSED)
def test_refused(corsd, backend, origin):
    own_answer(corsd.ask(preflight("/", origin)), 403)
    answer = corsd.ask(get("/", f"Origin: {origin}"))
    assert cors(answer) == {} and vary(answer) == {"origin"}


def test_a_thousand_at_random_on_one_connection(corsd, backend):
    chance = random.Random(4)
    client = corsd.connect()
    for _ in range(1000):
        number = chance.randrange(508, 2 * COUNT)
        answer = client.ask(preflight("/", name(number)))
        assert answer.status == (204 if number < COUNT else 403)


def check(folder, file):
    """A configuration with this file; it must be refused."""
    path = folder / "corsd.yaml"
    path.write_text(f"listen: :8080\nupstream: http://127.0.0.1:1\ncors: {{allow_origins_file: {file}}}\n",
                    encoding="utf-8")
    done = run("check", str(path))
    assert done.returncode == 1
    return path, done.stdout + done.stderr


def test_a_fault_in_the_file_has_its_line(folder):
    text = (folder / "many.txt").read_text(encoding="utf-8").split("\n")
    text[99_990] = "https://slash.example.com/"
    text[10] = "https://*.com"
    (folder / "bad.txt").write_text("\n".join(text) + "\n", encoding="utf-8")
    _, said = check(folder, "bad.txt")
    assert f"{folder}/bad.txt:11:" in said and f"{folder}/bad.txt:99991:" in said, said[-2000:]


def test_a_file_that_is_not_there(folder):
    path, said = check(folder, "none.txt")
    assert f"{path}:3:" in said and "none.txt" in said


def test_reload_reads_it_again(given, backend, tmp_path):
    tenants = tmp_path / "tenants.txt"
    tenants.write_text("https://one.example.com\n", encoding="utf-8")
    text = f"listen: LISTEN\nupstream: BACKEND\ncors: {{allow_origins_file: {tenants}}}\n"
    corsd = given(text)
    own_answer(corsd.ask(preflight("/", "https://two.example.com")), 403)
    tenants.write_text("https://two.example.com\n", encoding="utf-8")
    corsd.reload(text)
    end = time.monotonic() + 5
    while (answer := corsd.ask(preflight("/", "https://two.example.com"))).status == 403 and time.monotonic() < end:
        time.sleep(0.02)
    assert answer.status == 204
    own_answer(corsd.ask(preflight("/", "https://one.example.com")), 403)
    tenants.write_text("https://two.example.com/path\n", encoding="utf-8")
    corsd.reload(text)
    assert corsd.logged(r"tenants\.txt:1:")
    assert corsd.ask(preflight("/", "https://two.example.com")).status == 204, "the old plan stays"
