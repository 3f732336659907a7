"""corsd health: exit 0 when ready, as HEALTHCHECK and scripts ask. DESIGN §7."""
import os
import signal
import threading
import time

import pytest

from harness import Backend, drip, eventually, free_port, get, reply, run, until

YAML = """
listen: LISTEN
upstream: BACKEND
cors: off
timeouts: {drain: 20s}
"""


@pytest.mark.parametrize("more", ["", "health_path: /health\n", "admin: ADMIN\n"],
                         ids=["a connect", "health_path", "admin"])
def test_ready_and_gone(given, backend, more):
    corsd = given(YAML + more, ADMIN=f"127.0.0.1:{free_port()}")
    eventually(lambda: run("health", "-c", corsd.file).returncode == 0)
    corsd.signal(signal.SIGTERM)
    assert corsd.exited() == 0
    gone = run("health", "-c", corsd.file)
    assert gone.returncode == 1 and "refused" in gone.stderr
    assert backend.untouched()


@pytest.mark.parametrize("more", ["health_path: /health\ntimeouts: {drain_delay: 20s}\n", "admin: ADMIN\n"],
                         ids=["health_path", "admin"])
def test_draining_is_not_ready(given, backend, more):
    text = YAML.replace("timeouts: {drain: 20s}\n", "") if "timeouts" in more else YAML
    corsd, go = given(text + more, ADMIN=f"127.0.0.1:{free_port()}"), threading.Event()
    backend.plays([until(go), reply(200, "finished")])
    busy = corsd.connect()
    busy.send(get())
    assert backend.saw_heads(1)
    corsd.signal(signal.SIGTERM)
    assert corsd.logged("draining")
    eventually(lambda: run("health", "-c", corsd.file).returncode == 1)
    assert "not ready (503)" in run("health", "-c", corsd.file).stderr
    go.set()
    assert busy.response().body == b"finished"
    corsd.signal(signal.SIGTERM)
    assert corsd.exited() == 0


def test_an_address_is_an_admin_listener(given, backend, short_folder):
    corsd = given(YAML + "admin: ADMIN\n", ADMIN=f"unix:{short_folder}/admin")
    assert run("health", f"unix:{short_folder}/admin").returncode == 0
    backend.always(reply(404, "no", reason="Not Found"))
    assert run("health", corsd.words["LISTEN"]).returncode == 1
    assert backend.request.target == "/readyz", "who answers there is the backend"
    assert run("health", f"127.0.0.1:{free_port()}").returncode == 1


def test_without_a_file(backend, given):
    """As in a container: the same variables that corsd runs by."""
    port = free_port()
    corsd = given(YAML, LISTEN=f"127.0.0.1:{port}")
    env = {"CORSD_LISTEN": f":{port}", "CORSD_UPSTREAM": "http://127.0.0.1:1", "CORSD_CORS": "off"}
    assert run("health", env=env).returncode == 0
    corsd.signal(signal.SIGTERM)
    assert corsd.exited() == 0
    assert run("health", env=env).returncode == 1


def test_a_unix_listener(given, backend, short_folder):
    corsd = given(YAML + "health_path: /health\n", LISTEN=f"unix:{short_folder}/s")
    assert run("health", "-c", corsd.file).returncode == 0


def test_another_server_on_the_port(given, tmp_path):
    other = Backend()
    other.always(reply(404, "no", reason="Not Found"))
    file = tmp_path / "c.yaml"
    file.write_text(f"listen: {other.address}\nupstream: http://127.0.0.1:1\ncors: off\nhealth_path: /h\n",
                    encoding="utf-8")
    done = run("health", "-c", str(file))
    assert done.returncode == 1 and "404" in done.stderr
    other.stop()


@pytest.mark.parametrize("arguments", [["a", "b"], ["--nonsense"], ["localhost"], ["http://localhost:1"],
                                       ["-c", "/etc/hostname", "127.0.0.1:1"]], ids=" ".join)
def test_wrong_usage(arguments):
    assert run("health", *arguments).returncode == 2


def test_help():
    done = run("health", "--help")
    assert done.returncode == 0 and "usage: corsd health" in done.stdout


def test_a_bad_configuration_is_told(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text("listen: 1\n", encoding="utf-8")
    done = run("health", "-c", str(file))
    assert done.returncode == 1 and "error:" in done.stderr
    assert run("health", "-c", os.fspath(tmp_path / "missing.yaml")).returncode == 1


def test_an_answer_that_trickles_is_not_waited_for(tmp_path):
    other = Backend()
    other.always([drip(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200, 0.1)])
    began = time.monotonic()
    done = run("health", other.address, within=20)
    assert done.returncode == 1 and "no answer within 3 seconds" in done.stderr
    assert time.monotonic() - began < 10
    other.stop()
