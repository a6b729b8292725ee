"""Accounts over HTTP and at the command line."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from psd.charging.accounts.ledger_entries import usage
from psd.charging.part import ChargingPart
from psd.runtime import Runtime
from tests.support.clients.http import HttpClient, serving
from tests.support.engine import NOON_S
from tests.support.processes.forked import psd_ended
from tests.support.scripts.payment_scene import NOON_MS, top_up

pytestmark = pytest.mark.psd(now_s=NOON_S)


@pytest.fixture
async def web(psd: Runtime) -> AsyncIterator[HttpClient]:
    desk = psd.part(ChargingPart).desk
    await desk.begin("u 1", "a@example.com")
    for n in range(1, 6):
        await desk.post("u 1", top_up(str(n), 100 * n))
    await desk.post("u 1", usage("s1", 12, NOON_MS))
    await desk.credit("u 1", "s2", 7)
    async with serving(psd) as client:
        yield client


async def test_an_account_is_told_with_what_is_open(web: HttpClient) -> None:
    told = (await web.get("/v3/charging/customers/u%201")).json()
    assert told == {
        "customer": "u 1",
        "email": "a@example.com",
        "stripe_id": "",
        "entries": 6,
        "balance_cents": 1488,
        "open_cents": 7,
        "payment_methods": [],
        "default_payment_method": "",
        "auto_topup": {"enabled": False, "threshold_cents": 1000, "recharge_value_cents_aud": 2000},
    }
    assert (await web.get("/v3/charging/customers/u2")).status == 404


async def test_a_ledger_is_read_page_by_page_with_its_balances(web: HttpClient) -> None:
    rows, query = [], "limit=4"
    while True:
        page = (await web.get(f"/v3/charging/customers/u%201/ledger?{query}")).json()
        rows += page["data"]
        if page["next"] is None:
            break
        query = f"limit=4&before={page['next']}"
    assert [row["n"] for row in rows] == [6, 5, 4, 3, 2, 1]
    assert [row["balance_cents"] for row in rows] == [1488, 1500, 1000, 600, 300, 100]
    assert (rows[0]["kind"], rows[0]["transaction_type"], rows[0]["cents_aud"]) == ("usage", 3, -12)
    assert rows[-1]["payment_id"] == "1"
    csv = await web.get("/v3/charging/customers/u%201/ledger?format=csv")
    assert csv.text.startswith("n,id,kind,transaction_type,cents_aud,balance_cents")
    for wrong in ("limit=0", "limit=1001", "before=0"):
        assert (await web.get(f"/v3/charging/customers/u%201/ledger?{wrong}")).status == 406


def command(url: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    own = {"PSD_REDIS_URL": url, "PSD_ARCHIVE_FOLDER": str(folder)}
    return psd_ended(arguments, folder, {**os.environ, **own}, timeout_s=120)


def test_an_entry_is_posted_by_hand_once_and_shown(redis_url: str, tmp_path: Path) -> None:
    def psd(*arguments: str) -> subprocess.CompletedProcess[str]:
        return command(redis_url, tmp_path, *arguments)

    opening = (
        "charging",
        "post",
        "u1",
        "5000",
        "--kind",
        "opening",
        "--id",
        "o",
        "--note",
        "moved",
    )
    assert psd(*opening).stdout == "1 posted: 5000\n"
    assert psd(*opening).stdout == "1 was there: 5000\n"
    assert psd("charging", "post", "u1", "--id", "x", "--note", "n", "--", "-12").stdout == (
        "2 posted: 4988\n"
    )
    told = psd("charging", "ledger", "u1", "--json")
    rows = json.loads(told.stdout)["data"]
    assert [(row["id"], row["cents_aud"], row["balance_cents"]) for row in rows] == [
        ("x", -12, 4988),
        ("o", 5000, 5000),
    ]
    assert rows[0]["note"] == "n"
    assert psd("charging", "post", "u1", "5", "--id", "y").returncode == 2, "it needs a note"
    other = psd("charging", "post", "u1", "5", "--id", "x", "--note", "n")
    assert (other.returncode, other.stdout) == (1, "")
    assert psd("charging", "ledger", "u2").returncode == 1
    assert psd("charging", "link", "u1").returncode == 78
