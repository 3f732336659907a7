"""Backends by name: resolved beside the traffic, again as the TTL ends, the last good addresses kept.
DESIGN §4."""
import os
import re
import signal
import struct
import subprocess
import time

import pytest

import harness
from dns import A, AAAA, Dns, Dnsmasq, Places, records
from fleet import Load
from harness import eventually, get, own_answer

YAML = """
listen: LISTEN
upstream: URL
resolver: DNS
cors: {allow_origins: ["https://app.example.com"]}
"""
LONG = 40  # seconds: what a loaded machine may take


@pytest.fixture
def dns():
    server = Dns()
    yield server
    server.stop()


@pytest.fixture
def dnsmasq():
    if not Dnsmasq.PROGRAM:
        pytest.skip("no dnsmasq")
    server = Dnsmasq()
    yield server
    server.stop()


@pytest.fixture
def places():
    made = Places("127.0.0.2", "127.0.0.3", "127.0.0.4")
    yield made
    made.stop()


def served(corsd):
    """Where a GET lands, or the status of corsd's own answer."""
    response = corsd.ask(get("/", "Origin: https://app.example.com"))
    assert response.one("access-control-allow-origin") == "https://app.example.com"
    return response.body.decode() if response.status == 200 else response.status


def lands(corsd, *want, within=LONG):
    """Waits until requests land at these places and no other."""
    end = time.monotonic() + within
    while True:
        seen = {served(corsd) for _ in range(6 * len(want))}
        if seen == set(want):
            return
        assert time.monotonic() < end, f"{seen} instead of {want}:\n{corsd.log}"
        time.sleep(0.02)


def answered(corsd, *head):
    """The first answer since the name is known."""
    return eventually(lambda: (answer := corsd.ask(get(*head))).status != 503 and answer, LONG, "an address")


def start(given, dns, places, name="api.test.", yaml=YAML, **more):
    return given(yaml, URL=f"http://{name}:{places.port}", DNS=dns.address, **more)


def test_before_the_first_answer(given, dns, places):
    dns.names["api.test"] = None
    corsd = start(given, dns, places)
    response = corsd.ask(get("/", "Origin: https://app.example.com"))
    own_answer(response, 503)
    assert response.one("retry-after") and b"no known address" in response.body
    assert response.one("access-control-allow-origin") == "https://app.example.com"
    dns.names["api.test"] = ["127.0.0.2"]
    lands(corsd, "127.0.0.2")
    assert corsd.logged(r"info: name api\.test\.: 127\.0\.0\.2\n")


def test_the_host_header_is_not_changed_by_the_name(given, dns, backend):
    dns.names["api.test"] = ["127.0.0.1"]
    port = backend.address.rpartition(":")[2]
    corsd = given("""
        listen: LISTEN
        upstreams:
          kept: {url: URL}
          own: {url: URL, host: upstream}
        routes:
          - {path: /kept, upstream: kept}
          - {path: /own, upstream: own}
        resolver: DNS
        cors: off
        """, URL=f"http://API.test.:{port}", DNS=dns.address)
    for path, host in ("/kept", "app.test"), ("/own", f"api.test:{port}"):
        answered(corsd, path)
        assert backend.requests[-1].one("host") == host


def test_records_change_vanish_time_out_and_return_under_load(given, dnsmasq, places):
    """Not one request fails, and the traffic follows."""
    tell = dnsmasq.set
    tell({"api.test": ["127.0.0.2"]})
    corsd = start(given, dnsmasq, places)
    lands(corsd, "127.0.0.2")
    with Load(corsd, 3, "/") as load:
        tell({"api.test": ["127.0.0.3"]})
        lands(corsd, "127.0.0.3")
        tell({})
        assert corsd.logged(r"warn: name api\.test\.: the name does not exist; its last addresses stay",
                            LONG), corsd.log
        lands(corsd, "127.0.0.3")
        tell({"api.test": ["127.0.0.2"]})
        lands(corsd, "127.0.0.2")
        dnsmasq.pause()
        assert corsd.logged(r"no DNS server answered in time; its last addresses stay", LONG), corsd.log
        lands(corsd, "127.0.0.2")
        dnsmasq.resume()
        tell({"api.test": ["127.0.0.4"]})
        lands(corsd, "127.0.0.4")
    assert not load.bad("GET") and load.total() > 50, load.got


