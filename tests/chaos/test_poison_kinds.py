"""Each kind of poison is refused with the code that the programme expects of its letter."""

from __future__ import annotations

import pytest

from psd.config import Settings
from psd.engine.event_rules import rules_of
from psd.errors import InputError
from tests.chaos.poison_kinds import NOON_S, POISON, Overflow

RULES = rules_of(Settings())
NOW_S = NOON_S + 86_400


@pytest.mark.parametrize("name", POISON)
def test_a_kind_is_refused_with_its_code_and_its_bodies_differ(name: str) -> None:
    kind = POISON[name]
    assert kind.body(7) != kind.body(8)
    with pytest.raises(InputError) as refused:
        RULES.events(kind.body(7), NOW_S, "id")
    assert refused.value.code == kind.code


def test_there_are_eight_kinds_and_more() -> None:
    assert len({kind.code for kind in POISON.values()}) >= 8


def test_what_only_the_store_can_refuse_passes_the_rules() -> None:
    overflow = Overflow(7)
    first, second = RULES.events(overflow.body, NOW_S, "id")
    assert first == overflow.booked
    assert second.value == 1
