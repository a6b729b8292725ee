"""The server that the tests of psd.client ask, and a client that may do everything there."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from psd.client import AsyncClient
from tests.support.clients.client_side import ADMIN
from tests.support.clients.http import HttpClient


@pytest.fixture
def url(client: HttpClient) -> str:
    """Where the server is."""
    return client.url


@pytest.fixture
async def asking(url: str) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(url, token=ADMIN.secret) as client:
        yield client
