"""Whatever a route writes is in the archive: a store that is emptied has all of it behind a replay.

Every route of the API that changes something is asked once, with its heaviest request made small.
A new one is in the walk as soon as it has a request in tests/support/heaviest, and must have one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from psd.runtime import Runtime
from tests.support.clients.http import HttpClient
from tests.support.engine import emptied
from tests.support.heaviest.every_route import HEAVIEST
from tests.support.heaviest.page_requests import PAGES
from tests.support.heaviest.request import Request
from tests.support.processes.commands import printed
from tests.support.stored.keyspace import keyspace

pytestmark = [
    pytest.mark.psd({"charging.enabled": True, "queue.kind": "stream"}),
    pytest.mark.one_server("it empties the store by one command"),
]

FEW = 20
UNDONE = {
    "POST /v3/swaps/{network}/transactions/{n}/corrections": "there is one transaction, not 401",
    "PUT /v3/energy/plans/{plan}": "its last rate is cut off",
    **dict.fromkeys(
        (
            "POST /v3/charging/plugs/{plug}/requests",
            "PUT /v3/charging/plugs/{plug}",
            "POST /v3/charging/sites/{site}/commission",
        ),
        "no site has announced a plug: tests/integration/test_charging_replay.py has them",
    ),
}
"""Nothing is written by these here, and why."""

OF_THE_QUEUE = {"psd:stream:psd"}
COUNTED = {"psd:decisions:{decisions}:last"}
"""Rises with each replay."""


def writes() -> dict[str, Request]:
    """What changes something and takes nothing away, small."""
    return {
        name: Request(each.path, small(each.body), each.content_type)
        for name, each in HEAVIEST.items()
        if name.startswith(("POST ", "PUT ", "PATCH "))
        and name not in PAGES
        # What operators do is about files and queues.
        and "/v3/ops/" not in name
    }


def small(body: Any) -> Any:
    """The same with few rows."""
    if isinstance(body, list):
        return [small(each) for each in body[:FEW]]
    if isinstance(body, dict):
        return {name: small(each) for name, each in body.items()}
    return body


async def test_an_emptied_store_has_all_that_was_ever_written_by_a_route(
    client: HttpClient,
    runtime: Runtime,
    redis_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    undone = {}
    for name, each in writes().items():
        sent = each.content_type if each.content else ""
        told = await client.request(name.partition(" ")[0], each.path, each.content, sent)
        if told.status >= 300:
            undone[name] = f"{told.status} {told.text}"
    assert undone.keys() == UNDONE.keys(), undone
    before = kept(await keyspace(runtime.store.client))
    for part in ("boards", "energy", "swaps", "charging", "rewards"):
        assert any(f":{part}:" in key or f"{{{part}}}" in key for key in before), part
    await emptied(runtime)
    monkeypatch.setenv("PSD_REDIS_URL", redis_url)
    monkeypatch.setenv("PSD_REDIS_DURABILITY", "fast")
    monkeypatch.setenv("PSD_CHARGING_ENABLED", "true")
    monkeypatch.setenv("PSD_ARCHIVE_FOLDER", str(tmp_path / "archive"))
    await printed("replay", "--from", "1")
    after = kept(await keyspace(runtime.store.client))
    assert after.keys() == before.keys()
    assert {key: after[key] for key in after if after[key] != before[key]} == {}


def kept(held: dict[str, Any]) -> dict[str, Any]:
    """What stands for something that was said."""
    return {
        # A fence is a version of what it was booked of: how often that was kept, or the newest.
        key: None if ":f:" in key else _without_versions(content)
        for key, content in held.items()
        if key not in OF_THE_QUEUE | COUNTED
    }


def _without_versions(content: Any) -> Any:
    if not isinstance(content, dict):
        return content
    return {name: each for name, each in content.items() if not str(name).startswith("b'version:")}
