"""A site with simulated devices: one chunk, a spool, commands, a dead man's switch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from psd.charging.relaymanager import STALE_S, RelayManager
from psd.charging.sites.site_plugs import MISSED_MAX, SitePlugs
from psd.charging.sites.site_spool import Spool
from psd.charging.sources import shelly as client
from psd.charging.sources.shelly import Shelly
from psd.charging.wire import OFF, ON, contracts, packed, unpacked
from psd.clock import ManualClock
from psd.errors import QueueUnavailableError, StartError
from server.simulation.car_loads import CarLoad
from server.simulation.fake_shelly import FakeShelly

NOW_S = 1_723_939_200
DEADMAN_S = 180


class Topics:
    """A queue that may be away."""

    def __init__(self) -> None:
        self.is_away = False
        self.bodies: dict[str, list[bytes]] = defaultdict(list)

    async def publish(self, topic: str, bodies: list[bytes]) -> None:
        if self.is_away:
            raise QueueUnavailableError("queue: away")
        self.bodies[topic] += bodies

    def chunks(self) -> list[Any]:
        return [unpacked(each, contracts().ReadingChunk) for each in self.bodies["telemetry"]]

    def results(self) -> list[Any]:
        kind = contracts().LocalStateResponse
        return [unpacked(each, kind) for each in self.bodies["command_results"]]


class Site:
    """Two devices with three relays, and the manager of them."""

    def __init__(self, devices: list[FakeShelly], folder: Path, clock: ManualClock) -> None:
        self.devices, self.folder, self.clock, self.topics = devices, folder, clock, Topics()
        self.manager = self.made(aiohttp.ClientSession())

    def made(self, session: aiohttp.ClientSession) -> RelayManager:
        self.session = session
        self.plugs = SitePlugs([Shelly(each.host, session) for each in self.devices])
        self.spool = Spool(self.folder, 1_000_000)
        return RelayManager("s1", self.plugs, self.spool, self.topics, self.clock, DEADMAN_S)

    async def command(self, plug: str, state: int, age_s: int = 0, id_: str = "r1") -> bool:
        asked = contracts().LocalStateRequest(
            id=id_,
            plug_id=plug,
            site_id="s1",
            requested_state=state,
            request_time=self.clock.now_ms() - age_s * 1000,
        )
        return await self.manager.obey(packed(asked))


P0, P1, P2 = "shelly:AAAAAAAAAAAA:0", "shelly:AAAAAAAAAAAA:1", "shelly:BBBBBBBBBBBB:0"


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    monkeypatch.setattr(client, "TIMEOUT_S", 0.5)
    clock = ManualClock(NOW_S)
    async with AsyncExitStack() as stack:
        devices = [
            await stack.enter_async_context(FakeShelly(clock, mac=letter * 12, switches=number))
            for letter, number in (("A", 2), ("B", 1))
        ]
        made = Site(devices, tmp_path / "spool", clock)
        stack.push_async_callback(made.session.close)
        await made.plugs.find()
        yield made


async def test_all_plugs_are_one_chunk_with_what_they_deliver(site: Site) -> None:
    site.devices[0].switches[1].load = CarLoad(40_000, 0, 10.0)
    await site.command(P1, ON)
    site.clock.advance(3_600 // 30)
    assert await site.manager.read() == 3
    assert await site.manager.forward()
    [chunk] = site.topics.chunks()
    told = {each.plug_id: each for each in chunk.readings}
    assert sorted(told) == [P0, P1, P2]
    assert (told[P1].current, told[P1].voltage, told[P1].state) == (10.0, 240.0, 1)
    assert told[P1].energy_mwh == 80_000
    assert (told[P0].current, told[P0].state) == (0, 2)
    assert told[P0].fuze_id == told[P1].fuze_id == "shellyfuze:AAAAAAAAAAAA"
    assert told[P0].timestamp_ms == site.clock.now_ms()


@pytest.mark.parametrize("fault", ["silent", "nonsense", "error"])
async def test_one_dead_plug_takes_nothing_from_the_others(site: Site, fault: Any) -> None:
    for _ in range(MISSED_MAX):
        site.devices[1].faults.append(fault)
        assert await site.manager.read() == 2
    assert site.plugs.missing == [P2]
    assert await site.manager.read() == 3
    assert site.plugs.missing == []
    await site.manager.forward()
    assert [len(chunk.readings) for chunk in site.topics.chunks()] == [2, 2, 2, 3]


async def test_what_is_said_while_the_queue_is_away_comes_later_in_order(site: Site) -> None:
    site.topics.is_away = True
    for _ in range(5):
        site.clock.advance(2)
        await site.manager.read()
    assert not await site.manager.forward()
    again = site.made(site.session)
    assert len(site.spool) == 5, "another process finds it"
    site.topics.is_away = False
    assert await again.forward()
    times = [chunk.readings[0].timestamp_ms for chunk in site.topics.chunks()]
    assert times == [(NOW_S + 2 * n) * 1000 for n in range(1, 6)]
    assert len(site.spool) == 0
    assert [*site.folder.iterdir()] == []


def test_a_spool_that_is_full_forgets_the_oldest(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 1_000)
    for at in range(15):
        spool.put("telemetry", bytes([at]) * 100, NOW_S * 1000 + at)
    assert [each.body[0] for each in spool.oldest(99)] == [*range(5, 15)]
    assert spool.lost == 5
    (tmp_path / "x.part").write_bytes(b"half")
    assert len(Spool(tmp_path, 1_000)) == 10
    assert not (tmp_path / "x.part").exists()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StartError):
        Spool(tmp_path / "file" / "folder", 1_000)


async def test_a_command_is_answered_by_what_the_relay_says_of_itself(site: Site) -> None:
    assert await site.command(P2, ON, id_="r7")
    assert site.devices[1].switches[0].is_on
    await site.manager.forward()
    [result] = site.topics.results()
    assert (result.req_id, result.resultant_state, result.plug_id) == ("r7", ON, P2)
    assert result.site_id == "s1"
    site.devices[1].cut_power()
    assert not await site.command(P2, OFF)
    await site.manager.forward()
    assert len(site.topics.results()) == 1, "who does not answer has come to nothing"


async def test_the_newest_request_counts_and_an_old_one_to_switch_on_does_not(site: Site) -> None:
    assert not await site.command(P0, ON, age_s=STALE_S + 1)
    assert await site.command(P0, ON, age_s=STALE_S)
    assert await site.command(P0, OFF, age_s=STALE_S - 1)
    assert not await site.command(P0, ON, age_s=STALE_S)
    assert not site.devices[0].switches[0].is_on
    assert await site.command(P1, OFF, age_s=86_400), "to switch off is never too late"
    assert not await site.command("shelly:CCCCCCCCCCCC:0", ON)
    assert not await site.manager.obey(b"nonsense")


async def test_a_relay_goes_off_by_itself_when_nobody_tells_it_to_stay_on(site: Site) -> None:
    await site.command(P0, ON)
    await site.manager.forward()
    for _ in range(6):
        site.clock.advance(DEADMAN_S // 3)
        await site.manager.read()
        assert await site.manager.forward()
        assert await site.manager.renew() == 1
    assert site.devices[0].switches[0].is_on
    site.topics.is_away = True
    for _ in range(4):
        site.clock.advance(DEADMAN_S // 3)
        await site.manager.read()
        assert not await site.manager.forward()
        assert await site.manager.renew() == 0
    site.devices[0].advance()
    assert not site.devices[0].switches[0].is_on


async def test_a_relay_that_was_switched_off_at_the_device_is_left_off(site: Site) -> None:
    await site.command(P0, ON)
    await site.manager.forward()
    site.devices[0].switches[0].switch(is_on=False, toggle_after_s=None)
    assert await site.manager.renew() == 0
    assert not site.devices[0].switches[0].is_on


async def test_a_site_announces_what_it_has_until_that_is_acknowledged(site: Site) -> None:
    for _ in range(2):
        await site.manager.announce()
    site.manager.is_acknowledged = True
    await site.manager.announce()
    await site.manager.forward()
    kind = contracts().DeviceAnnouncement
    told = [unpacked(each, kind) for each in site.topics.bodies["new_devices"]]
    assert len(told) == 2
    assert [*told[0].plug_ids] == [P0, P1, P2]
    assert [*told[0].fuze_ids] == ["shellyfuze:AAAAAAAAAAAA", "shellyfuze:BBBBBBBBBBBB"]
