"""Keeps plans: one at a time decides about them, archived first, so that a replay has them again.

::

    await plans.put("eco", plan_sent("eco", {...}), "ops")   -> kept in psd:energy:{energy}:plans
    await plans.read(["eco", "gone"])                        -> [KeptPlan, None]

A plan is read and checked when it first comes from the store, and remembered by its bytes.
"""

from __future__ import annotations

import secrets
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from functools import lru_cache

import msgspec

from psd.archive.decisions import Kinds, Redone, Tail
from psd.archive.turns import Turn, Turns
from psd.clock import Clock
from psd.energy.keys import plans_key
from psd.energy.plan_records import (
    KINDS,
    PlanDropped,
    PlanPut,
    PlanSent,
    StoredPlan,
    check_versions,
    plan_name,
    price_plans,
)
from psd.errors import ConflictError, NotFoundError, OutcomeUnknownError, StoreError
from psd.failpoints import reach
from psd.foreign_texts import shown
from psd.queries.boards.versions import EITHER, Versions
from psd.store.kept import write_kept
from psd.store.records import json_record
from psd.store.redis import Store
from psd.store.scripts import Script
from psd.tariffs.plans import PricePlan

PLANS_MAX = 1_000
ANY_NUMBER = 1 << 52
"""What was within the limits of its day is carried out whatever they are today."""

SUBJECT = "energy plans"

_encode = msgspec.json.Encoder().encode
_decode = json_record(StoredPlan, "energy: a plan")


class KeptPlan(msgspec.Struct, frozen=True):
    """A plan as it is kept, and as bills are made by it: its versions in order."""

    stored: StoredPlan
    versions: tuple[PricePlan, ...]


@lru_cache(maxsize=2 * PLANS_MAX)
def plan_in(raw: bytes) -> KeptPlan:
    """The plan that is kept so; raises ShapeError."""
    stored = _decode(raw)
    return KeptPlan(stored, price_plans(stored))


