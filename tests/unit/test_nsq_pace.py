"""How many messages are with an nsqd unanswered, at different speeds of its disk."""

from __future__ import annotations

import pytest

from psd.queue.nsq_pace import MESSAGES_FIRST, MESSAGES_MAX, TARGET_S, PublishPace
from psd.queue.nsq_publisher import first_portion
from psd.queue.nsq_stream import ANSWER_TIMEOUT_S


def portions(pace: PublishPace, message_s: float, count: int) -> list[int]:
    """The sizes of the next portions of a long publish, at so long a message."""
    sizes = []
    for _ in range(count):
        size = pace.room(1_000_000)
        pace.begin(size)
        pace.answered(pace.unanswered, size * message_s)
        pace.end(size)
        sizes.append(size)
    return sizes


def test_portions_grow_while_nsqd_answers_fast() -> None:
    assert portions(PublishPace(), 5e-6, 8) == [16, 64, 256, 1024, 4096, 16_384, 50_000, 50_000]
    assert portions(PublishPace(), 1e-9, 20)[-1] == MESSAGES_MAX


@pytest.mark.parametrize("message_s", [0.001, 0.005, 0.03, 0.3])
def test_no_portion_outlives_its_deadline_however_slow_the_disk(message_s: float) -> None:
    sizes = portions(PublishPace(), message_s, 10)
    assert max(sizes) * message_s < ANSWER_TIMEOUT_S
    assert all(size * message_s <= max(TARGET_S, message_s) for size in sizes[1:])


def test_a_disk_that_gets_slower_gets_less() -> None:
    pace = PublishPace()
    assert portions(pace, 0.0001, 6)[-1] == 2500
    assert portions(pace, 0.001, 2) == [2500, 250]


def test_one_slow_small_answer_is_made_up_for() -> None:
    pace = PublishPace()
    portions(pace, 5e-6, 8)
    pace.answered(1, 0.5)
    assert pace.messages_max == 1
    assert portions(pace, 5e-6, 9)[-1] == 50_000


def test_small_answers_do_not_narrow_what_a_large_one_may_have() -> None:
    pace = PublishPace()
    portions(pace, 5e-6, 8)
    pace.answered(1, 0.001)
    assert pace.messages_max == 50_000


def test_publishes_at_the_same_time_share_the_room() -> None:
    pace = PublishPace()
    assert pace.room(10) == 10
    pace.begin(10)
    assert (pace.room(6), pace.room(7)) == (6, 0)
    pace.end(10)
    assert pace.room(7) == 7


def test_after_a_failure_it_begins_anew_and_smaller() -> None:
    pace = PublishPace()
    portions(pace, 5e-6, 8)
    pace.failed()
    assert pace.messages_max == MESSAGES_FIRST
    for _ in range(5):
        pace.failed()
    assert pace.room(100) == 1


def test_a_portion_keeps_order_and_limits() -> None:
    bodies = [b"a" * 6, b"b" * 6, b"c" * 30, b"d"]
    assert first_portion(bodies, 0, 10, bytes_max=20) == bodies[:2]
    assert first_portion(bodies, 2, 10, bytes_max=20) == [b"c" * 30]
    assert first_portion(bodies, 3, 10, bytes_max=20) == [b"d"]
    assert first_portion(bodies, 0, 1, bytes_max=20) == bodies[:1]
