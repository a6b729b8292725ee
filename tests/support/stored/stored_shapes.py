"""Stores as the psd of each version wrote them: tests/golden/stores, a file a shape.

A file has what the history (stored_history.py) became. The newest is whole, and so is the last of
each naming of keys; each other one has only what it holds otherwise than the next, down to the
field, so that it shows what was changed: null is what is not there. Bytes that are no printable
ASCII stand in base64, after ``b64:``.

They are written by tests/support/stored/write_stored_shapes.py, which says how.

>>> await restore(client, "1.3")
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parents[2] / "golden" / "stores"


class Shape(NamedTuple):
    """A shape of the store: the version it says, and the last commit that wrote it.

    ``has_marks`` tells whether marks of increments are as today's, ``has_index`` whether owners
    were indexed; a fixture that ``is_whole`` is no change of the next one's.
    """

    name: str
    says: str
    commit: str
    has_marks: bool = True
    has_index: bool = True
    is_whole: bool = False


SHAPES = (
    Shape("1.0", "1", "fe6e209", has_marks=False, has_index=False),
    Shape("1.1", "1", "72721a0", has_marks=False, has_index=False),
    Shape("1.2", "1", "d98e8d3", has_index=False),
    Shape("1.3", "1", "567351b", has_index=False),
    Shape("1.4", "1", "a3ff441", has_index=False),
    Shape("1.5", "1", "7f26a23"),
    Shape("1.6", "1", "c8b6d1c"),
    Shape("1.7", "1", "fb34f31"),
    Shape("2.0", "2", "9c031a5"),
    Shape("2.1", "2", "760b7d4"),
    Shape("3", "3", "af74c1e", is_whole=True),
    Shape("4", "4", "HEAD", is_whole=True),
)
"""Oldest first. The number did not rise with each shape before 3, so the first ones have two."""

PASSING = (
    b"psd:probe",
    b"psd:life",
    b"psd:store",
    b"psd:order",
    b"psd:rewards:{rewards}:lock",
)
"""Keys that are another each time, or soon gone."""

Content = str | list[str] | dict[str, str | None]
"""A string; the members of a set, the entries of a stream or a sorted set; a hash."""

Stored = dict[str, dict[str, Content | None]]
"""Keys by their type: ``{"hash": {"psd:{p0}:1:1:y": {"2016": "9"}}}``."""


def text_of(value: bytes) -> str:
    """Bytes as they stand in a fixture."""
    if value.isascii() and value.decode().isprintable() and not value.startswith(b"b64:"):
        return value.decode()
    return "b64:" + base64.b64encode(value).decode()


def bytes_of(text: str) -> bytes:
    """The same, read."""
    return base64.b64decode(text[4:]) if text.startswith("b64:") else text.encode()


def stored(name: str) -> Stored:
    """What a store of this shape holds."""
    at = next(at for at, shape in enumerate(SHAPES) if shape.name == name)
    whole = next(number for number in range(at, len(SHAPES)) if SHAPES[number].is_whole)
    held: Stored = {}
    for shape in reversed(SHAPES[at : whole + 1]):
        change = json.loads((FOLDER / f"{shape.name}.json").read_text(encoding="utf-8"))
        held = changed(held, change)
    return held


def changed(held: Stored, change: Stored) -> Stored:
    """A store with what another one has otherwise."""
    made: Stored = {kind: dict(keys) for kind, keys in held.items()}
    for kind, keys in change.items():
        of_kind = made.setdefault(kind, {})
        for key, content in keys.items():
            before = of_kind.pop(key, None)
            if isinstance(content, dict):
                fields = {**(before if isinstance(before, dict) else {}), **content}
                of_kind[key] = {f: value for f, value in fields.items() if value is not None}
            elif content is not None:
                of_kind[key] = content
    return made


def change_between(held: Stored, wanted: Stored) -> Stored:
    """What must be changed in a store to have the other one."""
    made: Stored = {}
    for kind in sorted(held.keys() | wanted.keys()):
        before, after = held.get(kind, {}), wanted.get(kind, {})
        for key in sorted(before.keys() | after.keys()):
            old, new = before.get(key), after.get(key)
            if old == new:
                continue
            if isinstance(old, dict) and isinstance(new, dict):
                fields = sorted(old.keys() | new.keys())
                new = {f: new.get(f) for f in fields if old.get(f) != new.get(f)}
            made.setdefault(kind, {})[key] = new
    return made


async def held_by(client: Any) -> Stored:
    """What a store holds, in the form of a fixture."""
    held: Stored = {}
    async for key in client.scan_iter(count=1000):
        if not key.startswith(PASSING):
            kind = (await client.type(key)).decode()
            held.setdefault(kind, {})[key.decode()] = await _content(client, kind, key)
    return held


async def _content(client: Any, kind: str, key: bytes) -> Content:
    if kind == "hash":
        return {text_of(f): text_of(v) for f, v in sorted((await client.hgetall(key)).items())}
    if kind == "set":
        return sorted(text_of(member) for member in await client.smembers(key))
    if kind == "zset":
        pairs = await client.zrange(key, 0, -1, withscores=True)
        return [f"{text_of(member)}={score:g}" for member, score in pairs]
    if kind == "stream":
        # Ids are of the moment at which it was written.
        entries = [fields.items() for _, fields in await client.xrange(key)]
        return [text_of(b"\n".join(b"%s=%s" % pair for pair in each)) for each in entries]
    assert kind == "string", (key, kind)
    return text_of(await client.get(key))


async def restore(client: Any, name: str) -> None:
    """Fill an empty store with what one of this shape holds."""
    pipe = client.pipeline(transaction=False)
    for kind, keys in stored(name).items():
        for key, content in keys.items():
            pipe.execute_command(*_command(kind, key, content))
    await pipe.execute()


def _command(kind: str, key: str, content: Any) -> list[Any]:
    if kind == "hash":
        return ["HSET", key, *(bytes_of(part) for pair in content.items() for part in pair)]
    if kind == "set":
        return ["SADD", key, *map(bytes_of, content)]
    if kind == "zset":
        pairs = [each.rsplit("=", 1) for each in content]
        return ["ZADD", key, *(part for member, score in pairs for part in (score, member))]
    if kind == "stream":
        [entry] = content
        fields = [part for line in bytes_of(entry).split(b"\n") for part in line.split(b"=", 1)]
        return ["XADD", key, "*", *fields]
    return ["SET", key, bytes_of(content)]
