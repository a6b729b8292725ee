"""The subset of PromQL: what is read, what is refused, which seconds count, what is still exact."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psd.clock import utc_text
from psd.engine.plan import Range
from psd.engine.series import BucketQuestion
from psd.engine.series_columns import Series
from psd.errors import BadQueryError, DetailExpiredError, TooLargeError
from psd.prometheus.evaluation import EvaluatedSeries, added, largest
from psd.prometheus.instants import POINTS_MAX, instant_ms, step_ms, stepped, windows
from psd.prometheus.lexer import CHARACTERS_MAX, duration_ms
from psd.prometheus.parser import parsed, parsed_selector
from psd.prometheus.reading import Counted, exact_sums, sums
from psd.prometheus.selection import PRESENT, Metric, Selection, selected
from psd.prometheus.tree import Increase, Matcher, Number, Selector, Sum, Top

THINGS = {"steps": 1, "calories": 2}
OF_7 = Selector("steps", (Matcher("uid", "=", "7"),))
DAY_S = 86_400
MIDNIGHT_S = 1_460_419_200


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("steps", Selector("steps", ())),
        ('steps{uid="7"}', OF_7),
        ("steps{uid='7',}  # of user 7", OF_7),
        ("( steps {\n uid = `7` } )", OF_7),
        (r'steps{uid="\x37"}', OF_7),
        ('{__name__="steps"}', Selector(None, (Matcher("__name__", "=", "steps"),))),
        ('{"steps"}', Selector(None, (Matcher("__name__", "=", "steps"),))),
        ('increase(steps{uid="7"}[1h])', Increase(OF_7, 3_600_000)),
        ('sum_over_time(steps{uid="7"}[1m0s])', Increase(OF_7, 60_000)),
        ('sum(steps{uid="7"})', Sum(OF_7, ())),
        ('sum by (uid, atid) (steps{uid="7"})', Sum(OF_7, ("uid", "atid"))),
        ('SUM(steps{uid="7"}) by (uid)', Sum(OF_7, ("uid",))),
        ('topk(3, sum by (uid) (steps{uid="7"}))', Top(3, Sum(OF_7, ("uid",)))),
        ("1+1", Number(2.0)),
        ("2 * (3 - -1) - 1.5e1", Number(-7.0)),
        ("sum", Selector("sum", ())),
    ],
)
def test_the_subset_is_read(text: str, tree: object) -> None:
    assert parsed(text) == tree


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the end where a metric"),
        ("steps{", "the end where a label"),
        ('steps{uid="7"', "the end where '}'"),
        ("steps{uid=7}", "'7' at character 10 where a text in quotes"),
        ('steps{job="x"}', "label 'job' is unknown; known are __name__, thing, uid, atid, board"),
        ('steps{uid="\\q"}', "unknown escape"),
        ("increase(steps[$__range])", "cannot be read from character 15"),
        ("increase(steps)", "increase takes a range"),
        ("increase(steps[0s])", "holds nothing"),
        ("increase(steps[2000y])", "longer than a thousand years"),
        ("increase(steps[1d:1h])", "subqueries are not answered"),
        ("increase(steps[1d] offset 1d)", "offset is not answered"),
        ("steps[1d]", "a range stands in increase or sum_over_time alone"),
        ("steps offset 1h", "offset is not answered"),
        ("steps @ 5", "@ is not answered"),
        (
            "rate(steps[5m])",
            r"rate\(\) is not answered; psd has sum_over_time, increase, sum, topk",
        ),
        ("avg by (uid) (steps)", r"avg\(\) is not answered"),
        ("sum without (uid) (steps)", "without is not answered"),
        ("topk by (uid) (3, steps)", "topk is answered without by"),
        ("topk(0, steps)", "a number from 1 to 1000"),
        ("topk(steps, 3)", "a number from 1 to 1000"),
        ("sum(1)", "sum takes series"),
        ("steps / 60", "/ is not answered"),
        ("steps > 5", "> is not answered"),
        ("steps + steps", r"\+ is answered between numbers alone"),
        ("-steps", "- stands before numbers alone"),
        ("steps calories", "'calories' at character 6 where the end"),
        ("(" * 40_000 + "steps" + ")" * 20_000, "nested deeper than 32 levels"),
        ("sum(" * 10_000, "nested deeper than 32 levels"),
        ("9" * (CHARACTERS_MAX + 1), "at most 65536"),
    ],
)
def test_everything_else_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(BadQueryError, match=reason):
        parsed(text)


@given(st.text(max_size=60) | st.text(alphabet='sumtopk(){}[]"=~!,1h by steps+-*\\', max_size=60))
def test_any_text_is_a_tree_or_a_bad_query(text: str) -> None:
    try:
        parsed(text)
    except BadQueryError:
        return


def test_durations_add_up_their_parts() -> None:
    assert duration_ms("1h30m") == 5_400_000
    assert duration_ms("1w2d3h4m5s6ms") == 7 * 86_400_000 + 2 * 86_400_000 + 11_045_006


def asked(text: str) -> Selection:
    return selected(parsed_selector(text), THINGS)


def test_alternatives_are_names_that_are_written_out() -> None:
    assert asked('steps{uid=~"7|8"}').uids == asked('steps{uid=~"(7|8)"}').uids == [7, 8]
    assert asked(r'steps{board=~"april\\.16|may-17"}').boards == ["april.16", "may-17"]
    assert asked('steps{uid=~"7|8",uid="8"}').uids == [8]


def test_whatever_it_says_is_asked_for_and_anything_asks_for_nothing() -> None:
    assert asked('steps{board!="",atid=~".+"}') == Selection(
        [Metric("steps", "steps", 1)], None, PRESENT, None, is_split=True
    )
    assert asked('steps{uid=~".*",atid=~".*"}') == asked("steps")


def test_a_thing_has_two_metrics() -> None:
    assert asked("steps").metrics == [Metric("steps", "steps", 1)]
    assert asked('psd_sum{thing="steps"}').metrics == [Metric("psd_sum", "steps", 1)]
    assert [metric.thing for metric in asked("psd_sum").metrics] == ["calories", "steps"]
    assert [each.name for each in asked('{__name__!=""}').metrics] == [
        "calories",
        "steps",
        "psd_sum",
        "psd_sum",
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("floors", "metric 'floors' is unknown; known are calories, steps, psd_sum"),
        ('{uid="7"}', "a metric is missing"),
        ('steps{__name__="calories"}', "__name__ is said twice"),
        ('steps{thing="steps"}', "thing is a label of psd_sum alone"),
        ('psd_sum{thing="floors"}', "thing 'floors' is unknown"),
        ('steps{uid="07"}', "'07' is not a 64-bit integer"),
        ('steps{uid=""}', "'' is empty"),
        ('steps{uid!="7"}', "is not answered; say = or =~"),
        ('steps{uid!~"7"}', "is not answered; say = or =~"),
        ('steps{uid=~"7.*"}', "name what is meant"),
        ('steps{uid=~"[78]"}', "name what is meant"),
    ],
)
def test_a_selector_that_names_nothing_is_refused(text: str, reason: str) -> None:
    with pytest.raises(BadQueryError, match=reason):
        asked(text)


def test_alternatives_have_a_limit() -> None:
    with pytest.raises(TooLargeError, match="1001 alternatives of uid"):
        asked(f'steps{{uid=~"{"|".join(map(str, range(1001)))}"}}')


def test_times_are_decimals_or_rfc_3339_and_steps_may_be_durations() -> None:
    assert instant_ms("1460419200.781", "time") == 1_460_419_200_781
    assert instant_ms("1.4604192e9", "time") == instant_ms("2016-04-12T00:00:00Z", "time")
    assert instant_ms("1460419200500e-3", "time") == 1_460_419_200_500
    assert instant_ms("20160412", "time") == 20_160_412_000
    assert step_ms("15") == step_ms("15s") == 15_000
    assert step_ms("0.5") == 500
    assert stepped("0", "2", "1") == [0, 1000, 2000]


@pytest.mark.parametrize(
    ("texts", "milliseconds"),
    [
        (("2016-04-12T00:00:01.500Z", "1460419201.5", "1.4604192015e9"), 1_460_419_201_500),
        (("2016-04-12T00:00:01.4994Z", "1460419201.4994"), 1_460_419_201_499),
        (("2016-04-12T00:00:01.9995Z", "1460419201.9995"), 1_460_419_202_000),
        (("2016-04-12T02:00:01.25+02:00", "2016-04-12T02:00:01.25 02:00"), 1_460_419_201_250),
        (("1969-12-31T23:59:59.75Z", "-0.25", "-25e-2"), -250),
        (("2016-12-31T23:59:60.5Z", "1483228800.5"), 1_483_228_800_500),
    ],
)
def test_one_instant_is_one_number_however_it_is_written(
    texts: tuple[str, ...], milliseconds: int
) -> None:
    assert {instant_ms(text, "time") for text in texts} == {milliseconds}


@given(st.integers(0, 7_258_118_399_999))
def test_any_millisecond_is_the_same_as_a_decimal_and_as_a_time(at_ms: int) -> None:
    decimal = f"{at_ms // 1000}.{at_ms % 1000:03}"
    text = f"{utc_text(at_ms // 1000)[:-1]}.{at_ms % 1000:03}Z"
    assert instant_ms(decimal, "time") == instant_ms(text, "time") == at_ms


@pytest.mark.parametrize("text", ["1460419200000", "1e99", "-1e14", "soon", "-7d", "now"])
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(BadQueryError, match=r"^time: "):
        instant_ms(text, "time")


@pytest.mark.parametrize(
    ("start", "end", "step", "field"),
    [
        ("x", "2", "1", "start"),
        ("0", "1e99", "1", "end"),
        ("3", "2", "1", "end"),
        ("0", "2", "0", "step"),
        ("0", "2", "-1", "step"),
        ("0", "2", "x", "step"),
        ("0", str(POINTS_MAX), "1", "step"),
    ],
)
def test_a_range_that_has_no_instants_is_refused(
    start: str, end: str, step: str, field: str
) -> None:
    with pytest.raises(BadQueryError, match=f"^{field}: "):
        stepped(start, end, step)


def test_a_window_of_a_day_that_ends_at_midnight_is_that_day() -> None:
    assert windows([MIDNIGHT_S * 1000], 86_400_000) == [Range(MIDNIGHT_S - DAY_S, MIDNIGHT_S)]


def test_between_two_seconds_what_counts_is_what_had_counted_at_the_first() -> None:
    assert windows([MIDNIGHT_S * 1000 + 999], 1000) == [Range(MIDNIGHT_S - 1, MIDNIGHT_S)]


def test_an_instant_before_1970_sees_nothing() -> None:
    assert windows([-5000], None) == [Range(0, 0)]


class ListEngine:
    """An engine over (uid, second, value); before ``kept_s`` it knows whole days alone."""

    def __init__(self, bookings: Sequence[tuple[int, int, int]], kept_s: int = 0) -> None:
        self.bookings = bookings
        self.kept_s = kept_s
        self.calls = 0

    async def series(
        self, uids: Sequence[int], question: BucketQuestion
    ) -> list[dict[int | None, Series]]:
        self.calls += 1
        if any(edge < self.kept_s and edge % DAY_S for edge in question.boundaries):
            raise DetailExpiredError("range: expired", "day")
        ends = list(question.boundaries)
        return [
            {
                None: Series(
                    [self._sum(uid, *ends[at : at + 2]) for at in range(len(ends) - 1)], None
                )
            }
            for uid in uids
        ]

    async def series_of_all(
        self, uids: Sequence[int], question: BucketQuestion
    ) -> dict[int | None, Series]:
        columns = [each[None].sums for each in await self.series(uids, question)]
        return {None: Series([sum(each) for each in zip(*columns, strict=True)], None)}

    async def standings(
        self,
        uids: Sequence[int],
        thing: int,
        range_: Range,
        *,
        atids: frozenset[int] | None = None,
    ) -> list[int]:
        boundaries = [range_.start, range_.end]
        question = BucketQuestion(thing, boundaries, atids, by_atid=False)
        return [each[None].sums[0] for each in await self.series(uids, question)]

    def _sum(self, uid: int, start: int, end: int) -> int:
        return sum(v for who, at, v in self.bookings if who == uid and start <= at < end)


booked = st.lists(
    st.tuples(st.sampled_from([1, 2]), st.integers(0, 400), st.integers(-9, 99)), max_size=30
)


@given(
    booked,
    st.lists(st.integers(-5_000, 500_000), min_size=1, max_size=12),
    st.none() | st.integers(1, 300_000),
    st.booleans(),
)
@pytest.mark.slow("examples of Hypothesis")
def test_windows_are_the_sums_of_their_seconds(
    bookings: list[tuple[int, int, int]], instants: list[int], window: int | None, merged: bool
) -> None:
    counted = Counted([1, 2], 1, None, by_atid=False, merged=merged)
    found = asyncio.run(sums(ListEngine(bookings), counted, windows(instants, window)))
    for place in range(1 if merged else 2):
        expected = [
            sum(
                value
                for uid, second, value in bookings
                if (merged or uid == place + 1)
                # Booked in a second: known when it is over.
                and (second + 1) * 1000 <= at_ms
                and (window is None or (second + 1) * 1000 > at_ms - window)
            )
            for at_ms in instants
        ]
        assert found[place, None] == expected


async def test_instants_whose_detail_has_expired_are_told_and_the_others_stay_exact() -> None:
    bookings = [(1, number * 3600, 1) for number in range(24 * 20)]
    engine = ListEngine(bookings, kept_s=10 * DAY_S)
    instants = list(range(DAY_S, 20 * DAY_S + 1, DAY_S // 2))
    asked_for = windows([each * 1000 for each in instants], 12 * 3_600_000)
    counted = Counted([1], 1, None, by_atid=False, merged=False)
    found = await exact_sums(lambda each: sums(engine, counted, each), asked_for)
    old = {place for place, each in enumerate(asked_for) if each.start < engine.kept_s}
    assert found.expired == old
    assert {
        found.columns[0, None][place] for place in range(len(instants)) if place not in old
    } == {12}
    assert found.resolution == "day"
    assert engine.calls < 12
    days = windows([each * 1000 for each in instants], 86_400_000)
    found = await exact_sums(lambda each: sums(engine, counted, each), days)
    whole = {place for place, each in enumerate(instants) if each % DAY_S == 0}
    assert whole.isdisjoint(found.expired)
    assert {found.columns[0, None][place] for place in whole} == {24}


async def test_labels_that_are_not_kept_are_added_up() -> None:
    rows = [
        EvaluatedSeries({"uid": "1", "atid": "2"}, [1, None]),
        EvaluatedSeries({"uid": "1", "atid": "3"}, [5, None]),
        EvaluatedSeries({"uid": "2", "atid": "2"}, [None, 7]),
    ]
    assert await added(rows, ("uid",)) == [
        EvaluatedSeries({"uid": "1"}, [6, None]),
        EvaluatedSeries({"uid": "2"}, [None, 7]),
    ]
    assert await added(rows, ()) == [EvaluatedSeries({}, [6, 7])]


async def test_the_largest_are_others_at_each_instant() -> None:
    rows = [
        EvaluatedSeries({"uid": "10"}, [1, 9]),
        EvaluatedSeries({"uid": "9"}, [5, 9]),
        EvaluatedSeries({"uid": "8"}, [3, 2]),
    ]
    assert await largest(rows, 1) == [EvaluatedSeries({"uid": "9"}, [5, 9])]
    assert await largest(rows, 2) == [
        EvaluatedSeries({"uid": "9"}, [5, 9]),
        EvaluatedSeries({"uid": "10"}, [None, 9]),
        EvaluatedSeries({"uid": "8"}, [3, None]),
    ]
    assert await largest([], 3) == []
