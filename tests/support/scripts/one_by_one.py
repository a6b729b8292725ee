"""psd's Lua scripts in which every report is booked one by one, and others in which none may be.

>>> folder = one_by_one_lua_folder(tmp_path, lua_folder())
>>> monkeypatch.setattr(scripts, "lua_folder", lambda: folder)
"""

from __future__ import annotations

import shutil
from pathlib import Path

STRAIGHT = "  return book_first_reports(prefix, reports) or book_run(prefix, reports)\n"
ONE = "      code = book_report(root, unpack(report, 1, 7))\n"


def one_by_one_lua_folder(into: Path, folder: Path) -> Path:
    """A copy of the scripts in ``folder`` that books nothing straight."""
    return _copied(into / "one by one", folder, STRAIGHT, f"  if false then{STRAIGHT} end\n")


def straight_only_lua_folder(into: Path, folder: Path) -> Path:
    """A copy that fails where a report is not booked straight."""
    return _copied(into / "straight", folder, ONE, f"      error('one by one')\n{ONE}")


def _copied(into: Path, folder: Path, text: str, other: str) -> Path:
    copied = into / folder.name
    shutil.copytree(folder, copied)
    path = copied / "lib" / "book_report.lua"
    source = path.read_text(encoding="utf-8")
    assert source.count(text) == 1, f"lib/book_report.lua has not {text!r} once"
    path.write_text(source.replace(text, other), encoding="utf-8")
    return copied
