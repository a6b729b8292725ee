"""What a row of the table makes of a plug, and what is to be done then. Pure.

::

    StepChanges(new_id).change("command_on", "p1", plug, now)
    -> the plug with command_id "7c0d..." outstanding, (SwitchRelay("p1", "7c0d...", True, now),)
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from psd.charging.effects import AnyEffect, CloseSession, SwitchRelay
from psd.charging.plugs.plug import Plug

NewId = Callable[[], str]
Changed = tuple[Plug, tuple[AnyEffect, ...]]
PlugChange = Callable[[str, Plug, int], Changed]


class StepChanges:
    """Changes by the names of rules; ``new_id`` makes ids of sessions and commands."""

    def __init__(self, new_id: NewId) -> None:
        self._new_id = new_id
        self._by_name: dict[str, PlugChange] = {
            "opens": self._opened,
            "queues": lambda _name, plug, now_ms: (replace(plug, queue_entered_ms=now_ms), ()),
            "admitted": lambda _name, plug, now_ms: (replace(plug, admitted_ms=now_ms), ()),
            "starts": lambda _name, plug, now_ms: (replace(plug, charge_start_ms=now_ms), ()),
            "command_on": self._switched_on,
            "command_off": self.switched_off,
            "shed": self.switched_off,
            "shown": self.switched_off,
            "answer_off": self._closed,
        }

    def change(self, rule: str, name: str, plug: Plug, now_ms: int) -> Changed:
        """What a row of this rule makes of a plug of this name."""
        change = self._by_name.get(rule)
        return (plug, ()) if change is None else change(name, plug, now_ms)

    def switched_off(self, name: str, plug: Plug, now_ms: int) -> Changed:
        """The site is to switch the relay off."""
        return self._commanded(name, plug, now_ms, is_on=False)

    def switched_on(self, name: str, plug: Plug, now_ms: int) -> Changed:
        """The site is to switch the relay on."""
        return self._commanded(name, plug, now_ms, is_on=True)

    def _switched_on(self, name: str, plug: Plug, now_ms: int) -> Changed:
        """For a session; whoever came with an owner and without one is billed from here on."""
        owned = plug if plug.session_id else self._opened(name, plug, now_ms)[0]
        return self.switched_on(name, owned, now_ms)

    def _opened(self, _name: str, plug: Plug, now_ms: int) -> Changed:
        id_ = self._new_id()
        opened = replace(plug, session_id=id_, session_start_ms=now_ms, last_credit_check_ms=0)
        # The OFF of a commissioning may never be answered, and no session waits for it.
        return replace(opened, command_id="", command_ms=0), ()

    def _closed(self, name: str, plug: Plug, now_ms: int) -> Changed:
        """The details begin anew; what is left of the session is its bill."""
        empty = Plug(version=plug.version, fuse=plug.fuse, ended_ms=plug.ended_ms)
        if not plug.session_id:
            return empty, ()
        bill = CloseSession(
            name, plug.session_id, plug.owner, plug.session_start_ms, now_ms, plug.fuse
        )
        return replace(empty, ended_ms=now_ms), (bill,)

    def _commanded(self, name: str, plug: Plug, now_ms: int, *, is_on: bool) -> Changed:
        command = SwitchRelay(name, self._new_id(), is_on, now_ms)
        outstanding = replace(
            plug, command_id=command.command_id, command_on=is_on, command_ms=now_ms
        )
        return outstanding, (command,)
