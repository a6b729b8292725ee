"""A site: reads its plugs, tells the queue, and does what it is told.

Everything that it says goes through the spool, so nothing is lost while nsqd is away::

    read       each 2 s   one chunk of all plugs that answer       -> telemetry
    announce   at start, each 10 min, until it is acknowledged     -> new_devices
    obey       a command                                           -> command_results
    forward    the spool to the queue, the oldest first

A relay is switched on for ``deadman_s`` and told again each third of it, as long as nsqd answers:
when the site, its machine or the network dies, the relay goes off by itself. Of the commands for a
plug the newest counts, by the time of its request; one to switch on that is older than STALE_S is
refused, as the queue may bring it hours later; one to switch off never is. What is answered is what
the relay says of itself then.
"""

from __future__ import annotations

import logging
from typing import Any, Protocol

from psd.charging.plugs.states import ActualState
from psd.charging.sites.site_plugs import SitePlugs
from psd.charging.sites.site_spool import Spool
from psd.charging.sources.shelly import SwitchStatus
from psd.charging.wire import COMMAND_RESULTS, NEW_DEVICES, OFF, ON, TELEMETRY, contracts
from psd.charging.wire import packed as pack
from psd.charging.wire import unpacked as unpack
from psd.clock import Clock
from psd.errors import DeviceUnavailableError, InputError, QueueUnavailableError

log = logging.getLogger("charging.site")

STALE_S = 60
AT_ONCE = 100
ANSWERS_S = 30
"""So long after it took something, nsqd is taken to answer."""


class Publishes(Protocol):
    """Whoever puts messages on topics of the queue."""

    async def publish(self, topic: str, bodies: list[bytes]) -> None:
        """Return once the queue has them; raises QueueUnavailableError."""
        ...


class RelayManager:
    """One site."""

    def __init__(
        self,
        site: str,
        plugs: SitePlugs,
        spool: Spool,
        queue: Publishes,
        clock: Clock,
        deadman_s: int,
    ) -> None:
        self._site = site
        self._plugs = plugs
        self._spool = spool
        self._queue = queue
        self._clock = clock
        self._deadman_s = deadman_s
        self._newest: dict[str, int] = {}
        self._on: set[str] = set()
        self._answered_ms = -(10**15)
        self.is_acknowledged = False

    async def read(self) -> int:
        """Read all plugs into one chunk; how many answered. Nothing is sent of none."""
        found = await self._plugs.read()
        if found:
            chunk = contracts().ReadingChunk(site_id=self._site)
            now_ms = self._clock.now_ms()
            for plug, status in found.items():
                chunk.readings.append(self._reading(plug, status, now_ms))
            self._spool.put(TELEMETRY, pack(chunk), now_ms)
        return len(found)

    def _reading(self, plug: str, status: SwitchStatus, now_ms: int) -> Any:
        return contracts().Reading(
            state=ActualState.ON if status.output else ActualState.OFF,
            current=status.current,
            voltage=status.voltage,
            power_factor=status.pf,
            timestamp_ms=now_ms,
            plug_id=plug,
            fuze_id=self._plugs.fuses[plug],
            energy_mwh=status.energy_mwh,
        )

    async def announce(self) -> None:
        """Look for devices, and say what there is, unless that was acknowledged."""
        if await self._plugs.find():
            self.is_acknowledged = False
        if not self.is_acknowledged and self._plugs.plugs:
            told = contracts().DeviceAnnouncement(
                site_id=self._site,
                plug_ids=self._plugs.plugs,
                fuze_ids=sorted({*self._plugs.fuses.values()}),
            )
            self._spool.put(NEW_DEVICES, pack(told), self._clock.now_ms())

    async def obey(self, body: bytes) -> bool:
        """Do what a command says; whether it was done. One that is none is left alone."""
        try:
            asked = unpack(body, contracts().LocalStateRequest)
        except InputError as error:
            log.warning("a command that cannot be read: %s", error)
            return False
        if asked.requested_state not in (ON, OFF) or self._is_overtaken(asked):
            return False
        is_on = asked.requested_state == ON
        self._newest[asked.plug_id] = asked.request_time
        try:
            status = await self._switch(asked.plug_id, is_on=is_on)
        except DeviceUnavailableError as error:
            log.warning("command %s: %s", asked.id, error)
            return False
        now_ms = self._clock.now_ms()
        result = contracts().LocalStateResponse(
            req_id=asked.id,
            resultant_state=ON if status.output else OFF,
            plug_id=asked.plug_id,
            site_id=self._site,
            time=now_ms,
        )
        self._spool.put(COMMAND_RESULTS, pack(result), now_ms)
        return True

    def _is_overtaken(self, asked: Any) -> bool:
        """Whether somebody wanted something else since, or it is too late to switch on."""
        plug, age_ms = asked.plug_id, self._clock.now_ms() - asked.request_time
        if asked.request_time < self._newest.get(plug, 0):
            log.info("command for %s: a newer one was obeyed", plug)
            return True
        if asked.requested_state == ON and age_ms > STALE_S * 1000:
            log.warning("command for %s: to switch on, and %d s old", plug, age_ms // 1000)
            return True
        return False

    async def _switch(self, plug: str, *, is_on: bool) -> SwitchStatus:
        after_s = self._deadman_s if is_on else None
        status = await self._plugs.switch(plug, is_on=is_on, toggle_after_s=after_s)
        if is_on:
            self._on.add(plug)
        else:
            self._on.discard(plug)
        return status

    async def renew(self) -> int:
        """Tell relays that are on to stay so, if nsqd answers; how many were told."""
        if self._clock.now_ms() - self._answered_ms > ANSWERS_S * 1000:
            return 0
        found = await self._plugs.read()
        told = 0
        for plug in sorted(self._on):
            status = found.get(plug)
            if status is None:
                continue
            # One that was switched off at the device stays off, and is not ours any more.
            if not status.output:
                self._on.discard(plug)
                continue
            try:
                await self._switch(plug, is_on=True)
                told += 1
            except DeviceUnavailableError as error:
                log.warning("plug %s was not told to stay on: %s", plug, error)
        return told

    async def forward(self) -> bool:
        """Hand the spool to the queue; whether it took all."""
        while spooled := self._spool.oldest(AT_ONCE):
            topic = spooled[0].topic
            # In the order in which it was said: a topic's run at a time.
            run = []
            for each in spooled:
                if each.topic != topic:
                    break
                run.append(each)
            try:
                await self._queue.publish(topic, [each.body for each in run])
            except QueueUnavailableError:
                return False
            self._answered_ms = self._clock.now_ms()
            self._spool.drop(run)
        return True
