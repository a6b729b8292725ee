"""The engine with its own limits and with small ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from psd.runtime import Runtime
from psd.store import scripts
from tests.support.scripts.small_leaves import small_lua_folder

# The machine's asserts say what they compared.
pytest.register_assert_rewrite(
    "tests.support.draws.machine",
    "tests.support.draws.machine_questions",
    "tests.support.draws.machine_totals",
)


@pytest.fixture(params=["own limits", "small limits"])
def limits(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the scripts that ``runtime`` loads."""
    if request.param == "small limits":
        folder = small_lua_folder(tmp_path)
        monkeypatch.setattr(scripts, "lua_folder", lambda: folder)


@pytest.fixture
def runtime(limits: None, runtime: Runtime) -> Runtime:
    """With both."""
    return runtime
