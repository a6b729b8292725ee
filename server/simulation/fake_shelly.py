"""A Shelly of the second generation on this machine: relays that measure, asked by its RPC.

No device was at hand where psd is built. This answers as the maker's documentation has it::

    async with FakeShelly(clock, mac="AABBCCDDEEFF", switches=2) as shelly:
        POST /rpc {"id": 1, "method": "Switch.Set", "params": {"id": 0, "on": true}}
            -> {"id": 1, "src": "shellypro2pm-aabbccddeeff", "result": {"was_on": false}}
        GET /rpc/Switch.GetStatus?id=0
            -> {"id": 0, "output": true, "apower": 7680.0, "voltage": 240.0, "current": 32.0, ...}
        shelly.switches[0].load = CarLoad(40_000, 10_000, 32.0)
        shelly.faults.append("silent")      the next answer never comes
        shelly.cut_power()                  relays are off, and nobody answers until it is back

Names of methods may be written in any case. A relay that is switched with ``toggle_after`` goes
back by itself, whoever is still alive then.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Literal, Self

import msgspec
from aiohttp import web

from psd.clock import Clock
from server.simulation.car_loads import CarLoad

ShellyFault = Literal["silent", "slow", "nonsense", "error"]
"""No answer; one after SLOW_S; one that is no JSON; a JSON-RPC error."""

SLOW_S = 3.0
STEP_MS = 10_000
"""A load is taken to be the same for so long."""

CALLS_REMEMBERED = 1_000

INVALID, MISSING, NO_HANDLER = -103, -105, 404


class RpcError(Exception):
    """What is answered in place of a result."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class FakeSwitch(msgspec.Struct):
    """One relay, and what hangs on it; ``energy_wh`` is its register."""

    load: CarLoad | None = None
    voltage: float = 240.0
    is_on: bool = False
    energy_wh: float = 0.0
    toggles_at_ms: int | None = None
    toggle_began_ms: int = 0
    seen_ms: int = 0

    def amps(self) -> float:
        """What it delivers now."""
        return self.load.amps() if self.is_on and self.load is not None else 0.0

    def advance(self, now_ms: int) -> None:
        """Let time pass: energy flows, and a timer may switch."""
        while self.seen_ms < now_ms:
            until = min(now_ms, self.seen_ms + STEP_MS)
            if self.toggles_at_ms is not None:
                until = min(until, max(self.toggles_at_ms, self.seen_ms))
            wh = self.amps() * self.voltage * (until - self.seen_ms) / 3_600_000
            self.energy_wh += wh
            if self.load is not None and wh:
                self.load.take(wh)
            self.seen_ms = until
            if self.toggles_at_ms is not None and until >= self.toggles_at_ms:
                self.is_on, self.toggles_at_ms = not self.is_on, None

    def switch(self, *, is_on: bool, toggle_after_s: float | None) -> bool:
        """Switch it; whether it was on. What was to toggle it is forgotten."""
        was_on, self.is_on = self.is_on, is_on
        self.toggle_began_ms = self.seen_ms
        self.toggles_at_ms = (
            None if toggle_after_s is None else self.seen_ms + round(toggle_after_s * 1000)
        )
        return was_on


