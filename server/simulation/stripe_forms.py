"""How requests to Stripe's API are written, and how it refuses one. Pure.

A body is a form whose names have brackets, and every refusal has the same envelope::

    metadata[user]=u1&items[0][price]=price_1&expand[]=customer
    -> {"metadata": {"user": "u1"}, "items": {"0": {"price": "price_1"}}, "expand": ["customer"]}

    {"error": {"type": "invalid_request_error", "code": "resource_missing", "param": "customer",
               "message": "No such customer: 'cus_7'"}}
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

Form = Mapping[str, Any]

_PARTS = re.compile(r"[^\[\]]+|\[\]")


class StripeRefusalError(Exception):
    """What is answered in place of an object; ``more`` are fields of the envelope beside these."""

    def __init__(
        self,
        status: int,
        kind: str,
        message: str,
        *,
        code: str = "",
        param: str = "",
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error: dict[str, Any] = {"type": kind, "message": message, **(more or {})}
        if code:
            self.error["code"] = code
        if param:
            self.error["param"] = param


def invalid(message: str, param: str = "", code: str = "", status: int = 400) -> StripeRefusalError:
    """A request that breaks a rule."""
    return StripeRefusalError(status, "invalid_request_error", message, code=code, param=param)


def missing(kind: str, id_: str, param: str = "id") -> StripeRefusalError:
    """An object that there is not: 404 where it is asked for, 400 where it is only named."""
    status = 404 if param == "id" else 400
    return invalid(f"No such {kind}: '{id_}'", param, "resource_missing", status)


def nested(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """A form as objects in each other."""
    form: dict[str, Any] = {}
    for name, value in pairs:
        *outer, last = _PARTS.findall(name) or [name]
        if last == "[]":
            *outer, last = outer
            _within(form, outer).setdefault(last, []).append(value)
        else:
            _within(form, outer)[last] = value
    return form


def _within(form: dict[str, Any], path: Iterable[str]) -> dict[str, Any]:
    for part in path:
        inner = form.setdefault(part, {})
        if not isinstance(inner, dict):
            raise invalid(f"Invalid object: {part} has a value and fields", part)
        form = inner
    return form


def known_only(form: Form, names: Iterable[str]) -> None:
    """Refuse what the call does not take, as Stripe does."""
    allowed = {*names, "expand", "metadata"}
    for name in form:
        if name not in allowed:
            raise invalid(f"Received unknown parameter: {name}", name, "parameter_unknown")


def text(form: Form, name: str, otherwise: str | None = None) -> str:
    """A parameter; without one to take ``otherwise`` it must be there."""
    value = form.get(name, otherwise)
    if value is None:
        raise invalid(f"Missing required param: {name}.", name, "parameter_missing")
    if not isinstance(value, str):
        raise invalid(f"Invalid string: {name}", name)
    return value


def whole(form: Form, name: str, least: int = 0, otherwise: int | None = None) -> int:
    """A parameter that is a whole number, and at least so much."""
    value = text(form, name, None if otherwise is None else str(otherwise))
    if not re.fullmatch(r"-?\d{1,18}", value):
        raise invalid(f"Invalid integer: {value}", name, "parameter_invalid_integer")
    if int(value) < least:
        raise invalid(
            f"This value must be greater than or equal to {least}.",
            name,
            "parameter_invalid_integer",
        )
    return int(value)


def switch(form: Form, name: str) -> bool:
    """A parameter that is true or false; false where it is not there."""
    value = text(form, name, "false")
    if value not in {"true", "false"}:
        raise invalid(f"Invalid boolean: {value}", name)
    return value == "true"


def inner(form: Form, name: str) -> Form:
    """A parameter that is an object; empty where it is not there."""
    value = form.get(name, {})
    if not isinstance(value, dict):
        raise invalid(f"Invalid object: {name}", name)
    return value
