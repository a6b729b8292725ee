"""A user named alice@example.com, from the queue and from a file to erasure, by every way in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import pytest

from psd.client import AsyncClient
from psd.runtime import Runtime
from psd.users import user_of
from tests.support.clients.http import HttpClient, serving
from tests.support.engine import report
from tests.support.processes.commands import printed, run
from tests.support.processes.worker_stack import WorkerStack, steps, worker_running
from tests.support.waiting import wait_until

ALICE = "alice@example.com"
UID = user_of(ALICE)
DAY = {"start": "2016-04-12", "end": "2016-04-13"}
FILE = f"who,at,steps\n{ALICE},2016-04-12T18:00:00Z,50\n7,2016-04-12T18:00:00Z,40\n"


async def test_alice_goes_all_the_way(
    stack: WorkerStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = stack.redis.url
    monkeypatch.setenv("PSD_ARCHIVE_FOLDER", str(tmp_path / "archive"))
    file = tmp_path / "steps.csv"
    file.write_text(FILE)
    async with worker_running(stack):
        # A producer sends her name, and a number as text: digits are the number.
        await stack.publish([steps(ALICE, 1, 30), steps("7", 1, 5)])
        await wait_until("it is booked", lambda: stack.sum_is(UID, 30))
    columns = ("--uid", "who", "--time", "at", "--thing", "steps=steps")
    await printed("import", str(file), *columns, "--via", "direct", url=url)
    assert (await stack.sum_of(UID), await stack.sum_of(7)) == (80, 45)
    assert await printed("query", "steps", ALICE, "2016-04-12", "2016-04-13", url=url) == "80\n"
    members = ("boards", "members", "add", "april", ALICE, "7")
    window = ("--start", "2016-04-11", "--end", "2016-04-18")
    await printed("boards", "create", "april", "--thing", "steps", *window, url=url)
    await printed(*members, url=url)
    standing = json.loads(await printed("boards", "standing", "april", "--json", url=url))
    assert [row["uid"] for row in standing["data"]] == [ALICE, "7"]
    async with serving(stack.runtime) as http, AsyncClient(http.url) as psd:
        series = await psd.series(thing="steps", uid=[ALICE], every="day", by="uid", **DAY)
        assert [(point.uid, point.sum) for point in series.data] == [(ALICE, 80)]
        asked = ("sum", "steps", ALICE, "--start", DAY["start"], "--end", DAY["end"], "--json")
        told = json.loads(await printed(*asked, "--url", http.url, url=url))
        assert (told["data"][0]["uid"], told["data"][0]["sum"]) == (ALICE, 80)
        withdrawn = await psd.withdraw(ALICE, 1, "counted twice")
        assert (withdrawn.uid, withdrawn.taken[0].sum) == (ALICE, 30)
        assert await stack.sum_of(UID) == 50
        erased = await psd.erase_user(ALICE)
        assert (erased.uid, erased.boards) == (ALICE, 1)
        assert await stack.sum_of(UID) == 0
        assert (await psd.audit(ALICE)).data == []
    assert (await run("names", ALICE, url=url)).exit_code == 1
    assert (await run("verify", url=url)).exit_code == 0
    assert json.loads(await printed("boards", "members", "ls", "april", "--json", url=url)) == ["7"]


class ByHttp:
    """Each question as a request, as curl sends it."""

    def __init__(self, http: HttpClient, store: str) -> None:
        self.http = http

    async def _asked(self, method: str, path: str) -> Any:
        answer = await self.http.request(method, f"/v3/{path}")
        assert answer.status == 200, answer.text
        return answer.json()

    async def series(self) -> Sequence[tuple[str, int]]:
        asked = urlencode({"thing": "steps", "uid": ALICE, "every": "day", "by": "uid", **DAY})
        rows = (await self._asked("GET", f"series?{asked}"))["data"]
        return [(row["uid"], row["sum"]) for row in rows]

    async def standing(self) -> Sequence[str]:
        return [row["uid"] for row in (await self._asked("GET", "boards/may/standing"))["data"]]

    async def withdraw(self) -> str:
        path = f"users/{quote(ALICE)}/activities/1?note=twice"
        return str((await self._asked("DELETE", path))["uid"])

    async def erase(self) -> str:
        return str((await self._asked("DELETE", f"users/{quote(ALICE)}"))["uid"])


class ByClient(ByHttp):
    """Each as a call of the Python client."""

    async def series(self) -> Sequence[tuple[str, int]]:
        async with AsyncClient(self.http.url) as psd:
            found = await psd.series(thing="steps", uid=[ALICE], every="day", by="uid", **DAY)
        return [(str(point.uid), point.sum or 0) for point in found.data]

    async def standing(self) -> Sequence[str]:
        async with AsyncClient(self.http.url) as psd:
            return [row.uid for row in (await psd.boards.standing("may")).data]

    async def withdraw(self) -> str:
        async with AsyncClient(self.http.url) as psd:
            return (await psd.withdraw(ALICE, 1, "twice")).uid

    async def erase(self) -> str:
        async with AsyncClient(self.http.url) as psd:
            return (await psd.erase_user(ALICE)).uid


class ByCommand(ByHttp):
    """Each as a command."""

    def __init__(self, http: HttpClient, store: str) -> None:
        self.http, self.store = http, store

    async def _printed(self, *words: str) -> Any:
        return json.loads(await printed(*words, "--json", url=self.store))

    async def series(self) -> Sequence[tuple[str, int]]:
        days = ("--start", DAY["start"], "--end", DAY["end"], "--every", "day", "--by", "uid")
        told = await self._printed("series", "steps", ALICE, *days, "--url", self.http.url)
        return [(row["uid"], row["sum"]) for row in told["data"]]

    async def standing(self) -> Sequence[str]:
        return [row["uid"] for row in (await self._printed("boards", "standing", "may"))["data"]]

    async def withdraw(self) -> str:
        words = ("activities", ALICE, "--withdraw", "1", "--note", "twice")
        return str((await self._printed(*words, "--url", self.http.url))["uid"])

    async def erase(self) -> str:
        return str((await self._printed("users", "erase", ALICE, "--yes"))["uid"])


@pytest.mark.parametrize("way", [ByHttp, ByClient, ByCommand])
async def test_alice_is_asked_for_withdrawn_and_erased_by_each_way(
    way: type[ByHttp], client: HttpClient, runtime: Runtime, redis_url: str
) -> None:
    reports = [report(30, uid=UID, aid=1), report(50, uid=UID, aid=2)]
    await runtime.engine.book([msgspec.structs.replace(each, name=ALICE) for each in reports])
    body = {"thing": "steps", "window": {"kind": "fixed", **DAY}, "members": [ALICE]}
    made = msgspec.json.encode(body)
    answer = await client.request("PUT", "/v3/boards/may", made, "application/json")
    assert answer.status == 201, answer.text
    alice = way(client, redis_url)
    assert (await alice.series(), await alice.standing()) == ([(ALICE, 80)], [ALICE])
    assert await alice.withdraw() == ALICE
    assert await alice.series() == [(ALICE, 50)]
    assert await alice.erase() == ALICE
    assert await alice.standing() == []
    assert [total for _, total in await alice.series()] == [0]
