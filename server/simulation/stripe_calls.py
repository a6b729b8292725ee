"""Which calls of Stripe's API there are, by method and path, and lists of what is there.

::

    calls = calls_of(objects, payments)
    called(calls, "GET", "customers/cus_000001", {})            -> {"id": "cus_000001", ...}
    called(calls, "GET", "refunds", {"charge": "ch_000009"})    -> {"object": "list", "data": [...]}
    called(calls, "PUT", "customers", {})                       404, as nothing is there
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from server.simulation.stripe_forms import Form, invalid, text, whole
from server.simulation.stripe_objects import StripeObject, StripeObjects
from server.simulation.stripe_payments import StripePayments

Act = Callable[[Form, Sequence[str]], StripeObject]
Call = tuple[str, re.Pattern[str], Act]

KINDS = {
    "customers": "customer",
    "payment_methods": "payment_method",
    "payment_intents": "payment_intent",
    "charges": "charge",
    "refunds": "refund",
    "prices": "price",
    "checkout/sessions": "checkout.session",
}
"""What is told by its id, and listed, by path."""

FILTERS = ("customer", "payment_intent", "charge", "email")
LISTED_MAX = 100


def calls_of(objects: StripeObjects, payments: StripePayments) -> Sequence[Call]:
    """All that there are."""
    acts: list[tuple[str, str, Act]] = [
        ("POST", "customers", lambda form, _: objects.create_customer(form)),
        ("POST", "customers/([^/]+)", lambda form, at: objects.update_customer(at[0], form)),
        ("DELETE", "customers/([^/]+)", lambda _, at: objects.delete_customer(at[0])),
        ("GET", "customers/([^/]+)/payment_methods", _methods_of(objects)),
        ("GET", "payment_methods", _methods_of(objects)),
        ("POST", "payment_methods", lambda form, _: objects.create_method(form)),
        ("POST", "payment_methods/([^/]+)/attach", lambda form, at: objects.attach(at[0], form)),
        ("POST", "payment_methods/([^/]+)/detach", lambda _, at: objects.detach(at[0])),
        ("POST", "payment_intents", lambda form, _: payments.create_intent(form)),
        ("POST", "payment_intents/([^/]+)/confirm", lambda form, at: payments.confirm(at[0], form)),
        ("POST", "payment_intents/([^/]+)/cancel", lambda _, at: payments.cancel(at[0])),
        ("POST", "refunds", lambda form, _: payments.refund(form)),
        ("POST", "prices", lambda form, _: objects.create_price(form)),
        ("POST", "checkout/sessions", lambda form, _: payments.open_checkout(form)),
        ("POST", "billing_portal/sessions", lambda form, _: payments.open_portal(form)),
    ]
    for path, kind in KINDS.items():
        acts += [
            ("GET", path, _lister(objects, path, kind)),
            ("GET", f"{path}/([^/]+)", _getter(objects, kind)),
        ]
    return [(method, re.compile(path), act) for method, path, act in acts]


def called(calls: Sequence[Call], method: str, path: str, form: Form) -> StripeObject:
    """What one call answers; raises StripeRefusalError."""
    for of_method, pattern, act in calls:
        found = pattern.fullmatch(path)
        if of_method == method and found:
            return act(form, found.groups())
    raise invalid(f"Unrecognized request URL ({method}: /v1/{path}).", status=404)


def _getter(objects: StripeObjects, kind: str) -> Act:
    return lambda _, at: objects.get(kind, at[0])


def _lister(objects: StripeObjects, path: str, kind: str) -> Act:
    def listed(form: Form, _: Sequence[str]) -> StripeObject:
        wanted = {name: text(form, name) for name in FILTERS if name in form}
        return _page(f"/v1/{path}", objects.listed(kind, **wanted), form)

    return listed


def _methods_of(objects: StripeObjects) -> Act:
    """A customer's, whom the path or a parameter names."""

    def listed(form: Form, at: Sequence[str]) -> StripeObject:
        owner = at[0] if at else text(form, "customer")
        objects.get("customer", owner, "id" if at else "customer")
        url = f"/v1/customers/{owner}/payment_methods" if at else "/v1/payment_methods"
        return _page(url, objects.listed("payment_method", customer=owner), form)

    return listed


def _page(url: str, found: list[StripeObject], form: Form) -> StripeObject:
    after = text(form, "starting_after", "")
    places = [place for place, each in enumerate(found) if each["id"] == after]
    rest = found[places[0] + 1 :] if places else found
    limit = min(whole(form, "limit", 1, 10), LISTED_MAX)
    return {"object": "list", "url": url, "data": rest[:limit], "has_more": len(rest) > limit}
