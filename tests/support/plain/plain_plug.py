"""One plug and its customers in plain Python, by docs/charging.md alone: no store, no effects.

It is told what a scenario of a recording says, second by second, and tells what a recording tells::

    plain = PlainPlug()
    plain.play([{"op": "balance", "user": "u1", "cents": 5000}, {"op": "tick", "n": 3}])
    plain.told()    {"trace": [...], "sessions": {}, "balances": {"u1": 5000}, ...}

Ids are counted as the original counts them: a session, a command and a transition take the next.
"""

from __future__ import annotations

from typing import Any

ENABLE, DISABLE, AGAIN = "ACCOUNT_ADDED", "ACCOUNT_REMOVAL_REQUESTED", "SENSING_START_REQUESTED"
PROMPTS: dict[str, dict[str, str]] = {
    "ACCOUNT_NULL": {ENABLE: "Enable Socket"},
    "ACCOUNT_ADDED": {DISABLE: "Disable Socket"},
    "ENTERING_QUEUE": {DISABLE: "Disable Socket"},
    "IN_QUEUE": {DISABLE: "Disable Socket"},
    "SENSING_CHARGE": {DISABLE: "Disable Socket"},
    "CHARGING": {DISABLE: "Disable Socket"},
    "ACCOUNT_REMOVAL_NOT_RESPONDING": {DISABLE: "Request Disable Again"},
    "SENSING_START_NOT_RESPONDING": {AGAIN: "Request Enable Again", DISABLE: "Disable Socket"},
}
FOLLOWS = {
    "ACCOUNT_ADDED": "ENTERING_QUEUE",
    "IN_QUEUE": "SENSING_START_REQUESTED",
    "INSUFFICIENT_CREDIT": "CHARGE_COMPLETE",
    "CHARGE_COMPLETE": "ACCOUNT_REMOVAL_REQUESTED",
}
SILENT = {
    "SENSING_START_ISSUED_LOCALLY": "SENSING_START_NOT_RESPONDING",
    "ACCOUNT_REMOVAL_ISSUED_LOCALLY": "ACCOUNT_REMOVAL_NOT_RESPONDING",
}
SWITCHES = {
    "SENSING_START_REQUESTED": ("ON", "SENSING_START_ISSUED_LOCALLY"),
    "ACCOUNT_REMOVAL_REQUESTED": ("OFF", "ACCOUNT_REMOVAL_ISSUED_LOCALLY"),
}
FULL = "StateMachineState_"
MINUTE_S = 60
GRACE_S = 300
SHOWN_S = 5


