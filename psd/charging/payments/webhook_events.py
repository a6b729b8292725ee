"""What Stripe's webhooks say, and what follows from each. Pure.

::

    payment_intent.succeeded  amount, customer, id      -> PaymentCame, entry pi/<id>
    payment_method.attached   customer                  -> CardTold, "m:<id>" 1
    payment_method.detached   customer that it had      -> CardTold, "m:<id>" 0
    customer.updated          default_payment_method    -> CardTold, "default"
    charge.refunded           id, refunds               -> RefundsCame, entries ref/<id>
    anything else                                       -> None

A payment without a customer is nobody's here: it is refused, and Stripe sends it again. A payment
of psd's own making says so in its metadata, which tells an automatic top-up from one by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from psd.charging.accounts.customer_accounts import Fact, default_fact, method_fact
from psd.charging.accounts.ledger_entries import LedgerEntry
from psd.charging.sources.stripe_api import StripeRefund
from psd.engine.events import TIME_END_S
from psd.errors import MalformedError, OutOfBoundsError, WrongTypeError

ID_CHARACTERS_MAX = 255
COUNTED = frozenset({"succeeded", "pending", None})
"""Refunds whose money is gone, or on its way; others are none."""


class StripeEvent(msgspec.Struct, frozen=True):
    """An event, as far as it is looked at."""

    id: str
    type: str
    created: int
    data: dict[str, Any]

    @property
    def object(self) -> Mapping[str, Any]:
        """What it is about."""
        return _mapping("data.object", self.data.get("object"))


class PaymentCame(msgspec.Struct, frozen=True):
    """Somebody has paid."""

    stripe_id: str
    entry: LedgerEntry


class CardTold(msgspec.Struct, frozen=True):
    """A card came, went, or is the default."""

    stripe_id: str
    fact: Fact


class RefundsCame(msgspec.Struct, frozen=True):
    """Money went back; ``refunds`` None where Stripe must be asked which."""

    stripe_id: str
    charge: str
    payment_id: str
    created: int
    refunds: Sequence[StripeRefund] | None

    def entries(self, refunds: Sequence[StripeRefund]) -> list[LedgerEntry]:
        """An entry a refund."""
        return [
            LedgerEntry(
                id=f"ref/{each.id}",
                kind="refund",
                cents=-each.amount,
                at_ms=(each.created or self.created) * 1000,
                payment_id=self.payment_id,
            )
            for each in refunds
            if each.status in COUNTED
        ]


Judged = PaymentCame | CardTold | RefundsCame | None


def event_of(body: bytes) -> StripeEvent:
    """An event; raises MalformedError for a body that is none."""
    try:
        event = msgspec.json.decode(body, type=StripeEvent)
    except msgspec.MsgspecError as exc:
        raise MalformedError(f"body: no event of Stripe ({exc})") from exc
    if not 0 < event.created < TIME_END_S:
        raise OutOfBoundsError(f"created: {event.created} is no second from 1970 to 2200")
    return event


def judged(event: StripeEvent, unit: str) -> Judged:
    """What follows from an event; ``unit`` is what accounts count in.

    Raises an InputError where a field is missing, or is not as it must be.
    """
    judge = _JUDGES.get(event.type)
    return judge(event, unit) if judge else None


def _payment(event: StripeEvent, unit: str) -> PaymentCame:
    paid = event.object
    _check_unit(paid, unit)
    metadata = _mapping("metadata", paid.get("metadata") or {})
    is_auto = metadata.get("psd_topup") == "auto"
    id_ = _text(paid, "id")
    entry = LedgerEntry(
        id=f"pi/{id_}",
        kind="topup_auto" if is_auto else "topup_manual",
        cents=_amount(paid, "amount"),
        at_ms=event.created * 1000,
        session=_text(metadata, "session") if is_auto else "",
        payment_id=id_,
        payment_method=_text(paid, "payment_method") if paid.get("payment_method") else "",
    )
    return PaymentCame(_text(paid, "customer"), entry)


def _attached(event: StripeEvent, _unit: str) -> CardTold:
    card = event.object
    fact = method_fact(_text(card, "id"), event.created, is_attached=True)
    return CardTold(_text(card, "customer"), fact)


def _detached(event: StripeEvent, _unit: str) -> CardTold:
    """A card that is gone has no customer any more; the event says whom it had."""
    card = event.object
    before = _mapping("previous_attributes", event.data.get("previous_attributes") or {})
    fact = method_fact(_text(card, "id"), event.created, is_attached=False)
    return CardTold(_text(card if card.get("customer") else before, "customer"), fact)


def _updated(event: StripeEvent, _unit: str) -> CardTold:
    customer = event.object
    settings = _mapping("invoice_settings", customer.get("invoice_settings") or {})
    default = settings.get("default_payment_method")
    method = _text(settings, "default_payment_method") if default else ""
    return CardTold(_text(customer, "id"), default_fact(method, event.created, event.id))


def _refunded(event: StripeEvent, unit: str) -> RefundsCame:
    charge = event.object
    _check_unit(charge, unit)
    listed = charge.get("refunds")
    refunds = None if listed is None else _refunds(_mapping("refunds", listed))
    paid = _text(charge, "payment_intent") if charge.get("payment_intent") else ""
    return RefundsCame(_text(charge, "customer"), _text(charge, "id"), paid, event.created, refunds)


def _refunds(listed: Mapping[str, Any]) -> list[StripeRefund] | None:
    if listed.get("has_more"):
        return None
    try:
        return msgspec.convert(listed.get("data", []), list[StripeRefund])
    except msgspec.ValidationError as exc:
        raise WrongTypeError(f"refunds: {exc}") from exc


_JUDGES: Mapping[str, Callable[[StripeEvent, str], PaymentCame | CardTold | RefundsCame]] = {
    "payment_intent.succeeded": _payment,
    "payment_method.attached": _attached,
    "payment_method.detached": _detached,
    "customer.updated": _updated,
    "charge.refunded": _refunded,
}

KNOWN_TYPES = frozenset(_JUDGES)


def _check_unit(paid: Mapping[str, Any], unit: str) -> None:
    told = paid.get("currency", unit)
    if not isinstance(told, str) or told.lower() != unit.lower():
        raise WrongTypeError(f"currency: {told!r} is not {unit}, which accounts count in")


def _text(of: Mapping[str, Any], field: str) -> str:
    value = of.get(field)
    if not isinstance(value, str) or not 0 < len(value) <= ID_CHARACTERS_MAX:
        raise WrongTypeError(f"{field}: missing, or not a text of 1 to {ID_CHARACTERS_MAX}")
    if not value.isprintable() or " " in value:
        raise WrongTypeError(f"{field}: has blanks or characters that cannot be printed")
    return value


def _amount(of: Mapping[str, Any], field: str) -> int:
    value = of.get(field)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise WrongTypeError(f"{field}: missing, or not a whole number above 0")
    return value


def _mapping(field: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise WrongTypeError(f"{field}: missing, or not an object")
    return value
