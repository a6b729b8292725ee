"""Functions of Lua scripts that most calls never need: made when one of them is first called. Pure.

Redis runs a script's text from its first line with each call, and so makes all of its functions
anew: booking has 240. A part says in its header which of its
functions are called seldom::

    -- Seldom: find_newest

Those, and whatever nothing else uses, go into a function before the script itself, and where they
were stands a name that fills itself in::

    local find_newest
    ...
    local function make_seldom()
    local last_year                          which find_newest alone uses
    function last_year(prefix) ... end
    function find_newest(prefix) ... end
    end
    function find_newest(...) make_seldom() return find_newest(...) end

which is the same program as long as nobody takes such a function as a value: that is an error.
What moves is a whole function, a value that nothing else uses, or a whole block of a part with all
functions that it gives. A table of five fields costs 2,600 instructions, an empty one 750, a
function 500, and as much again for each name that it is the first to use from outside.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from psd.store.lua_parts import declared

OUTER_NAMES_MAX = 50
"""Of one maker; Lua 5.1 lets a function use 60 names from outside of it."""

_SELDOM = re.compile(r"^-- Seldom: (\w+(?:, \w+)*)$", re.MULTILINE)
_PIECE = re.compile(
    r"^(?:local function (\w+)\(.*|function (\w+)\(.*|do)\n(?: .*\n|\n)*end\n"
    r"|^local (\w+(?:, \w+)*) = .*\n(?: .*\n)*(?:(?:[})]|end\b).*\n)?",
    re.MULTILINE,
)
_GIVEN = re.compile(r"^ +function (\w+)\(", re.MULTILINE)
_SET = re.compile(r"^ +(\w+(?:, \w+)*) = ", re.MULTILINE)
_BARE = re.compile(r"^local (\w+(?:, \w+)*)\n", re.MULTILINE)
_MADE = re.compile(r"\bfunction\b|\{")
_WORD = re.compile(r"[A-Za-z_]\w*")

Names = Mapping[str, Iterable[str]]
"""Names by part."""


class Piece(msgspec.Struct, frozen=True):
    """A function, a value or a block of a part: the names it gives, and all words in it."""

    part: str
    text: str
    names: tuple[str, ...]
    words: frozenset[str]


class Parted(msgspec.Struct, frozen=True):
    """A script's parts without what is seldom, the makers of that, and what they use by part."""

    texts: dict[str, str]
    makers: str = ""
    used: Names = {}


def seldom_names(part: str, text: str) -> set[str]:
    """What a part's header calls so; raises ValueError for what is no name of the part."""
    names = {name for found in _SELDOM.findall(text) for name in found.split(", ")}
    if missing := sorted(names - set(declared(text))):
        raise ValueError(f"{part} calls {', '.join(missing)} seldom, which is no name of it")
    return names


def parted(texts: Mapping[str, str], seldom: Names, included: Mapping[str, Names]) -> Parted:
    """A script, its entry last, with what is seldom apart; the same where that gains nothing.

    ``included`` is what each part names of others.
    """
    *parts, _ = texts
    pieces = [piece for part in parts for piece in _pieces(part, texts[part])]
    often, moved = _reached(texts, pieces, {name for names in seldom.values() for name in names})
    given = [name for piece in moved for name in piece.names]
    roots = [name for name in given if name in often]
    if roots and sum(len(_MADE.findall(piece.text)) for piece in moved) <= len(roots) + 1:
        return Parted(dict(texts))
    inner = [name for name in given if name not in often]
    left = _without(texts, moved, inner)
    _check_calls(left, roots)
    if not roots:
        return Parted(left)
    used = _used(left, moved, included)
    _check_names(left, used, given)
    return Parted(left, "".join(_makers(moved, roots, inner, used)), used)


def _pieces(part: str, text: str) -> Iterator[Piece]:
    of_part = set(declared(text))
    for match in _PIECE.finditer(text):
        named = match[1] or match[2] or match[3]
        names = tuple(named.split(", ")) if named else _given_by_block(match[0], of_part)
        yield Piece(part, match[0], names, frozenset(_WORD.findall(match[0])))


def _given_by_block(block: str, of_part: set[str]) -> tuple[str, ...]:
    """Its functions that the part has; none of a block that gives anything else as well."""
    inner = {
        name
        for found in re.findall(r"\blocal (?:function )?(\w+(?:, \w+)*)", block)
        for name in found.split(", ")
    }
    assigned = {name for found in _SET.findall(block) for name in found.split(", ")}
    if (assigned - inner) & of_part:
        return ()
    return tuple(name for name in _GIVEN.findall(block) if name in of_part)


