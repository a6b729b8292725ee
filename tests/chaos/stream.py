"""The generated stream: what producers send, with everything that may go wrong on its way.

``generate(7, messages=300, owners=4)`` gives some 300 message bodies in the order in which they
are published, always the same for one seed: reports whose windows overlap, increments and counts
with ids, lists of reports, JSON and msgpack; one in ten comes twice, and many come late. Of even
seeds the order is shuffled, of odd ones it is roughly that of time. Every fourth seed has an owner
with so many bookings that its leaves are split into days, hours or minutes.

No two different reports share a window: such a pair is a correction, whose result depends on
which one arrives last, and a queue that redelivers promises no order.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable

import msgspec

from psd.config import default_things
from psd.engine.events import Count, Event, Report
from psd.store.keys import count_root
from psd.store.owner_calls import ONE_SERVER

STARTS = (951_700_000, 1_460_000_000, 1_640_995_000, 1_709_164_800)
"""Near a leap day, in the sample's month, at a year's edge, and another leap day."""

SPANS_S = (100, 4_000, 90_000, 40 * 86_400, 800 * 86_400)
ATIDS = (0, 1, 7, 300, -5, 2**40)
VALUES = (0, 1, 5, 10, -20, 127, 128, 777, 40_000, 3_000_000_000)
NAMES = {thing.id: name for name, thing in default_things().items()}

REPEATED = 0.1
"""Share of messages that are published twice."""

DENSE_SEEDS = 4
DENSE_SPANS_S = (3_000, 40_000, 20 * 86_400)
"""A dense owner's 2,000 to 4,000 bookings split into leaves of minutes, of hours, or of days."""

DENSE_REPORTS = 60
"""Reports of one message of a dense owner."""


class Stream(msgspec.Struct):
    """``bodies`` as published; ``events`` without repeats; ``roots`` of all owners and counts."""

    seed: int
    bodies: list[bytes]
    events: list[Event]
    roots: list[str]
    repeats: int


class _Owner:
    """One owner's part of the stream: what it is about, and the windows that are taken."""

    def __init__(self, rng: random.Random, seed: int, number: int) -> None:
        digest = hashlib.blake2b(f"{seed}:{number}".encode(), digest_size=7).digest()
        self.uid = int.from_bytes(digest, "big")
        self.name = f"chaos_{seed}_{number}"
        self.dense = number == 0 and seed % DENSE_SEEDS == 0
        self.start = rng.choice(STARTS)
        self.span = rng.choice(DENSE_SPANS_S if self.dense else SPANS_S)
        self.aids = rng.choice(((1,), (1, 2), (5, 2**33, -1), tuple(range(1000, 1300))))
        if self.dense:
            self.aids = tuple(range(1000, 1300))
        self.taken: set[tuple[int, int, int, int]] = set()
        self.ids = 0

    def next_id(self) -> str:
        self.ids += 1
        return f"{self.uid}-{self.ids}"


def generate(seed: int, messages: int, owners: int, *, additive: bool = False) -> Stream:
    """The stream of one seed; ``additive`` has increments and counts alone, none of them twice."""
    rng = random.Random(seed)
    parts = [_Owner(rng, seed, number) for number in range(owners)]
    sent: list[tuple[int, bytes]] = []
    events: list[Event] = []
    for _ in range(messages):
        found = _message(rng, rng.choice(parts), additive)
        sent.append((_second(found[0]), _encoded(rng, found)))
        events += found
    repeated = [] if additive else rng.sample(sent, round(messages * REPEATED))
    roots = [ONE_SERVER.owner_root(part.uid) for part in parts]
    roots += [count_root(part.name) for part in parts]
    bodies = _disordered(rng, [*sent, *repeated], shuffled=seed % 2 == 0)
    return Stream(seed, bodies, events, roots, len(repeated))


def _message(rng: random.Random, owner: _Owner, additive: bool) -> list[Event]:
    """The events of one message: one of them, or a list of reports."""
    kind = rng.random()
    if kind < 0.1:
        second = owner.start + rng.randint(1, owner.span)
        return [Count(owner.name, rng.choice(VALUES), second, owner.next_id())]
    if kind < 0.3 or additive:
        return [_increment(rng, owner)]
    if kind < 0.75 and not owner.dense:
        return [_report(rng, owner)]
    reports = DENSE_REPORTS if owner.dense else rng.randint(2, 6)
    return [_report(rng, owner) for _ in range(reports)]


def _increment(rng: random.Random, owner: _Owner) -> Report:
    second = owner.start + rng.randint(1, owner.span)
    return Report(
        thing=rng.choice((1, 3)),
        uid=owner.uid,
        atid=rng.choice(ATIDS),
        aid=rng.choice(owner.aids),
        value=rng.choice(VALUES),
        ts1=second,
        ts2=second,
        event_id=owner.next_id(),
    )


def _report(rng: random.Random, owner: _Owner) -> Report:
    """A report whose window nobody has yet; where all are taken, one further back begins there."""
    thing, aid = rng.choice((1, 3)), rng.choice(owner.aids)
    ts2 = owner.start + rng.randint(1, owner.span)
    ts1 = _window_start(rng, ts2, owner)
    while (thing, aid, ts1, ts2) in owner.taken:
        ts1 -= 1
    owner.taken.add((thing, aid, ts1, ts2))
    return Report(thing, owner.uid, rng.choice(ATIDS), aid, rng.choice(VALUES), ts1, ts2)


def _window_start(rng: random.Random, ts2: int, owner: _Owner) -> int:
    kind = rng.random()
    if kind < 0.4:
        return ts2
    if kind < 0.85:
        return ts2 - rng.randint(0, owner.span)
    return owner.start


def _second(event: Event) -> int:
    return event.ts if isinstance(event, Count) else event.ts2


def _encoded(rng: random.Random, events: list[Event]) -> bytes:
    encode: Callable[[object], bytes] = (
        msgspec.msgpack.encode if rng.random() < 0.2 else msgspec.json.encode
    )
    first = events[0]
    if isinstance(first, Count):
        fields = {"thing": first.name, "value": first.value, "ts": first.ts, "id": first.event_id}
        return encode({"command": "count", "count": fields})
    metrics = [wire_metric(event) for event in events if isinstance(event, Report)]
    if len(metrics) == 1:
        return encode({"command": "metric", "metric": metrics[0]})
    return encode({"command": "metrics", "metrics": metrics})


def wire_metric(report: Report) -> dict[str, object]:
    """A report or an increment as it stands in a message or a write request."""
    fields: dict[str, object] = {
        "thing": NAMES[report.thing],
        "uid": report.uid,
        "atid": report.atid,
        "aid": report.aid,
        "value": report.value,
        "ts1": report.ts1,
        "ts2": report.ts2,
    }
    if report.event_id is not None:
        fields |= {"mode": "increment", "id": report.event_id}
    return fields


def _disordered(rng: random.Random, sent: list[tuple[int, bytes]], shuffled: bool) -> list[bytes]:
    """All bodies shuffled; or in their order of time but for neighbours, a tenth of them late."""
    if shuffled:
        rng.shuffle(sent)
    else:
        late_s = max(second for second, _ in sent)
        sent.sort(key=lambda pair: pair[0] + (late_s if rng.random() < 0.1 else rng.randint(0, 20)))
    return [body for _, body in sent]
