"""The Lua scripts with small limits, so that a few bookings split leaves, shards and records."""

from __future__ import annotations

import shutil
from pathlib import Path

from psd.store.scripts import lua_folder

SMALLER = {
    "lib/units.lua": (
        "{ month = 128, day = 512, hour = 512, minute = 512, second = 512 }",
        "{ month = 5, day = 5, hour = 5, minute = 5, second = 3 }",
    ),
    "lib/shards.lua": ("SHARD_ACTIVITIES = 96", "SHARD_ACTIVITIES = 3"),
    "lib/handover.lua": ("CROWD_HANDED = 20000", "CROWD_HANDED = 4"),
    "lib/column_writes.lua": (
        "MONTH_RECORDS_MIN, DAY_RECORDS_MIN = 1024, 256",
        "MONTH_RECORDS_MIN, DAY_RECORDS_MIN = 3, 2",
    ),
    "lib/activity.lua": (
        "SHORT_RECORDS = 4\nlocal HOURS_LISTED = 128",
        "SHORT_RECORDS = 2\nlocal HOURS_LISTED = 3",
    ),
}


def small_lua_folder(into: Path) -> Path:
    """A copy of lua/ in which the limits of SMALLER are lower."""
    folder = into / "lua"
    shutil.copytree(lua_folder(), folder)
    for name, (limit, lower) in SMALLER.items():
        text = (folder / name).read_text(encoding="utf-8")
        assert text.count(limit) == 1, f"{name} does not set {limit}"
        (folder / name).write_text(text.replace(limit, lower), encoding="utf-8")
    return folder
