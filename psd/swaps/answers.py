"""What the ledger answers. All are frozen; times are Unix seconds, objects are ids. Pure.

An ``at`` of a question is the second at whose end everything is told as it was; None is now.
"""

from __future__ import annotations

import msgspec

from psd.swaps.derived import Derived
from psd.swaps.objects import KnownBattery, KnownDriver, KnownStation, KnownVehicle
from psd.swaps.positions import Whereabouts
from psd.swaps.swap_events import AnyEvent, Correction, Numbered, Swap


class Appended(msgspec.Struct, frozen=True):
    """What became of an event: its number, and whether it is new or had been accepted before.

    ``number`` is the id of the object that was registered. ``n`` is 0 where nothing was news.
    """

    n: int
    is_new: bool
    warnings: tuple[str, ...] = ()
    number: int | None = None


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction; of a rejected one ``derived`` is None and ``rejected_by`` its correction."""

    n: int
    root: int
    id: str
    driver: int
    vehicle: int
    station: int
    battery_in: int | None
    battery_out: int | None
    battery_in_energy: int
    battery_out_energy: int
    odometer: int
    second: int
    accepted_s: int
    by: str
    corrects: int | None
    reason: str
    warnings: tuple[str, ...]
    rejected_by: int | None
    derived: Derived | None


class TransactionChain(msgspec.Struct, frozen=True):
    """A transaction, and all that stood for one another, the first one first."""

    transaction: Transaction
    chain: tuple[Transaction, ...]
    live: int
    """Number of the one that counts."""


class TransactionPage(msgspec.Struct, frozen=True):
    """Transactions, newest first; ``before`` goes on behind them, None at the end."""

    data: tuple[Transaction, ...]
    before: str | None


class DriverState(msgspec.Struct, frozen=True):
    """A driver with his vehicle and the battery in it; ``last`` is his newest transaction."""

    driver: KnownDriver
    vehicle: KnownVehicle | None
    battery: KnownBattery | None
    last: int | None


class BatteryState(msgspec.Struct, frozen=True):
    """A battery, where it is and what is in it."""

    battery: KnownBattery
    where: Whereabouts


class StationState(msgspec.Struct, frozen=True):
    """A station, and the batteries that are there, by id."""

    station: KnownStation
    batteries: tuple[BatteryState, ...]


class VehicleState(msgspec.Struct, frozen=True):
    """A vehicle, the battery in it, who swapped it last, and what the odometer showed then."""

    vehicle: KnownVehicle
    odometer: int | None
    battery: int | None
    driver: int | None
    last: int | None


class DriverDay(msgspec.Struct, frozen=True):
    """A day of a driver in a time zone, also one without transactions."""

    day: str
    start: int
    end: int
    distance: int
    energy: int
    efficiency: float
    cumulative_distance: int
    cumulative_energy: int
    transactions: int
    last_transaction: int | None


class StreamedEvent(msgspec.Struct, frozen=True):
    """An event and its number."""

    n: int
    event: AnyEvent


class NetworkState(msgspec.Struct, frozen=True):
    """The newest events, newest first, and how many objects of each kind there are."""

    newest: tuple[StreamedEvent, ...]
    counts: dict[str, int]


class StocktakeCheck(msgspec.Struct, frozen=True):
    """A stocktake against the ledger at its second: ids that only one of the two has."""

    n: int
    station: int
    second: int
    counted: tuple[int, ...]
    missing: tuple[int, ...]
    """The ledger has them at the station, nobody counted them."""
    unexpected: tuple[int, ...]
    """They were counted, and the ledger has them elsewhere."""

    @property
    def agrees(self) -> bool:
        """Whether both have the same."""
        return not self.missing and not self.unexpected


def transaction_of(each: Numbered, rejected_by: int | None, derived: Derived | None) -> Transaction:
    """A transaction as it is told."""
    swap = each.swap
    corrects, reason = (swap.corrects, swap.reason) if isinstance(swap, Correction) else (None, "")
    return Transaction(
        n=each.n,
        root=each.root,
        corrects=corrects,
        reason=reason,
        rejected_by=rejected_by,
        derived=derived,
        **{field: getattr(swap, field) for field in _SAME},
    )


_SAME = [field for field in Swap.__struct_fields__ if field in Transaction.__struct_fields__[2:]]
"""Fields that a transaction has as its event has them."""
