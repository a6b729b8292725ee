"""Where owners are, and script calls about many of them: a page of owners of one partition each.

The KEYS of a call are the roots of its owners' keys. In a cluster they must be of one slot, and the
owners of a partition are; on one server with several partitions calls are made in the same way, so
that what is kept of all owners of a partition is within reach of every call::

    EVALSHA <sha> 3 psd:{p0}:1 psd:{p0}:3 psd:{p0}:4 <arguments>

A node that has given a slot away, or is about to, says so before it runs a script, because no key
has the name of a root. Then the call is sent again to where the slot is
(:meth:`psd.store.routed.RoutedLane.call_each`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from psd.store.lane import Command
from psd.store.partitions import Partitions
from psd.store.scripts import Script

Page = tuple[list[int], Command]
"""Positions of the page's owners in what was asked, and the call."""


class Placement:
    """Which owners share a partition, and whether partitions are spread over nodes.

    >>> Placement(Partitions(2), is_spread=True).groups(["psd:{p1}:5", "psd:{p0b}:1", "psd:{p1}:2"])
    [[0, 2], [1]]
    """

    def __init__(self, partitions: Partitions, is_spread: bool) -> None:
        self.partitions = partitions
        self.is_spread = is_spread
        self.owner_root = partitions.owner_root
        self._is_one = partitions.count == 1 and not is_spread

    def owner_roots(self, uids: Sequence[int]) -> list[str]:
        """The roots of some owners' keys."""
        return [*map(self.owner_root, uids)]

    def groups(self, roots: Sequence[str]) -> list[list[int]]:
        """Positions of roots, those together that may be in one call: of one hash tag.

        Counts have tags of their own; on one server with one partition all are together.
        """
        if self._is_one:
            return [list(range(len(roots)))] if roots else []
        found: dict[str, list[int]] = {}
        for place, root in enumerate(roots):
            # As group_of says; of 20,000 roots its calls would be half of a long step.
            found.setdefault(root[: root.index("}")], []).append(place)
        return list(found.values())

    def group_of(self, root: str) -> str:
        """What those have in common that may be in one call with this root."""
        return "" if self._is_one else root[: root.index("}")]


ONE_SERVER = Placement(Partitions(1), is_spread=False)


def owner_pages(
    placement: Placement,
    script: Script,
    roots: Sequence[str],
    arguments: Sequence[bytes | str | int],
    page_max: int,
) -> Iterator[Page]:
    """Calls of a script for these owners, at most ``page_max`` each."""
    for group in placement.groups(roots):
        for start in range(0, len(group), page_max):
            places = group[start : start + page_max]
            yield places, owner_call(script, [roots[place] for place in places], arguments)


def owner_call(
    script: Script, roots: Sequence[str], arguments: Sequence[bytes | str | int]
) -> Command:
    """One call of a script for owners of one partition."""
    return ("EVALSHA", script.sha, len(roots), *roots, *arguments)