class PlainPlug:
    """What becomes of one plug."""

    def __init__(self, init: str = "INITIALISING", owner: str = "") -> None:
        self.t = 0
        self.state = init
        self.entered_t = 0
        self.owner = owner
        self.session = self.command = ""
        self.start_t = 0
        self.checked_t = self.sensing_t = -MINUTE_S
        self.unread_t: int | None = None
        self.readings: list[tuple[int, int, int]] = []
        self.ids = 0
        self.trace: list[dict[str, Any]] = []
        self.events: list[str] = []
        self.sessions: dict[str, dict[str, Any]] = {}
        self.balances: dict[str, int] = {}
        self.topups: dict[str, tuple[int, int]] = {}
        self.newest_command = ""

    def play(self, steps: list[dict[str, Any]]) -> None:
        """Do each step."""
        for step in steps:
            getattr(self, f"_{step['op']}")(step)

    def told(self) -> dict[str, Any]:
        """What a recording tells."""
        return {
            "trace": self.trace,
            "sessions": self.sessions,
            "balances": self.balances,
            "prompts_at_end": [[*PROMPTS.get(self.state, {}).values()]],
            "session_events": self.events or None,
            "end": {
                "state": self.state,
                "owner_in_details": self.owner,
                "owner_in_state": self.owner,
                "session_in_details": self.session,
            },
        }

    def _balance(self, step: dict[str, Any]) -> None:
        self.balances[step["user"]] = step.get("cents", 0)

    def _topup(self, step: dict[str, Any]) -> None:
        if step.get("on"):
            self.topups[step["user"]] = step["threshold"], step["value"]

    def _tick(self, step: dict[str, Any]) -> None:
        for _ in range(step["n"]):
            self.t += 1
            if "cur" in step and self.t % 2 == 0:
                ma, mv = round(step["cur"] * 1000), round(step["volt"] * 1000)
                self.readings.append((self.t, max(ma, 0), mv))
            self._second()

    def _user(self, step: dict[str, Any]) -> None:
        user, wanted = step["user"], step["state"]
        told = {"ev": "user_result", "user": user, "requested": wanted, "t": self.t}
        if self.owner and self.owner != user:
            reason = f"User {user} does not control the plug"
        elif wanted not in PROMPTS.get(self.state, {}):
            reason = f"State {FULL}{wanted} not valid from {FULL}{self.state}"
        else:
            self.owner = user
            if wanted == ENABLE:
                self._open()
            self._move(wanted, "user")
            self.trace.append({**told, "status": "SUCCESS"})
            return
        self.trace.append({**told, "status": "FAILURE", "reason": reason})

    def _resp(self, step: dict[str, Any]) -> None:
        is_answer = bool(self.command) and step.get("req_id", self.newest_command) == self.command
        moved = False
        if is_answer and step["state"] == "ON" and self.state.startswith("SENSING_START_"):
            if self.state in ("SENSING_START_ISSUED_LOCALLY", "SENSING_START_NOT_RESPONDING"):
                self.command, moved = "", True
                self._move("SENSING_CHARGE", "response")
        elif (
            is_answer
            and step["state"] == "OFF"
            and self.state
            in (
                "ACCOUNT_REMOVAL_ISSUED_LOCALLY",
                "ACCOUNT_REMOVAL_NOT_RESPONDING",
            )
        ):
            moved = True
            self._end()
        result = {"ev": "response_result", "resultant": step["state"], "transitioned": moved}
        self.trace.append({**result, "t": self.t})

    def _commission(self, _step: dict[str, Any]) -> None:
        told = {"ev": "commission_result", "t": self.t}
        if self.owner or self.state != "ACCOUNT_NULL":
            reason = f"State {FULL}COMMISSIONING not valid from {FULL}{self.state}"
            self.trace.append({**told, "status": "FAILURE", "reason": reason})
            return
        self.command = self._id()
        self._move("COMMISSIONING", "user")
        self._say("ON")
        self.trace.append({**told, "status": "SUCCESS"})

    def _second(self) -> None:
        """At most one transition."""
        state, waited_s = self.state, self.t - self.entered_t
        if state in FOLLOWS:
            self._move(FOLLOWS[state], "tick")
        elif state in SILENT and waited_s > MINUTE_S:
            self._move(SILENT[state], "tick")
        elif state in SWITCHES:
            self._command(*SWITCHES[state])
        elif state == "INITIALISING":
            self._move("ACCOUNT_ADDED" if self.owner else "ACCOUNT_NULL", "tick")
        elif state == "ENTERING_QUEUE":
            self.checked_t = self.t
            self._move("IN_QUEUE" if self._has_credit() else "INSUFFICIENT_CREDIT", "tick")
        elif state == "SENSING_CHARGE":
            self._sense()
        elif state == "CHARGING":
            self._charge()
        elif state == "COMMISSIONING" and waited_s >= SHOWN_S:
            self._command("OFF", "ACCOUNT_NULL")

    def _sense(self) -> None:
        ring = self._ring()
        is_due = self.t - max(self.sensing_t, self.entered_t) >= MINUTE_S
        is_refused = is_due and self._is_refused()
        if is_due and self.unread_t is None:
            self.sensing_t = self.t
        if ring and ring[-1][1] > 5_000:
            self._move("CHARGING", "tick")
        elif is_refused:
            self._move("INSUFFICIENT_CREDIT", "tick")

    def _charge(self) -> None:
        if self.t - self.checked_t >= MINUTE_S:
            is_refused = self._is_refused()
            if self.unread_t is None:
                self.checked_t = self.t
            if is_refused:
                self._move("INSUFFICIENT_CREDIT", "tick")
                return
        watts = [ma * mv / 1e6 for _, ma, mv in self._ring()]
        if len(watts) >= 20 and sum(watts) / len(watts) < 10:
            self._move("CHARGE_COMPLETE", "tick")

    def _ring(self) -> list[tuple[int, int, int]]:
        return [each for each in self.readings if each[0] >= self.start_t][-60:]

    def _is_refused(self) -> bool:
        """Whether who charges has to stop; one without an account goes on for a while."""
        if self.owner in self.balances:
            self.unread_t = None
            return not self._has_credit()
        if self.unread_t is None:
            self.unread_t = self.t
        return self.t - self.unread_t >= GRACE_S

    def _has_credit(self) -> bool:
        balance = self.balances.get(self.owner)
        return balance is not None and balance - self._cents(self._nj()) > 0

    def _nj(self) -> int:
        """Energy since the beginning of the session: the later reading's power."""
        own = [each for each in self.readings if each[0] >= self.start_t]
        nj = 0
        for at in range(1, len(own)):
            seconds = own[at][0] - own[at - 1][0]
            if seconds <= MINUTE_S:
                nj += own[at][1] * own[at][2] * seconds * 1000
        return nj

    def _cents(self, nj: int) -> int:
        return nj * 30 // 3_600_000_000_000_000

    def _open(self) -> None:
        self.session, self.start_t = self._id(), self.t
        self.checked_t, self.command = -MINUTE_S, ""
        self.events.append(f"SessionEventType_START@{self.t}:{self.session}")

    def _end(self) -> None:
        """The bill, then an automatic top-up."""
        session, owner, nj = self.session, self.owner, self._nj()
        self.unread_t = None
        if not session:
            self.owner = self.command = ""
            self.sensing_t = -MINUTE_S
            self._move("ACCOUNT_NULL", "response")
            return
        self.events.append(f"SessionEventType_FINISH@{self.t}:{session}")
        self.sessions[session] = {
            "cents": self._cents(nj),
            "total_kwh": nj / 3_600_000_000_000_000,
            "owner": owner,
            "start_s": self.start_t,
            "finish_s": self.t,
        }
        self.owner = self.session = self.command = ""
        self.sensing_t = -MINUTE_S
        self._move("ACCOUNT_NULL", "response")
        if owner not in self.balances:
            return
        self.balances[owner] -= self._cents(nj)
        threshold, value = self.topups.get(owner, (0, 0))
        if value and self.balances[owner] <= threshold:
            charge = {"ev": "charge", "user": owner, "cents": value, "method": "pm_1"}
            self.trace.append({**charge, "t": self.t})

    def _command(self, requested: str, target: str) -> None:
        """The relay is to be ON or OFF; whoever came with an owner and no session has one now."""
        if requested == "ON" and not self.session:
            self._open()
        self.command = self._id()
        self._move(target, "tick")
        self._say(requested)

    def _say(self, requested: str) -> None:
        self.newest_command = self.command
        said = {"ev": "command", "topic": "commands_s1", "plug": "p1", "site": "s1"}
        self.trace.append({**said, "requested_state": requested, "t": self.t})

    def _move(self, target: str, cause: str) -> None:
        self._id()
        self.trace.append(
            {
                "ev": "state",
                "from": self.state,
                "to": target,
                "cause": cause,
                "owner": self.owner,
                "session": self.session,
                "t": self.t,
            }
        )
        self.state, self.entered_t = target, self.t

    def _id(self) -> str:
        self.ids += 1
        return f"id-{self.ids}"
