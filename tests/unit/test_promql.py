"""The subset of PromQL: what is read, what is refused, and which instants are asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psd.clock import utc_text
from psd.errors import BadQueryError, TooLargeError
from psd.prometheus.instants import POINTS_MAX, instant_ms, step_ms, stepped
from psd.prometheus.lexer import CHARACTERS_MAX, duration_ms
from psd.prometheus.parser import parsed, parsed_selector
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