def test_a_lost_family_does_not_delay_the_other(given, dns, places):
    dns.names["api.test"] = lambda q: None if q.kind == AAAA else q.addresses(["127.0.0.2"])
    lands(start(given, dns, places), "127.0.0.2")


def test_ipv6(given, dns):
    try:
        places = Places("::1")
    except OSError:
        pytest.skip("no IPv6")
    dns.names["api.test"] = ["::1"]
    lands(start(given, dns, places), "::1")
    places.stop()


def cut_short(question):
    return question.addresses(["127.0.0.4"])[:-3]


def loop_of_pointers(question):
    return question.reply(b"\xc0" + bytes([12 + len(question.section)]) + b"\0\1\0\1\0\0\0\1\0\4\1\2\3\4", 1)


def too_many_announced(question):
    return question.reply(records(question.kind, [], 1), 65535)


def somebody_elses(question):
    return question.reply(records(A, ["127.0.0.4"], 1, b"\5other\4test\0"), 1)


def another_question(question):
    other = b"\5other\4test\0" + struct.pack(">HH", question.kind, 1)
    return question.id + struct.pack(">HHHHH", 0x8180, 1, 1, 0, 0) + other + \
        records(A, ["127.0.0.4"], 1)


def another_id(question):
    return bytes([question.id[0] ^ 255, question.id[1]]) + question.addresses(["127.0.0.4"])[2:]


def alias_in_a_ring(question):
    return question.reply(b"\xc0\x0c" + struct.pack(">HHIH", 5, 1, 1, 2) + b"\xc0\x0c", 1)


ODD = {
    "of no byte": lambda q: b"",
    "of one byte": lambda q: b"\0",
    "a head alone": lambda q: q.reply()[:12],
    "cut short": cut_short,
    "a pointer to itself": loop_of_pointers,
    "more announced than there is": too_many_announced,
    "of another name": somebody_elses,
    "to another question": another_question,
    "of another id": another_id,
    "an alias of itself": alias_in_a_ring,
    "an address of three bytes": lambda q: q.reply(
        b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 1, 3) + b"\1\2\3", 1),
    "no address that a server can have": lambda q: q.addresses(["0.0.0.0", "224.0.0.1", "::", "ff02::1"]),
    "none at all": lambda q: q.addresses([]),
    "the question itself": lambda q: q.raw,
    "noise": lambda q: q.id + os.urandom(400),
    "SERVFAIL": lambda q: q.reply(rcode=2),
    "REFUSED": lambda q: q.reply(rcode=5),
    "an error that has no name": lambda q: q.reply(rcode=15),
}


def test_odd_answers_change_nothing_and_nothing_hangs(given, dns, places):
    """All at once: a name and a route each. The first good answer counts, then the odd one does not."""
    names = {name: f"n{i}.test" for i, name in enumerate(ODD)}
    for host in names.values():
        dns.names[host] = ["127.0.0.2"]
    upstreams = "\n".join(f"  u{i}: {{url: 'http://n{i}.test.:{places.port}'}}" for i in range(len(ODD)))
    routes = "\n".join(f"  - {{path: /{i}, upstream: u{i}}}" for i in range(len(ODD)))
    corsd = given(f"listen: LISTEN\nresolver: DNS\ncors: off\nupstreams:\n{upstreams}\nroutes:\n{routes}\n",
                  DNS=dns.address)

    def all_land(want):
        end = time.monotonic() + LONG
        while seen := {name: got for i, name in enumerate(ODD)
                       if (got := corsd.ask(get(f"/{i}")).body) != want}:
            assert time.monotonic() < end, seen
            time.sleep(0.05)

    all_land(b"127.0.0.2")
    for name, host in names.items():
        dns.names[host] = ODD[name]
    before = len(dns.asked)
    eventually(lambda: all(sum(asked == host for asked, _, _ in dns.asked[before:]) >= 4 for host in names.values()),
               LONG, "four questions for each")
    all_land(b"127.0.0.2")
    assert corsd.process.poll() is None
    for host in names.values():
        dns.names[host] = ["127.0.0.3"]
    all_land(b"127.0.0.3")


