"""Bodies of requests that are nearly right: of each kind a good one, of which parts are anything.

``event_body(random.Random(9))`` is a CloudEvent whose id is a text with a sign, whose type is a
number: ``{"id": "+1", "source": "s", "type": 2147483648, "data": {"thing": "steps", ...}}``.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from tests.support.charging.charging_routes import CHARGING_ROUTES
from tests.support.clients.hostile import hostile_body, hostile_json, hostile_text
from tests.support.clients.http import FORM

METRIC = {"thing": "steps", "uid": 1, "atid": 2, "aid": 3, "value": 10, "ts1": 5, "ts2": 9}
ACTIVITY = {"vehicle": 1, "integration": "Tesla", "time": 1644210000, "id": "a", "signals": ["a"]}
EARNINGS = {"vehicle": 1, "thing": "promotions", "points": 5, "time": 1644210000, "id": "a"}
VEHICLE = {
    "vehicle": 1,
    "owner": "a",
    "integrations": ["Tesla"],
    "vin": "A",
    "minted_at": 1644210000,
    "minted": True,
    "opted_in": None,
    "time": "2022-02-07T05:00:00Z",
}
COUNT = {"command": "count", "count": {"thing": "hifive_1", "value": 1, "ts": 5, "id": "a"}}
QUESTION = {"thing": "steps", "uid": ["1"], "start": 0, "end": "2016-04-12", "every": "year"}
BOARD = {"thing": "steps", "uid": None, "around": "1", "span": 2, "compare_to": "5/2016-04-12"}
CONTENT_TYPES = (
    "",
    FORM,
    "application/json",
    "multipart/form-data; boundary=b",
    "multipart/form-data",
    "text/plain; charset=utf-9",
    "application/x-msgpack",
    "application/cloudevents+json",
    "application/cloudevents-batch+json",
    ";;;",
)

DEFINITION = {
    "thing": "steps",
    "window": {"kind": "fixed", "start": 1, "end": 9},
    "rounds": {"windows": [{"start": 1, "end": 5}, {"start": 5, "end": 9}], "order": ["1"]},
    "atid": ["2"],
    "ties": "first_to_reach",
    "members": ["1", 2, -3],
    "title": "t",
}

Body = Callable[[random.Random], bytes]


def no_body(rng: random.Random) -> bytes:
    return b"" if rng.random() < 0.9 else rng.randbytes(20)


def form_body(rng: random.Random) -> bytes:
    """A form of the original's fields, or something that only looks like one."""
    kind = rng.random()
    if kind < 0.1:
        return rng.randbytes(50)
    if kind < 0.2:
        name = hostile_text(rng).encode("utf-8", "replace")
        head = b'--b\r\nContent-Disposition: form-data; name="ids"; x="' + name + b'"\r\n\r\n'
        return head + b"1\r\n--b--"
    fields = {"ids": "1,2", "things": "steps", "offsets": "0,0"}
    for field in rng.sample(sorted(fields), rng.randint(0, 3)):
        fields[field] = ",".join(hostile_text(rng) for _ in range(rng.randint(1, 4)))
    return urlencode(fields, errors="replace").encode()


def write_body(rng: random.Random) -> bytes:
    return hostile_body(rng, METRIC)


def activity_body(rng: random.Random) -> bytes:
    return hostile_body(rng, ACTIVITY)


def earnings_body(rng: random.Random) -> bytes:
    return hostile_body(rng, EARNINGS)


def vehicle_body(rng: random.Random) -> bytes:
    return hostile_body(rng, VEHICLE)


def message_body(rng: random.Random) -> bytes:
    changed = {**METRIC, rng.choice(sorted(METRIC)): hostile_json(rng)}
    message = rng.choice(
        (
            {"command": "metric", "metric": changed},
            {"command": "metrics", "metrics": [changed]},
            {"command": "activity", "activity": {**ACTIVITY, "time": hostile_json(rng)}},
            {"command": "earnings", "earnings": [{**EARNINGS, "points": hostile_json(rng)}]},
            {"command": "vehicle", "vehicle": {**VEHICLE, "owner": hostile_json(rng)}},
            COUNT,
        )
    )
    return hostile_body(rng, message)


def event_body(rng: random.Random) -> bytes:
    """A message, a metric, or a CloudEvent; sometimes several of them."""
    cloud = {"specversion": "1.0", "id": "1", "source": "s", "type": "psd.metric", "data": METRIC}
    bodies = [
        message_body(rng),
        write_body(rng),
        hostile_body(rng, {**cloud, rng.choice(sorted(cloud)): hostile_json(rng)}),
        hostile_body(
            rng, {"command": "withdraw", "withdraw": {"uid": 1, "aid": hostile_json(rng)}}
        ),
    ]
    chosen = rng.sample(bodies, rng.randint(1, 3))
    return rng.choice((chosen[0], b"\n".join(chosen), b"[" + b",".join(chosen) + b"]"))


def note_body(rng: random.Random) -> bytes:
    return b"" if rng.random() < 0.5 else hostile_body(rng, {"note": "counted twice"})


def question_body(rng: random.Random) -> bytes:
    return hostile_body(rng, {**QUESTION, rng.choice(sorted(QUESTION)): hostile_json(rng)})