class PlanStore:
    """Makes, changes and reads plans; a :class:`~psd.archive.decisions.Keeper`."""

    kinds: Kinds = KINDS

    def __init__(self, store: Store, clock: Clock, turns: Turns) -> None:
        self._store = store
        self._clock = clock
        self._turns = turns
        self._put = Script("energy.put_plan")

    async def get(self, name: str) -> KeptPlan:
        """A plan; raises NotFoundError. 1 trip."""
        [found] = await self.read([plan_name(name)])
        if found is None:
            raise not_there(name)
        return found

    async def read(self, names: Sequence[str]) -> list[KeptPlan | None]:
        """Plans by position, None for what is not there. 1 trip."""
        if not names:
            return []
        found = await self._store.reads.call(("HMGET", plans_key("plans"), *names))
        return [None if raw is None else plan_in(raw) for raw in found]

    async def names(self) -> list[str]:
        """Of all plans, in order. 1 trip."""
        found = await self._store.reads.call(("HKEYS", plans_key("plans")))
        return sorted(name.decode() for name in found)

    async def page(self, after: str, limit: int) -> list[KeptPlan]:
        """The plans whose names come next. 2 trips."""
        names = await self.names()
        wanted = names[bisect_right(names, after) if after else 0 :][:limit]
        return [each for each in await self.read(wanted) if each is not None]

    async def put(
        self, name: str, sent: PlanSent, author: str, versions: Versions = EITHER
    ) -> tuple[KeptPlan, bool]:
        """Keep what was sent of a plan, and whether it is a new one.

        Only one of ``versions`` is replaced. Raises ChangedError, ConflictError past PLANS_MAX, and
        what versions can be refused for. Safe to repeat.
        """
        name = plan_name(name)
        async with self.turn() as turn:
            held = await self._held(name)
            versions.check(name, None if held is None else held.tag, "plan")
            standing = sent.over([] if held is None else held.versions)
            check_versions(standing)
            if held is None:
                await self._check_number()
                now_s = self._clock.now_s()
                made = StoredPlan(name, secrets.token_hex(8), 1, now_s, author, standing)
            else:
                made = held.changed(standing, self._clock.now_s(), author)
            if made != held:
                done = await turn.archived(PlanPut(kept=made))
                await self.carry_out(done, PLANS_MAX)
                reach("decision_kept")
        return KeptPlan(made, price_plans(made)), held is None

    async def drop(self, name: str, versions: Versions = EITHER) -> None:
        """Take a plan away; raises NotFoundError, ChangedError."""
        name = plan_name(name)
        async with self.turn() as turn:
            held = await self._held(name)
            versions.check(name, None if held is None else held.tag, "plan")
            if held is None:
                raise not_there(name)
            await self.carry_out(await turn.archived(PlanDropped(plan=name)), PLANS_MAX)
            reach("decision_kept")

    def redo(self, redone: Redone, _tail: Tail, *, is_dry: bool) -> PlansRedo:
        """Carries out again what an archive has of decisions about plans."""
        return PlansRedo(self, redone, is_dry=is_dry)

    def turn(self, floor: int = 0) -> AbstractAsyncContextManager[Turn]:
        """The turn to decide about plans: until it ends, nobody else does."""
        return self._turns.turn(SUBJECT, floor)

    async def version(self, name: str) -> int:
        """That of the last decision about a plan, 0 for none. 1 call."""
        return int(await self._store.writes.call(("HGET", plans_key("versions"), name)) or 0)

    async def carry_out(self, decision: PlanPut | PlanDropped, most: int = ANY_NUMBER) -> None:
        """Keep a decision that is archived; once more changes nothing. 1 trip."""
        raw = _encode(decision.kept) if isinstance(decision, PlanPut) else b""
        keys = (plans_key("plans"), plans_key("versions"))
        asked = (decision.plan, raw, most, decision.version)
        try:
            await write_kept(self._store, [("EVALSHA", self._put.sha, len(keys), *keys, *asked)])
        except StoreError as exc:
            raise _refusal(exc) from exc

    async def _held(self, name: str) -> StoredPlan | None:
        raw = await self._store.writes.call(("HGET", plans_key("plans"), name))
        return None if raw is None else _decode(raw)

    async def _check_number(self) -> None:
        """Refuse one plan more than there may be."""
        if int(await self._store.writes.call(("HLEN", plans_key("plans")))) >= PLANS_MAX:
            raise ConflictError(f"plan: there are {PLANS_MAX} plans already")


class PlansRedo:
    """Carries decisions out again from the archive (psd/archive/redoing.py), each as it comes."""

    def __init__(self, plans: PlanStore, redone: Redone, *, is_dry: bool) -> None:
        self._plans = plans
        self._redone = redone
        self._is_dry = is_dry
        # What a dry run would have done.
        self._seen: dict[str, int] = {}

    async def take(self, decision: PlanPut | PlanDropped) -> None:
        """Carry out what no later decision has replaced."""
        is_due = await self._is_due(decision)
        if is_due and self._is_dry:
            self._seen[decision.plan] = decision.version
        elif is_due:
            async with self._plans.turn(decision.version):
                # Somebody may have decided meanwhile.
                is_due = await self._is_due(decision)
                if is_due:
                    await self._plans.carry_out(decision)
        self._redone.count(is_due)

    async def finish(self) -> None:
        """Nothing waits."""

    async def _is_due(self, decision: PlanPut | PlanDropped) -> bool:
        newest = max(await self._plans.version(decision.plan), self._seen.get(decision.plan, 0))
        return newest < decision.version


def not_there(name: str) -> NotFoundError:
    """Of a plan."""
    return NotFoundError(f"plan: {shown(name)} is not there")


def _refusal(error: StoreError) -> Exception:
    """What the script refuses, in the words of the tree."""
    if "PSD_OVERTAKEN" in str(error):
        return OutcomeUnknownError("plan: others changed it while this one stood still; ask again")
    if "PSD_TOO_MANY_PLANS" in str(error):
        return ConflictError(f"plan: there are {PLANS_MAX} plans already")
    return error
