"""What a server tells about a stream's owners, against the oracle: the reading side of a trial.

Each thing of all owners is one request: ``/v1/query_ids/steps/all/0/4102444800`` with ``ids=8,9``
must answer ``{"8":50,"9":0}`` as their years add up.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections import defaultdict

from psd.engine.events import Report
from psd.store.owner_calls import ONE_SERVER
from tests.chaos.oracle import expected
from tests.chaos.stream import NAMES, Stream

END_S = 4_102_444_800
"""2100-01-01, after every event of a stream."""

ANSWERED_WITHIN_S = 60.0

# Loopback must be asked directly even where the environment names an HTTP proxy.
_HTTP = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def wrong_answers(url: str, stream: Stream) -> list[str]:
    """Sums that the server at ``url`` tells otherwise; raises ``OSError`` while it has none."""
    reports = [event for event in stream.events if isinstance(event, Report)]
    totals: dict[str, int] = defaultdict(int)
    for (key, field), text in expected(reports).items():
        if key.endswith(":y") and field.isdecimal():
            totals[key] += int(text.partition(":")[0])
    things = sorted({report.thing for report in reports})
    uids = sorted({report.uid for report in reports})
    wrong: list[str] = []
    for thing in things:
        told = _ask(url, uids, NAMES[thing])
        wanted = {str(uid): totals[f"{ONE_SERVER.owner_root(uid)}:{thing}:y"] for uid in uids}
        if told != wanted:
            wrong.append(f"the server tells {told} {NAMES[thing]}, expected {wanted}")
    return wrong


def _ask(url: str, uids: list[int], thing: str) -> dict[str, int]:
    form = urllib.parse.urlencode({"ids": ",".join(map(str, uids))}).encode()
    path = f"/v1/query_ids/{thing}/all/0/{END_S}"
    with _HTTP.open(f"{url}{path}", form, ANSWERED_WITHIN_S) as answer:
        told: dict[str, int] = json.loads(answer.read())
    return told
