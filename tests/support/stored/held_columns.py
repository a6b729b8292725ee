"""What the columns of a store say of each owner, read the slow way: by nothing of psd.columns.

A position, and in which of the logs a booking is, follow from the order in which reports came; what
they say together does not.

>>> columns_of(await contents(client))["psd:columns:{p0}:1"]
{7: Told(bookings=2, newest=1460462400, sums={'y:2016': 30, ...}, booked={1460462400: 30})}

A day's column that is not the sum of its logs, or a uid with two positions, raises AssertionError.
Of the owner whose uid stands at erased positions too, one position says something.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

ROOT = "psd:columns:{"
GONE = -(2**63)

Contents = Mapping[str, Any]
"""What each key holds, by its name."""


class Told(NamedTuple):
    """Of one owner: number of bookings, newest second, sums by unit, and by second what is in logs.

    Where a thing has no logs, ``booked`` has the days instead.
    """

    bookings: int
    newest: int
    sums: dict[str, int]
    booked: dict[int, int]


def columns_of(held: Contents) -> dict[str, dict[int, Told]]:
    """What is told of each owner that anything is told of, by the columns' root."""
    by_root: dict[str, dict[str, bytes]] = defaultdict(dict)
    for key, content in held.items():
        if key.startswith(ROOT):
            tag, thing, suffix = key.removeprefix("psd:columns:").split(":", 2)
            by_root[f"psd:columns:{tag}:{thing}"][suffix] = content
    return {root: owners for root, keys in by_root.items() if (owners := _owners(keys))}


def _owners(keys: Mapping[str, bytes]) -> dict[int, Told]:
    uids = cells(keys.get("owners", b""))
    known = [uid for uid in uids if uid != GONE]
    assert len(known) == len({*known}), f"a uid has two positions: {known}"
    booked, below = _logged(keys)
    columns = {
        suffix: cells(content)
        for suffix, content in keys.items()
        if suffix[1:2] == ":" and suffix[0] in "ymd"
    }
    _check_days(columns, below)
    has_logs = any(suffix[:2] in ("l:", "s:") for suffix in keys)
    count, newest = cells(keys.get("count", b"")), cells(keys.get("newest", b""))
    told = {}
    for position, uid in enumerate(uids):
        sums = {
            label: value
            for label, column in columns.items()
            if label[0] in "ym" and (value := cell(column, position))
        }
        of_owner = {s: d for (p, s), d in booked.items() if p == position and d}
        if not has_logs:
            of_owner = {
                start_of(label[2:]): value
                for label, column in columns.items()
                if label[0] == "d" and (value := cell(column, position))
            }
        one = Told(cell(count, position), cell(newest, position), sums, of_owner)
        if any(one):
            assert uid not in told, f"position {position} is nobody's, and has {one}"
            told[uid] = one
    return told


def _logged(
    keys: Mapping[str, bytes],
) -> tuple[dict[tuple[int, int], int], dict[str, dict[int, int]]]:
    """Sums by (position, second), and by day what its column must say by position."""
    booked: dict[tuple[int, int], int] = defaultdict(int)
    below: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for suffix, content in keys.items():
        label = suffix[2:]
        for second, position, delta in _records(suffix, content):
            booked[position, start_of(label) + second] += delta
            if len(label) > 6:
                below[label[:8]][position] += delta
    return booked, below


def _records(suffix: str, content: bytes) -> Iterator[tuple[int, int, int]]:
    if suffix.startswith("l:"):
        yield from struct.iter_unpack("<IIq", content)
    elif suffix.startswith("s:"):
        _, *widths, number = struct.unpack_from("<BBBBI", content)
        at, second, fields = 8, 0, []
        for width, signed in zip(widths, (False, False, True), strict=True):
            fields.append(
                [
                    int.from_bytes(content[start : start + width], "little", signed=signed)
                    for start in range(at, at + width * number, width)
                ]
            )
            at += width * number
        for step, position, delta in zip(*fields, strict=True):
            second += step
            yield second, position, delta


def _check_days(columns: Mapping[str, list[int]], below: Mapping[str, Mapping[int, int]]) -> None:
    for day, sums in below.items():
        column = columns.get(f"d:{day}", [])
        for position in {*sums, *range(len(column))}:
            found, wanted = cell(column, position), sums.get(position, 0)
            assert found == wanted, f"d:{day}, position {position}: {found}, logs have {wanted}"


def cells(column: bytes) -> list[int]:
    """The numbers of a column."""
    assert len(column) % 8 == 0, len(column)
    return [value for (value,) in struct.iter_unpack(">q", column)]


def cell(column: list[int], position: int) -> int:
    """One number of a column; what is past its end is 0."""
    return column[position] if position < len(column) else 0


def start_of(label: str) -> int:
    """First second of the unit with this label."""
    form = {4: "%Y", 6: "%Y%m", 8: "%Y%m%d", 10: "%Y%m%d%H"}[len(label)]
    return int(datetime.strptime(label, form).replace(tzinfo=UTC).timestamp())