class FakeShelly:
    """One device."""

    def __init__(
        self, clock: Clock, *, mac: str, switches: int = 1, model: str = "shellypro"
    ) -> None:
        self._clock = clock
        self.mac = mac
        self.name = f"{model}{switches}pm-{mac.lower()}"
        self.switches = [FakeSwitch(seen_ms=clock.now_ms()) for _ in range(switches)]
        self.faults: deque[ShellyFault] = deque()
        self.calls: deque[tuple[str, Mapping[str, Any]]] = deque(maxlen=CALLS_REMEMBERED)
        self.host = ""
        self.has_power = True
        self._began_ms = clock.now_ms()
        self._runner: web.AppRunner | None = None
        self._methods: dict[str, Callable[[Mapping[str, Any]], Any]] = {
            "shelly.getdeviceinfo": self._info,
            "shelly.getstatus": self._all,
            "sys.getstatus": self._sys,
            "switch.set": self._set,
            "switch.getstatus": lambda given: self._status(self._number(given)),
        }

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/rpc", self._by_post)
        app.router.add_get("/rpc/{method}", self._by_get)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.host = f"{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def cut_power(self) -> None:
        """Nothing answers, and all relays fall off."""
        self.advance()
        for switch in self.switches:
            switch.switch(is_on=False, toggle_after_s=None)
        self.has_power = False

    def restore_power(self) -> None:
        """It starts anew; relays stay off."""
        self.has_power, self._began_ms = True, self._clock.now_ms()

    def advance(self) -> None:
        """Let time pass until now."""
        for switch in self.switches:
            switch.advance(self._clock.now_ms())

    async def _by_post(self, request: web.Request) -> web.StreamResponse:
        asked = await request.read()
        fault = await self._fault(request)
        if fault is not None:
            return fault
        try:
            frame = msgspec.json.decode(asked, type=dict[str, Any])
        except msgspec.MsgspecError:
            return web.json_response({"code": INVALID, "message": "Invalid JSON"}, status=400)
        return web.json_response(self.answer(frame))

    def answer(self, frame: Mapping[str, Any]) -> dict[str, Any]:
        """What it says to a frame, over whatever that came."""
        told: dict[str, Any] = {"id": frame.get("id"), "src": self.name}
        try:
            told["result"] = self._called(str(frame.get("method", "")), frame.get("params") or {})
        except RpcError as error:
            told["error"] = {"code": error.code, "message": str(error)}
        return told

    async def _by_get(self, request: web.Request) -> web.StreamResponse:
        fault = await self._fault(request)
        if fault is not None:
            return fault
        try:
            given = {name: _value(text) for name, text in request.query.items()}
            return web.json_response(self._called(request.match_info["method"], given))
        except RpcError as error:
            status = 404 if error.code == NO_HANDLER else 500
            return web.json_response({"code": error.code, "message": str(error)}, status=status)

    async def _fault(self, request: web.Request) -> web.Response | None:
        if not self.has_power:
            assert request.transport is not None, "it is connected until here"
            request.transport.abort()
            return web.Response(status=503)
        fault = self.faults.popleft() if self.faults else None
        if fault == "silent":
            await asyncio.Event().wait()
        if fault == "slow":
            await asyncio.sleep(SLOW_S)
        if fault == "nonsense":
            return web.Response(body=b"<html>", content_type="application/json")
        if fault == "error":
            told = {"id": 1, "src": self.name, "error": {"code": -1, "message": "made to fail"}}
            return web.json_response(told)
        return None

    def _called(self, method: str, given: Any) -> Any:
        act = self._methods.get(method.lower())
        if act is None:
            raise RpcError(NO_HANDLER, f"No handler for {method}")
        if not isinstance(given, dict):
            raise RpcError(INVALID, "Invalid argument 'params'!")
        self.calls.append((method, given))
        self.advance()
        return act(given)

    def _number(self, given: Mapping[str, Any]) -> int:
        number = given.get("id")
        if not isinstance(number, int) or isinstance(number, bool):
            raise RpcError(INVALID, "Missing or bad argument 'id'!")
        if not 0 <= number < len(self.switches):
            raise RpcError(MISSING, f"Argument 'id', value {number} not found!")
        return number

    def _info(self, _given: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "name": None,
            "id": self.name,
            "mac": self.mac,
            "slot": 0,
            "model": "SPSW-202PE16EU",
            "gen": 2,
            "fw_id": "20240223-141915/1.2.2-g7c39781",
            "ver": "1.2.2",
            "app": "Pro2PM",
            "auth_en": False,
            "auth_domain": None,
        }

    def _sys(self, _given: Mapping[str, Any]) -> dict[str, Any]:
        now_ms = self._clock.now_ms()
        return {
            "mac": self.mac,
            "restart_required": False,
            "time": None,
            "unixtime": now_ms // 1000,
            "uptime": (now_ms - self._began_ms) // 1000,
        }

    def _all(self, given: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {"sys": self._sys(given)}
        for number in range(len(self.switches)):
            found[f"switch:{number}"] = self._status(number)
        return found

    def _set(self, given: Mapping[str, Any]) -> dict[str, Any]:
        number, is_on, after = self._number(given), given.get("on"), given.get("toggle_after")
        if not isinstance(is_on, bool):
            raise RpcError(INVALID, "Missing or bad argument 'on'!")
        if after is not None and (not isinstance(after, int | float) or after <= 0):
            raise RpcError(INVALID, "Missing or bad argument 'toggle_after'!")
        return {"was_on": self.switches[number].switch(is_on=is_on, toggle_after_s=after)}

    def _status(self, number: int) -> dict[str, Any]:
        switch = self.switches[number]
        amps = switch.amps()
        told: dict[str, Any] = {
            "id": number,
            "source": "HTTP_in",
            "output": switch.is_on,
            "apower": round(amps * switch.voltage, 1),
            "voltage": switch.voltage,
            "freq": 50.0,
            "current": round(amps, 3),
            "pf": 1.0 if amps else 0.0,
            "aenergy": {
                "total": round(switch.energy_wh, 3),
                "by_minute": [0.0, 0.0, 0.0],
                "minute_ts": self._clock.now_s() // 60 * 60,
            },
            "temperature": {"tC": 41.2, "tF": 106.2},
        }
        if switch.toggles_at_ms is not None:
            told["timer_started_at"] = switch.toggle_began_ms / 1000
            told["timer_duration"] = (switch.toggles_at_ms - switch.toggle_began_ms) / 1000
        return told


def _value(text: str) -> Any:
    """A parameter of a URL as JSON has it; what is none is a text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
