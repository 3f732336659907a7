"""Each fault of a backend at each place, with each method and framing, many at a time over one pool: the
client gets its own answer, or 502 or 504 with CORS headers, or a body that is visibly cut. DESIGN §3."""
import concurrent.futures
import itertools

import pytest

from fault_backend import (ENDINGS, PACES, PLACES_OF_BODY, PLACES_OF_HEAD, WHOLE, Case, FaultBackend, Seen)
from harness import Cut, free_port, read_response_head

YAML = """
listen: LISTEN
workers: 1
upstreams: {app: {url: FAULTY, response_timeout: 1s}, patient: {url: FAULTY, response_timeout: 30s}}
routes: [{host: patient.test, upstream: patient}]
upstream: app
cors: {allow_origins: ["https://app.example.com"]}
"""
AT_ONCE = 12
FRAMINGS, METHODS = ("length", "chunked", "close"), ("GET", "HEAD", "POST", "PUT")
SIZES = itertools.cycle((10, 3000, 100_000))
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def faulty():
    with FaultBackend(free_port()) as backend:
        yield backend


@pytest.fixture(scope="module")
def corsd(shared, faulty):
    return shared(YAML, FAULTY=faulty.url)


def look(client, method):
    """What the client sees, byte for byte."""
    seen = Seen()
    try:
        while (head := read_response_head(client, method)).status < 200:
            pass
        seen.status, seen.origin = head.status, head.one("Access-Control-Allow-Origin") or ""
        try:
            client.read_body(head)
            seen.whole = True
        finally:
            seen.body = head.body
    except (Cut, ConnectionResetError):
        pass
    return seen


def try_case(corsd, case, host, unlucky):
    client = corsd.connect()
    client.patience = 40
    client.send(case.request(host=host))
    seen = look(client, case.method)
    fault = case.judge(seen, unlucky)
    client.sock.close()
    return fault and f"{fault}: {case} {seen.status} {seen.whole} {seen.body[:60]!r}"


def cases(fault, places):
    for at, framing, method in itertools.product(places, FRAMINGS, METHODS):
        case = Case(fault, at, framing, method, next(SIZES), str(next(NUMBERS)))
        if case.makes_sense():
            yield case


def check(corsd, faulty, table):
    """Right ones between the wrong ones: they share the pool, and must not notice."""
    table = list(table)
    mixed = [one for case in table for one in (case, Case(method="POST" if case.method == "POST" else "GET",
                                                          id=str(next(NUMBERS))))]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        hosts = ["patient.test" if case.must_be_right() else "app.test" for case in mixed]
        unlucky = any(case.poisons() for case in table)
        wrong = list(filter(None, pool.map(try_case, itertools.repeat(corsd), mixed, hosts, itertools.repeat(unlucky))))
    assert table and not wrong, f"{len(wrong)} of {len(mixed)}:\n" + "\n".join(wrong[:10])
    faulty.sound()


@pytest.mark.parametrize("fault", ENDINGS + PACES)
@pytest.mark.parametrize("places", [PLACES_OF_HEAD, PLACES_OF_BODY], ids=["head", "body"])
def test_at_each_place(corsd, faulty, fault, places):
    check(corsd, faulty, cases(fault, places))


@pytest.mark.parametrize("fault", ["close", "reset", "garbage", *PACES])
def test_behind_the_answer(corsd, faulty, fault):
    check(corsd, faulty, cases(fault, ("end",)))


@pytest.mark.parametrize("fault", WHOLE)
def test_of_the_message(corsd, faulty, fault):
    check(corsd, faulty, [*cases(fault, ("end",)), *cases(fault, ("end",))])


def test_one_connection_for_all(corsd, faulty):
    """Faults and right answers in turn on one connection of the client, as long as it is kept."""
    faults = [case for fault in ("trailing", "overlong", "interim", "close", "extensions", "garbage")
              for case in cases(fault, ("end",)) if case.method != "HEAD"]
    client, answered = corsd.connect(), 0
    for case in faults:
        client.patience = 40
        client.send(case.request(host="patient.test"))
        seen = look(client, case.method)
        assert not case.judge(seen, unlucky=True), (case, seen)
        answered += 1
        if not seen.whole or case.framing == "close":
            client.sock.close()
            client = corsd.connect()
    assert answered > 30
    faulty.sound()


def test_each_answer_is_its_own(corsd, faulty):
    """Leftover answers behind every second response, on pooled connections of many clients at once."""
    table = [Case("trailing" if number % 2 else "none", method="POST" if number % 3 else "GET", size=100,
                  id=str(next(NUMBERS))) for number in range(300)]
    check(corsd, faulty, table)
