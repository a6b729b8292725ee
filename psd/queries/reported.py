"""Which reports stand: the question and the answer, as HTTP and clients write them. Pure.

::

    [{"thing": "steps", "uid": 7, "aid": 41, "ts1": 1460422800, "ts2": 1460422800}]
    -> {"data": [{"status": "booked", "atid": "0", "value": 160}]}

A row asks for one window of one activity, in the words of a report: what it says of ``atid`` and
``value`` is passed over, so that reports can be asked about as they will be sent. The answer has
a row for each, in order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from psd.engine.event_checks import check_int64
from psd.engine.windows import ABSENT, StandingReport, Window
from psd.errors import BadQueryError, InputError
from psd.queries.ids import asked_user
from psd.queries.things import asked_thing

WINDOWS_MAX = 5000
"""Of one request, as of events."""


class WindowFields(msgspec.Struct, frozen=True, gc=False):
    """A window of an activity; what is missing is 0, as of a report."""

    thing: str = ""
    uid: int | str = 0
    aid: int = 0
    ts1: int = 0
    ts2: int = 0


class StandingRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """What stands there; ``atid`` and ``value`` only of what is booked."""

    status: Literal["booked", "absent", "withdrawn"]
    atid: str = ""
    value: int | None = None


class ReportedAnswer(msgspec.Struct, frozen=True):
    """A row for each window that was asked for, in order."""

    data: list[StandingRow]


def window_of(fields: WindowFields, things: Mapping[str, int]) -> Window:
    """The window that fields name; raises BadQueryError."""
    thing = asked_thing(fields.thing, things)
    uid = asked_user(fields.uid, "uid")
    for name in ("aid", "ts1", "ts2"):
        try:
            check_int64(name, getattr(fields, name))
        except InputError as error:
            raise BadQueryError(str(error)) from error
    if not 0 <= fields.ts1 <= fields.ts2:
        raise BadQueryError(f"ts1: {fields.ts1} must lie between 0 and ts2 = {fields.ts2}")
    return Window(thing, uid, fields.aid, fields.ts1, fields.ts2)


def answer_of(standings: Sequence[StandingReport]) -> ReportedAnswer:
    """What was found, as it is told."""
    return ReportedAnswer(
        [
            StandingRow("booked", str(each.atid), each.value)
            if each.status == "booked"
            else StandingRow(each.status)
            for each in standings
        ]
    )


def standing_of(row: StandingRow) -> StandingReport:
    """What a row of an answer says."""
    if row.status == "booked":
        return StandingReport("booked", int(row.atid), row.value or 0)
    return msgspec.structs.replace(ABSENT, status=row.status)
