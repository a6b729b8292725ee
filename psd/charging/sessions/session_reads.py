"""Sessions that have ended, page by page: of a customer, a site, or all sites, the newest first.

::

    await reads.page(SessionScope(customer="u1"), after_ms=0, before=None, limit=2)
    -> [session that ended last, the one before], SessionMark(1723940006000, "s1/id-2")

Pages are told apart by the end of a session, and of those of one millisecond by site and id.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from psd.charging.keys import customer_sessions_key, session_key_of, site_sessions_key
from psd.charging.sessions.session_energy import session_number
from psd.charging.sessions.session_store import SESSIONS, ChargeSession, session_of
from psd.charging.sites.site_store import SiteStore, pairs
from psd.errors import BadQueryError
from psd.foreign_texts import shown
from psd.slices import sorted_in_slices
from psd.store.keys import names_key, names_shard
from psd.store.lane import Command
from psd.store.redis import Store

PAGE = 500
LOOKED_AT_MAX = 10_000
"""Sessions that one page looks at, to find those of a plug."""

LEAST = 4
"""Marks of a list that are read at first, where many lists are."""

_NEWEST_FIRST = ("BYSCORE", "REV", "LIMIT", 0)
_MARK = re.compile(r"(\d{1,15})/(.{1,300})", re.DOTALL)


class SessionMark(msgspec.Struct, frozen=True, order=True):
    """Where a page ends; sites and ids are ``site/id``."""

    ms: int
    member: str

    @property
    def text(self) -> str:
        """As an answer tells it."""
        return f"{self.ms}/{self.member}"


class SessionScope(msgspec.Struct, frozen=True):
    """Whose sessions: a customer's, or a site's, or everybody's; of a plug, if one is named."""

    customer: str = ""
    site: str = ""
    plug: str = ""


def mark_of(text: str, field: str = "before") -> SessionMark:
    """The end of a page, from its text; raises BadQueryError."""
    found = _MARK.fullmatch(text)
    if found is None:
        raise BadQueryError(f"{field}: {shown(text)} is no `next` of sessions")
    return SessionMark(int(found[1]), found[2])


class SessionReads:
    """Of all sites; raises StoreUnavailableError when Redis is away."""

    def __init__(self, store: Store, sites: SiteStore) -> None:
        self._store = store
        self._sites = sites

    async def session(self, id_: str) -> ChargeSession | None:
        """A session that has ended. 2 trips."""
        number = session_number(id_)
        member = await self._store.writes.call(
            ("HGET", names_key(names_shard(number), SESSIONS), number)
        )
        if member is None:
            return None
        site, _, own = member.decode().partition("/")
        held = await self._store.writes.call(("GET", session_key_of(site, own)))
        return None if held is None or own != id_ else session_of(held)

    async def page(
        self, scope: SessionScope, after_ms: int, before: SessionMark | None, limit: int
    ) -> tuple[list[ChargeSession], SessionMark | None]:
        """The newest sessions behind a millisecond and before a mark; the mark of those left."""
        lists = await self._lists(scope)
        found: list[tuple[SessionMark, ChargeSession]] = []
        looked_at = 0
        while looked_at < LOOKED_AT_MAX:
            marks = await self._marks(lists, after_ms, before, PAGE)
            for mark, session in await self._sessions(marks):
                if _is_in(scope, session):
                    found.append((mark, session))
            if len(found) > limit or len(marks) < PAGE:
                break
            looked_at += len(marks)
            before = marks[-1]
        else:
            return [session for _, session in found], before
        following = found[limit - 1][0] if len(found) > limit else None
        return [session for _, session in found[:limit]], following

    async def _lists(self, scope: SessionScope) -> list[tuple[str, str]]:
        """Lists of sessions, each with what stands before its members."""
        if scope.customer:
            return [("", customer_sessions_key(scope.customer))]
        sites = [scope.site] if scope.site else await self._sites.sites()
        return [(f"{site}/", site_sessions_key(site)) for site in sites]

    async def _marks(
        self,
        lists: Sequence[tuple[str, str]],
        after_ms: int,
        before: SessionMark | None,
        count: int,
    ) -> list[SessionMark]:
        """The newest marks before one, however many end in one millisecond.

        Of many lists few are read of each at first, then more of those that may have newer ones.
        """
        sizes = [max(2 * count // len(lists), LEAST)] * len(lists) if len(lists) > 1 else [count]
        held: list[list[SessionMark]] = [[]] * len(lists)
        asked = [*range(len(lists))]
        found: list[SessionMark] = []
        while asked:
            some = [(lists[at], sizes[at]) for at in asked]
            for at, marks in zip(asked, await self._read(some, after_ms, before), strict=True):
                held[at] = marks
            every = await sorted_in_slices([mark for marks in held for mark in marks])
            found = [mark for mark in reversed(every) if before is None or mark < before][:count]
            asked = [
                at
                for at in asked
                if len(held[at]) == sizes[at] and (len(found) < count or held[at][-1] > found[-1])
            ]
            for at in asked:
                sizes[at] *= 2
        return found

    async def _read(
        self,
        lists: Sequence[tuple[tuple[str, str], int]],
        after_ms: int,
        before: SessionMark | None,
    ) -> list[list[SessionMark]]:
        """The newest marks of each list, so many as are asked of it, the newest first. 1 trip."""
        most = "+inf" if before is None else before.ms
        replies = await self._store.reads.call_all(
            [
                ("ZRANGE", key, most, f"({after_ms}", *_NEWEST_FIRST, size, "WITHSCORES")
                for (_, key), size in lists
            ]
        )
        return [
            [SessionMark(int(score), prefix + member.decode()) for member, score in pairs(reply)]
            for ((prefix, _), _), reply in zip(lists, replies, strict=True)
        ]

    async def _sessions(
        self, marks: Sequence[SessionMark]
    ) -> list[tuple[SessionMark, ChargeSession]]:
        if not marks:
            return []
        asked: list[Command] = []
        for mark in marks:
            site, _, id_ = mark.member.partition("/")
            asked.append(("GET", session_key_of(site, id_)))
        replies = await self._store.reads.call_all(asked)
        return [
            (mark, session_of(held))
            for mark, held in zip(marks, replies, strict=True)
            if held is not None
        ]


def _is_in(scope: SessionScope, session: ChargeSession) -> bool:
    return (
        scope.plug in ("", session.plug_id)
        and scope.site in ("", session.site_id)
        and scope.customer in ("", session.owner_id)
    )
