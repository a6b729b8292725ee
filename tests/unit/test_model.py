"""The model that other tests trust, held against examples worked out by hand."""

from __future__ import annotations

from psd.engine.events import VALUE_MAX, Count, Report
from tests.support.plain.model import Model


def report(value: int, ts1: int, ts2: int, atid: int = 2, aid: int = 1, thing: int = 1) -> Report:
    return Report(thing=thing, uid=8, atid=atid, aid=aid, value=value, ts1=ts1, ts2=ts2)


def test_a_higher_total_books_the_difference_at_its_own_end() -> None:
    model = Model()
    assert [model.book(report(10, 0, 5)), model.book(report(15, 0, 9))] == ["booked", "booked"]
    assert [model.sum(8, 1, 5, 6), model.sum(8, 1, 9, 10), model.sum(8, 1, 0, 10)] == [10, 5, 15]


def test_the_order_of_arrival_does_not_matter() -> None:
    sent = [report(10, 0, 5), report(50, 0, 100), report(40, 20, 50), report(12, 30, 100)]
    answers = set()
    for order in (sent, sent[::-1], sent[2:] + sent[:2], sent * 2):
        model = Model()
        for one in order:
            model.book(one)
        answers.add(tuple(model.sum(8, 1, 0, end) for end in range(102)))
    assert len(answers) == 1


def test_the_same_report_again_changes_nothing() -> None:
    model = Model()
    assert [model.book(report(10, 0, 5)), model.book(report(10, 0, 5))] == ["booked", "unchanged"]


def test_a_report_with_the_same_window_replaces_the_older_one() -> None:
    model = Model()
    model.book(report(10, 0, 5))
    model.book(report(7, 0, 5))
    assert model.sum(8, 1, 0, 10) == 7


def test_a_withdrawn_activity_still_shows_as_activity() -> None:
    model = Model()
    model.book(report(10, 0, 5))
    model.book(report(0, 0, 6))
    assert model.sum(8, 1, 0, 10) == 0
    assert model.activities(8, [1], 0, 10) == {1: 2}


def test_an_activity_of_two_things_has_the_type_of_the_first_thing_asked() -> None:
    model = Model()
    model.book(report(10, 0, 5, atid=2, thing=1))
    model.book(report(10, 0, 5, atid=7, thing=3))
    assert model.activities(8, [3, 1], 0, 10) == {1: 7}


def test_filters_by_type_and_by_activity_hold_together() -> None:
    model = Model()
    model.book(report(10, 0, 5, atid=2, aid=1))
    model.book(report(30, 0, 6, atid=7, aid=1))
    model.book(report(100, 0, 5, atid=7, aid=2))
    assert [model.sum(8, 1, 0, 10, atid=7), model.sum(8, 1, 0, 10, atid=7, aid=1)] == [120, 20]


def test_an_increment_is_added_once_for_its_id_and_a_total_includes_it() -> None:
    model = Model()
    step = Report(thing=1, uid=8, atid=2, aid=1, value=3, ts1=5, ts2=5, event_id="a")
    assert [model.book(step), model.book(step)] == ["booked", "duplicate"]
    model.book(report(10, 0, 9))
    assert [model.sum(8, 1, 5, 6), model.sum(8, 1, 0, 10)] == [3, 10]


def test_a_booking_past_the_limit_is_refused_and_leaves_nothing() -> None:
    model = Model()
    model.book(report(-VALUE_MAX, 0, 5))
    assert model.book(report(VALUE_MAX, 0, 6)) == "refused"
    assert model.sum(8, 1, 0, 10) == -VALUE_MAX


def test_a_count_is_added_once_for_its_id() -> None:
    model = Model()
    count = Count(name="hifive_1", value=2, ts=5, event_id="m1")
    assert [model.count(count), model.count(count)] == ["booked", "duplicate"]
    assert [model.counted("hifive_1", 0, 6), model.counted("hifive_1", 0, 5)] == [2, 0]
