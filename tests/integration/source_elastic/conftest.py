"""Elasticsearch, as the tests of its source have it.

With ``PSD_TEST_ES_URL`` set, what is asked of both servers is asked of the live one too.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest

from tests.support.rewards.elastic_source import Server, document
from tests.support.servers.elastic_server import FakeElastic, LiveElastic

LIVE_URL = os.environ.get("PSD_TEST_ES_URL", "")


@pytest.fixture(params=["fake", *(["live"] if LIVE_URL else [])])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    """A fake that aggregates, and the live one."""
    async with FakeElastic() if request.param == "fake" else LiveElastic(LIVE_URL) as started:
        yield started


@pytest.fixture
async def fake() -> AsyncIterator[FakeElastic]:
    """A fake in which vehicle 7 was active."""
    async with FakeElastic() as started:
        await started.load("status", [document("7")])
        yield started
