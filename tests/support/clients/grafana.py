"""The requests of Grafana's data source for Prometheus, and what they should come to.

``tests/golden/grafana_requests.json`` holds the requests. What is expected of each is worked out
here from the plain list of bookings::

    {"kind": "sums", "metric": "steps", "window_s": 60, "by": ["uid"], "among": {"uid": ["1"]}}

is a row for user 1 with, at each instant of the request, the steps whose second ended in the
minute before it. Names are chosen by Python's own regular expressions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec

from psd.config import Thing
from psd.engine.events import Report
from psd.version import VERSION
from tests.support.clients.http import FORM, Answer, HttpClient

GOLDEN = Path(__file__).parents[2] / "golden" / "grafana_requests.json"
SUMS = "psd_sum"
LABELS = ["__name__", "atid", "board", "uid"]


class GrafanaRequest(msgspec.Struct, frozen=True):
    """One request by one of its methods."""

    done: str
    method: str
    path: str
    fields: list[tuple[str, str]]
    status: int
    expect: dict[str, Any]

    @property
    def name(self) -> str:
        """What a test about it is called."""
        words = "-".join(re.findall(r"[a-z0-9$_]+", self.done.lower())[:6])
        return f"{words}-{self.method}-{self.path.removeprefix('/api/v1/')}"

    async def sent(self, client: HttpClient) -> Answer:
        """The answer of a server."""
        encoded = urlencode(self.fields)
        if self.method == "GET":
            return await client.get(f"{self.path}?{encoded}")
        return await client.request("POST", self.path, encoded.encode(), FORM)

    def instants(self) -> list[float]:
        """The instants that are asked for, in seconds."""
        asked = dict(self.fields)
        if "time" in asked:
            return [float(asked["time"])]
        start, end, step = (float(asked[name]) for name in ("start", "end", "step"))
        return [start + place * step for place in range(int((end - start) / step) + 1)]


def grafana_requests() -> Iterator[GrafanaRequest]:
    """Every request of the golden file, once for each of its methods."""
    for step in msgspec.json.decode(GOLDEN.read_bytes())["steps"]:
        for request in step["requests"]:
            for method in request["methods"]:
                yield msgspec.convert(
                    {**request, "done": step["done"], "method": method}, GrafanaRequest
                )


class Expected:
    """What answers have to say about bookings, boards and things."""

    def __init__(
        self,
        events: Sequence[Report],
        boards: Mapping[str, Sequence[int]],
        things: Mapping[str, Thing],
    ) -> None:
        self._events = events
        self._boards = boards
        self._things = things

    def data(self, request: GrafanaRequest) -> Any:
        """The data of the answer to a request that is answered."""
        of = {
            "scalar": self._scalar,
            "sums": self._sums,
            "metrics": self._metrics,
            "labels": self._labels,
            "values": self._values,
            "boards": self._board_names,
            "series": self._series,
            "metadata": self._metadata,
            "build": self._build,
        }
        return of[request.expect["kind"]](request)

    def _scalar(self, request: GrafanaRequest) -> dict[str, Any]:
        return {
            "resultType": "scalar",
            "result": [request.instants()[0], request.expect["value"]],
        }

    def _metrics(self, request: GrafanaRequest) -> list[str]:
        return _like(sorted([*self._things, SUMS]), request.expect["like"])

    def _labels(self, request: GrafanaRequest) -> list[str]:
        has_thing = request.expect["metric"] == SUMS
        return sorted([*LABELS, "thing"] if has_thing else LABELS)

    def _board_names(self, request: GrafanaRequest) -> list[str]:
        return _like(self._boards, request.expect["like"])

    def _build(self, _request: GrafanaRequest) -> dict[str, str]:
        unknown = ("revision", "branch", "buildUser", "buildDate", "goVersion")
        return {"application": "psd", "version": VERSION, **dict.fromkeys(unknown, "")}

    def _chosen(self, expect: Mapping[str, Any], thing: str) -> list[Report]:
        among = expect.get("among", {})
        return [
            event
            for event in self._events
            if event.thing == self._things[thing].id
            and all(str(getattr(event, label)) in values for label, values in among.items())
        ]

    def _values(self, request: GrafanaRequest) -> list[str]:
        expect = request.expect
        chosen = self._chosen(expect, expect["metric"])
        found = {getattr(event, expect["label"]) for event in chosen}
        return _like([str(value) for value in sorted(found)], expect["like"])

    def _series(self, request: GrafanaRequest) -> list[dict[str, str]]:
        expect, metric = request.expect, request.expect["metric"]
        # Users who are named have series of every thing, at 0 where they have nothing.
        named = expect.get("among", {}).get("uid")
        found = []
        for thing in [metric] if metric else sorted(self._things):
            for uid in named or sorted({str(e.uid) for e in self._chosen(expect, thing)}):
                found.append({"__name__": thing, "uid": uid})
                if metric is None:
                    found.append({"__name__": SUMS, "thing": thing, "uid": uid})
        return found

    def _sums(self, request: GrafanaRequest) -> dict[str, Any]:
        expect, instants = request.expect, request.instants()
        rows: dict[tuple[str, ...], list[int]] = {}
        for event in self._chosen(expect, expect["metric"]):
            key = tuple(str(getattr(event, label)) for label in expect["by"])
            row = rows.setdefault(key, [0] * len(instants))
            for place, at in enumerate(instants):
                begins = 0 if expect["window_s"] is None else at - expect["window_s"]
                # A booking counts when its second is over.
                row[place] += event.value if begins < event.ts2 + 1 <= at else 0
        if "top" in expect:
            largest = sorted(rows, key=lambda key: -rows[key][0])[: expect["top"]]
            rows = {key: rows[key] for key in largest}
        name = {"__name__": expect["metric"]} if expect.get("named") else {}
        is_range = "step" in dict(request.fields)
        result = []
        for key, values in rows.items():
            metric = {**name, **dict(zip(expect["by"], key, strict=True))}
            points = [[at, str(value)] for at, value in zip(instants, values, strict=True)]
            told = {"values": points} if is_range else {"value": points[0]}
            result.append({"metric": metric, **told})
        return {"resultType": "matrix" if is_range else "vector", "result": result}

    def _metadata(self, _request: GrafanaRequest) -> dict[str, Any]:
        told = {
            name: [
                {
                    "type": "counter",
                    "help": f"the sum of {name} that were booked",
                    "unit": thing.unit,
                }
            ]
            for name, thing in self._things.items()
        }
        help_ = "the sum of each thing that were booked"
        return {**told, SUMS: [{"type": "counter", "help": help_, "unit": ""}]}


def _like(names: Mapping[str, Any] | Sequence[str], pattern: str) -> list[str]:
    return [name for name in names if re.fullmatch(pattern, name)]
