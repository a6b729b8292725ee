"""The key table of docs/architecture.md holds what the code's catalogue of keys has.

A row names a key with places in angle brackets, several rows' worth with commas, a beginning that
stands once ("`<columns>:count`, `:newest`"). With something in its places it is a key of one kind,
whose type and lifetime the row tells; each kind has one row. That the type is what a store has is
held by tests/contract/test_key_catalogue.py, for every key that the scenes of all domains write.
"""

from __future__ import annotations

import re
from pathlib import Path

from psd.store.keys import KeyKind, catalogue, kind_of

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"

IN_PLACES = {
    "<root>": "psd:{p0}:7",
    "<columns>": "psd:columns:{p0}:1",
    "<year>": "2016",
    "<yyyymm>": "201604",
    "<yyyymmdd>": "20160412",
    "<yyyymmddhh>": "2016041209",
    "<yyyymmddhhmm>": "201604120900",
    "<yyyymmddhhmmss>": "20160412090000",
    "<ISO year>": "2016",
    "<quarter>": "1",
    "<sha256>": "0" * 64,
    "<hex>": "0" * 16,
    "<token>": "0" * 16,
    "<name>:<id>": f"a:{'0' * 16}",
    "<channel>:<unit>": "i1:7",
    "<channel>": "i1",
    "<0..63>": "7",
    "<index>": "driver",
    "<subject>": "a",
    "<topic>": "a",
    "<name>": "a",
    "<network>": "main",
    "<series>": "a",
    "<site>": "a",
    "<customer>": "a",
    "<space>": "users",
}
"""What stands in a place; in all others stands a number."""

LIFETIMES = {
    "year_s": "year",
    "month_s": "month",
    "day_s": "day",
    "week_s": "week",
    "second_s": "second",
    "activity_s": "activity",
    "booking.dedupe_horizon_s": "marker",
}


def table() -> list[tuple[str, str, str]]:
    """Key, type and level of each row, one for each key that a row names."""
    section = PAGE.read_text(encoding="utf-8").partition("\n## Keys\n")[2].partition("\n## ")[0]
    found = []
    for line in section.splitlines():
        if line.startswith("| `"):
            names, types, level = (cell.strip() for cell in line.split("|")[1:4])
            keys = [key.strip().strip("`") for key in names.split(", `")]
            root = re.match(r"<\w+>|.*\}", keys[0])
            whole = [keys[0], *(f"{root and root[0]}{key}" for key in keys[1:])]
            kinds = types.split(", ")
            if len(kinds) == 1:
                kinds *= len(whole)
            found += [(key, kind, level.strip("`")) for key, kind in zip(whole, kinds, strict=True)]
    return found


def example(key: str) -> str:
    """A key that a row's text stands for."""
    found = re.sub(r"\[.*?\]+", "", key).replace("<kind>", "driver")
    for place, text in IN_PLACES.items():
        found = found.replace(place, text)
    return re.sub(r"<[^<>]*>", "7", found)


def kind_in(key: str) -> KeyKind:
    """The kind of what a row names."""
    kind = kind_of(example(key))
    assert kind is not None, f"{key}: no kind has a key such as {example(key)}"
    return kind


def test_each_kind_of_key_has_its_row_and_no_other_has() -> None:
    rows = [kind_in(key).name for key, _, _ in table()]
    assert sorted(rows) == sorted({*rows}), "a kind has two rows"
    assert {*rows} == {kind.name for kind in catalogue()}


def test_a_row_tells_the_type_that_the_key_has() -> None:
    told = {key: kind for key, kind, _ in table()}
    assert told == {key: kind_in(key).redis_type for key in told}


def test_a_row_tells_the_lifetime_that_the_key_has() -> None:
    told = {key: LIFETIMES.get(level, "") for key, _, level in table()}
    assert told == {key: kind_in(key).level for key in told}
