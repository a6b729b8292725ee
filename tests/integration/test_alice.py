"""A user named alice@example.com, from the queue and from a file to erasure, by every way in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from psd.client import AsyncClient
from psd.users import user_of
from tests.support.clients.http import serving
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
