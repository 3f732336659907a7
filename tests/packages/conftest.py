"""Tests of what people install. The quick ones need a release build (CORSD_BIN); those marked `container` and
`release` make a Debian 13 of their own by debootstrap, and need root."""
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("CORSD_BIN") or ROOT / "build/release/corsd")


def pytest_configure(config):
    config.addinivalue_line("markers", "container: builds and runs the image")
    config.addinivalue_line("markers", "release: builds the release, installs the package")


@pytest.fixture(scope="session")
def corsd():
    assert BINARY.exists(), f"no corsd at {BINARY}: ./dev build"
    return str(BINARY)


@pytest.fixture(scope="session")
def root():
    return ROOT
