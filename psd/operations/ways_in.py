"""Ways of reports into psd, as an import and its undoing go: asked what stands, and given a batch.

Each is asked what stands in the windows of a batch, takes the batch, and says what became of each
report; sending a batch again changes nothing. Here are those of a process that has the store; the
queue and a server's HTTP are in psd/cli/imports/import_routes.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from psd.archive.messages import metrics_entries
from psd.engine.event_fields import MetricFields
from psd.engine.events import Report
from psd.engine.windows import StandingReport, Window
from psd.errors import InputError
from psd.runtime import Runtime
from psd.users import user_of


class ReportOutcome(msgspec.Struct, frozen=True):
    """What became of a report: an outcome of the engine, or ``queued``; refused with an error."""

    status: str
    error: InputError | None = None


class WayIn(Protocol):
    """A way in."""

    async def standing(self, fields: Sequence[MetricFields]) -> list[StandingReport]:
        """What stands in the windows of these reports."""
        ...

    async def send(
        self, fields: Sequence[MetricFields], reports: Sequence[Report]
    ) -> list[ReportOutcome]:
        """Book or publish them; what became of each."""
        ...


class StoreRoute:
    """What two of the ways have in common: the store is asked what stands."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def standing(self, fields: Sequence[MetricFields]) -> list[StandingReport]:
        """What stands, as of what the workers have booked."""
        things = self._runtime.settings.numbers
        return await self._runtime.engine.reported([_window(each, things) for each in fields])


class DirectRoute(StoreRoute):
    """Through the archive and the books of this process."""

    async def send(
        self, fields: Sequence[MetricFields], reports: Sequence[Report]
    ) -> list[ReportOutcome]:
        """Book the batch."""
        now_ms = self._runtime.clock.now_ms()
        outcomes = await self._runtime.intake.accept(
            reports, lambda: metrics_entries(now_ms, fields)
        )
        return [ReportOutcome(each.status, each.error) for each in outcomes]


def _window(fields: MetricFields, things: Mapping[str, int]) -> Window:
    uid = user_of(fields.uid)
    return Window(things[fields.thing], uid, fields.aid, fields.ts1, fields.ts2)
