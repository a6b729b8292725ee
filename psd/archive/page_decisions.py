"""Who may sign in to pages, as people decide it: archived before it is kept, so that a replay can.

::

    await deciding.add("amp", "a password", ["read", "write"])
    -> archive {"command": "decision", "decision": {"kind": "page_user", "version": 1460462400001,
                "name": "amp", "user": {"password": "scrypt:...", "scopes": [...], ...}}}
    -> store   psd:pages:{pages}:users     amp -> {"password": "scrypt:...", ...}
               psd:pages:{pages}:versions  amp -> 1460462400001

A password stands nowhere, its hash in both. Of two decisions about one name the later stands, also
that somebody is removed: then the version alone is left. Sessions are not archived: who was signed
in signs in again after a replay.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from psd.access.pages.page_users import USERS, PageUser, PageUsers, checked_name, new_user
from psd.archive.decisions import Decision, Kinds, Redone, Tail, kinds_of
from psd.archive.turns import Turns
from psd.errors import ConflictError, NotFoundError
from psd.failpoints import reach
from psd.store.kept import write_kept
from psd.store.keys import pages_key
from psd.store.lane import Command
from psd.store.redis import Store

VERSIONS = pages_key("versions")

SUBJECT = "pages"
"""What turns are taken about: users are few, and so are decisions about them."""


class PageUserKept(Decision, frozen=True, tag="page_user", kw_only=True):
    """Somebody may sign in; with another password, when he could before."""

    name: str
    user: PageUser


class PageUserRemoved(Decision, frozen=True, tag="page_user_removed", kw_only=True):
    """Somebody may sign in no more."""

    name: str


PageDecision = PageUserKept | PageUserRemoved

PAGE_KINDS: Kinds = kinds_of(PageUserKept, PageUserRemoved)


class PageDeciding:
    """Decides about users of pages, and is the keeper of what was decided."""

    kinds: Kinds = PAGE_KINDS

    def __init__(self, store: Store, turns: Turns) -> None:
        self._store = store
        self._turns = turns
        self._users = PageUsers(store)

    async def add(
        self,
        name: str,
        password: str,
        scopes: Sequence[str],
        owners: Sequence[int | str] = (),
    ) -> None:
        """Let somebody sign in; raises ConflictError where the name has somebody already."""
        made = PageUserKept(name=checked_name(name), user=new_user(password, scopes, owners))
        async with self._turns.turn(SUBJECT) as turn:
            if await self._users.find(name) is not None:
                raise ConflictError(f"name: {name} is there already")
            await self.carry_out(await turn.archived(made))
            reach("decision_kept")

    async def change_password(self, name: str, password: str) -> None:
        """Give another password, which ends all sessions; raises NotFoundError."""
        other = new_user(password, ["read"]).password
        async with self._turns.turn(SUBJECT) as turn:
            user = await self._found(name)
            changed = PageUserKept(name=name, user=msgspec.structs.replace(user, password=other))
            await self.carry_out(await turn.archived(changed))
            reach("decision_kept")

    async def remove(self, name: str) -> None:
        """Let somebody in no more, also where he is signed in; raises NotFoundError."""
        async with self._turns.turn(SUBJECT) as turn:
            await self._found(name)
            await self.carry_out(await turn.archived(PageUserRemoved(name=name)))
            reach("decision_kept")

    async def carry_out(self, decision: PageDecision) -> None:
        """Keep a decision that is archived; once more changes nothing. 1 trip."""
        version: Command = ("HSET", VERSIONS, decision.name, decision.version)
        # The version last: until it stands, a replay does all of this again.
        await write_kept(self._store, [_writing(decision), version])

    async def is_new(self, decision: PageDecision) -> bool:
        """Whether the store has neither this decision nor a later one. 1 trip."""
        held = await self._store.writes.call(("HGET", VERSIONS, decision.name))
        return int(held or 0) < decision.version

    def redo(self, redone: Redone, _tail: Tail, *, is_dry: bool) -> PageRedo:
        """Carries out again what an archive has, each as it comes."""
        return PageRedo(self, self._turns, redone, is_dry=is_dry)

    async def _found(self, name: str) -> PageUser:
        user = await self._users.find(name)
        if user is None:
            raise NotFoundError(f"name: there is no user {name}")
        return user


class PageRedo:
    """Carries out what no later decision has replaced."""

    def __init__(
        self, deciding: PageDeciding, turns: Turns, redone: Redone, *, is_dry: bool
    ) -> None:
        self._deciding = deciding
        self._turns = turns
        self._redone = redone
        self._is_dry = is_dry

    async def take(self, decision: PageDecision) -> None:
        """Carry one out, unless the store knows better."""
        is_new = await self._deciding.is_new(decision)
        if is_new and not self._is_dry:
            async with self._turns.turn(SUBJECT, decision.version):
                # Somebody may have decided meanwhile.
                is_new = await self._deciding.is_new(decision)
                if is_new:
                    await self._deciding.carry_out(decision)
        self._redone.count(is_new)

    async def finish(self) -> None:
        """Nothing waits."""


def _writing(decision: PageDecision) -> Command:
    if isinstance(decision, PageUserKept):
        return ("HSET", USERS, decision.name, msgspec.json.encode(decision.user))
    return ("HDEL", USERS, decision.name)
