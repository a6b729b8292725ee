"""The fuses of a site as a tree with bars, for pages. Pure.

::

    site 63 A                 tree.amps "38.0 A", tree.limit "63 A"
    |-- left 32 A             bar: 22 A flow, 27 A are reserved    FuseBar(current=69, reserved=84)
    |-- right                 no limit: no bar

A fuse before which there is none that is known stands below the site's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from psd.charging.fuses import SITE
from psd.charging.plugs.plug_answers import ShownFuse

LIMITING = 2
FULL = 100


class FuseBar(msgspec.Struct, frozen=True):
    """Hundredths of the limit; more than all of it is told by ``is_over``."""

    current: int
    reserved: int
    is_over: bool


class FuseNode(msgspec.Struct, frozen=True):
    """A fuse, what hangs on it, and how many wait for it."""

    id: str
    name: str
    amps: str
    reserved: str
    limit: str
    bar: FuseBar | None
    is_limiting: bool
    waiting: int
    below: tuple[FuseNode, ...]

    @property
    def told(self) -> str:
        """What the bar shows, in words."""
        return f"{self.amps} of {self.limit} flow, {self.reserved} are reserved"


def fuse_tree(fuses: Sequence[ShownFuse]) -> FuseNode:
    """The site's own fuse, and all others below it."""
    by_id = {each.id: each for each in fuses}
    below: dict[str, list[str]] = {}
    for name in sorted(by_id.keys() - {SITE}):
        below.setdefault(_parent(name, by_id), []).append(name)

    def node(name: str) -> FuseNode:
        each = by_id[name]
        return FuseNode(
            name,
            each.name or name or "Site",
            amperes(each.current),
            amperes(each.reserved),
            f"{each.current_limit:g} A" if each.current_limit else "",
            _bar(each),
            each.state == LIMITING,
            len(each.queue),
            tuple(node(one) for one in below.get(name, ())),
        )

    return node(SITE)


def amperes(current: float) -> str:
    """Current for people.

    >>> amperes(23.46)
    '23.5 A'
    """
    return f"{current:.1f} A"


def _parent(name: str, by_id: Mapping[str, ShownFuse]) -> str:
    """The fuse before one; the site's where none is known, or where a circle would close."""
    seen, at = {name}, by_id[name].parent
    first = at
    while at != SITE:
        if at in seen or at not in by_id:
            return SITE
        seen.add(at)
        at = by_id[at].parent
    return first


def _bar(fuse: ShownFuse) -> FuseBar | None:
    if not fuse.current_limit:
        return None
    current, reserved = (
        min(round(FULL * amps / fuse.current_limit), FULL)
        for amps in (fuse.current, max(fuse.reserved, fuse.current))
    )
    return FuseBar(current, reserved, fuse.current > fuse.current_limit)
