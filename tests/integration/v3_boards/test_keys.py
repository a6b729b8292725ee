"""The keys of a board end with it, whatever is killed or comes meanwhile."""

from __future__ import annotations

import asyncio
from types import NoneType

from psd.errors import NotFoundError
from psd.queries.boards.definitions import Membership
from psd.store.keys import boards_key, decisions_key, kind_of
from tests.support.clients.http_boards import BoardsClient, keys_of


async def test_every_key_of_a_board_is_known_and_ends_with_it(boards: BoardsClient) -> None:
    before = await keys_of(boards.psd)
    await boards.put("a", 1, 2)
    await boards.ask("POST", "/a/final")
    made = await keys_of(boards.psd) - before
    kinds = {getattr(kind_of(key), "name", None) for key in made}
    own = {"board members", "board final", "board's versions"}
    assert kinds == {"boards", "board versions", "last decision", *own}
    await boards.ask("DELETE", "/a")
    # What says in which order boards were decided about stays.
    order = {boards_key("versions"), decisions_key("last")}
    assert await keys_of(boards.psd) == before | order


async def test_what_a_killed_removal_left_ends_with_the_next_one(boards: BoardsClient) -> None:
    store = boards.psd.boards
    await boards.put("a", 1)
    dead = await store.get("a")
    await boards.psd.store.writes.call_all(
        [
            ("HDEL", boards_key("definitions"), "a"),
            ("SADD", boards_key("dropped"), f"a:{dead.id}"),
        ]
    )
    await boards.put("a", 2)
    assert await store.members("a") == [2]
    await boards.put("b")
    await boards.ask("DELETE", "/b")
    assert not await keys_of(boards.psd) & {f"{dead.root}:members", boards_key("dropped")}
    assert await store.members("a") == [2]


async def test_members_of_a_board_that_is_taken_away_meanwhile_leave_nothing(
    boards: BoardsClient,
) -> None:
    store = boards.psd.boards
    for turn in range(10):
        await boards.put("a")
        root = (await store.get("a")).root
        both = [store.change_members("a", [1]), store.drop("a")]
        found = await asyncio.gather(*both[:: 1 - 2 * (turn % 2)], return_exceptions=True)
        assert {type(each) for each in found} <= {Membership, NoneType, NotFoundError}
        assert not [key for key in await keys_of(boards.psd) if key.startswith(root)]
