"""What psd's own Lua files are like: how long, whether they write, and what Redis makes of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from psd.store.lua_parts import NAMES_MAX, most_at_once
from psd.store.scripts import load_script, lua_folder, script_names


def test_psds_own_scripts_are_found() -> None:
    assert {"engine.book", "engine.sum"} <= set(script_names())
    assert lua_folder().name == "lua"


def test_psds_own_reads_are_known_as_reads() -> None:
    """Else they would queue behind the writes."""
    writing = {name for name in script_names() if not load_script(name).reads_only}
    assert writing == {
        *("boards.change", "boards.members", "boards.swap", "engine.book", "engine.withdraw"),
        *(
            "charging.commit",
            "charging.credit",
            "charging.done",
            "charging.post",
            "charging.release",
            "charging.restore",
            "charging.session",
            "charging.take",
            "charging.tell",
            "columns.seal",
            "decisions.turn",
            "energy.cover",
            "energy.describe",
            "energy.keep",
            "energy.put_plan",
            "energy.put_prices",
            "rewards.add_vin",
            "rewards.hold_lock",
            "rewards.merge_vehicle",
            "rewards.publish",
            "swaps.append",
        ),
    }


def test_psds_own_scripts_are_small_enough_to_be_sent_and_held() -> None:
    for name in script_names():
        assert len(load_script(name).source) < 96_000


LUA_FILES = sorted(lua_folder().rglob("*.lua"))

SCRIPT_LINES_MAX, PART_LINES_MAX, FUNCTION_LINES_MAX = 80, 160, 40
"""What docs/architecture.md says, of lines that are neither empty nor a comment."""


@pytest.mark.parametrize("path", LUA_FILES, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_psds_own_files_are_included_by_somebody_and_not_long(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    part = f"{path.parent.name}/{path.stem}"
    everything = "".join(each.read_text(encoding="utf-8") for each in LUA_FILES)
    is_part = path.parent.name == "lib"
    if is_part:
        assert f"-- @include {part}: " in everything
    lines = re.findall(r"^\s*(?!--)\S.*$", text, re.MULTILINE)
    assert len(lines) <= (PART_LINES_MAX if is_part else SCRIPT_LINES_MAX)
    functions = re.findall(r"^(?:local )?function .*?^end$", text, re.MULTILINE | re.DOTALL)
    for function in functions:
        assert len(re.findall(r"^\s*(?!--)\S.*$", function, re.MULTILINE)) <= FUNCTION_LINES_MAX


def test_the_documentation_says_how_long_a_file_may_be() -> None:
    page = Path(__file__).parents[2] / "docs" / "architecture.md"
    text = " ".join(page.read_text(encoding="utf-8").split())
    assert (
        f"A script has up to {SCRIPT_LINES_MAX} lines of code, a part {PART_LINES_MAX}, "
        f"a function {FUNCTION_LINES_MAX}"
    ) in text


@pytest.mark.parametrize("name", list(script_names()))
def test_a_script_has_room_for_more_names(name: str) -> None:
    """Redis refuses to compile a script with more; book and withdraw stand at some 130."""
    assert most_at_once(load_script(name).source) <= NAMES_MAX * 17 // 20


@pytest.mark.parametrize("name", ["engine.sum", "engine.book"])
def test_the_commonest_calls_make_few_functions(name: str) -> None:
    """Redis makes them anew with each call; of booking's 250 a single report needs some 120."""
    at_once = load_script(name).source.partition("local function make_seldom")[0]
    whole = load_script(name).source
    assert 0 < at_once.count("function ") < whole.count("function ") * 2 // 3
