"""The age of the oldest unfinished message by a queue's counts: never too great."""

from __future__ import annotations

import random
from collections import deque

from psd.queue.backlog_age import LOOKS_MAX, BacklogAge


def test_the_drawing_of_the_module_is_what_comes_out() -> None:
    age = BacklogAge()
    looks = [(0, 100, 0), (5, 140, 40), (10, 140, 40), (15, 190, 60), (20, 190, 50)]
    assert [age.note(*look) for look in looks] == [0, 0, 5, 10, 5]


def test_a_queue_that_is_finished_as_it_comes_has_no_age() -> None:
    age = BacklogAge()
    assert {age.note(at, 1000 * at, 3) for at in range(100)} == {0}


def test_what_was_there_at_the_first_look_is_as_old_as_that_look() -> None:
    age = BacklogAge()
    assert [age.note(at, 50, 50) for at in (7, 8, 27)] == [0, 1, 20]


def test_a_queue_that_counts_anew_keeps_the_age_of_what_it_kept() -> None:
    age = BacklogAge()
    assert age.note(0, 10, 4) == 0
    assert age.note(10, 10, 4) == 10
    assert age.note(20, 0, 4) == 20  # nsqd was started again: 4 from the disk, none came since
    assert age.note(30, 6, 10) == 30
    assert age.note(40, 6, 6) == 10  # the four are finished
    assert age.note(50, 6, 0) == 0
    assert age.note(60, 0, 0) == 0
    assert age.note(70, 1, 1) == 0


def test_an_emptied_queue_that_counts_anew_is_not_old() -> None:
    age = BacklogAge()
    age.note(0, 10, 0)
    assert age.note(500, 2, 2) == 0


def test_of_any_history_the_age_is_never_too_great_and_short_by_less_than_one_look() -> None:
    for seed in range(200):
        draw = random.Random(seed)
        age, waiting, came, now_s = BacklogAge(), deque[float](), 0, 0.0
        age.note(now_s, came, 0)
        for _ in range(60):
            for _ in range(draw.randrange(5)):
                now_s += draw.random()
                arrived = draw.randrange(4)
                waiting.extend([now_s] * arrived)
                came += arrived
                for _ in range(min(draw.randrange(4), len(waiting))):
                    waiting.popleft()
            now_s += draw.random()
            told, true = age.note(now_s, came, len(waiting)), now_s - waiting[0] if waiting else 0
            assert 0 <= true - told < 5, f"seed {seed}"


def test_a_long_backlog_is_kept_in_few_looks_and_stays_nearly_as_old() -> None:
    age = BacklogAge()
    age.note(0, 0, 0)
    for at in range(1, 20 * LOOKS_MAX):
        told = age.note(at, at, at)
    assert told == 20 * LOOKS_MAX - 2
    half = age.note(20 * LOOKS_MAX, 20 * LOOKS_MAX, 10 * LOOKS_MAX)
    assert 9.8 * LOOKS_MAX <= half < 10 * LOOKS_MAX
