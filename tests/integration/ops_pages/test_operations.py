"""What admins look at and do under /v3/ops: letters, tokens, imports, audits, settings, scripts."""

from __future__ import annotations

import stat
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from psd.operations.import_journal import Journal
from psd.operations.slow_scripts import slow_scripts
from psd.store.keys import AUDITS_KEY, OPERATORS_KEY
from psd.store.scripts import load_script
from tests.support.clients.access import asked_of, bearer, token_for
from tests.support.operations.ops_site import STEPS, USER, OpsSite, ops_site
from tests.support.servers.redis_server import RedisServer
from tests.support.waiting import wait_until

OTHER = token_for("other", "admin")
SECRET = "0123456789abcdef" * 4
TABLE = "user,at,steps\n7,2016-04-12T08:00:00Z,5\n7,2016-04-12T09:00:00Z,6\n"
LATER_TABLE = "user,at,steps\n7,2016-04-12T08:00:00Z,50\n"


@pytest.fixture
async def site(redis_server: RedisServer, tmp_path: Path) -> AsyncIterator[OpsSite]:
    redis_server.flush()
    async with ops_site(
        redis_server.url, tmp_path, settings={**asked_of(OTHER), "pages.secret": SECRET}
    ) as found:
        yield found


async def log_of(site: OpsSite) -> list[tuple[str, str]]:
    """What was done, by whom, the newest first."""
    told = (await site.ask("GET", "/v3/ops/log")).json()["data"]
    return [(each["what"], each["by"]) for each in told]


async def test_letters_are_listed_shown_replayed_and_dropped(site: OpsSite) -> None:
    letters = await site.bury(b"poison", b"\x00\xff", site.too_early())
    listed = (await site.ask("GET", "/v3/ops/dead-letters")).json()
    assert [each["id"] for each in listed["data"]] == letters
    codes = {each["code"]: each["id"] for each in listed["data"]}
    assert {"malformed", "too_early"} == {*codes}
    early = codes["too_early"]
    whole = (await site.ask("GET", f"/v3/ops/dead-letters/{early}")).json()
    assert '"thing":"steps"' in whole["body"]
    assert (await site.ask("GET", "/v3/ops/dead-letters/nothing")).status == 404
    replayed = (
        await site.ask("POST", "/v3/ops/dead-letters/replay", {"ids": [early, "nothing"]})
    ).json()
    assert (replayed["done"], replayed["unknown"]) == ([early], ["nothing"])
    dropped = (await site.ask("POST", "/v3/ops/dead-letters/drop", {"all": True})).json()
    assert sorted(dropped["done"]) == sorted(each for each in letters if each != early)
    assert (await site.ask("GET", "/v3/ops/dead-letters?limit=1")).json()["data"] == []
    assert await log_of(site) == [("drop dead letters", "amp"), ("replay dead letters", "amp")]


async def test_a_run_over_letters_says_which(site: OpsSite) -> None:
    for body, status in (
        ({}, 400),
        ({"ids": ["1"], "all": True}, 400),
        ({"ids": "1"}, 422),
        ({"letters": ["1"]}, 422),
    ):
        for which in ("replay", "drop"):
            answer = await site.ask("POST", f"/v3/ops/dead-letters/{which}", body)
            assert answer.status == status, answer.text
    assert await log_of(site) == []


