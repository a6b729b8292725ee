"""From the text of a PromQL expression to its tree, or to what about it psd does not answer. Pure.

The subset::

    expression = term { ("+" | "-") term }                 of numbers alone
    term       = operand { "*" operand }
    operand    = ["-" | "+"] number | "(" expression ")" | selector
               | ("increase" | "sum_over_time") "(" selector "[" duration "]" ")"
               | "sum" ["by" "(" labels ")"] "(" expression ")" ["by" "(" labels ")"]
               | "topk" "(" number "," expression ")"
    selector   = name ["{" matchers "}"] | "{" matchers "}"

    parsed('rate(steps{uid="7"}[5m])')
    -> BadQueryError: query: rate() is not answered; psd has sum_over_time, increase, sum, topk
"""

from __future__ import annotations

from typing import cast

from psd.errors import BadQueryError
from psd.names import unknown
from psd.prometheus.lexer import Token, duration_ms, tokens_of
from psd.prometheus.tree import (
    Expression,
    Increase,
    Matcher,
    Number,
    Operator,
    Selector,
    Sum,
    Top,
)

NESTING_MAX = 32
TOP_MAX = 1000
MATCHERS_MAX = 32

WINDOWED = ("sum_over_time", "increase")
ANSWERED = "psd has sum_over_time, increase, sum, topk"
OPERATORS = ("=", "!=", "=~", "!~")
REFUSED = frozenset({"/", "%", "^", "==", "!=", "<", ">", "<=", ">="})
LABELS = ("__name__", "thing", "uid", "atid", "board")


def parsed(text: str) -> Expression:
    """The tree of an expression; raises BadQueryError."""
    parser = _Parser(tokens_of(text))
    found = parser.expression()
    parser.expect_end()
    return found


def parsed_selector(text: str) -> Selector:
    """A selector alone, as ``match[]`` takes it; raises BadQueryError."""
    parser = _Parser(tokens_of(text))
    found = parser.selector()
    parser.expect_end()
    return found


