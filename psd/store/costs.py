"""How long a command holds Redis, about: what trips are cut by and turns are counted in. Pure.

These are estimates from what a command names, in microseconds on the machine of
docs/benchmarks.md. What a script may read is known only to it, so calls that hand over bookings
count as the middle of what they may take. A wrong estimate makes a trip longer or shorter, and
nothing else::

    cost_us(("EVALSHA", <engine.book>, 1, "psd:{p0}:7", <200 reports, 3.9 kB>, ...))   -> 3,900
    cost_us(("EVALSHA", <engine.sum>, 1, "psd:{p0}:7", ...))                           -> 70
    cost_us(("GET", "psd:store"))                                                   -> 10
"""

from __future__ import annotations

import msgspec

from psd.store.scripts import loaded_name
from psd.store.sending import Command

CALL_MAX_US = 15_000.0
"""No call of a script takes longer: they end by themselves (lua/lib/work.lua, effort.lua)."""

_COMMAND_US, _VALUE_US, _BYTE_US = 10.0, 0.5, 0.002


class Rates(msgspec.Struct, frozen=True):
    """What a call of a script takes: by itself, for each owner, and for each byte that it brings.

    In a cluster the owners stand behind the arguments and are counted like these.
    """

    call_us: float = 40.0
    owner_us: float = 20.0
    byte_us: float = 0.02


RATES: dict[str, Rates] = {
    # 20 us a report, which is 19 to 30 bytes.
    "engine.book": Rates(20.0, 10.0, 1.0),
    "engine.preview": Rates(20.0, 10.0, 0.5),
    "engine.withdraw": Rates(3_000.0),
    "engine.bookings": Rates(3_000.0, 50.0),
    "engine.records": Rates(3_000.0, 50.0),
    "engine.activity_sum": Rates(1_000.0),
    "engine.series": Rates(1_000.0, 50.0),
    "engine.reported": Rates(200.0, 20.0, 0.3),
    "engine.sum": Rates(20.0, 50.0, 0.1),
    "engine.standings": Rates(20.0, 30.0, 0.1),
    "engine.top": Rates(20.0, 30.0, 0.1),
}
"""What differs from the plain rates."""

_READ_BYTE_US = 0.0005
"""Of what is handed over as it stands: the copy, and as much again until it is sent."""

_WHOLE = {
    "MGET": 300.0,
    "SMEMBERS": 2_000.0,
    "HGETALL": 1_000.0,
    "HVALS": 1_000.0,
    "HKEYS": 1_000.0,
}
"""Commands that read whatever a key holds, and what they are taken for."""

_PLAIN = Rates()


def cost_us(command: Command) -> float:
    """The estimate of one command."""
    if command[0] == "EVALSHA":
        # By what is loaded: to read all scripts for this took a command 0.3 s at its start.
        rates = RATES.get(loaded_name(command[1]) or "", _PLAIN)
        owners = int(command[2])
        cost: float = rates.call_us + rates.owner_us * owners
        for each in command[3 + owners :]:
            if not isinstance(each, int):
                cost += rates.byte_us * len(each)
        return min(CALL_MAX_US, cost)
    whole = _WHOLE.get(str(command[0]))
    if whole is not None:
        return whole
    if command[0] == "GETRANGE":
        return _range_us(command)
    last = command[-1]
    size = len(last) if isinstance(last, (bytes, str)) else 0
    return _COMMAND_US + _VALUE_US * len(command) + _BYTE_US * size


def _range_us(command: Command) -> float:
    """Of a part of a string, which may have less; an end that is counted from behind is near."""
    start, stop = int(command[2]), int(command[3])
    return _COMMAND_US + _READ_BYTE_US * max(0, stop - start)
