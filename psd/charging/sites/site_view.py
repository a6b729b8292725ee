"""A site as it was read: its plugs, their newest readings, and what is set of it. Pure.

Settings stand field by field, ``limit_ma:plug:p1`` -> 16000, so that one is set without the others
being read::

    settings_of((b"limit_ma:fuse:f1", b"32000", b"parent:fuse:f1", b"main", b"name:site", b"Yard"))
    .fuses    -> {"f1": Fuse(limit_ma=32000, parent="main"), "": Fuse()}
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, lru_cache

import msgspec
from msgspec.structs import replace

from psd.charging.fuses import SITE, Behind, Fuse, FuseBoard
from psd.charging.plugs.plug import Look, Plug
from psd.charging.plugs.plug_rings import PlugRing

EMPTY = PlugRing()


class LatestReading(msgspec.Struct, frozen=True, array_like=True):
    """A plug's newest reading as it came."""

    ms: int
    ma: int
    mv: int
    state: int
    power_factor: float
    fuse: str
    flags: int = 0


packed_latest = msgspec.msgpack.Encoder().encode
latest_of = msgspec.msgpack.Decoder(LatestReading).decode


class SiteSettings(msgspec.Struct, frozen=True):
    """What is set of a site, by the names ``site``, ``plug:<plug>`` and ``fuse:<fuse>``."""

    values: Mapping[str, Mapping[str, str]] = {}

    def text(self, name: str, key: str) -> str:
        """One value, empty where it is not set."""
        return self.values.get(name, {}).get(key, "")

    def limit_ma(self, name: str) -> int:
        """A limit in mA, 0 for none."""
        return int(self.text(name, "limit_ma") or 0)

    @property
    def fuses(self) -> dict[str, Fuse]:
        """Every fuse of which something is set, and the site's own."""
        found = {SITE: Fuse(self.limit_ma("site"))}
        for name in self.values:
            kind, mark, id_ = name.partition(":")
            if mark and kind == "fuse":
                found[id_] = Fuse(self.limit_ma(name), self.text(name, "parent"))
        return found


@lru_cache(maxsize=256)
def settings_of(flat: tuple[bytes, ...]) -> SiteSettings:
    """What is set, from fields and values in turn; it seldom changes, and is read at each step."""
    found: dict[str, dict[str, str]] = {}
    for field, value in zip(flat[::2], flat[1::2], strict=True):
        key, _, name = field.decode().partition(":")
        found.setdefault(name, {})[key] = value.decode()
    return SiteSettings(found)


class SiteView:
    """A site at the moment when it was read."""

    def __init__(
        self,
        site: str,
        plugs: Mapping[str, Plug],
        rings: Mapping[str, PlugRing],
        settings: SiteSettings,
        latest: Mapping[str, bytes],
    ) -> None:
        self.site = site
        self.plugs = plugs
        self.rings = rings
        self.settings = settings
        self._latest = latest

    def latest(self, name: str) -> LatestReading | None:
        """The newest reading of a plug; few are ever looked at."""
        held = self._latest.get(name)
        return None if held is None else latest_of(held)

    def fuse_of(self, name: str) -> str:
        """The fuse that a plug is behind: as it is set, else as its newest reading says."""
        told = self.settings.text(f"plug:{name}", "fuze_id")
        if told:
            return told
        latest = self.latest(name)
        return (latest.fuse if latest is not None else "") or self.plugs[name].fuse

    def fused(self, name: str) -> Plug:
        """A plug with the fuse that it is behind now."""
        return replace(self.plugs[name], fuse=self.fuse_of(name))

    @cached_property
    def has_limits(self) -> bool:
        """Whether any fuse of the site has a limit."""
        return any(fuse.limit_ma for fuse in self.settings.fuses.values())

    def board(self, now_ms: int, settle_ms: int) -> FuseBoard:
        """Its fuses, and what is behind them."""
        behind = [
            Behind(
                name,
                plug,
                self.settings.limit_ma(f"plug:{name}"),
                self.fuse_of(name),
                self.rings.get(name, EMPTY),
            )
            for name, plug in self.plugs.items()
        ]
        return FuseBoard(self.settings.fuses, behind, now_ms, settle_ms)

    def look(self, name: str) -> Look:
        """What is around a plug, but for fuses and money: the readings of its session."""
        return Look(self.rings.get(name, EMPTY).since(self.plugs[name].session_start_ms))
