"""watch: true. Whoever changes a file and however, corsd takes it; a bad one once, with its reason. DESIGN §5."""
import os
import shutil
import signal
import statistics
import time

import pytest

from harness import eventually, preflight

APP, OTHER = "https://app.example.com", "https://other.example"

YAML = """
listen: LISTEN
upstream: BACKEND
cors: {allow_origins: ["https://app.example.com"]}
watch: true
"""


def allows(corsd, origin):
    return corsd.ask(preflight("/", origin)).status == 204


def reloads(corsd):
    return corsd.log.count("info: reloaded: ")


def other(corsd):
    return open(corsd.file, encoding="utf-8").read().replace(APP, OTHER)


def rename_over(corsd):
    with open(corsd.file + "~new", "w", encoding="utf-8") as out:
        out.write(other(corsd))
    os.rename(corsd.file + "~new", corsd.file)


def write_in_place(corsd):
    text = other(corsd)
    with open(corsd.file, "w", encoding="utf-8") as out:
        out.write(text)


def move_away_and_write(corsd):
    text = other(corsd)
    os.rename(corsd.file, corsd.file + ".bak")
    with open(corsd.file, "w", encoding="utf-8") as out:
        out.write(text)


def copy_over_with_old_time(corsd):
    text = other(corsd)
    before = os.stat(corsd.file)
    with open(corsd.file, "w", encoding="utf-8") as out:
        out.write(text)
    os.utime(corsd.file, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("change", [rename_over, write_in_place, move_away_and_write, copy_over_with_old_time],
                         ids=lambda change: change.__name__)
def test_a_change_is_taken(given, backend, change):
    corsd = given(YAML)
    assert allows(corsd, APP)
    change(corsd)
    eventually(lambda: allows(corsd, OTHER))
    assert not allows(corsd, APP)


def test_without_watch_nothing_happens(given, backend):
    corsd = given(YAML.replace("watch: true", "watch: false"))
    rename_over(corsd)
    time.sleep(1)
    assert allows(corsd, APP) and not reloads(corsd)


def test_many_writes_are_one_change(given, backend):
    corsd = given(YAML)
    for _ in range(20):
        write_in_place(corsd)
        time.sleep(0.01)
    eventually(lambda: allows(corsd, OTHER))
    time.sleep(0.6)
    assert reloads(corsd) <= 3


def test_a_bad_file_is_complained_of_once_and_its_repair_taken(given, backend):
    corsd = given(YAML)
    corsd.write(YAML + "unknown: 1\n")
    assert corsd.logged("reload failed: the old configuration stays in force")
    time.sleep(0.6)
    assert corsd.log.count("reload failed: ") == 1 and "unknown" in corsd.log
    assert allows(corsd, APP)
    corsd.write(YAML.replace(APP, OTHER))
    eventually(lambda: allows(corsd, OTHER))


def test_a_file_that_goes_and_comes_back(given, backend):
    corsd = given(YAML)
    text = other(corsd)
    os.unlink(corsd.file)
    assert corsd.logged("reload failed: ")
    assert allows(corsd, APP)
    with open(corsd.file, "w", encoding="utf-8") as out:
        out.write(text)
    eventually(lambda: allows(corsd, OTHER))


def test_a_file_that_the_configuration_names(given, backend, short_folder):
    with open(f"{short_folder}/origins.txt", "w", encoding="utf-8") as out:
        out.write(APP + "\n")
    corsd = given(YAML.replace('allow_origins: ["https://app.example.com"]', "allow_origins_file: ORIGINS"),
                  ORIGINS=f"{short_folder}/origins.txt")
    assert allows(corsd, APP)
    for origin in (OTHER, APP):
        with open(f"{short_folder}/new", "w", encoding="utf-8") as out:
            out.write(origin + "\n")
        os.rename(f"{short_folder}/new", f"{short_folder}/origins.txt")
        eventually(lambda: allows(corsd, origin))


def test_a_named_file_that_comes_late(given, backend):
    """The reload fails for want of it; when it is there, the reload is tried again."""
    corsd = given(YAML)
    corsd.write(YAML.replace('allow_origins: ["https://app.example.com"]', "allow_origins_file: origins.txt"))
    assert corsd.logged("reload failed: ")
    with open(os.path.join(corsd.folder, "origins.txt"), "w", encoding="utf-8") as out:
        out.write(OTHER + "\n")
    eventually(lambda: allows(corsd, OTHER))


def test_watch_turned_on_and_off_by_a_reload(given, backend):
    corsd = given(YAML.replace("watch: true", "watch: false"))
    corsd.reload(YAML)
    eventually(lambda: reloads(corsd) == 1)
    corsd.write(YAML.replace("watch: true", "watch: false"))
    eventually(lambda: reloads(corsd) == 2)
    rename_over(corsd)
    time.sleep(0.6)
    assert reloads(corsd) == 2


def test_a_hup_is_one_reload(given, backend):
    """What HUP has read is no news for the watch."""
    corsd = given(YAML)
    corsd.reload(YAML.replace(APP, OTHER))
    eventually(lambda: allows(corsd, OTHER))
    time.sleep(0.6)
    assert reloads(corsd) <= 2


def test_a_drain_with_changes_does_not_spin(given, backend):
    corsd = given(YAML + "timeouts: {drain_delay: 2s}\n")
    corsd.signal(signal.SIGTERM)
    assert corsd.logged("draining")
    with open(corsd.file + "~", "w", encoding="utf-8"):
        pass
    before = corsd.cpu()
    time.sleep(1.5)
    assert corsd.cpu() - before < 0.75, "what is not read any more must not be waited for"


# Kubernetes: corsd.yaml -> ..data/corsd.yaml, ..data -> ..2026_11_30_x: an update renames a new ..data over the old

class ConfigMap:
    def __init__(self, folder, text):
        self.folder, self.number = folder, 0
        self.publish(text)
        os.symlink("..data/corsd.yaml", f"{folder}/corsd.yaml")

    def publish(self, text):
        self.number += 1
        name, before = f"..{self.number}", f"{self.folder}/..{self.number - 1}"
        os.mkdir(f"{self.folder}/{name}")
        with open(f"{self.folder}/{name}/corsd.yaml", "w", encoding="utf-8") as out:
            out.write(text)
        os.symlink(name, f"{self.folder}/..data_tmp")
        os.rename(f"{self.folder}/..data_tmp", f"{self.folder}/..data")
        shutil.rmtree(before, ignore_errors=True)


def swaps(corsd, count):
    """A ConfigMap updated count times; the seconds each took to be in force."""
    text = open(corsd.file, encoding="utf-8").read()
    os.unlink(corsd.file)
    config = ConfigMap(corsd.folder, text)
    eventually(lambda: reloads(corsd) >= 1, 30)
    took = []
    for number in range(count):
        origin = f"https://swap{number}.example"
        start = time.monotonic()
        config.publish(text.replace(APP, origin))
        eventually(lambda: allows(corsd, origin), 30)
        took.append(time.monotonic() - start)
    return took


def test_config_map_updates(given, backend):
    took = swaps(given(YAML), 10)
    print(f"median {statistics.median(took):.3f} s, longest {max(took):.3f} s")
    assert statistics.median(took) < 5, "the next poll would be 10 s away"


@pytest.mark.long
def test_a_hundred_config_map_updates(given, backend):
    took = swaps(given(YAML), 100)
    late = sum(seconds > 1 for seconds in took)
    print(f"median {statistics.median(took):.3f} s, longest {max(took):.3f} s, {late} of 100 took over a second")
    assert statistics.median(took) < 1