def _reached(
    texts: Mapping[str, str], pieces: Sequence[Piece], seldom: set[str]
) -> tuple[set[str], list[Piece]]:
    """All words of what is made with each call, and the pieces that need not be."""
    rest = dict(texts)
    for piece in pieces:
        rest[piece.part] = rest[piece.part].replace(piece.text, "", 1)
    often = {word for text in rest.values() for word in _WORD.findall(_BARE.sub("", text))}
    left = [*pieces]
    while True:
        needed = [each for each in left if not each.names or (often - seldom) & {*each.names}]
        if not needed:
            return often, left
        for piece in needed:
            often |= piece.words
            left.remove(piece)


def _without(
    texts: Mapping[str, str], moved: Sequence[Piece], inner: Sequence[str]
) -> dict[str, str]:
    """The parts without pieces; a name that is still called stays declared where it was."""
    left = dict(texts)
    for piece in moved:
        begins = piece.text.startswith("local function") and piece.names[0] not in inner
        kept = f"local {piece.names[0]}\n" if begins else ""
        left[piece.part] = left[piece.part].replace(piece.text, kept, 1)
    gone = set(inner)

    def kept_names(found: re.Match[str]) -> str:
        names = [name for name in found[1].split(", ") if name not in gone]
        return f"local {', '.join(names)}\n" if names else ""

    for part in {piece.part for piece in moved}:
        left[part] = _BARE.sub(kept_names, left[part])
    return left


def _used(
    left: Mapping[str, str], moved: Sequence[Piece], included: Mapping[str, Names]
) -> dict[str, set[str]]:
    """What moved pieces use of the parts: of their own what it has, of others what it includes."""
    owner = {part: set(declared(text)) for part, text in left.items()}
    used: dict[str, set[str]] = {part: set() for part in left}
    for piece in moved:
        brought = {**included[piece.part], piece.part: owner[piece.part]}
        for part, names in brought.items():
            used[part] |= piece.words & set(names) & owner[part]
    for piece in moved:
        used[piece.part] |= set(piece.names) & owner[piece.part]
    return used


def _check_calls(left: Mapping[str, str], roots: Sequence[str]) -> None:
    for name in roots:
        for text in left.values():
            if re.search(rf"(?<!function )\b{name}\b(?!\()", _BARE.sub("", text)):
                raise ValueError(f"{name} is called seldom, and may not be taken as a value")


def _check_names(left: Mapping[str, str], used: Names, given: Sequence[str]) -> None:
    """Makers see one name once."""
    of_parts = Counter(name for text in left.values() for name in declared(text))
    twice = {name for names in used.values() for name in names if of_parts[name] > 1}
    twice |= {name for name, times in Counter(given).items() if times > 1}
    if twice:
        raise ValueError(
            f"{', '.join(sorted(twice))}: what is seldom uses it, and two parts have it"
        )


def _makers(
    moved: Sequence[Piece], roots: Sequence[str], inner: Sequence[str], used: Names
) -> Iterator[str]:
    outer = {name for names in used.values() for name in names}
    groups = list(_groups(moved, outer, set(inner)))
    across = [name for name in inner if sum(name in words for _, words in groups) > 1]
    if across:
        yield f"local {', '.join(across)}\n"
    for number, (pieces, words) in enumerate(groups):
        yield f"local function make_seldom_{number}()\n"
        if own := [name for name in inner if name in words and name not in across]:
            yield f"local {', '.join(own)}\n"
        yield from (piece.text.removeprefix("local ") for piece in pieces)
        yield "end\n"
    calls = " ".join(f"make_seldom_{number}()" for number in range(len(groups)))
    if len(groups) > 1:
        yield f"local function make_seldom()\n{calls}\nend\n"
        calls = "make_seldom()"
    for name in roots:
        yield f"function {name}(...)\n{calls} return {name}(...)\nend\n"


def _groups(
    moved: Sequence[Piece], outer: set[str], inner: set[str]
) -> Iterator[tuple[list[Piece], set[str]]]:
    """Pieces that one maker makes, and their words: as many as it may use names from outside.

    That is what the parts have, and what is moved and used by another maker as well.
    """
    uses = Counter(word for piece in moved for word in piece.words & inner)
    pieces: list[Piece] = []
    words: set[str] = set()
    within: Counter[str] = Counter()
    for piece in moved:
        within.update(piece.words & inner)
        beyond = sum(uses[name] > times for name, times in within.items())
        if pieces and len((words | piece.words) & outer) + beyond > OUTER_NAMES_MAX:
            yield pieces, words
            pieces, words, within = [], set(), Counter(piece.words & inner)
        pieces, words = [*pieces, piece], words | piece.words
    if pieces:
        yield pieces, words
