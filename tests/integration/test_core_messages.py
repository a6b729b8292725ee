"""A message that is about no domain passes through none: not one function of one is called."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

from psd.domains import domains, folder_of
from psd.runtime import Runtime
from tests.support.engine import NOON_S

FOLDERS = {str(folder_of(domain)): domain.name for domain in domains()}

METRIC = {"thing": "steps", "uid": "alice@example.com", "value": 90, "ts1": NOON_S, "ts2": NOON_S}
FIRST = {"command": "metric", "metric": {**METRIC, "aid": 1}}
MESSAGES: list[dict[str, Any]] = [
    {"command": "metric", "metric": {**METRIC, "aid": 2}},
    {"command": "metrics", "metrics": [{**METRIC, "aid": aid} for aid in (3, 4)]},
    {"command": "metric", "metric": {**METRIC, "mode": "increment", "id": "tap-1"}},
    {"command": "count", "count": {"thing": "visits", "value": 1, "ts": NOON_S, "id": "v-1"}},
    {"command": "withdraw", "withdraw": {"uid": "alice@example.com", "aid": 1}},
]
VEHICLE = {"command": "vehicle", "vehicle": {"vehicle": 7, "time": NOON_S, "vin": "V7"}}


@contextmanager
def domains_called() -> Iterator[set[str]]:
    """The domains of which a function is called meanwhile."""
    found: set[str] = set()

    def on_call(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            path = frame.f_code.co_filename
            found.update(name for folder, name in FOLDERS.items() if path.startswith(f"{folder}/"))

    before = sys.getprofile()
    sys.setprofile(on_call)
    try:
        yield found
    finally:
        sys.setprofile(before)


async def taken(psd: Runtime, message: dict[str, Any]) -> list[str]:
    """What became of each event of a message, on the way that a worker's messages go."""
    events = psd.rules.events(json.dumps(message).encode(), psd.clock.now_s(), "m-1")
    return [each.status for each in await psd.intake.accept(events, list)]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message["command"])
async def test_no_domain_has_a_part_in_a_message_of_the_core(
    psd: Runtime, message: dict[str, Any]
) -> None:
    # A process opens its domains with its first message.
    assert await taken(psd, FIRST) == ["booked"]
    with domains_called() as called:
        statuses = await taken(psd, message)
    assert set(statuses) <= {"booked", "withdrawn"}
    assert statuses
    assert called == set()


async def test_the_domain_of_a_message_would_be_seen(psd: Runtime) -> None:
    assert await taken(psd, FIRST) == ["booked"]
    with domains_called() as called:
        assert await taken(psd, VEHICLE) == ["booked"]
    assert called == {"rewards"}
