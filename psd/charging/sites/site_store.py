"""Where sites are kept: scripts and reads of one site's keys, one slot each.

::

    take("s1", telemetry)          -> [1, 1, -1]    readings that were new; -1: no such plug
    view("s1")                     -> SiteView      4 commands, 1 trip
    commit("s1", Decided(...))     -> [17, 18]      numbers of its effects in the outbox
    done("s1", [17, 18])

A commit of what was decided of something older is a ChangedError, and nothing is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgpack
import msgspec

from psd.charging.charging_changes import PlugRequest, PlugTaken, Telemetry
from psd.charging.effects import AnyEffect, effect_of, packed_effect
from psd.charging.keys import (
    PLACES_KEY,
    SITES_KEY,
    due_key,
    latest_key,
    outbox_key,
    plugs_key,
    requests_key,
    rings_key,
    site_root,
    site_settings_key,
)
from psd.charging.plugs.machine import PlugMoved
from psd.charging.plugs.plug import Plug, packed_plug, plug_of
from psd.charging.plugs.plug_readings import READING_BYTES, pack
from psd.charging.plugs.plug_rings import PlugRing
from psd.charging.settings import ChargingSettings
from psd.charging.sites.site_view import LatestReading, SiteView, packed_latest, settings_of
from psd.errors import ChangedError, StoreError
from psd.store.kept import write_kept
from psd.store.keys import names_key, names_shard
from psd.store.lane import Command
from psd.store.redis import Store
from psd.store.scripts import Script
from psd.users import uid_of
from psd.zones import DATE_S

PLUG_SPACE = "plug"
TRANSITIONS_MAX = 10_000
LEFTOVER_MS = 2_000
"""So long an effect is its decider's; then it is anybody's."""

OUTBOX = ""
"""Stands among the due plugs for the outbox."""

EFFECTS_AT_ONCE = 200
REQUEST_DAYS = 2


class RequestResult(msgspec.Struct, frozen=True):
    """What a request came to (UserRequestResult), and what it was."""

    time_entered_state: int
    status: int
    reason: str
    plug: str
    user: str
    wanted: str
    time_requested: int = 0


class Decided(msgspec.Struct, kw_only=True):
    """What is to be kept, and the versions that it was decided of.

    ``dues`` are plug, the due time that was seen (None for any) and the next one (None for none).
    """

    versions: dict[str, int]
    plugs: dict[str, Plug] = {}
    dues: list[tuple[str, int | None, int | None]] = []
    moved: list[tuple[str, PlugMoved]] = []
    request: tuple[PlugRequest, RequestResult] | None = None
    effects: list[AnyEffect] = []


class SiteStore:
    """Keeps and reads sites; raises StoreUnavailableError when Redis is away."""

    def __init__(self, store: Store, settings: ChargingSettings) -> None:
        self._store = store
        self._settings = settings
        self._take = Script("charging.take")
        self._commit = Script("charging.commit")
        self._done = Script("charging.done")

    async def take(
        self, telemetry: Telemetry, now_ms: int, *, recounts: bool = True
    ) -> dict[str, int]:
        """Keep a chunk; how many readings of each plug were new, -1 for an unknown plug. 1 trip.

        It ``recounts`` sessions that have ended, where readings of them are new.
        """
        flat: list[Any] = []
        plugs = _by_plug(telemetry.readings)
        for plug, readings in plugs.items():
            packed = b"".join(pack(each.reading) for each in readings)
            newest = packed_latest(_latest_reading(readings[-1]))
            flat += (plug, str(uid_of(PLUG_SPACE, plug)), packed, newest)
        told = await self._call(
            self._take.sha,
            telemetry.site,
            msgpack.packb(flat, use_bin_type=False),
            self._settings.ring * READING_BYTES,
            now_ms,
            now_ms - self._settings.late_max_s * 1000,
            self._settings.readings_kept_s,
            int(recounts),
        )
        return dict(zip(plugs, told, strict=True))

    async def view(self, site: str) -> SiteView:
        """A site as it is. 1 trip."""
        plugs, rings, settings, latest = await self._store.writes.call_all(
            [
                ("HGETALL", plugs_key(site)),
                ("HGETALL", rings_key(site)),
                ("HGETALL", site_settings_key(site)),
                ("HGETALL", latest_key(site)),
            ]
        )
        return SiteView(
            site,
            _plugs_of(plugs),
            {name.decode(): PlugRing(held) for name, held in pairs(rings)},
            settings_of(tuple(settings)),
            {name.decode(): held for name, held in pairs(latest)},
        )

    async def plugs(self, site: str, *names: str) -> dict[str, Plug]:
        """Plugs of a site by these names, or all, without what is around them. 1 trip."""
        key = plugs_key(site)
        if not names:
            return _plugs_of(await self._store.writes.call(("HGETALL", key)))
        found = await self._store.writes.call(("HMGET", key, *names))
        return {
            name: plug_of(held) for name, held in zip(names, found, strict=True) if held is not None
        }

    async def commit(self, site: str, decided: Decided, now_ms: int) -> list[int]:
        """Keep what was decided; numbers of its effects. 1 trip. Raises ChangedError."""
        plugs = [each for name, plug in decided.plugs.items() for each in (name, packed_plug(plug))]
        packed = msgpack.packb(
            [
                [each for pair in decided.versions.items() for each in pair],
                plugs,
                [
                    each
                    for name, seen, due in decided.dues
                    for each in (name, -1 if seen is None else seen, -1 if due is None else due)
                ],
                [_told(name, moved) for name, moved in decided.moved],
                _asked(decided.request, now_ms),
                [packed_effect(each) for each in decided.effects],
                _opened(decided, now_ms),
            ],
            use_bin_type=False,
        )
        last = await self._call(
            self._commit.sha, site, packed, now_ms + LEFTOVER_MS, TRANSITIONS_MAX
        )
        return [*range(last - len(decided.effects) + 1, last + 1)]

    async def done(self, site: str, numbers: Sequence[int], now_ms: int) -> int:
        """Effects were carried out; how many are left. 1 trip."""
        packed = msgpack.packb([*numbers])
        left: int = await self._call(self._done.sha, site, packed, now_ms + LEFTOVER_MS)
        return left

    async def left(self, site: str) -> list[tuple[int, AnyEffect]]:
        """What stands in the outbox, in its order. 1 trip."""
        found = await self._store.writes.call(("HGETALL", outbox_key(site)))
        left = sorted((int(number), held) for number, held in pairs(found))
        return [(number, effect_of(held)) for number, held in left[:EFFECTS_AT_ONCE]]

    async def due(self, sites: Sequence[str], now_ms: int) -> dict[str, dict[str, int]]:
        """What is due at sites, by its time; the outbox is :data:`OUTBOX`. 1 trip."""
        found = await self._store.writes.call_all(
            [("ZRANGEBYSCORE", due_key(site), "-inf", now_ms, "WITHSCORES") for site in sites]
        )
        return {
            site: {name.decode(): int(score) for name, score in pairs(flat)}
            for site, flat in zip(sites, found, strict=True)
            if flat
        }

    async def sites(self) -> list[str]:
        """Sites that ever had a plug. 1 trip."""
        found = await self._store.reads.call(("SMEMBERS", SITES_KEY))
        return sorted(each.decode() for each in found)

    async def place(self, plug: str, site: str) -> str:
        """Note where a plug is; where it was before, if it was. 1 trip."""
        uid = uid_of(PLUG_SPACE, plug)
        commands: list[Command] = [
            ("SADD", SITES_KEY, site),
            ("HSETNX", PLACES_KEY, plug, site),
            ("HGET", PLACES_KEY, plug),
            ("HSETNX", names_key(names_shard(uid), PLUG_SPACE), uid, plug.encode()),
        ]
        replies = await write_kept(self._store, commands)
        held: bytes = replies[2]
        return held.decode()

    async def site_of(self, plug: str) -> str | None:
        """Where a plug is; None for one that nobody announced. 1 trip."""
        held = await self._store.reads.call(("HGET", PLACES_KEY, plug))
        return None if held is None else held.decode()

    async def set(self, site: str, name: str, values: Mapping[str, str | int]) -> None:
        """Set something of a site; what is left out stays. 1 trip."""
        flat = [each for key, value in values.items() for each in (f"{key}:{name}", value)]
        if flat:
            await write_kept(self._store, [("HSET", site_settings_key(site), *flat)])

    async def requested(self, site: str, id_: str, now_ms: int) -> RequestResult | None:
        """What a request came to before. 1 trip."""
        days = [day_of(now_ms) - back for back in range(REQUEST_DAYS)]
        found = await self._store.writes.call_all(
            [("HGET", requests_key(site, day), id_) for day in days]
        )
        held = next((each for each in found if each is not None), None)
        return None if held is None else msgspec.json.decode(held, type=RequestResult)

    async def _call(self, sha: bytes, site: str, *arguments: Any) -> Any:
        command: Command = ("EVALSHA", sha, 1, site_root(site), *arguments)
        try:
            [reply] = await write_kept(self._store, [command])
        except StoreError as error:
            if "PSD_CHANGED" in str(error):
                raise ChangedError(str(error)) from error
            raise
        return reply


def _by_plug(readings: Sequence[PlugTaken]) -> dict[str, list[PlugTaken]]:
    """Readings by plug, each plug's in order of time."""
    found: dict[str, list[PlugTaken]] = {}
    for each in readings:
        found.setdefault(each.plug, []).append(each)
    for listed in found.values():
        listed.sort(key=lambda each: each.reading.ms)
    return found


