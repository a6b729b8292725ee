"""What the tests of ``psd sum | series | top | ...`` ask: a server, by ADMIN's token."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from psd.runtime import Runtime
from tests.support.clients.client_side import ADMIN
from tests.support.clients.http import serving
from tests.support.engine import NOON_S, book, report


@pytest.fixture(autouse=True)
async def url(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """The server, which is that of the settings too."""
    events = [
        report(50, NOON_S, uid=1, aid=1),
        report(30, NOON_S + 20, uid=2, aid=1),
        report(10, NOON_S + 3600, uid=2, aid=2),
        report(20, NOON_S + 60, uid=-3, aid=1),
        report(7, NOON_S, uid=1, aid=1, thing=2),
    ]
    assert set(await book(runtime, events)) == {"booked"}
    async with serving(runtime) as http:
        monkeypatch.setenv("PSD_SERVER_PORT", http.url.rpartition(":")[2])
        monkeypatch.setenv("PSD_TOKEN", ADMIN.secret)
        yield http.url
