"""Payments of a Stripe account: intents, charges, refunds, and the pages that a person pays on.

A card that is declined leaves its intent at ``requires_payment_method`` and answers 402 with the
intent in the envelope::

    intents.create({..., "payment_method": "pm_4", "off_session": "true", "confirm": "true"})
        402 {"error": {"type": "card_error", "code": "card_declined",
                       "decline_code": "generic_decline", "payment_intent": {...}}}
    payment_intent.created, charge.failed, payment_intent.payment_failed
"""

from __future__ import annotations

from typing import Any

import msgspec

from server.simulation.stripe_cards import Decline, declined
from server.simulation.stripe_forms import Form, inner, invalid, known_only, switch, text, whole
from server.simulation.stripe_objects import StripeObject, StripeObjects

INTENT_FIELDS = (
    *("amount", "currency", "customer", "payment_method", "off_session", "confirm"),
    *(
        "description",
        "payment_method_types",
        "automatic_payment_methods",
        "error_on_requires_action",
    ),
)
SESSION_FIELDS = (
    *("mode", "customer", "currency", "line_items", "success_url", "cancel_url", "return_url"),
    *("client_reference_id", "payment_method_types", "payment_intent_data", "configuration"),
)
AMOUNT_LEAST = 50
"""Minor units: Stripe charges no less."""


class CreditLine(msgspec.Struct, frozen=True):
    """What a page of Checkout sells: so many units at least, and so many where nobody says."""

    unit_amount: int
    quantity: int
    least: int


OPEN = {"requires_payment_method", "requires_confirmation", "requires_action"}


