"""Erased users, as the archive tells of them: what was accepted of them before is nobody's. Pure.

An erasure is a decision (psd/archive/decisions.py), archived before anything is deleted. What the
archive has of the user with a lower number than that entry is passed over by whoever reads it, as
if it had been cut out already (psd/archive/cutting.py), and what comes later begins anew::

    number 5   alice@example.com   400 steps          passed over
    number 6   bob                 100 steps
    number 7   user_erased 6640487069386845243
    number 8   alice@example.com    20 steps          her first

The decision has the user's number, and no name. In finals of boards, which others stand on, an
``alias`` that nobody has takes the number's place.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import msgspec

from psd.archive.decisions import Decision, decision_of, is_decision, kinds_of
from psd.archive.entries import Entry
from psd.archive.reader import Span, read_placed
from psd.engine.events import Accepted, Report, Withdrawal
from psd.errors import InputError
from psd.users import HASH_BITS, NAMED


class UserErased(Decision, frozen=True, tag="user_erased"):
    """A user was erased, at ``time_s`` at the word of ``by``."""

    uid: int
    alias: int
    by: str
    note: str
    time_s: int


KINDS = kinds_of(UserErased)


class Erasure(msgspec.Struct, frozen=True):
    """The last erasure of a user: its number in the order of the archive."""

    number: int
    decision: UserErased


Erasures = Mapping[int, Erasure]
"""By uid."""


def new_alias() -> int:
    """A number that is nobody's: of a space without names."""
    return NAMED | secrets.randbits(HASH_BITS)


def erasure_in(entry: Entry) -> UserErased | None:
    """The erasure that an entry is."""
    if not is_decision(entry):
        return None
    try:
        decision = decision_of(entry, KINDS)
    except InputError:
        return None
    assert isinstance(decision, UserErased)
    return decision


class ErasuresSeen:
    """Collects erasures from entries in any order."""

    def __init__(self) -> None:
        self.by_uid: dict[int, Erasure] = {}

    def see(self, number: int, entry: Entry) -> None:
        """Take an entry into account, whatever it is."""
        decision = erasure_in(entry)
        if decision is None:
            return
        held = self.by_uid.get(decision.uid)
        if held is None or held.number < number:
            self.by_uid[decision.uid] = Erasure(number, decision)


def erasures_of(folder: Path, stores: Collection[str] | None = None) -> dict[int, Erasure]:
    """Every erasure in the archive. Reads all of it."""
    seen = ErasuresSeen()
    for placed in read_placed(folder, Span(stores=stores)):
        seen.see(placed.stamp.number, placed.entry)
    return seen.by_uid


def is_erased(uid: int, number: int, erasures: Erasures) -> bool:
    """Whether what was accepted of a user with this number is gone."""
    found = erasures.get(uid)
    return found is not None and number < found.number


def left(
    events: Iterable[Accepted], number: int, erasures: Erasures, numbered: Collection[int]
) -> list[Accepted]:
    """The events but those of erased users; of ``numbered`` things a uid is no user's."""
    return [
        event
        for event in events
        if not (
            isinstance(event, Withdrawal)
            or (isinstance(event, Report) and event.thing not in numbered)
        )
        or not is_erased(event.uid, number, erasures)
    ]
