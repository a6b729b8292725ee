"""Machines with nothing but Debian, and the wheel of this checkout."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.bare.machines import ROOT, WHEELS, Network, bare_tree, called, needed


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of them are ``bare``: they need root, debootstrap and wheels."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.bare)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, in a folder of its own; wheels of what it needs are there."""
    bare_tree()
    if not WHEELS.is_dir():
        needed("there are no wheels: make test leaves them in the .venv")
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", folder, ROOT]
    called(*build)
    return next(folder.glob("pointspace-*.whl"))


@pytest.fixture
def network() -> Iterator[Network]:
    with Network() as opened:
        yield opened
