"""docs/charging.md tells a session from the request to the receipt: its numbers, computed again."""

from __future__ import annotations

import json
import re
from pathlib import Path

from psd.charging.plugs.plug_readings import NJ_A_KWH, NJ_A_MWH, PlugReading, cents_of, pack
from psd.charging.sessions.session_energy import session_sum

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "charging.md").read_text(encoding="utf-8")
STORY = PAGE.split("## A session\n")[1].split("\n## ")[0]
SCENARIOS = json.loads((ROOT / "tests" / "golden" / "charging.json").read_text())["scenarios"]
[RECORDED] = [
    each
    for each in SCENARIOS
    if each["sessions"].get("id-2", {}).get("cents") == 12 and each["balances"] == {"u1": 4988}
]


def readings() -> list[PlugReading]:
    """Those of the session: the recording has one each 2 s, before the step of that second."""
    [(_, session)] = RECORDED["sessions"].items()
    found, at_s = [], 0
    for step in RECORDED["steps"]:
        for _ in range(step.get("n", 0)):
            at_s += 1
            inside = session["start_s"] <= at_s <= session["finish_s"]
            if "cur" in step and at_s % step.get("every", 2) == 0 and inside:
                ma, mv = round(step["cur"] * 1000), round(step["volt"] * 1000)
                found.append(PlugReading(at_s * 1000, ma, mv))
    return found


def test_the_seconds_of_the_story_are_the_recorded_ones() -> None:
    told = {
        int(second): row
        for seconds, row in re.findall(r"^\| ([\d, ]+) \| (.*) \|$", STORY, re.MULTILINE)
        for second in seconds.split(", ")
    }
    states = {each["t"]: each["to"] for each in RECORDED["trace"] if each["ev"] == "state"}
    for second in (1, 6, 8, 789, 806):
        assert states[second] in told[second]
    assert states[726] == "CHARGE_COMPLETE"
    assert "CHARGE_COMPLETE" in told[726]


def test_the_receipt_adds_up() -> None:
    came = readings()
    log = b"".join(pack(each) for each in came)
    found = session_sum([log], 0, 10**9, "later", 60_000)
    assert f"{found.nj // 10**9:,} J are {found.nj / NJ_A_KWH:.6f} kWh" in STORY
    cents = cents_of(found.nj, 30)
    assert f"that is {found.nj * 30 / NJ_A_KWH:.3f}, cut to {cents}" in STORY
    assert f"{(5000 - cents) / 100:.2f} are left" in STORY
    assert f"{len(came)} readings, {found.nj:,} nJ = {found.mwh:,} mWh" in STORY
    assert found.mwh == round(found.nj / NJ_A_MWH)
    assert f"in {len(found.cells)} minutes, at 30 cents a kWh: {cents} cents" in STORY
    assert re.search(rf"use/id-2 +{-cents} +id-2 +{5000 - cents}\n", STORY)


def test_the_page_says_that_neither_stripe_nor_a_device_was_there() -> None:
    assert "No account of Stripe was at hand" in PAGE
    assert "No device was at hand" in PAGE
