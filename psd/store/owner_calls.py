"""Script calls about many owners: in pages, and in a cluster by the node that has their keys.

On one server the roots of a page are the KEYS of its call. In a cluster the KEYS of a call must
be of one slot, so there a page holds owners of one node, one of whose roots is the key that the
call is routed by, and all roots follow the arguments (lua/lib/owners.lua)::

    EVALSHA <sha> 3 psd:{1} psd:{3} psd:{4} <arguments>                   one server
    EVALSHA <sha> 1 psd:{1} <arguments> psd:{1} psd:{3} psd:{4}           the node of these three

Owners may move to another node between the making of a call and its execution, so the calls
are made and sent by :meth:`psd.store.routed.RoutedLane.call_pages`, which makes those anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from psd.store.lane import Command
from psd.store.scripts import Script

Page = tuple[list[int], Command]
"""Positions of the page's owners in what was asked, and the call."""


class Placement(Protocol):
    """Which owners share a node."""

    is_spread: bool
    """Whether there is more than one node."""

    def groups(self, roots: Sequence[str]) -> list[list[int]]:
        """Positions of the roots, grouped by node."""
        ...


class OneServer:
    """Every owner on the one node."""

    is_spread = False

    def groups(self, roots: Sequence[str]) -> list[list[int]]:
        """All positions together."""
        return [list(range(len(roots)))] if roots else []


ONE_SERVER = OneServer()


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
            page = [roots[place] for place in places]
            yield places, owner_call(placement, script, page, arguments)


def owner_call(
    placement: Placement,
    script: Script,
    roots: Sequence[str],
    arguments: Sequence[bytes | str | int],
) -> Command:
    """One call of a script for owners of one node."""
    if placement.is_spread:
        return ("EVALSHA", script.sha, 1, roots[0], *arguments, *roots)
    return ("EVALSHA", script.sha, len(roots), *roots, *arguments)
