"""A part of a Lua script brings what others use, and keeps the rest to itself."""

from __future__ import annotations

import pytest

from psd.store.lua_parts import NAMES_MAX, declared, scoped
from psd.store.scripts import load_script, script_names

PART = """local WIDE, NARROW = 3, 1
local later
local function halved(a, b)
  local middle = a + b
  return middle / 2
end
local function place(leaf)
  return later(leaf) + halved(WIDE, NARROW)
end
function later(leaf) return #leaf end
"""


def test_names_that_others_use_stand_before_the_block() -> None:
    assert declared(PART) == ["WIDE", "NARROW", "later", "halved", "place"]
    assert scoped(PART, {"place", "later"}) == (
        "local later, place\n"
        "do\n"
        "local WIDE, NARROW = 3, 1\n"
        "\n"
        "local function halved(a, b)\n"
        "  local middle = a + b\n"
        "  return middle / 2\n"
        "end\n"
        "function place(leaf)\n"
        "  return later(leaf) + halved(WIDE, NARROW)\n"
        "end\n"
        "function later(leaf) return #leaf end\n"
        "end\n"
    )


def test_names_that_are_declared_together_go_together() -> None:
    assert scoped(PART, {"NARROW"}).startswith("local WIDE, NARROW\ndo\nWIDE, NARROW = 3, 1\n")


def test_a_part_that_puts_a_name_in_the_place_of_an_outer_one_stays_as_it_is() -> None:
    text = "local own, real = 1, redis\nlocal redis = { call = real.call }\n"
    assert scoped(text, {"redis"}) == text


def test_a_part_without_names_of_its_own_stays_as_it_is() -> None:
    text = "local function place(leaf)\n  return leaf\nend\n"
    assert scoped(text, {"place"}) == text


@pytest.mark.parametrize("name", list(script_names()))
def test_a_script_has_room_for_more_names(name: str) -> None:
    """Redis refuses to compile a script with more, and tests put some of their own before it."""
    source = load_script(name).source
    inside, depth = 0, 0
    for line in source.splitlines():
        if line == "do":
            depth += 1
        elif depth and line == "end":
            depth -= 1
        elif not depth:
            inside += len(declared(line))
    assert inside <= NAMES_MAX * 9 // 10
