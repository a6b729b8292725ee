"""Scripts of psd that were slow, as the store itself noted them (SLOWLOG), by their names.

::

    await slow_scripts(store)
    -> SlowScripts([SlowCall("engine.book", 12_400, "2016-04-12T12:00:00Z", ...), ...], "")

Redis notes what took longer than its ``slowlog-log-slower-than`` (10 ms by default), the newest 128
of a node. Of an argument it keeps the first 128 bytes. Where psd's user may not ask, the answer
says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec

from psd.clock import utc_text
from psd.errors import StoreError
from psd.store.redis import Store
from psd.store.scripts import load_script, script_names

ENTRIES_MAX = 128

SCRIPTS = (b"EVALSHA", b"EVAL")

FIRST_KEY = 3
"""Behind the command, the digest, and how many keys there are."""


class SlowCall(msgspec.Struct, frozen=True):
    """A call that was slow: of a script by its name, or of another command."""

    script: str
    duration_us: int
    at: str
    key: str
    client: str


class SlowScripts(msgspec.Struct, frozen=True):
    """The slowest first; ``refused`` says why the store does not tell."""

    calls: list[SlowCall]
    refused: str


async def slow_scripts(store: Store) -> SlowScripts:
    """What the nodes of the store have noted. 1 trip."""
    try:
        told = await store.reads.each_node([("SLOWLOG", "GET", ENTRIES_MAX)])
    except StoreError as error:
        return SlowScripts([], f"{error}; psd's user of Redis needs +slowlog|get")
    found = [_call(entry) for [entries] in told.values() for entry in entries]
    return SlowScripts(sorted(found, key=lambda each: -each.duration_us), "")


def _call(entry: Sequence[Any]) -> SlowCall:
    _, at_s, duration_us, words, *rest = entry
    at = utc_text(at_s)
    client = _text(rest[0]) if rest else ""
    command = bytes(words[0]).upper() if words else b""
    if command not in SCRIPTS or len(words) <= FIRST_KEY:
        return SlowCall(_text(command), duration_us, at, "", client)
    name = _names().get(bytes(words[1]).lower(), _text(command))
    has_key = words[2] not in (b"0", b"")
    return SlowCall(name, duration_us, at, _text(words[FIRST_KEY]) if has_key else "", client)


@cache
def _names() -> dict[bytes, str]:
    """The scripts by their digests, which are their versions."""
    return {load_script(name).sha: name for name in script_names()}


def _text(told: bytes) -> str:
    return bytes(told).decode(errors="replace")
