"""What the hash of a meter says of it: its channels, and what was said. Pure.

::

    known_of([b"i0", b"power", b"g0", b"intervals", b"longest:g0", b"1800", b"said", b"..."])
    -> KnownMeter({"i0": "power", "g0": "intervals"}, record, True, {"g0": 1800})
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from psd.energy.channels import is_channel
from psd.energy.meter_facts import MeterRecord, record_of

LONGEST = "longest:"
"""What a channel's longest interval stands under begins so."""


class KnownMeter(msgspec.Struct, frozen=True):
    """The kinds of a meter's channels by their names, and what was said of it.

    ``longest_s`` is the longest interval that a channel ever had, of one of intervals.
    """

    kinds: dict[str, str]
    record: MeterRecord
    is_known: bool
    longest_s: dict[str, int] = {}


def known_of(flat: Sequence[bytes]) -> KnownMeter:
    """What the hash of a meter says, fields and values in turn."""
    held = {key.decode(): value for key, value in zip(flat[::2], flat[1::2], strict=True)}
    kinds = {key: kind.decode() for key, kind in held.items() if is_channel(key)}
    longest = {
        key.removeprefix(LONGEST): int(value)
        for key, value in held.items()
        if key.startswith(LONGEST)
    }
    return KnownMeter(kinds, record_of(held.get("said", b"")), bool(held), longest)
