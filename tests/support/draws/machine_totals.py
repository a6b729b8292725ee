"""What the state machine compares of a store: keys of owners, and totals that no level lost.

>>> held = await owners_keys(client)
>>> unforgotten(held, {"week"}) == expected_unforgotten(model, {"week"})
True
"""

from __future__ import annotations

from typing import Any

from redis.asyncio import Redis

from tests.support.plain.model import Model
from tests.support.stored.keyspace import calendar_totals, expected_totals, keyspace


async def owners_keys(client: Redis) -> dict[str, Any]:
    """All keys of owners and counts that events make, in whatever order they come.

    Of the others psd:retention is written once for many machines, and a log tells when.
    """
    held = await keyspace(client)
    return {key: content for key, content in held.items() if "{" in key and key[-4:] != ":log"}


def unforgotten(held: dict[str, Any], forgotten: set[str]) -> dict[tuple[str, str], str]:
    """Totals of the levels that never lost a key; a month's end took its days along."""
    lost = _lost_letters(forgotten)
    owners = {key: content for key, content in held.items() if key.startswith("psd:{")}
    totals = calendar_totals(owners)
    return {place: total for place, total in totals.items() if _letter(place[0]) not in lost}


def expected_unforgotten(model: Model, forgotten: set[str]) -> dict[tuple[str, str], str]:
    """The same of the model."""
    lost = _lost_letters(forgotten)
    totals = expected_totals(model)
    return {place: total for place, total in totals.items() if _letter(place[0]) not in lost}


def _letter(key: str) -> str:
    """``d`` of the owner's key ``psd:{p0}:7:1:d:201604``."""
    return key.split("}")[1].split(":")[3]


def _lost_letters(forgotten: set[str]) -> set[str]:
    lost = {"month": "md", "day": "d", "week": "w", "second": ""}
    return {letter for level in forgotten for letter in lost[level]}
