"""psd's Lua scripts with one line broken: what a test that can fail must notice.

>>> broken_lua_folder(tmp_path, lua_folder(), MUTATIONS["an increment's marker is not looked at"])
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple


class Mutation(NamedTuple):
    """One text of one file, and the wrong one in its place."""

    file: str
    right: str
    wrong: str


MUTATIONS = {
    "an increment's marker is not looked at": Mutation(
        "lib/markers.lua", "  return known[marker]\n", "  return false\n"
    ),
    "any report of the same second is replaced": Mutation(
        "lib/replay.lua",
        "if flat[slot + 1] ~= window then return",
        "if window < 0 and flat[slot + 1] ~= window then return",
    ),
    "a booking at the first second of a window is not given back": Mutation(
        "lib/replay.lua",
        "if seconds[middle + 1] < start then",
        "if seconds[middle + 1] <= start then",
    ),
    "a report leaves out the first second of its window": Mutation(
        "lib/replay.lua",
        "if flat[slot] < from then break end",
        "if flat[slot] <= from then break end",
    ),
    "the issuance week begins at 04:00": Mutation(
        "lib/calendar.lua", "ISSUANCE_OFFSET_S = 18000", "ISSUANCE_OFFSET_S = 14400"
    ),
    "the issuance week is not booked": Mutation(
        "lib/calendar_totals.lua", "for at = 1, 10, 2 do add_to", "for at = 1, 8, 2 do add_to"
    ),
    "a range leaves out its first second": Mutation(
        "lib/leaf.lua", "leaf, middle * size + 2) < offset", "leaf, middle * size + 2) <= offset"
    ),
    "a leaf stays behind when its unit splits": Mutation(
        "lib/leaf_take.lua", "      write('DEL', key)\n    end\n    return", "    end\n    return"
    ),
    "an hour's total keeps what a correction took off": Mutation(
        "lib/leaf_tree.lua",
        "add_to_bucket(bucket, part, change[5] - change[4], count)",
        "add_to_bucket(bucket, part, change[5], count)",
    ),
    "bookings that a leaf has lost are not missed": Mutation(
        "lib/leaf_reads.lua",
        "if (#leaf - 1) / size < count then return nil end",
        "",
    ),
    "a report of a withdrawn activity is booked": Mutation(
        "lib/book_report.lua", "if activity.withdrawn or activity.took then", "if false then"
    ),
    "an increment of a withdrawn activity is not marked": Mutation(
        "lib/book_report.lua",
        "    if marker then mark(root, ts2, marker) end\n    return 4",
        "return 4",
    ),
    "a withdrawal takes back one type of a second": Mutation(
        "lib/activity_back.lua",
        "for _, atid in ipairs(order) do",
        "for _, atid in ipairs({order[1]}) do",
    ),
    "days that have expired are not missed": Mutation(
        "lib/planned_sums.lua", "return found >= count\n", "return true\n"
    ),
}


def broken_lua_folder(into: Path, folder: Path, mutation: Mutation) -> Path:
    """A copy of the scripts in ``folder`` with the mutation."""
    copied = into / f"broken {folder.name}"
    shutil.copytree(folder, copied)
    path = copied / mutation.file
    text = path.read_text(encoding="utf-8")
    assert text.count(mutation.right) == 1, f"{mutation.file} has not {mutation.right!r}"
    path.write_text(text.replace(mutation.right, mutation.wrong), encoding="utf-8")
    return copied
