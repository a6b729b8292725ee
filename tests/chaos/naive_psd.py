"""``psd`` with the booking that anyone would write first: the same command line, another engine.

``python -m tests.chaos.naive_psd worker`` is ``psd worker`` but for :class:`NaiveEngine`, which
adds each event's value to its buckets with HINCRBY: no markers, no replay of reports. It passes
the same failpoints, so that the harness treats it as it treats psd. It writes psd's keys of years,
months, days and weeks: 40 more steps on a day that had 60 are ``psd:{p0}:8:1:d:201604 12 = 100``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from unittest import mock

from psd import runtime
from psd.cli.main import main
from psd.engine.booking import COUNT_THING
from psd.engine.engine import Engine
from psd.engine.events import Event, Report
from psd.engine.outcomes import Outcome
from psd.failpoints import reach
from psd.store.keys import count_root
from psd.store.lane import Command
from psd.store.owner_calls import ONE_SERVER
from tests.chaos.oracle import calendar_places


class NaiveEngine(Engine):
    """Books without looking at what is booked."""

    async def book(self, events: Sequence[Event]) -> list[Outcome]:
        """All events in one trip; what fails half way is half booked."""
        commands = [command for event in events for command in _increments(event)]
        reach("before_script")
        await self._store.writes.call_all(commands)
        reach("after_reply")
        return [Outcome("booked")] * len(events)


def _increments(event: Event) -> list[Command]:
    if isinstance(event, Report):
        prefix, second = f"{ONE_SERVER.owner_root(event.uid)}:{event.thing}", event.ts2
    else:
        prefix, second = f"{count_root(event.name)}:{COUNT_THING}", event.ts
    at = datetime.fromtimestamp(second, UTC)
    return [("HINCRBY", key, field, str(event.value)) for key, field in calendar_places(prefix, at)]


if __name__ == "__main__":
    with mock.patch.object(runtime, "Engine", NaiveEngine):
        main()
