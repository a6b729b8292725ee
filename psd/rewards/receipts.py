"""What whoever pays says was paid, and whether it can be so. Pure.

A receipts file is a table with the columns vehicle, tokens, request. Other columns are not read,
but for those of an export, which must agree. Of week 10, in which vehicle 7 earned 420 wei, of
which 400 were recorded as request run-8::

    vehicle,tokens,request      7,420,run-9     -> recorded
                                7,400,run-8     -> recorded already
                                7,20,run-9      -> less than was recorded: tokens is the total
                                7,400,run-9     -> another request for the same tokens
                                7,421,run-9     -> more than it earned
                                8,5,run-9       -> no row in week 10

All but the last may be true for once: what was recorded was wrong, or the week was computed again
after it was paid. Whoever knows that calls it a correction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from psd.csv_table import Table, unbroken
from psd.errors import ConflictError, MalformedError, OutOfBoundsError
from psd.rewards.decisions import TEXT_MAX, Payout
from psd.rewards.vehicles import owner_text

COLUMNS = ("vehicle", "tokens", "request")
DIGITS_MAX = 60
"""A pool of 10^60 is more than anybody pays; longer numbers are mistakes."""

VEHICLE_END = 2**63


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """One line of a receipts file: all that was paid for the week so far, and what paid it.

    ``owner`` is who was paid, empty where the file does not say.
    """

    line: int
    vehicle: int
    tokens: int
    request: str
    owner: str = ""


class Earned(msgspec.Struct, frozen=True):
    """What a receipt is held against; ``tokens`` is None for a vehicle without a row."""

    tokens: int | None
    owner: str
    paid: Payout | None


def read_receipts(chunks: Iterable[bytes], week: int) -> list[Receipt]:
    """The receipts of a week in a CSV text.

    Raises an InputError that names the line; then none may be recorded.
    """
    table = Table(chunks)
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise MalformedError(
            f"line {table.line}: no column {missing[0]!r}; expected {', '.join(COLUMNS)}"
        )
    lines: dict[int, int] = {}
    receipts = []
    for record in unbroken(table):
        cells = dict(zip(table.columns, map(str.strip, record.cells), strict=True))
        receipt = _receipt(record.line, cells, week)
        before = lines.setdefault(receipt.vehicle, record.line)
        if before != record.line:
            raise MalformedError(
                f"line {record.line}: vehicle: {receipt.vehicle} stands twice (line {before})"
            )
        receipts.append(receipt)
    return receipts


def payout_of(
    receipt: Receipt, week: int, earned: Earned, now_s: int, *, is_correction: bool = False
) -> Payout | None:
    """The payout that a receipt makes, None for one that is recorded already.

    Raises ConflictError, which names the line, for what cannot be or, unless it is a correction,
    for what is most likely a mistake.
    """
    before = earned.paid
    if before and (before.tokens, before.request) == (str(receipt.tokens), receipt.request):
        return None
    where = f"line {receipt.line}"
    if earned.tokens is None:
        raise ConflictError(f"{where}: vehicle: {receipt.vehicle} has no row in week {week}")
    doubt = None if is_correction else _doubt(receipt, earned)
    if doubt:
        raise ConflictError(f"{where}: {doubt}")
    return Payout(week, receipt.vehicle, str(receipt.tokens), receipt.request, now_s)


def _doubt(receipt: Receipt, earned: Earned) -> str | None:
    before, tokens = earned.paid, receipt.tokens
    if before and tokens < int(before.tokens):
        return (
            f"tokens: {tokens} is less than the {before.tokens} that were recorded before; "
            "it is all that was paid for the week"
        )
    if before and tokens == int(before.tokens):
        return f"request: {receipt.request!r}, but {before.request!r} paid these tokens"
    if tokens > (earned.tokens or 0):
        return f"tokens: {tokens} is more than the {earned.tokens} that the vehicle earned"
    if receipt.owner and earned.owner and receipt.owner != earned.owner:
        return f"owner: {receipt.owner!r} was paid, but {earned.owner!r} is the owner"
    return None


def _receipt(line: int, cells: Mapping[str, str], week: int) -> Receipt:
    where = f"line {line}"
    if "week" in cells and _whole(where, "week", cells["week"]) != week:
        raise MalformedError(f"{where}: week: {cells['week']}, but the receipts are of week {week}")
    vehicle = _whole(where, "vehicle", cells["vehicle"])
    if vehicle >= VEHICLE_END:
        raise OutOfBoundsError(f"{where}: vehicle: {vehicle} is past 2^63 - 1")
    tokens = _whole(where, "tokens", cells["tokens"])
    if cells.get("paid") and cells.get("due"):
        told = _whole(where, "paid", cells["paid"]) + _whole(where, "due", cells["due"])
        if tokens != told:
            raise MalformedError(f"{where}: tokens: {tokens}, but paid and due make {told}")
    request = cells["request"]
    if len(request) > TEXT_MAX or not request.isprintable():
        raise MalformedError(
            f"{where}: request: not a line of up to {TEXT_MAX} printable characters"
        )
    return Receipt(line, vehicle, tokens, request, owner_text(cells.get("owner", "")))


def _whole(where: str, name: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= DIGITS_MAX):
        raise MalformedError(f"{where}: {name}: {text[:DIGITS_MAX]!r} is no whole number")
    return int(text)
