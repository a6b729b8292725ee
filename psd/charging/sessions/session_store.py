"""Where sessions are kept: logs of their readings, and what they came to once they have ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from psd.charging.keys import (
    customer_sessions_key,
    latest_key,
    log_key_of,
    session_key_of,
    site_root,
    site_sessions_key,
    taken_key,
)
from psd.charging.plugs.plug_readings import NJ_A_KWH, PlugReading, unpack
from psd.charging.sessions.session_energy import STRIP_MS, session_number, strips
from psd.charging.sessions.session_prices import PriceStep, SessionPrice
from psd.charging.sites.site_store import PLUG_SPACE
from psd.charging.sites.site_view import latest_of
from psd.slices import give_way
from psd.store.kept import write_kept
from psd.store.keys import names_key, names_shard
from psd.store.lane import Command
from psd.store.redis import Store
from psd.store.scripts import Script
from psd.users import uid_of

SCANNED = 500

LOGS_AT_ONCE = 144
"""Logs that one command reads: those of a day, with a reading each 2 s 0.8 MB."""

LOGS_A_PAGE = 12
"""Logs that are read in one go where only the first readings are wanted: 2 hours of them."""

RELEASED_AT_ONCE = 14 * 144
"""Logs that one call lets go, some 3 us each: a session may have lasted for months."""
SESSIONS = "session"
"""The names of sessions by number, each with its site before it."""


class EarlierBill(msgspec.Struct, frozen=True):
    """What a session came to before it was corrected, and when that was known."""

    nj: int
    cents: int
    at_ms: int


class ChargeSession(msgspec.Struct, frozen=True):
    """A session that has ended (the original's Session), and how it was corrected since.

    Revision 0 is the bill of ``billed_cents``; each later one is an adjustment, the newest of
    ``difference_cents``. ``cents`` is all of it. It was computed of so many ``readings``, by
    ``cents_per_kwh`` or the ``prices`` of its time (-1 and none where that is not known), and so
    many ``mwh`` are booked of it.
    What stood before each correction is ``earlier``.
    """

    session_id: str
    start_ms: int
    finish_ms: int
    plug_id: str
    site_id: str
    owner_id: str
    nj: int
    cents: int
    billed_cents: int
    fuze_id: str = ""
    revision: int = 0
    difference_cents: int = 0
    corrected_ms: int = 0
    readings: int = 0
    mwh: int = 0
    cents_per_kwh: int = -1
    earlier: tuple[EarlierBill, ...] = ()
    prices: tuple[PriceStep, ...] | msgspec.UnsetType = msgspec.UNSET

    @property
    def price(self) -> SessionPrice | None:
        """That by which it was billed, None where it is not known."""
        if self.prices is msgspec.UNSET and self.cents_per_kwh < 0:
            return None
        return SessionPrice(self.cents_per_kwh, self.prices)

    @property
    def total_kwh(self) -> float:
        """As the original tells it."""
        return self.nj / NJ_A_KWH


_encode = msgspec.json.Encoder().encode
session_of = msgspec.json.Decoder(ChargeSession).decode


class NewestLogs(NamedTuple):
    """Logs, how many readings were ever kept of their plug, and whether none is behind them.

    Where it ``is_whole``, nothing came while it was read, either.
    """

    logs: list[bytes]
    taken: int
    is_whole: bool


class SessionStore:
    """Reads logs and keeps sessions; raises StoreUnavailableError when Redis is away."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._keep = Script("charging.session")
        self._release = Script("charging.release")

    async def logs(
        self, site: str, plug: str, first_ms: int, last_ms: int
    ) -> tuple[int, list[bytes]]:
        """Packed readings by ten minutes, and how many were kept at least of the plug. 1 trip.

        The number is read first: what is computed of the logs is of so many readings or more.
        """
        asked = _logs_asked(site, plug, strips(first_ms, last_ms))
        taken, *found = await self._store.writes.call_all([("HGET", taken_key(site), plug), *asked])
        return int(taken or 0), _logs_of(found)

    async def newest_logs(self, site: str, plug: str, first_ms: int, last_ms: int) -> NewestLogs:
        """Packed readings by ten minutes up to ten minutes behind a millisecond. 1 trip.

        How many were kept is read last: of readings that come meanwhile it tells too many.
        """
        read = strips(first_ms, last_ms + STRIP_MS)
        counted: Command = ("HGET", taken_key(site), plug)
        asked = _logs_asked(site, plug, read)
        before, *found, newest, taken = await self._store.writes.call_all(
            [counted, *asked, ("HGET", latest_key(site), plug), counted]
        )
        newest_ms = 0 if newest is None else latest_of(newest).ms
        is_whole = before == taken and newest_ms < read.stop * STRIP_MS
        return NewestLogs(_logs_of(found), int(taken or 0), is_whole)

    async def first_readings(
        self, site: str, plug: str, first_ms: int, last_ms: int, count: int
    ) -> list[PlugReading]:
        """The first readings of a plug from a millisecond to another, both included.

        Logs are read by some until there are enough, by more where there are none.
        """
        found: list[PlugReading] = []
        read, at_once = strips(first_ms, last_ms), LOGS_A_PAGE
        while read and len(found) < count:
            some, read = read[:at_once], read[at_once:]
            replies = await self._store.writes.call_all(_logs_asked(site, plug, some))
            logs = [log for log in _logs_of(replies) if log]
            at_once = LOGS_A_PAGE if logs else min(2 * at_once, LOGS_AT_ONCE)
            for log in logs:
                found += [each for each in unpack(log) if first_ms <= each.ms <= last_ms]
            await give_way()
        return found[:count]

    async def keep(self, site: str, session: ChargeSession, revision: int) -> ChargeSession:
        """Keep a session in the place of a revision, -1 for none; what is kept then. 1 trip."""
        command: Command = (
            *("EVALSHA", self._keep.sha, 1, site_root(site), session.session_id),
            *(revision, _encode(session), session.finish_ms),
        )
        [held] = await write_kept(self._store, [command])
        return session_of(held)

    async def release(self, session: ChargeSession, kept_s: int) -> int:
        """Let the readings of a session that has ended go after a time; its logs.

        A trip each fortnight of it.
        """
        found = 0
        uid, logs = uid_of(PLUG_SPACE, session.plug_id), strips(session.start_ms, session.finish_ms)
        while logs:
            some, logs = logs[:RELEASED_AT_ONCE], logs[RELEASED_AT_ONCE:]
            command: Command = (
                *("EVALSHA", self._release.sha, 1, site_root(session.site_id), session.plug_id),
                *(uid, some.start, some.stop - 1, kept_s),
            )
            [there] = await write_kept(self._store, [command])
            found += int(there)
        return found

    async def taken_at_least(self, site: str, plug: str, taken: int) -> int:
        """Raise how many readings were kept of a plug to a number; what it is then. 2 trips."""
        key = taken_key(site)
        held = int(await self._store.writes.call(("HGET", key, plug)) or 0)
        missing = max(0, taken - held)
        [now] = await write_kept(self._store, [("HINCRBY", key, plug, missing)])
        return int(now)

    async def taken(self, site: str, plug: str) -> int:
        """How many readings were ever kept of a plug. 1 trip."""
        return int(await self._store.reads.call(("HGET", taken_key(site), plug)) or 0)

    async def session(self, site: str, id_: str) -> ChargeSession | None:
        """A session that has ended. 1 trip."""
        held = await self._store.writes.call(("GET", session_key_of(site, id_)))
        return None if held is None else session_of(held)

    async def note(self, session: ChargeSession) -> None:
        """List it among its customer's, and note where it is. 1 trip."""
        member = f"{session.site_id}/{session.session_id}"
        number = session_number(session.session_id)
        await write_kept(
            self._store,
            [
                ("ZADD", customer_sessions_key(session.owner_id), session.finish_ms, member),
                ("HSETNX", names_key(names_shard(number), SESSIONS), number, member),
            ],
        )

    async def around(self, site: str, first_ms: int, last_ms: int) -> list[ChargeSession]:
        """Sessions of a site that ended from a millisecond on, and began up to another. 2 trips."""
        ids = await self._store.writes.call(
            ("ZRANGEBYSCORE", site_sessions_key(site), first_ms, "+inf")
        )
        return [
            each
            for each in await self._sessions(site, [id_.decode() for id_ in ids])
            if each.start_ms <= last_ms
        ]

    async def ids(self, site: str) -> list[str]:
        """Every session of a site that has ended. 1 trip a page of SCANNED."""
        found: list[str] = []
        cursor = b"0"
        while True:
            asked = ("ZSCAN", site_sessions_key(site), cursor, "COUNT", SCANNED)
            cursor, flat = await self._store.writes.call(asked)
            found += [id_.decode() for id_ in flat[::2]]
            if cursor == b"0":
                return sorted({*found})

    async def newest(self, site: str, count: int) -> list[ChargeSession]:
        """The newest sessions of a site, the newest first. 2 trips."""
        ids = await self._store.reads.call(("ZRANGE", site_sessions_key(site), 0, count - 1, "REV"))
        return await self._sessions(site, [id_.decode() for id_ in ids])

    async def of_customer(self, customer: str, count: int) -> list[ChargeSession]:
        """The newest sessions of a customer, the newest first. 1 trip, and 1 a site."""
        asked = ("ZRANGE", customer_sessions_key(customer), 0, count - 1, "REV")
        ids: dict[str, list[str]] = {}
        for member in await self._store.reads.call(asked):
            site, _, id_ = member.decode().partition("/")
            ids.setdefault(site, []).append(id_)
        found = [each for site in ids for each in await self._sessions(site, ids[site])]
        return sorted(found, key=lambda each: (each.finish_ms, each.session_id), reverse=True)

    async def _sessions(self, site: str, ids: Sequence[str]) -> list[ChargeSession]:
        if not ids:
            return []
        found = await self._store.writes.call(("MGET", *(session_key_of(site, id_) for id_ in ids)))
        return [session_of(held) for held in found if held is not None]


def _logs_asked(site: str, plug: str, read: range) -> list[Command]:
    """Logs of ten minutes, as many a command as one may read."""
    uid = uid_of(PLUG_SPACE, plug)
    keys = [log_key_of(site, uid, strip) for strip in read]
    return [
        ("MGET", *keys[start : start + LOGS_AT_ONCE]) for start in range(0, len(keys), LOGS_AT_ONCE)
    ]


def _logs_of(replies: Sequence[Sequence[bytes | None]]) -> list[bytes]:
    return [log or b"" for reply in replies for log in reply]
