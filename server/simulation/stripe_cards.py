"""The test cards of Stripe: by the names of its documentation, what becomes of each. Pure.

A card is declined when it is attached to a customer, or only when it is charged::

    pm_card_visa                              pays
    pm_card_chargeCustomerFail                is attached, and declined when it is charged
    pm_card_visa_chargeDeclined               is declined when it is attached
    pm_card_authenticationRequired            needs its owner, who is not there for an auto top-up
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from server.simulation.stripe_forms import StripeRefusalError


class Decline(msgspec.Struct, frozen=True):
    """Why a bank says no."""

    code: str
    decline_code: str
    message: str


class TestCard(msgspec.Struct, frozen=True):
    """A card, and why it is declined, if it is: when attached, or when charged alone."""

    brand: str
    last4: str
    decline: Decline | None = None
    attaches: bool = True


_GENERIC = Decline("card_declined", "generic_decline", "Your card was declined.")
_FUNDS = Decline("card_declined", "insufficient_funds", "Your card has insufficient funds.")
_LOST = Decline("card_declined", "lost_card", "Your card was declined.")
_STOLEN = Decline("card_declined", "stolen_card", "Your card was declined.")
_EXPIRED = Decline("expired_card", "expired_card", "Your card has expired.")
_CVC = Decline("incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect.")
_PROCESSING = Decline(
    "processing_error",
    "processing_error",
    "An error occurred while processing your card. Try again in a little bit.",
)
_AUTHENTICATION = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)

TEST_CARDS: Mapping[str, TestCard] = {
    "pm_card_visa": TestCard("visa", "4242"),
    "pm_card_mastercard": TestCard("mastercard", "4444"),
    "pm_card_chargeCustomerFail": TestCard("visa", "0341", _GENERIC),
    "pm_card_authenticationRequired": TestCard("visa", "3184", _AUTHENTICATION),
    "pm_card_visa_chargeDeclined": TestCard("visa", "0002", _GENERIC, attaches=False),
    "pm_card_visa_chargeDeclinedInsufficientFunds": TestCard("visa", "9995", _FUNDS, False),
    "pm_card_visa_chargeDeclinedLostCard": TestCard("visa", "9987", _LOST, attaches=False),
    "pm_card_visa_chargeDeclinedStolenCard": TestCard("visa", "9979", _STOLEN, attaches=False),
    "pm_card_chargeDeclinedExpiredCard": TestCard("visa", "0069", _EXPIRED, attaches=False),
    "pm_card_chargeDeclinedIncorrectCvc": TestCard("visa", "0127", _CVC, attaches=False),
    "pm_card_chargeDeclinedProcessingError": TestCard("visa", "0119", _PROCESSING, attaches=False),
}


def declined(
    decline: Decline, charge: str = "", more: Mapping[str, Any] | None = None
) -> StripeRefusalError:
    """How a decline is answered: 402."""
    return StripeRefusalError(
        402,
        "card_error",
        decline.message,
        code=decline.code,
        more={
            "decline_code": decline.decline_code,
            **({"charge": charge} if charge else {}),
            **(more or {}),
        },
    )
