"""Whose a command is: what a lane shares Redis out by.

A server names whoever asks before a request is worked on; every command that is sent in that
context is its caller's. Requests of one token are of one *group*, and groups take turns; within
a group its requests do. Whoever is not named (a worker, a tool) is one group of its own::

    enter_caller(Caller("phone 4f1c"))   # in the task of a request
    current_caller()                     # in whatever it awaits: that caller
"""

from __future__ import annotations

from contextvars import ContextVar


class Caller:
    """One request, and the group that it is of: what tells its token from others.

    ``is_admitted`` once something of it was: from then on nothing of it is refused for want of
    room (psd/store/room.py).
    """

    __slots__ = ("group", "is_admitted")

    def __init__(self, group: str | None = None) -> None:
        self.group: object = self if group is None else group
        self.is_admitted = False


_CALLER: ContextVar[Caller | None] = ContextVar("caller", default=None)

current_caller = _CALLER.get
"""Whose the commands of this context are; None for nobody in particular."""


def enter_caller(caller: Caller | None) -> None:
    """From now on this context works for a caller, or for nobody in particular."""
    _CALLER.set(caller)
