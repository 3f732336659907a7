"""Vary, proved: nginx's proxy_cache before corsd, several origins in every order, and never an
answer that was another's. DESIGN §2 rules 5, 8."""
import contextlib
import itertools
import os
import shutil
import subprocess
import time

import pytest

from harness import Corsd, cors, free_port, get, request

NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
if not NGINX:
    pytest.skip("no nginx to be the cache", allow_module_level=True)

ONE, TWO, EVIL = "https://one.example.com", "https://two.example.com", "https://evil.example"
WHO = {"one": [ONE], "two": [TWO], "refused": [EVIL], "none": [], "null": ["null"]}

YAML = """
listen: LISTEN
upstream: BACKEND
policies:
  listed: {allow_origins: ["https://one.example.com", "https://two.example.com"]}
  sure:
    allow_origins: ["https://one.example.com", "https://two.example.com"]
    allow_credentials: true
    expose_headers: ["*"]
    timing_allow_origin: true
  star: {allow_origins: ["*"], expose_headers: [X-Told]}
  mixed:
    - {allow_origins: ["https://one.example.com"], allow_credentials: true}
    - {allow_origins: ["*"]}
  kept: {allow_origins: ["https://one.example.com", "https://two.example.com"], upstream_headers: keep}
  reject: {allow_origins: ["https://one.example.com", "https://two.example.com"], denied: reject}
  methods:
    allow_origins: ["https://one.example.com", "https://two.example.com"]
    allow_methods: [PUT]
    enforce_methods: true
  star_methods: {allow_origins: ["*"], allow_methods: [PUT], enforce_methods: true}
  pattern: {allow_origins: ["https://*.example.com"]}
routes:
  - {host: listed.test, upstream: BACKEND, cors: listed}
  - {host: sure.test, upstream: BACKEND, cors: sure}
  - {host: star.test, upstream: BACKEND, cors: star}
  - {host: mixed.test, upstream: BACKEND, cors: mixed}
  - {host: kept.test, upstream: BACKEND, cors: kept}
  - {host: reject.test, upstream: BACKEND, cors: reject}
  - {host: methods.test, upstream: BACKEND, cors: methods}
  - {host: star-methods.test, upstream: BACKEND, cors: star_methods}
  - {host: pattern.test, upstream: BACKEND, cors: pattern}
  - {host: down.test, upstream: "http://DOWN", cors: listed}
  - {host: report.test, upstream: BACKEND, cors: {allow_origins: ["https://one.example.com"], mode: report}}
"""

# The greedy one keeps whatever it can, own errors of corsd's included, against their no-store.
CACHE = """
daemon off;
master_process off;
worker_processes 1;
pid FOLDER/pid;
error_log FOLDER/error.log warn;
events { worker_connections 256; }
http {
    access_log off;
    client_body_temp_path FOLDER/body;
    proxy_temp_path FOLDER/temp;
    fastcgi_temp_path FOLDER/fastcgi;
    uwsgi_temp_path FOLDER/uwsgi;
    scgi_temp_path FOLDER/scgi;
    proxy_cache_path FOLDER/cache keys_zone=zone:1m;
    server {
        listen 127.0.0.1:PORT;
        proxy_pass_request_headers on;
        proxy_set_header Host $http_host;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_cache zone;
        proxy_cache_key $http_host$request_uri;
        add_header X-Cache $upstream_cache_status always;
        location / { proxy_pass http://CORSD; }
        location /greedy/ {
            proxy_pass http://CORSD;
            proxy_ignore_headers Cache-Control Expires;
            proxy_cache_valid any 1h;
        }
        location /stale/ {
            proxy_pass http://CORSD;
            proxy_cache_revalidate on;
        }
    }
}
"""


