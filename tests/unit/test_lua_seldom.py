"""What most calls of a script never need is made when it is first called, and not before."""

from __future__ import annotations

import re

import pytest

from psd.store.lua_seldom import parted, seldom_names

PART = """local TABLE = { five = 5 }
local seen = 0
local function deep(x)
  return TABLE.five + x
end
local function rare(x)
  seen = seen + 1
  return deep(x)
end
local function usual(x)
  if x > seen then return rare(x) end
  return x
end
"""
ENTRY = "return usual(1)\n"


def split(part: str, *seldom: str, entry: str = ENTRY) -> tuple[str, str]:
    texts = {"lib/part": part, "engine/entry": entry}
    found = parted(texts, {"lib/part": seldom}, {"lib/part": {}, "engine/entry": {}})
    return found.texts["lib/part"], found.makers


def test_a_seldom_function_moves_with_all_that_nothing_else_uses() -> None:
    left, makers = split(PART, "rare")
    assert left == (
        "local seen = 0\nlocal rare\nlocal function usual(x)\n"
        "  if x > seen then return rare(x) end\n  return x\nend\n"
    )
    assert makers == (
        "local function make_seldom_0()\n"
        "local TABLE, deep\n"
        "TABLE = { five = 5 }\n"
        "function deep(x)\n  return TABLE.five + x\nend\n"
        "function rare(x)\n  seen = seen + 1\n  return deep(x)\nend\n"
        "end\n"
        "function rare(...)\nmake_seldom_0() return rare(...)\nend\n"
    )


def test_what_gains_nothing_stays_where_it_is() -> None:
    part = "local function rare(x)\n  return x\nend\n"
    assert split(part, "rare", entry="return rare(1)\n") == (part, "")


def test_what_nothing_uses_is_left_out() -> None:
    assert split("local LIMIT = 5\nlocal function usual(x)\n  return x\nend\n") == (
        "local function usual(x)\n  return x\nend\n",
        "",
    )


def test_a_block_moves_whole_when_all_it_gives_is_seldom() -> None:
    part = (
        "local rare, other\ndo\n  local own = {}\n  function rare(x)\n    return own[x]\n  end\n"
        "  function other(x)\n    return own[x]\n  end\nend\n"
    )
    left, makers = split(part, "rare", "other", entry="if KEYS[1] then return rare(1) end\n")
    assert left == "local rare\n"
    assert "local other\ndo\n  local own = {}\n" in makers
    assert split(part, "rare", entry="return rare(1) + other(2)\n") == (part, "")


def test_a_block_that_gives_more_than_functions_stays() -> None:
    part = "local rare, SIZE\ndo\n  SIZE = 5\n  function rare(x)\n    return x\n  end\nend\n"
    assert split(part, "rare", entry="return rare(SIZE)\n") == (part, "")


def test_a_seldom_function_that_is_taken_as_a_value_is_an_error() -> None:
    with pytest.raises(ValueError, match="rare is called seldom, and may not be taken as a value"):
        split(PART, "rare", entry="return pcall(rare, usual(1))\n")


def test_a_name_of_two_parts_that_is_seldom_used_is_an_error() -> None:
    texts = {
        "lib/part": PART,
        "lib/other": "local seen = 1\nlocal b = seen\n",
        "e/e": "return usual(b)",
    }
    with pytest.raises(ValueError, match="seen: what is seldom uses it, and two parts have it"):
        parted(texts, {"lib/part": ["rare"]}, {"lib/part": {}, "lib/other": {}, "e/e": {}})


def test_a_header_names_what_the_part_has() -> None:
    assert seldom_names("lib/part", f"-- Seldom: rare, deep\n{PART}") == {"rare", "deep"}
    with pytest.raises(ValueError, match="lib/part calls gone seldom, which is no name of it"):
        seldom_names("lib/part", f"-- Seldom: gone\n{PART}")


def test_a_script_of_many_seldom_functions_has_several_makers() -> None:
    """A function of Lua uses 60 names from outside of it."""
    states = "".join(f"local state_{at} = {at}\n" for at in range(120))
    rares = "".join(
        f"local function rare_{at}(x)\n  return state_{at} + rare_{max(0, at - 70)}(x)\nend\n"
        for at in range(120)
    )
    usual = " + ".join(f"state_{at}" for at in range(120))
    entry = f"if KEYS[1] then return rare_119() end\nreturn {usual}\n"
    _, makers = split(states + rares, "rare_119", entry=entry)
    bodies = makers.split("local function make_seldom_")[1:]
    assert len(bodies) >= 3
    assert all(len(set(re.findall(r"\bstate_\d+", body))) <= 50 for body in bodies)
