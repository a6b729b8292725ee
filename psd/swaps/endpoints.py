"""What the swaps answer and take over HTTP, and what is said of it in the reference."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import msgspec

from psd.domain.deed import Deed
from psd.domain.question import Asked, Endpoint, Watchable
from psd.swaps import ledger_rows as shown
from psd.swaps import requests
from psd.swaps.additions import AddedObject, AddedTransaction, Additions
from psd.swaps.battery_history import ShownBattery
from psd.swaps.questions import SwapsQuestions

ROOT = "/v3/swaps/{network}"

_ONE_TRANSACTION = (
    '{"n":12,"date":"2020-09-01T15:00:00Z","driver":1,...,"odometer":1040,"last":9,'
    '"ride_distance":40,"energy_used":60,"efficiency":0.67,"charge_amount":null,"corrects":10,...}'
)


def endpoints(questions: SwapsQuestions) -> list[Endpoint]:
    """All questions."""
    return [
        network(questions),
        *_of_drivers(questions),
        *_of_places(questions),
        Endpoint(
            path=f"{ROOT}/transactions/{{n}}",
            parts={"n": requests.Number},
            answer=shown.ShownChain,
            ask=questions.transaction,
            meaning="the transaction",
            example=(
                "/v3/swaps/main/transactions/10",
                '{"transaction":{"n":10,...,"rejected_by":12,...},"chain":[...],"live":12}',
            ),
            refused=(404, 406),
        ),
        Endpoint(
            path=f"{ROOT}/events",
            query=requests.EventsQuery,
            answer=shown.EventRows,
            ask=questions.events,
            meaning="some events",
            details="Whoever asks again with `next` as `after` has each event once, in order.",
            example=(
                "/v3/swaps/main/events?after=8&limit=1",
                '{"data":[{"n":9,"kind":"swap",...}],"next":9}',
            ),
            refused=(404, 406),
            whole=True,
        ),
    ]


def network(questions: SwapsQuestions) -> Endpoint:
    """The question about a whole network."""
    return Endpoint(
        path=ROOT,
        query=requests.NetworkQuery,
        answer=shown.ShownNetwork,
        ask=questions.network,
        meaning="the network",
        example=(
            "/v3/swaps/main?limit=1",
            '{"network":"main","n":12,"stations":2,...,"newest":[{"n":12,"kind":"correction",...}]}',
        ),
        refused=(404, 406),
        whole=True,
    )


def watchables(questions: SwapsQuestions) -> list[Watchable]:
    """All that may be watched."""
    return [Watchable(endpoint=network(questions), event="network", versioned=questions.versioned)]


def _of_drivers(questions: SwapsQuestions) -> list[Endpoint]:
    one = f"{ROOT}/drivers/{{id}}"
    return [
        _objects("drivers", shown.DriverRows, questions.drivers, '"id":1,"phone":"D1",...'),
        _one(one, "the driver", shown.DriverRow, questions.driver, '"id":1,"phone":"D1",...'),
        Endpoint(
            path=f"{one}/days",
            query=requests.DaysQuery,
            answer=shown.DayRows,
            ask=questions.days,
            meaning="the days",
            details="Whole days of `tz`, empty ones too; up to today unless an end is given.",
            example=(
                "/v3/swaps/main/drivers/1/days?tz=Africa/Kigali",
                '{"tz":"Africa/Kigali","data":[{"day":"2020-09-01",...,"ride_distance":40,'
                '"energy_used":60,...,"transactions":2,"last_transaction":12},...]}',
            ),
            refused=(404, 406, 410, 422),
        ),
        _transactions(one, questions.driver_transactions),
    ]


def _of_places(questions: SwapsQuestions) -> list[Endpoint]:
    station, battery = f"{ROOT}/stations/{{id}}", f"{ROOT}/batteries/{{id}}"
    whole = partial(msgspec.structs.replace, whole=True)
    of_battery = '"id":1,"serial":"B1",...,"station":1,...,"energy":120,...'
    found = [
        _objects("stations", shown.StationRows, questions.stations, '"id":1,"name":"S1",...'),
        _one(
            station,
            "the station",
            shown.ShownStation,
            questions.station,
            '"station":{"id":1,...},"data":[...]',
        ),
        _transactions(station, questions.station_transactions),
        _objects("batteries", shown.BatteryRows, questions.batteries, of_battery),
        _one(
            battery,
            "the battery",
            ShownBattery,
            questions.battery,
            f'{of_battery},"history":[{{"n":12,...,"owner":"S1",...,"energy":120,"distance":40,...}},...]',
        ),
        _transactions(battery, questions.battery_transactions),
        _one(
            f"{ROOT}/vehicles/{{id}}",
            "the vehicle",
            shown.ShownVehicle,
            questions.vehicle,
            '"id":1,"vin":"V1","odometer":1100,"battery":3,"driver":1,"last":11',
        ),
    ]
    return [whole(each) for each in found]


Ask = Callable[[Asked], Awaitable[msgspec.Struct]]


def _objects(name: str, answer: type[msgspec.Struct], ask: Ask, row: str) -> Endpoint:
    """A listing of objects."""
    return Endpoint(
        path=f"{ROOT}/{name}",
        query=requests.ObjectsQuery,
        answer=answer,
        ask=ask,
        meaning="a part of them",
        example=(f"/v3/swaps/main/{name}", f'{{"data":[{{{row}}},...],"next":null}}'),
        refused=(404, 406),
    )


def _one(path: str, meaning: str, answer: type[msgspec.Struct], ask: Ask, told: str) -> Endpoint:
    """One object."""
    asked = path.replace("{network}", "main").replace("{id}", "1")
    return Endpoint(
        path=path,
        query=requests.AtQuery,
        answer=answer,
        ask=ask,
        meaning=meaning,
        example=(f"{asked}?at=2020-09-02T12:00:00Z", f"{{{told}}}"),
        refused=(404, 406),
    )


def _transactions(path: str, ask: Ask) -> Endpoint:
    """The transactions of one object."""
    asked = path.replace("{network}", "main").replace("{id}", "1")
    return Endpoint(
        path=f"{path}/transactions",
        query=requests.TransactionsQuery,
        answer=shown.TransactionRows,
        ask=ask,
        meaning="a part of them",
        example=(
            f"{asked}/transactions?limit=1&at=2020-09-01T23:00:00Z",
            f'{{"data":[{_ONE_TRANSACTION}],"next":"1598972400..."}}',
        ),
        refused=(404, 406),
    )


def deeds(additions: Additions) -> list[Deed]:
    """All that is added."""
    return [
        Deed(
            path=f"{ROOT}/transactions",
            command="swap",
            body=requests.SwapBody,
            answer=AddedTransaction,
            fields=additions.swap,
            told=additions.transaction,
            summary="Add a transaction.",
            meaning="the transaction",
            sent='{"driver":"D1","station":"S1","battery_out":"B1","battery_in_energy":0,'
            '"battery_out_energy":180,"odometer":1000,"date":"2020-09-01T09:00:00Z","id":"first"}',
            example=(
                "/v3/swaps/main/transactions",
                '{"n":9,"warnings":[],"transaction":{"n":9,...}}',
            ),
            refused=(404, 409),
        ),
        Deed(
            path=f"{ROOT}/transactions/{{n}}/corrections",
            parts={"n": requests.Number},
            command="correction",
            body=requests.CorrectionBody,
            answer=AddedTransaction,
            fields=additions.correction,
            told=additions.transaction,
            summary="Correct a transaction.",
            meaning="the correction",
            details="409 tells which one is live, or that nothing would change.",
            sent='{"driver":"D1","station":"S1","battery_in":"B1","battery_out":"B2",'
            '"battery_in_energy":120,"battery_out_energy":190,"odometer":1040,"id":"right",'
            '"reason":"a zero too many"}',
            example=(
                "/v3/swaps/main/transactions/10/corrections",
                f'{{"n":12,"warnings":[],"transaction":{_ONE_TRANSACTION}}}',
            ),
            refused=(404, 409),
        ),
        *_of_objects(additions),
    ]


BODIES: dict[str, tuple[str, type[msgspec.Struct], str, str]] = {
    "station": ("station", requests.StationBody, "stations", '{"name":"S1"}'),
    "battery": (
        "battery",
        requests.BatteryBody,
        "batteries",
        '{"serial":"B1","capacity":200,"station":"S1"}',
    ),
    "vehicle": ("vehicle", requests.BikeBody, "vehicles", '{"vin":"V1"}'),
    "driver": (
        "driver",
        requests.DriverBody,
        "drivers",
        '{"phone":"D1","name1":"Ann","started":"2020-09-01T08:00:00Z","vehicle":"V1"}',
    ),
}
"""Of each kind: its command, its body, its place in a path, and an example."""


def _of_objects(additions: Additions) -> list[Deed]:
    found: list[Deed] = []
    for kind, (command, body, plural, sent) in BODIES.items():
        same: dict[str, Any] = {
            "command": command,
            "body": body,
            "answer": AddedObject,
            "told": additions.registered,
            "meaning": f"the {kind}",
            "sent": sent,
            "refused": (404, 409),
        }
        asked = f"/v3/swaps/main/{plural}"
        found.append(
            Deed(
                path=f"{ROOT}/{plural}",
                fields=additions.new(kind),
                summary=f"Register a {kind}.",
                example=(asked, '{"id":1,"n":...}'),
                **same,
            )
        )
        found.append(
            Deed(
                method="PUT",
                path=f"{ROOT}/{plural}/{{id}}",
                fields=additions.changed(kind),
                summary=f"Change a {kind}; what is not said stays.",
                example=(f"{asked}/1", '{"id":1,"n":...}'),
                **same,
            )
        )
    return found
