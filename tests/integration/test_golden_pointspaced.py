"""The original's recording, played to a real server over a real store.

``tests/golden/pointspaced.json`` holds requests and the answers that the original gave; its
``meta`` says how to compare, and where psd answers otherwise (``resp_intended``,
``psd_status``, ``psd_sums``). Each phase runs in order on an empty store.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

import msgspec
import pytest

from psd.engine.books import Books
from psd.engine.engine import Engine
from psd.errors import InputError
from psd.intake import Intake
from psd.rewards.booking import VehicleFollower
from psd.rewards.part import RewardsPart
from psd.runtime import Runtime
from tests.support.clients.http import FORM, Answer, HttpClient, serving
from tests.support.plain.model import ModelEngine

Step = dict[str, Any]

GOLDEN = Path(__file__).parents[1] / "golden" / "pointspaced.json"
PHASES: dict[str, list[Step]] = {
    phase["name"]: phase["steps"] for phase in msgspec.json.decode(GOLDEN.read_bytes())["phases"]
}

PHASES["http_edges"][59]["psd_sums"] = {"1": 7}
PHASES["http_edges"][60]["psd_sums"] = {"1": 7, "0": 0}
"""The two forms that the recording sends as raw bodies lack these. They ask for the users and
the second of steps 51 and 52, where it says that psd holds 7 and 0: it refused the others."""


@pytest.fixture(params=["store", "model"])
def runtime(runtime: Runtime, request: pytest.FixtureRequest) -> Runtime:
    """Over the real engine; and over the model, which shows that the model is right too."""
    if request.param == "model":
        model: Any = ModelEngine()
        model.names = runtime.engine.names
        runtime.engine = cast("Engine", model)
        store = runtime.store
        follower = VehicleFollower(runtime.part(RewardsPart).registry, store, runtime.books.things)
        runtime.books = Books(runtime.engine, store.order, runtime.metrics, [follower])
        runtime.intake = Intake(runtime.books, runtime.archive)
    return runtime


@pytest.mark.parametrize("phase", PHASES)
async def test_every_step_is_answered_as_recorded_or_as_decided(
    runtime: Runtime, phase: str
) -> None:
    async with serving(runtime) as client:
        for number, step in enumerate(PHASES[phase]):
            if step["op"] == "nsq":
                await book_message(runtime, step["body"], number)
                continue
            answer = await send(client, step)
            try:
                compare(step, answer)
            except AssertionError as error:
                pytest.fail(f"{phase} step {number}: {step}\nanswered {answer}\n{error}")


async def test_refused_writes_of_the_recording_leave_no_trace(runtime: Runtime) -> None:
    refused = [s for s in PHASES["http_edges"] if s.get("psd_status", s["status"]) in {400, 406}]
    writes = [s for s in refused if s["op"] == "write"]
    keys_before = set(await runtime.store.client.keys("*"))
    async with serving(runtime) as client:
        for step in writes:
            await send(client, step)
    assert len(writes) == 21
    assert set(await runtime.store.client.keys("*")) == keys_before


async def book_message(runtime: Runtime, body: Step, number: int) -> None:
    """What a worker does with a message; what it cannot book goes to its dead letter."""
    message = msgspec.json.encode(body)
    try:
        events = runtime.rules.events(message, runtime.clock.now_s(), f"message-{number}")
    except InputError:
        return
    assert [outcome.error for outcome in await runtime.engine.book(events)] == [None] * len(events)


async def send(client: HttpClient, step: Step) -> Answer:
    if "body" in step:
        body, content_type = step["body"].encode(), step["content_type"]
    elif step["form"] is not None:
        body, content_type = urlencode(step["form"]).encode(), FORM
    else:
        body, content_type = b"", ""
    return await client.request(step["method"], step["path"], body, content_type)


def compare(step: Step, answer: Answer) -> None:
    """Hold an answer against a step, by the rules of the recording's meta."""
    if "psd_status" in step:
        assert answer.status == step["psd_status"]
        return
    assert answer.status == step["status"]
    assert answer.content_type == step["resp_content_type"]
    if step["status"] == 400 and step["resp"] == "ok":
        field = {'"1"': "uid", "10.5": "value", "9" * 20: "value"}
        named = next(name for text, name in field.items() if text in step["body"])
        assert answer.text.startswith(f"{named}:")
    elif "psd_sums" in step:
        assert sums_of(answer) == step["psd_sums"]
    elif step.get("compare") == "atids_multiset":
        intended = step.get("resp_intended", step["resp_json"])
        lengths_only = step.get("atids_ambiguous", False)
        assert comparable(answer.json(), lengths_only) == comparable(intended, lengths_only)
    else:
        assert answer.text == step["resp"]


def sums_of(answer: Answer) -> Any:
    """An answer in the shape of ``psd_sums``: atids become their number ``n``."""
    found = answer.json()
    if not isinstance(found, dict):
        return found
    if "values" in found:
        n = {uid: len(atids) for uid, atids in found["atids"].items()}
        return {"values": found["values"], "n": n}
    if "data" in found:
        return {uid: rename_atids(row) for uid, row in found["data"].items()}
    return found


def rename_atids(row: dict[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in row.items() if name != "_atids"}
    return {**rest, "n": len(row["_atids"])}


def comparable(value: Any, lengths_only: bool) -> Any:
    """The same with every list of atids sorted, or as its length."""
    if isinstance(value, dict):
        return {name: comparable(part, lengths_only) for name, part in value.items()}
    if isinstance(value, list):
        return len(value) if lengths_only else sorted(value)
    return value
