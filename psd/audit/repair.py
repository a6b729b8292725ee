"""The commands that make an owner's keys what they should be. Pure.

A key that stays keeps its lifetime; one that is made anew gets the lifetime of its level, as
booking would give it.

>>> list(repair_commands("psd:{p0}:7:1:", {"y": {b"2016": b"5"}}, {"y": {b"2016": b"4"}}, {}))
[('HSET', 'psd:{p0}:7:1:y', b'2016', b'4')]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from psd.audit.holdings import Content, Contents
from psd.config import BookingSettings, RetentionSettings
from psd.store.keys import kind_of
from psd.store.lane import Command

FIELDS_MAX = 500
"""Fields of one command: a longer one would hold the server while it is parsed."""


def level_lifetimes(retention: RetentionSettings, booking: BookingSettings) -> dict[str, int]:
    """Seconds that keys of each level live; levels that live for ever are left out."""
    levels = ("year", "month", "week", "day", "second", "activity")
    seconds = {level: int(getattr(retention, f"{level}_s")) for level in levels}
    if seconds["activity"]:
        seconds["activity"] += booking.max_event_lead_s
    return {level: lifetime_s for level, lifetime_s in seconds.items() if lifetime_s}


def repair_commands(
    prefix: str, found: Contents, expected: Contents, lifetimes_s: Mapping[str, int]
) -> Iterator[Command]:
    """Commands that turn ``found`` into ``expected``."""
    for suffix in sorted(found.keys() | expected.keys()):
        stands, should = found.get(suffix), expected.get(suffix)
        if stands == should:
            continue
        key = prefix + suffix
        if not should:
            yield ("DEL", key)
            continue
        yield from _writes(key, stands, should)
        kind = kind_of(key)
        if stands is None and kind is not None and kind.level in lifetimes_s:
            yield ("EXPIRE", key, lifetimes_s[kind.level])


def _writes(key: str, stands: Content | None, should: Content) -> Iterator[Command]:
    if isinstance(should, bytes):
        yield ("SET", key, should) if stands is None else ("SET", key, should, "KEEPTTL")
        return
    fields = stands if isinstance(stands, dict) else {}
    # Set first: a hash whose last field is dropped is gone, and with it its lifetime.
    changed = [part for item in should.items() if fields.get(item[0]) != item[1] for part in item]
    for at in range(0, len(changed), 2 * FIELDS_MAX):
        yield ("HSET", key, *changed[at : at + 2 * FIELDS_MAX])
    dropped = sorted(fields.keys() - should.keys())
    for at in range(0, len(dropped), FIELDS_MAX):
        yield ("HDEL", key, *dropped[at : at + FIELDS_MAX])