def test_an_odd_first_answer_is_a_503_and_asked_again(given, dns, places):
    dns.names["api.test"] = cut_short
    corsd = start(given, dns, places)
    assert corsd.logged(r"warn: name api\.test\.: the DNS server's answer is malformed; no address is known",
                        LONG), corsd.log
    assert served(corsd) == 503
    dns.names["api.test"] = ["127.0.0.3"]
    lands(corsd, "127.0.0.3")


def test_what_is_truncated_comes_by_tcp(given, dns, places):
    dns.names["api.test"] = lambda q: q.addresses(["127.0.0.3"] if q.tcp else []) \
        if q.tcp else q.reply(flags=0x8380)
    lands(start(given, dns, places), "127.0.0.3")
    assert ("api.test", "A", True) in dns.asked


def test_a_huge_answer_is_bounded(given, dns, places):
    many = [f"127.{b}.{c}.1" for b in range(1, 21) for c in range(200)]
    dns.names["api.test"] = lambda q: q.reply(flags=0x8380) if not q.tcp else \
        q.reply(records(A, many, 1), len(many)) if q.kind == A else q.addresses([])
    corsd = start(given, dns, places)
    assert corsd.logged(r"name api\.test\.: 127\.1\.0\.1, .* and 56 more", LONG), corsd.log
    dns.names["api.test"] = ["127.0.0.3"]
    lands(corsd, "127.0.0.3")


def test_search_domains(given, dns, places):
    """The environment's, since a machine's resolv.conf is not the test's to write."""
    dns.names["api.b.test"] = ["127.0.0.2"]
    dns.names["api"] = ["127.0.0.4"]
    corsd = start(given, dns, places, "api", env={"LOCALDOMAIN": "a.test b.test"})
    lands(corsd, "127.0.0.2")
    del dns.names["api.b.test"]
    dns.names["api.a.test"] = ["127.0.0.3"]
    lands(corsd, "127.0.0.3")


def test_the_hosts_file(given, dns):
    """A name of this machine's own; the DNS server, which would say otherwise, is not asked."""
    with open("/etc/hosts", encoding="utf-8") as hosts:
        names = [line.split()[1] for line in hosts
                 if re.match(r"127\.0\.0\.1\s+(?!localhost)[a-z]", line)]
    if not names:
        pytest.skip("/etc/hosts has no name of 127.0.0.1 but localhost")
    places = Places("127.0.0.1")
    corsd = start(given, dns, places, names[0])
    lands(corsd, "127.0.0.1")
    assert not dns.asked
    places.stop()


def test_names_below_localhost_are_here(given, dns):
    places = Places("127.0.0.1")
    dns.names["app.localhost"] = ["127.0.0.4"]
    corsd = start(given, dns, places, "app.localhost")
    assert served(corsd) == "127.0.0.1"
    assert not dns.asked
    places.stop()


def test_nobody_listens_at_the_resolver(given, places):
    class Nobody:
        address = f"127.0.0.1:{harness.free_port()}"
    corsd = start(given, Nobody, places)
    assert corsd.logged(r"name api\.test\.: no DNS server could be reached; no address is known", LONG)
    assert served(corsd) == 503


def test_a_reload_keeps_the_addresses_of_what_stays(given, dns, places):
    """The DNS server is silent meanwhile: whoever forgot could not ask."""
    dns.names["api.test"] = ["127.0.0.2"]
    corsd = start(given, dns, places)
    lands(corsd, "127.0.0.2")
    dns.names["api.test"] = dns.names["other.test"] = None
    for round in range(3):
        more = f"log: {{query: {'true' if round % 2 else 'false'}}}\n"
        corsd.write(YAML + more + "upstreams: {other: {url: 'http://other.test.'}}\n")
        corsd.process.send_signal(signal.SIGHUP)
        end = time.monotonic() + LONG
        while corsd.log.count("reloaded: ") <= round:
            assert time.monotonic() < end
            assert served(corsd) == "127.0.0.2"
        for _ in range(20):
            assert served(corsd) == "127.0.0.2"


