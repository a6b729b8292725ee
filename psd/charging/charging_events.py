"""From messages about plugs to what is kept of them. Pure.

What lives here: the rules of the topics of sites (psd/charging/wire.py) and of the messages of
psd/charging/charging_messages.py::

    a chunk of "telemetry"  -> Telemetry("s1", (PlugTaken("p1", PlugReading(ms, 6500, 240000)),))
    {"id": "r1", "plug_id": "p1", "user_id": "u1", "requested_state": 8}
                            -> PlugRequest(1723939200, "r1", "p1", "u1", "ACCOUNT_ADDED")

A reading that breaks a rule is left out of its chunk and counted; the others are kept, because one
broken device must not make a site dark. A chunk with nothing else in it is refused as a whole.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from msgspec import UNSET

from psd.charging.charging_changes import (
    NEGATIVE_CURRENT,
    Announcement,
    CommandResult,
    PlugRequest,
    PlugTaken,
    SiteSetting,
    Telemetry,
)
from psd.charging.charging_messages import (
    FuseSettingsFields,
    PlugRequestFields,
    PlugSettingsFields,
    SiteSettingsFields,
)
from psd.charging.plugs.plug_readings import MILLI_MAX, REGISTER_MAX_MWH, PlugReading
from psd.charging.plugs.states import ActualState, state_of
from psd.charging.settings import ChargingSettings
from psd.charging.wire import COMMAND_RESULTS, NEW_DEVICES, ON, TELEMETRY, contracts, unpacked
from psd.domain.command import Command, Messages, RawTopic
from psd.engine.event_checks import check_event_id
from psd.engine.event_rules import EventRules
from psd.engine.event_times import second_in
from psd.errors import InputError, MissingIdError, OutOfBoundsError, TooLargeError, WrongTypeError
from psd.foreign_texts import shown
from psd.measures.units import scaled

THINGS = ("charge_energy", "customer_energy", "ledger")
"""Things whose uids are no users: plugs and customers have numbers of their own."""

SITE_ID = re.compile(r"[A-Za-z0-9_.-]{1,48}", re.ASCII)
"""With a topic's prefix before it, it is the name of a topic too."""

ID_BYTES_MAX = 128
PLUGS_MAX = 2_000
"""Of one announcement."""

COORDINATES = {
    "latitude": re.compile(r"-?\d{1,2}\.\d{5,7}", re.ASCII),
    "longitude": re.compile(r"-?\d{1,3}\.\d{5,7}", re.ASCII),
}

WISHES = frozenset({"enable", "disable", "again"})
"""What a request may say in the place of a state."""


def messages_of(settings: ChargingSettings, things: Mapping[str, int]) -> Messages:
    """What users may send, and sites where charging is enabled."""
    numbers = frozenset(things[name] for name in THINGS if name in things)
    return Messages(COMMANDS, numbers, TOPICS_TAKEN if settings.enabled else ())


