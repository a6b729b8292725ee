"""Boards at their limits are answered, one more is refused, and nothing is read for it."""

from __future__ import annotations

from typing import Any

import pytest

from psd.queries.boards import store as boards_store
from psd.queries.boards import writes as boards_writes
from psd.queries.boards.board_windows import MEMBERS_MAX
from psd.queries.boards.staging import StagedChange
from tests.support.clients.http_boards import START_S, BoardsClient, boards_on, steps
from tests.support.engine import NOON_S, book, report
from tests.support.loop_holds import loop_lines

SMALL = {"server.user_sums_max": 12, "server.board_members_max": 5}
ONE_BY_ONE = {**SMALL, "things": {"steps": {"id": 1, "boards": False}}}
"""The same where everybody is asked one by one."""

HOLD_LINES_MAX = 50_000
"""Of 20,000 users who share a value there is a line each."""


async def calls_of(boards: BoardsClient, path: str) -> tuple[int, dict[str, int]]:
    """The status of a question, and how often Redis was called by each command for it."""
    client = boards.psd.store.client
    await client.config_resetstat()
    answer = await boards.http.get(path)
    stats: dict[str, dict[str, Any]] = await client.info("commandstats")
    return answer.status, {name[8:]: told["calls"] for name, told in stats.items()}


async def test_a_board_of_as_many_as_may_be_is_answered_in_slices(redis_url: str) -> None:
    """By the calls and the longest hold; in one piece a question is 400,000 lines."""
    async with boards_on(redis_url) as boards:
        await boards.put("full")
        change = StagedChange(range(1, MEMBERS_MAX + 1), is_all=True)
        await boards.psd.boards.make_change("full", change)
        await steps(boards.psd, 7, 50, START_S + 100)
        with loop_lines() as holds:
            for question in (
                "standing?around=7",
                "standing?ties=first_to_reach&as_of=2016-04-12T12:00:00Z",
                "standing?as_of=2016-04-13T12:00:00Z&compare_to=2016-04-12T12:00:00Z",
            ):
                answer = await boards.ask("GET", f"/full/{question}")
                assert answer.status in (200, 422), answer.text
                assert ("first_to_reach" in question) == (answer.status == 422), answer.text
        assert holds.longest < HOLD_LINES_MAX, holds.which
        status, calls = await calls_of(boards, "/v3/boards/full/standing")
        assert status == 200
        assert "smembers" in calls
        # 80 pages of 250, the definition and the members, who was first of ten, and few more.
        assert calls["evalsha"] < MEMBERS_MAX / 250 + 20
        declared = await boards.ask("POST", "/full/final")
        assert declared.status == 201, declared.text
        final = await boards.json("/full/final")
        assert (final["total"], final["changed"]) == (MEMBERS_MAX, 0)
        refused = await boards.refused("POST", "/full/members", {"add": [str(MEMBERS_MAX + 1)]})
        assert refused[:2] == (422, "too_large")
        assert (await boards.ask("POST", "/full/members", {"remove": ["1"]})).status == 200


