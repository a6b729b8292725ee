"""The forms of the pages: which fields they have, and what was typed into them. Pure.

::

    typed(NEW, {"battery_out_id": "3", "driver_id": "9", "odometer_reading": "1o40", ...}, choices)
    -> errors {"driver_id": "Not a valid choice", "odometer_reading": "This field is required."}

A field without a whole number counts as blank, as the original has it; 0 is a number. What the
ledger refuses is told at the field that it is about.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from psd.errors import InputError

REQUIRED = "This field is required."
NO_CHOICE = "Not a valid choice"

NUMBERS = {
    "odometer_reading": "Enter odometer reading",
    "battery_in_energy": "Battery in energy",
    "battery_out_energy": "Battery out energy",
}

CONFIRM = "confirm"
"""What one ticks who means an odometer that went back."""

DIGITS_MAX = 15

_WHOLE = re.compile(rf"[+-]?[0-9]{{1,{DIGITS_MAX}}}", re.ASCII)

_FIELDS = {
    "battery_out": "battery_out_id",
    "battery_in": "battery_in_id",
    "driver": "driver_id",
    "station": "charging_station_id",
    "odometer": "odometer_reading",
}
"""Fields of a message by another name."""

_ABOUT = re.compile(r"(\w+): (.*)", re.DOTALL)


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """A field that is chosen: values with what people call them."""

    name: str
    label: str
    options: Sequence[tuple[int, str]]
    may_be_none: bool = False

    def chosen(self, text: str, *, is_sent_again: bool) -> tuple[int | None, str]:
        """The value, or the error; what was sent before may not be there to choose any more."""
        if is_sent_again and _WHOLE.fullmatch(text):
            return int(text), ""
        if not text:
            return None, "" if self.may_be_none else REQUIRED
        found = next((value for value, _ in self.options if str(value) == text), None)
        return found, "" if found is not None else NO_CHOICE


class FormField(msgspec.Struct, frozen=True, kw_only=True):
    """A field as the page shows it; one without ``options`` is typed, as ``kind`` says."""

    name: str
    label: str
    value: str
    error: str = ""
    kind: str = "number"
    options: Sequence[tuple[str, str]] | None = None
    is_open: bool = False
    """Nothing is chosen before somebody does."""
    is_needed: bool = True


class Typed(msgspec.Struct):
    """What was typed, read: numbers by field, and what is wrong."""

    numbers: dict[str, int | None]
    errors: dict[str, str]


def typed(
    choices: Sequence[Choices], form: Mapping[str, str], *, is_sent_again: bool = False
) -> Typed:
    """Read the choices and the three numbers of a form."""
    numbers: dict[str, int | None] = {}
    errors: dict[str, str] = {}
    for choice in choices:
        text = form.get(choice.name, "").strip()
        numbers[choice.name], error = choice.chosen(text, is_sent_again=is_sent_again)
        if error:
            errors[choice.name] = error
    for name in NUMBERS:
        text = form.get(name, "").strip()
        if _WHOLE.fullmatch(text):
            numbers[name] = int(text)
        else:
            errors[name] = REQUIRED
    return Typed(numbers, errors)


def refused_at(error: InputError, names: Sequence[str]) -> tuple[str, str]:
    """The field of the form that an error is about, and what it says; no field for the whole."""
    found = _ABOUT.match(str(error))
    if found:
        name = _FIELDS.get(found[1], found[1])
        if name in names:
            return name, found[2]
        return "", found[2]
    return "", str(error)


def fields_of(
    choices: Sequence[Choices], values: Mapping[str, str], errors: Mapping[str, str]
) -> list[FormField]:
    """The fields in their order: what is chosen, then what is typed."""
    fields = [
        FormField(
            name=choice.name,
            label=choice.label,
            value=values.get(choice.name, ""),
            error=errors.get(choice.name, ""),
            options=[(str(value), text) for value, text in choice.options],
            is_open=choice.may_be_none and not values.get(choice.name),
            is_needed=not choice.may_be_none,
        )
        for choice in choices
    ]
    fields += [
        FormField(name=name, label=label, value=values.get(name, ""), error=errors.get(name, ""))
        for name, label in NUMBERS.items()
    ]
    return fields
