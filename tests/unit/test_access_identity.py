"""Who somebody is, where that is written down."""

from __future__ import annotations

from psd.access.identity import Identity
from psd.access.jwts import SUBJECT_BYTES_MAX
from psd.engine.withdrawal import BY_BYTES_MAX


def test_jwts_share_a_name_and_are_told_apart_by_their_subject() -> None:
    one, two = (Identity("jwt", frozenset({"read"}), subject=subject) for subject in ("1", "2"))
    assert (one.name, two.name) == ("jwt", "jwt")
    assert (one.who, two.who) == ("jwt 1", "jwt 2")
    assert Identity("phone", frozenset()).who == "phone"


def test_a_log_has_room_for_everybody() -> None:
    longest = Identity("jwt", frozenset(), subject="x" * SUBJECT_BYTES_MAX)
    assert len(longest.who) <= BY_BYTES_MAX
