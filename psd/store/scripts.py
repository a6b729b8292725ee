"""Loads the Lua scripts: one file a verb, shared parts included once, the SHA as version.

``lua/engine/book.lua`` is the script ``engine.book``. A line ``-- @include lib/totals: read_total``
puts ``lua/lib/totals.lua`` before the script, once, after what that file includes itself, and says
what the script uses of it (psd/store/lua_includes.py); a cycle is an error. ``-- Mode: read`` or
``-- Mode: write`` in the header says whether it writes. Comment lines and most spaces do not travel
to Redis, and what a part keeps to itself stands in a block (psd/store/lua_parts.py). Nothing here
talks to Redis.

To read and pack a script takes some milliseconds, and there are dozens. So a :class:`Script` is
read when something of it is first asked for: a command of the command line that asks one question
reads one. Whoever serves reads them all before it is ready (:func:`read_every_script`), and what
has been read is known by its SHA (:func:`loaded_name`)::

    script = Script(name)     nothing is read
    script.sha                its file and what that includes are
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from pathlib import Path

import msgspec

from psd.store.lua_includes import check_includes, included
from psd.store.lua_parts import NAMES_MAX, most_at_once, scoped, without_unused
from psd.store.lua_seldom import parted, seldom_names

_MODE = re.compile(r"^-- Mode: (read|write)$", re.MULTILINE)
_COMMENT = re.compile(r"^\s*--.*\n", re.MULTILINE)
_INDENTATION = re.compile(r"^ +", re.MULTILINE)
_SPACED = re.compile(r"('(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\")| ?(,|==?) ")
"""A text, which stays as it is, or a sign with spaces that Lua does not need."""


class LoadedScript(msgspec.Struct, frozen=True):
    """One entry script that has been read, ready to be sent."""

    name: str
    source: str
    sha: bytes
    reads_only: bool


class Script:
    """One entry script by its name; it is read once something of it is asked for."""

    def __init__(self, name: str) -> None:
        self.name = name
        # Where it is read is known when it is made, as if it were read then.
        self._folder = lua_folder()

    def __repr__(self) -> str:
        return f"Script({self.name!r})"

    @cached_property
    def source(self) -> str:
        """The program, as Redis gets it."""
        return self._loaded.source

    @cached_property
    def sha(self) -> bytes:
        """What EVALSHA takes."""
        return self._loaded.sha

    @cached_property
    def reads_only(self) -> bool:
        """Whether its header says so."""
        return self._loaded.reads_only

    @property
    def _loaded(self) -> LoadedScript:
        return load_script(self.name, self._folder)


@cache
def lua_folder() -> Path:
    """``psd/lua`` of an installed wheel, else ``lua`` beside the package in a checkout."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "lua", package.parent / "lua"):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"the Lua scripts are neither in {package} nor beside it")


def script_names(folder: Path | None = None) -> Iterator[str]:
    """Names of all entry scripts: every file outside ``lib``, ``engine.book`` for one."""
    yield from _names(folder or lua_folder())


@cache
def _names(root: Path) -> Sequence[str]:
    paths = sorted(root.glob("*/*.lua"))
    return tuple(f"{path.parent.name}.{path.stem}" for path in paths if path.parent.name != "lib")


def load_script(name: str, folder: Path | None = None) -> LoadedScript:
    """Read one entry script with everything it includes."""
    return _load(name, folder or lua_folder())


def read_every_script() -> None:
    """Read all there are: whoever serves learns of a broken one before it is ready."""
    for name in script_names():
        load_script(name)


def read_sources() -> list[str]:
    """The programs that this process has read so far."""
    return [script.source for script in _READ.values()]


def loaded_name(sha: bytes | str | int) -> str | None:
    """What a script is called that this process has read; reads nothing."""
    script = _READ.get(sha)
    return script.name if script else None


_READ: dict[bytes | str | int, LoadedScript] = {}


@cache
def _load(name: str, root: Path) -> LoadedScript:
    parts: dict[str, str] = {}
    entry = name.replace(".", "/")
    _resolve(root, entry, parts, ())
    check_includes(parts)
    source = _joined(parts)
    names = most_at_once(source)
    if names > NAMES_MAX:
        raise ValueError(f"{name} has {names} names at once, and Lua allows {NAMES_MAX}")
    source = _packed(source)
    sha = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest().encode()
    reads_only = _mode_of(entry, parts[entry]) == "read"
    return _READ.setdefault(sha, LoadedScript(name, source, sha, reads_only))


def _mode_of(entry: str, text: str) -> str:
    modes = _MODE.findall(text)
    if len(modes) != 1:
        raise ValueError(f"{entry}: the header says '-- Mode: read' or '-- Mode: write', once")
    return str(modes[0])


def _joined(parts: dict[str, str]) -> str:
    """The parts one behind the other, each with the names that the others include of it."""
    brought = {part: included(part, text) for part, text in parts.items()}
    seldom = {part: seldom_names(part, text) for part, text in parts.items()}
    texts = without_unused({part: _COMMENT.sub("", text) for part, text in parts.items()})
    found = parted(texts, seldom, brought)
    shared = {part: set(found.used.get(part, ())) for part in parts}
    for names_by_part in brought.values():
        for other, names in names_by_part.items():
            shared[other].update(names)
    *before, entry = found.texts
    bodies = [scoped(found.texts[part], shared[part]) for part in before]
    return "".join([*bodies, found.makers, found.texts[entry]])


def _packed(source: str) -> str:
    """The same program in fewer bytes. What begins a line, and is the part's own, still does."""
    return _SPACED.sub(lambda found: found[1] or found[2], _INDENTATION.sub(" ", source))


def _resolve(root: Path, part: str, parts: dict[str, str], above: tuple[str, ...]) -> None:
    if part in parts:
        return
    if part in above:
        raise ValueError(f"Lua includes form a cycle: {' -> '.join((*above, part))}")
    text = (root / f"{part}.lua").read_text(encoding="utf-8")
    for other in included(part, text):
        _resolve(root, other, parts, (*above, part))
    parts[part] = text
