"""Entries of a customer's ledger: what kinds there are, and the ids that post each once. Pure.

A ledger is only ever appended to. The id of an entry follows from its cause, so that whoever posts
it, and however often, it counts once::

    pi/pi_3P1          +2000   topup_auto     a payment that Stripe says succeeded
    use/id-2             -12   usage          the bill of a session
    adj/id-2/1            -3   adjustment     readings of it that came after the bill
    ref/re_9           -2000   refund         money that went back
    fail/pi_3P2            0   failure        an automatic top-up that did not work, and why

The sum is the balance: 1985 - 2000 = -15. Each entry that moves money is a report of the thing
``ledger`` too, under its kind and the hash of its id, so sums by day and kind are the engine's. An
entry never changes, so neither does its report, and nothing needs a fence.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Literal

import msgspec

from psd.engine.events import VALUE_MAX, Report
from psd.errors import MissingIdError, OutOfBoundsError, TooLargeError, WrongTypeError
from psd.foreign_texts import shown
from psd.users import uid_of

EntryKind = Literal[
    "topup_auto", "topup_manual", "usage", "failure", "adjustment", "refund", "opening"
]

NUMBERS: dict[EntryKind, int] = {
    "topup_auto": 1,
    "topup_manual": 2,
    "usage": 3,
    "failure": 4,
    "adjustment": 5,
    "refund": 6,
    "opening": 7,
}
"""The atid of each kind; the first four are the original's TransactionType."""

SIGNS: dict[EntryKind, tuple[int, int]] = {
    "topup_auto": (1, 1),
    "topup_manual": (1, 1),
    "usage": (-1, 0),
    "failure": (0, 0),
    "adjustment": (-1, 1),
    "refund": (-1, 0),
    "opening": (-1, 1),
}
"""The signs that cents of a kind may have, from the least to the greatest."""

ID_BYTES_MAX = 300
NOTE_CHARACTERS_MAX = 1_000


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry; ``cents`` is signed, ``at_ms`` when it happened, ``by`` who posted it by hand."""

    id: str
    kind: EntryKind
    cents: int
    at_ms: int
    session: str = ""
    payment_id: str = ""
    payment_method: str = ""
    note: str = ""
    by: str = ""


class NumberedEntry(msgspec.Struct, frozen=True):
    """An entry as it stands in its ledger; the first is 1."""

    n: int
    entry: LedgerEntry


def usage(session: str, cents: int, at_ms: int) -> LedgerEntry:
    """The bill of a session."""
    return LedgerEntry(
        id=f"use/{session}", kind="usage", cents=-cents, at_ms=at_ms, session=session
    )


def adjustment(session: str, number: int, cents: int, at_ms: int, note: str = "") -> LedgerEntry:
    """What a bill turned out to be more, or less, by its number."""
    return LedgerEntry(
        id=f"adj/{session}/{number}",
        kind="adjustment",
        cents=-cents,
        at_ms=at_ms,
        session=session,
        note=note,
    )


def failure(cause: str, session: str, at_ms: int, note: str, payment_id: str = "") -> LedgerEntry:
    """An automatic top-up that did not work."""
    return LedgerEntry(
        id=f"fail/{cause}",
        kind="failure",
        cents=0,
        at_ms=at_ms,
        session=session,
        payment_id=payment_id,
        note=note[:NOTE_CHARACTERS_MAX],
    )


def check_entry(entry: LedgerEntry) -> None:
    """Raise an InputError for an entry that no ledger takes."""
    if not entry.id:
        raise MissingIdError("id: an entry needs an id, so that it is posted once")
    if len(entry.id.encode("utf-8", "surrogatepass")) > ID_BYTES_MAX:
        raise TooLargeError(f"id: {shown(entry.id)} is longer than {ID_BYTES_MAX} bytes")
    if not entry.id.isprintable():
        raise WrongTypeError(f"id: {shown(entry.id)} has characters that cannot be printed")
    if len(entry.note) > NOTE_CHARACTERS_MAX:
        raise TooLargeError(f"note: more than {NOTE_CHARACTERS_MAX} characters")
    least, greatest = SIGNS[entry.kind]
    sign = (entry.cents > 0) - (entry.cents < 0)
    if not least <= sign <= greatest:
        raise OutOfBoundsError(f"cents: {entry.cents} cannot be those of {entry.kind}")
    if abs(entry.cents) > VALUE_MAX:
        raise OutOfBoundsError(f"cents: {entry.cents} must lie within +-(2^53 - 1)")


def customer_uid(customer: str) -> int:
    """The number of a customer, as whom energy and money are booked."""
    return uid_of("customer", customer)


def report_of_entry(thing: int, customer: str, entry: LedgerEntry) -> Report:
    """What is booked of an entry."""
    digest = blake2b(entry.id.encode(), digest_size=8).digest()
    second = entry.at_ms // 1000
    return Report(
        thing=thing,
        uid=customer_uid(customer),
        atid=NUMBERS[entry.kind],
        aid=int.from_bytes(digest) >> 1,
        value=entry.cents,
        ts1=second,
        ts2=second,
    )
