"""The release: the same bytes twice; Debian's package installed, run, upgraded and purged on a Debian 13."""
import json
import os
import re
import shutil
import subprocess

import pytest
import roots
from roots import run
from servers import ask, backend, eventually

pytestmark = pytest.mark.release
PAGE = {"Origin": "https://app.example.com"}


def release(into):
    run(roots.ROOT / "scripts/release", into)
    return into


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return release(tmp_path_factory.mktemp("first"))


@pytest.fixture(scope="module")
def deb(made):
    found = [path for path in made.glob("corsd_*.deb")]
    assert len(found) == 1
    return found[0]


def test_the_same_commit_gives_the_same_bytes(made, tmp_path):
    again = release(tmp_path)
    assert (made / "SHA256SUMS").read_text() == (again / "SHA256SUMS").read_text()
    assert run("sha256sum", "-c", "SHA256SUMS", cwd=made).count(": OK") == 3


def test_the_list_of_parts_names_the_libraries(made):
    parts = json.loads(next(made.glob("*.cdx.json")).read_text())
    assert parts["bomFormat"] == "CycloneDX"
    names = " ".join(part["name"] for part in parts["components"])
    for library in ("libevent", "libllhttp", "libyaml", "libpsl", "libssl", "libcares", "libidn2", "libc6"):
        assert library in names, names
    assert all(part["version"] and part["purl"].startswith("pkg:deb/debian/") for part in parts["components"])


def test_the_sources_build_what_git_holds(made, root):
    inside = run("tar", "-tJf", next(made.glob("*.tar.xz"))).split()
    assert all(name.startswith("corsd-") for name in inside)
    assert any(name.endswith("/meson.build") for name in inside)
    assert not any("/node_modules/" in name or "/build/" in name for name in inside)


def test_lintian_has_nothing_to_say(deb):
    told = subprocess.run(["lintian", "--allow-root", "--tag-display-limit", "0", "--fail-on", "none",
                           "--suppress-tags", "newer-standards-version,initial-upload-closes-no-bugs", str(deb)],
                          capture_output=True, text=True, timeout=300, check=False)
    assert told.stdout.strip() == "", told.stdout


@pytest.fixture(scope="module")
def machine():
    with roots.unpacked(roots.archive("base")) as chroot:
        yield chroot


def install(machine, deb, name):
    shutil.copy(deb, machine.path(f"/tmp/{name}.deb"))
    return machine.run("apt-get", "install", "-y", "--no-install-recommends", "--allow-downgrades", f"/tmp/{name}.deb")


def command_of(machine, setting):
    unit = machine.path("/usr/lib/systemd/system/corsd.service").read_text()
    words = re.search(rf"^{setting}=(.*)$", unit, re.M)[1].split()
    return ["/usr/bin/corsd", *words[1:]]


def start(machine):
    as_user = ["setpriv", "--reuid=corsd", "--regid=corsd", "--clear-groups", "--inh-caps=-all", "--no-new-privs"]
    return subprocess.Popen(["chroot", str(machine.folder), *as_user, *command_of(machine, "ExecStart")],
                            stderr=subprocess.DEVNULL)


def served(machine, port):
    with backend() as upstream:
        machine.path("/etc/corsd/corsd.yaml").write_text(
            f"listen: 127.0.0.1:{port}\nupstream: http://127.0.0.1:{upstream}\n"
            f"cors: {{allow_origins: ['{PAGE['Origin']}']}}\n")
        one = start(machine)
        try:
            status, headers, _ = eventually(lambda: ask(port, headers=PAGE))
            assert (status, headers["Access-Control-Allow-Origin"]) == (200, PAGE["Origin"])
        finally:
            one.terminate()
            assert one.wait(60) == 0


def sysusers(machine):
    """What systemd does at boot, or the package where systemd is installed."""
    line = machine.path("/usr/lib/sysusers.d/corsd.conf").read_text()
    assert re.search(r"^u!? corsd ", line, re.M)
    if "corsd:" not in machine.path("/etc/passwd").read_text():
        machine.run("useradd", "--system", "--user-group", "corsd")


def test_it_installs_runs_upgrades_and_goes_without_remains(machine, deb, tmp_path):
    before = set(run("find", machine.folder, "-xdev", "-not", "-path", "*/proc/*", "-not", "-path", "*/dev/*").split())
    install(machine, deb, "first")
    sysusers(machine)
    machine.run("corsd", "check")
    served(machine, 18480)
    ours = machine.path("/etc/corsd/corsd.yaml").read_text()

    newer = tmp_path / "newer"
    run("dpkg-deb", "-R", deb, newer)
    control = newer / "DEBIAN/control"
    control.write_text(re.sub(r"^Version: .*$", "Version: 9.9.9-1", control.read_text(), flags=re.M))
    shipped = newer / "etc/corsd/corsd.yaml"
    shipped.write_text(shipped.read_text() + "# newer\n")
    run("dpkg-deb", "-b", "--root-owner-group", newer, tmp_path / "newer.deb")
    shutil.copy(tmp_path / "newer.deb", machine.path("/tmp/second.deb"))
    machine.run("dpkg", "--force-confdef", "--force-confold", "-i", "/tmp/second.deb")
    assert machine.run("dpkg-query", "-W", "-f", "${Version}", "corsd") == "9.9.9-1"
    assert machine.path("/etc/corsd/corsd.yaml").read_text() == ours, "an upgrade keeps the administrator's file"
    served(machine, 18481)

    machine.run("apt-get", "purge", "-y", "corsd")
    machine.run("apt-get", "autoremove", "--purge", "-y")
    after = set(run("find", machine.folder, "-xdev", "-not", "-path", "*/proc/*", "-not", "-path", "*/dev/*").split())
    left = {path for path in after - before if "corsd" in os.path.relpath(path, machine.folder)}
    assert not {path for path in left if "/var/log/" not in path and "/var/lib/dpkg/" not in path}, left
