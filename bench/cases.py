"""The kinds of work: one table, and how each is measured on one running proxy.

A measurement starts a proxy of its own, checks that it answers as it should, warms it up, measures
and ends it: so no case inherits another's heap, and memory figures start from nothing."""
import contextlib
import re
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from load import Crowd, Request, ask, connect, wrk
from machine import Broken, Program, Skip, busy_ns, free_port
from peers import ORIGIN, Site

MIB = 1 << 20
ORIGINS = 100_000
WAITS = {"epoll_wait", "epoll_pwait", "epoll_pwait2"}
DATA = {"read", "write", "readv", "writev", "recvfrom", "sendto", "recvmsg", "sendmsg", "recvmmsg",
        "sendmmsg", "sendfile", "splice", "preadv", "pwritev", "pread64", "pwrite64"}

GET_1K = Request()
PREFLIGHT = Request("OPTIONS", "/1024", (("Access-Control-Request-Method", "PUT"),
                                         ("Access-Control-Request-Headers", "content-type")))
GET_100K = Request(path="/102400")
POST_64K = Request("POST", "/", (("Content-Type", "application/octet-stream"),), body=65536)
GET_10M = Request(path="/10485760")
CLOSING = Request(headers=(("Connection", "close"), ("X-Bench-Keep", "1")))
GET_64K = Request(path="/65536")


@dataclass(frozen=True)
class Effort:
    """How long and how much."""
    seconds: int = 3
    traced: int = 10_000       # requests under strace
    idle: tuple = (2_000, 10_000)


QUICK = Effort(seconds=1, traced=2_000, idle=(500, 2_500))


@dataclass(frozen=True)
class Bench:
    """What all measurements share."""
    programs: dict             # peer's name: its program's path
    backend: int               # port
    proxy_core: int
    load_core: int
    descriptors: int           # the limit of each process
    effort: Effort


@dataclass(frozen=True)
class Case:
    name: str
    title: str
    measure: Callable          # (Bench, Peer, Case) -> {metric: number}
    metrics: tuple             # of report.REPORTED, in the table's order; ratios are of the first
    group: str = ""            # chosen by --case as well
    request: Request = GET_1K
    connections: int = 64
    without: tuple = ()        # peers that are not asked to
    rounds: int = 99           # at most: what hardly varies is measured less often


@contextlib.contextmanager
def running(bench, peer, origins=None):
    """A proxy that answered its first requests rightly: (Program, Site, ms from start to answer)."""
    with tempfile.TemporaryDirectory(prefix="corsd-bench-") as folder:
        folder = Path(folder)
        site = Site(free_port(), bench.backend, folder, origins and write_origins(folder))
        argv = peer.argv(bench.programs[peer.name], site)
        if origins and peer.check:
            refuse_unsupported(argv, peer)
        with Program(argv, bench.proxy_core, folder / "output.txt") as program:
            start_ms = program.wait_for(lambda: answers(site.port))
            check_answers(peer, site.port)
            yield program, site, start_ms


def answers(port):
    try:
        with connect(port) as connection:
            ask(connection, GET_1K)
        return True
    except (ConnectionError, socket.timeout):
        return False


def check_answers(peer, port):
    """A proxy that is set up wrongly must not be measured."""
    with connect(port) as connection:
        status, head = ask(connection, GET_1K)
        expect(peer, status == 200, "GET", status, head)
        if peer.cors:
            expect(peer, head.get("access-control-allow-origin") == ORIGIN
                   and head.get("access-control-allow-credentials") == "true"
                   and "origin" in head.get("vary", "").lower(), "GET", status, head)
        status, head = ask(connection, PREFLIGHT)
        expect(peer, status == 204 and head.get("access-control-allow-origin") == ORIGIN
               and "PUT" in head.get("access-control-allow-methods", "")
               and head.get("access-control-max-age") == "7200", "preflight", status, head)


def expect(peer, right, what, status, head):
    if not right:
        raise Broken(f"{peer.name} answers {what} wrongly: {status} {head}")


def refuse_unsupported(argv, peer):
    ran = subprocess.run([argv[0], *peer.check, argv[-1]], text=True, capture_output=True,
                         check=False)
    if ran.returncode:
        raise Skip((ran.stderr + ran.stdout).strip().partition("\n")[0].rpartition("error: ")[2])


