"""What came another way than the queue, as the message that the queue would have carried.

A report that ``/v1/write``, ``psd write`` or ``psd import --via direct`` books is archived as ::

    {"command": "metrics", "metrics": [{"thing": "steps", "uid": 1, ...}]}

so that ``psd replay`` reads one kind of thing. The fields are as they were sent. Lists that came
of domains are archived likewise, by their kind's command.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from psd.archive.entries import Entry
from psd.engine.event_fields import MetricFields

_encode = msgspec.json.Encoder().encode


def metrics_entries(now_ms: int, fields: Sequence[MetricFields]) -> Iterator[Entry]:
    """One entry for these accepted metrics, none for none; encoded when it is asked for."""
    return listed_entries(now_ms, "metrics", fields)


def listed_entries(now_ms: int, command: str, fields: Sequence[msgspec.Struct]) -> Iterator[Entry]:
    """One entry for accepted fields under the command that takes a list of them."""
    if fields:
        yield Entry(now_ms, "", _encode({"command": command, command: fields}))
