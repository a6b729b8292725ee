"""The server that tells owners what their vehicles earned."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.rewards.reward_weeks import Served, weeks_served


@pytest.fixture
async def served(redis_url: str) -> AsyncIterator[Served]:
    """Two hours into week 6, which is open; no vehicle is known."""
    async with weeks_served(redis_url, now_week=6) as served:
        yield served
