"""A site in a yard: simulated devices, what reads and switches them, and the fuse that they melt.

It is the relay manager of ``psd charging site``, asked by a clock in the place of timers; the queue
is a list of messages each way::

    await site.second()         reads each 2 s; says what it has to say to ``heard``
    site.told(topic, bodies)    commands; it obeys in its next second
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from psd.charging.relaymanager import RelayManager
from psd.charging.settings import ChargingSettings
from psd.charging.simulation.wired_shelly import WiredShelly
from psd.charging.sites.site_plugs import SitePlugs, plug_of
from psd.charging.sites.site_spool import Spool
from psd.charging.wire import acknowledgements_topic, commands_topic
from psd.clock import Clock
from server.simulation.car_loads import CarLoad
from server.simulation.fake_shelly import FakeShelly, FakeSwitch

SWITCHES = 4
READ_EVERY_S = 2
SPOOL_BYTES = 64_000_000


class HeardMessages:
    """What a site has said and nobody has taken yet."""

    def __init__(self) -> None:
        self._said: list[tuple[str, bytes]] = []

    async def publish(self, topic: str, bodies: list[bytes]) -> None:
        """Stands for the queue."""
        self._said += [(topic, body) for body in bodies]

    def taken(self) -> list[tuple[str, bytes]]:
        """All of it, in its order."""
        said, self._said = self._said, []
        return said


class SimulatedSite:
    """One site whose plugs hang on one fuse."""

    def __init__(
        self, name: str, plugs: int, clock: Clock, spool: Path, settings: ChargingSettings
    ) -> None:
        self.name = name
        self.heard = HeardMessages()
        self._clock = clock
        self._began_s = clock.now_s()
        self._renew_s = max(1, settings.deadman_s // 3)
        self._commands: list[bytes] = []
        self._read_s = 0
        counts = [min(SWITCHES, plugs - at) for at in range(0, plugs, SWITCHES)]
        fakes = [
            FakeShelly(clock, mac=f"{at:012X}", switches=count)
            for at, count in enumerate(counts, 0xA0)
        ]
        self._fakes = fakes
        self.switches: dict[str, FakeSwitch] = {
            plug_of(fake.mac, number): switch
            for fake in fakes
            for number, switch in enumerate(fake.switches)
        }
        self._manager = RelayManager(
            name,
            SitePlugs([WiredShelly(fake) for fake in fakes]),
            Spool(spool, SPOOL_BYTES, syncs=False),
            self.heard,
            clock,
            settings.deadman_s,
        )

    async def begin(self) -> None:
        """Say which plugs there are."""
        await self._manager.announce()
        await self._manager.forward()

    def told(self, topic: str, bodies: Sequence[bytes]) -> None:
        """What psd says to it."""
        if topic == commands_topic(self.name):
            self._commands += bodies
        elif topic == acknowledgements_topic(self.name):
            self._manager.is_acknowledged = True

    async def obey(self) -> None:
        """Do what was told since.

        What a relay delivers until it is switched is read first: else a second of it would be
        missing, or too many, in what both devices and psd add up.
        """
        commands, self._commands = self._commands, []
        if commands:
            await self._read()
        for body in commands:
            await self._manager.obey(body)
        await self._manager.forward()

    async def second(self) -> None:
        """Read the plugs each 2 s, as a real site does, and renew relays when it is time."""
        for fake in self._fakes:
            fake.advance()
        passed_s = self._clock.now_s() - self._began_s
        if passed_s % READ_EVERY_S == 0:
            await self._read()
        if passed_s % self._renew_s == 0:
            await self._manager.renew()
        await self._manager.forward()

    async def _read(self) -> None:
        """Once in a second."""
        if self._clock.now_s() != self._read_s:
            self._read_s = self._clock.now_s()
            await self._manager.read()

    def plug_in(self, plug: str, load: CarLoad) -> None:
        """A car stands at a plug."""
        self.switches[plug].load = load

    def unplug(self, plug: str) -> None:
        """It has left."""
        self.switches[plug].load = None

    def amps(self) -> float:
        """What flows through the fuse at this moment."""
        return sum(switch.amps() for switch in self.switches.values())

    def delivered_wh(self) -> float:
        """What the registers of all devices show."""
        return sum(switch.energy_wh for switch in self.switches.values())