def telemetry(body: bytes, now_s: int, _message_id: str, rules: EventRules) -> list[Any]:
    """A chunk of readings; raises an InputError where nothing of it can be kept."""
    chunk = unpacked(body, contracts().ReadingChunk)
    site = site_id(chunk.site_id)
    taken: list[PlugTaken] = []
    refused: list[InputError] = []
    for at, reading in enumerate(chunk.readings):
        try:
            taken.append(_taken(f"readings[{at}]", reading, now_s, rules))
        except InputError as error:
            refused.append(error)
    if refused and not taken:
        raise refused[0]
    newest = max((each.reading.ms for each in taken), default=now_s * 1000)
    return [Telemetry(newest // 1000, site, tuple(taken), len(refused))]


def command_result(body: bytes, now_s: int, _message_id: str, rules: EventRules) -> list[Any]:
    """What a relay came to."""
    told = unpacked(body, contracts().LocalStateResponse)
    if told.resultant_state not in (1, 2):
        raise WrongTypeError(f"resultant_state: {told.resultant_state} is neither ON 1 nor OFF 2")
    rules.check_time("time", told.time // 1000, now_s)
    site, plug = site_id(told.site_id), plug_id("plug_id", told.plug_id)
    is_on = told.resultant_state == ON
    return [CommandResult(told.time // 1000, site, plug, told.req_id, is_on, told.time)]


def announcement(body: bytes, now_s: int, _message_id: str, _rules: EventRules) -> list[Any]:
    """The plugs and fuses that a site has."""
    told = unpacked(body, contracts().DeviceAnnouncement)
    if len(told.plug_ids) > PLUGS_MAX:
        raise TooLargeError(f"plug_ids: {len(told.plug_ids)}, at most {PLUGS_MAX} are allowed")
    plugs = tuple(dict.fromkeys(plug_id("plug_ids", each) for each in told.plug_ids))
    fuses = tuple(dict.fromkeys(plug_id("fuze_ids", each) for each in told.fuze_ids))
    return [Announcement(now_s, site_id(told.site_id), plugs, fuses)]


def _taken(field: str, reading: Any, now_s: int, rules: EventRules) -> PlugTaken:
    """One reading of a chunk; raises an InputError."""
    rules.check_time(f"{field}.timestamp_ms", reading.timestamp_ms // 1000, now_s)
    ma = _milli(f"{field}.current", reading.current)
    mv = _milli(f"{field}.voltage", reading.voltage)
    if mv < 0:
        raise OutOfBoundsError(f"{field}.voltage: {reading.voltage} is below 0")
    if not 0 <= reading.energy_mwh <= REGISTER_MAX_MWH:
        raise OutOfBoundsError(f"{field}.energy_mwh: {reading.energy_mwh} is no register's")
    factor = reading.power_factor
    known = reading.state in ActualState.__members__.values()
    return PlugTaken(
        plug_id(f"{field}.plug_id", reading.plug_id),
        PlugReading(reading.timestamp_ms, max(ma, 0), mv, reading.energy_mwh),
        reading.state if known else ActualState.UNKNOWN,
        factor if math.isfinite(factor) else 0.0,
        plug_id(f"{field}.fuze_id", reading.fuze_id) if reading.fuze_id else "",
        NEGATIVE_CURRENT if ma < 0 else 0,
    )


def _milli(field: str, value: float) -> int:
    """A double in thousandths, to the nearest."""
    if not math.isfinite(value) or abs(value) * 1000 > MILLI_MAX:
        raise OutOfBoundsError(f"{field}: {value} must lie within +-{MILLI_MAX // 1000}")
    return round(value * 1000)


def plug_request(fields: PlugRequestFields, now_s: int, rules: EventRules) -> PlugRequest:
    """What a user asks of a plug."""
    if not fields.id:
        raise MissingIdError("id: a request needs an id, so that it is done once")
    check_event_id(fields.id)
    at_s = now_s
    if fields.time_requested is not None:
        at_s = second_in("time_requested", fields.time_requested)
        rules.check_time("time_requested", at_s, now_s)
    wanted = fields.requested_state
    if wanted not in WISHES:
        wanted = state_of(wanted).name
    plug, user = plug_id("plug_id", fields.plug_id), plug_id("user_id", fields.user_id)
    return PlugRequest(at_s, fields.id, plug, user, str(wanted), at_s * 1000)


def plug_settings(fields: PlugSettingsFields, now_s: int, _rules: EventRules) -> SiteSetting:
    """What is set of a plug."""
    return _setting(fields, now_s, fields.site_id, f"plug:{plug_id('id', fields.id)}")


def fuse_settings(fields: FuseSettingsFields, now_s: int, _rules: EventRules) -> SiteSetting:
    """What is set of a fuse."""
    if fields.parent == fields.id:
        raise WrongTypeError(f"parent: {shown(fields.id)} cannot stand before itself")
    return _setting(fields, now_s, fields.site_id, f"fuse:{plug_id('id', fields.id)}")


def site_settings(fields: SiteSettingsFields, now_s: int, _rules: EventRules) -> SiteSetting:
    """What is set of a site."""
    for key, rule in COORDINATES.items():
        told = getattr(fields, key)
        if isinstance(told, str) and told and not rule.fullmatch(told):
            raise WrongTypeError(f"{key}: {shown(told)} is not like -33.86785")
    return _setting(fields, now_s, fields.id, "site")


def _setting(fields: Any, now_s: int, site: str, name: str) -> SiteSetting:
    values: dict[str, str | int] = {}
    for key in fields.__struct_fields__:
        value = getattr(fields, key)
        if key in ("site_id", "id") or value is UNSET:
            continue
        if key == "current_limit":
            ma = scaled(value, 3, "current_limit")
            if not 0 <= ma <= MILLI_MAX:
                raise OutOfBoundsError(f"current_limit: {value} A must lie within 0 to 16777")
            values["limit_ma"] = ma
        else:
            values[key] = _text(key, value)
    return SiteSetting(now_s, site_id(site), name, values)


def site_id(text: str) -> str:
    """The id of a site; raises WrongTypeError for one that no topic can be named after."""
    if not SITE_ID.fullmatch(text):
        raise WrongTypeError(f"site_id: {shown(text)} is not 1 to 48 of A-Z a-z 0-9 _ . -")
    return text


def plug_id(field: str, text: str) -> str:
    """The id of a plug, a fuse or a user; raises an InputError."""
    if not 1 <= len(text.encode("utf-8", "surrogatepass")) <= ID_BYTES_MAX:
        raise TooLargeError(f"{field}: {shown(text)} must have 1 to {ID_BYTES_MAX} bytes")
    if not text.isprintable():
        raise WrongTypeError(f"{field}: {shown(text)} has characters that cannot be printed")
    return text


def _text(field: str, text: str) -> str:
    if len(text.encode()) > 1_000:
        raise TooLargeError(f"{field}: more than 1,000 bytes")
    return text


COMMANDS = (
    Command(
        name="plug_request",
        many="plug_requests",
        fields=PlugRequestFields,
        check=plug_request,
        time_field="time_requested",
        needs_id=True,
    ),
    Command(
        name="plug_settings",
        many="plugs_settings",
        fields=PlugSettingsFields,
        check=plug_settings,
        time_field="",
    ),
    Command(
        name="fuse_settings",
        many="fuses_settings",
        fields=FuseSettingsFields,
        check=fuse_settings,
        time_field="",
    ),
    Command(
        name="site_settings",
        many="sites_settings",
        fields=SiteSettingsFields,
        check=site_settings,
        time_field="",
    ),
)

TOPICS_TAKEN = (
    RawTopic(name=TELEMETRY, command=TELEMETRY, read=telemetry),
    RawTopic(name=COMMAND_RESULTS, command=COMMAND_RESULTS, read=command_result),
    RawTopic(name=NEW_DEVICES, command=NEW_DEVICES, read=announcement),
)
