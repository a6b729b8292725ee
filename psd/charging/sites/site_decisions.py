"""What is archived of sites, so that a replay has plugs and sessions as they were.

Chunks, answers and requests are in the archive as they came, and no replay decides anew what
followed from them. So what plugs became is archived too, and what sessions came to with the energy
that was booked of them; both from the outbox, so that neither is missing, whoever is killed::

    {"command":"decision","decision":{"kind":"plugs_stepped","version":0,"site":"s1",
        "plugs":{"p1":[1723939200007,15,1723939201000,...]}}}
    {"command":"decision","decision":{"kind":"session_told","version":0,"site":"s1",
        "session":{"session_id":"id-2","cents":12,...},"taken":403,"first_s":1723939200,
        "cells":[38667,40000,...]}}

A plug is known by its version, a session by its revision: they are put back in any order and
however often.
"""

from __future__ import annotations

from collections.abc import Mapping

from psd.archive.decisions import Decision, Kinds, entry_of, kinds_of
from psd.archive.writer import Appends, NoArchive
from psd.charging.plugs.plug import Plug
from psd.charging.sessions.session_energy import CELL_S
from psd.charging.sessions.session_store import ChargeSession
from psd.clock import Clock


class PlugsStepped(Decision, frozen=True, tag="plugs_stepped", kw_only=True):
    """What plugs of a site have become."""

    site: str
    plugs: dict[str, Plug]


class SessionTold(Decision, frozen=True, tag="session_told", kw_only=True):
    """A session that has ended, as it stands, and what is booked of it.

    ``cells`` are mWh of a minute each from ``first_s`` on, None where nothing is known; they are of
    so many readings of the plug as ``taken`` says.
    """

    site: str
    session: ChargeSession
    taken: int
    first_s: int = 0
    cells: tuple[int | None, ...] = ()

    @property
    def booked(self) -> dict[int, int]:
        """MWh by the first second of their minute."""
        return {
            self.first_s + at * CELL_S: mwh for at, mwh in enumerate(self.cells) if mwh is not None
        }


SITE_KINDS: Kinds = kinds_of(PlugsStepped, SessionTold)


def session_told(
    site: str, session: ChargeSession, taken: int, booked: Mapping[int, int]
) -> SessionTold:
    """A session with the cells that are booked of it."""
    first_s, last_s = min(booked, default=0), max(booked, default=-CELL_S)
    cells = tuple(booked.get(second) for second in range(first_s, last_s + CELL_S, CELL_S))
    return SessionTold(site=site, session=session, taken=taken, first_s=first_s, cells=cells)


class SiteArchive:
    """Archives both; raises ArchiveUnavailableError."""

    def __init__(self, archive: Appends, clock: Clock) -> None:
        self.is_kept = not isinstance(archive, NoArchive)
        self._archive = archive
        self._clock = clock

    async def tell_plugs(self, site: str, plugs: Mapping[str, Plug]) -> None:
        """Archive what plugs have become."""
        await self._append(PlugsStepped(site=site, plugs=dict(plugs)))

    async def tell_session(
        self, site: str, session: ChargeSession, taken: int, booked: Mapping[int, int]
    ) -> None:
        """Archive what a session came to."""
        if self.is_kept:
            await self._append(session_told(site, session, taken, booked))

    async def _append(self, decision: Decision) -> None:
        await self._archive.append([entry_of(decision, self._clock.now_ms())])
