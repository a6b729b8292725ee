"""The state machine of a plug, against the recorded table; what psd does otherwise is marked."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from psd.charging.effects import BookSession, CloseSession, SwitchRelay
from psd.charging.plugs.machine import Machine, PlugMoved, RequestRefusal, Step
from psd.charging.plugs.plug import CreditRead, Look, Plug
from psd.charging.plugs.plug_readings import PlugReading
from psd.charging.plugs.states import PlugState, state_name
from psd.charging.settings import ChargingSettings
from psd.charging.transitions import ROWS, TRANSITIONS, Transition

RECORDING = json.loads((Path(__file__).parents[1] / "golden" / "charging.json").read_text())
NOW_MS = 1_723_939_200_000
S = PlugState


def machine(**settings: Any) -> Machine:
    ids = itertools.count(1)
    return Machine(ChargingSettings(**settings), lambda: f"id-{next(ids)}")


def plug(state: PlugState, **fields: Any) -> Plug:
    return Plug(**{"version": 1, "state": state, "entered_ms": NOW_MS, **fields})


def owned(state: PlugState, **fields: Any) -> Plug:
    began = {"owner": "u1", "session_id": "s", "session_start_ms": NOW_MS - 1000}
    return plug(state, **{**began, **fields})


SHED = owned(S.SENSING_CHARGE, charge_start_ms=NOW_MS - 500, entered_ms=NOW_MS - 1)
"""It has charged before, and was let in again."""


def ring(*amps: float) -> tuple[PlugReading, ...]:
    return tuple(
        PlugReading(NOW_MS + 2000 * at, round(each * 1000), 240_000) for at, each in enumerate(amps)
    )


def stepped(of: Plug, look: Look | None = None, later_ms: int = 0) -> Step | None:
    return machine().step("p1", of, look or Look(), NOW_MS + later_ms)


def target(step: Step | None) -> str | None:
    return None if step is None or step.moved is None else PlugState(step.moved.target).name


def test_every_recorded_transition_is_there_in_its_order_and_all_others_are_marked() -> None:
    recorded = RECORDING["transitions"]
    expected = [(each["from"], each["to"], each["loop"], each["prompt"]) for each in recorded]
    ours = [
        (row.source.name, row.target.name, row.by_clock, row.prompt)
        for row in TRANSITIONS
        if not row.why
    ]
    for state in {each["from"] for each in recorded}:
        assert [row for row in ours if row[0] == state] == [
            row for row in expected if row[0] == state
        ]
    assert len(ours) == len(expected) == 26


def test_states_have_the_recorded_numbers() -> None:
    assert {state_name(state): int(state) for state in PlugState} == RECORDING["states"]


@pytest.mark.parametrize(
    ("of", "look", "later_ms", "expected"),
    [
        (plug(S.INITIALISING), Look(), 0, "ACCOUNT_NULL"),
        (plug(S.INITIALISING, owner="u1"), Look(), 0, "ACCOUNT_ADDED"),
        (plug(S.ACCOUNT_NULL), Look(), 0, None),
        (owned(S.IN_QUEUE), Look(is_admitted=False), 0, None),
        (owned(S.IN_QUEUE), Look(), 0, "SENSING_START_REQUESTED"),
        (owned(S.SENSING_START_ISSUED_LOCALLY), Look(), 60_000, None),
        (owned(S.SENSING_START_ISSUED_LOCALLY), Look(), 60_001, "SENSING_START_NOT_RESPONDING"),
        (owned(S.SENSING_CHARGE), Look(ring=ring(5.0)), 0, None),
        (owned(S.SENSING_CHARGE), Look(ring=ring(5.001)), 0, "CHARGING"),
        (owned(S.SENSING_CHARGE), Look(ring=ring(9, 5)), 0, None),
        (owned(S.CHARGING), Look(ring=ring(*[0] * 19)), 0, None),
        (owned(S.CHARGING), Look(ring=ring(*[0] * 20)), 0, "CHARGE_COMPLETE"),
        (owned(S.CHARGING), Look(ring=ring(*[10 / 240] * 20)), 0, None),
        (owned(S.CHARGING), Look(ring=ring(*[0.041] * 20)), 0, "CHARGE_COMPLETE"),
        (owned(S.CHARGING), Look(ring=ring(9, *[0] * 60)), 0, "CHARGE_COMPLETE"),
        (owned(S.CHARGING), Look(ring=ring(9), is_shed=True), 0, "IN_QUEUE"),
        (owned(S.SENSING_CHARGE), Look(ring=ring(*[0] * 60)), 0, None),
        (SHED, Look(ring=ring(*[0] * 59)), 0, None),
        (SHED, Look(ring=ring(*[0] * 60)), 0, "CHARGE_COMPLETE"),
        (SHED, Look(ring=ring(*[0.041] * 60)), 0, "CHARGE_COMPLETE"),
        (SHED, Look(ring=ring(*[1] * 60)), 0, None),
        (replace(SHED, entered_ms=NOW_MS), Look(ring=ring(*[0] * 60)), 0, None),
        (owned(S.INSUFFICIENT_CREDIT), Look(), 0, "CHARGE_COMPLETE"),
        (plug(S.WAITING_FOR_PLUG_IN), Look(), 10**9, None),
        (plug(S.COMMISSIONING), Look(), 4_999, None),
        (plug(S.COMMISSIONING), Look(), 5_000, "ACCOUNT_NULL"),
    ],
)
def test_a_step_is_the_first_row_that_holds(
    of: Plug, look: Look, later_ms: int, expected: str | None
) -> None:
    assert target(stepped(of, look, later_ms)) == expected


ENOUGH = CreditRead(is_known=True, is_enough=True)
TOO_LITTLE = CreditRead(is_known=True)
NOBODY = CreditRead()
AWAY = CreditRead(is_unreadable=True)


@pytest.mark.parametrize(
    ("of", "credit", "expected"),
    [
        (owned(S.ENTERING_QUEUE), ENOUGH, "IN_QUEUE"),
        (owned(S.ENTERING_QUEUE), TOO_LITTLE, "INSUFFICIENT_CREDIT"),
        (owned(S.ENTERING_QUEUE), NOBODY, "INSUFFICIENT_CREDIT"),
        (owned(S.ENTERING_QUEUE), AWAY, None),
        (owned(S.CHARGING), TOO_LITTLE, "INSUFFICIENT_CREDIT"),
        (owned(S.CHARGING, last_credit_check_ms=NOW_MS - 59_999), TOO_LITTLE, None),
        (owned(S.CHARGING), AWAY, None),
        (owned(S.CHARGING, unread_ms=NOW_MS - 299_999), AWAY, None),
        (owned(S.CHARGING, unread_ms=NOW_MS - 300_000), AWAY, "INSUFFICIENT_CREDIT"),
        (owned(S.SENSING_CHARGE, entered_ms=NOW_MS - 60_000), TOO_LITTLE, "INSUFFICIENT_CREDIT"),
        (owned(S.SENSING_CHARGE), TOO_LITTLE, None),
    ],
)
def test_credit_is_checked_once_a_minute_and_a_start_fails_without_an_account(
    of: Plug, credit: CreditRead, expected: str | None
) -> None:
    assert target(stepped(of, Look(credit=credit))) == expected


def test_a_check_that_leads_nowhere_is_noted_and_books_the_energy_so_far() -> None:
    step = stepped(owned(S.CHARGING), Look(credit=ENOUGH))
    assert step is not None
    assert (step.moved, step.plug.last_credit_check_ms) == (None, NOW_MS)
    assert step.effects == (BookSession("p1", "s", "u1", NOW_MS - 1000),)


def test_a_request_opens_a_session_and_only_prompts_can_be_asked_for() -> None:
    step = machine().request("p1", plug(S.ACCOUNT_NULL), "enable", "u1", Look(), NOW_MS)
    assert isinstance(step, Step)
    assert (step.plug.owner, step.plug.session_id) == ("u1", "id-1")
    assert step.plug.session_start_ms == NOW_MS
    for state in PlugState:
        for wanted in PlugState:
            asked = machine().request("p1", owned(state), wanted.name, "u1", Look(), NOW_MS)
            has_prompt = any(row.prompt and row.target is wanted for row in ROWS[state])
            assert isinstance(asked, Step) is has_prompt, (state, wanted)


@pytest.mark.parametrize(
    ("state", "wish", "expected"),
    [
        (S.ACCOUNT_NULL, "enable", S.ACCOUNT_ADDED),
        (S.CHARGING, "disable", S.ACCOUNT_REMOVAL_REQUESTED),
        (S.SENSING_START_NOT_RESPONDING, "again", S.SENSING_START_REQUESTED),
        (S.SENSING_START_NOT_RESPONDING, "disable", S.ACCOUNT_REMOVAL_REQUESTED),
        (S.ACCOUNT_REMOVAL_NOT_RESPONDING, "again", S.ACCOUNT_REMOVAL_REQUESTED),
    ],
)
def test_a_wish_means_the_prompt_of_its_state(
    state: PlugState, wish: str, expected: PlugState
) -> None:
    step = machine().request("p1", owned(state), wish, "u1", Look(), NOW_MS)
    assert isinstance(step, Step)
    assert step.plug.place is expected


def test_a_plug_that_is_too_large_for_its_fuse_is_refused_with_that_reason() -> None:
    refused = machine().request(
        "p1", plug(S.ACCOUNT_NULL), "enable", "u1", Look(too_large="20 A, 16 A"), NOW_MS
    )
    assert refused == RequestRefusal("20 A, 16 A")


def test_commands_are_outstanding_until_their_own_answer_comes() -> None:
    started = stepped(owned(S.SENSING_START_REQUESTED))
    assert started is not None
    [command] = started.effects
    assert command == SwitchRelay("p1", "id-1", True, NOW_MS)
    answer = machine().answer
    assert answer("p1", started.plug, "another", NOW_MS, is_on=True) is None
    assert answer("p1", started.plug, "", NOW_MS, is_on=True) is None
    assert answer("p1", started.plug, "id-1", NOW_MS, is_on=False) is None
    on = answer("p1", started.plug, "id-1", NOW_MS, is_on=True)
    assert target(on) == "SENSING_CHARGE"
    assert on is not None
    assert answer("p1", on.plug, "id-1", NOW_MS, is_on=True) is None


def test_the_end_of_a_session_is_its_bill_and_a_plug_of_nobody() -> None:
    ending = owned(S.ACCOUNT_REMOVAL_ISSUED_LOCALLY, command_id="c", fuse="f1")
    step = machine().answer("p1", ending, "c", NOW_MS, is_on=False)
    assert step is not None
    assert step.effects == (CloseSession("p1", "s", "u1", NOW_MS - 1000, NOW_MS, "f1"),)
    left = plug(S.ACCOUNT_NULL, fuse="f1", ended_ms=NOW_MS, moved_id="id-1")
    assert step.plug == left


ENDINGS = {
    (S.SENSING_CHARGE, S.CHARGE_COMPLETE): "complete",
    (S.ENTERING_QUEUE, S.INSUFFICIENT_CREDIT): "credit",
    (S.SENSING_CHARGE, S.INSUFFICIENT_CREDIT): "credit",
    (S.CHARGING, S.INSUFFICIENT_CREDIT): "credit",
    (S.CHARGING, S.CHARGE_COMPLETE): "complete",
    (S.ACCOUNT_ADDED, S.ACCOUNT_REMOVAL_REQUESTED): "user",
    (S.ENTERING_QUEUE, S.ACCOUNT_REMOVAL_REQUESTED): "user",
    (S.IN_QUEUE, S.ACCOUNT_REMOVAL_REQUESTED): "user",
    (S.SENSING_CHARGE, S.ACCOUNT_REMOVAL_REQUESTED): "user",
    (S.CHARGING, S.ACCOUNT_REMOVAL_REQUESTED): "user",
    (S.SENSING_START_NOT_RESPONDING, S.ACCOUNT_REMOVAL_REQUESTED): "user",
}


@pytest.mark.parametrize("row", TRANSITIONS, ids=lambda row: f"{row.source.name}-{row.target.name}")
def test_a_session_is_ended_by_credit_by_its_load_or_by_its_user_and_once(row: Transition) -> None:
    cause = "tick" if row.by_clock else "user" if row.prompt else "response"
    moved = PlugMoved("id", int(row.source), int(row.target), cause, NOW_MS, "u1", "s")
    assert moved.ends_by == ENDINGS.get((row.source, row.target), "")
    assert replace(moved, session_id="").ends_by == ""


def test_a_plug_that_was_shed_waits_for_its_off_and_is_told_again() -> None:
    shed = stepped(owned(S.CHARGING, queue_entered_ms=7), Look(is_shed=True))
    assert shed is not None
    assert (shed.plug.session_id, shed.plug.queue_entered_ms) == ("s", 7)
    assert stepped(shed.plug, later_ms=60_000) is None
    again = stepped(shed.plug, later_ms=60_001)
    assert again is not None
    [command] = again.effects
    assert isinstance(command, SwitchRelay)
    assert not command.is_on
    off = machine().answer("p1", shed.plug, shed.plug.command_id, NOW_MS, is_on=False)
    assert off is not None
    assert off.moved is None
    assert target(stepped(off.plug)) == "SENSING_START_REQUESTED"


def test_a_session_does_not_wait_for_what_a_commissioning_was_never_answered() -> None:
    blinked = stepped(plug(S.COMMISSIONING), later_ms=5_000)
    assert blinked is not None
    assert blinked.plug.command_id
    asked = machine().request("p1", blinked.plug, "enable", "u1", Look(), NOW_MS)
    assert isinstance(asked, Step)
    queued = replace(asked.plug, state=int(S.IN_QUEUE))
    assert target(stepped(queued)) == "SENSING_START_REQUESTED"


def test_whoever_came_without_a_session_is_billed_from_the_command_on() -> None:
    step = stepped(plug(S.SENSING_START_REQUESTED, owner="u1"))
    assert step is not None
    assert (step.plug.session_id, step.plug.session_start_ms) == ("id-1", NOW_MS)


def test_a_plug_is_due_when_something_may_happen_and_not_before() -> None:
    due = machine().due_ms
    assert due(plug(S.ACCOUNT_NULL), NOW_MS) is None
    assert due(owned(S.ENTERING_QUEUE), NOW_MS) == NOW_MS + 1000
    assert due(owned(S.SENSING_START_ISSUED_LOCALLY), NOW_MS) == NOW_MS + 60_001
    before = replace(owned(S.CHARGING), entered_ms=NOW_MS - 5_000)
    checked = replace(before, last_credit_check_ms=NOW_MS - 10_000)
    assert due(checked, NOW_MS) == NOW_MS + 50_000
    assert due(owned(S.CHARGING), NOW_MS) == NOW_MS + 1000
    assert due(owned(S.IN_QUEUE), NOW_MS) == NOW_MS + 1000
    assert due(owned(S.IN_QUEUE), NOW_MS, is_behind=True) == NOW_MS + 5000
    unanswered = owned(S.IN_QUEUE, command_id="c")
    assert due(unanswered, NOW_MS, is_behind=True) == NOW_MS + 1000
    assert due(owned(S.CHARGING), NOW_MS, is_behind=True) == NOW_MS + 1000
