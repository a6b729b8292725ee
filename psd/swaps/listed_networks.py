"""Which networks there are, by their streams: what the list of them is held against.

A worker settles the networks of the list, and an export tells them, so that one that is missing
there would be forgotten by both::

    psd:swaps:{main}:events is there, main is not listed
    -> psd:swaps:networks:{networks} main: nothing, should be listed by the stream
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from psd.audit.examine import NOTHING, Discrepancy
from psd.store.kept import write_kept
from psd.store.lane import Command
from psd.store.redis import Store
from psd.swaps.keys import NETWORKS_KEY, events_key

SCANNED = 1_000

LISTED = "listed"
FOREIGN = "a key of another type"

_EVENTS = re.compile(re.escape(events_key("?")).replace(r"\?", "([a-z0-9._-]{1,64})"))


async def streamed_networks(store: Store) -> list[str]:
    """Networks that have a stream. Looks at all names of keys, SCANNED at a time."""
    found: set[str] = set()
    for lane in await store.reads.lanes():
        cursor = b"0"
        while True:
            asked = ("SCAN", cursor, "MATCH", events_key("*"), "COUNT", SCANNED)
            cursor, page = await lane.call(asked)
            found |= {match[1] for key in page if (match := _EVENTS.fullmatch(key.decode()))}
            if cursor == b"0":
                break
    return sorted(found)


async def unlisted(store: Store, networks: Sequence[str], source: str) -> list[Discrepancy]:
    """Those of these that are not on the list. 1 or 2 trips."""
    kind = await store.writes.call(("TYPE", NETWORKS_KEY))
    if (kind if isinstance(kind, bytes) else str(kind).encode()) not in (b"set", b"none"):
        return [Discrepancy(NETWORKS_KEY, "", LISTED, FOREIGN, source)]
    asked = [("SISMEMBER", NETWORKS_KEY, network) for network in networks]
    told = await store.writes.call_all(asked) if asked else []
    return [
        Discrepancy(NETWORKS_KEY, network, LISTED, NOTHING, source)
        for network, is_listed in zip(networks, told, strict=True)
        if not is_listed
    ]


async def list_again(
    store: Store, networks: Sequence[str], differences: Sequence[Discrepancy]
) -> None:
    """Put them on the list, whatever lies in its place."""
    commands: list[Command] = [("SADD", NETWORKS_KEY, *networks)]
    if any(each.found == FOREIGN for each in differences):
        commands.insert(0, ("DEL", NETWORKS_KEY))
    await write_kept(store, commands)
