"""Which receipts are taken, and what is said of the others."""

from __future__ import annotations

import pytest

from psd.errors import ConflictError, InputError
from psd.rewards.decisions import Payout
from psd.rewards.receipts import Earned, Receipt, payout_of, read_receipts

WEEK = 10
NOW_S = 1_700_000_000
RUN_8 = Payout(WEEK, 7, "400", "run-8", 5)


def earned(tokens: int | None = 420, paid: Payout | None = RUN_8, owner: str = "") -> Earned:
    return Earned(tokens, owner, paid)


def test_a_file_is_its_receipts_with_their_lines() -> None:
    body = b'request,vehicle,note,tokens\r\nrun-9, 7 ,"two\r\nlines",420\r\n\r\nrun-9,8,,0\r\n'
    assert read_receipts([body], WEEK) == [
        Receipt(2, 7, 420, "run-9"),
        Receipt(5, 8, 0, "run-9"),
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("7,420,run-9,11,400,20", "line 2: week: 11, but the receipts are of week 10"),
        ("7,420,run-9,,400,20", "line 2: week: '' is no whole number"),
        ("7,420,run-9,10,400,21", "line 2: tokens: 420, but paid and due make 421"),
        ("7,420,run-9,10,400,-", "line 2: due: '-' is no whole number"),
        ("7.0,420,run-9,10,,", "line 2: vehicle: '7.0' is no whole number"),
        (f"{2**63},420,run-9,10,,", f"line 2: vehicle: {2**63} is past 2^63 - 1"),
        ("7,٤٢,run-9,10,,", "line 2: tokens: '٤٢' is no whole number"),
        (f"7,{'9' * 61},run-9,10,,", "line 2: tokens: "),
        ('7,420,"run\n9",10,,', "line 2: request: not a line of up to 1000 printable"),
        (f"7,420,{'r' * 1001},10,,", "line 2: request: not a line of up to 1000 printable"),
    ],
)
def test_a_line_that_breaks_a_rule_is_told(row: str, reason: str) -> None:
    body = f"vehicle,tokens,request,week,paid,due\n{row}\n".encode()
    with pytest.raises(InputError) as refused:
        read_receipts([body], WEEK)
    assert str(refused.value).startswith(reason)


def test_a_receipt_that_is_recorded_already_makes_nothing() -> None:
    assert payout_of(Receipt(2, 7, 400, "run-8"), WEEK, earned(), NOW_S) is None
    # Also when the week was computed again and the vehicle has less by now, or nothing.
    for tokens in (399, None):
        assert payout_of(Receipt(2, 7, 400, "run-8"), WEEK, earned(tokens), NOW_S) is None


def test_a_receipt_replaces_what_was_recorded_before() -> None:
    made = payout_of(Receipt(2, 7, 420, "run-9"), WEEK, earned(), NOW_S)
    assert made == Payout(WEEK, 7, "420", "run-9", NOW_S)


@pytest.mark.parametrize(
    ("receipt", "against", "reason"),
    [
        (Receipt(2, 7, 20, "run-9"), earned(), "line 2: tokens: 20 is less than the 400"),
        (Receipt(3, 7, 400, "run-9"), earned(), "line 3: request: 'run-9', but 'run-8' paid"),
        (Receipt(4, 7, 421, "run-9"), earned(), "line 4: tokens: 421 is more than the 420"),
        (
            Receipt(5, 7, 420, "run-9", "bob"),
            earned(owner="eve"),
            "line 5: owner: 'bob' was paid, but 'eve'",
        ),
    ],
)
def test_what_is_most_likely_a_mistake_needs_to_be_called_a_correction(
    receipt: Receipt, against: Earned, reason: str
) -> None:
    with pytest.raises(ConflictError) as refused:
        payout_of(receipt, WEEK, against, NOW_S)
    assert str(refused.value).startswith(reason)
    made = payout_of(receipt, WEEK, against, NOW_S, is_correction=True)
    assert made == Payout(WEEK, 7, str(receipt.tokens), receipt.request, NOW_S)


def test_a_vehicle_without_a_row_is_not_even_a_correction() -> None:
    for is_correction in (False, True):
        with pytest.raises(ConflictError, match="line 2: vehicle: 7 has no row in week 10"):
            payout_of(
                Receipt(2, 7, 0, ""), WEEK, earned(None, None), NOW_S, is_correction=is_correction
            )
