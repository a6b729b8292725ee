"""The state machine of a plug: one step at a time, by the table of transitions.py. Pure.

Nothing is done here: a step says what the plug is after it and which effects somebody has to carry
out (effects.py). What the rules of the table ask is in step_rules.py, what they change in
step_changes.py::

    step(plug in SENSING_CHARGE, Look(ring of 6.5 A), now)   -> CHARGING, charge_start_ms = now
    request(plug of u1, "enable", "u2", ...)                 -> RequestRefusal("User u2 ...")
    answer(plug in SENSING_START_ISSUED_LOCALLY, "c1", on)   -> SENSING_CHARGE, if c1 is asked for

A step by the clock is the first row of the state that holds. A check of credit is noted also where
it leads nowhere, so that there is one in ``credit_every_s``.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from psd.charging.effects import AnyEffect, BookSession
from psd.charging.plugs.plug import Look, Plug
from psd.charging.plugs.states import WATCHED, PlugState, state_name
from psd.charging.plugs.step_changes import NewId, StepChanges
from psd.charging.plugs.step_rules import COMMISSIONING_MS, StepRules
from psd.charging.settings import ChargingSettings
from psd.charging.transitions import PROMPTS_OF_WISHES, ROWS, Transition, prompts_of

BEHIND_STEPS = 5
"""So many steps pass between two looks at somebody in the queue who is not its head."""


class PlugMoved(msgspec.Struct, frozen=True):
    """A transition as it is told: what the plug was and is, by what, and whose it is now."""

    id: str
    source: int
    target: int
    cause: str
    time_ms: int
    owner: str
    session_id: str

    @property
    def ends_by(self) -> str:
        """What ends its session here: complete, credit or user; empty where nothing does.

        >>> PlugMoved("id-9", 15, 16, "tick", 1723940005000, "u1", "id-2").ends_by
        'complete'
        """
        source, target = PlugState(self.source), PlugState(self.target)
        if not self.session_id:
            return ""
        if target is PlugState.INSUFFICIENT_CREDIT:
            return "credit"
        if source in WATCHED and target is PlugState.CHARGE_COMPLETE:
            return "complete"
        # Whoever disables a silent plug again has ended its session before.
        begins = source is not PlugState.ACCOUNT_REMOVAL_NOT_RESPONDING
        is_wished = target is PlugState.ACCOUNT_REMOVAL_REQUESTED and self.cause == "user"
        return "user" if is_wished and begins else ""


class Step(msgspec.Struct, frozen=True):
    """What a plug is after it, and what is to be done; without ``moved`` it stays in its state."""

    plug: Plug
    effects: tuple[AnyEffect, ...] = ()
    moved: PlugMoved | None = None


class RequestRefusal(msgspec.Struct, frozen=True):
    """Why a request was refused."""

    reason: str


class Machine:
    """The rules of one configuration; ``new_id`` makes ids of sessions, commands, transitions."""

    def __init__(self, settings: ChargingSettings, new_id: NewId) -> None:
        self.rules = StepRules(settings)
        self._changes = StepChanges(new_id)
        self._new_id = new_id
        self._step_ms = settings.step_ms
        self._timeout_ms = settings.command_timeout_s * 1000

    def step(self, name: str, plug: Plug, look: Look, now_ms: int) -> Step | None:
        """The step that the clock leads to, None for none."""
        checked, effects = self._checked(name, plug, look, now_ms)
        for row in ROWS[plug.place]:
            if row.by_clock and self.rules.holds(row.rule, plug, look, now_ms):
                return self._moved(name, checked, row, "tick", now_ms, effects)
        if plug.place is PlugState.IN_QUEUE and self.rules.is_unanswered(plug, now_ms):
            off, again = self._changes.switched_off(name, checked, now_ms)
            return Step(off, (*effects, *again))
        return None if checked == plug else Step(checked, effects)

    def request(
        self, name: str, plug: Plug, wanted: str, user: str, look: Look, now_ms: int
    ) -> Step | RequestRefusal:
        """What a user's wish leads to: a state by its name, or enable, disable, again."""
        if plug.owner and plug.owner != user:
            return RequestRefusal(f"User {user} does not control the plug")
        row = _asked_for(plug.place, wanted)
        if row is None:
            told = wanted if wanted in PROMPTS_OF_WISHES else state_name(PlugState[wanted])
            return RequestRefusal(f"State {told} not valid from {state_name(plug.state)}")
        if row.rule == "opens" and look.too_large:
            return RequestRefusal(look.too_large)
        return self._moved(name, replace(plug, owner=user), row, "user", now_ms)

    def answer(
        self, name: str, plug: Plug, command_id: str, now_ms: int, *, is_on: bool
    ) -> Step | None:
        """What a site's answer leads to; only the outstanding command is answered."""
        if not command_id or command_id != plug.command_id:
            return None
        answered = replace(plug, command_id="", command_ms=0)
        rule = "answer_on" if is_on else "answer_off"
        for row in ROWS[plug.place]:
            if row.rule == rule:
                return self._moved(name, answered, row, "response", now_ms)
        # A plug that was shed waits for this answer before it may be admitted again.
        is_off = plug.place is PlugState.IN_QUEUE and not is_on
        return Step(answered) if is_off else None

    def commission(self, name: str, plug: Plug, now_ms: int) -> Step | RequestRefusal:
        """Blink the relay of a plug that nobody has."""
        if plug.owner or plug.place is not PlugState.ACCOUNT_NULL:
            wanted = state_name(PlugState.COMMISSIONING)
            return RequestRefusal(f"State {wanted} not valid from {state_name(plug.state)}")
        on, command = self._changes.switched_on(name, plug, now_ms)
        return self._entered(on, plug.place, PlugState.COMMISSIONING, "user", now_ms, command)

    def due_ms(self, plug: Plug, now_ms: int, *, is_behind: bool = False) -> int | None:
        """When a plug is to be looked at again, if no reading comes before; None is never.

        One that ``is_behind`` another in the queue is let in when that one is looked at.
        """
        place = plug.place
        if is_behind and place is PlugState.IN_QUEUE and not plug.command_id:
            return now_ms + BEHIND_STEPS * self._step_ms
        if place is PlugState.COMMISSIONING:
            return plug.entered_ms + COMMISSIONING_MS
        rules = {row.rule for row in ROWS[place] if row.by_clock}
        if not rules:
            return None
        if rules == {"silent"}:
            return plug.entered_ms + self._timeout_ms + 1
        if place in WATCHED and plug.entered_ms != now_ms:
            return max(self.rules.credit_due_ms(plug), now_ms + self._step_ms)
        return now_ms + self._step_ms

    def _checked(
        self, name: str, plug: Plug, look: Look, now_ms: int
    ) -> tuple[Plug, tuple[AnyEffect, ...]]:
        """The plug with its check of credit noted; the energy so far is booked with it."""
        if look.credit is None or not self.rules.wants_credit(plug, now_ms):
            return plug, ()
        if not look.credit.is_known:
            return (plug if plug.unread_ms else replace(plug, unread_ms=now_ms)), ()
        if plug.place is PlugState.SENSING_CHARGE:
            checked = replace(plug, unread_ms=0, sensing_check_ms=now_ms)
        else:
            checked = replace(plug, unread_ms=0, last_credit_check_ms=now_ms)
        if plug.place not in WATCHED or not plug.session_id:
            return checked, ()
        booking = BookSession(name, plug.session_id, plug.owner, plug.session_start_ms, plug.fuse)
        return checked, (booking,)

    def _moved(
        self,
        name: str,
        plug: Plug,
        row: Transition,
        cause: str,
        now_ms: int,
        effects: tuple[AnyEffect, ...] = (),
    ) -> Step:
        """What a row makes of a plug."""
        changed, more = self._changes.change(row.rule, name, plug, now_ms)
        return self._entered(changed, row.source, row.target, cause, now_ms, (*effects, *more))

    def _entered(
        self,
        plug: Plug,
        source: PlugState,
        target: PlugState,
        cause: str,
        now_ms: int,
        effects: tuple[AnyEffect, ...],
    ) -> Step:
        id_ = self._new_id()
        entered = replace(plug, state=int(target), entered_ms=now_ms, moved_id=id_)
        moved = PlugMoved(id_, int(source), int(target), cause, now_ms, plug.owner, plug.session_id)
        return Step(entered, effects, moved)


def _asked_for(place: PlugState, wanted: str) -> Transition | None:
    """The row that a wish means: one with a prompt, whatever else the table has."""
    prompts = PROMPTS_OF_WISHES.get(wanted)
    for row in prompts_of(place):
        if row.target.name == wanted if prompts is None else row.prompt in prompts:
            return row
    return None
