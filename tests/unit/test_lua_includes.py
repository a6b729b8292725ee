"""A Lua file names what it uses of which part: no more, no less."""

from __future__ import annotations

import pytest

from psd.store.lua_includes import check_includes, included

LEAF = """-- Leaf.
local WIDE = 3
local lost = false
local function leaf_sum(leaf) return #leaf * WIDE end
"""
USES = "-- @include lib/leaf: leaf_sum\nreturn leaf_sum('')\n"


def problem(text: str, part: str = LEAF) -> str:
    with pytest.raises(ValueError, match=r"lib/leaf|engine/sum") as raised:
        check_includes({"lib/leaf": part, "engine/sum": text})
    return str(raised.value)


def test_a_file_may_need_several_lines_for_the_names_of_one_part() -> None:
    text = "-- @include lib/a: one, two\n-- @include lib/b: three\n-- @include lib/a: four\n"
    assert included("engine/sum", text) == {"lib/a": ["one", "two", "four"], "lib/b": ["three"]}


@pytest.mark.parametrize(
    "line",
    [
        "-- @include lib/leaf",
        "-- @include lib/leaf:",
        "-- @include lib/leaf: a,b",
        "-- @include lib/leaf: a, b,",
        "-- @include leaf: a",
        "-- @include lib/leaf a",
    ],
)
def test_a_line_that_does_not_say_what_it_brings_is_an_error(line: str) -> None:
    assert problem(f"{line}\nreturn a\n").startswith(f"engine/sum: {line!r} is not")


def test_a_name_that_the_part_does_not_have_is_an_error() -> None:
    text = USES.replace("leaf_sum", "leaf_summ")
    assert problem(text) == "engine/sum includes leaf_summ of lib/leaf, which has no such name"


def test_a_name_that_stands_inside_a_function_of_the_part_is_none_of_its_names() -> None:
    part = LEAF + "local function other()\n  local inner = 1\n  return inner\nend\n"
    text = "-- @include lib/leaf: inner\nreturn inner\n"
    assert "which has no such name" in problem(text, part)


@pytest.mark.parametrize(
    "use",
    ["return 1", "return 'WIDE'", "return 1 -- WIDE", "return KEYS.WIDE", "return KEYS[1].WIDE"],
)
def test_a_name_that_is_not_used_is_an_error(use: str) -> None:
    text = f"-- @include lib/leaf: WIDE\n{use}\n"
    assert problem(text) == "engine/sum includes WIDE and does not use it"


@pytest.mark.parametrize(
    "use",
    [
        "return WIDE",
        "return 'a'..WIDE",
        "local function f(a) return WIDE end",
        "lost, WIDE = true, 4",
        "local kept = { WIDE = WIDE }",
    ],
)
def test_a_name_that_is_not_named_is_an_error(use: str) -> None:
    assert "of lib/leaf and does not include it" in problem(f"{use}\n")


@pytest.mark.parametrize(
    "use",
    [
        "local function f(WIDE) return WIDE end",
        "for at, lost in pairs({}) do return lost end",
        "local kept = { WIDE = 1, lost = 2 }",
        "return KEYS.lost",
        "return 'lost' -- WIDE",
    ],
)
def test_a_word_that_only_looks_like_it_needs_no_line(use: str) -> None:
    check_includes({"lib/leaf": LEAF, "engine/sum": f"{USES.splitlines()[0]}\nleaf_sum()\n{use}"})


def test_two_parts_with_one_name_are_an_error() -> None:
    parts = {"lib/leaf": LEAF, "lib/tree": "local lost = 1\n", "engine/sum": "return 1\n"}
    with pytest.raises(ValueError, match="lost is a name of lib/leaf and of lib/tree"):
        check_includes(parts)


def test_a_name_that_is_named_twice_is_an_error() -> None:
    assert "twice" in problem("-- @include lib/leaf: WIDE, WIDE\nreturn WIDE\n")
