"""Small calls of one script by several requests, sent as one call. Pure.

A call takes a third of its time to begin and end (to make the script's functions, to collect them),
and columns are written once a call. So those that no other command parts in a trip become one,
if they are about different owners of one partition::

    EVALSHA book 1 psd:{p0}:7 [[r1]]      EVALSHA book 2 psd:{p0}:7 psd:{p0}:9 [[r1] [r2 r3]]
    EVALSHA book 1 psd:{p0}:9 [[r2 r3]]   -> replies [1, 0, 1]: the first has [1], the other [0, 1]

A call that Redis refuses has written nothing; of joined ones each is sent again alone, so that one
request's reports are never the reason why another's are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, Final, cast

import msgpack

from psd.store.sending import Command

ANSWERS_MAX = 200
"""As many reports as a worker puts into a call (psd/engine/booking.py)."""

JOINABLE_ANSWERS_MAX = 20
"""What has more is long by itself, and gains little."""


class JoinableCall(tuple[bytes | str | int, ...]):
    """A script call ``(EVALSHA, sha, owners, *roots, by owner, same)`` that may be joined.

    ``by owner`` is a msgpack array with an element for each root, ``same`` has to be the same in
    all; the reply is a list of ``answers`` elements, in the order of the owners. Those of one
    ``group`` may be in one call.
    """

    group: str
    answers: int


def joinable(command: Command, group: str, answers: int) -> Command:
    """The call as one that may be joined, unless it is a long one."""
    if answers > JOINABLE_ANSWERS_MAX:
        return command
    call = JoinableCall(command)
    call.group = group
    call.answers = answers
    return call


class JoinedTrip:
    """The commands of a trip, some of them joined."""

    def __init__(self, commands: Sequence[Command]) -> None:
        self._number = len(commands)
        self._runs = list(_runs_of(commands))
        self.commands = [_together(run.calls) for run in self._runs]

    def apart(self, replies: Sequence[Any]) -> tuple[list[Any], list[int]]:
        """Replies by position of the commands, and positions of what is to be sent alone."""
        found: list[Any] = [None] * self._number
        refused: list[int] = []
        for run, reply in zip(self._runs, replies, strict=True):
            if len(run.places) == 1:
                found[run.places[0]] = reply
            elif isinstance(reply, BaseException):
                refused += run.places
            else:
                end = 0
                for place, call in zip(run.places, run.calls, strict=True):
                    answers = cast("JoinableCall", call).answers
                    found[place] = reply[end : end + answers]
                    end += answers
        return found, sorted(refused)


def can_be_joined(commands: Sequence[Command]) -> bool:
    """Whether looking for calls to join is worth it."""
    return len(commands) > 1 and sum(type(each) is JoinableCall for each in commands) > 1


class _Run:
    """Calls that become one, or a command by itself."""

    __slots__ = ("_answers", "_first", "_roots", "calls", "places")

    def __init__(self, place: int, command: Command) -> None:
        self.places = [place]
        self.calls = [command]
        if type(command) is JoinableCall:
            self._first = command
            self._answers = command.answers
            self._roots = {*_roots_of(command)}

    def takes(self, call: JoinableCall) -> bool:
        first = self._first
        return (
            call[1] == first[1]
            and call[-1] == first[-1]
            and self._answers + call.answers <= ANSWERS_MAX
            and self._roots.isdisjoint(_roots_of(call))
        )

    def add(self, place: int, call: JoinableCall) -> None:
        self.places.append(place)
        self.calls.append(call)
        self._answers += call.answers
        self._roots.update(_roots_of(call))


def _runs_of(commands: Sequence[Command]) -> list[_Run]:
    """The commands in their order; calls between two others of a group come to its first.

    A call about an owner of the last run of its group begins the next, so it stays behind.
    """
    runs: list[_Run] = []
    last_of: dict[str, _Run] = {}
    for place, command in enumerate(commands):
        if type(command) is not JoinableCall:
            last_of.clear()
            runs.append(_Run(place, command))
            continue
        last = last_of.get(command.group)
        if last is not None and last.takes(command):
            last.add(place, command)
        else:
            last_of[command.group] = _Run(place, command)
            runs.append(last_of[command.group])
    return runs


def _roots_of(call: Command) -> Sequence[Any]:
    return call[3:-2]


def _together(run: Sequence[Command]) -> Command:
    if len(run) == 1:
        return run[0]
    roots = [*chain.from_iterable(map(_roots_of, run))]
    by_owner = [_PACK_HEADER(len(roots)), *[_elements(cast("bytes", call[-2])) for call in run]]
    return (run[0][0], run[0][1], len(roots), *roots, b"".join(by_owner), run[0][-1])


_PACK_HEADER: Final = msgpack.Packer().pack_array_header
_FIXARRAY = range(0x90, 0xA0)


def _elements(packed: bytes) -> bytes:
    """A msgpack array without its header, that of an array of at most 65,535 elements."""
    return packed[1:] if packed[0] in _FIXARRAY else packed[3:]