class StripePayments:
    """Calls about money; ``pages`` is where hosted pages are, as customers' browsers reach it."""

    def __init__(self, objects: StripeObjects) -> None:
        self._objects = objects
        self._lines: dict[str, CreditLine] = {}
        self.pages = ""

    def create_intent(self, form: Form) -> StripeObject:
        """POST /v1/payment_intents."""
        known_only(form, INTENT_FIELDS)
        amount, currency = whole(form, "amount", AMOUNT_LEAST), text(form, "currency").lower()
        customer = text(form, "customer", "") or None
        if customer is not None:
            self._objects.get("customer", customer, "customer")
        confirms, is_off = switch(form, "confirm"), switch(form, "off_session")
        if is_off and not confirms:
            raise invalid("`off_session` can only be used with `confirm` set to true.")
        method = self._method(customer, text(form, "payment_method", ""))
        made = self._intent(amount, currency, customer, dict(inner(form, "metadata")))
        made["payment_method"] = method and method["id"]
        made["status"] = "requires_confirmation" if method else "requires_payment_method"
        self._objects.tell("payment_intent.created", made)
        return self._confirmed(made, is_off) if confirms else made

    def confirm(self, id_: str, form: Form) -> StripeObject:
        """POST /v1/payment_intents/{id}/confirm, with another method or the one that it has."""
        known_only(form, ("payment_method", "off_session", "return_url"))
        held = self._objects.get("payment_intent", id_)
        if held["status"] not in OPEN:
            raise self._unexpected(held, "confirm")
        method = self._method(held["customer"], text(form, "payment_method", ""))
        if method is not None:
            held["payment_method"] = method["id"]
        return self._confirmed(held, switch(form, "off_session"))

    def cancel(self, id_: str) -> StripeObject:
        """POST /v1/payment_intents/{id}/cancel."""
        held = self._objects.get("payment_intent", id_)
        if held["status"] not in OPEN:
            raise self._unexpected(held, "cancel")
        held["status"] = "canceled"
        self._objects.tell("payment_intent.canceled", held)
        return held

    def refund(self, form: Form) -> StripeObject:
        """POST /v1/refunds: all that is left of a payment, or so much of it."""
        known_only(form, ("payment_intent", "charge", "amount", "reason"))
        charge = self._charge(form)
        left = charge["amount"] - charge["amount_refunded"]
        amount = whole(form, "amount", 1, left or 1)
        if amount > left:
            raise invalid(
                f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})",
                "amount",
                "charge_already_refunded" if not left else "",
            )
        made = self._objects.make(
            "refund",
            "re",
            {
                "amount": amount,
                "charge": charge["id"],
                "currency": charge["currency"],
                "payment_intent": charge["payment_intent"],
                "status": "succeeded",
                "reason": form.get("reason"),
                "metadata": dict(inner(form, "metadata")),
            },
        )
        before = charge["amount_refunded"]
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]
        self._objects.tell("charge.refunded", charge, amount_refunded=before)
        return made

    def open_checkout(self, form: Form) -> StripeObject:
        """POST /v1/checkout/sessions, mode payment."""
        known_only(form, SESSION_FIELDS)
        if text(form, "mode") != "payment":
            raise invalid("Only mode payment is simulated.", "mode")
        customer = self._objects.get("customer", text(form, "customer"), "customer")
        [item] = inner(form, "line_items").values() or [{}]
        price = self._objects.get("price", text(item, "price"), "line_items[0][price]")
        quantity, adjusts = whole(item, "quantity", 1), inner(item, "adjustable_quantity")
        least = whole(adjusts, "minimum", 0, 0)
        if quantity < least:
            raise invalid("quantity is below its minimum", "line_items[0][quantity]")
        made = self._session("checkout.session", "cs_test", text(form, "success_url"), customer)
        made.update(
            mode="payment",
            status="open",
            payment_status="unpaid",
            currency=price["currency"],
            amount_total=price["unit_amount"] * quantity,
            payment_intent=None,
        )
        made["url"] = f"{self.pages}/c/pay/{made['id']}"
        self._lines[made["id"]] = CreditLine(price["unit_amount"], quantity, least)
        return made

    def open_portal(self, form: Form) -> StripeObject:
        """POST /v1/billing_portal/sessions."""
        known_only(form, SESSION_FIELDS)
        customer = self._objects.get("customer", text(form, "customer"), "customer")
        back = text(form, "return_url", "")
        made = self._session("billing_portal.session", "bps", back, customer)
        made["url"] = f"{self.pages}/p/session/{made['id']}"
        return made

    def pay(self, id_: str, card: str, quantity: int | None = None) -> StripeObject:
        """What a person does on the page of Checkout; raises StripeRefusalError for a decline."""
        held = self._objects.get("checkout.session", id_)
        if held["status"] != "open":
            raise invalid("This Checkout Session is not open any more.")
        line = self._lines[id_]
        number = line.quantity if quantity is None else quantity
        if number < max(line.least, 1):
            raise invalid(f"quantity is at least {line.least}", "quantity")
        held["amount_total"] = line.unit_amount * number
        method = self._objects.method(card)
        made = self._intent(held["amount_total"], held["currency"], held["customer"], {})
        made["payment_method"] = method["id"]
        self._objects.tell("payment_intent.created", made)
        self._confirmed(made, is_off=False)
        held.update(status="complete", payment_status="paid", payment_intent=made["id"])
        self._objects.tell("checkout.session.completed", held)
        return held

    def _session(self, kind: str, prefix: str, back: str, customer: StripeObject) -> StripeObject:
        fields = {"customer": customer["id"], "return_url": back, "success_url": back}
        return self._objects.make(kind, prefix, fields)

    def _intent(
        self, amount: int, currency: str, customer: str | None, metadata: dict[str, Any]
    ) -> StripeObject:
        return self._objects.make(
            "payment_intent",
            "pi",
            {
                "amount": amount,
                "amount_received": 0,
                "currency": currency,
                "customer": customer,
                "payment_method": None,
                "status": "requires_payment_method",
                "metadata": metadata,
                "last_payment_error": None,
                "latest_charge": None,
            },
        )

    def _method(self, customer: str | None, id_: str) -> StripeObject | None:
        if not id_:
            return None
        held = self._objects.method(id_, "payment_method")
        return self._objects.owned_method(customer, held["id"]) if customer else held

    def _confirmed(self, intent: StripeObject, is_off: bool) -> StripeObject:
        if intent["payment_method"] is None:
            raise invalid(
                "You cannot confirm this PaymentIntent because it's missing a payment method.",
                code="payment_intent_unexpected_state",
            )
        method = self._objects.get("payment_method", intent["payment_method"])
        decline = self._objects.card_of(method).decline
        if decline is not None and (is_off or decline.code != "authentication_required"):
            raise self._declined(intent, decline)
        charge = self._charged(intent, "succeeded")
        intent.update(status="succeeded", amount_received=intent["amount"], last_payment_error=None)
        intent["latest_charge"] = charge["id"]
        self._objects.tell("charge.succeeded", charge)
        self._objects.tell("payment_intent.succeeded", intent)
        return intent

    def _declined(self, intent: StripeObject, decline: Decline) -> Exception:
        charge = self._charged(intent, "failed")
        refusal = declined(decline, charge["id"])
        intent.update(
            status="requires_payment_method",
            payment_method=None,
            latest_charge=charge["id"],
            last_payment_error=dict(refusal.error),
        )
        self._objects.tell("charge.failed", charge)
        self._objects.tell("payment_intent.payment_failed", intent)
        return declined(decline, charge["id"], {"payment_intent": dict(intent)})

    def _charged(self, intent: StripeObject, status: str) -> StripeObject:
        taken = {name: intent[name] for name in ("amount", "currency", "customer")}
        return self._objects.make(
            "charge",
            "ch",
            {
                **taken,
                "amount_refunded": 0,
                "paid": status == "succeeded",
                "payment_intent": intent["id"],
                "payment_method": intent["payment_method"],
                "refunded": False,
                "status": status,
            },
        )

    def _charge(self, form: Form) -> StripeObject:
        if "charge" in form:
            found = self._objects.get("charge", text(form, "charge"), "charge")
        else:
            intent_id = text(form, "payment_intent")
            intent = self._objects.get("payment_intent", intent_id, "payment_intent")
            if intent["status"] != "succeeded":
                raise invalid("This PaymentIntent does not have a successful charge to refund.")
            found = self._objects.get("charge", intent["latest_charge"], "charge")
        return found

    def _unexpected(self, intent: StripeObject, verb: str) -> Exception:
        return invalid(
            f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}.",
            code="payment_intent_unexpected_state",
        )
