"""Loads the Lua scripts: one file a verb, shared parts included once, the SHA as version.

``lua/engine/book.lua`` is the script ``engine.book``. A line ``-- @include lib/totals`` puts
``lua/lib/totals.lua`` before the script, once, after what that file includes itself; a cycle
is an error. Comment lines do not travel to Redis, and what a part keeps to itself stands in a block
(psd/store/lua_parts.py). Nothing here talks to Redis.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import msgspec

from psd.store.lua_parts import scoped, words

_INCLUDE = re.compile(r"^-- @include (\S+)$", re.MULTILINE)
_COMMENT = re.compile(r"^\s*--.*\n", re.MULTILINE)


class Script(msgspec.Struct, frozen=True):
    """One entry script, ready to be sent. ``sha`` is what EVALSHA takes."""

    name: str
    source: str
    sha: bytes
    reads_only: bool


def lua_folder() -> Path:
    """``psd/lua`` of an installed wheel, else ``lua`` beside the package in a checkout."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "lua", package.parent / "lua"):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"the Lua scripts are neither in {package} nor beside it")


def script_names(folder: Path | None = None) -> Iterator[str]:
    """Names of all entry scripts: every file outside ``lib``, ``engine.book`` for one."""
    root = folder or lua_folder()
    for path in sorted(root.glob("*/*.lua")):
        if path.parent.name != "lib":
            yield f"{path.parent.name}.{path.stem}"


def load_script(name: str, folder: Path | None = None) -> Script:
    """Read one entry script with everything it includes."""
    return _load(name, folder or lua_folder())


@cache
def _load(name: str, root: Path) -> Script:
    parts: dict[str, str] = {}
    entry = name.replace(".", "/")
    _resolve(root, entry, parts, ())
    text = (root / f"{entry}.lua").read_text(encoding="utf-8")
    source = _joined(parts)
    return Script(
        name=name,
        source=source,
        sha=hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest().encode(),
        reads_only="Writes nothing" in text,
    )


def _joined(parts: dict[str, str]) -> str:
    """The parts one behind the other, each with the names that the others here use."""
    texts = {part: _COMMENT.sub("", text) for part, text in parts.items()}
    held = {part: words(text) for part, text in texts.items()}
    *included, entry = texts
    scopes = [
        scoped(texts[part], frozenset().union(*(held[each] for each in texts if each != part)))
        for part in included
    ]
    return "".join([*scopes, texts[entry]])


def _resolve(root: Path, part: str, parts: dict[str, str], above: tuple[str, ...]) -> None:
    if part in parts:
        return
    if part in above:
        raise ValueError(f"Lua includes form a cycle: {' -> '.join((*above, part))}")
    text = (root / f"{part}.lua").read_text(encoding="utf-8")
    for included in _INCLUDE.findall(text):
        _resolve(root, included, parts, (*above, part))
    parts[part] = text
