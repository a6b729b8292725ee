"""From what is asked of the ledger to what is appended: the rules, on what stands there now.

::

    SwapAsked(driver="D1", battery_out="B2", ...)
    names -> ids -> objects with their versions -> neighbours of the place -> Append

Objects are read before the neighbours, and their versions go along: where one of them was touched
meanwhile, the append is refused and all of this is done again (psd/swaps/ledger.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar, cast

from msgspec import UNSET

from psd.errors import (
    ConflictError,
    InputError,
    OutOfBoundsError,
    TooLateError,
    WrongTypeError,
)
from psd.foreign_texts import shown
from psd.swaps.append import Append, Named
from psd.swaps.appends import append_of, registration_of, versioned
from psd.swaps.around_asks import Ask, before
from psd.swaps.objects import (
    KEY_FIELDS,
    Fields,
    Known,
    KnownBattery,
    KnownDriver,
    KnownStation,
    changed,
    is_of_the_past,
    known_of,
)
from psd.swaps.past_objects import driven_at, objects_at
from psd.swaps.positions import Whereabouts, whereabouts
from psd.swaps.scene import Scene, check_energies
from psd.swaps.settings import SwapsSettings
from psd.swaps.store import SwapsStore
from psd.swaps.swap_events import (
    Numbered,
    Registered,
    Registration,
    Stocktake,
    StocktakeAsked,
    SwapAsked,
    content_of,
)
from psd.swaps.swap_messages import Reference
from psd.swaps.swap_places import SwapPlace, root_of_correction

K = TypeVar("K", bound=Known)

BEHIND_ROOTS = 10**12 - 1
"""The place of what comes now, in its second: behind all that there are."""

CORRECTIONS_MAX = 10_000
"""Of one transaction; whoever follows a longer chain follows a circle."""

Wanted = tuple[str, str, Reference]
"""(field, kind, reference)."""


class Preparing:
    """Reads what a rule needs and makes an append of it. Raises InputError for what is refused."""

    def __init__(self, store: SwapsStore, settings: SwapsSettings) -> None:
        self._store = store
        self._settings = settings

    async def registration(self, asked: Registration) -> Append | int:
        """What registers something or changes it; an id where nothing is news. 3 trips."""
        field = KEY_FIELDS[asked.kind]
        name = asked.fields.get(field)
        number, held = await self._registered(asked, name)
        second = asked.time_s if asked.second is None else asked.second
        fields = {**asked.fields}
        linked = [(f, f, ref) for f in ("station", "vehicle") if (ref := fields.get(f)) is not None]
        for (link, _, _), known in zip(
            linked, await self.known(asked.network, linked), strict=True
        ):
            fields[link] = known.id
        if asked.kind == "driver" and not held:
            fields.setdefault("started", second)
        if held and not await self._is_news(asked, number, held, fields, second):
            return number
        event = Registered(
            id=asked.id,
            digest=asked.digest,
            by=asked.by,
            second=second,
            accepted_s=asked.time_s,
            of=asked.kind,
            number=number,
            fields=fields,
        )
        return registration_of(event, held)

    async def _is_news(
        self,
        asked: Registration,
        number: int,
        held: Mapping[str, str],
        fields: Fields,
        second: int,
    ) -> bool:
        """Whether something is another by these fields, now or as it is told of the past."""
        if changed(held, fields, second):
            return True
        if not is_of_the_past(held, fields, second):
            return False
        named = (asked.kind, number)
        then = (await objects_at(self._store, asked.network, [named], second))[named]
        return any(getattr(then, field) != value for field, value in fields.items())

    async def _registered(
        self, asked: Registration, name: str | None
    ) -> tuple[int, dict[str, str]]:
        """The id of what is registered and what is known of it: of something new the next id."""
        kind, network = asked.kind, asked.network
        found = await self._store.ids_of(network, [(kind, name)] if name is not None else [])
        number = found.get((kind, name or ""))
        if asked.number is not None:
            if number not in (None, asked.number):
                raise ConflictError(
                    f"{KEY_FIELDS[kind]}: {shown(name)} is {kind} {number}, not {asked.number}"
                )
            number = asked.number
        if number is None:
            if name is None:
                raise WrongTypeError(f"{KEY_FIELDS[kind]}: missing; it names the {kind}")
            return await self._store.count(network, kind) + 1, {}
        held = (await self._store.objects(network, [(kind, number)])).get((kind, number))
        if held is None:
            raise OutOfBoundsError(f"number: there is no {kind} {number}")
        return number, held

    async def known(self, network: str, wanted: Sequence[Wanted]) -> list[Known]:
        """Objects by what they are called, by position; raises OutOfBoundsError. 2 trips."""
        names = [(kind, ref) for _, kind, ref in wanted if isinstance(ref, str)]
        ids = await self._store.ids_of(network, names)
        named: list[Named | None] = []
        for _, kind, ref in wanted:
            number = ids.get((kind, ref)) if isinstance(ref, str) else ref
            if number is None and isinstance(ref, str) and ref.isascii() and ref.isdecimal():
                number = int(ref[:15])
            named.append(None if number is None else (kind, number))
        held = await self._store.objects(network, [each for each in named if each])
        found: list[Known] = []
        for (field, kind, ref), each in zip(wanted, named, strict=True):
            if each is None or each not in held:
                raise OutOfBoundsError(f"{field}: {shown(ref)} is no {kind} of {network}")
            found.append(known_of(kind, each[1], held[each]))
        return found

    async def swap(self, asked: SwapAsked) -> Append:
        """A swap or a correction, with the battery that the vehicle carried. 4 to 6 trips."""
        wrong = None if asked.corrects is None else await self._wrong(asked)
        second = asked.second
        if second is None:
            second = asked.time_s if wrong is None else wrong.swap.second
        self._check_age(second, asked.time_s)
        root = 0 if wrong is None else root_of_correction(second, wrong)
        versions = await self._versions(asked.network, wrong)
        scene = await self._scene(asked, SwapPlace(second, root or BEHIND_ROOTS), wrong)
        swap = scene.swap(asked, second, root)
        check_energies(swap, scene)
        if wrong is not None and content_of(swap) == content_of(wrong.swap):
            raise conflict(
                f"corrects: {wrong.n} says the same already; nothing would change",
                live=wrong.n,
                code="unchanged",
            )
        return append_of(swap, wrong, versions | scene.versions())

    async def _wrong(self, asked: SwapAsked) -> Numbered:
        """What is to be corrected; raises ConflictError where something stands for it already."""
        number = asked.corrects or 0
        found = (await self._store.transactions(asked.network, [number])).get(number)
        if found is None:
            raise OutOfBoundsError(f"corrects: {number} is no transaction of {asked.network}")
        live = await self.live(asked.network, number)
        if live != number:
            raise conflict(f"corrects: {number} was corrected already; {live} stands for it", live)
        return found

    async def live(self, network: str, number: int) -> int:
        """What stands for a transaction by now, itself where it was not corrected."""
        for _ in range(CORRECTIONS_MAX):
            following = (await self._store.corrections(network, [number])).get(number)
            if following is None:
                break
            number = following
        return number

    def _check_age(self, second: int, now_s: int) -> None:
        most = self._settings.backdate_max_s
        if most and second < now_s - most:
            raise TooLateError(
                f"date: {second} is {now_s - second} s old; at most {most} s are booked",
                excess_s=now_s - second - most,
            )

    async def _scene(self, asked: SwapAsked, place: SwapPlace, wrong: Numbered | None) -> Scene:
        found = await self._named(asked)
        driver = cast("KnownDriver", found["driver"])
        driven = await driven_at(self._store, asked.network, driver, place.second)
        if driven is None:
            raise InputError(f"driver: {shown(driver.label)} has no vehicle")
        [vehicle] = await self.known(asked.network, [("driver", "vehicle", driven)])
        scene = Scene(driver, vehicle, cast("KnownStation", found["station"]), self._settings)
        without = wrong.n if wrong else 0
        scene.last, scene.carried = await self._neighbours(
            asked.network,
            [
                before("driver", driver.id, place, without),
                before("vehicle", driven, place, without),
            ],
        )
        scene.battery_out = cast("KnownBattery | None", found.get("battery_out"))
        scene.battery_in = cast("KnownBattery | None", found.get("battery_in"))
        carried = scene.carried.swap.battery_out if scene.carried else None
        if asked.battery_in is UNSET and carried is not None:
            [known] = await self.known(asked.network, [("battery_in", "battery", carried)])
            scene.battery_in = cast("KnownBattery", known)
        batteries = [each for each in (scene.battery_in, scene.battery_out) if each]
        scene.where = await self._where(asked.network, batteries, place, without)
        return scene

    async def _named(self, asked: SwapAsked) -> dict[str, Known]:
        """What a swap names, by the field that does. 2 trips."""
        wanted: list[Wanted] = [
            ("driver", "driver", asked.driver),
            ("station", "station", asked.station),
        ]
        for field, ref in (("battery_in", asked.battery_in), ("battery_out", asked.battery_out)):
            if ref is not None and ref is not UNSET:
                wanted.append((field, "battery", ref))
        found = await self.known(asked.network, wanted)
        return {field: known for (field, _, _), known in zip(wanted, found, strict=True)}

    async def _where(
        self, network: str, batteries: Sequence[KnownBattery], place: SwapPlace, without: int
    ) -> dict[int, Whereabouts]:
        """Where batteries are before a place, by id."""
        asks: list[Ask] = []
        for battery in batteries:
            asks += [
                before("battery_in", battery.id, place, without),
                before("battery_out", battery.id, place, without),
            ]
        neighbours = await self._neighbours(network, asks)
        return {
            battery.id: whereabouts(came_in, went_out, battery.station)
            for battery, came_in, went_out in zip(
                batteries, neighbours[::2], neighbours[1::2], strict=True
            )
        }

    async def _versions(self, network: str, wrong: Numbered | None) -> dict[Named, int]:
        """Versions of what a wrong transaction names: it is about these, too."""
        named = versioned(wrong.swap) if wrong else []
        held = await self._store.objects(network, named)
        return {each: int(fields["version"]) for each, fields in held.items()}

    async def _neighbours(self, network: str, asks: Sequence[Ask]) -> list[Numbered | None]:
        return (await self._store.around(network, asks)).found if asks else []

    async def stocktake(self, asked: StocktakeAsked) -> Append:
        """A stocktake of batteries that there are. 3 trips."""
        wanted: list[Wanted] = [("station", "station", asked.station)]
        wanted += [("batteries", "battery", ref) for ref in asked.batteries]
        station, *batteries = await self.known(asked.network, wanted)
        event = Stocktake(
            id=asked.id,
            digest=asked.digest,
            by=asked.by,
            second=asked.time_s if asked.second is None else asked.second,
            accepted_s=asked.time_s,
            station=station.id,
            batteries=tuple(sorted({each.id for each in batteries})),
            note=asked.note,
        )
        return Append(event=event, lists=["stocktakes"])


def conflict(told: str, live: int, code: str = "conflict") -> ConflictError:
    """What stands against a correction, with the number of what is live."""
    error = ConflictError(told)
    error.live, error.code = live, code
    return error
