"""The registry of names: who came first has the number, and what a process need not ask again."""

from __future__ import annotations

import pytest

from psd.engine.named import NamedUsers
from psd.errors import ConflictError
from psd.users import user_of
from tests.support.stored.fake_store import FakeStore

ALICE, BOB = "alice@example.com", "bob@example.com"
UID = user_of(ALICE)


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def named(store: FakeStore) -> NamedUsers:
    return NamedUsers(store.as_store())


def another(store: FakeStore) -> NamedUsers:
    """What another process knows: nothing yet."""
    return NamedUsers(store.as_store())


async def test_a_name_is_found_by_its_number_in_every_process(
    named: NamedUsers, store: FakeStore
) -> None:
    assert await named.register([(UID, ALICE), (user_of(BOB), BOB)]) == {}
    asking = another(store)
    assert await asking.names([UID, 7, user_of(BOB)]) == {UID: ALICE, user_of(BOB): BOB}
    assert asking.known([UID]) == {UID: ALICE}


async def test_a_number_that_another_name_has_is_refused_and_asked_for_again(
    named: NamedUsers, store: FakeStore
) -> None:
    await named.register([(UID, ALICE)])
    late = another(store)
    taken = await late.register([(UID, BOB)])
    assert list(taken) == [(UID, BOB)]
    assert "'bob@example.com' has the number of another name" in str(taken[UID, BOB])
    assert late.unregistered({(UID, BOB)}) == {(UID, BOB)}
    with pytest.raises(ConflictError):
        await late.ensure({UID: BOB})
    assert await another(store).names([UID]) == {UID: ALICE}


async def test_names_that_are_known_and_numbers_cost_no_trip(
    named: NamedUsers, store: FakeStore
) -> None:
    await named.ensure({UID: ALICE})
    trips = store.writes.trips
    await named.ensure({UID: ALICE})
    assert await named.names([UID, 1, 2]) == {UID: ALICE}
    assert store.writes.trips == trips


async def test_many_names_are_registered_and_found_in_a_trip_each(store: FakeStore) -> None:
    names = {user_of(f"user-{n}"): f"user-{n}" for n in range(200)}
    await another(store).register(names.items())
    assert store.writes.trips == 1
    assert await another(store).names(names) == names
    assert store.writes.trips == 2


async def test_after_a_new_connection_what_was_known_is_registered_anew(
    named: NamedUsers, store: FakeStore
) -> None:
    await named.register([(UID, ALICE)])
    assert named.unregistered({(UID, ALICE)}) == set()
    await store.client.flushall()
    store.writes.epoch += 1
    await named.settle({(UID, ALICE)}, store.writes.epoch - 1)
    assert await another(store).names([UID]) == {UID: ALICE}


async def test_an_erased_user_has_no_name(named: NamedUsers, store: FakeStore) -> None:
    await named.register([(UID, ALICE)])
    await named.remove(UID)
    assert named.known([UID]) == {}
    assert await named.names([UID]) == {}
    assert await store.client.keys("*") == []


async def test_names_are_looked_up_by_how_they_begin_in_their_order(named: NamedUsers) -> None:
    names = [f"device-{n:03}" for n in range(120)]
    await named.register([(user_of(name), name) for name in [*names, ALICE]])
    found = await named.beginning("device-", 7)
    assert found == [(user_of(name), name) for name in names[:7]]
    assert await named.beginning("nobody", 7) == []
