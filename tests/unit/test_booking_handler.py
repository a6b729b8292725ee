from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from psd.config import Settings
from psd.domain.rules import every_rule
from psd.engine.event_rules import EventRules
from psd.engine.events import Count, Report
from psd.errors import OutOfBoundsError
from psd.intake import Intake
from psd.rewards.vehicle_events import VehicleChange
from tests.support.processes.worker_fakes import MemoryEngine, message
from workers.handlers.bookings import BookingBatch, BookingHandler

NOW_S = 1_460_419_200
RULES = EventRules({"steps": 1})


def metric(value: int, **fields: object) -> dict[str, object]:
    return {"thing": "steps", "uid": 7, "aid": 1, "value": value, "ts2": NOW_S - 60, **fields}


def metrics(*values: int) -> bytes:
    return msgspec.json.encode({"command": "metrics", "metrics": [metric(v) for v in values]})


async def book(engine: MemoryEngine, batch: BookingBatch) -> None:
    """As the worker does."""
    entries = list(batch.accepted(NOW_S * 1000))
    batch.note(await Intake(engine).accept_patiently(batch.events, lambda: entries, once))


async def once(call: Callable[[], Awaitable[Any]]) -> Any:
    return await call()


async def test_the_events_of_a_batch_are_booked_in_one_call() -> None:
    engine = MemoryEngine()
    handler = BookingHandler(RULES)
    batch = handler.prepare([message(metrics(1, 2)), message(metrics(3))], NOW_S)
    await book(engine, batch)
    assert engine.batches == [3]
    assert batch.refused == {}


async def test_what_one_message_did_wrong_stays_with_that_message() -> None:
    engine = MemoryEngine()
    engine.refuse = lambda event: OutOfBoundsError("sum") if event.value == 13 else None
    handler = BookingHandler(RULES)
    bodies = [b"not json", metrics(1, 13, 2, 13), metrics(3)]
    batch = handler.prepare([message(body) for body in bodies], NOW_S)
    await book(engine, batch)
    assert {at: error.code for at, error in batch.refused.items()} == {
        0: "malformed",
        1: "out_of_bounds",
    }
    assert [event.value for event in engine.booked] == [1, 2, 3]


async def test_a_batch_without_an_event_asks_the_engine_nothing() -> None:
    engine = MemoryEngine()
    handler = BookingHandler(RULES)
    await book(engine, handler.prepare([message(b"")], NOW_S))
    assert engine.batches == []


def test_a_message_nested_without_end_is_too_large() -> None:
    handler = BookingHandler(RULES)
    for body in (b'{"x":' + b"[" * 100_000, b"\x81\xa1x" * 100_000):
        batch = handler.prepare([message(body)], NOW_S)
        assert [error.code for error in batch.refused.values()] == ["too_large"]


def test_a_count_without_an_id_takes_that_of_its_message() -> None:
    body = b'{"command":"count","count":{"thing":"signups","value":1,"ts":1460419100}}'
    batch = BookingHandler(RULES).prepare([message(body, "0f2a")], NOW_S)
    assert batch.events == [Count("signups", 1, 1_460_419_100, "0f2a")]


def test_the_newest_event_of_a_batch_is_found_among_all_kinds() -> None:
    handler = BookingHandler(RULES)
    batch = handler.prepare([], NOW_S)
    assert batch.newest_s() is None
    batch.events += [Report(1, 7, 0, 1, 5, 0, 90), Count("signups", 1, 100, "a")]
    assert batch.newest_s() == 100
    batch.events.append(VehicleChange(110, 7, {}))
    assert batch.newest_s() == 110


async def test_events_about_vehicles_are_booked_with_the_others() -> None:
    engine = MemoryEngine()
    handler = BookingHandler(every_rule(Settings()))
    fields = {"vehicle": 7, "owner": 42, "time": NOW_S}
    bodies = [
        metrics(1),
        msgspec.json.encode({"command": "vehicle", "vehicle": fields}),
        msgspec.json.encode({"command": "activity", "activity": {"vehicle": 7}}),
    ]
    batch = handler.prepare([message(body) for body in bodies], NOW_S)
    await book(engine, batch)
    assert engine.booked[1:] == [VehicleChange(NOW_S, 7, {"owner": "42"})]
    assert {at: error.code for at, error in batch.refused.items()} == {2: "wrong_type"}