async def test_a_token_is_made_told_once_used_and_revoked(site: OpsSite) -> None:
    body = {"name": "phone", "scopes": ["read"], "owners": [USER, "al@example.com"]}
    made = await site.ask("POST", "/v3/ops/tokens", body)
    assert made.status == 201
    token, mark = made.json()["token"], made.json()["mark"]
    headers = bearer(token)
    asked = f"/v3/sum?thing=steps&uid={USER}"
    assert (await site.main.request("GET", asked, headers=headers)).status == 200
    assert (await site.main.request("GET", "/v3/ops/log", headers=headers)).status == 403
    listed = await site.ask("GET", "/v3/ops/tokens")
    assert token not in listed.text
    rows = {each["mark"]: each for each in listed.json()["data"]}
    assert rows[mark] == {
        "mark": mark,
        "name": "phone",
        "scopes": ["read"],
        "owners": ["7", "al@example.com"],
        "expires": None,
        "source": "access.tokens_file",
    }
    assert (await site.ask("POST", f"/v3/ops/tokens/{mark}/revoke", {})).json() == rows[mark]
    assert (await site.main.request("GET", asked, headers=headers)).status == 401
    assert (await site.ask("POST", f"/v3/ops/tokens/{mark}/revoke", {})).status == 404
    file = site.folder / "tokens"
    assert file.read_text() == f"# who may ask\n{site.admin.line}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert token not in (await site.ask("GET", "/v3/ops/log")).text
    assert await log_of(site) == [("revoke token", "amp"), ("make token", "amp")]


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ({"name": "a b", "scopes": ["read"]}, 422, "name: expected 1 to 64 letters"),
        ({"name": "a", "scopes": []}, 422, "scopes: "),
        ({"name": "a", "scopes": ["root"]}, 422, "scopes"),
        ({"name": "a", "scopes": ["admin"], "owners": [7]}, 422, "an admin is not restricted"),
        ({"name": "a", "scopes": ["read"], "owners": ["07"]}, 422, "'07'"),
        ({"name": "a", "scopes": ["read"], "expires": "2016-04-12"}, 422, "expires: "),
        ({"name": "a", "scopes": ["read"], "expires": "soon"}, 422, "expires: "),
        ({"scopes": ["read"]}, 422, "name: missing"),
    ],
)
async def test_a_token_that_no_file_may_hold_is_refused(
    site: OpsSite, body: object, status: int, told: str
) -> None:
    before = (site.folder / "tokens").read_text()
    answer = await site.ask("POST", "/v3/ops/tokens", body)
    assert answer.status == status, answer.text
    assert told in answer.text
    assert (site.folder / "tokens").read_text() == before


async def test_nobody_revokes_the_token_that_he_asks_with_or_one_of_the_settings(
    site: OpsSite,
) -> None:
    rows = {each["name"]: each for each in (await site.ask("GET", "/v3/ops/tokens")).json()["data"]}
    for name, told in (("amp", "that you ask with"), ("other", "access.tokens")):
        mark = rows[name]["mark"]
        answer = await site.ask("POST", f"/v3/ops/tokens/{mark}/revoke", {})
        assert (answer.status, told in answer.text) == (409, True), answer.text
    own = await site.ask("POST", f"/v3/ops/tokens/{rows['amp']['mark']}/revoke", {}, OTHER)
    assert own.status == 200
    assert (await site.ask("GET", "/v3/ops/log")).status == 401


async def test_without_a_file_no_token_is_made(redis_server: RedisServer, tmp_path: Path) -> None:
    redis_server.flush()
    settings = {"access.tokens_file": "", **asked_of(OTHER)}
    async with ops_site(redis_server.url, tmp_path, settings=settings) as site:
        answer = await site.ask("POST", "/v3/ops/tokens", {"name": "a", "scopes": ["read"]}, OTHER)
        assert (answer.status, "access.tokens_file" in answer.text) == (409, True)


