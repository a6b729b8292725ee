"""A part of a Lua script brings what others use, and keeps the rest to itself."""

from __future__ import annotations

from psd.store.lua_parts import declared, most_at_once, scoped, without_unused

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
    assert declared(PART) == ("WIDE", "NARROW", "later", "halved", "place")
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


def test_names_in_blocks_are_there_one_block_at_a_time() -> None:
    blocks = "do\nlocal b, c = 1, 2\nlocal d\nend\ndo\nlocal function e() end\nend\n"
    assert most_at_once(f"local a\n{blocks}local f\n") == 4


def test_a_function_in_a_block_ends_before_the_block_does() -> None:
    block = "local c\ndo\nlocal d\nfunction c()\nreturn d\nend\nlocal e\nend\n"
    assert most_at_once(f"local a, b\n{block}local f, g, h\n") == 6


def test_functions_that_a_script_does_not_name_do_not_travel_with_it() -> None:
    part = (
        "local function used() return 1 end\nlocal function deep(x)\n\n  return x\nend\n"
        "local function unused(x)\n  return deep(x) + unused(x)\nend\nlocal a = 1\n"
    )
    left = without_unused({"lib/part": part, "engine/entry": "return used() + a\n"})
    assert left["lib/part"] == "local function used() return 1 end\nlocal a = 1\n"
    assert left["engine/entry"] == "return used() + a\n"
