"""Reloads under load, with policies, routes, upstreams and listeners that change: on what every plan has, not one
wrong response; and nothing is left behind. DESIGN §5."""
import os
import re
import threading

import pytest

from harness import WORKERS, Backend, cors, eventually, free_port, get, post, preflight, reply

APP = "https://app.example.com"


def plan(number, first, other, backend, second):
    """Each number another plan: a policy that grows, routes that come and go, two backends, a second listener."""
    listen = [first] + ([other] if number % 2 else [])
    return f"""
        listen: [{", ".join(listen)}]
        upstreams:
          a: {{url: {backend.url}, max_idle: {number % 5 + 1}}}
          b: {{url: {second.url}}}
        policies:
          app: {{allow_origins: ["{APP}", "https://n{number}.example"], max_age: {number % 100 + 1}s}}
        routes:
          - {{path: /, upstream: {"ab"[number // 2 % 2]}, cors: app}}
          - {{path: /r{number % 3}, upstream: a, cors: app}}
        cors: app
    """


def load(corsd, number, stop, failures, done):
    try:
        client = corsd.connect()
        client.patience = 60
        while not stop.is_set():
            turn = done[number]
            answer = client.ask(get(f"/r{turn % 3}/{turn}", f"Origin: {APP}"))
            assert answer.status == 200 and answer.body == b"/r%d/%d" % (turn % 3, turn), answer.raw
            assert cors(answer) == {"allow-origin": APP}, answer.raw
            assert client.ask(post("/", body=b"%d" % turn)).body == b"%d" % turn
            assert client.ask(preflight("/", APP)).status == 204
            assert client.ask(preflight("/", "https://never.example")).status == 403
            if number % 2:
                assert corsd.ask(get("/fresh")).body == b"/fresh"
            done[number] += 1
    except Exception as error:  # every kind of failure is a finding
        failures.append(f"client {number}, turn {done[number]}: {error!r}")


def reloads_under_load(given, backend, count):
    second = Backend()
    answer = lambda seen: reply(200, seen.body or seen.target)
    backend.always(answer)
    second.always(answer)
    first, other = (f"127.0.0.1:{free_port()}" for _ in range(2))
    corsd = given(plan(0, first, other, backend, second), LISTEN=first)
    stop, failures, done = threading.Event(), [], [0] * 4
    threads = [threading.Thread(target=load, args=(corsd, number, stop, failures, done)) for number in range(4)]
    for thread in threads:
        thread.start()
    good = bad = 0
    before = None
    for number in range(count):
        is_bad = number % 7 == 6
        corsd.reload(plan(number, first, other, backend, second) + ("    broken: 1\n" if is_bad else ""))
        good, bad = good + (not is_bad), bad + is_bad
        eventually(lambda: corsd.log.count("info: reloaded: ") >= good and corsd.log.count("reload failed: ") >= bad, 60)
        if number == count // 4:
            before = corsd.descriptors(), corsd.rss()
    after = corsd.descriptors(), corsd.rss()
    stop.set()
    for thread in threads:
        thread.join(70)
    assert not failures, failures
    assert corsd.log.count("reload failed: ") == bad, corsd.log[-3000:]
    assert len(re.findall(r"error: .*broken", corsd.log)) == bad, "each says why"
    print(f"{good} good and {bad} bad reloads, {sum(done)} turns; descriptors and bytes: {before} -> {after}")
    eventually(lambda: corsd.descriptors() <= before[0] + 20, 30)
    second.stop()
    return before, after


def test_reloads_under_load(given, backend):
    reloads_under_load(given, backend, 50 if "tsan" in os.environ.get("CORSD_BIN", "") else 60)


@pytest.mark.long
def test_a_thousand_reloads_under_load(given, backend):
    before, after = reloads_under_load(given, backend, 1000)
    assert after[1] < before[1] * 1.5 + (64 << 20), "memory is flat (a sanitizer's quarantine aside)"


def test_old_plans_go_on_idle_workers(given, backend):
    """Thirty plans with a long list of origins each: an idle process does not keep them."""
    origins = ", ".join(f'"https://o{number}.example"' for number in range(3000))
    text = f"""
        listen: LISTEN
        upstream: BACKEND
        cors: {{allow_origins: [{origins}, "https://nNUMBER.example"]}}
    """
    corsd = given(text.replace("NUMBER", "0"), env={"ASAN_OPTIONS": "quarantine_size_mb=1"})
    sizes = []
    for number in range(1, 31):
        corsd.reload(text.replace("NUMBER", str(number)))
        eventually(lambda: corsd.log.count("info: reloaded: ") >= number, 60)
        sizes.append(corsd.rss())
    print(f"RSS after 10, 20 and 30 reloads, {WORKERS} workers: {sizes[9]}, {sizes[19]}, {sizes[29]}")
    assert corsd.ask(preflight("/", "https://n30.example")).status == 204
    assert sizes[29] < sizes[9] + (24 << 20), "twenty plans more would be 45 MB"
