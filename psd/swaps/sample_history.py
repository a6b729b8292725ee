"""A small network to look at: its objects, a week of swaps, a correction, a stocktake. Pure.

The same arguments give the same messages with the same ids, so that the sample can be sent again::

    [*sample(1_598_918_400, drivers=2, days=1)]
    -> ("station", StationFields(name="Kimironko", ...)), ..., ("swap", SwapFields(id="s-0-0", ...))
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from psd.swaps.swap_messages import (
    BatteryFields,
    BikeFields,
    CorrectionFields,
    DriverFields,
    StationFields,
    StocktakeFields,
    SwapFields,
)

Message = tuple[str, msgspec.Struct]
"""A command, and its fields."""

STATIONS = ("Kimironko", "Nyabugogo", "Remera")
NAMES = ("Ange", "Bosco", "Claudine", "Diane", "Eric", "Fidele", "Grace", "Honore")

DAY_S, HOUR_S = 86_400, 3_600
SWAPS_A_DAY = 3
BATTERIES_A_DRIVER = 3
CAPACITY = 2_000
RIDE_KM, RIDE_ENERGY = 38, 1_350


def sample(start_s: int, drivers: int = 4, days: int = 7, network: str = "") -> Iterator[Message]:
    """Messages in their order, from a second on; a driver swaps three times a day."""
    yield from _objects(start_s, drivers, network)
    for day in range(days):
        for turn in range(SWAPS_A_DAY):
            for driver in range(drivers):
                yield "swap", _swap(start_s, driver, day * SWAPS_A_DAY + turn, network)
    yield (
        "stocktake",
        StocktakeFields(
            network=network,
            id="stocktake-1",
            station=STATIONS[0],
            batteries=[f"B{3 * drivers}"],
            date=start_s + days * DAY_S,
            note="before closing",
        ),
    )


def mistake(number: int, start_s: int, network: str = "") -> CorrectionFields:
    """Somebody typed the odometer of the first driver's second swap wrong, and says so."""
    right = _swap(start_s, 0, 1, network)
    return CorrectionFields(
        **{
            **{name: getattr(right, name) for name in right.__struct_fields__},
            "id": "correction-1",
            "odometer": (right.odometer or 0) + 4,
            "corrects": number,
            "reason": "typing error",
        }
    )


def _objects(start_s: int, drivers: int, network: str) -> Iterator[Message]:
    for name in STATIONS:
        yield "station", StationFields(network=network, name=name, date=start_s)
    for number in range(drivers * BATTERIES_A_DRIVER):
        driver, which = divmod(number, BATTERIES_A_DRIVER)
        yield (
            "battery",
            BatteryFields(
                network=network,
                serial=f"B{number + 1}",
                capacity=CAPACITY,
                voltage=72,
                station=_station(driver, which),
                date=start_s,
            ),
        )
    for number in range(drivers):
        yield "vehicle", BikeFields(network=network, vin=f"RAB {100 + number}", date=start_s)
        yield (
            "driver",
            DriverFields(
                network=network,
                phone=f"+25078800{number:04}",
                name1=NAMES[number % len(NAMES)],
                started=start_s,
                vehicle=f"RAB {100 + number}",
                date=start_s,
            ),
        )


def _station(driver: int, turn: int) -> str:
    """A driver goes to and fro, and the battery that he takes was left there by him before."""
    return STATIONS[(driver + turn % 2) % len(STATIONS)]


def _swap(start_s: int, driver: int, turn: int, network: str) -> SwapFields:
    """A driver's swap number ``turn``: three batteries go round between his two stations."""
    day, part = divmod(turn, SWAPS_A_DAY)
    battery_out = driver * BATTERIES_A_DRIVER + turn % BATTERIES_A_DRIVER + 1
    return SwapFields(
        network=network,
        id=f"swap-{driver}-{turn}",
        driver=f"+25078800{driver:04}",
        station=_station(driver, turn),
        battery_out=f"B{battery_out}",
        battery_in_energy=CAPACITY - RIDE_ENERGY - 10 * (driver + part) if turn else 0,
        battery_out_energy=CAPACITY - 20 * part,
        odometer=1_000 * (driver + 1) + (RIDE_KM + driver) * turn,
        date=start_s + day * DAY_S + (7 + 4 * part) * HOUR_S + 60 * driver,
    )
