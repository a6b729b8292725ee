"""Changes of more members than one script call may take: all of it or nothing, and no call is long.

The members that there will be are written beside those that there are, a thousand a command; then
one short script puts them in their place. Of 25,000 who come onto a board of 60,000::

    psd:board:{cup:9f3a5c0e12b47d68}:members                        60,000 uids
    psd:board:{cup:9f3a5c0e12b47d68}:members:unchanged              a text that every change ends
    psd:board:{cup:9f3a5c0e12b47d68}:members:staged:5be0c1d2a3f49687    85,000 uids, RENAMEd

Whoever changes members has the turn to (psd/archive/turns.py). If that was over before the
renaming, a change that came meanwhile has ended the text, and nothing is put anywhere. What a
process that was killed has left ends by itself.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from psd.errors import OutcomeUnknownError, StoreUnavailableError, TooLargeError
from psd.queries.boards.definitions import CHANGE_MAX, Membership
from psd.queries.ids import asked_users
from psd.queries.shown import asked_names
from psd.slices import in_slices
from psd.store.kept import write_kept
from psd.store.lane import Command
from psd.store.redis import Store
from psd.store.scripts import Script

PART = 1000
"""Members of one command, which holds Redis for some 1 ms."""

SCANNED = 2000
"""Members of one command that reads, 1 to 4 ms; 10,000 took up to 21 ms."""

COMMANDS_AT_ONCE = 4
"""Commands that are made and sent together: 2 to 4 ms of Python, and others come between them."""

LIFETIME_S = 600
"""A hundred thousand members are staged within a second; ten minutes are a stalled process."""


TRIES = 20
"""How often members are read anew because they were changed meanwhile."""


class StagedChange(msgspec.Struct, frozen=True):
    """Who comes and who goes; with ``is_all`` those that come take the place of all.

    ``names`` are of those who come and were given by name.
    """

    add: Sequence[int]
    remove: Sequence[int] = ()
    is_all: bool = False
    names: Mapping[int, str] = {}

    @classmethod
    def asked(
        cls,
        add: Sequence[int | str] = (),
        remove: Sequence[int | str] = (),
        *,
        is_all: bool = False,
    ) -> StagedChange:
        """The change of users as they were given; raises BadQueryError."""
        coming, leaving = asked_users(add, "uid"), asked_users(remove, "uid")
        return cls(coming, leaving, is_all, asked_names(list(add)))

    def __len__(self) -> int:
        return len(self.add) + len(self.remove)

    def of(self, before: set[int]) -> set[int]:
        """Who is there afterwards."""
        kept = set[int]() if self.is_all else before.difference(self.remove)
        return kept.union(self.add)


class Staged(msgspec.Struct, frozen=True):
    """Members that wait beside those of ``key``, and what putting them there comes to."""

    key: str
    staged: str
    unchanged: str
    membership: Membership


class StagedMembers:
    """Makes large changes of the members of boards."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._swap = Script("boards.swap")

    async def stage(self, key: str, change: StagedChange, most: int) -> Staged:
        """Prepare a change of the members that are kept under a key; there may be ``most``.

        Raises TooLargeError. A trip for 2,000 members there are, and one for 4,000 there will be.
        """
        unchanged, before = await self._watched_members(key)
        after = change.of(before)
        if len(after) > max(most, len(before)):
            raise TooLargeError(
                f"members: {len(after)} members would be on it, at most {most} are allowed"
            )
        staged = f"{key}:staged:{secrets.token_hex(8)}"
        await self._stage(staged, list(after))
        found = Membership(len(after - before), len(before - after), len(after))
        return Staged(key, staged, unchanged, found)

    async def put(self, staged: Staged, versions: str, version: int) -> Membership:
        """Put what was staged in the place of the members; ``versions`` is where that is noted.

        Raises OutcomeUnknownError when they were changed meanwhile: it is archived, and not done.
        """
        if not await self._swapped(staged, versions, version):
            raise OutcomeUnknownError("members: others changed them meanwhile; ask again")
        return staged.membership

    async def listed(self, key: str) -> set[int]:
        """Whoever was there at one moment, however many; a trip for 2,000 of them.

        Raises StoreUnavailableError when others change them all the time.
        """
        for _ in range(TRIES):
            unchanged, found = await self._watched_members(key)
            if await self._store.writes.call(("GET", f"{key}:unchanged")) == unchanged.encode():
                return found
        raise StoreUnavailableError("members: they are changed by others all the time; ask again")

    async def _watched_members(self, key: str) -> tuple[str, set[int]]:
        return await self._watched(key), await self.members(key)

    async def _watched(self, key: str) -> str:
        """A text that stands beside the members until they are changed."""
        place = f"{key}:unchanged"
        commands: list[Command] = [
            ("SET", place, secrets.token_hex(8), "NX", "EX", LIFETIME_S),
            # One that another change has set serves as well, if it does not end too soon.
            ("EXPIRE", place, LIFETIME_S),
            ("GET", place),
        ]
        found = (await self._store.writes.call_all(commands))[-1]
        return "" if found is None else str(found.decode())

    async def members(self, key: str) -> set[int]:
        """Whoever is there. A change meanwhile may be seen by half, and ends the text above."""
        found: set[int] = set()
        cursor = b"0"
        while True:
            command: Command = ("SSCAN", key, cursor, "COUNT", SCANNED)
            cursor, page = await self._store.writes.call(command)
            found.update(map(int, page))
            if cursor == b"0":
                return found

    async def _stage(self, staged: str, members: Sequence[int]) -> None:
        adding: list[Command] = [
            ("SADD", staged, *members[start : start + PART])
            for start in range(0, len(members), PART)
        ]
        for start in range(0, len(adding), COMMANDS_AT_ONCE):
            commands = adding[start : start + COMMANDS_AT_ONCE]
            await self._store.writes.call_all([*commands, ("EXPIRE", staged, LIFETIME_S)])

    async def _swapped(self, staged: Staged, versions: str, version: int) -> bool:
        keys = (staged.key, staged.staged, f"{staged.key}:unchanged", versions)
        asked = (staged.unchanged, staged.membership.members, version)
        [done] = await write_kept(
            self._store, [("EVALSHA", self._swap.sha, len(keys), *keys, *asked)]
        )
        if not done:
            await self._store.writes.call(("UNLINK", staged.staged))
        return bool(done)


async def change_of(
    add: Iterable[int | str], remove: Iterable[int | str], field: str, *, is_all: bool = False
) -> StagedChange:
    """The change that these users are; raises BadQueryError, TooLargeError."""
    coming, leaving = list(add), list(remove)
    for name, listed in ((field, coming), ("remove", leaving)):
        if len(listed) > CHANGE_MAX:
            raise TooLargeError(
                f"{name}: {len(listed)} given, at most {CHANGE_MAX} of one change are allowed"
            )
    there = await in_slices(coming, lambda some: asked_users(some, field))
    gone = await in_slices(leaving, lambda some: asked_users(some, "remove"))
    names = dict(await in_slices(coming, lambda some: asked_names(some).items()))
    return StagedChange([*dict.fromkeys(there)], [*dict.fromkeys(gone)], is_all, names)
