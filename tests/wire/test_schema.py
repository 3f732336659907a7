"""`corsd schema`: draft-07, and the same verdict as corsd's own over the corpus of good and bad configurations
(tests/unit/config), as far as a schema can judge. By python3-jsonschema. DESIGN §1, §7."""
import json
import os
import re

import jsonschema
import pytest
import yaml

from harness import HOUSE, run

CORPUS = os.path.join(HOUSE, "tests", "unit", "config")
EXAMPLES = os.path.join(HOUSE, "config")

# What no schema can say: YAML's own rules, addresses and origins, names that must exist, values of variables.
BEYOND = re.compile(r"yaml_|key_(twice|three_times)|credentials_capital|variable_|listen_|upstream_|route_|origin|"
                    r"suffix_list_|proxies_bits|proxies_mask|proxies_name|policy_unknown|rules_|method_trace|"
                    r"max_age_(millis|too_long)|missing_route_upstream|servers_(and_url|twice|weightless)|tls_no_file")


class Core(yaml.SafeLoader):
    """YAML 1.2's words for booleans: `off` is a text, as it is for corsd and for editors."""
    yaml_implicit_resolvers = {}


for tag, pattern, first in (
        ("bool", r"(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
        ("int", r"[-+]?[0-9]+$", "-+0123456789"),
        ("float", r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)$", "-+.0123456789"),
        ("null", r"(?:~|null|Null|NULL|)$", ["~", "n", "N", ""])):
    Core.add_implicit_resolver("tag:yaml.org,2002:" + tag, re.compile(pattern), first)
Core.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(node.value))


def files(folder):
    return sorted(name for name in os.listdir(folder) if name.endswith(".yaml"))


def document(path):
    """The configuration in a corpus file, without what corsd says about it; None where it is no YAML."""
    with open(path, "rb") as file:
        text = re.split(rb"(?m)^#> ", file.read())[0]
    try:
        return yaml.load(text, Core)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError):
        return None


@pytest.fixture(scope="module")
def validator():
    done = run("schema")
    assert done.returncode == 0 and not done.stderr
    schema = json.loads(done.stdout)
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


@pytest.mark.parametrize("name", files(os.path.join(CORPUS, "good")))
def test_good_ones_pass(validator, name):
    validator.validate(document(os.path.join(CORPUS, "good", name)))


@pytest.mark.parametrize("name", files(EXAMPLES))
def test_examples_pass(validator, name):
    validator.validate(document(os.path.join(EXAMPLES, name)))


def judged():
    bad = os.path.join(CORPUS, "bad")
    return [name for name in files(bad) if not BEYOND.match(name) and document(os.path.join(bad, name)) is not None]


@pytest.mark.parametrize("name", judged())
def test_bad_ones_do_not(validator, name):
    assert not validator.is_valid(document(os.path.join(CORPUS, "bad", name)))


@pytest.mark.parametrize("name", [
    "listen_port_only", "listen_empty_list", "upstream_list", "upstream_no_scheme", "route_no_slash", "route_scalar",
    "route_query", "origin_scalar", "origin_empty_list", "origin_item_map", "listen_url"])
def test_what_it_does_judge(validator, name):
    """Kinds of faults that BEYOND lets go as a whole."""
    assert not validator.is_valid(document(os.path.join(CORPUS, "bad", name + ".yaml")))


def test_every_key_has_words(validator):
    """What an editor shows beside a key."""
    def walk(schema):
        for name, value in schema.get("properties", {}).items():
            assert value["description"].endswith("."), name
            walk(value)
        for value in schema.get("definitions", {}).values():
            walk(value)
    walk(validator.schema)


def test_manual_page():
    done = run("schema", "--man")
    assert done.returncode == 0
    assert done.stdout.startswith(".TH CORSD.YAML 5")
    assert ".B allow_origins" in done.stdout


@pytest.mark.parametrize("arguments", [["--no-such"], ["--man", "more"], ["file"]])
def test_wrong_usage(arguments):
    assert run("schema", *arguments).returncode == 2
