"""Small calls of one script by several requests, sent as one call. Pure.

A call takes a third of its time to begin and end (to make the script's functions, to collect them),
and columns are written once a call. So those that stand beside each other in a trip become one,
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
        self._runs = list(_runs_of(commands))
        self.commands = [_together(run) for run in self._runs]

    def apart(self, replies: Sequence[Any]) -> tuple[list[Any], list[int]]:
        """Replies by position of the commands, and positions of what is to be sent alone."""
        found: list[Any] = []
        refused: list[int] = []
        for run, reply in zip(self._runs, replies, strict=True):
            if len(run) == 1:
                found.append(reply)
            elif isinstance(reply, BaseException):
                refused += range(len(found), len(found) + len(run))
                found += [reply] * len(run)
            else:
                end = 0
                for call in cast("Sequence[JoinableCall]", run):
                    found.append(reply[end : end + call.answers])
                    end += call.answers
        return found, refused


def can_be_joined(commands: Sequence[Command]) -> bool:
    """Whether looking for calls to join is worth it."""
    return len(commands) > 1 and sum(type(each) is JoinableCall for each in commands) > 1


def _runs_of(commands: Sequence[Command]) -> list[list[Command]]:
    """The commands in their order, those in one list that become one call."""
    runs: list[list[Command]] = []
    run: _Run | None = None
    for command in commands:
        if type(command) is not JoinableCall:
            runs.append([command])
            run = None
        elif run is not None and run.takes(command):
            run.add(command)
        else:
            run = _Run(command)
            runs.append(run.calls)
    return runs


class _Run:
    """Calls that become one."""

    __slots__ = ("_answers", "_first", "_roots", "calls")

    def __init__(self, first: JoinableCall) -> None:
        self._first = first
        self._answers = first.answers
        self._roots = {*_roots_of(first)}
        self.calls: list[Command] = [first]

    def takes(self, call: JoinableCall) -> bool:
        first = self._first
        return (
            call[1] == first[1]
            and call.group == first.group
            and call[-1] == first[-1]
            and self._answers + call.answers <= ANSWERS_MAX
            and self._roots.isdisjoint(_roots_of(call))
        )

    def add(self, call: JoinableCall) -> None:
        self.calls.append(call)
        self._answers += call.answers
        self._roots.update(_roots_of(call))


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