def board_body(rng: random.Random) -> bytes:
    return hostile_body(rng, {**BOARD, rng.choice(sorted(BOARD)): hostile_json(rng)})


def definition_body(rng: random.Random) -> bytes:
    return hostile_body(rng, {**DEFINITION, rng.choice(sorted(DEFINITION)): hostile_json(rng)})


def members_body(rng: random.Random) -> bytes:
    """Those who come and go, or a CSV of the ones who come."""
    if rng.random() < 0.2:
        return b"uid\n" + hostile_text(rng).encode("utf-8", "replace")
    return hostile_body(rng, {"add": ["1", 2, hostile_json(rng)], "remove": [3]})


def final_body(rng: random.Random) -> bytes:
    return b"" if rng.random() < 0.5 else hostile_body(rng, {"as_of": 9, "replace": True})


def operations_body(rng: random.Random) -> bytes:
    """What an operator orders: letters, an audit, a token, or an import that is taken back."""
    some: dict[str, Any] = rng.choice(
        (
            {"ids": ["0f2a6c3b1d4e5f60"], "all": False},
            {"uid": 1, "repair": False, "rate": 100.0},
            {"name": "amp", "scopes": ["read"], "owners": [7], "expires": "2030-01-01"},
            {"dry_run": True},
        )
    )
    return hostile_body(rng, {**some, rng.choice(sorted(some)): hostile_json(rng)})


def promql_body(rng: random.Random) -> bytes:
    """A form with an expression, one of whose fields is anything."""
    fields = {"query": 'increase(steps{uid="1"}[1h])', "start": "0", "end": "9", "step": "1"}
    fields |= {"match[]": 'steps{board!=""}', "limit": "5", "time": "4"}
    fields[rng.choice(sorted(fields))] = hostile_text(rng)
    return urlencode(fields, errors="replace").encode()


def swap_body(rng: random.Random) -> bytes:
    """A transaction or an object, one of whose fields is anything."""
    fields = {"driver": "D1", "station": 1, "battery_in": None, "battery_out": "B1", "odometer": 1}
    fields |= {"battery_out_energy": 9, "serial": "B1", "name": "S1", "phone": "D1", "vin": "V1"}
    some = rng.sample(sorted(fields), rng.randint(1, len(fields)))
    said = {name: fields[name] for name in some}
    return hostile_body(rng, {**said, rng.choice(sorted(fields)): hostile_json(rng)})


def charging_body(rng: random.Random) -> bytes:
    """A wish of a customer, or what is set of plugs: one field of it is anything."""
    fields: dict[str, Any] = {}
    for route in CHARGING_ROUTES.values():
        fields |= route.body or {}
    some = {name: fields[name] for name in rng.sample(sorted(fields), rng.randint(1, 4))}
    return hostile_body(rng, {**some, rng.choice(sorted(fields)): hostile_json(rng)})


def described_body(rng: random.Random) -> bytes:
    """What a meter is said to be, a plan, or prices: one field of it is anything."""
    fields: dict[str, Any] = {
        "tz": "Europe/London",
        "digits": 5,
        "max_kw": "14",
        "currency": "GBP",
        "rates": [{"name": "base", "rate": rng.choice(["0.2", "-1", 10**9, None])}],
        "start": rng.randint(1, 2_000_000_000),
        "every_s": rng.choice([0, 60, 1800]),
        "values": [rng.choice([1, "0.2", "1e400", None])],
    }
    some = {name: fields[name] for name in rng.sample(sorted(fields), rng.randint(1, 5))}
    return hostile_body(rng, {**some, rng.choice(sorted(fields)): hostile_json(rng)})


def meter_file_body(rng: random.Random) -> bytes:
    """A file of a meter, of which something is anything: rows, JSON or XML."""
    row = f"{rng.randint(0, 2_000_000_000)},{rng.choice(['0.25', '-1', 'NaN', '1e999', ''])}"
    document = {"results": [{"consumption": 0.1, "interval_start": "2026-01-01T00:00:00Z"}]}
    return rng.choice(
        (
            f"{row}\n{row}\n".encode(),
            hostile_body(rng, {**document, rng.choice(["results", "x"]): hostile_json(rng)}),
            b"<feed xmlns='http://www.w3.org/2005/Atom'><entry>" + rng.randbytes(20) + b"</entry>",
            b"<!DOCTYPE a [<!ENTITY b 'c'>]><feed>&b;</feed>",
            hostile_text(rng).encode("utf-8", "surrogatepass"),
        )
    )


def readings_body(rng: random.Random) -> bytes:
    at_s = rng.randint(1, 2_000_000_000)
    fields: dict[str, Any] = {
        "meter": rng.choice(["m-1", "", "m" * 129]),
        "unit": rng.choice(["kW", "kWh", "therms"]),
        "flow": rng.choice(["import", "export", "away"]),
        "register": rng.randint(-1, 16),
        "points": [[at_s, "0.5"], [at_s + 900, rng.choice([1, "1e400", -3])]],
        "rows": [[at_s, at_s + rng.choice([-1, 1800]), "0.21", "estimated"]],
    }
    command = rng.choice(["power", "register", "intervals"])
    some = rng.sample(sorted(fields), rng.randint(1, len(fields)))
    said = {name: fields[name] for name in some}
    return hostile_body(rng, {"command": command, command: said, "what": hostile_json(rng)})
