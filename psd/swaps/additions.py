"""What is added over HTTP one by one: transactions, corrections, and objects.

Each is one command (psd/swaps/swap_messages.py), with the network of the path and whoever sends it.
What it came to is read from the stream, so that a request that is sent again with its ``id`` is
answered as at first::

    POST /v3/swaps/main/transactions                -> 201 {"n":5,"warnings":[],"transaction":{...}}
    POST /v3/swaps/main/transactions/5/corrections  -> 201 {"n":8,...}
    PUT  /v3/swaps/main/batteries/3                 -> 200 {"id":3,"n":9}
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import msgspec

from psd.domain.deed import Done
from psd.domain.question import Asked
from psd.engine.events import Accepted
from psd.engine.outcomes import Outcome
from psd.errors import NotFoundError
from psd.swaps.ledger import Ledger
from psd.swaps.ledger_rows import TransactionRow, transaction_row
from psd.swaps.objects import KEY_FIELDS
from psd.swaps.settings import NETWORK
from psd.swaps.swap_events import Registered, Registration, SwapAsked
from psd.swaps.swap_messages import (
    BatteryFields,
    BikeFields,
    CorrectionFields,
    DriverFields,
    StationFields,
    SwapFields,
)

LedgerOf = Callable[[str], Ledger]

ObjectFields = StationFields | BatteryFields | BikeFields | DriverFields

FIELDS_OF: dict[str, type[ObjectFields]] = {
    "station": StationFields,
    "battery": BatteryFields,
    "vehicle": BikeFields,
    "driver": DriverFields,
}


class AddedTransaction(msgspec.Struct, frozen=True):
    """The number of what was added, what was noticed, and what follows from it."""

    n: int
    warnings: list[str]
    transaction: TransactionRow


class AddedObject(msgspec.Struct, frozen=True):
    """The id of an object, and the number of the event that says it; null where nothing was new."""

    id: int
    n: int | None


class Additions:
    """Makes commands of bodies, and tells what became of them."""

    def __init__(self, ledger_of: LedgerOf) -> None:
        self._ledger_of = ledger_of

    async def swap(self, asked: Asked) -> SwapFields:
        """A transaction as a message has it."""
        return SwapFields(**self._common(asked), **_said(asked.query))

    async def correction(self, asked: Asked) -> CorrectionFields:
        """A correction as a message has it; raises NotFoundError for no transaction."""
        corrects = asked.path["n"]
        await self._ledger(asked).transaction(corrects)
        return CorrectionFields(**self._common(asked), **_said(asked.query), corrects=corrects)

    async def transaction(self, asked: Asked, accepted: Accepted, outcome: Outcome) -> Done:
        """The transaction that was added, or had been."""
        assert isinstance(accepted, SwapAsked)
        ledger = self._ledger(asked)
        n = await ledger.number_of(accepted.id)
        assert n is not None, "it was appended"
        found = (await ledger.transaction(n)).transaction
        told = AddedTransaction(n, list(found.warnings), transaction_row(found))
        return Done(told, outcome.status == "booked")

    def new(self, kind: str) -> Callable[[Asked], Any]:
        """Makes a registration of a kind of object."""

        async def fields(asked: Asked) -> ObjectFields:
            return FIELDS_OF[kind](**self._common(asked), **_said(asked.query))

        return fields

    def changed(self, kind: str) -> Callable[[Asked], Any]:
        """Makes a registration of an object that there is; raises NotFoundError."""

        async def fields(asked: Asked) -> ObjectFields:
            ledger = self._ledger(asked)
            number = await ledger.find(kind, asked.path["id"])
            if not await ledger.labels([(kind, number)]):
                raise NotFoundError(f"{kind}: there is no {kind} {number} in {ledger.network}")
            return FIELDS_OF[kind](**self._common(asked), **_said(asked.query), number=number)

        return fields

    async def registered(self, asked: Asked, accepted: Accepted, outcome: Outcome) -> Done:
        """The object that was registered, or had been."""
        assert isinstance(accepted, Registration)
        ledger = self._ledger(asked)
        n = await ledger.number_of(accepted.id)
        if n is None:
            reference = accepted.number or accepted.fields[KEY_FIELDS[accepted.kind]]
            return Done(AddedObject(await ledger.find(accepted.kind, reference), None), False)
        [found] = await ledger.events(n - 1, 1)
        assert isinstance(found.event, Registered)
        is_new = outcome.status == "booked" and accepted.number is None
        return Done(AddedObject(found.event.number, n), is_new)

    def _ledger(self, asked: Asked) -> Ledger:
        return self._ledger_of(asked.path["network"])

    def _common(self, asked: Asked) -> dict[str, Any]:
        """Of every command: where, by whom, and under which id it is added once."""
        network = asked.path["network"]
        if not NETWORK.fullmatch(network):
            raise NotFoundError("network: a name is 1 to 64 of a-z 0-9 . _ -")
        id_ = asked.query.id or uuid.uuid4().hex
        return {"network": network, "id": id_, "by": asked.identity.who}


def _said(body: msgspec.Struct) -> dict[str, Any]:
    """The fields of a body that its command has too."""
    names = [name for name in body.__struct_fields__ if name != "id"]
    return {name: getattr(body, name) for name in names}