def _latest_reading(taken: PlugTaken) -> LatestReading:
    reading = taken.reading
    return LatestReading(
        reading.ms,
        reading.ma,
        reading.mv,
        taken.state,
        taken.power_factor,
        taken.fuse,
        taken.flags,
    )


def _told(name: str, moved: PlugMoved) -> bytes:
    """A transition as it is remembered (StateMachineTransition, and where it came from)."""
    return msgspec.json.encode(
        {
            "id": moved.id,
            "state": moved.target,
            "reason": moved.cause,
            "time_ms": moved.time_ms,
            "plug_id": name,
            "owner_id": moved.owner,
            "from": moved.source,
            "session_id": moved.session_id,
        }
    )


def _opened(decided: Decided, now_ms: int) -> list[str | int]:
    """Plugs whose sessions begin now, with their numbers."""
    return [
        each
        for name, plug in decided.plugs.items()
        if plug.session_id and plug.session_start_ms == now_ms
        for each in (name, str(uid_of(PLUG_SPACE, name)), now_ms)
    ]


def _asked(request: tuple[PlugRequest, RequestResult] | None, now_ms: int) -> list[Any]:
    if request is None:
        return []
    asked, result = request
    kept_s = REQUEST_DAYS * DATE_S
    return [day_of(now_ms), asked.id, msgspec.json.encode(result), kept_s]


def _plugs_of(flat: Sequence[bytes]) -> dict[str, Plug]:
    return {name.decode(): plug_of(held) for name, held in pairs(flat)}


def day_of(now_ms: int) -> int:
    """The day that requests of a millisecond are remembered under."""
    return now_ms // 1000 // DATE_S


def pairs(flat: Sequence[bytes]) -> zip[tuple[bytes, bytes]]:
    """Fields and values, or members and scores, as Redis tells them."""
    return zip(flat[::2], flat[1::2], strict=True)
