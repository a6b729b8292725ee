"""Swaps for the bench: who is there, what each driver does, and a server with a session.

Driver 3 has the batteries 3 and 3 + DRIVERS and swaps one for the other, so that drivers do not
stand in each other's way, as the peer needs it::

    swap_of(3, 0)   -> D3 at S3: None out of the vehicle, "B3" into it, odometer 40
    swap_of(3, 1)   -> "B3" out, "B51" in, odometer 80, an hour later
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from bench.peers.postgres_swaps import SwapRow
from bench.processes import free_port, http_ok, psd_command, running, wait_for
from bench.psd_system import environ_for
from psd.clock import utc_text
from psd.config_sources import load_settings
from psd.runtime import Runtime, open_runtime

DRIVERS = 48
"""Connections, each with a driver of its own: a city at noon."""

HOUR_S = 3600
START_S = 1_577_836_800
"""2020-01-01 00:00:00 UTC."""

ROOT = "/v3/swaps/main"
USER, PASSWORD = "bench", "a long password"

_encode = msgspec.json.Encoder().encode


def battery_of(driver: int, turn: int) -> str:
    """What goes into the vehicle of a driver in his n-th swap."""
    return f"B{driver + turn % 2 * DRIVERS}"


def swap_of(driver: int, turn: int) -> SwapRow:
    """The n-th swap of a driver."""
    return SwapRow(
        f"D{driver}",
        f"S{driver}",
        battery_of(driver, turn - 1) if turn else None,
        battery_of(driver, turn),
        20 if turn else 0,
        180,
        40 * (turn + 1),
        START_S + turn * HOUR_S,
    )


def body_of(swap: SwapRow, id_: str) -> dict[str, Any]:
    """The same as psd is told it."""
    return {
        "id": id_,
        "driver": swap.driver,
        "station": swap.station,
        "battery_in": swap.battery_in,
        "battery_out": swap.battery_out,
        "battery_in_energy": swap.energy_in,
        "battery_out_energy": swap.energy_out,
        "odometer": swap.odometer,
        "date": utc_text(swap.second),
    }


def message_of(swap: SwapRow, id_: str) -> bytes:
    """The same as the queue carries it."""
    return _encode({"command": "swap", "swap": body_of(swap, id_)})


def registrations(batteries: int) -> Iterator[bytes]:
    """Messages that register all of it; batteries past those of the drivers lie at stations."""
    for number in range(DRIVERS):
        yield _message("station", name=f"S{number}")
    for number in range(max(batteries, 2 * DRIVERS)):
        station = f"S{number % DRIVERS}"
        yield _message("battery", serial=f"B{number}", capacity=200, station=station)
    for number in range(DRIVERS):
        yield _message("vehicle", vin=f"V{number}")
        yield _message("driver", phone=f"D{number}", started=START_S, vehicle=f"V{number}")


def _message(kind: str, **said: Any) -> bytes:
    return _encode({"command": kind, kind: {**said, "date": START_S - HOUR_S}})


class SwapServer:
    """A ``psd server`` that archives, and a client of it that is signed in."""

    def __init__(self, url: str, session: aiohttp.ClientSession, pid: int) -> None:
        self.url = url
        self.session = session
        self._tasks = Path(f"/proc/{pid}/task")

    def cpu_ms(self) -> float:
        """CPU of all its threads so far; on a busy machine that says more than a clock."""
        spent = [(task / "schedstat").read_text().split()[0] for task in self._tasks.iterdir()]
        return sum(map(int, spent)) / 1e6

    async def add(self, swap: SwapRow, id_: str) -> int:
        """Add a transaction; its number."""
        answer = await self._post(f"{ROOT}/transactions", body_of(swap, id_))
        return int(answer["n"])

    async def correct(self, n: int, swap: SwapRow, id_: str) -> int:
        """Correct one; the number of the correction."""
        answer = await self._post(f"{ROOT}/transactions/{n}/corrections", body_of(swap, id_))
        return int(answer["n"])

    async def text(self, path: str) -> str:
        """What is there."""
        async with self.session.get(self.url + path) as answer:
            text = await answer.text()
            if answer.status != 200:
                raise RuntimeError(f"GET {path}: {answer.status} {text[:300]}")
            return text

    async def json(self, path: str) -> Any:
        """What is there, read."""
        return msgspec.json.decode(await self.text(path))

    async def sign_in(self) -> None:
        """As a person does it, so that pages can be asked for."""
        page = await self.text("/swaps/auth/login")
        proof = page.partition('name="csrf_token" value="')[2].partition('"')[0]
        form = {"username": USER, "password": PASSWORD, "csrf_token": proof}
        async with self.session.post(f"{self.url}/swaps/auth/login", data=form) as answer:
            await answer.read()

    async def _post(self, path: str, body: Mapping[str, Any]) -> Any:
        headers = {"Content-Type": "application/json"}
        url = self.url + path
        async with self.session.post(url, data=_encode(body), headers=headers) as answer:
            text = await answer.read()
            if answer.status != 201:
                raise RuntimeError(f"POST {path}: {answer.status} {text[:300]!r}")
            return msgspec.json.decode(text)


@asynccontextmanager
async def swap_server(
    socket: Path, log: Path, archive: Path, durability: str
) -> AsyncIterator[SwapServer]:
    """A server over a store in which everything is registered already."""
    port = free_port()
    environ = {**environ_for(socket, durability), "PSD_SERVER_PORT": str(port)}
    environ |= {"PSD_ARCHIVE_ENABLED": "true", "PSD_ARCHIVE_FOLDER": str(archive)}
    url = f"http://127.0.0.1:{port}"
    with running(psd_command("server"), log, environ) as child:
        wait_for(f"psd at {url}", lambda: http_ok(f"{url}/healthz"))
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar) as session:
            yield SwapServer(url, session, child.pid)


@asynccontextmanager
async def registered(socket: Path, batteries: int) -> AsyncIterator[Runtime]:
    """Psd in this process, in whose store everything and a user of pages is registered."""
    runtime = await open_runtime(load_settings(environ=environ_for(socket)).settings)
    try:
        await book(runtime, list(registrations(batteries)))
        await runtime.page_deciding.add(USER, PASSWORD, ["read"])
        yield runtime
    finally:
        await runtime.close()


async def book(runtime: Runtime, bodies: list[bytes]) -> None:
    """Have messages booked, all of them."""
    events = [
        event for body in bodies for event in runtime.rules.events(body, runtime.clock.now_s(), "")
    ]
    for outcome in await runtime.books.book(events):
        if outcome.status != "booked":
            raise RuntimeError(f"{outcome}")