def write_origins(folder):
    """100,000 origins, the one that is asked for in their middle."""
    lines = [f"https://tenant-{number:06}.example.net" for number in range(ORIGINS - 1)]
    lines.insert(ORIGINS // 2, ORIGIN)
    path = folder / "origins.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def warm_up(port, case):
    """Pools are filled, buffers and tables have their size, the caches are warm."""
    count = min(1000, 100 * MIB // (int(case.request.path[1:] or 0) + case.request.body + 1))
    keep_alive = Request(case.request.method, case.request.path, body=case.request.body,
                         headers=tuple(h for h in case.request.headers if h[0] != "Connection"
                                       and h[0] != "X-Bench-Keep"))
    with Crowd(port, case.connections) as crowd:
        crowd.ask(keep_alive, count)


def cpu(bench, peer, case):
    """The proxy's own CPU time while wrk runs, a request."""
    with running(bench, peer) as (program, site, _):
        return loaded(bench, program, site, case)


def loaded(bench, program, site, case):
    warm_up(site.port, case)
    cpu_before, busy_before = program.cpu_ns(), busy_ns(bench.proxy_core)
    began = time.monotonic_ns()
    result = wrk(case.request, site.port, case.connections, bench.effort.seconds, bench.load_core,
                 site.folder)
    wall = time.monotonic_ns() - began
    used = program.cpu_ns() - cpu_before
    foreign = busy_ns(bench.proxy_core) - busy_before - used
    return {"cpu_us": used / 1000 / result["requests"],
            "cpu_us_mib": used / 1000 / (result["bytes"] / MIB),
            "rps": result["requests"] / result["seconds"],
            "mib_s": result["bytes"] / MIB / result["seconds"],
            "p50_ms": result["p50_ms"], "p99_ms": result["p99_ms"],
            "foreign": max(0.0, foreign / wall),
            "errors": result["read"] + result["write"]}


def idle(bench, peer, case, request=GET_1K):
    """The slope of resident memory over connections that are open and ask nothing."""
    few, many = bench.effort.idle
    many = min(many, (bench.descriptors - 200) // 2)  # the relay keeps an upstream one for each
    if many < 2 * few:
        raise Skip(f"needs {2 * many + 200} descriptors (ulimit -n)")
    with running(bench, peer) as (program, site, _), contextlib.ExitStack() as connections:
        sizes = []
        for first, last in ((0, few), (few, many)):
            for number in range(first, last):
                connection = connections.enter_context(connect(site.port, number))
                if request:
                    ask(connection, request)
            time.sleep(0.3)
            sizes.append(program.rss_bytes())
    return {"bytes": (sizes[1] - sizes[0]) / (many - few), "rss_mib": sizes[1] / MIB,
            "connections": many}


def idle_fresh(bench, peer, case):
    return idle(bench, peer, case, request=None)


def syscalls(bench, peer, case):
    """System calls a request, of connections that are open before counting and after it."""
    with running(bench, peer) as (program, site, _), Crowd(site.port, case.connections) as crowd:
        crowd.ask(case.request, 10 * case.connections)
        report = site.folder / "strace.txt"
        with traced(program, report):
            crowd.ask(case.request, bench.effort.traced)
        counts = read_strace(report)
    count = bench.effort.traced
    return {"data": sum(n for name, n in counts.items() if name in DATA) / count,
            "waits": sum(n for name, n in counts.items() if name in WAITS) / count,
            "calls": sum(counts.values()) / count,
            "epoll_ctl": counts.get("epoll_ctl", 0),
            "by_name": counts}


@contextlib.contextmanager
def traced(program, report):
    """strace -c on every thread of the program, attached and detached while it waits."""
    pids = program.tree()
    argv = ["strace", "-c", "-f", "-o", str(report), *(f"--attach={pid}" for pid in pids)]
    tracer = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        while not all(is_traced(pid) for pid in pids):
            if tracer.poll() is not None:
                raise Skip(f"strace: {tracer.stderr.read().strip().splitlines()[0]}")
            time.sleep(0.01)
        yield
        time.sleep(0.1)
    finally:
        if tracer.poll() is None:
            tracer.send_signal(signal.SIGTERM)
        tracer.communicate(timeout=10)


def is_traced(pid):
    return all(re.search(r"^TracerPid:\s*[1-9]", status.read_text(), re.M)
               for status in Path(f"/proc/{pid}/task").glob("*/status"))


def read_strace(report):
    """{system call: times} of a table of strace -c."""
    counts = {}
    for line in report.read_text(encoding="utf-8").splitlines():
        fields = line.split()
        if len(fields) >= 5 and fields[3].isdigit() and fields[-1] != "total":
            counts[fields[-1]] = counts.get(fields[-1], 0) + int(fields[3])
    if not counts:
        raise Broken("strace counted nothing")
    return counts


def origins(bench, peer, case):
    """CPU a request, start and memory with 100,000 origins."""
    with running(bench, peer, origins=True) as (program, site, start_ms):
        rss = program.rss_bytes()
        return {**loaded(bench, program, site, case), "start_ms": start_ms, "rss_mib": rss / MIB}


LOAD = ("cpu_us", "rps", "p99_ms")
BULK = ("cpu_us_mib", "mib_s", "p99_ms")
MEMORY = ("bytes", "rss_mib")
CALLS = ("data", "waits", "calls", "epoll_ctl")

CASES = {case.name: case for case in (
    Case("get1k", "GET of 1 KiB, 64 keep-alive connections", cpu, LOAD),
    Case("preflight", "preflight, 64 keep-alive connections", cpu, LOAD, request=PREFLIGHT,
         without=("nginx_big",)),
    Case("get100k", "GET of 100 KiB, 64 keep-alive connections", cpu, LOAD, request=GET_100K),
    Case("post64k", "POST of 64 KiB, 64 keep-alive connections", cpu, LOAD, request=POST_64K),
    Case("get10m", "GET of 10 MiB, 16 keep-alive connections", cpu, BULK, request=GET_10M,
         connections=16),
    Case("connect", "GET of 1 KiB, a new connection a request", cpu, LOAD, request=CLOSING,
         without=("nginx_big",)),
    Case("idle", "an idle keep-alive connection that made one request", idle, MEMORY, rounds=2),
    Case("idle_fresh", "an idle connection that made no request", idle_fresh, MEMORY,
         group="idle", rounds=2),
    Case("syscalls", "system calls a GET of 1 KiB", syscalls, CALLS, rounds=1),
    Case("syscalls_get64k", "system calls a GET of 64 KiB", syscalls, CALLS, group="syscalls",
         request=GET_64K, rounds=1),
    Case("syscalls_post64k", "system calls a POST of 64 KiB", syscalls, CALLS, group="syscalls",
         request=POST_64K, rounds=1),
    Case("origins100k", "GET of 1 KiB with 100,000 origins", origins,
         (*LOAD, "start_ms", "rss_mib"), without=("nginx_big",)),
)}
