"""Prices of a UTC day as a few bytes, laid over each other by when they were said. Pure.

A day holds layers, each of what somebody said at a second, in steps as long as its prices allow::

    said at 1606600000, a price for each half-hour     -> step 1,800, 48 numbers of 4 bytes
    said at 1606610000, one of them again              -> a second layer of that half-hour alone

What was said later stands over what was said before, whichever comes first: a replay of a part of
the archive changes nothing that was corrected since. Of one second the later arrival stands.

>>> raw = day_with(b"", 7, [Price(0, 1800, 214500000)], 0)
>>> prices_of_day(raw, 0)
[Price(start=0, end=1800, rate=214500000)]
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from math import gcd

import msgpack

from psd.errors import ShapeError
from psd.measures.money import RATE_POWER
from psd.tariffs.prices import Price
from psd.zones import DATE_S

SLOT_S = 300
"""Prices begin and end at whole five minutes of UTC: no market has shorter ones."""

SLOTS = DATE_S // SLOT_S

_NARROW, _WIDE = -(1 << 31), -(1 << 63)
"""What stands where nothing was said: the least number of 4, and of 8 bytes."""

Layers = dict[int, list[int | None]]
"""Rates by slot, by the second in which they were said."""


def day_with(raw: bytes, said_s: int, prices: Iterable[Price], day_s: int) -> bytes:
    """A day with prices laid over it, which are cut to it; ``day_s`` is its first second."""
    layers = _layers(raw)
    layer = layers.setdefault(said_s, [None] * SLOTS)
    for price in prices:
        first = max(price.start - day_s, 0) // SLOT_S
        last = min(price.end - day_s, DATE_S) // SLOT_S
        layer[first:last] = [price.rate] * max(last - first, 0)
    return _packed(_seen(layers))


def prices_of_day(raw: bytes, day_s: int) -> list[Price]:
    """What stands of a day, in order; raises ShapeError."""
    found = []
    for step_s, rates in _unpacked(raw):
        start = day_s
        for rate in rates:
            if rate is not None:
                found.append(Price(start, start + step_s, rate))
            start += step_s
    return sorted(found)


def rates_of_day(raw: bytes) -> list[int | None]:
    """What stands of a day by its five minutes, None where nothing was said."""
    found: list[int | None] = [None] * SLOTS
    for layer in _layers(raw).values():
        for at, rate in enumerate(layer):
            if rate is not None:
                found[at] = rate
    return found


def _seen(layers: Layers) -> Layers:
    """Layers without what later ones cover."""
    taken = [False] * SLOTS
    found: Layers = {}
    for said_s in sorted(layers, reverse=True):
        layer = [None if there else rate for rate, there in zip(layers[said_s], taken, strict=True)]
        if any(rate is not None for rate in layer):
            found[said_s] = layer
            taken = [there or rate is not None for rate, there in zip(layer, taken, strict=True)]
    return found


def _packed(layers: Layers) -> bytes:
    packed: bytes = msgpack.packb(
        [_packed_layer(said_s, layers[said_s]) for said_s in sorted(layers)]
    )
    return packed


def _packed_layer(said_s: int, layer: Sequence[int | None]) -> tuple[int, int, int, bytes]:
    """(said at, step, power of ten of the numbers, numbers)."""
    edges = [at for at in range(1, SLOTS) if layer[at] != layer[at - 1]]
    step = gcd(SLOTS, *edges)
    rates = layer[::step]
    power = min(map(_power, filter(None, rates)), default=RATE_POWER)
    scaled = [None if rate is None else rate // 10**power for rate in rates]
    largest = max(abs(each) for each in scaled if each is not None)
    code, absent = ("i", _NARROW) if largest < -_NARROW else ("q", _WIDE)
    numbers = [absent if each is None else each for each in scaled]
    return said_s, step * SLOT_S, power, struct.pack(f"<{len(numbers)}{code}", *numbers)


def _power(rate: int) -> int:
    """How many zeros a rate ends with, up to those of a whole unit of money."""
    power = 0
    while power < RATE_POWER and rate % 10 == 0:
        rate //= 10
        power += 1
    return power


def _layers(raw: bytes) -> Layers:
    """Layers of a day, slot by slot."""
    if not raw:
        return {}
    told = [said_s for said_s, *_ in msgpack.unpackb(raw)]
    return {
        said_s: [rate for rate in rates for _ in range(step_s // SLOT_S)]
        for said_s, (step_s, rates) in zip(told, _unpacked(raw), strict=True)
    }


def _unpacked(raw: bytes) -> list[tuple[int, list[int | None]]]:
    """Step and rates of each layer."""
    try:
        found = []
        for _, step_s, power, packed in msgpack.unpackb(raw):
            count, unit = DATE_S // step_s, 10**power
            wide = len(packed) == 8 * count
            numbers = struct.unpack(f"<{count}{'q' if wide else 'i'}", packed)
            absent = _WIDE if wide else _NARROW
            rates = [None if number == absent else number * unit for number in numbers]
            found.append((step_s, rates))
    except (ValueError, TypeError, struct.error, ZeroDivisionError) as exc:
        raise ShapeError(f"energy: prices of a day that are kept are none ({exc})") from exc
    return found
