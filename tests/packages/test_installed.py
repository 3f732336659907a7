"""What `meson install` puts where, the manual pages, and the completions in real shells."""
import os
import re
import shutil
import subprocess

import pytest


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True, **options).stdout


def test_the_manual_is_what_the_program_says(corsd, root):
    assert run(str(root / "scripts/manual"), corsd) == (root / "docs/corsd.8").read_text()


@pytest.mark.parametrize("page", ["corsd.8", "corsd.yaml.5"])
def test_manual_pages_are_read_without_a_warning(root, page):
    told = subprocess.run(["man", "--warnings", "-l", str(root / "docs" / page)], capture_output=True, text=True,
                          timeout=60, env={**os.environ, "MANWIDTH": "90", "LC_ALL": "C.UTF-8"}, check=True)
    assert not told.stderr
    assert "corsd" in told.stdout


def test_everything_lies_where_distributions_expect_it(corsd, tmp_path):
    run("meson", "install", "-C", os.path.dirname(corsd), "--no-rebuild", "--destdir", str(tmp_path))
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert found >= {
        "usr/local/bin/corsd",
        "usr/local/lib/systemd/system/corsd.service",
        "usr/local/lib/sysusers.d/corsd.conf",
        "usr/local/share/man/man8/corsd.8",
        "usr/local/share/man/man5/corsd.yaml.5",
        "usr/local/share/bash-completion/completions/corsd",
        "usr/local/share/zsh/vendor-completions/_corsd",
        "usr/local/share/fish/vendor_completions.d/corsd.fish",
    }


@pytest.fixture
def on_path(corsd, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/corsd").symlink_to(corsd)
    return {**os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "HOME": str(tmp_path)}


def verbs(corsd):
    found = re.findall(r"^  corsd ([a-z]+) ", run(corsd, "help"), re.M)
    assert {"check", "show", "schema"} <= set(found)
    return found


COMPLETE = """
source {file}
COMP_WORDS=({words})
COMP_CWORD={at}
compopt() {{ :; }}
_corsd
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def bash(root, on_path, *words):
    script = COMPLETE.format(file=root / "completions/corsd.bash", at=len(words) - 1,
                             words=" ".join(f"'{word}'" for word in words))
    return run("bash", "--norc", "-c", script, env=on_path).split()


def test_bash_completes_verbs_and_options(corsd, root, on_path):
    assert sorted(bash(root, on_path, "corsd", "")) == sorted(verbs(corsd))
    assert bash(root, on_path, "corsd", "sche") == ["schema"]
    assert "--json" in bash(root, on_path, "corsd", "check", "--")
    assert bash(root, on_path, "corsd", "-X", "PU") == ["PUT"]
    assert {"--config", "--listen"} <= set(bash(root, on_path, "corsd", "--"))


def test_bash_completes_files(root, on_path, tmp_path):
    (tmp_path / "some.yaml").touch()
    assert bash(root, on_path, "corsd", "-c", f"{tmp_path}/so") == [f"{tmp_path}/some.yaml"]


ZSH = """
compadd() {{ [[ $1 != -- ]] || shift; print -rl -- "$@"; }}
_files() {{ print files; }}
words=({words}) CURRENT={at}
complete_it() {{ source {file}; }}
complete_it
"""


@pytest.mark.skipif(not shutil.which("zsh"), reason="no zsh here")
def test_zsh_completes_verbs(corsd, root, on_path):
    def zsh(*words):
        script = ZSH.format(file=root / "completions/_corsd", at=len(words), words=" ".join(f"'{word}'" for word in words))
        return run("zsh", "-f", "-c", script, env=on_path).split()
    assert sorted(zsh("corsd", "")) == sorted(verbs(corsd))
    assert "--json" in zsh("corsd", "check", "--")
    assert zsh("corsd", "-c", "") == ["files"]


@pytest.mark.skipif(not shutil.which("fish"), reason="no fish here")
def test_fish_completes_verbs(corsd, root, on_path):
    def fish(line):
        told = run("fish", "--no-config", "-c", f"source {root}/completions/corsd.fish; complete -C '{line}'", env=on_path)
        return [row.split("\t")[0] for row in told.splitlines()]
    assert set(verbs(corsd)) <= set(fish("corsd "))
    assert "--json" in fish("corsd check --")
