"""The pages that write: a new transaction at a station, and the correction of one.

::

    POST /transactions/new/1/     form -> swap        302 /index, "Transaction added"
    POST /transactions/edit/12/   form -> correction  302 /index; 302 to the live one's form

A form says what the queue could say, through the one door. What the ledger would refuse is told at
its field, an odometer that goes back is asked for once more, and the address of a form has the id
of what it will say, so that a form that is sent twice says one thing.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from psd.clock import Clock
from psd.domain.web_page import Answer, Moved, Said, Shown, Visit, WebPage
from psd.engine.event_rules import EventRules
from psd.engine.outcomes import Outcome
from psd.errors import ConflictError, ForbiddenError, InputError
from psd.swaps.answers import Transaction
from psd.swaps.asking import AskingRules
from psd.swaps.ledger import Ledger
from psd.swaps.page_tables import date_text, name_of_driver
from psd.swaps.page_views import HOME
from psd.swaps.settings import SwapsSettings
from psd.swaps.swap_forms import CONFIRM, Choices, FormField, fields_of, refused_at, typed
from psd.swaps.swap_messages import CorrectionFields, SwapFields
from psd.times import read
from psd.zones import zone

ADDED = "Transaction added"
STATION = "charging_station_id"
"""A correction that does not say another one is at the same."""

ODOMETER_BACK = "odometer_back"
ID_BYTES = 12
ID_CHARACTERS_MAX = 64


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """A form: at which station, what it corrects, and what may be chosen."""

    title: str
    station: int
    corrects: Transaction | None
    choices: Sequence[Choices]
    values: Mapping[str, str]
    with_more: bool


class PageForms:
    """Writes to one network's ledger; ``rules`` are those of events."""

    def __init__(
        self,
        ledger: Callable[[], Ledger],
        settings: SwapsSettings,
        clock: Clock,
        rules: EventRules,
    ) -> None:
        self._ledger = ledger
        self._settings = settings
        self._clock = clock
        self._rules = rules
        self._asking = AskingRules(settings.network)
        self._tz = zone(settings.tz)

    def pages(self) -> tuple[WebPage, ...]:
        """Those of the original, by its paths."""
        return (
            self._form("/transactions/new/{id}/", self.new),
            self._form("/transactions/edit/{id}/", self.edit),
        )

    def _form(self, path: str, show: Callable[[Visit], Awaitable[Answer | Said]]) -> WebPage:
        asked = ("id", "more", "next")
        return WebPage(path=path, show=show, parameters=asked, scope="write", takes_forms=True)

    async def new(self, visit: Visit) -> Answer | Said:
        """A driver brings a battery to a station and takes another."""
        _check_whole(visit)
        station = await self._ledger().station(visit.path["id"])
        with_more = visit.query.get("more") == "1"
        there = [(each.battery.id, each.battery.serial) for each in station.batteries]
        sheet = Sheet(
            title=f"New Transaction at {station.station.name}",
            station=station.station.id,
            corrects=None,
            choices=(
                Choices(
                    name="battery_out_id",
                    label="Select battery out",
                    options=there,
                    may_be_none=with_more,
                ),
                await self._drivers(),
            ),
            values={},
            with_more=with_more,
        )
        return await self._asked(visit, sheet)

    async def edit(self, visit: Visit) -> Answer | Said:
        """What stands for a transaction that is wrong."""
        _check_whole(visit)
        chain = await self._ledger().transaction(visit.path["id"])
        wrong = chain.transaction
        if chain.live != wrong.n:
            return _to_live(wrong.n, chain.live)
        with_more = visit.query.get("more") == "1"
        return await self._asked(visit, await self._sheet_of(wrong, with_more=with_more))

    async def _sheet_of(self, wrong: Transaction, *, with_more: bool) -> Sheet:
        ledger = self._ledger()
        batteries = [(each.id, each.serial) for each in await ledger.batteries()]
        choices = [
            Choices(
                name="battery_out_id",
                label="Select battery out",
                options=batteries,
                may_be_none=with_more or wrong.battery_out is None,
            ),
            Choices(
                name="battery_in_id",
                label="Select battery in",
                options=batteries,
                may_be_none=with_more or wrong.battery_in is None,
            ),
            await self._drivers(),
        ]
        if with_more:
            stations = [(each.id, each.name) for each in await ledger.stations()]
            choices.append(Choices(name=STATION, label="Select station", options=stations))
        values = {
            "battery_out_id": _text(wrong.battery_out),
            "battery_in_id": _text(wrong.battery_in),
            "driver_id": str(wrong.driver),
            STATION: str(wrong.station),
            "odometer_reading": str(wrong.odometer),
            "battery_in_energy": str(wrong.battery_in_energy),
            "battery_out_energy": str(wrong.battery_out_energy),
            "date": date_text(wrong.second, self._tz) if with_more else "",
        }
        return Sheet(
            title=f"Transaction {wrong.n}",
            station=wrong.station,
            corrects=wrong,
            choices=choices,
            values=values,
            with_more=with_more,
        )

    async def _drivers(self) -> Choices:
        drivers = await self._ledger().drivers()
        options = [(each.id, " ".join(name_of_driver(each).split())) for each in drivers]
        return Choices(name="driver_id", label="Select Driver", options=options)

    async def _asked(self, visit: Visit, sheet: Sheet) -> Answer | Said:
        if visit.form is None:
            return _shown(visit, sheet, sheet.values, {})
        form = {STATION: str(sheet.station), **visit.form}
        known = await self._ledger().number_of(_id_of(visit))
        found = typed(sheet.choices, form, is_sent_again=known is not None)
        errors = dict(found.errors)
        second = self._second(sheet, form, errors)
        if errors:
            return _shown(visit, sheet, form, errors)
        fields = self._fields(visit, sheet, found.numbers, second)

        async def refused(error: InputError) -> Answer:
            return self._refused(visit, sheet, error)

        try:
            warnings = await self._warnings(fields)
        except InputError as error:
            return await refused(error)
        back = next((each for each in warnings if each.startswith(ODOMETER_BACK)), "")
        if back and not form.get(CONFIRM):
            return _shown(visit, sheet, form, {CONFIRM: back.partition(": ")[2]})

        async def booked(_outcome: Outcome) -> Answer:
            return Moved(HOME, ADDED, visit.query.get("next", ""))

        command = "swap" if sheet.corrects is None else "correction"
        return Said(command, fields, booked, refused)

    def _second(self, sheet: Sheet, form: Mapping[str, str], errors: dict[str, str]) -> int | None:
        """When it happened, where that was typed and is not what stood there."""
        text = form.get("date", "").strip()
        if not text or text == sheet.values.get("date"):
            return None
        try:
            return read(text, self._tz, self._clock.now_s())
        except ValueError as exc:
            errors["date"] = str(exc)
            return None

    def _fields(
        self,
        visit: Visit,
        sheet: Sheet,
        numbers: Mapping[str, int | None],
        second: int | None,
    ) -> SwapFields:
        """What the queue would carry."""
        form = visit.form or {}
        said: dict[str, Any] = {
            "network": self._settings.network,
            "id": _id_of(visit) or secrets.token_hex(ID_BYTES),
            "driver": numbers["driver_id"],
            "station": numbers.get(STATION, sheet.station),
            "battery_in": numbers.get("battery_in_id", UNSET),
            "battery_out": numbers["battery_out_id"],
            "battery_in_energy": numbers["battery_in_energy"],
            "battery_out_energy": numbers["battery_out_energy"],
            "odometer": numbers["odometer_reading"],
            "date": second,
            "by": visit.identity.name,
        }
        if sheet.corrects is None:
            return SwapFields(**said)
        reason = form.get("reason", "").strip()
        return CorrectionFields(**said, corrects=sheet.corrects.n, reason=reason)

    async def _warnings(self, fields: SwapFields) -> tuple[str, ...]:
        """What the ledger would warn of; raises what it would refuse."""
        now_s = self._clock.now_s()
        if isinstance(fields, CorrectionFields):
            asked = self._asking.correction(fields, now_s, self._rules)
        else:
            asked = self._asking.swap(fields, now_s, self._rules)
        return (await self._ledger().would_accept(asked)).warnings

    def _refused(self, visit: Visit, sheet: Sheet, error: InputError) -> Answer:
        """The form again, or that of the one that counts by now."""
        wrong = sheet.corrects
        live = error.live if isinstance(error, ConflictError) else None
        if wrong is not None and live is not None and live != wrong.n:
            return _to_live(wrong.n, live)
        names = [choice.name for choice in sheet.choices]
        names += ["odometer_reading", "battery_in_energy", "battery_out_energy", "date"]
        name, told = refused_at(error, names)
        return _shown(visit, sheet, visit.form or {}, {name: told})


