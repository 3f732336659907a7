"""The container image, built from the Dockerfile without an engine (buildah in chroot isolation over a Debian 13 made by
debootstrap) and run as it will be: its numeric user, a root that is read-only, nothing else in it."""
import contextlib
import json
import os
import subprocess

import pytest
import roots
from roots import run
from servers import ask, backend, eventually, free_port

pytestmark = pytest.mark.container
LIMIT = 12_000_000  # bytes: DESIGN §5
PAGE = {"Origin": "https://app.example.com"}
BUILDAH = {**os.environ, "STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}


def buildah(*words, **options):
    return run("buildah", *words, env=BUILDAH, **options)


@pytest.fixture(scope="module")
def image(root):
    base = roots.archive("base")
    container = buildah("from", "scratch").strip()
    buildah("add", container, base, "/")
    buildah("commit", "--rm", container, "debian:13-slim")
    buildah("bud", "--pull-never", "-t", "corsd:test", root)
    yield json.loads(buildah("inspect", "--type", "image", "corsd:test"))


@pytest.fixture(scope="module")
def files(image):
    container = buildah("from", "--pull-never", "corsd:test").strip()
    yield buildah("mount", container).strip()
    buildah("rm", container)


@pytest.fixture
def start(files):
    """start(*arguments, **environment): the image's program, as the image says, its root read-only."""
    running = []

    def go(*arguments, env=(), into=()):
        binds = "".join(f"mount --bind {host} {files}{inside}; " for host, inside in into)
        inside = (f"mount --bind {files} {files}; {binds}mount -o remount,bind,ro {files}; "
                  f"exec chroot --userspec=65532:65532 {files} /corsd \"$@\"")
        one = subprocess.Popen(["unshare", "--mount", "sh", "-ec", inside, "corsd", *arguments], env=dict(env),
                               stderr=subprocess.PIPE, text=True)
        running.append(one)
        return one

    yield go
    for one in running:
        one.kill()
        one.wait()


def test_its_size_is_bounded(files):
    size = int(run("du", "-sb", files).split()[0])
    print(f"image: {size} bytes")
    assert size < LIMIT


def test_it_holds_a_program_and_two_lists_only(files):
    found = run("find", files, "-type", "f", "-printf", "%P\n").split()
    assert sorted(found) == ["corsd", "etc/ssl/certs/ca-certificates.crt",
                             "usr/share/publicsuffix/public_suffix_list.dafsa"]


def test_what_it_says_of_itself(image):
    config = image["OCIv1"]["config"]
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == ["/corsd"]
    assert image["Docker"]["config"]["StopSignal"] == "SIGTERM"
    assert config["Labels"]["org.opencontainers.image.title"] == "corsd"
    assert config["Labels"]["org.opencontainers.image.version"] in run(
        "sed", "-n", "s/^  version: '\\(.*\\)',$/\\1/p", roots.ROOT / "meson.build")


def health(image):  # buildah's default format (OCI) has no health check: the Dockerfile's own word counts
    words = next(line for line in (roots.ROOT / "Dockerfile").read_text().splitlines() if "HEALTHCHECK" in line)
    return json.loads(words.split("CMD ", 1)[1])


def test_a_request_goes_through_by_environment_alone(start, image, files):
    with backend() as upstream:
        port = free_port()
        env = {"CORSD_LISTEN": f"127.0.0.1:{port}", "CORSD_UPSTREAM": f"http://127.0.0.1:{upstream}",
               "CORSD_ALLOW_ORIGINS": PAGE["Origin"]}
        one = start(env=env)
        status, headers, body = eventually(lambda: ask(port, headers=PAGE))
        assert (status, body) == (200, b"hello from the backend")
        assert headers["Access-Control-Allow-Origin"] == PAGE["Origin"]
        ids = dict(line.split(":", 1) for line in open(f"/proc/{one.pid}/status", encoding="ascii"))
        assert ids["Uid"].split() == ["65532"] * 4
        assert start(*health(image)[1:], env=env).wait(30) == 0
        one.terminate()
        assert one.wait(30) == 0
        assert start(*health(image)[1:], env=env).wait(30) != 0


def test_a_file_and_a_name(start, tmp_path, files):
    (tmp_path / "hosts").write_text("127.0.0.1 legacy.test\n")
    with backend() as upstream:
        port = free_port()
        config = tmp_path / "corsd.yaml"
        config.write_text(f"listen: 127.0.0.1:{port}\nupstream: http://legacy.test:{upstream}\n"
                          f"cors: {{allow_origins: ['{PAGE['Origin']}']}}\n")
        for name in ("etc/hosts", "etc/corsd.yaml"):
            open(f"{files}/{name}", "w", encoding="ascii").close()
        start("-c", "/etc/corsd.yaml", into=[(tmp_path / "hosts", "/etc/hosts"), (config, "/etc/corsd.yaml")])
        eventually(lambda: ask(port, headers=PAGE)[0] == 200)
    for name in ("etc/hosts", "etc/corsd.yaml"):
        os.unlink(f"{files}/{name}")


def test_a_backend_behind_https_is_verified_by_its_bundle(start, tmp_path, files):
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test", "-days", "2", "-addext",
        "subjectAltName=IP:127.0.0.1", "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem")
    with backend(tls=(tmp_path / "cert.pem", tmp_path / "key.pem")) as upstream:
        arguments = ("--upstream", f"https://127.0.0.1:{upstream}", "--allow-origin", PAGE["Origin"])
        port = free_port()
        start("--listen", f"127.0.0.1:{port}", *arguments)
        assert eventually(lambda: ask(port, headers=PAGE))[0] == 502  # nobody in the bundle vouches for it
        port = free_port()
        start("--listen", f"127.0.0.1:{port}", *arguments,
              into=[(tmp_path / "cert.pem", "/etc/ssl/certs/ca-certificates.crt")])
        assert eventually(lambda: ask(port, headers=PAGE))[0] == 200


def test_buildah_runs_it(image):
    container = buildah("from", "--pull-never", "corsd:test").strip()
    try:
        assert buildah("run", container, "--", "/corsd", "version").startswith("corsd ")
    finally:
        with contextlib.suppress(AssertionError):
            buildah("rm", container)
