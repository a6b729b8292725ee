"""A whole site: real nsqd, simulated devices, and an outage of the queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from psd.charging.sites.site_running import SiteOptions, run_site
from psd.charging.wire import (
    COMMAND_RESULTS,
    NEW_DEVICES,
    ON,
    TELEMETRY,
    acknowledgements_topic,
    commands_topic,
    contracts,
    packed,
    unpacked,
)
from psd.cli.main import psd
from psd.clock import SystemClock
from psd.config import Settings
from psd.config_sources import load_settings
from psd.errors import ConfigError
from psd.queue.nsq_queue import NsqQueue
from server.simulation.car_loads import CarLoad
from server.simulation.fake_shelly import FakeShelly
from tests.support.servers.nsqd import Nsqd
from tests.support.waiting import wait_until


class Heard:
    """What a site said on a topic, unpacked."""

    def __init__(self, settings: Settings, topic: str, kind: Any) -> None:
        queue = msgspec.structs.replace(settings.queue, topic=topic, channel="psd")
        self.queue, self.kind, self.told = NsqQueue(queue), kind, list[Any]()

    async def listen(self) -> None:
        await self.queue.start()
        while messages := await self.queue.receive(100, 0):
            self.told += [unpacked(each.body, self.kind) for each in messages]
            await self.queue.finish(messages)


@asynccontextmanager
async def hearing(settings: Settings, topic: str, kind: Any) -> AsyncIterator[list[Any]]:
    heard = Heard(settings, topic, kind)
    task = asyncio.create_task(heard.listen())
    try:
        yield heard.told
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await heard.queue.close()


async def test_a_site_reads_obeys_and_has_lost_nothing_after_an_outage(tmp_path: Path) -> None:
    clock, stop, parts = SystemClock(), asyncio.Event(), contracts()
    with Nsqd(tmp_path) as nsqd:
        flags = {"queue.nsqd_addresses": nsqd.address, "charging.read_every_ms": "100"}
        settings = load_settings(flags={"queue.kind": "nsq", **flags}).settings
        queue = NsqQueue(settings.queue)
        async with (
            FakeShelly(clock, mac="AABBCCDDEEFF") as shelly,
            hearing(settings, TELEMETRY, parts.ReadingChunk) as chunks,
            hearing(settings, COMMAND_RESULTS, parts.LocalStateResponse) as results,
            hearing(settings, NEW_DEVICES, parts.DeviceAnnouncement) as announced,
        ):
            shelly.switches[0].load = CarLoad(40_000, 0, 10.0)
            spool = tmp_path / "spool"
            site = asyncio.create_task(
                run_site(SiteOptions("s1", (shelly.host,), spool), settings, stop)
            )
            await wait_until("a chunk came", lambda: chunks)
            await wait_until("the site announced itself", lambda: announced)
            assert [*announced[0].plug_ids] == ["shelly:AABBCCDDEEFF:0"]
            await queue.publish(acknowledgements_topic("s1"), [b"\x01"])
            asked = parts.LocalStateRequest(
                id="r1",
                plug_id="shelly:AABBCCDDEEFF:0",
                site_id="s1",
                requested_state=ON,
                request_time=clock.now_ms(),
            )
            await queue.publish(commands_topic("s1"), [packed(asked)])
            await wait_until("the command was answered", lambda: results)
            assert (results[0].req_id, results[0].resultant_state) == ("r1", ON)
            await wait_until("it delivers", lambda: chunks[-1].readings[0].current == 10.0)

            nsqd.kill9()
            await wait_until("the spool holds", lambda: len([*spool.glob("*.telemetry")]) > 5)
            held = [each.name for each in spool.glob("*.telemetry")]
            nsqd.start()
            times = {int(name[:16]) for name in held}
            await wait_until(
                "what lay in the spool came",
                lambda: times <= {each.readings[0].timestamp_ms for each in chunks},
            )
            stop.set()
            await site
        await queue.close()


async def test_a_site_wants_nsqd(tmp_path: Path) -> None:
    settings = load_settings(flags={"queue.kind": "stream"}).settings
    options = SiteOptions("s1", ("127.0.0.1:1",), tmp_path)
    with pytest.raises(ConfigError, match="nsqd"):
        await run_site(options, settings, asyncio.Event())


@pytest.mark.parametrize(
    "wrong",
    [
        ["--site", "a b", "--device", "h"],
        ["--site", "s1"],
        ["--site", "s1", "--device", "http://h/"],
        ["--site", "s1", "--device", "h:x"],
        ["--device", "h"],
    ],
)
def test_what_is_no_site_is_a_usage_error(wrong: list[str]) -> None:
    assert CliRunner().invoke(psd, ["charging", "site", *wrong]).exit_code == 2
