"""The pages of a vehicle and of an owner.

::

    GET /rewards/vehicles/7/?week=9      its statement, each number explained, and all its weeks
    GET /rewards/owners/42/              vehicles with streak, level and tokens, and the weeks
    ... csv=1, json=1                    the explanation as a file; of an owner csv=history too

Whoever may not see a vehicle is told of it what he is told of one that nobody knows.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from psd.domain.web_page import Answer, Shown, Visit, WebPage
from psd.errors import BadQueryError, NotFoundError
from psd.foreign_texts import shown
from psd.integers import integer_of
from psd.queries.parsing import from_pairs
from psd.rewards.listings import OwnerVehicle, WeekEntry
from psd.rewards.questions import RewardsQuestions, WeekQuery
from psd.rewards.reward_words import FILES, as_file, asked_of, is_file, link, number, part, tokens
from psd.rewards.statement import Statement
from psd.rewards.week_questions import OwnerOfQuery, WeekQuestions

WEEKS_DRAWN = 104
WEEKS_LISTED = 52
BAR_WIDTH, BAR_HEIGHT = 6, 60

MONEY = frozenset({"tokens", "paid"})


class WeekBar(msgspec.Struct, frozen=True):
    """A week of a chart: where its bar stands, how high it is, and what to say of it."""

    week: int
    x: int
    y: int
    height: int
    told: str


class ShownNumber(msgspec.Struct, frozen=True):
    """A number of a statement, and why it is what it is."""

    name: str
    value: str
    rule: str


class VehiclePages:
    """Shows vehicles and owners to those who may see them."""

    def __init__(self, questions: RewardsQuestions, weeks: WeekQuestions) -> None:
        self._questions = questions
        self._weeks = weeks

    def pages(self) -> tuple[WebPage, ...]:
        """Both of them."""
        return (
            WebPage(
                path="/vehicles/{vehicle}/",
                show=self.vehicle,
                parameters=("week", *FILES),
                named=True,
            ),
            WebPage(path="/owners/{owner}/", show=self.owner, parameters=FILES, named=True),
        )

    async def vehicle(self, visit: Visit) -> Answer:
        """A vehicle's week; where it has none of that number, those that it has."""
        vehicle = _vehicle(visit.names["vehicle"])
        pairs = [("week", visit.query["week"])] if visit.query.get("week") else []
        query = from_pairs(pairs, WeekQuery)
        told, error = None, ""
        try:
            told = await self._questions.statement(asked_of(visit, query, id=vehicle))
        except NotFoundError as refused:
            if is_file(visit):
                raise
            error = str(refused)
        if told is not None:
            name = f"vehicle-{vehicle}-week-{told.week}"
            file = as_file(visit, name, told, "explanation")
            if file is not None:
                return file
        history = await self._weeks.of_vehicle(asked_of(visit, WeekQuery(), id=vehicle))
        if told is None and not history.data:
            raise NotFoundError(f"{error}. Nothing is known of vehicle {vehicle} that you may see")
        return Shown("vehicle.html", _values(vehicle, told, history.data, error))

    async def owner(self, visit: Visit) -> Answer:
        """An owner's vehicles and weeks."""
        owner = visit.names["owner"]
        asked = asked_of(visit, OwnerOfQuery(owner))
        vehicles = await self._weeks.vehicles(asked)
        history = await self._weeks.history(asked)
        wanted = visit.query.get("csv") or visit.query.get("json")
        name, answer = ("history", history) if wanted == "history" else ("vehicles", vehicles)
        file = as_file(visit, f"owner-{name}", answer)
        if file is not None:
            return file
        path = f"/owners/{part(vehicles.owner)}/"
        return Shown(
            "owner.html",
            {
                "owner": vehicles.owner,
                "path": path,
                "at_risk": link("/at-risk", owner=vehicles.owner),
                "week": vehicles.week,
                "lines": [(each, tokens(each.tokens), _state(each)) for each in vehicles.data],
                "points": number(sum(each.points for each in vehicles.data)),
                "tokens": tokens(str(sum(int(each.tokens) for each in vehicles.data))),
                "weeks": [(each, tokens(each.tokens)) for each in history.data[:WEEKS_LISTED]],
                "more": len(history.data) > WEEKS_LISTED,
                "bars": bars(history.data),
            },
        )


def bars(weeks: Sequence[WeekEntry]) -> list[WeekBar]:
    """The newest weeks from left to right, gaps left out of the drawing but not of its width."""
    drawn = [each for each in weeks if each.week > weeks[0].week - WEEKS_DRAWN] if weeks else []
    most = max((each.points for each in drawn), default=0)
    first = min((each.week for each in drawn), default=0)
    found = []
    for each in reversed(drawn):
        height = round(BAR_HEIGHT * max(each.points, 0) / most) if most > 0 else 0
        x, height = (each.week - first) * BAR_WIDTH, max(height, 1)
        told = f"Week {each.week}, from {each.start[:10]}: {each.points:,} points"
        found.append(WeekBar(each.week, x, BAR_HEIGHT - height, height, told))
    return found


def _values(
    vehicle: int, told: Statement | None, weeks: Sequence[WeekEntry], error: str
) -> dict[str, object]:
    path = f"/vehicles/{vehicle}/"
    week = None if told is None else told.week
    known = sorted(each.week for each in weeks)
    earlier = max((each for each in known if week is not None and each < week), default=None)
    later = min((each for each in known if week is not None and each > week), default=None)
    return {
        "vehicle": vehicle,
        "path": path,
        "told": told,
        "numbers": [] if told is None else _numbers(told),
        "earlier": link(path, week=earlier) if earlier is not None else "",
        "later": link(path, week=later) if later is not None else "",
        "csv": link(path, week=week, csv=1),
        "json": link(path, week=week, json=1),
        "bars": bars(weeks),
        "newest": known[-1] if known else None,
        "error": error,
    }


def _numbers(told: Statement) -> list[ShownNumber]:
    """The numbers of a statement in its order, each with its rule."""
    return [
        ShownNumber(
            each.number.replace("_", " "),
            tokens(str(each.value)) if each.number in MONEY else f"{each.value:,}",
            each.rule,
        )
        for each in told.explanation
    ]


def _state(vehicle: OwnerVehicle) -> tuple[str, str]:
    """How a vehicle stands in the open week, and in which tone."""
    if vehicle.connected:
        return "on", "free"
    return ("active, does not count", "waiting") if vehicle.active else ("not yet", "busy")


def _vehicle(text: str) -> int:
    number = integer_of(text)
    if number is None or number < 0:
        raise BadQueryError(f"vehicle: {shown(text)} is no vehicle's number")
    return number
