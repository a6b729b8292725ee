"""What a client books, withdraws and keeps, and what it reads of it."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import json

from psd.client import AsyncClient
from psd.engine.event_fields import MetricFields
from psd.errors import ChangedError, IdempotencyMismatchError, NotFoundError
from psd.queries.boards.board_windows import FixedWindow, Round
from psd.queries.boards.definitions import Definition, SeededRounds
from tests.support.clients.client_side import ADMIN, SEVEN, STEPS_OF_THREE
from tests.support.clients.http import serving
from tests.support.clients.unsteady import unsteady
from tests.support.engine import DAY_S, NOON_S, engine_on
from tests.support.rewards.reward_job import Fleet

pytestmark = STEPS_OF_THREE

MIDNIGHT_S = NOON_S - DAY_S // 2


async def test_activities_are_listed_and_withdrawn(asking: AsyncClient) -> None:
    page = await asking.activities(2, thing=["steps"], start=NOON_S, limit=1)
    assert [(row.aid, row.sums) for row in page.data] == [("1", {"steps": 30})]
    assert page.next is not None
    rest = await asking.activities(2, start=NOON_S, limit=1, cursor=page.next)
    assert [row.aid for row in rest.data] == ["2"]
    assert [row.aid async for row in asking.all_activities("2")] == ["1", "2"]
    done = await asking.withdraw(2, "1", "counted twice")
    assert (done.status, done.taken[0].sum) == ("withdrawn", 30)
    assert (await asking.withdraw("2", 1)).status == "unchanged"
    assert (await asking.sum(thing="steps", uid=2)).data[0].sum == 10
    audit = await asking.audit(2, limit=1)
    assert [(row.aid, row.by, row.note) for row in audit.data] == [("1", "app", "counted twice")]
    assert [row.aid async for row in asking.all_audit(2)] == ["1"]
    with pytest.raises(NotFoundError, match="aid: nothing is known"):
        await asking.withdraw(2, 99)


async def test_events_are_booked_in_as_many_requests_as_they_need(
    asking: AsyncClient, url: str
) -> None:
    events: list[Any] = [{**SEVEN, "uid": uid, "aid": uid} for uid in range(1000, 6500)]
    events[5400] = {"command": "count", "count": {"thing": "hifive_1", "value": 1, "ts": NOON_S}}
    async with unsteady(url) as front, AsyncClient(front.url, token=ADMIN.secret) as client:
        answer = await client.events(iter(events), key="load")
        sent = [(request.headers["Idempotency-Key"], request.body) for request in front.requests]
    # A machine that is short of time may need a repeat: with its key it is the same request.
    requests = dict.fromkeys(sent)
    assert [key for key, _ in requests] == ["load-0", "load-1"]
    assert [len(json.decode(body)) for _, body in requests] == [5000, 500]
    # What a try that was given up had booked is unchanged to the next.
    assert answer.summary["booked"] + answer.summary["unchanged"] == 5499
    assert [each.index for each in answer.data] == [*range(5500)]
    assert [(each.index, each.code, each.field) for each in answer.refused] == [
        (5400, "missing_id", "id")
    ]
    typed = MetricFields(thing="steps", uid=1000, aid=1, value=10, ts1=NOON_S, ts2=NOON_S)
    assert (await asking.events([typed])).summary["booked"] == 1
    assert (await asking.sum(thing="steps", uid="1000")).data[0].sum == 100
    assert (await asking.events([])).data == []


async def test_a_key_that_is_used_for_other_events_is_refused(asking: AsyncClient) -> None:
    await asking.events([SEVEN], key="once")
    with pytest.raises(IdempotencyMismatchError):
        await asking.events([{**SEVEN, "value": 91}], key="once")


async def test_a_board_is_kept_changed_and_asked(asking: AsyncClient) -> None:
    window = FixedWindow(MIDNIGHT_S, MIDNIGHT_S + DAY_S)
    made = await asking.boards.put(
        "april", Definition(thing="steps", window=window), members=[1, "2"]
    )
    assert (made.board.members, made.board.revision) == (2, 1)
    with pytest.raises(ChangedError):
        await asking.boards.put("april", Definition(thing="steps", window=window), is_new=True)
    changed = await asking.boards.patch("april", {"title": "April cup"}, tag=made.tag)
    assert (changed.board.title, changed.board.window) == ("April cup", window)
    with pytest.raises(ChangedError):
        await asking.boards.drop("april", tag=made.tag)
    assert (await asking.boards.get("april")).tag == changed.tag
    moved = await asking.boards.change_members("april", add=[3, 4], remove=[2])
    assert (moved.added, moved.removed, moved.members) == (2, 1, 3)
    assert [row.uid for row in (await asking.boards.members("april", limit=1)).data] == ["1"]
    assert [uid async for uid in asking.boards.all_members("april")] == ["1", "3", "4"]
    standing = await asking.boards.standing("april", as_of=NOON_S + 30, compare_to=NOON_S, limit=1)
    assert [(row.uid, row.value, row.previous_value) for row in standing.data] == [("1", 50, 0)]
    assert [row.uid for row in (await asking.top(board="april")).data] == ["1", "3", "4"]
    final = await asking.boards.declare("april")
    assert (final.declared_by, final.total) == ("app", 3)
    assert (await asking.boards.final("april", limit=1)).data[0].uid == "1"
    assert [row.uid async for row in asking.boards.all_final("april")] == ["1", "3", "4"]
    assert [row.name async for row in asking.boards.all()] == ["april"]
    assert (await asking.boards.clear_members("april")).members == 0
    await asking.boards.drop("april", tag="*")
    assert (await asking.boards.page()).data == []


async def test_head_to_head_rounds_come_as_structs(asking: AsyncClient) -> None:
    window = FixedWindow(MIDNIGHT_S, MIDNIGHT_S + DAY_S)
    rounds = SeededRounds(windows=[Round(NOON_S, NOON_S + 100)], order=["2", "1"])
    cup = Definition(thing="steps", window=window, rounds=rounds)
    await asking.boards.put("cup", cup, members=["1", "2"])
    bracket = await asking.boards.bracket("cup")
    assert bracket.champion == "1"
    [match] = bracket.rounds[0].matches
    assert match.second is not None
    assert (match.first.uid, match.first.score, match.second.score) == ("2", 40, 50)
    assert (await asking.boards.bracket("cup", as_of=NOON_S - 1)).rounds[0].state == "to_come"


async def test_vehicles_are_booked_computed_and_explained(redis_url: str) -> None:
    async with (
        engine_on(redis_url, {"server.port": 0}) as runtime,
        serving(runtime) as http,
        AsyncClient(http.url) as asking,
    ):
        known = await asking.rewards.vehicles([{"vehicle": 7, "owner": "42", "vin": "V" * 17}])
        assert known.booked == 1
        paired = {"vehicle": 7, "integrations": ["Smartcar"], "owner": "42"}
        assert (await asking.rewards.vehicles([paired])).refused == []
        when = "2022-02-02T05:00:00Z"
        sent = [{"vehicle": 7, "integration": "Smartcar", "time": when}] * 1000
        sent.append({"vehicle": 7, "integration": "Horse", "time": when})
        booked = await asking.rewards.activity(sent)
        assert booked.booked + booked.unchanged + booked.duplicate == 1000
        assert [(each.index, each.code) for each in booked.refused] == [(1000, "out_of_bounds")]
        points = {"vehicle": 7, "thing": "promotions", "points": 500, "time": when, "id": "p"}
        assert (await asking.rewards.earnings([points])).booked == 1
        await Fleet(runtime).calculate(0)
        statement = await asking.rewards.statement(7, week=0)
        assert (statement.vehicle, statement.connection_streak) == ("7", 1)
        streaks = await asking.rewards.streaks()
        assert [(each.rank, each.vehicle) for each in streaks.data] == [(1, "7")]
        assert [each.vehicle async for each in asking.rewards.all_streaks(week=0)] == ["7"]
        assert (await asking.rewards.at_risk()).data == []
        assert [each async for each in asking.rewards.all_at_risk(owner="42")] == []
