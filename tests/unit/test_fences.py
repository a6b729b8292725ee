"""A fence is a name and a number that the scripts can hold."""

from __future__ import annotations

import msgpack
import pytest

from psd.engine.booking import Call
from psd.engine.fences import NUMBER_MAX, fences_of
from psd.store.owner_calls import ONE_SERVER


def test_fences_stand_by_the_roots_of_their_owners() -> None:
    given = {7: ("rides", 0), -1: ("a.b-c_9", NUMBER_MAX)}
    assert fences_of(given, ONE_SERVER.owner_root) == {
        "psd:{p0}:7": ("rides", 0),
        "psd:{p0}:-1": ("a.b-c_9", NUMBER_MAX),
    }


@pytest.mark.parametrize("name", ["", "Rides", "a b", "a:b", "a{b}", "ä", "a" * 65, "rides\n"])
def test_a_name_that_is_none_is_told(name: str) -> None:
    with pytest.raises(ValueError, match=r"fences\[7\]: name .* is not 1 to 64 of a-z"):
        fences_of({7: (name, 1)}, ONE_SERVER.owner_root)


@pytest.mark.parametrize("number", [-1, NUMBER_MAX + 1])
def test_a_number_that_a_script_cannot_hold_is_told(number: int) -> None:
    with pytest.raises(ValueError, match=rf"fences\[7\]: number {number} is not between 0 and"):
        fences_of({7: ("rides", number)}, ONE_SERVER.owner_root)


def test_a_call_without_fences_is_packed_as_it_was() -> None:
    call = Call(["psd:{p0}:1", "psd:{p0}:2"], [[(1,)], [(2,)]], [0, 1])
    plain = msgpack.packb([[1], [2]])
    assert call.packed() == plain
    assert call.packed({"psd:{p0}:3": ("rides", 5)}) == plain
    fenced = call.packed({"psd:{p0}:2": ("rides", 5)})
    assert fenced == plain + msgpack.packb([False, ["rides", 5]])
