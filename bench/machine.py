"""The machine under the bench: programs pinned to a core, what they used, and free ports."""
import contextlib
import ctypes
import os
import platform
import random
import resource
import signal
import socket
import subprocess
import time
from pathlib import Path

STOP_SECONDS = 3
START_SECONDS = 30
PR_SET_PDEATHSIG = 1
# Below the ephemeral range, so that no client's port is taken for a listener or the other way.
PORTS = range(20000, 32000)
LIBC = ctypes.CDLL(None)


class Broken(Exception):
    """Something failed that should have worked: the run goes on, and ends with exit 1."""


class Skip(Exception):
    """This cannot be measured here; the text says why. No failure."""


def cores():
    """(the proxy's core, the core of load generator and backend); one and the same on one CPU."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[1 % len(usable)]


def raise_descriptor_limit(wanted=65536):
    """Sets RLIMIT_NOFILE, here and for all that is started, as high as allowed; returns it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for limit in (max(wanted, hard), hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(limit, 1 << 20), limit))
            break
        except (ValueError, OSError):
            continue
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def free_port():
    for port in random.sample(PORTS, 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise Broken("no free port on 127.0.0.1")


def busy_ns(core):
    """Time that a core has not been idle, whoever used it (to 10 ms)."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *ticks = line.split()
        if name == f"cpu{core}":
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, ticks[:8])
            used = user + nice + system + irq + softirq + steal
            return used * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    return 0


def parents():
    """{pid: parent's pid} of all processes."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            found[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # ended meanwhile
    return found


class Program:
    """A program on one core with all it forks; its output goes to a file."""

    def __init__(self, argv, core, log):
        self.name, self.log = Path(argv[0]).name, Path(log)
        parent = os.getpid()

        def before_exec():
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:  # the bench ended before it could be watched
                os._exit(1)
            os.sched_setaffinity(0, {core})

        with open(log, "wb") as output:
            self.started = time.monotonic()
            self.child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output,
                                          stderr=output, preexec_fn=before_exec)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def tree(self):
        """Its pid and those of its descendants."""
        parent_of = parents()
        pids = [self.child.pid]
        for pid in pids:  # grows while it is walked
            pids += [child for child, parent in parent_of.items() if parent == pid]
        return pids

    def check(self):
        if self.child.poll() is not None:
            tail = self.log.read_text(errors="replace").strip().splitlines()[-3:]
            raise Broken(f"{self.name} ended ({self.child.returncode}): {' / '.join(tail)}")

    def wait_for(self, answers):
        """Calls answers() until it is true; returns milliseconds since the start."""
        while time.monotonic() - self.started < START_SECONDS:
            self.check()
            if answers():
                return (time.monotonic() - self.started) * 1000
            time.sleep(0.001)
        raise Broken(f"{self.name} does not answer")

    def cpu_ns(self):
        """User + system time of every thread: schedstat has the nanoseconds, stat only ticks."""
        self.check()
        return sum(thread_cpu_ns(task) for pid in self.tree()
                   for task in Path(f"/proc/{pid}/task").iterdir())

    def rss_bytes(self):
        """Resident bytes of the tree. smaps_rollup is exact where statm lags behind."""
        self.check()
        return sum(process_rss_bytes(Path(f"/proc/{pid}")) for pid in self.tree())

    def stop(self):
        """Asks twice (corsd drains at the first TERM, ends at the second), then kills the tree."""
        for _ in range(2):
            if self.child.poll() is None:
                self.child.terminate()
            try:
                self.child.wait(STOP_SECONDS)
                return
            except subprocess.TimeoutExpired:
                continue
        for pid in self.tree():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.child.wait()


def thread_cpu_ns(task):
    try:
        return int((task / "schedstat").read_text().split()[0])
    except OSError:
        fields = (task / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def process_rss_bytes(proc):
    try:
        lines = (proc / "smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("Rss:")) * 1024
    except OSError:
        return int((proc / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def describe():
    """What a reader needs to judge the figures."""
    model = next((line.partition(":")[2].strip()
                  for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    return {"cpu": model, "cpus": os.cpu_count(), "kernel": platform.release(), "system": system,
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
