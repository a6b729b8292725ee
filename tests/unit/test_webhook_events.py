"""What webhooks say, held against the recording and against what is missing in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from psd.charging.accounts.ledger_entries import LedgerEntry, check_entry, report_of_entry, usage
from psd.charging.payments.webhook_events import (
    CardTold,
    Judged,
    PaymentCame,
    RefundsCame,
    event_of,
    judged,
)
from psd.errors import InputError, OutOfBoundsError
from psd.users import uid_of

GOLDEN = json.loads(
    (Path(__file__).parents[1] / "golden" / "charging.json").read_text(encoding="utf-8")
)
NOW_S = 1_723_939_200


def said(kind: str, of: dict[str, Any], **before: Any) -> Judged:
    data = {"object": of, **({"previous_attributes": before} if before else {})}
    event = {"id": "evt_1", "type": kind, "created": NOW_S, "data": data}
    return judged(event_of(msgspec.json.encode(event)), "aud")


RECORDED = [each for each in GOLDEN["stripe_events"] if "object" in each]


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda each: each.get("note", each["event"]))
def test_what_was_recorded_follows_from_the_same_event(recorded: dict[str, Any]) -> None:
    if recorded["status"] == 400:
        with pytest.raises(InputError):
            said(recorded["event"], recorded["object"])
        return
    found = said(recorded["event"], recorded["object"])
    assert isinstance(found, PaymentCame)
    wanted = recorded["after"]["transaction"]
    assert found.stripe_id == recorded["object"]["customer"]
    assert found.entry.cents == wanted["cents_aud"]
    assert found.entry.cents == recorded["after"]["balance"] - recorded["before"]["balance"]
    assert found.entry.payment_method == wanted["payment_method"]
    assert found.entry.payment_id == wanted["payment_id"]
    assert (found.entry.id, found.entry.kind) == ("pi/pi_1", "topup_manual")


def test_a_payment_of_psds_own_making_is_an_automatic_one() -> None:
    metadata = {"psd_topup": "auto", "session": "s1"}
    paid = {"id": "pi_1", "customer": "cus_1", "amount": 5, "metadata": metadata}
    found = said("payment_intent.succeeded", paid)
    assert isinstance(found, PaymentCame)
    assert (found.entry.kind, found.entry.session) == ("topup_auto", "s1")


def test_a_card_that_is_gone_tells_whose_it_was() -> None:
    gone = said("payment_method.detached", {"id": "pm_1", "customer": None}, customer="cus_1")
    kept = said("payment_method.detached", {"id": "pm_1", "customer": "cus_1"})
    assert gone == kept
    assert isinstance(gone, CardTold)
    assert (gone.stripe_id, gone.fact[0], gone.fact[2]) == ("cus_1", "m:pm_1", "0")


@pytest.mark.parametrize(
    ("settings", "default"),
    [
        ({"default_payment_method": "pm_1"}, "pm_1"),
        ({"default_payment_method": None}, ""),
        ({"default_payment_method": ""}, ""),
        (None, ""),
    ],
)
def test_a_customer_has_a_default_or_none(settings: Any, default: str) -> None:
    found = said("customer.updated", {"id": "cus_1", "invoice_settings": settings})
    assert isinstance(found, CardTold)
    assert (found.fact[0], found.fact[2]) == ("default", default)


def test_refunds_are_entries_each_and_those_that_failed_are_none() -> None:
    listed = [
        {"id": "re_1", "amount": 500, "status": "succeeded", "created": NOW_S - 5},
        {"id": "re_2", "amount": 300, "status": "failed"},
        {"id": "re_3", "amount": 200, "status": "pending"},
    ]
    charge = {"id": "ch_1", "customer": "cus_1", "payment_intent": "pi_1"}
    found = said("charge.refunded", {**charge, "refunds": {"data": listed, "has_more": False}})
    assert isinstance(found, RefundsCame)
    assert found.refunds is not None
    entries = found.entries(found.refunds)
    assert [(each.id, each.cents, each.at_ms) for each in entries] == [
        ("ref/re_1", -500, (NOW_S - 5) * 1000),
        ("ref/re_3", -200, NOW_S * 1000),
    ]
    for more in ({}, {"refunds": {"data": listed, "has_more": True}}, {"refunds": None}):
        asked = said("charge.refunded", {**charge, **more})
        assert isinstance(asked, RefundsCame)
        assert asked.refunds is None, "not all of them are there"


@pytest.mark.parametrize("kind", ["charge.succeeded", "invoice.paid", "payment_intent.created"])
def test_other_events_are_nothing(kind: str) -> None:
    assert said(kind, {}) is None


PAID = {"id": "pi_1", "customer": "cus_1", "amount": 5, "payment_method": "pm_1"}
SPOILED: list[Any] = [None, "", 0, -1, 1.5, True, [], {}, "x" * 256, "a b", "a\nb"]


@pytest.mark.parametrize("value", SPOILED, ids=repr)
@pytest.mark.parametrize("field", ["id", "customer", "amount"])
def test_a_payment_with_a_field_that_is_none_is_refused(field: str, value: Any) -> None:
    if field == "amount" and isinstance(value, str):
        value = "5"
    with pytest.raises(InputError, match=field):
        said("payment_intent.succeeded", {**PAID, field: value})
    with pytest.raises(InputError, match=field):
        said("payment_intent.succeeded", {name: PAID[name] for name in PAID if name != field})


def test_a_payment_in_other_money_is_refused() -> None:
    assert said("payment_intent.succeeded", {**PAID, "currency": "AUD"}) is not None
    with pytest.raises(InputError, match="'eur' is not aud"):
        said("payment_intent.succeeded", {**PAID, "currency": "eur"})


@pytest.mark.parametrize(
    "body",
    [b"", b"x", b"[]", b"{}", b'{"id":"e","type":"t","created":0,"data":{}}', b"\xff" * 9],
)
def test_a_body_that_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(InputError):
        event_of(body)


def test_a_known_event_about_nothing_is_refused() -> None:
    for data in ({}, {"object": None}, {"object": []}):
        event = {"id": "e", "type": "customer.updated", "created": NOW_S, "data": data}
        with pytest.raises(InputError, match="object"):
            judged(event_of(msgspec.json.encode(event)), "aud")


def test_an_entry_is_a_report_of_its_customer_by_its_kind() -> None:
    report = report_of_entry(32, "u1", usage("id-2", 12, NOW_S * 1000 + 999))
    assert (report.thing, report.uid, report.atid) == (32, uid_of("customer", "u1"), 3)
    assert (report.value, report.ts1, report.ts2) == (-12, NOW_S, NOW_S)
    other = report_of_entry(32, "u1", usage("id-3", 12, NOW_S * 1000))
    assert other.aid != report.aid


@pytest.mark.parametrize(
    ("kind", "cents"),
    [("usage", 1), ("failure", -1), ("topup_auto", 0), ("topup_manual", -5), ("refund", 1)],
)
def test_an_entry_has_the_sign_of_its_kind(kind: Any, cents: int) -> None:
    with pytest.raises(OutOfBoundsError):
        check_entry(LedgerEntry(id="x/1", kind=kind, cents=cents, at_ms=0))


@pytest.mark.parametrize(
    "spoiled", [{"id": ""}, {"id": "x" * 301}, {"id": "a\nb"}, {"note": "n" * 1001}]
)
def test_an_entry_without_a_proper_id_is_refused(spoiled: dict[str, str]) -> None:
    entry = LedgerEntry(id="adj/1", kind="adjustment", cents=1, at_ms=0)
    check_entry(entry)
    with pytest.raises(InputError):
        check_entry(msgspec.structs.replace(entry, **spoiled))
