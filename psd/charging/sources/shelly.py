"""Shelly devices of the second generation, by their RPC over HTTP.

::

    shelly = Shelly("192.168.1.7:80", session)
    await shelly.identify()                  -> ShellyInfo("AABBCCDDEEFF", switches=(0, 1))
    await shelly.status(0)                   -> SwitchStatus(output=True, current=9.98, ...)
    await shelly.switch(0, is_on=True, toggle_after_s=180)

Each call has TIMEOUT_S; a device that does not answer in time, or answers what is no answer,
raises DeviceUnavailableError. Tested with server/simulation/fake_shelly.py; no device was at hand.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import msgspec

from psd.charging.sources import late_aiohttp
from psd.errors import DeviceUnavailableError

TIMEOUT_S = 1.5
ANSWER_BYTES_MAX = 65_536

_SWITCH = re.compile(r"switch:(\d{1,2})")
_MAC = re.compile(r"[0-9A-F]{12}")

T = TypeVar("T")


class ShellyInfo(msgspec.Struct, frozen=True):
    """Who a device is, and the numbers of its relays."""

    mac: str
    switches: tuple[int, ...]


class SwitchRegister(msgspec.Struct, frozen=True):
    """What a relay has delivered in all, in Wh."""

    total: float


class SwitchStatus(msgspec.Struct, frozen=True):
    """A relay as it is; without a meter it has no current."""

    output: bool
    current: float = 0.0
    voltage: float = 0.0
    pf: float = 0.0
    aenergy: SwitchRegister | None = None

    @property
    def energy_mwh(self) -> int:
        """The register; 0 where it has none."""
        return round(self.aenergy.total * 1000) if self.aenergy is not None else 0


class _Info(msgspec.Struct, frozen=True):
    mac: str
    gen: int = 1


@asynccontextmanager
async def shellies() -> AsyncIterator[Callable[[str], Shelly]]:
    """Makes devices of addresses, asked over connections that are kept."""
    async with late_aiohttp.aiohttp.ClientSession() as session:
        yield lambda host: Shelly(host, session)


class Shelly:
    """One device at an address."""

    def __init__(self, host: str, session: late_aiohttp.aiohttp.ClientSession) -> None:
        self.host = host
        self._session = session
        self._asked = 0

    async def identify(self) -> ShellyInfo:
        """Who it is; raises DeviceUnavailableError for one of another generation too."""
        info = await self._call("Shelly.GetDeviceInfo", {}, _Info)
        mac = info.mac.upper().replace(":", "")
        if info.gen < 2 or not _MAC.fullmatch(mac):
            raise DeviceUnavailableError(f"{self.host}: no Shelly of generation 2 or later")
        parts = await self._call("Shelly.GetStatus", {}, dict[str, Any])
        numbers = sorted(int(found[1]) for name in parts if (found := _SWITCH.fullmatch(name)))
        return ShellyInfo(mac, tuple(numbers))

    async def status(self, number: int) -> SwitchStatus:
        """A relay as it is now."""
        return await self._call("Switch.GetStatus", {"id": number}, SwitchStatus)

    async def switch(self, number: int, *, is_on: bool, toggle_after_s: int | None = None) -> None:
        """Switch a relay; with ``toggle_after_s`` it goes back by itself."""
        given = {"id": number, "on": is_on}
        if toggle_after_s is not None:
            given["toggle_after"] = toggle_after_s
        await self._call("Switch.Set", given, dict[str, Any])

    async def _call(self, method: str, params: dict[str, Any], kind: type[T]) -> T:
        self._asked += 1
        frame = {"id": self._asked, "method": method, "params": params}
        timeout = late_aiohttp.aiohttp.ClientTimeout(total=TIMEOUT_S)
        try:
            async with self._session.post(
                f"http://{self.host}/rpc", json=frame, timeout=timeout, allow_redirects=False
            ) as answer:
                body = await answer.content.read(ANSWER_BYTES_MAX)
        except (late_aiohttp.aiohttp.ClientError, TimeoutError, ValueError) as exc:
            raise DeviceUnavailableError(
                f"{self.host}: {method}: no answer ({type(exc).__name__})"
            ) from exc
        return self._result(method, body, kind)

    def _result(self, method: str, body: bytes, kind: type[T]) -> T:
        try:
            told = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
            if "result" in told:
                return msgspec.json.decode(told["result"], type=kind)
        except msgspec.MsgspecError as exc:
            raise DeviceUnavailableError(f"{self.host}: {method}: {exc}") from exc
        refusal = bytes(told.get("error", b"no result"))[:200].decode("utf-8", "replace")
        raise DeviceUnavailableError(f"{self.host}: {method}: {refusal}")
