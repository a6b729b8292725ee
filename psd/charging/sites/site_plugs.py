"""The plugs of a site: which there are, what each delivers, and its relay.

::

    await plugs.find()                   Shelly AABBCCDDEEFF at 192.168.1.7:80 has relays 0 and 1
    await plugs.read(now_ms)             -> {"shelly:AABBCCDDEEFF:0": SwitchStatus(...), ...}
    await plugs.switch("shelly:AABBCCDDEEFF:0", is_on=True, toggle_after_s=180)

All are read at once, each with a time limit of its own, and one that does not answer is left out:
it takes nothing from the others. Whoever was not read MISSED_MAX times is told to be missing.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping, Sequence

from psd.charging.sources.shelly import Shelly, SwitchStatus
from psd.errors import DeviceUnavailableError

log = logging.getLogger("charging.site")

MISSED_MAX = 3


def plug_of(mac: str, number: int) -> str:
    """The id of a relay."""
    return f"shelly:{mac}:{number}"


def fuse_of(mac: str) -> str:
    """The id of what a device's relays hang on."""
    return f"shellyfuze:{mac}"


class SitePlugs:
    """The relays of some devices."""

    def __init__(self, devices: Sequence[Shelly]) -> None:
        self._unknown = list(devices)
        self._hosts = {each.host for each in devices}
        self._plugs: dict[str, tuple[Shelly, int]] = {}
        self._fuses: dict[str, str] = {}
        self._missed: Counter[str] = Counter()

    @property
    def plugs(self) -> list[str]:
        """Ids of all relays that were ever found."""
        return sorted(self._plugs)

    @property
    def fuses(self) -> Mapping[str, str]:
        """The fuse of each plug."""
        return self._fuses

    @property
    def missing(self) -> list[str]:
        """Plugs that did not answer MISSED_MAX times in a row."""
        return sorted(plug for plug, count in self._missed.items() if count >= MISSED_MAX)

    def add(self, device: Shelly) -> None:
        """A device was discovered; one at an address that is known is no other."""
        if device.host not in self._hosts:
            self._hosts.add(device.host)
            self._unknown.append(device)

    async def find(self) -> bool:
        """Ask devices who they are that have not said it yet; whether there is a new plug."""
        asked = list(self._unknown)
        told = await asyncio.gather(*(each.identify() for each in asked), return_exceptions=True)
        before = len(self._plugs)
        for device, found in zip(asked, told, strict=True):
            if isinstance(found, DeviceUnavailableError):
                continue
            if isinstance(found, BaseException):
                raise found
            if device not in self._unknown:
                continue  # somebody else asked at the same time
            self._unknown.remove(device)
            for number in found.switches:
                self._plugs[plug_of(found.mac, number)] = (device, number)
                self._fuses[plug_of(found.mac, number)] = fuse_of(found.mac)
            log.info("device %s is %s with relays %s", device.host, found.mac, found.switches)
        return len(self._plugs) > before

    async def read(self) -> dict[str, SwitchStatus]:
        """What each plug that answers delivers."""
        plugs = self.plugs
        told = await asyncio.gather(*(self._status(plug) for plug in plugs), return_exceptions=True)
        found: dict[str, SwitchStatus] = {}
        for plug, status in zip(plugs, told, strict=True):
            if isinstance(status, DeviceUnavailableError):
                self._missed[plug] += 1
                if self._missed[plug] == MISSED_MAX:
                    log.warning("plug %s is missing: %s", plug, status)
            elif isinstance(status, BaseException):
                raise status
            else:
                self._missed.pop(plug, None)
                found[plug] = status
        return found

    async def switch(
        self, plug: str, *, is_on: bool, toggle_after_s: int | None = None
    ) -> SwitchStatus:
        """Switch a relay, and tell what it is then; raises DeviceUnavailableError."""
        held = self._plugs.get(plug)
        if held is None:
            raise DeviceUnavailableError(f"{plug}: no plug of this site")
        device, number = held
        await device.switch(number, is_on=is_on, toggle_after_s=toggle_after_s)
        return await device.status(number)

    async def _status(self, plug: str) -> SwitchStatus:
        device, number = self._plugs[plug]
        return await device.status(number)
