"""What a Stripe account holds, and what its calls do to it: no HTTP, no time but what is told.

Objects are what Stripe's API answers, as far as psd and its official client look at them. What
happens is told as events, each with the object as it was then::

    account.create_customer({"email": "a@b.c"})                  -> {"id": "cus_1", ...}
    account.attach("pm_card_visa", {"customer": "cus_1"})        payment_method.attached
    account.create_intent({"amount": "2000", "currency": "aud", "customer": "cus_1",
                           "payment_method": "pm_2", "off_session": "true", "confirm": "true"})
        payment_intent.created, charge.succeeded, payment_intent.succeeded
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from psd.clock import Clock
from server.simulation.stripe_cards import TEST_CARDS, TestCard, declined
from server.simulation.stripe_forms import Form, inner, invalid, known_only, missing, text, whole

StripeObject = dict[str, Any]
Tell = Callable[[str, StripeObject, Mapping[str, Any]], None]
"""An event's type, its object, and what the object had in place of what changed."""

CUSTOMER_FIELDS = ("email", "name", "description", "phone", "invoice_settings")
CARD_FIELDS = ("type", "card", "billing_details")


class StripeObjects:
    """Objects by id, of every kind, in the order of their making."""

    def __init__(self, clock: Clock, tell: Tell) -> None:
        self._clock = clock
        self._tell = tell
        self._numbers: Iterator[int] = itertools.count(1)
        self._held: dict[str, StripeObject] = {}
        self._cards: dict[str, TestCard] = {}

    def make(self, kind: str, prefix: str, fields: Mapping[str, Any]) -> StripeObject:
        """A new object, held under the next id."""
        made = {
            "id": f"{prefix}_{next(self._numbers):06}",
            "object": kind,
            "created": self._clock.now_s(),
            "livemode": False,
            **fields,
        }
        self._held[made["id"]] = made
        return made

    def get(self, kind: str, id_: str, param: str = "id") -> StripeObject:
        """An object; raises StripeRefusalError where there is none of this kind."""
        found = self._held.get(id_)
        if found is None or found["object"] != kind or found.get("deleted"):
            raise missing(kind, id_, param)
        return found

    def listed(self, kind: str, **wanted: str) -> list[StripeObject]:
        """All of a kind that have these fields, the newest first."""
        return [
            each
            for each in reversed(self._held.values())
            if each["object"] == kind
            and not each.get("deleted")
            and all(each.get(name) == value for name, value in wanted.items())
        ]

    def tell(self, kind: str, of: StripeObject, **before: Any) -> None:
        """Something happened to an object: it is told as it is now."""
        self._tell(kind, copy.deepcopy(of), before)

    def create_customer(self, form: Form) -> StripeObject:
        """POST /v1/customers."""
        known_only(form, CUSTOMER_FIELDS)
        fields = {name: form.get(name) for name in ("email", "name", "description", "phone")}
        settings = {"default_payment_method": None, "custom_fields": None, "footer": None}
        made = self.make(
            "customer",
            "cus",
            {**fields, "metadata": dict(inner(form, "metadata")), "invoice_settings": settings},
        )
        self._default(made, form)
        self.tell("customer.created", made)
        return made

    def update_customer(self, id_: str, form: Form) -> StripeObject:
        """POST /v1/customers/{id}: what is not named stays."""
        known_only(form, CUSTOMER_FIELDS)
        held = self.get("customer", id_)
        before = copy.deepcopy(held)
        held.update({name: form[name] for name in CUSTOMER_FIELDS[:4] if name in form})
        held["metadata"].update(inner(form, "metadata"))
        self._default(held, form)
        changed = {name: before[name] for name in held if held[name] != before[name]}
        if changed:
            self.tell("customer.updated", held, **changed)
        return held

    def _default(self, customer: StripeObject, form: Form) -> None:
        settings = inner(form, "invoice_settings")
        if "default_payment_method" in settings:
            method = text(settings, "default_payment_method")
            if method:
                self.owned_method(customer["id"], method, "invoice_settings")
            customer["invoice_settings"]["default_payment_method"] = method or None

    def delete_customer(self, id_: str) -> StripeObject:
        """DELETE /v1/customers/{id}."""
        held = self.get("customer", id_)
        held["deleted"] = True
        self.tell("customer.deleted", held)
        return {"id": id_, "object": "customer", "deleted": True}

    def create_method(self, form: Form) -> StripeObject:
        """POST /v1/payment_methods: a card by the token of a test card (``tok_visa``)."""
        known_only(form, CARD_FIELDS)
        token = text(inner(form, "card"), "token")
        return self._method(token.replace("tok_", "pm_card_", 1))

    def _method(self, name: str) -> StripeObject:
        card = TEST_CARDS.get(name)
        if card is None:
            raise missing("PaymentMethod", name)
        shown = {"brand": card.brand, "last4": card.last4, "exp_month": 12, "exp_year": 2034}
        made = self.make(
            "payment_method",
            "pm",
            {
                "type": "card",
                "card": shown,
                "customer": None,
                "metadata": {},
                "billing_details": {},
            },
        )
        self._cards[made["id"]] = card
        return made

    def method(self, id_: str, param: str = "id") -> StripeObject:
        """A method by its id; the name of a test card stands for a new one."""
        return self._method(id_) if id_ in TEST_CARDS else self.get("payment_method", id_, param)

    def card_of(self, method: StripeObject) -> TestCard:
        """The card that a method is."""
        return self._cards[method["id"]]

    def owned_method(self, customer: str, id_: str, param: str = "payment_method") -> StripeObject:
        """A method of this customer; raises StripeRefusalError for another's."""
        held = self.get("payment_method", id_, param)
        if held["customer"] != customer:
            raise invalid(
                "The payment method does not belong to the customer of this request.", param
            )
        return held

    def attach(self, id_: str, form: Form) -> StripeObject:
        """POST /v1/payment_methods/{id}/attach; a card that the bank declines is 402."""
        known_only(form, ("customer",))
        customer = self.get("customer", text(form, "customer"), "customer")
        held = self.method(id_)
        card = self.card_of(held)
        if card.decline is not None and not card.attaches:
            raise declined(card.decline)
        if held["customer"] not in {None, customer["id"]}:
            raise invalid("The payment method has already been attached to a customer.")
        held["customer"] = customer["id"]
        self.tell("payment_method.attached", held)
        return held

    def detach(self, id_: str) -> StripeObject:
        """POST /v1/payment_methods/{id}/detach; a customer's default goes with it."""
        held = self.get("payment_method", id_)
        if held["customer"] is None:
            raise invalid("The payment method you provided is not attached to a customer.")
        owner = self._held[held["customer"]]
        held["customer"] = None
        self.tell("payment_method.detached", held, customer=owner["id"])
        settings = owner["invoice_settings"]
        if settings["default_payment_method"] == id_:
            before = dict(settings)
            settings["default_payment_method"] = None
            self.tell("customer.updated", owner, invoice_settings=before)
        return held

    def create_price(self, form: Form) -> StripeObject:
        """POST /v1/prices: what one unit of a top-up costs."""
        known_only(form, ("currency", "unit_amount", "product", "product_data", "nickname"))
        fields = {"currency": text(form, "currency"), "unit_amount": whole(form, "unit_amount", 1)}
        return self.make("price", "price", {**fields, "type": "one_time", "active": True})
