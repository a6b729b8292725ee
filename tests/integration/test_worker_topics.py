"""One process takes psd's topic and a domain's, each over its own connection to a real nsqd."""

from __future__ import annotations

import asyncio
from pathlib import Path
from unittest import mock

import msgspec
import pytest

from psd.archive.archived_events import decoded_entries
from psd.archive.reader import Span
from psd.clock import ManualClock
from psd.config import ArchiveSettings
from psd.domain import rules as domain_rules
from psd.domain.command import Messages, RawTopic
from psd.domain.part import ClockTask, Part
from psd.engine.event_rules import EventRules
from psd.engine.events import Report
from psd.errors import MalformedError
from psd.runtime import open_runtime
from tests.support.processes.worker_stack import NOON_S, WorkerStack, steps
from tests.support.waiting import wait_until
from workers.clockwork import Clockwork
from workers.crew import Crew, build_crew, build_workers
from workers.service import readiness_of

PLUGS = "psd_plugs"


def read_plug(body: bytes, now_s: int, message_id: str, rules: EventRules) -> list[Report]:
    """``7=12``: user 7 has walked 12 steps more."""
    uid, _, value = body.partition(b"=")
    if not value.isdigit():
        raise MalformedError("body: not <uid>=<steps>")
    return [Report(rules.things["steps"], int(uid), 0, 1, int(value), NOON_S, NOON_S)]


async def test_two_topics_are_booked_archived_told_and_counted(
    stack: WorkerStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugs = RawTopic(name=PLUGS, command="plug", read=read_plug)
    monkeypatch.setattr(domain_rules, "messages_of", lambda _: {"plugs": Messages(topics=(plugs,))})
    archive = ArchiveSettings(folder=str(tmp_path / "archive"))
    settings = msgspec.structs.replace(stack.settings, archive=archive)
    runtime = await open_runtime(settings, archiving=True)
    crew = build_crew(runtime)
    assert [each.topic for each in crew.workers] == [settings.queue.topic, PLUGS]
    assert crew.workers[0].queue is not crew.workers[1].queue
    running = asyncio.create_task(crew.run())
    try:
        await crew.workers[1].queue.publish(PLUGS, [b"7=12", b"poison", b"8=5"])
        await stack.publish([steps(9, 1, 30)])
        for uid, value in ((7, 12), (8, 5), (9, 30)):
            await wait_until(f"user {uid}", lambda uid=uid, value=value: stack.sum_is(uid, value))

        def finished(topic: str) -> float | None:
            labels = {"topic": topic, "outcome": "finished"}
            return runtime.metrics.registry.get_sample_value("psd_topic_messages_total", labels)

        await wait_until("plugs are finished", lambda: finished(PLUGS) == 3)
        await wait_until("steps are finished", lambda: finished(settings.queue.topic) == 1)
        told = await readiness_of(runtime, crew).checks()
        assert told["queue"] == told[f"queue.{PLUGS}"] == "ok"
        assert told["receiving"] == told[f"receiving.{PLUGS}"] == "ok"
    finally:
        crew.stop()
        async with asyncio.timeout(60):
            await running
        await runtime.close()
    letters = await stack.letters()
    assert [(each.topic, each.body, each.code) for each in letters] == [
        (PLUGS, b"poison", "malformed")
    ]
    found = list(decoded_entries(Path(archive.folder), runtime.rules, Span()))
    assert {event.uid: event.value for each in found for event in each.events} == {
        7: 12,
        8: 5,
        9: 30,
    }
    assert not [each.error for each in found if each.error]


async def test_what_is_due_by_the_clock_starts_and_stops_with_the_process(
    stack: WorkerStack,
) -> None:
    runtime = stack.runtime
    seen: list[int] = []

    async def step(now_ms: int) -> None:
        seen.append(now_ms)

    part = Part()
    part.clock = ClockTask(name="ticks", every_ms=10, step=step)
    with mock.patch.object(runtime, "parts", {**runtime.parts, "ticks": part}):
        [task] = [each for each in runtime.clock_tasks if each.name == "ticks"]
    crew = Crew(build_workers(runtime), [Clockwork(task, ManualClock(NOON_S), runtime.metrics)])
    running = asyncio.create_task(crew.run())
    await wait_until("a step", lambda: seen == [NOON_S * 1000])
    assert (await readiness_of(runtime, crew).checks())["clock.ticks"] == "ok"
    crew.stop()
    async with asyncio.timeout(60):
        await running
