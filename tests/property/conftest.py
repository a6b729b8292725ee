"""The engine with its own limits and with small ones."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from psd.config_sources import load_settings
from psd.runtime import Runtime, open_runtime
from psd.store import scripts
from tests.support.scripts.small_leaves import small_lua_folder

# The machine's asserts say what they compared.
pytest.register_assert_rewrite(
    "tests.support.draws.machine", "tests.support.draws.machine_questions"
)


@pytest.fixture(params=["own limits", "small limits"])
async def runtime(
    request: pytest.FixtureRequest,
    redis_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Runtime]:
    """A runtime on an empty store."""
    if request.param == "small limits":
        folder = small_lua_folder(tmp_path)
        monkeypatch.setattr(scripts, "lua_folder", lambda: folder)
    flags = {"redis.url": redis_url, "redis.durability": "fast"}
    opened = await open_runtime(load_settings(flags=flags).settings)
    yield opened
    await opened.close()
