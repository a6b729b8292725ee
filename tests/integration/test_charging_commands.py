"""psd charging plugs, fuses, request, sessions, export, restore: as an operator runs them."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from psd.charging.keys import account_key
from psd.charging.part import ChargingPart
from psd.clock import SystemClock
from psd.runtime import Runtime
from tests.support.charging.yard import yard
from tests.support.engine import engine_on
from tests.support.processes.forked import psd_ended

HELP = ("plugs", "fuses", "request", "sessions", "export", "restore")


class Shell:
    """Runs commands beside a yard with three plugs and sessions of u1 and u2."""

    def __init__(self, psd: Runtime, folder: Path, url: str) -> None:
        self.psd = psd
        self._folder = folder
        self._environment = {
            **os.environ,
            "PSD_REDIS_URL": url,
            "PSD_QUEUE_KIND": "stream",
            "PSD_ARCHIVE_FOLDER": str(folder / "archive"),
        }

    async def run(self, *words: str, enabled: bool = True) -> subprocess.CompletedProcess[str]:
        own = {**self._environment, "PSD_CHARGING_ENABLED": str(enabled).lower()}
        return await asyncio.to_thread(psd_ended, ["charging", *words], self._folder, own)


@pytest.fixture
async def shell(redis_url: str, tmp_path: Path) -> AsyncIterator[Shell]:
    flags = {"charging.enabled": True, "queue.kind": "stream"}
    async with engine_on(redis_url, flags, SystemClock()) as psd:
        await yard(psd, "u2")
        yield Shell(psd, tmp_path, redis_url)


async def test_a_plug_is_asked_for_something_and_shown_with_its_fuse(shell: Shell) -> None:
    done = await shell.run("request", "p1", "enable", "--as", "u1", "--id", "r1")
    assert (done.returncode, done.stdout) == (0, "p1: done\n"), done.stderr
    again = await shell.run("request", "p1", "enable", "--as", "u1", "--id", "r1", "--json")
    assert json.loads(again.stdout)["status"] == 2
    refused = await shell.run("request", "p1", "disable", "--as", "u2")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "User u2 does not control the plug" in refused.stderr
    assert (await shell.run("request", "p9", "enable", "--as", "u1")).returncode == 1
    off = await shell.run("request", "p1", "disable", "--as", "u1", enabled=False)
    assert off.returncode == 78
    told = await shell.run("plugs", "--site", "s1", "--csv")
    lines = told.stdout.splitlines()
    assert lines[0].startswith("plug,site,state,owner")
    assert lines[1].startswith("p1,s1,ACCOUNT_ADDED,u1,")
    assert "ACCOUNT_NULL" in (await shell.run("plugs")).stdout
    assert (await shell.run("plugs", "--site", "s9")).returncode == 1
    fuses = [json.loads(line) for line in (await shell.run("fuses", "--json")).stdout.splitlines()]
    found = {each["fuse"]: each["limit"] for each in fuses}
    assert found == {"": 0.0, "f1": 32.0, "main": 0.0}


async def test_sessions_are_shown_and_exported(shell: Shell) -> None:
    told = json.loads((await shell.run("sessions", "--customer", "u1", "--json")).stdout)
    assert [row["session_id"] for row in told["data"]] == ["id-2", "id-1"]
    assert (await shell.run("sessions", "--after", "soon")).returncode == 2
    exported = await shell.run("export", "--ocpi", "--customer", "u2")
    [record] = [json.loads(line) for line in exported.stdout.splitlines()]
    assert (record["id"], record["total_cost"]) == ("of-u2", {"excl_vat": 0.12})
    assert exported.stderr == "1 written\n"
    rows = [json.loads(line) for line in (await shell.run("export")).stdout.splitlines()]
    assert [row["session_id"] for row in rows] == ["of-u2", "id-2", "id-1"]


async def test_restore_puts_right_what_follows_and_says_how_much(shell: Shell) -> None:
    first = await shell.run("restore")
    assert first.returncode == 0, first.stdout + first.stderr
    assert not first.stdout.endswith(" 0 put right\n"), "nobody has billed these sessions"
    accounts = shell.psd.part(ChargingPart).desk.accounts
    right = (await accounts.account("u1")).balance_cents
    await shell.psd.store.client.hset(account_key("u1"), "balance_cents", right + 99)
    second = await shell.run("restore")
    assert (second.returncode, second.stderr) == (0, "")
    assert second.stdout.endswith(" 1 put right\n")
    assert (await accounts.account("u1")).balance_cents == right


@pytest.mark.parametrize("command", HELP)
async def test_each_command_says_what_it_does_with_an_example(command: str, tmp_path: Path) -> None:
    told = psd_ended(["charging", command, "--help"], tmp_path, dict(os.environ))
    assert told.returncode == 0
    assert f"psd charging {command}" in told.stdout