def _shown(
    visit: Visit, sheet: Sheet, values: Mapping[str, str], errors: Mapping[str, str]
) -> Shown:
    fields = fields_of(sheet.choices, values, errors)
    if sheet.with_more:
        fields.append(
            FormField(
                name="date",
                label="Date",
                value=values.get("date", ""),
                error=errors.get("date", ""),
                kind="text",
                is_needed=False,
            )
        )
        if sheet.corrects is not None:
            fields.append(
                FormField(
                    name="reason",
                    label="Reason",
                    value=values.get("reason", ""),
                    kind="text",
                    is_needed=False,
                )
            )
    return Shown(
        "form.html",
        {
            "title": sheet.title,
            "fields": fields,
            "with_more": sheet.with_more,
            "confirm": errors.get(CONFIRM, ""),
            "error": errors.get("", ""),
            "id": _id_of(visit) or secrets.token_hex(ID_BYTES),
            "next": visit.query.get("next", ""),
        },
    )


def _id_of(visit: Visit) -> str:
    """What the form is told by when it is sent twice; empty where its address has none."""
    return visit.query.get("id", "")[:ID_CHARACTERS_MAX]


def _to_live(wrong: int, live: int) -> Moved:
    return Moved(
        f"/transactions/edit/{live}/",
        f"Transaction {wrong} was corrected already; this one counts in its place",
    )


def _text(number: int | None) -> str:
    return "" if number is None else str(number)


def _check_whole(visit: Visit) -> None:
    if visit.identity.owners is not None:
        raise ForbiddenError("transactions are entered by those who may see all drivers")
