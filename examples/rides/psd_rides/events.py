"""From what a bike sends to what psd books. Pure: no clock, no store, no await.

A ride is an increment of the thing ``ride_m``, booked once for its id, at the second at which it
ended. All that asks for sums knows it from then on: series, boards, PromQL::

    {"command": "ride", "ride": {"bike": 7, "metres": 1200, "time": 1644210000, "id": "r-1"}}
    -> Report(thing=9001, uid=7, atid=0, aid=0, value=1200, ts1=1644210000, ts2=1644210000, "r-1")
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from psd.domain.command import Command, Messages
from psd.engine.event_checks import check_event_id
from psd.engine.event_rules import EventRules
from psd.engine.event_times import Time, second_in
from psd.engine.events import Report
from psd.errors import MissingIdError, OutOfBoundsError

from .settings import RidesSettings


class RideFields(msgspec.Struct, gc=False):
    """A ride as it stands on the wire."""

    bike: int
    metres: int
    time: Time
    id: str = ""


def messages_of(settings: RidesSettings, things: Mapping[str, int]) -> Messages:
    """One kind of event; the queue, POST /v3/rides, CloudEvents and the reference follow."""

    def check(fields: RideFields, now_s: int, rules: EventRules) -> Report:
        second = second_in("time", fields.time)
        rules.check_time("time", second, now_s)
        rules.check_age("time", second, now_s)
        if not 0 <= fields.bike < 1 << 62:
            raise OutOfBoundsError(f"bike: {fields.bike} must lie between 0 and 2^62 - 1")
        if not 0 <= fields.metres <= settings.metres_max:
            raise OutOfBoundsError(
                f"metres: {fields.metres} must lie between 0 and {settings.metres_max}"
            )
        if not fields.id:
            raise MissingIdError("id: a ride needs an id, so that it is booked once")
        check_event_id(fields.id)
        thing = things["ride_m"]
        return Report(thing, fields.bike, 0, 0, fields.metres, second, second, fields.id)

    ride = Command(
        name="ride",
        many="rides",
        fields=RideFields,
        check=check,
        needs_id=True,
        path="/v3/rides",
        summary="Book rides.",
        example='[{"bike":7,"metres":1200,"time":1644210000,"id":"r-1"}]',
    )
    return Messages((ride,))
