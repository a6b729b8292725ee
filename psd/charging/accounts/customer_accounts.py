"""What is known of a customer beside the ledger: cards, automatic top-up, credit. Pure.

Each fact stands with the moment since which it holds, a text that sorts by time, so that facts may
come in any order and twice, and the later one stands (lua/charging/tell.lua)::

    m:pm_1     0001723939200000:0 1        attached in that second
    m:pm_1     0001723939260000:1 0        detached a minute later
    default    0001723939230000:evt_7 pm_1
    topup      0001723939200000:0 {"enabled":true,"threshold_cents":1000,...}

Of an attachment and a detachment in one second the detachment stands: a card that Stripe has
detached is never attached again.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from psd.errors import ShapeError

METHOD = "m:"
DEFAULT, TOPUP, STRIPE, EMAIL = "default", "topup", "stripe", "email"

Fact = tuple[str, str, str]
"""Field, since when, value."""


class AutoTopup(msgspec.Struct, frozen=True):
    """Whether, below what and by how much an account is topped up without its owner."""

    enabled: bool = False
    threshold_cents: int = 1000
    recharge_value_cents: int = 2000


class CustomerAccount(msgspec.Struct, frozen=True, kw_only=True):
    """A customer's account; ``is_known`` once there is a balance, ``methods`` oldest first.

    ``topup_ms`` is when it was said how it is topped up.
    """

    customer: str
    is_known: bool = False
    balance_cents: int = 0
    entries: int = 0
    booked: int = 0
    email: str = ""
    stripe_id: str = ""
    methods: tuple[str, ...] = ()
    default_method: str = ""
    detached: frozenset[str] = frozenset()
    auto_topup: AutoTopup = AutoTopup()
    topup_ms: int = 0

    def method_to_charge(self) -> str:
        """The default, else the first that there is; empty for none."""
        if self.default_method and self.default_method not in self.detached:
            return self.default_method
        return self.methods[0] if self.methods else ""

    def wants_topup(self) -> bool:
        """Whether the balance is so low that it should be topped up."""
        wish = self.auto_topup
        return wish.enabled and self.balance_cents <= wish.threshold_cents


class Credit(msgspec.Struct, frozen=True):
    """What a customer has left; without an account the balance is None."""

    balance_cents: int | None
    open_cents: int

    @property
    def is_enough(self) -> bool:
        """Whether a charge may begin, or go on."""
        return self.balance_cents is not None and self.balance_cents > self.open_cents


def since(ms: int, tie: str = "0") -> str:
    """A moment as facts carry it; ``tie`` decides between two of one millisecond."""
    return f"{ms:016}:{tie.replace(' ', '_')}"


def method_fact(method: str, created_s: int, *, is_attached: bool) -> Fact:
    """A card was attached, or detached."""
    moment = since(created_s * 1000, "0" if is_attached else "1")
    return (METHOD + method, moment, "1" if is_attached else "0")


def default_fact(method: str, created_s: int, event: str) -> Fact:
    """Which card is the default; "" for none."""
    return (DEFAULT, since(created_s * 1000, event), method)


def topup_fact(wish: AutoTopup, ms: int) -> Fact:
    """How an account is to be topped up."""
    return (TOPUP, since(ms), msgspec.json.encode(wish).decode())


def account_of(customer: str, held: Mapping[str, str]) -> CustomerAccount:
    """An account by the fields of its hash; raises ShapeError for what no script writes."""
    try:
        facts = {name: value.split(" ", 1) for name, value in held.items() if " " in value}
        methods = sorted(
            (moment, name.removeprefix(METHOD), value)
            for name, (moment, value) in facts.items()
            if name.startswith(METHOD)
        )
        topup = facts.get(TOPUP)
        return CustomerAccount(
            customer=customer,
            is_known="balance_cents" in held,
            balance_cents=int(held.get("balance_cents", "0")),
            entries=int(held.get("entries", "0")),
            booked=int(held.get("booked", "0")),
            email=facts.get(EMAIL, ("", ""))[1],
            stripe_id=facts.get(STRIPE, ("", ""))[1],
            methods=tuple(name for _, name, value in methods if value == "1"),
            default_method=facts.get(DEFAULT, ("", ""))[1],
            detached=frozenset(name for _, name, value in methods if value == "0"),
            auto_topup=msgspec.json.decode(topup[1], type=AutoTopup) if topup else AutoTopup(),
            topup_ms=int(topup[0].partition(":")[0]) if topup else 0,
        )
    except (ValueError, msgspec.MsgspecError) as exc:
        raise ShapeError(f"charging: the account of {customer} cannot be read ({exc})") from exc
