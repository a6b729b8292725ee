"""Asks Prometheus's read API over HTTP, and works a sum out from a list of bookings.

>>> await vector(client, 'steps{uid="1"}', NOW_S)
[({"__name__": "steps", "uid": "1"}, "123")]
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from psd.engine.events import Report
from tests.support.clients.http import Answer, HttpClient
from tests.support.clients.prometheus_app import NOW_S


async def get(client: HttpClient, path: str, fields: Mapping[str, Any] | None = None) -> Answer:
    """GET a path under /api/v1."""
    return await client.get(f"/api/v1/{path}?{urlencode(fields or {}, doseq=True)}")


async def data(client: HttpClient, path: str, fields: Mapping[str, Any] | None = None) -> Any:
    """The data of an answer without warnings."""
    answer = await get(client, path, fields)
    assert answer.status == 200, answer.text
    told = answer.json()
    assert told.keys() == {"status", "data"}, answer.text
    assert told["status"] == "success"
    return told["data"]


async def vector(
    client: HttpClient, query: str, time: float = NOW_S
) -> list[tuple[dict[str, str], str]]:
    """The labels and the value of each series at one instant."""
    found = await data(client, "query", {"query": query, "time": time})
    assert found["resultType"] == "vector"
    assert all(row["value"][0] == time for row in found["result"])
    return [(row["metric"], row["value"][1]) for row in found["result"]]


def query_text(
    uids: list[int], atids: list[int] | None, window: int | None, by: tuple[str, ...]
) -> str:
    """A sum of some users' steps, in a window before each instant or of all before it."""
    matchers = f'uid=~"{"|".join(map(str, uids))}"'
    if atids is not None:
        matchers += f',atid=~"{"|".join(map(str, atids))}"'
    leaf = f"steps{{{matchers}}}" if window is None else f"increase(steps{{{matchers}}}[{window}s])"
    return f"sum by ({', '.join(by)}) ({leaf})" if by else f"sum({leaf})"


def naive(
    events: list[Report], times: list[int], window: int | None, by: tuple[str, ...]
) -> dict[tuple[str, ...], list[int]]:
    """The same from a list of bookings: a sum for each instant; groups without any are left out."""
    found: dict[tuple[str, ...], list[int]] = {}
    for event in events:
        key = tuple(str(getattr(event, label)) for label in by)
        row = found.setdefault(key, [0] * len(times))
        for place, at in enumerate(times):
            begins = 0 if window is None else at - window
            row[place] += event.value if begins <= event.ts2 < at else 0
    return {key: row for key, row in found.items() if any(row)}