class _Parser:
    """Reads tokens from left to right, one ahead."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._place = 0
        self._depth = 0

    def expect_end(self) -> None:
        token = self._ahead
        if token.kind == "end":
            return
        if token.text in ("offset", "@"):
            raise BadQueryError(f"query: {token.text} is not answered; move the time instead")
        if token.text == "[":
            raise BadQueryError("query: a range stands in increase or sum_over_time alone")
        raise _unexpected(token, "the end, or an operator between numbers")

    def expression(self) -> Expression:
        """Terms added up."""
        self._depth += 1
        if self._depth > NESTING_MAX:
            raise BadQueryError(f"query: nested deeper than {NESTING_MAX} levels")
        left = self._term()
        while self._ahead.text in ("+", "-") and self._ahead.kind == "sign":
            sign = self._next()
            right = self._term()
            value = _number(right, sign)
            left = Number(_number(left, sign) + (value if sign.text == "+" else -value))
        if self._ahead.kind == "sign" and self._ahead.text in REFUSED:
            raise BadQueryError(f"query: {self._ahead.text} is not answered; {ANSWERED}")
        self._depth -= 1
        return left

    def selector(self) -> Selector:
        """A name, matchers, or both."""
        name = self._next().text if self._ahead.kind == "name" else None
        if self._is("{"):
            return Selector(name, self._matchers())
        if name is None:
            raise _unexpected(self._ahead, "a metric, or matchers in braces")
        return Selector(name, ())

    @property
    def _ahead(self) -> Token:
        return self._tokens[self._place]

    def _next(self) -> Token:
        token = self._tokens[self._place]
        self._place += token.kind != "end"
        return token

    def _is(self, sign: str) -> bool:
        return self._ahead.kind == "sign" and self._ahead.text == sign

    def _take(self, sign: str) -> None:
        if not self._is(sign):
            raise _unexpected(self._ahead, f"'{sign}'")
        self._next()

    def _term(self) -> Expression:
        left = self._operand()
        while self._is("*"):
            sign = self._next()
            left = Number(_number(left, sign) * _number(self._operand(), sign))
        return left

    def _operand(self) -> Expression:
        token = self._ahead
        if token.kind == "number":
            return Number(float(self._next().text))
        if token.kind == "sign" and token.text in ("-", "+"):
            return self._signed()
        if self._is("("):
            self._next()
            found = self.expression()
            self._take(")")
            return found
        if token.kind == "name" and self._is_called():
            return self._called()
        return self.selector()

    def _signed(self) -> Number:
        sign = self._next()
        if self._ahead.kind != "number":
            raise BadQueryError(f"query: {sign.text} stands before numbers alone")
        value = float(self._next().text)
        return Number(-value if sign.text == "-" else value)

    def _is_called(self) -> bool:
        after = self._tokens[self._place + 1]
        return (after.kind == "sign" and after.text == "(") or (
            after.kind == "name" and after.text.lower() in ("by", "without")
        )

    def _called(self) -> Expression:
        name = self._next().text
        if name.lower() == "sum":
            return self._sum()
        if name.lower() == "topk":
            return self._top()
        if name in WINDOWED:
            return self._increase(name)
        raise BadQueryError(f"query: {name}() is not answered; {ANSWERED}")

    def _sum(self) -> Sum:
        by = self._grouping()
        self._take("(")
        of = self.expression()
        self._take(")")
        return Sum(_vector(of, "sum"), by or self._grouping())

    def _top(self) -> Top:
        if self._grouping():
            raise BadQueryError("query: topk is answered without by")
        self._take("(")
        count = self.expression()
        if not isinstance(count, Number) or not 1 <= count.value <= TOP_MAX:
            raise BadQueryError(f"query: topk takes a number from 1 to {TOP_MAX} first")
        self._take(",")
        of = self.expression()
        self._take(")")
        return Top(int(count.value), _vector(of, "topk"))

    def _increase(self, name: str) -> Increase:
        self._take("(")
        selector = self.selector()
        if not self._is("["):
            raise BadQueryError(f"query: {name} takes a range, as in {name}(steps{{...}}[1h])")
        self._next()
        token = self._next()
        if token.kind != "duration":
            raise _unexpected(token, "a duration such as 1h30m")
        if self._ahead.text.startswith(":"):
            raise BadQueryError(f"query: subqueries are not answered; {ANSWERED}")
        self._take("]")
        if self._ahead.text in ("offset", "@"):
            self.expect_end()
        self._take(")")
        window_ms = duration_ms(token.text)
        if window_ms == 0:
            raise BadQueryError(f"query: the range {token.text} holds nothing")
        return Increase(selector, window_ms)

    def _grouping(self) -> tuple[str, ...]:
        word = self._ahead.text.lower() if self._ahead.kind == "name" else ""
        if word == "without":
            raise BadQueryError("query: without is not answered; name the labels in by")
        if word != "by":
            return ()
        self._next()
        self._take("(")
        labels: list[str] = []
        while self._ahead.kind == "name":
            labels.append(_label(self._next()))
            if not self._is(","):
                break
            self._next()
        self._take(")")
        return tuple(dict.fromkeys(labels))

    def _matchers(self) -> tuple[Matcher, ...]:
        self._take("{")
        found: list[Matcher] = []
        while not self._is("}"):
            found.append(self._matcher())
            if not self._is(","):
                break
            self._next()
        self._take("}")
        if len(found) > MATCHERS_MAX:
            raise BadQueryError(f"query: {len(found)} matchers, at most {MATCHERS_MAX}")
        return tuple(found)

    def _matcher(self) -> Matcher:
        token = self._next()
        # A quoted name that stands alone is a metric's, whatever characters it has.
        if token.kind == "text" and (self._is(",") or self._is("}")):
            return Matcher("__name__", "=", token.text)
        if token.kind not in ("name", "text"):
            raise _unexpected(token, "a label")
        label = _label(token)
        operator = self._next()
        if operator.text not in OPERATORS:
            raise _unexpected(operator, "=, =~ or !=")
        value = self._next()
        if value.kind != "text":
            raise _unexpected(value, "a text in quotes")
        return Matcher(label, cast(Operator, operator.text), value.text)


def _label(token: Token) -> str:
    if token.text not in LABELS:
        raise BadQueryError(f"query: label {token.text[:64]!r} {unknown(token.text, LABELS)}")
    return token.text


def _number(of: Expression, sign: Token) -> float:
    if isinstance(of, Number):
        return of.value
    raise BadQueryError(f"query: {sign.text} is answered between numbers alone")


def _vector(of: Expression, name: str) -> Expression:
    if isinstance(of, Number):
        raise BadQueryError(f"query: {name} takes series, not a number")
    return of


def _unexpected(token: Token, wanted: str) -> BadQueryError:
    found = f"{token.text[:40]!r} at character {token.at}" if token.kind != "end" else "the end"
    return BadQueryError(f"query: {found} where {wanted} is expected")
