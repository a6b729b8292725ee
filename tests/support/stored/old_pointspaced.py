"""A pointspaced's Redis, written as the Go daemon wrote it, from what it was sent.

>>> write_pointspaced(client, PHASES["random"])
>>> client.hgetall("hz:3:2:2017")
{b'201710:12:1001': b'11', ...}

A total books what is missing between ts1 and ts2, in the order of arrival; five hashes have it.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import msgspec
import redis

from psd.exports.old_buckets import label_of

GOLDEN = Path(__file__).parents[2] / "golden" / "pointspaced.json"
THINGS = {"steps": 1, "calories": 2, "points": 3, "distance": 4, "cb": 5}
DIGITS = (4, 6, 8, 10, 12)

Steps = list[dict[str, Any]]

Event = tuple[int, int, int]
"""(second, atid, booking)."""

PHASES: dict[str, Steps] = {
    phase["name"]: phase["steps"] for phase in msgspec.json.decode(GOLDEN.read_bytes())["phases"]
}


def write_pointspaced(client: redis.Redis, steps: Steps) -> int:
    """Write what these steps left; how many bookings they made."""
    events: defaultdict[tuple[int, int, int], list[Event]] = defaultdict(list)
    made = 0
    pipe = client.pipeline(transaction=False)
    for step in steps:
        if step["op"] == "nsq":
            made += _count(pipe, step["body"])
        elif step["op"] == "write" and step["status"] == 200:
            made += _metric(pipe, events, msgspec.json.decode(step["body"]))
    pipe.execute()
    return made


def _metric(pipe: Any, events: defaultdict[tuple[int, int, int], list[Event]], sent: Any) -> int:
    thing = THINGS.get(str(sent.get("thing"))) if isinstance(sent, dict) else None
    if thing is None:
        return 0
    uid, atid, aid = (sent.get(name, 0) for name in ("uid", "atid", "aid"))
    ts1, ts2 = sent.get("ts1", 0), sent.get("ts2", 0)
    booked = events[thing, uid, aid]
    delta = sent.get("value", 0) - sum(d for second, _, d in booked if ts1 <= second <= ts2)
    if not delta or ts2 <= 0:
        return 0
    booked.append((ts2, atid, delta))
    label = label_of(ts2)
    for digits in DIGITS:
        key, field = f"hz:{thing}:{uid}:{label[:digits]}", f"{label[: digits + 2]}:{atid}:{aid}"
        pipe.hincrby(key, field, delta)
    return 1


def _count(pipe: Any, body: Any) -> int:
    count = body.get("count") if isinstance(body, dict) else None
    if body.get("command") != "count" or not isinstance(count, dict):
        return 0
    if not 2 <= len(count["thing"]) <= 64 or count["ts"] <= 0:
        return 0
    label = label_of(count["ts"])
    for digits in DIGITS:
        key = f"c:{count['thing']}:{label[:digits]}"
        pipe.hincrby(key, label[: digits + 2], count["value"])
    return 1
