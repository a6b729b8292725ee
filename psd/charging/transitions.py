"""Which state of a plug may follow which, as data. Pure.

The rows are the original's 26, in its order, and psd's own, which say why they are there. A row
that is ``by_clock`` is tried each second, the first that holds is taken; the others happen when a
user asks for what the ``prompt`` says, or a site answers. ``rule`` names what must hold
(step_rules.py), and what becomes of the plug (step_changes.py)::

    ACCOUNT_NULL ── "Enable Socket" ─▶ ACCOUNT_ADDED ─▶ ENTERING_QUEUE ─▶ IN_QUEUE ── admitted ─▶
    SENSING_START_REQUESTED ── command ON ─▶ SENSING_START_ISSUED_LOCALLY ── the answer ON ─▶
    SENSING_CHARGE ── more than 5 A ─▶ CHARGING ── less than 10 W ─▶ CHARGE_COMPLETE ─▶
    ACCOUNT_REMOVAL_REQUESTED ── command OFF ─▶ ACCOUNT_REMOVAL_ISSUED_LOCALLY ── OFF ─▶
    ACCOUNT_NULL
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from psd.charging.plugs.states import PlugState

S = PlugState

ENABLE, DISABLE = "Enable Socket", "Disable Socket"
ENABLE_AGAIN, DISABLE_AGAIN = "Request Enable Again", "Request Disable Again"

PROMPTS_OF_WISHES = {
    "enable": frozenset({ENABLE}),
    "disable": frozenset({DISABLE}),
    "again": frozenset({ENABLE_AGAIN, DISABLE_AGAIN}),
}


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """A row; without a ``rule`` it always holds, and ``why`` is told of psd's own."""

    source: PlugState
    target: PlugState
    by_clock: bool = False
    prompt: str = ""
    rule: str = ""
    why: str = ""


def _clock(source: PlugState, target: PlugState, rule: str = "", why: str = "") -> Transition:
    return Transition(source=source, target=target, by_clock=True, rule=rule, why=why)


def _prompt(
    source: PlugState, target: PlugState, prompt: str, rule: str = "", why: str = ""
) -> Transition:
    return Transition(source=source, target=target, prompt=prompt, rule=rule, why=why)


def _answer(source: PlugState, target: PlugState, rule: str, why: str = "") -> Transition:
    return Transition(source=source, target=target, rule=rule, why=why)


def _disable(source: PlugState, why: str = "") -> Transition:
    return _prompt(source, S.ACCOUNT_REMOVAL_REQUESTED, DISABLE, why=why)


TRANSITIONS = (
    _clock(S.INITIALISING, S.ACCOUNT_NULL, "no_owner"),
    _clock(S.INITIALISING, S.ACCOUNT_ADDED, "has_owner"),
    _prompt(S.ACCOUNT_NULL, S.ACCOUNT_ADDED, ENABLE, "opens"),
    _clock(
        S.COMMISSIONING,
        S.ACCOUNT_NULL,
        "shown",
        "a plug that is commissioned blinks and goes on; the original had no way out",
    ),
    _clock(S.ACCOUNT_ADDED, S.ENTERING_QUEUE),
    _disable(S.ACCOUNT_ADDED),
    _clock(S.ENTERING_QUEUE, S.INSUFFICIENT_CREDIT, "credit"),
    _clock(S.ENTERING_QUEUE, S.IN_QUEUE, "queues"),
    _disable(S.ENTERING_QUEUE),
    _clock(S.IN_QUEUE, S.SENSING_START_REQUESTED, "admitted"),
    _disable(S.IN_QUEUE),
    _clock(S.SENSING_START_REQUESTED, S.SENSING_START_ISSUED_LOCALLY, "command_on"),
    _answer(S.SENSING_START_ISSUED_LOCALLY, S.SENSING_CHARGE, "answer_on"),
    _clock(S.SENSING_START_ISSUED_LOCALLY, S.SENSING_START_NOT_RESPONDING, "silent"),
    _clock(
        S.SENSING_CHARGE,
        S.IN_QUEUE,
        "shed",
        "its fuse is over its limit, and this plug was admitted last",
    ),
    _clock(S.SENSING_CHARGE, S.CHARGING, "starts"),
    _clock(
        S.SENSING_CHARGE,
        S.INSUFFICIENT_CREDIT,
        "sensing_credit",
        "a load below 5 A never begins to charge, and would never be checked",
    ),
    _clock(
        S.SENSING_CHARGE,
        S.CHARGE_COMPLETE,
        "sensed_complete",
        "a car that was shed and is full by then never begins again, and would keep others waiting",
    ),
    _disable(S.SENSING_CHARGE),
    _clock(
        S.CHARGING,
        S.IN_QUEUE,
        "shed",
        "its fuse is over its limit, and this plug was admitted last",
    ),
    _clock(S.CHARGING, S.INSUFFICIENT_CREDIT, "credit"),
    _clock(S.CHARGING, S.CHARGE_COMPLETE, "complete"),
    _disable(S.CHARGING),
    _clock(S.CHARGE_COMPLETE, S.ACCOUNT_REMOVAL_REQUESTED),
    _clock(S.ACCOUNT_REMOVAL_REQUESTED, S.ACCOUNT_REMOVAL_ISSUED_LOCALLY, "command_off"),
    _answer(S.ACCOUNT_REMOVAL_ISSUED_LOCALLY, S.ACCOUNT_NULL, "answer_off"),
    _clock(S.ACCOUNT_REMOVAL_ISSUED_LOCALLY, S.ACCOUNT_REMOVAL_NOT_RESPONDING, "silent"),
    _answer(S.ACCOUNT_REMOVAL_NOT_RESPONDING, S.ACCOUNT_NULL, "answer_off"),
    _prompt(S.ACCOUNT_REMOVAL_NOT_RESPONDING, S.ACCOUNT_REMOVAL_REQUESTED, DISABLE_AGAIN),
    _prompt(S.SENSING_START_NOT_RESPONDING, S.SENSING_START_REQUESTED, ENABLE_AGAIN),
    _answer(
        S.SENSING_START_NOT_RESPONDING,
        S.SENSING_CHARGE,
        "answer_on",
        "the relay is on, however late the site says so",
    ),
    _disable(
        S.SENSING_START_NOT_RESPONDING, "an account must come off a plug whose site is silent"
    ),
    _clock(S.INSUFFICIENT_CREDIT, S.CHARGE_COMPLETE),
)


def _by_source(rows: Iterable[Transition]) -> dict[PlugState, tuple[Transition, ...]]:
    found: dict[PlugState, tuple[Transition, ...]] = dict.fromkeys(PlugState, ())
    for row in rows:
        found[row.source] += (row,)
    return found


ROWS = _by_source(TRANSITIONS)
"""The rows of each state, in their order."""


def prompts_of(state: PlugState) -> list[Transition]:
    """What a user may ask for in a state."""
    return [row for row in ROWS[state] if row.prompt]