def threads_of(patch: pytest.MonkeyPatch, kind: type, *names: str) -> set[tuple[str, int]]:
    """In which threads methods of a class are called from now on."""
    found: set[tuple[str, int]] = set()

    def told(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def called(*given: Any) -> Any:
            found.add((name, threading.get_ident()))
            return method(*given)

        return called

    for name in names:
        patch.setattr(kind, name, told(name, getattr(kind, name)))
    return found


async def test_an_import_is_rehearsed_and_taken_back_once_its_target_is_named(
    site: OpsSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong, later = await site.imported(TABLE), await site.imported(LATER_TABLE)
    assert await site.steps() == 56
    listed = (await site.ask("GET", "/v3/ops/imports")).json()["data"]
    assert {each["id"] for each in listed} == {wrong, later}
    rehearsed = (await site.ask("GET", f"/v3/ops/imports/{wrong}")).json()
    assert rehearsed["counts"] == {"taken back": 1, "replaced since": 1}
    assert (rehearsed["is_done"], await site.steps()) == (False, 56)
    undo = f"/v3/ops/imports/{wrong}/undo"
    assert (await site.ask("POST", undo, {"target": "http://elsewhere:1155"})).status == 409
    assert await site.steps() == 56
    threads = threads_of(monkeypatch, Journal, "settle", "tell", "close")
    undone = (await site.ask("POST", undo, {"target": rehearsed["target"]})).json()
    assert {name for name, _ in threads} == {"settle", "tell", "close"}
    assert threading.get_ident() not in {thread for _, thread in threads}
    assert (undone["is_done"], undone["open"], await site.steps()) == (True, 1, 50)
    assert "there is 50" in undone["left"][0]
    last = await site.ask("POST", f"/v3/ops/imports/{later}/undo", {"target": undone["target"]})
    assert (last.json()["open"], await site.steps()) == (0, 5)
    assert (await site.ask("GET", "/v3/ops/imports/nothing")).status == 404
    assert await log_of(site) == [("undo import", "amp")] * 2


async def test_an_audit_tells_differences_and_a_repair_ends_them(site: OpsSite) -> None:
    await site.imported(TABLE)
    root = (await site.runtime.store.placed()).owner_root(USER)
    await site.runtime.store.client.hset(f"{root}:{STEPS}:y", "2016", "12:2")
    begun = await site.ask("POST", "/v3/ops/audits", {"rate": 0})
    assert begun.status == 201
    found = await ended(site, begun.json()["audit"]["id"])
    assert found["audit"]["found"] == len(found["differences"]) > 0
    assert any("should be" in each for each in found["differences"])
    repair = await site.ask("POST", "/v3/ops/audits", {"rate": 0, "repair": True})
    assert (await ended(site, repair.json()["audit"]["id"]))["outcomes"]["repaired"] > 0
    clean = await site.ask("POST", "/v3/ops/audits", {"rate": 0, "uid": [USER]})
    assert (await ended(site, clean.json()["audit"]["id"]))["audit"]["found"] == 0
    listed = (await site.ask("GET", "/v3/ops/audits")).json()["data"]
    assert [each["state"] for each in listed] == ["done"] * 3
    assert [what for what, _ in await log_of(site)] == ["audit", "repair", "audit"]
    assert (await site.ask("GET", "/v3/ops/audits/nothing")).status == 404


async def ended(site: OpsSite, run_id: str) -> dict[str, Any]:
    path = f"/v3/ops/audits/{run_id}"

    async def is_over() -> bool:
        return (await site.ask("GET", path)).json()["audit"]["state"] != "running"

    await wait_until("the audit is over", is_over)
    answer: dict[str, Any] = (await site.ask("GET", path)).json()
    assert answer["audit"]["state"] == "done", answer
    return answer


async def test_one_audit_runs_at_a_time_and_one_of_a_dead_process_is_told_as_broken_off(
    site: OpsSite,
) -> None:
    await site.imported(TABLE)
    slow = await site.ask("POST", "/v3/ops/audits", {"rate": 0.01})
    assert slow.status == 201
    assert (await site.ask("POST", "/v3/ops/audits", {})).status == 409
    site.clock.ahead_s += 120
    run_id = slow.json()["audit"]["id"]
    told = (await site.ask("GET", f"/v3/ops/audits/{run_id}")).json()
    assert told["audit"]["state"] == "broken_off"


async def test_settings_are_told_with_their_sources_and_without_secrets(site: OpsSite) -> None:
    answer = await site.ask("GET", "/v3/ops/settings")
    rows = {each["key"]: each for each in answer.json()["data"]}
    assert rows["queue.kind"] == {
        "key": "queue.kind",
        "value": "stream",
        "default": "nsq",
        "source": "flag",
        "is_changed": True,
    }
    assert rows["server.ids_max"]["source"] == "default"
    assert rows["pages.secret"]["value"] == "***"
    assert SECRET not in answer.text


async def test_slow_scripts_are_told_by_their_names(site: OpsSite) -> None:
    client = site.runtime.store.client
    before = await client.config_get("slowlog-log-slower-than")
    await client.config_set("slowlog-log-slower-than", 0)
    try:
        await site.imported(TABLE)
    finally:
        await client.config_set("slowlog-log-slower-than", *before.values())
    found = await slow_scripts(site.runtime.store)
    assert "engine.book" in {each.script for each in found.calls}
    told = (await site.ask("GET", "/v3/ops/slow-scripts")).json()
    assert told["data"][0]["duration_us"] >= told["data"][-1]["duration_us"]
    assert load_script("engine.book").sha.decode() not in str(told)


async def test_what_operators_did_and_audits_are_kept_to_their_newest(site: OpsSite) -> None:
    for _ in range(3):
        await site.ask("POST", "/v3/ops/tokens", {"name": "a", "scopes": ["read"]})
    assert len((await site.ask("GET", "/v3/ops/log?limit=2")).json()["data"]) == 2
    assert (await site.ask("GET", "/v3/ops/log?limit=0")).status == 406
    client = site.runtime.store.client
    assert await client.type(OPERATORS_KEY) == b"list"
    assert await client.exists(AUDITS_KEY) == 0