def test_a_reload_changes_resolver_and_name(given, dns, places):
    dns.names["api.test"] = ["127.0.0.2"]
    corsd = start(given, dns, places)
    lands(corsd, "127.0.0.2")
    second = Dns()
    try:
        second.names.update({"api.test": ["127.0.0.3"], "new.test": ["127.0.0.4"]})
        corsd.words["DNS"] = second.address
        corsd.write(YAML)
        corsd.process.send_signal(signal.SIGHUP)
        lands(corsd, "127.0.0.3")
        corsd.words["URL"] = f"http://new.test.:{places.port}"
        corsd.write(YAML)
        corsd.process.send_signal(signal.SIGHUP)
        lands(corsd, "127.0.0.4")
    finally:
        second.stop()


@pytest.mark.parametrize("via", ["true", "false"])
def test_a_name_that_leads_to_corsd_itself_is_a_loop(given, dns, via):
    dns.names["api.test"] = ["127.0.0.1"]
    port = harness.free_port()
    corsd = given(YAML + f"via: {via}\n", LISTEN=f"127.0.0.1:{port}", DNS=dns.address,
                  URL=f"http://api.test.:{port}")
    response = answered(corsd, "/", "Origin: https://app.example.com")
    assert response.status == 508 and b"came back to this proxy" in response.body
    assert response.one("access-control-allow-origin") == "https://app.example.com"
    assert corsd.logged(r"warn: upstream .*: loop: the request came back to this proxy")


def test_a_circle_over_another_proxy_is_a_loop(given, dns):
    dns.names["api.test"] = ["127.0.0.1"]
    a, b = harness.free_port(), harness.free_port()
    first = given("listen: LISTEN\nupstream: URL\nresolver: DNS\ncors: off\n", LISTEN=f"127.0.0.1:{a}",
                  DNS=dns.address, URL=f"http://api.test.:{b}")
    given("listen: LISTEN\nupstream: URL\ncors: off\n", LISTEN=f"127.0.0.1:{b}", URL=f"http://127.0.0.1:{a}")
    assert answered(first).status == 508


def test_other_marks_pass_and_so_does_another_route(given, dns, backend):
    """A backend may copy the fields it was sent into a request for another route of the same corsd."""
    dns.names["api.test"] = ["127.0.0.1"]
    corsd = given("""
        listen: LISTEN
        upstream: URL
        routes: [{path: /other, upstream: URL}]
        resolver: DNS
        cors: off
        """, DNS=dns.address, URL="http://api.test.:" + backend.address.rpartition(":")[2])
    answered(corsd)
    assert corsd.ask(get("/", "CDN-Loop: somebody; id=1, else")).status == 200
    theirs, ours = backend.requests[-1].all("cdn-loop")
    assert theirs == "somebody; id=1, else"
    assert corsd.ask(get("/other", f"CDN-Loop: {ours}")).status == 200
    response = corsd.ask(get("/", f"CDN-Loop: x, {ours} , y"))
    own_answer(response, 508)
    assert corsd.ask(get("/", f"CDN-Loop: {ours}0")).status == 200


def test_it_ends_while_questions_are_under_way(given, dns, places):
    dns.names["api.test"] = None
    corsd = start(given, dns, places)
    eventually(lambda: dns.asked, LONG, "a question")
    corsd.process.send_signal(signal.SIGTERM)
    assert corsd.process.wait(LONG) == 0


def test_check_does_not_resolve(tmp_path):
    file = tmp_path / "corsd.yaml"
    file.write_text("listen: 127.0.0.1:8080\nupstream: http://no-such-name.test:3000\ncors: off\n")
    done = subprocess.run([harness.BINARY, "check", file], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
