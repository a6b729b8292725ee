"""Batches of readings as the JOI face takes them: kept as they were sent, the newest first.

A batch is kept under its moment and its id, so that what is kept is the newest of all that ever
came, in whatever order they came and however often::

    psd:{p0}:4899...:e:batches    1606637100123:00000007a3..:5    [[1606636800,0.0503],...]
                                  1606637160481:00000008f1..:1    [[1606637160,0.0201]]

Its field tells how many readings it has, so that nobody reads batches to find which are too many.
A meter of this face is any text, also one that is no name of a meter elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from psd.config import Settings
from psd.domain.command import Command
from psd.energy.channel_lifetimes import ChannelLifetimes
from psd.energy.channels import MeterChannel, meter_name, meter_uid
from psd.energy.documented import JoiReading, power_points
from psd.energy.joi.joi_bodies import METER_BYTES_MAX, READINGS_MAX
from psd.energy.keys import batches_key
from psd.energy.meter_events import Readings, check_kept
from psd.engine.event_rules import EventRules
from psd.engine.events import TIME_END_S, Change
from psd.errors import InputError, OutOfBoundsError, TooLargeError, WrongTypeError
from psd.store.kept import write_kept
from psd.store.lane import Command as StoreCommand
from psd.store.redis import Store

KEPT_MAX = 50_000
"""Readings of a meter: 1 MB."""

ID_MAX = 64

MOMENT_END_MS = TIME_END_S * 1000

_decode = msgspec.json.Decoder(list[JoiReading]).decode
_encode = msgspec.json.Encoder().encode


class BatchFields(msgspec.Struct, forbid_unknown_fields=True):
    """Readings of a meter as the JOI system has them: [second, kW], kept as they stand."""

    meter: str
    id: str
    at_ms: int
    readings: list[JoiReading]


class JoiBatch(Change, frozen=True):
    """A batch, and what of it energy can be made of."""

    meter: str
    field: str
    readings: Sequence[JoiReading]
    power: Readings | None

    def parts(self) -> list[bytes]:
        """Those of its power."""
        return [] if self.power is None else self.power.parts()

    def without(self, replaced: Collection[int]) -> JoiBatch:
        """The batch itself is kept however old it is; what is newer of its power stands."""
        power = None if self.power is None else self.power.without(replaced)
        return msgspec.structs.replace(self, power=power)


def batch_command() -> Command:
    """What the queue carries of a batch."""
    return Command(
        name="joi_batch",
        many="joi_batches",
        fields=BatchFields,
        check=batch,
        time_field="",
        needs_id=True,
    )


def batch(fields: BatchFields, now_s: int, rules: EventRules) -> JoiBatch:
    """A batch; raises an InputError. Readings without energy are kept all the same."""
    if len(fields.readings) > READINGS_MAX:
        raise TooLargeError(f"readings: {len(fields.readings)}; at most {READINGS_MAX} are allowed")
    if len(fields.meter.encode("utf-8", "surrogatepass")) > METER_BYTES_MAX:
        raise TooLargeError(f"meter: longer than {METER_BYTES_MAX} bytes")
    if not (fields.id.isascii() and fields.id.isalnum() and len(fields.id) <= ID_MAX):
        raise WrongTypeError(f"id: 1 to {ID_MAX} letters and digits are allowed")
    if not 0 <= fields.at_ms < MOMENT_END_MS:
        raise OutOfBoundsError(f"at_ms: {fields.at_ms} must lie between 1970 and 2200")
    field = f"{fields.at_ms:013d}:{fields.id}:{len(fields.readings)}"
    power = _power(fields, now_s, rules)
    return JoiBatch(fields.at_ms // 1000, fields.meter, field, fields.readings, power)


def _power(fields: BatchFields, now_s: int, rules: EventRules) -> Readings | None:
    """The readings that energy can be made of, None for none; nobody is told which are not."""
    try:
        meter = meter_name(fields.meter)
    except InputError:
        return None
    points = []
    for second, mw in sorted(power_points(fields.readings).items()):
        try:
            rules.check_time("time", second, now_s)
            rules.check_age("time", second, now_s)
            check_kept("time", second, "import", now_s, rules)
        except InputError:
            continue
        points.append((second, mw))
    if not points:
        return None
    return Readings(points[-1][0], meter, MeterChannel("import", 0), "power", tuple(points))


class BatchStore:
    """Keeps and reads batches; raises StoreUnavailableError when Redis is away."""

    def __init__(self, store: Store, settings: Settings, batches_max: int) -> None:
        self._store = store
        self._batches_max = batches_max
        self._lifetimes = ChannelLifetimes(store, settings)

    async def keep(self, change: JoiBatch) -> bool:
        """Keep a batch, and the newest alone; whether it was not there. 1 trip, 2 past the most."""
        key = await self._key(change.meter)
        content = _encode(change.readings)
        commands: list[StoreCommand] = [("HSETNX", key, change.field, content), ("HKEYS", key)]
        if lifetime_s := await self._lifetimes.readings_s("import"):
            kept = ("PERSIST", key) if lifetime_s < 0 else ("EXPIRE", key, lifetime_s)
            commands.append(kept)
        is_new, fields, *_ = await write_kept(self._store, commands)
        dropped = too_many(fields, self._batches_max)
        if dropped:
            await write_kept(self._store, [("HDEL", key, *dropped)])
        return bool(is_new) and change.field.encode() not in dropped

    async def has(self, change: JoiBatch) -> bool:
        """Whether a batch is kept. 1 trip."""
        key = await self._key(change.meter)
        return bool(await self._store.reads.call(("HEXISTS", key, change.field)))

    async def read(self, meter: str) -> list[list[JoiReading]]:
        """The batches of a meter, the newest first. 1 trip."""
        flat = await self._store.reads.call(("HGETALL", await self._key(meter)))
        held: Mapping[bytes, bytes] = dict(zip(flat[::2], flat[1::2], strict=True))
        return [_decode(held[field]) for field in sorted(held, reverse=True)]

    async def _key(self, meter: str) -> str:
        return batches_key((await self._store.placed()).owner_root(meter_uid(meter)))


def too_many(fields: Sequence[bytes], batches_max: int) -> list[bytes]:
    """The oldest batches, by their fields, past the most batches or readings of a meter.

    >>> too_many([b"1:a:5", b"2:b:50000", b"3:c:1"], 1000)
    [b'2:b:50000', b'1:a:5']
    """
    readings = 0
    for place, field in enumerate(newest_first := sorted(fields, reverse=True)):
        readings += int(field.rpartition(b":")[2])
        if place >= batches_max or readings > KEPT_MAX:
            return newest_first[place:]
    return []
