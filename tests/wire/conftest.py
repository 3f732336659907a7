"""Fixtures of the wire tests. Words of the YAML in capitals are filled in: LISTEN and BACKEND
(a free address and the recording backend's URL), FOLDER (a directory of its own), and whatever
a test names itself. Tests are independent of each other, so `pytest -n 2` works."""
import contextlib
import os
import signal
import tempfile

import pytest

pytest.register_assert_rewrite("harness")

import harness  # noqa: E402
from harness import Backend, Corsd  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "long: gigabytes or minutes; run by `-m long` only")


def pytest_collection_modifyitems(config, items):
    if "long" in (config.option.markexpr or ""):
        return
    skip = pytest.mark.skip(reason="long: run by -m long")
    for item in items:
        if "long" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def the_backend():
    if not os.path.exists(harness.BINARY):
        pytest.exit(f"no binary {harness.BINARY}: ./dev build, or set CORSD_BIN", 2)
    backend = Backend()
    yield backend
    backend.stop()


@pytest.fixture
def backend(request, the_backend):
    """The recording backend, with nothing seen yet; what corsd sent it must have been clean."""
    yield the_backend
    if "shared" in request.fixturenames:
        for corsd in request.getfixturevalue("shared").running:
            corsd.drop_clients()
    faults = the_backend.faults
    the_backend.turn_page()
    assert not faults, f"corsd sent the backend what no proxy may send: {faults}"


@contextlib.contextmanager
def stage(backend):
    """Starts corsds; stops them, newest first, when the scene is over."""
    running = []

    def start(yaml, nofile=None, env=None, arguments=(), **words):
        corsd = Corsd(yaml, {"BACKEND": backend.url, **words}, nofile, env, arguments)
        running.append(corsd)
        return corsd

    start.running = running
    try:
        yield start
    finally:
        with contextlib.ExitStack() as stack:
            for corsd in running:
                stack.callback(lambda one=corsd: one.stop() if one.alive else one.check_report())
                stack.callback(corsd.drop_clients)


@pytest.fixture
def given(the_backend, backend):
    """given(yaml, WORD=value…): a running corsd of this test alone."""
    with stage(the_backend) as start:
        yield start


@pytest.fixture(scope="module")
def shared(the_backend):
    """The same for a table of cases: one corsd for the whole file."""
    with stage(the_backend) as start:
        yield start


@pytest.fixture
def short_folder():
    """A directory whose path leaves room for a unix socket's name."""
    with tempfile.TemporaryDirectory(prefix="corsd-") as folder:
        yield folder


@pytest.fixture(autouse=True)
def bounded(request):
    """No case hangs for ever, whatever corsd or the harness does."""
    def over(*_):
        raise TimeoutError("this case took too long")

    before = signal.signal(signal.SIGALRM, over)
    signal.alarm(900 if "long" in request.keywords else 90)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(autouse=True)
def tidy(request):
    """After each case: its clients are gone, and the shared corsd lives."""
    yield
    if "shared" in request.fixturenames:
        for corsd in request.getfixturevalue("shared").running:
            corsd.drop_clients()
            harness.survives(corsd)


@pytest.fixture(params=["whole", "byte by byte"])
def deliver(request):
    """How a client's bytes arrive: deliver(client, data)."""
    if request.param == "whole":
        return lambda client, data: client.send(data)
    return lambda client, data: client.drip(data)