class Cache:
    """An nginx of our own; what it was asked by whom, and what it must have answered."""
    def __init__(self, folder, corsd):
        self.address = f"127.0.0.1:{free_port()}"
        conf = os.path.join(folder, "nginx.conf")
        with open(conf, "w", encoding="utf-8") as out:
            out.write(CACHE.replace("FOLDER", str(folder)).replace("PORT", self.address.split(":")[1])
                      .replace("CORSD", corsd.words["LISTEN"]))
        self.process = subprocess.Popen([NGINX, "-p", str(folder), "-c", conf], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            assert self.process.poll() is None, "nginx ended at its start"
            with contextlib.suppress(ConnectionRefusedError):
                Corsd.dial(self.address).close()
                return
            time.sleep(0.01)
        self.stop()
        raise AssertionError("nginx does not listen")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture(scope="module")
def corsd(shared):
    return shared(YAML, DOWN=f"127.0.0.1:{free_port()}")


@pytest.fixture(scope="module")
def cache(corsd, tmp_path_factory):
    cache = Cache(tmp_path_factory.mktemp("cache"), corsd)
    yield cache
    cache.stop()


@pytest.fixture
def asks(corsd, cache):
    """asks(who, host, target): through the cache, on a connection of its own."""
    def ask(who, host, target):
        client = corsd.connect(cache.address)
        try:
            return client.ask(get(target, *[f"Origin: {one}" for one in WHO[who]], "Connection: close", host=host))
        finally:
            client.sock.close()
    return ask


def right(corsd, who, host, target):
    """What corsd itself says to this one: status and everything that hangs on the origin."""
    return judged(corsd.ask(get(target, *[f"Origin: {one}" for one in WHO[who]], host=host)))


def judged(answer):
    return answer.status, cors(answer), answer.all("Timing-Allow-Origin"), answer.body


def told(lines=()):
    """The backend's answer: cacheable, with something of its own about CORS."""
    def say(seen):
        head = ["HTTP/1.1 200 OK", "Cache-Control: public, max-age=3600", "X-Told: yes", 'ETag: "v1"', *lines,
                "Content-Length: 5", "", ""]
        return "\r\n".join(head).encode() + b"hello"
    return say


HOSTS = ["listed.test", "sure.test", "mixed.test", "kept.test", "reject.test", "methods.test", "star-methods.test",
         "pattern.test", "star.test", "down.test"]


@pytest.mark.parametrize("greedy", ["", "/greedy"], ids=["as told", "greedy"])
@pytest.mark.parametrize("host", HOSTS)
def test_every_order(corsd, backend, asks, host, greedy):
    """Five askers in all 120 orders, each order at a path of its own, some of them twice through."""
    backend.always(told())
    want = {who: right(corsd, who, host, "/") for who in WHO}
    for number, order in enumerate(itertools.permutations(WHO)):
        for turn, who in enumerate(order if number % 10 else order * 2):
            answer = asks(who, host, f"{greedy}/{host}/{number}")
            assert judged(answer) == want[who], (order, turn, who, answer.one("X-Cache"))


@pytest.mark.parametrize("host", ["listed.test", "sure.test", "mixed.test", "kept.test", "pattern.test"])
def test_the_cache_does_cache(corsd, backend, asks, host):
    """Else the orders above prove nothing: the second time, each has its own entry."""
    backend.always(told())
    target = f"/again/{host}"
    for who in WHO:
        assert asks(who, host, target).one("X-Cache") == "MISS"
    asked = len(backend.heads)
    for who in WHO:
        assert asks(who, host, target).one("X-Cache") == "HIT"
    assert len(backend.heads) == asked == len(WHO)


def test_the_greedy_one_does_cache_refusals(corsd, backend, asks):
    for who, status in [("refused", 403), ("one", 200)] * 2:
        answer = asks(who, "reject.test", "/greedy/refusals")
        assert answer.status == status
    assert answer.one("X-Cache") == asks("refused", "reject.test", "/greedy/refusals").one("X-Cache") == "HIT"


def test_a_star_alone_shares_one_entry(corsd, backend, asks):
    """The control: one answer fits all, so the cache keeps one."""
    backend.always(told())
    first, *others = [asks(who, "star.test", "/shared") for who in WHO]
    assert first.one("X-Cache") == "MISS" and {one.one("X-Cache") for one in others} == {"HIT"}
    assert all(cors(one) == {"allow-origin": "*", "expose-headers": "X-Told"} for one in [first, *others])
    assert len(backend.heads) == 1


def test_without_vary_this_cache_would_err(corsd, backend, asks):
    """The other control: a backend that echoes the origin and forgets Vary, which report mode leaves
    alone, gives one page's answer to another. So the orders above can fail."""
    def forgets(seen):
        return told([f"Access-Control-Allow-Origin: {seen.one('Origin')}"])(seen)
    backend.always(forgets)
    assert cors(asks("one", "report.test", "/forgot")) == {"allow-origin": ONE}
    assert cors(asks("two", "report.test", "/forgot")) == {"allow-origin": ONE}, "wrong, as it has to be"


@pytest.mark.parametrize("lines, cached", [
    (["Vary: Accept-Encoding"], True), (["Vary: origin"], True), (["Vary: Accept", "Vary: Origin, Cookie"], True),
    (["Vary: *"], False)], ids=["another", "the same", "several", "star"])
def test_with_the_backends_own_vary(corsd, backend, asks, lines, cached):
    backend.always(told(lines))
    target = "/vary/" + "".join(filter(str.isalpha, "".join(lines)))
    for turn in range(2):
        for who in WHO:
            answer = asks(who, "listed.test", target)
            assert judged(answer) == right(corsd, who, "listed.test", "/")
            assert answer.one("X-Cache") == ("HIT" if turn and cached else "MISS")


def test_with_the_backends_own_cors(corsd, backend, asks):
    """A backend that answers each origin by itself: replaced for one policy, its own for another."""
    def echoes(seen):
        return told([f"Access-Control-Allow-Origin: {seen.one('Origin') or 'null'}"])(seen)
    backend.always(echoes)
    for host in ("listed.test", "kept.test"):
        want = {who: right(corsd, who, host, "/") for who in WHO}
        for order in itertools.islice(itertools.permutations(WHO), 0, 120, 7):
            for who in order:
                assert judged(asks(who, host, f"/echo/{''.join(order)}")) == want[who]


def test_revalidated(corsd, backend, asks):
    """An entry that is stale is asked about with its tag; the 304 fits who asked."""
    def say(seen):
        if seen.has("If-None-Match"):
            return b'HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=1\r\nETag: "v1"\r\n\r\n'
        return told()(seen).replace(b"max-age=3600", b"max-age=1")
    backend.always(say)
    want = {who: right(corsd, who, "sure.test", "/") for who in WHO}
    seen = set()
    for _ in range(2):
        for who in list(WHO) + list(reversed(WHO)):
            answer = asks(who, "sure.test", "/stale/entry")
            assert judged(answer) == want[who], (who, answer.one("X-Cache"))
            seen.add(answer.one("X-Cache"))
        time.sleep(2.1)
    for who in WHO:
        answer = asks(who, "sure.test", "/stale/entry")
        assert judged(answer) == want[who] and answer.one("X-Cache") == "REVALIDATED"
    assert {"MISS", "HIT"} <= seen


def test_preflights_through_the_cache(corsd, backend, cache):
    """No cache keeps an OPTIONS; what comes through is corsd's word to this one."""
    for who, asked in itertools.product(list(WHO) * 2, ["PUT", "DELETE"]):
        lines = [f"Origin: {one}" for one in WHO[who]] + [f"Access-Control-Request-Method: {asked}"]
        answer = corsd.connect(cache.address).ask(request("OPTIONS", "/pre", *lines, host="sure.test"))
        assert cors(answer).get("allow-origin") == (WHO[who][0] if who in ("one", "two") else None)
