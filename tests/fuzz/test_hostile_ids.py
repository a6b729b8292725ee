"""No name or id moves a key to another owner or slot, or breaks a script."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from redis.crc import key_slot

from psd.engine.event_rules import COUNT_NAME_BYTES
from psd.engine.events import Count, Report
from psd.errors import InputError
from psd.runtime import Runtime
from psd.store.keys import count_root, kind_of
from psd.store.owner_calls import ONE_SERVER
from psd.users import is_named
from tests.support.clients.hostile import TEXTS
from tests.support.engine import EVER, NOON_S, book, count, increment, report, sum_of

NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
SPECIAL = st.text(st.sampled_from("{}:%\x00\n12"), min_size=1, max_size=12)
HUGE = "x" * 1_000_000


def hash_tag(key: str) -> str:
    """What a cluster hashes of a key: what stands between the first { and the next }."""
    _, _, rest = key.partition("{")
    tag, closed, _ = rest.partition("}")
    assert tag, key
    assert closed, key
    return tag


@settings(max_examples=2000, deadline=None)
@given(left=NAMES | SPECIAL, right=NAMES | SPECIAL)
@example(left="1}:3:{8", right="1")
@example(left="a%7D", right="a}")
@example(left="}", right="{")
def test_each_name_has_a_root_of_its_own_and_all_its_keys_one_slot(left: str, right: str) -> None:
    root = count_root(left)
    assert (count_root(left) == count_root(right)) == (left == right)
    assert root.endswith("{" + hash_tag(root) + "}")
    slots = {
        key_slot(f"{root}:0:{rest}".encode()) for rest in ("y", "m:2016", "l:20160412", "a:{9}")
    }
    assert slots == {key_slot(root.encode())}
    assert kind_of(f"{root}:0:y") is not None
    assert not root.startswith("psd:{")


async def test_counts_with_hostile_names_are_booked_each_for_itself(psd: Runtime) -> None:
    names = [name for name in TEXTS if len(name.encode()) in COUNT_NAME_BYTES]
    assert len(names) > 20
    events = [count("a", value, name=name) for value, name in enumerate(names, 1)]
    assert set(await book(psd, events)) == {"booked"}
    assert set(await book(psd, events)) == {"duplicate"}
    assert await psd.engine.counts(names, EVER) == list(range(1, len(names) + 1))
    keys = [key.decode() async for key in psd.store.client.scan_iter(count=1000)]
    assert [key for key in keys if kind_of(key) is None] == []
    assert {hash_tag(key) for key in keys if key.startswith("psd:c:")} == {
        hash_tag(count_root(name)) for name in names
    }


async def test_increments_with_hostile_ids_are_applied_once_each(psd: Runtime) -> None:
    ids = [text for text in TEXTS if text and len(text.encode()) <= 256]
    events = [increment(text, 1) for text in ids]
    assert set(await book(psd, events)) == {"booked"}
    assert set(await book(psd, list(reversed(events)))) == {"duplicate"}
    assert await sum_of(psd) == len(ids)


def _message(**fields: object) -> bytes:
    metric = {"thing": "steps", "uid": 1, "aid": 1, "value": 1, "ts2": NOON_S, **fields}
    return json.dumps({"command": "metric", "metric": metric}).encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("field", ["atid", "aid"])
@pytest.mark.parametrize("text", [*TEXTS, HUGE, "\ud800", "\udfff1"], ids=range(len(TEXTS) + 3))
async def test_an_id_that_is_a_text_is_refused(psd: Runtime, field: str, text: str) -> None:
    with pytest.raises(InputError) as refused:
        psd.rules.events(_message(**{field: text}), NOON_S, "id")
    assert len(str(refused.value)) < 1000


def _sent_or_refused(psd: Runtime, uid: str) -> tuple[Report | None, str]:
    try:
        [sent] = psd.rules.events(_message(uid=uid), NOON_S, "id")
    except InputError as refused:
        return None, str(refused)
    assert isinstance(sent, Report)
    return sent, ""


@pytest.mark.parametrize("text", [*TEXTS, HUGE, "\ud800", "\udfff1"], ids=range(len(TEXTS) + 3))
async def test_a_text_as_a_user_is_a_name_a_number_or_refused(psd: Runtime, text: str) -> None:
    sent, refusal = _sent_or_refused(psd, text)
    if sent is None:
        assert 0 < len(refusal) < 1000
        return
    assert is_named(sent.uid) or str(sent.uid) == text
    assert await book(psd, [sent]) == ["booked"]
    keys = [key.decode() async for key in psd.store.client.scan_iter(count=1000)]
    assert [key for key in keys if kind_of(key) is None] == []
    own = f"{ONE_SERVER.owner_root(sent.uid)}:"
    assert {key[: len(own)] for key in keys if key.startswith("psd:{")} == {own}


@pytest.mark.parametrize("name", [HUGE, "{" * 65, "\ud800" * 3, "a\udfff"], ids=range(4))
async def test_a_name_or_id_that_is_too_long_or_no_text_is_refused(psd: Runtime, name: str) -> None:
    message = {"command": "count", "count": {"thing": name, "value": 1, "ts": NOON_S, "id": "a"}}
    body = json.dumps(message).encode("utf-8", "surrogatepass")
    increment_body = _message(mode="increment", id=name * 5)
    for refused in (body, increment_body):
        with pytest.raises(InputError) as error:
            psd.rules.events(refused, NOON_S, "id")
        assert len(str(error.value)) < 1000


@settings(max_examples=500, deadline=None)
@given(uid=st.integers(-(2**63), 2**63 - 1), other=st.integers(-(2**63), 2**63 - 1))
def test_each_uid_has_a_root_of_its_own(uid: int, other: int) -> None:
    assert (ONE_SERVER.owner_root(uid) == ONE_SERVER.owner_root(other)) == (uid == other)
    assert hash_tag(ONE_SERVER.owner_root(uid)) == "p0"


async def test_ids_at_the_edges_of_64_bits_are_booked_for_their_owner_alone(psd: Runtime) -> None:
    edges = [-(2**63), -1, 0, 1, 2**63 - 1]
    events: list[Report | Count] = [report(number, uid=uid) for number, uid in enumerate(edges, 1)]
    assert set(await book(psd, events)) == {"booked"}
    for number, uid in enumerate(edges, 1):
        assert await sum_of(psd, uid=uid) == number
