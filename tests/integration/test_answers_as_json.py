"""What commands that take long came to, as one document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from psd.runtime import Runtime
from tests.support.engine import NOON_S, book, report
from tests.support.processes.commands import printed, run

pytestmark = pytest.mark.one_server("what is printed is the same")


@pytest.fixture(autouse=True)
def _store(redis_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PSD_REDIS_URL", redis_url)
    monkeypatch.setenv("PSD_REDIS_DURABILITY", "fast")
    monkeypatch.chdir(tmp_path)


async def document(*words: str) -> Any:
    return json.loads(await printed(*words, "--json"))


async def test_an_audit_tells_outcomes_and_each_difference(runtime: Runtime) -> None:
    await book(runtime, [report(5, NOON_S, uid=7)])
    assert await document("verify", "--rate", "0") == {
        "audited": 1,
        "outcomes": {"clean": 1},
        "differences": [],
    }
    [key] = [key async for key in runtime.store.client.scan_iter(match="psd:{p*:7:1:y")]
    await runtime.store.client.hset(key, "2016", "6:1")
    found = await run("verify", "7", "--json")
    told = json.loads(found.stdout)
    assert (found.exit_code, told["outcomes"]) == (1, {"found": 1})
    [difference] = [each for each in told["differences"] if each["field"] == "2016"]
    assert (difference["key"], difference["is_lost"]) == (key.decode(), False)


async def test_a_replay_and_a_sealing_tell_their_counts(runtime: Runtime, tmp_path: Path) -> None:
    await book(runtime, [report(5, NOON_S, uid=7)])
    told = await document("replay", "--from", "1", "--folder", str(tmp_path))
    assert (told["entries"], told["outcomes"], told["damages"]) == (0, {}, [])
    assert told["decisions"] == {"kept": 0, "known": 0, "refusals": []}
    sealed = await document("seal", "--dry-run")
    assert sealed["bytes_after"] <= sealed["bytes_before"]
    assert (sealed["changed"], sealed["spoiled"]) == (0, [])
