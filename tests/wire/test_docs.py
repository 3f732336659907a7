"""What a person can meet is in docs/, and what docs/ names exists: tables against tables, links against files."""
import re
import subprocess
from pathlib import Path

import pytest

from harness import BINARY

ROOT = Path(__file__).parents[2]
OPERATIONS = (ROOT / "docs/operations.md").read_text(encoding="utf-8")


def rows_of(header, macro):
    """The macro's rows: (word, last words of the row)."""
    text = (ROOT / "include/corsd" / header).read_text(encoding="utf-8").replace("\\\n", "")
    return re.findall(macro + r'\(\w+, "(\w+)", (\w+),\s*"([^"]+)"\)', text)


@pytest.mark.parametrize("header, macro", [("http/cause.h", "CAUSE"), ("cors/reason.h", "REASON")])
def test_every_word_is_explained(header, macro):
    rows = rows_of(header, macro)
    assert len(rows) > 10
    for word, _, prose in rows:
        assert re.search(rf"^\| `{word}` \|.*\| {re.escape(prose)} \|$", OPERATIONS, re.M), word


def test_no_word_is_explained_that_is_not():
    known = {row[0] for row in rows_of("http/cause.h", "CAUSE") + rows_of("cors/reason.h", "REASON")}
    for title in ("## Why CORS said", "## Why an exchange ended"):
        part = OPERATIONS.split(title)[1].split("\n## ")[0]
        assert set(re.findall(r"^\| `(\w+)` \|", part, re.M)) <= known


def test_the_fields_of_an_access_line():
    source = (ROOT / "src/observe/access.c").read_text(encoding="utf-8")
    text = source.split("void access_text")[1].split("\n}")[0]
    fields = ["time"] + re.findall(r'\w+\(out, "(\w+)"', text)
    part = OPERATIONS.split("## The access log")[1].split("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", part, re.M) == fields


def test_reference_is_printed_by_the_binary():
    for arguments, file in ((["--markdown"], "docs/keys.md"), (["--man"], "docs/corsd.yaml.5"),
                            ([], "config/corsd.schema.json")):
        printed = subprocess.run([BINARY, "schema", *arguments], capture_output=True, check=True, timeout=30)
        assert printed.stdout.decode() == (ROOT / file).read_text(encoding="utf-8"), file


@pytest.mark.parametrize("page", ["README.md", "docs/architecture.md", "docs/operations.md", "bench/README.md"])
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text(encoding="utf-8")):
        assert ((ROOT / page).parent / link).exists(), link


def test_verbs_of_the_readme_exist():
    helped = subprocess.run([BINARY, "help"], capture_output=True, check=True, timeout=30).stdout.decode()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for verb in set(re.findall(r"corsd (check|show|schema|explain|probe|suggest|health|demo)\b", readme)):
        assert f"corsd {verb}" in helped, verb
