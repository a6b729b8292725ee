"""Taking an activity back: the message, its rules, and what the scripts say of it. Pure.

::

    {"command": "withdraw", "withdraw": {"uid": 7, "aid": 41, "note": "another's", "by": "support"}}

What activity 41 of owner 7 booked is taken from every bucket, and reports of it are not booked any
more, whether they were sent before or come late or again: the order does not matter. It holds for
every thing whose bookings are an owner's. Of a domain's things a uid is a number of its own, so
that 7 would be somebody else.

Each withdrawal is an entry of the owner's log, a stream whose ids are the second and a number::

    1460462400-0   by support, aid 41, took 90 steps in 3 bookings from 1460419200 to 1460426400
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

import msgpack
import msgspec

from psd.engine.booking import Call, calls_for
from psd.engine.decoding import Decoders, decode_message
from psd.engine.event_checks import check_int64
from psd.engine.event_rules import EventRules, Kind
from psd.engine.events import Event, Withdrawal
from psd.engine.outcomes import OUTCOMES, REFUSED, Outcome
from psd.engine.portions import TOO_MUCH, fitting
from psd.engine.whole import is_out_of_bounds
from psd.errors import MalformedError, TooLargeError, TooLateError, WrongTypeError
from psd.store.codec import pack_id
from psd.store.keys import log_key
from psd.store.lane import Command
from psd.store.owner_calls import ONE_SERVER, Placement
from psd.store.scripts import Script
from psd.users import name_of, user_of

COMMAND = "withdraw"
NOTE_BYTES_MAX = 1000
BY_BYTES_MAX = 256

LOG_ENTRIES = 1000
"""Withdrawals of one owner that are remembered: up to 1.4 MB of the longest notes."""

PORTION_REPORTS = 200
"""Reports that one call takes back: some 6 ms. An activity with more is withdrawn by several
calls, the earliest reports first; from the first of them on no report of it is booked any more."""

MORE = 6
"""The code of a call that took a portion."""

LOG_ID = re.compile(r"[0-9]{1,12}-[0-9]{1,12}", re.ASCII)

EXPIRED = Outcome(
    "refused", TooLateError("aid: some of its reports have expired; nothing was written")
)
_CODES = {0: OUTCOMES[0], 1: OUTCOMES[1], 3: REFUSED, 5: EXPIRED}


class WithdrawFields(msgspec.Struct, gc=False, omit_defaults=True):
    """A withdrawal as it stands on the wire; uid and aid are needed."""

    uid: int | str | None = None
    aid: int | None = None
    note: str = ""
    by: str = ""


class TakenBack(msgspec.Struct, frozen=True, array_like=True):
    """What an activity had booked of a thing; ``atid`` is that of its first booking."""

    thing: int
    sum: int
    bookings: int
    first_s: int
    last_s: int
    atid: int


class Withdrawn(Outcome, frozen=True, gc=False):
    """The outcome of a withdrawal; nothing is taken by one that comes again."""

    taken: list[TakenBack] = msgspec.field(default_factory=list)


class LogEntry(msgspec.Struct, frozen=True):
    """One withdrawal that was carried out; ``id`` is its place in the log.

    It holds for all of ``things``; ``taken`` tells only of those that had bookings.
    """

    id: str
    time_s: int
    aid: int
    by: str
    note: str
    things: tuple[int, ...]
    taken: list[TakenBack]


class _WithdrawalEnvelope(msgspec.Struct, gc=False):
    withdraw: WithdrawFields | None = None


_ENVELOPE = Decoders(_WithdrawalEnvelope)
_encode = msgspec.json.Encoder().encode


def withdraw_kinds(things: Mapping[str, int], of_domains: Collection[int]) -> dict[str, Kind]:
    """The reader of the command, for the rules that read every message."""
    return {COMMAND: partial(_read, things_of_owners(things, of_domains))}


def things_of_owners(things: Mapping[str, int], of_domains: Collection[int]) -> tuple[int, ...]:
    """Numbers of the things of which an activity can be withdrawn."""
    return tuple(sorted({*things.values()} - {*of_domains}))


def _read(
    things: tuple[int, ...], body: bytes, now_s: int, _message_id: str, rules: EventRules
) -> list[Withdrawal]:
    fields = decode_message(body, _ENVELOPE, rules.depth_max).withdraw
    if fields is None:
        raise MalformedError(f"{COMMAND}: missing; command {COMMAND!r} needs it")
    return [withdrawal_of(fields, things, now_s)]


def withdrawal_of(fields: WithdrawFields, things: tuple[int, ...], now_s: int) -> Withdrawal:
    """The withdrawal that a message stands for, checked."""
    if fields.uid is None or fields.aid is None:
        raise WrongTypeError(f"{'uid' if fields.uid is None else 'aid'}: missing")
    uid = user_of(fields.uid)
    check_int64("aid", fields.aid)
    for name, text, bytes_max in (
        ("note", fields.note, NOTE_BYTES_MAX),
        ("by", fields.by, BY_BYTES_MAX),
    ):
        if len(text.encode()) > bytes_max:
            raise TooLargeError(f"{name}: more than {bytes_max} bytes")
    owner = name_of(fields.uid)
    return Withdrawal(uid, fields.aid, things, fields.note, fields.by, now_s, owner)


def message_of(withdrawal: Withdrawal) -> bytes:
    """The message that a withdrawal stands for, as the archive and the queue carry it."""
    uid = withdrawal.name or withdrawal.uid
    fields = WithdrawFields(uid, withdrawal.aid, withdrawal.note, withdrawal.by)
    return _encode({"command": COMMAND, COMMAND: fields})


Step = Call | int
"""A call of book.lua, or the position of a withdrawal."""


def steps_for(
    events: Sequence[Event],
    positions: Sequence[int],
    marker_key: bytes,
    placement: Placement = ONE_SERVER,
) -> list[Step]:
    """Script calls in the order of the events as far as it shows: around a withdrawal.

    The keys end up the same in any order; the outcomes, and what the log says was taken, do not.
    """
    steps: list[Step] = []
    start = 0
    for place, position in enumerate(positions):
        if type(events[position]) is Withdrawal:
            steps += calls_for(events, positions[start:place], marker_key, placement)
            steps.append(position)
            start = place + 1
    return [*steps, *calls_for(events, positions[start:], marker_key, placement)]


class WithdrawalScripts:
    """The calls about withdrawals, and what their replies say."""

    def __init__(self) -> None:
        self._withdraw = Script("engine.withdraw")
        self._find = Script("engine.find_activity")

    def withdraw(
        self, root: str, withdrawal: Withdrawal, lifetimes: bytes, reports: int = PORTION_REPORTS
    ) -> Command:
        """The call that takes an activity of an owner back, or so many of its reports."""
        return _call(
            self._withdraw,
            root,
            pack_id(withdrawal.aid),
            msgpack.packb(list(withdrawal.things)),
            lifetimes,
            withdrawal.time_s,
            withdrawal.by.encode(),
            withdrawal.note.encode(),
            LOG_ENTRIES,
            reports,
        )

    def find(self, root: str, aid: int, things: Sequence[int]) -> Command:
        """The call that says whether an activity is known; its reply is 1 or 0."""
        return _call(self._find, root, pack_id(aid), msgpack.packb(list(things)))


def _call(script: Script, root: str, *arguments: bytes | int) -> Command:
    return ("EVALSHA", script.sha, 1, root, *arguments)


def next_portion(reply: Any, reports: int) -> int | None:
    """How many reports the next call is to take after this one's reply; None when all is done.

    A call that was too much is tried with half; 0 when it was for a single report.
    """
    if fitting(reply) is not None:
        return reports // 2
    return reports if isinstance(reply, list) and reply[0] == MORE else None


def withdrawn_of(reply: Any) -> Withdrawn:
    """What withdraw.lua answered; raises what is no answer."""
    if is_out_of_bounds(reply):
        return _withdrawn(REFUSED)
    if fitting(reply) is not None:
        return _withdrawn(TOO_MUCH)
    if isinstance(reply, BaseException):
        raise reply
    taken = [_taken(reply[at : at + 6]) for at in range(1, len(reply), 6)]
    return _withdrawn(_CODES[reply[0]], taken)


def _withdrawn(outcome: Outcome, taken: Sequence[TakenBack] = ()) -> Withdrawn:
    return Withdrawn(outcome.status, outcome.error, [*taken])


def _taken(values: Sequence[Any]) -> TakenBack:
    thing, sum_, bookings, first_s, last_s, atid = values
    return TakenBack(thing, sum_, bookings, first_s, last_s, int(atid))


def whole_log(root: str) -> Command:
    """All entries of the log of an owner with this root."""
    return ("XREVRANGE", log_key(root), "+", "-")


def log_command(root: str, limit: int, before: str | None = None) -> Command:
    """The newest entries of an owner's log, or those before one with this id."""
    newest = "+" if before is None else f"({before}"
    return ("XREVRANGE", log_key(root), newest, "-", "COUNT", limit)


def log_entries(reply: Sequence[Any]) -> list[LogEntry]:
    """The entries that a log command answered."""
    return [_entry(log_id.decode(), pairs) for log_id, pairs in reply]


def _entry(log_id: str, pairs: list[bytes]) -> LogEntry:
    fields = dict(zip(pairs[::2], pairs[1::2], strict=True))
    taken = msgpack.unpackb(fields[b"took"], raw=True, strict_map_key=False) or []
    return LogEntry(
        log_id,
        int(fields[b"second"]),
        int(fields[b"aid"]),
        fields[b"by"].decode(),
        fields[b"note"].decode(),
        tuple(msgpack.unpackb(fields[b"things"])),
        [_taken(each) for each in taken],
    )
