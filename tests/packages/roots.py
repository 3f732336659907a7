"""Debian 13 as a folder: unpacked from the archive that scripts/debian-root makes, entered by chroot."""
import contextlib
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ARCHIVES = ROOT / "build/roots"


def run(*command, **options):
    options = {"capture_output": True, "text": True, "timeout": 1800, **options}
    done = subprocess.run([str(word) for word in command], **options)
    assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def archive(name, *packages):
    tar = ARCHIVES / f"{name}.tar"
    run(ROOT / "scripts/debian-root", tar, *packages)
    return tar


class Chroot:
    def __init__(self, folder):
        self.folder = Path(folder)

    def run(self, *command, **options):
        return run("chroot", self.folder, "env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8", *command, **options)

    def path(self, name):
        return self.folder / name.lstrip("/")


@contextlib.contextmanager
def unpacked(tar):
    ARCHIVES.mkdir(parents=True, exist_ok=True)
    folder = tempfile.mkdtemp(dir=ARCHIVES, prefix="test-")
    try:
        run("chmod", "755", folder)
        run("tar", "-C", folder, "-xpf", tar)
        run("mount", "-t", "proc", "proc", f"{folder}/proc")
        run("mount", "--bind", "/dev", f"{folder}/dev")
        yield Chroot(folder)
    finally:  # whatever failed above or here, the removal never goes into the host's /dev
        subprocess.run(["umount", "-l", f"{folder}/dev", f"{folder}/proc"], capture_output=True, check=False)
        run("rm", "-rf", "--one-file-system", folder)
