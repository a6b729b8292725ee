"""The page of what-if tables: weeks as they were computed and by up to three others, side by side.

::

    GET /rewards/what-if?first=4&last=7&tables1=weeks_off_to_drop = 5&tables2=...
    ... &csv=1, &json=1

Tables are TOML in the form of conf/rewards.toml, of which a form shows what there is to change. All
of it stands in the address, so that it can be sent. What is wrong with a text is told beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from psd.domain.web_page import Answer, Shown, Visit, WebPage
from psd.errors import InputError, NotFoundError
from psd.queries.parsing import from_pairs
from psd.rewards.reward_words import (
    FILES,
    as_file,
    asked_of,
    check_all,
    is_file,
    link,
    number,
    tokens,
)
from psd.rewards.tables import Tables
from psd.rewards.what_if_listings import TriedWeek, WhatIfAnswer
from psd.rewards.what_if_questions import TABLES_MAX, WhatIfQuery, WhatIfQuestions

FIELDS = tuple(f"tables{at}" for at in range(1, TABLES_MAX + 1))
LETTERS = "ABC"


class TriedCell(msgspec.Struct, frozen=True):
    """What one of the tables makes of a week."""

    points: str
    change: str
    tone: str
    rows: str
    moved: str


class WeekBeside(msgspec.Struct, frozen=True):
    """A week as it was computed, and what each of the tables makes of it."""

    week: int
    points: str
    tried: Sequence[TriedCell]


class WhatIfPage:
    """Shows what other tables would have done."""

    def __init__(self, questions: WhatIfQuestions, tables: Tables) -> None:
        self._questions = questions
        self._tables = tables

    def pages(self) -> tuple[WebPage, ...]:
        """The one page."""
        asked = ("first", "last", *FIELDS, *FILES)
        return (WebPage(path="/what-if", show=self.show, parameters=asked, link="What if"),)

    async def show(self, visit: Visit) -> Answer:
        """The form, and where tables are told what they make of weeks."""
        check_all(visit)
        texts = [visit.query.get(name, "").strip() for name in FIELDS]
        given = [text.replace("\r\n", "\n") for text in texts if text]
        values: dict[str, Any] = {
            "texts": list(zip(FIELDS, LETTERS, texts, strict=True)),
            "first": visit.query.get("first", ""),
            "last": visit.query.get("last", ""),
            "example": example(self._tables),
            "version": self._tables.version,
            "error": "",
            "weeks": [],
            "names": [],
        }
        if not given:
            return Shown("what_if.html", values)
        try:
            answer = await self._questions.ask(asked_of(visit, _query(visit, given)))
        except (InputError, NotFoundError) as error:
            if is_file(visit):
                raise
            return Shown("what_if.html", {**values, "error": str(error)})
        here = {name: visit.query.get(name) for name in ("first", "last", *FIELDS)}
        letters = [letter for letter, text in zip(LETTERS, texts, strict=True) if text]
        return as_file(visit, "what-if", answer) or Shown(
            "what_if.html", {**values, **_shown(answer, letters, here)}
        )


def example(tables: Tables) -> str:
    """What of tables there is to change, as TOML."""
    lines = [f"weeks_off_to_drop = {tables.weeks_off_to_drop}", "levels = ["]
    lines += [
        f"  {{ weeks_min = {each.weeks_min}, points = {each.points} }}," for each in tables.levels
    ]
    lines += ["]", "integrations = ["]
    lines += [
        f'  {{ id = {each.id}, name = "{each.name}", points = {each.points} }},'
        for each in tables.integrations
    ]
    lines += ["]", f'tokens.split = "{tables.tokens.split}"']
    return "\n".join(lines)


def beside(answer: WhatIfAnswer) -> list[WeekBeside]:
    """Weeks in their order, each with what every table makes of it."""
    by_week: dict[int, list[TriedWeek]] = {}
    for each in answer.data:
        by_week.setdefault(each.week, []).append(each)
    return [
        WeekBeside(week, number(tried[0].points_before), [_cell(each) for each in tried])
        for week, tried in sorted(by_week.items())
    ]


def _query(visit: Visit, texts: list[str]) -> WhatIfQuery:
    weeks = [(name, visit.query[name]) for name in ("first", "last") if visit.query.get(name)]
    found = from_pairs([*weeks, ("tables", ""), ("tables", "")], WhatIfQuery)
    return msgspec.structs.replace(found, tables=texts)


def _cell(tried: TriedWeek) -> TriedCell:
    change = tried.points - tried.points_before
    tone = "up" if change > 0 else "down" if change else "same"
    told = f"{change:+,}" if change else "="
    return TriedCell(
        number(tried.points),
        told,
        tone,
        number(tried.rows_changed),
        tokens(tried.tokens_gained),
    )


def _shown(
    answer: WhatIfAnswer, letters: Sequence[str], here: dict[str, str | None]
) -> dict[str, Any]:
    named = zip(answer.tables, letters, strict=True)
    examples = [
        (
            each,
            letters[each.number - 1],
            number(each.streak_before),
            number(each.streak),
            number(each.points_before),
            number(each.points),
            tokens(each.tokens_before),
            tokens(each.tokens),
        )
        for each in answer.examples
    ]
    return {
        "names": [(letter, each.version, each.digest) for each, letter in named],
        "weeks": beside(answer),
        "examples": examples,
        "csv": link("/what-if", **here, csv=1),
        "json": link("/what-if", **here, json=1),
    }
