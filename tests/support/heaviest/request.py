"""One request, and how many names it may have: the documented limits (docs/http.md, limits)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import msgspec

from tests.support.clients.http import FORM
from tests.support.engine import DAY_S, NOON_S

IDS_MAX, BATCH_MAX = 1_000, 1_000
WIDE = f"{NOON_S - 400 * DAY_S}/{NOON_S + 400 * DAY_S}"
UIDS = [str(uid) for uid in range(1, IDS_MAX + 1)]
IDS = ",".join(UIDS)


class Request(msgspec.Struct, frozen=True):
    """One request."""

    path: str
    body: Any = b""
    content_type: str = "application/json"

    @property
    def content(self) -> bytes:
        """The body as it is sent."""
        return self.body if isinstance(self.body, bytes) else msgspec.json.encode(self.body)


def form(path: str, **fields: str) -> Request:
    """One with a form."""
    return Request(path, urlencode(fields).encode(), FORM)


def gets(paths: dict[str, str]) -> dict[str, Request]:
    """Those that name a path and no more."""
    return {name: Request(path) for name, path in paths.items()}