async def test_one_more_than_may_be_asked_about_is_refused_unread(redis_url: str) -> None:
    async with boards_on(redis_url, ONE_BY_ONE) as boards:
        await book(boards.psd, [report(uid, NOON_S, uid=uid) for uid in range(1, 13)])
        days = "&start=2016-04-12&end=2016-04-14"
        assert (await boards.http.get(f"/v3/leaderboard?thing=steps{days}")).status == 200
        await book(boards.psd, [report(13, NOON_S, uid=13)])
        for asked in (days, f"{days}&around=3", "&start=2016-04-12T01:00:00Z&end=2016-04-14"):
            status, calls = await calls_of(boards, f"/v3/leaderboard?thing=steps{asked}")
            assert status == 422
            assert "smembers" not in calls
            assert calls.get("evalsha", 0) <= 17  # the sizes, and those whom it knew from before
        answer = await boards.http.get(f"/v3/leaderboard?thing=steps{days}")
        assert "13 users may have bookings of this thing, at most 12" in answer.text
        assert "name users (uid), ask about a board" in answer.text
        uids = "&".join(f"uid={uid}" for uid in range(1, 13))
        assert (await boards.http.get(f"/v3/leaderboard?thing=steps{days}&{uids}")).status == 200
        more = f"/v3/leaderboard?thing=steps{days}&{uids}&compare_to=2016-04-10/2016-04-11"
        assert (await boards.http.get(more)).status == 422


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("query?query=topk(3,increase(steps[1d]))&time=1460505600", 422),
        ("query?query=sum(increase(steps{uid=~%221|2|3%22}[1d]))&time=1460505600", 200),
        ("query?query=sum(increase(steps[1d]))&time=1460505600", 422),
        ("query?query=sum by (atid) (increase(steps{uid=%221%22}[1d]))&time=1460505600", 422),
        ("label/uid/values?match[]=steps", 200),
        ("label/atid/values?match[]=steps", 422),
    ],
)
async def test_prometheus_has_the_same_limit(redis_url: str, query: str, status: int) -> None:
    async with boards_on(redis_url, ONE_BY_ONE) as boards:
        await book(boards.psd, [report(uid, NOON_S, uid=uid) for uid in range(1, 12)])
        path = query.replace(" ", "%20").replace("{", "%7B").replace("}", "%7D")
        path = path.replace("[", "%5B").replace("]", "%5D").replace("|", "%7C")
        answer = await boards.http.get(f"/api/v1/{path}")
        assert answer.status == status, answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/v3/leaderboard?thing=steps&start=2016-04-12&end=2016-04-14&compare_to=2016-04-13",
        "/api/v1/query?query=topk(3,increase(steps%5B2d%5D))&time=1460592000",
        "/api/v1/query?query=sum(increase(steps%5B2d%5D))&time=1460592000",
    ],
)
async def test_of_everybody_by_columns_bytes_are_what_is_limited(redis_url: str, path: str) -> None:
    """5,000 bytes are a sum, so 2 allow what 39 users have of the two days, not what 399 have."""
    async with boards_on(redis_url, {"server.user_sums_max": 2}) as boards:
        few, many = range(1, 40), range(40, 400)
        await book(boards.psd, [report(uid, NOON_S, uid=uid) for uid in few])
        assert (await boards.http.get(path)).status == 200
        await book(boards.psd, [report(uid, NOON_S, uid=uid) for uid in many])
        refused = await boards.http.get(path)
        assert refused.status == 422
        assert "of everybody's columns would be read, at most 10000 are" in refused.text


async def test_a_board_that_has_more_than_may_be_by_now_may_become_smaller(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with boards_on(redis_url) as boards:
        await boards.put("old", *range(1, 10))
    async with boards_on(redis_url, SMALL) as boards:
        assert (await boards.ask("POST", "/old/members", {"add": ["10"]})).status == 422
        assert (await boards.ask("POST", "/old/members", {"remove": ["1"]})).status == 200
        monkeypatch.setattr(boards_writes, "SCRIPT_MEMBERS_MAX", 0)
        assert (await boards.ask("POST", "/old/members", {"add": ["10"]})).status == 422
        assert (await boards.ask("POST", "/old/members", {"remove": ["2"]})).status == 200


async def test_more_members_than_one_call_tells_are_read_as_they_were_at_one_moment(
    boards: BoardsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boards_store, "LISTED_MAX", 100)
    kept = boards.psd.boards
    await boards.put("a")
    await kept.make_change("a", StagedChange(range(1, 5001), is_all=True))
    reads = 0
    whole = kept._writes.staged.members

    async def disturbed(key: str) -> set[int]:
        nonlocal reads
        reads += 1
        found = await whole(key)
        if reads == 1:
            await kept.change_members("a", [], ["1"])
        return found

    monkeypatch.setattr(kept._writes.staged, "members", disturbed)
    assert await kept.members("a") == [*range(2, 5001)]
    assert reads == 2
