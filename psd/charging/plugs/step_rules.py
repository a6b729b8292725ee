"""What must hold for a row of the table by the clock: a rule of a name, a question. Pure.

::

    StepRules(settings).holds("starts", plug, Look(ring=(..., PlugReading(ms, 5001, 240000))), now)
    -> True: more than 5 A

A check of credit is due once in ``credit_every_s``; a start fails without an account, and a charge
that is under way goes on for ``credit_grace_s`` where the account cannot be read.
"""

from __future__ import annotations

from collections.abc import Callable

from psd.charging.plugs.plug import Look, Plug
from psd.charging.plugs.states import WATCHED, PlugState
from psd.charging.settings import ChargingSettings

COMMISSIONING_MS = 5_000
"""So long the relay of a plug that is commissioned is on."""

Holds = Callable[[Plug, Look, int], bool]


class StepRules:
    """The rules of one configuration."""

    def __init__(self, settings: ChargingSettings) -> None:
        self._settings = settings
        self._start_ma = round(settings.start_amps * 1000)
        self._idle_uw = round(settings.idle_watts * 1_000_000)
        self._timeout_ms = settings.command_timeout_s * 1000
        self._credit_ms = settings.credit_every_s * 1000
        self._by_name: dict[str, Holds] = {
            "no_owner": lambda plug, _look, _now_ms: not plug.owner,
            "has_owner": lambda plug, _look, _now_ms: bool(plug.owner),
            "credit": self._lacks_credit,
            "sensing_credit": self._lacks_credit,
            "queues": lambda _plug, look, _now_ms: not (look.credit and look.credit.is_unreadable),
            "admitted": self._is_admitted,
            "starts": lambda _plug, look, _now_ms: self._draws(look),
            "complete": lambda _plug, look, _now_ms: self._is_idle(look),
            "sensed_complete": lambda plug, look, _now_ms: self._stays_idle(plug, look),
            "shed": lambda _plug, look, _now_ms: look.is_shed,
            "silent": lambda plug, _look, now_ms: now_ms - plug.entered_ms > self._timeout_ms,
            "shown": lambda plug, _look, now_ms: now_ms - plug.entered_ms >= COMMISSIONING_MS,
        }

    def holds(self, name: str, plug: Plug, look: Look, now_ms: int) -> bool:
        """Whether the rule of a row holds; one that asks for nothing does."""
        rule = self._by_name.get(name)
        return rule is None or rule(plug, look, now_ms)

    def wants_credit(self, plug: Plug, now_ms: int) -> bool:
        """Whether a look at the plug now is also one at its owner's account."""
        if plug.place is not PlugState.ENTERING_QUEUE and plug.place not in WATCHED:
            return False
        return now_ms >= self.credit_due_ms(plug)

    def credit_due_ms(self, plug: Plug) -> int:
        """When credit is to be checked next, in a state in which it is."""
        if plug.place is PlugState.SENSING_CHARGE:
            return max(plug.sensing_check_ms, plug.entered_ms) + self._credit_ms
        return plug.last_credit_check_ms + self._credit_ms

    def is_unanswered(self, plug: Plug, now_ms: int) -> bool:
        """Whether a command waits for its answer for too long."""
        return bool(plug.command_id) and now_ms - plug.command_ms > self._timeout_ms

    def _lacks_credit(self, plug: Plug, look: Look, now_ms: int) -> bool:
        if look.credit is None or not self.wants_credit(plug, now_ms):
            return False
        if look.credit.is_known:
            return not look.credit.is_enough
        if plug.place is PlugState.ENTERING_QUEUE:
            return not look.credit.is_unreadable
        grace_ms = self._settings.credit_grace_s * 1000
        return plug.unread_ms > 0 and now_ms - plug.unread_ms >= grace_ms

    def _is_admitted(self, plug: Plug, look: Look, now_ms: int) -> bool:
        has_settled = now_ms - plug.queue_entered_ms >= self._settings.queue_settle_ms
        return has_settled and look.is_admitted and not plug.command_id

    def _draws(self, look: Look) -> bool:
        return bool(look.ring) and look.ring[-1].ma > self._start_ma

    def _stays_idle(self, plug: Plug, look: Look) -> bool:
        """Whether a car that has charged before, and was let in again, draws nothing any more.

        A whole ring says so that was read since: it may take its time to begin again.
        """
        ring = look.ring[-self._settings.ring :]
        is_whole = len(ring) == self._settings.ring and ring[0].ms > plug.entered_ms
        return is_whole and plug.charge_start_ms > 0 and self._is_idle(look)

    def _is_idle(self, look: Look) -> bool:
        ring = look.ring[-self._settings.ring :]
        if len(ring) < self._settings.idle_readings:
            return False
        # A car that charges is told by its newest readings, so the others are seldom looked at.
        left_uw = self._idle_uw * len(ring)
        for each in reversed(ring):
            left_uw -= each.power_uw
            if left_uw <= 0:
                return False
        return True
