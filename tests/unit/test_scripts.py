"""How the Lua files become scripts: each part once, in order, under a SHA that is its version."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from psd.store.scripts import load_script, lua_folder, script_names

FILES = {
    "lib/numbers.lua": "-- Numbers.\nlocal one = 1\n",
    "lib/totals.lua": "-- Totals.\n-- @include lib/numbers: one\nlocal two = one + 1\n",
    "lib/leaf.lua": "-- Leaf.\n-- @include lib/numbers: one\nlocal three = one + 2\n",
    "engine/sum.lua": (
        "-- Sum.\n-- Mode: read\n-- @include lib/totals: two\n"
        "-- @include lib/leaf: three\n  -- why\nreturn two + three\n"
    ),
    "engine/book.lua": "-- Book.\n-- Mode: write\n-- @include lib/numbers: one\nreturn one -- 1\n",
    "rewards/level.lua": "-- Level.\n-- Mode: read\nreturn 0\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        write(tmp_path, name, text)
    return tmp_path


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_a_part_stands_once_before_what_includes_it(folder: Path) -> None:
    script = load_script("engine.sum", folder)
    assert script.source == (
        "local one=1\nlocal two=one + 1\nlocal three=one + 2\nreturn two + three\n"
    )


def test_the_sha_is_that_of_the_source(folder: Path) -> None:
    script = load_script("engine.book", folder)
    digest = hashlib.sha1(script.source.encode(), usedforsecurity=False).hexdigest()
    assert script.sha == digest.encode()
    assert script.sha != load_script("engine.sum", folder).sha


def test_lines_that_are_comments_do_not_travel(folder: Path) -> None:
    assert load_script("engine.book", folder).source == "local one=1\nreturn one -- 1\n"


def test_spaces_travel_within_texts_and_where_lua_needs_them(folder: Path) -> None:
    text = "local a = f('b, c = d', \"e = 'f, g\")\n    return a <= 1 and a == -1\n"
    write(folder, "engine/spaces.lua", f"-- Spaces.\n-- Mode: read\n{text}")
    assert load_script("engine.spaces", folder).source == (
        "local a=f('b, c = d',\"e = 'f, g\")\n return a <=1 and a==-1\n"
    )


def test_a_script_that_writes_nothing_is_told_by_its_header(folder: Path) -> None:
    assert load_script("engine.sum", folder).reads_only
    assert not load_script("engine.book", folder).reads_only


@pytest.mark.parametrize("header", ["", "-- Mode: reads\n", "-- Mode: read\n-- Mode: write\n"])
def test_a_script_that_does_not_say_whether_it_writes_is_an_error(
    folder: Path, header: str
) -> None:
    write(folder, "engine/none.lua", f"-- None. Writes nothing\n{header}return 1\n")
    with pytest.raises(ValueError, match=r"engine/none: .*'-- Mode: read' or '-- Mode: write'"):
        load_script("engine.none", folder)


def test_a_cycle_of_includes_is_an_error_that_shows_it(folder: Path) -> None:
    write(folder, "lib/a.lua", "-- A.\n-- @include lib/b: b\nlocal a = b\n")
    write(folder, "lib/b.lua", "-- B.\n-- @include lib/a: a\nlocal b = a\n")
    write(folder, "engine/loop.lua", "-- Loop.\n-- @include lib/a: a\nreturn a\n")
    with pytest.raises(ValueError, match="lib/a -> lib/b -> lib/a"):
        load_script("engine.loop", folder)


def test_a_part_that_is_missing_is_an_error(folder: Path) -> None:
    write(folder, "engine/lost.lua", "-- Lost.\n-- @include lib/none: none\nreturn none\n")
    with pytest.raises(FileNotFoundError, match=r"none\.lua"):
        load_script("engine.lost", folder)


@pytest.mark.parametrize(
    ("include", "refusal"),
    [
        ("-- @include lib/numbers: one, three", "includes three of lib/numbers, which has no such"),
        ("-- @include lib/numbers", "is not '-- @include <part>: <name>, <name>'"),
    ],
)
def test_an_include_line_that_is_not_true_is_refused(
    folder: Path, include: str, refusal: str
) -> None:
    text = f"-- Wrong.\n-- Mode: read\n{include}\nreturn one\n"
    write(folder, "engine/wrong.lua", text)
    with pytest.raises(ValueError, match=refusal):
        load_script("engine.wrong", folder)


def test_a_script_with_more_names_than_lua_allows_is_an_error(folder: Path) -> None:
    names = "".join(f"local name_{number} = {number}\n" for number in range(201))
    write(folder, "engine/many.lua", f"-- Many.\n-- Mode: read\n{names}")
    with pytest.raises(ValueError, match=r"engine\.many has 201 names at once, .* 200"):
        load_script("engine.many", folder)


def test_every_file_outside_lib_is_a_script(folder: Path) -> None:
    assert list(script_names(folder)) == ["engine.book", "engine.sum", "rewards.level"]


def test_a_script_is_read_once(folder: Path) -> None:
    assert load_script("engine.sum", folder) is load_script("engine.sum", folder)


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
