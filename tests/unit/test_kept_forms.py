"""Forms without a version of their own are those that the first psd gave out: bytes of fb34f31.

A change here is one that somebody meets who asks for the next page across an upgrade, or whose
letters lie in a queue: give the form a version, or go on reading these.
"""

from __future__ import annotations

import hashlib
import zlib

from psd import cursors
from psd.queries import activities, ranking
from psd.queue.deadletter import Letter, read_letter
from psd.queue.interface import Message
from server import idempotency

LETTER = (
    b"\x88\xa2id\xa40f2a\xa5topic\xa3psd\xa4code\xa9malformed\xa6reason\xa7no JSON\xa8attempts\x03"
    b"\xacfirst_seen_s\xceW\x0c\xe3@\xa4body\xc4\x02\x00x\xa9cut_bytes\x00"
)


def test_the_next_page_of_a_leaderboard() -> None:
    assert ranking.read_cursor("lKFj0f6LzlcM40AH", "competition") == (-373, 1_460_462_400, 7)
    assert ranking.write_cursor((-373, 1_460_462_400, 7), "competition") == "lKFj0f6LzlcM40AH"


def test_the_next_page_of_activities() -> None:
    assert activities.cursor_of((1_460_462_400, -9)) == "MTQ2MDQ2MjQwMC4tOQ"


def test_the_next_page_of_rewards() -> None:
    assert cursors.read_cursor("NS4tNw") == (5, -7)
    assert cursors.write_cursor(5, -7) == "NS4tNw"


def test_a_dead_letter() -> None:
    found = read_letter(Message("1", LETTER, 1, 0))
    assert found == Letter("0f2a", "psd", "malformed", "no JSON", 3, 1_460_462_400, b"\0x")


def test_the_answer_to_a_request_that_may_be_sent_again() -> None:
    fingerprint = hashlib.sha256(b"{}").digest()
    kept = fingerprint + zlib.compress(b'{"booked":1}', 1)
    assert idempotency._earlier(kept, fingerprint) == b'{"booked":1}'
