"""A worker of sites: what comes over their topics is kept, and what is due is done by its clock."""

from __future__ import annotations

import asyncio
from pathlib import Path

from psd.charging.part import ChargingPart
from psd.charging.plugs.states import PlugState
from psd.charging.wire import NEW_DEVICES, TELEMETRY, contracts, packed
from psd.store.keys import stream_key
from tests.support.engine import engine_on
from tests.support.waiting import wait_until
from workers.crew import build_crew

ENABLED = {"charging.enabled": True, "queue.kind": "stream"}


async def test_a_site_that_announces_itself_is_stepped_and_its_readings_are_kept(
    redis_url: str, tmp_path: Path
) -> None:
    async with engine_on(redis_url, ENABLED, archive=tmp_path / "archive") as psd:
        store = psd.part(ChargingPart).services.store
        crew = build_crew(psd)
        working = asyncio.create_task(crew.run())
        site, queue = contracts(), psd.new_queue()
        announced = site.DeviceAnnouncement(site_id="s1", plug_ids=["p1"], fuze_ids=["f1"])
        await queue.publish(NEW_DEVICES, [packed(announced)])

        async def stepped() -> bool:
            plug = (await store.view("s1")).plugs.get("p1")
            return plug is not None and plug.place is PlugState.ACCOUNT_NULL

        await wait_until("the plug is nobody's", stepped)
        chunk = site.ReadingChunk(site_id="s1")
        now_ms = psd.clock.now_ms()
        chunk.readings.add(state=1, current=6.5, voltage=240, timestamp_ms=now_ms, plug_id="p1")
        await queue.publish(TELEMETRY, [packed(chunk)])

        async def read() -> bool:
            return "p1" in (await store.view("s1")).rings

        await wait_until("the reading is kept", read)
        crew.stop()
        await working
        told = await psd.store.client.xrange(stream_key("ack_new_devices_s1"))
        assert [fields[b"b"] for _, fields in told] == [b"\x01"]
