"""Carries out what steps have decided: whoever decided it at once, else anybody.

An effect is in its site's outbox from the commit that decided it until it is known to be carried
out. A process that is killed in between leaves it there; the clock of any worker carries it out
some two seconds later. Each is safe to carry out twice (psd/charging/effects.py)::

    commit 17, 18 ── carry out 17 ── carry out 18 ── done [17, 18]
                        └ killed
                          2 s later, another worker: left -> [17, 18] ── ...
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from psd.charging.charging_metrics import OutboxMetrics
from psd.charging.effects import (
    Acknowledge,
    AnyEffect,
    BookSession,
    CloseSession,
    RecountSessions,
    SwitchRelay,
    TellArchive,
)
from psd.charging.sessions.charge_sessions import ChargeSessions
from psd.charging.sites.site_decisions import SiteArchive
from psd.charging.sites.site_store import SiteStore
from psd.charging.wire import (
    ACKNOWLEDGED,
    OFF,
    ON,
    acknowledgements_topic,
    commands_topic,
    contracts,
    packed,
)
from psd.errors import UnavailableError
from psd.failpoints import reach

log = logging.getLogger("charging")

Publish = Callable[[str, Sequence[bytes]], Awaitable[None]]
"""Returns once the queue has bodies of a topic; raises QueueUnavailableError."""


class Outbox:
    """Carries out effects of all sites."""

    def __init__(
        self,
        store: SiteStore,
        sessions: ChargeSessions,
        archive: SiteArchive,
        publish: Publish,
        metrics: OutboxMetrics,
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._archive = archive
        self._publish = publish
        self._metrics = metrics

    async def carry_out(
        self, site: str, effects: Sequence[tuple[int, AnyEffect]], now_ms: int
    ) -> bool:
        """Carry effects out, those of a plug in their order; whether all are.

        What a dependency is away for stays in the outbox, and so does what comes behind it: what
        else is to be done of the same plug, and what is told of all of them.
        """
        done: list[int] = []
        chains = [self._in_order(site, chain, done) for chain in _by_plug(effects)]
        ended = await asyncio.gather(*chains, return_exceptions=True)
        failed = [each for each in ended if isinstance(each, BaseException)]
        if not failed and all(ended):
            await self._in_order(site, _told_last(effects), done)
        if done:
            left = await self._store.done(site, sorted(done), now_ms)
            self._metrics.left.set(left)
            reach("charging_done")
        if failed:
            raise failed[0]
        return len(done) == len(effects)

    async def _in_order(
        self, site: str, effects: Sequence[tuple[int, AnyEffect]], done: list[int]
    ) -> bool:
        """One after the other, up to one that a dependency is away for; whether all are done."""
        for number, effect in effects:
            reach("charging_effect")
            try:
                await self._carry_out(site, effect)
            except UnavailableError as error:
                self._metrics.effects.labels(_kind(effect), "unavailable").inc()
                log.warning("an effect waits", extra={"site": site, "error": str(error)})
                return False
            done.append(number)
            self._metrics.effects.labels(_kind(effect), "done").inc()
        return True

    async def carry_out_left(self, site: str, now_ms: int) -> int:
        """Carry out what somebody left; how much that was."""
        left = await self._store.left(site)
        if left:
            await self.carry_out(site, left, now_ms)
        else:
            await self._store.done(site, (), now_ms)
        return len(left)

    async def _carry_out(self, site: str, effect: AnyEffect) -> None:
        if isinstance(effect, SwitchRelay):
            await self._publish(commands_topic(site), [packed(_command(site, effect))])
            self._metrics.commands.labels(on_or_off(is_on=effect.is_on), "sent").inc()
        elif isinstance(effect, Acknowledge):
            await self._publish(acknowledgements_topic(site), [ACKNOWLEDGED])
        elif isinstance(effect, CloseSession):
            await self._sessions.close(site, effect)
        elif isinstance(effect, BookSession):
            await self._sessions.book(site, effect)
        elif isinstance(effect, RecountSessions):
            await self._sessions.recount(site, effect)
        else:
            assert isinstance(effect, TellArchive)
            await self._archive.tell_plugs(site, effect.plugs)


def _by_plug(effects: Sequence[tuple[int, AnyEffect]]) -> list[list[tuple[int, AnyEffect]]]:
    """What is to be done of each plug, in its order; an acknowledgement is of none."""
    found: dict[str, list[tuple[int, AnyEffect]]] = {}
    for number, effect in effects:
        if not isinstance(effect, TellArchive):
            plug = "" if isinstance(effect, Acknowledge) else effect.plug
            found.setdefault(plug, []).append((number, effect))
    return [*found.values()]


def _told_last(effects: Sequence[tuple[int, AnyEffect]]) -> list[tuple[int, AnyEffect]]:
    return [each for each in effects if isinstance(each[1], TellArchive)]


def _command(site: str, effect: SwitchRelay) -> object:
    return contracts().LocalStateRequest(
        id=effect.command_id,
        plug_id=effect.plug,
        site_id=site,
        requested_state=ON if effect.is_on else OFF,
        request_time=effect.at_ms,
    )


def on_or_off(*, is_on: bool) -> str:
    """How a metric calls what a relay is to be."""
    return "on" if is_on else "off"


def _kind(effect: AnyEffect) -> str:
    return str(effect.__struct_config__.tag)
