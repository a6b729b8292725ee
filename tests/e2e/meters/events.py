"""From what a meter sends to what is kept of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from psd.domain.command import Command, Messages
from psd.engine.event_rules import EventRules
from psd.engine.event_times import Time, second_in
from psd.engine.events import Change
from psd.errors import OutOfBoundsError, WrongTypeError
from psd.meters.settings import MetersSettings


class ReadingFields(msgspec.Struct, gc=False):
    """A reading as it stands on the wire."""

    meter: int = 0
    wh: int = 0
    time: Time | None = None


class Reading(Change, frozen=True):
    """What a meter showed."""

    meter: int
    wh: int


def messages_of(settings: MetersSettings, things: Mapping[str, int]) -> Messages:
    """A reading, or a list of them."""

    def check(fields: ReadingFields, now_s: int, rules: EventRules) -> Reading:
        if fields.time is None:
            raise WrongTypeError("time: missing")
        second = second_in("time", fields.time)
        rules.check_time("time", second, now_s)
        if not 0 <= fields.wh <= settings.wh_max:
            raise OutOfBoundsError(f"wh: {fields.wh} must lie between 0 and {settings.wh_max}")
        return Reading(second, fields.meter, fields.wh)

    return Messages(
        (
            Command(
                name="reading",
                many="readings",
                fields=ReadingFields,
                check=check,
                path="/v3/readings",
                summary="Keep what meters showed.",
                example='[{"meter":7,"wh":120,"time":1644210000}]',
            ),
        )
    )
