"""How pages of charging say what they show: states, money, energy, moments. Pure.

>>> money(-12, "aud"), energy(0.4001), moment(1723939200000)
('-0.12 AUD', '0.400 kWh', '2024-08-18T00:00:00Z')
"""

from __future__ import annotations

from typing import Literal

from psd.charging.accounts.ledger_entries import EntryKind
from psd.charging.plugs.states import PlugState
from psd.clock import utc_text

CENTS = 100

Tone = Literal["free", "busy", "waiting", "wrong"]
"""How a state is coloured."""

S = PlugState

STATES: dict[PlugState, tuple[str, Tone]] = {
    S.INITIALISING: ("Starting up", "busy"),
    S.ACCOUNT_NULL: ("Free", "free"),
    S.ACCOUNT_ADDED: ("Taken", "busy"),
    S.ENTERING_QUEUE: ("Checking credit", "busy"),
    S.IN_QUEUE: ("Waiting in the queue", "waiting"),
    S.SENSING_START_REQUESTED: ("Switching on", "busy"),
    S.SENSING_START_ISSUED_LOCALLY: ("Switching on", "busy"),
    S.SENSING_CHARGE: ("On, the car draws nothing yet", "busy"),
    S.CHARGING: ("Charging", "busy"),
    S.CHARGE_COMPLETE: ("Charged", "busy"),
    S.ACCOUNT_REMOVAL_REQUESTED: ("Switching off", "busy"),
    S.ACCOUNT_REMOVAL_ISSUED_LOCALLY: ("Switching off", "busy"),
    S.WAITING_FOR_PLUG_IN: ("Waiting for a car", "busy"),
    S.COMMISSIONING: ("Being shown", "busy"),
    S.ACCOUNT_REMOVAL_NOT_RESPONDING: ("Does not answer", "wrong"),
    S.SENSING_START_NOT_RESPONDING: ("Does not answer", "wrong"),
    S.INSUFFICIENT_CREDIT: ("Not enough credit", "wrong"),
}

KINDS: dict[EntryKind, str] = {
    "topup_auto": "Automatic top-up",
    "topup_manual": "Top-up",
    "usage": "Charging",
    "failure": "Top-up failed",
    "adjustment": "Correction",
    "refund": "Refund",
    "opening": "Opening balance",
}


def money(cents: int, currency: str) -> str:
    """Money for people."""
    sign = "-" if cents < 0 else ""
    whole, rest = divmod(abs(cents), CENTS)
    return f"{sign}{whole:,}.{rest:02} {currency.upper()}"


def energy(kwh: float) -> str:
    """Energy for people: to the watt-hour."""
    return f"{kwh:.3f} kWh"


def moment(ms: int) -> str:
    """A millisecond as pages carry it; nothing for 0."""
    return utc_text(ms // 1000) if ms else ""


def lasted(ms: int) -> str:
    """How long something took.

    >>> lasted(4_020_000), lasted(40_000)
    ('1 h 07 min', '40 s')
    """
    minutes, seconds = divmod(ms // 1000, 60)
    hours, rest = divmod(minutes, 60)
    if hours:
        return f"{hours} h {rest:02} min"
    return f"{minutes} min" if minutes else f"{seconds} s"
