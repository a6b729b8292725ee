"""Cells as people and spreadsheets write numbers, as the whole numbers that psd books. Pure.

::

    "200", "200.0", 200.0, "+200"    -> 200
    "200.5"                          -> refused: not a whole number; --scale books parts of a unit
    "0.125" with --scale 1000        -> 125, computed in decimals: never 124 or 125.00000000000001
    "1,200"                          -> refused: write it without separators
    "1.000"                          -> refused: it may be 1 or 1000; with --scale 1 it is 1
    "1.5E+09"                        -> refused: a spreadsheet has rounded it

A number of JSON is taken as it is written there, also with a fraction.
"""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

from psd.errors import MalformedError, WrongTypeError
from psd.users import canonical, name_of

SHOWN_CHARACTERS = 100

_WHOLE = re.compile(r"[+-]?[0-9]{1,19}(?:\.0*)?\Z")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})\Z")
_SEPARATED = re.compile(
    r"[+-]?[1-9][0-9]{0,2}(?:[,.' _\u00a0\u2019\u202f][0-9]{3})+(?:[,.][0-9]*)?\Z"
)
_EITHER = re.compile(r"[+-]?[1-9][0-9]{0,2}\.000\Z")
"""One or a thousand: a point parts thousands where a comma begins decimals."""

_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+\Z")
_EXPONENT = re.compile(r"[+-]?[0-9.]+[eE][+-]?[0-9]+\Z")


def scale_of(text: str) -> Fraction:
    """What --scale says; raises ValueError for what is no decimal above 0."""
    if not _DECIMAL.match(text) or Fraction(text) <= 0:
        raise ValueError(f"{text!r} is not a decimal above 0, for example 1000 or 0.01")
    return Fraction(text)


def is_blank(cell: object) -> bool:
    """Whether a cell has nothing in it."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def value_of(cell: object, column: str, scale: Fraction | None = None) -> int:
    """The whole number that a cell stands for, times the scale; raises an InputError."""
    if scale is None:
        return whole_number(cell, column, hint="; --scale books parts of a unit")
    text = text_of(cell, column)
    if not _DECIMAL.match(text):
        raise WrongTypeError(f"{column}: {_shown(cell)} is not a number{_reason(text)}")
    scaled = Fraction(text) * scale
    if scaled.denominator != 1:
        raise WrongTypeError(
            f"{column}: {_shown(cell)} times {_decimal(scale)} is not a whole number; "
            "a larger --scale keeps more decimals"
        )
    return scaled.numerator


def whole_number(cell: object, column: str, hint: str = "") -> int:
    """The whole number that a cell stands for; ``hint`` is told where it has a fraction."""
    text = text_of(cell, column)
    if isinstance(cell, str) and _EITHER.match(text):
        raise WrongTypeError(
            f"{column}: {_shown(cell)} may be {int(text[:-4])} or {int(text[:-4])}000; write it "
            "without the point, or say --scale 1 where it begins decimals"
        )
    if _WHOLE.match(text):
        return int(text.partition(".")[0])
    told = hint if _DECIMAL.match(text) and "." in text else _reason(text)
    raise WrongTypeError(f"{column}: {_shown(cell)} is not a whole number{told}")


def user_of_cell(cell: object, column: str) -> int | str:
    """The user that a cell names: a whole number, or a canonical name.

    What a spreadsheet would call a number is one, or refused as one: it may be a user's number that
    was rounded on its way. ``007`` is refused as everywhere: it is neither user 7 nor another one.
    """
    text = text_of(cell, column)
    if isinstance(cell, str) and _WHOLE.match(text):
        name_of(text.partition(".")[0], column)
    if not isinstance(cell, str) or _is_numeric(text):
        return whole_number(cell, column)
    return canonical(text, column)


def _is_numeric(text: str) -> bool:
    patterns = (_WHOLE, _DECIMAL, _SEPARATED, _COMMA, _EXPONENT)
    return any(pattern.match(text) for pattern in patterns)


def text_of(cell: object, column: str) -> str:
    """What is written in a cell; raises an InputError for nothing, or for no text and no number."""
    if is_blank(cell):
        raise MalformedError(f"{column}: blank")
    if isinstance(cell, bool) or not isinstance(cell, str | int | Decimal):
        raise WrongTypeError(f"{column}: {_shown(cell)} is neither a number nor a text")
    if isinstance(cell, Decimal) and abs(cell.adjusted()) < SHOWN_CHARACTERS:
        return f"{cell:f}"
    return str(cell).strip()


def _reason(text: str) -> str:
    """What is wrong with a text that a spreadsheet would call a number."""
    if _SEPARATED.match(text):
        return "; write it without separators of thousands"
    if _COMMA.match(text):
        return "; write a point where the decimals begin"
    if _EXPONENT.match(text):
        return "; a spreadsheet has rounded it: write all its digits"
    return ""


def _decimal(scale: Fraction) -> str:
    return f"{Decimal(scale.numerator) / scale.denominator:f}"


def _shown(cell: object) -> str:
    shown = str(cell) if isinstance(cell, Decimal) else repr(cell)
    return shown if len(shown) <= SHOWN_CHARACTERS else f"{shown[:SHOWN_CHARACTERS]}..."
