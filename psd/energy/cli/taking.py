"""Messages of commands on their way into the store, each through the one door."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from psd.archive.entries import Entry
from psd.engine.outcomes import Outcome

if TYPE_CHECKING:
    from psd.runtime import Runtime


async def taken(
    runtime: Runtime, command: str, fields: msgspec.Struct, *, sends: bool = True
) -> Outcome:
    """Have one message archived and booked, or only previewed; a refusal is raised."""
    now_ms = runtime.clock.now_ms()
    body = msgspec.json.encode({"command": command, command: fields})
    events = runtime.rules.events(body, now_ms // 1000, "")
    [outcome] = await runtime.preview().book(events)
    if outcome.error is None and sends:
        [outcome] = await runtime.intake.accept(events, lambda: [Entry(now_ms, "", body)])
    if outcome.error is not None:
        raise outcome.error
    return outcome
