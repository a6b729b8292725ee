"""Accounts and ledgers of customers in Redis. What is decided is in ledger_posting.py.

::

    await accounts.post("u1", usage("id-2", 12, NOW_MS))         -> Posted(7, is_new=True, 4988)
    await accounts.credit("u1", "id-2", 5)                       -> Credit(4988, open_cents=5)
    await accounts.tell("u1", [method_fact("pm_1", NOW_S, is_attached=True)])
    await accounts.ledger("u1", after=0, limit=100)              -> [NumberedEntry(1, ...), ...]
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from psd.charging.accounts.customer_accounts import Credit, CustomerAccount, Fact, account_of
from psd.charging.accounts.ledger_entries import LedgerEntry, NumberedEntry, customer_uid
from psd.charging.keys import (
    LEFT_KEY,
    STRIPE_CUSTOMERS_KEY,
    account_key,
    customer_root,
    entries_seen_key,
    ledger_key,
    topups_key,
)
from psd.errors import ConflictError, OutOfBoundsError, ShapeError, StoreError
from psd.store.kept import write_in_order, write_kept
from psd.store.keys import names_key, names_shard
from psd.store.lane import Command
from psd.store.redis import Store
from psd.store.scripts import Script

CUSTOMERS = "customer"
SCANNED = 500
REMEMBERED_MAX = 200_000

_encode = msgspec.json.Encoder().encode
_entry = msgspec.json.Decoder(LedgerEntry).decode
_pack = msgspec.msgpack.Encoder().encode


class Posted(msgspec.Struct, frozen=True):
    """What became of an entry: its number, the balance behind it, and what stands there.

    Entries up to ``booked`` are known to be booked.
    """

    n: int
    is_new: bool
    balance_cents: int
    entry: LedgerEntry
    booked: int


class AccountStore:
    """Reads and writes what is kept of customers; raises StoreUnavailableError."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._post = Script("charging.post")
        self._credit = Script("charging.credit")
        self._tell = Script("charging.tell")
        self._named: set[str] = set()
        self._epoch = -1

    async def post(self, customer: str, entry: LedgerEntry, now_ms: int) -> Posted:
        """Append an entry, once for its id. 1 trip, and 1 for a new name.

        Raises OutOfBoundsError for a balance that no store holds, ConflictError for a customer
        whose number another name has.
        """
        await self.register(customer)
        noted: Command = ("ZADD", LEFT_KEY, "GT", now_ms, customer)
        call: Command = (
            *("EVALSHA", self._post.sha, 1, customer_root(customer), entry.id),
            *(_encode(entry), entry.cents, entry.session if entry.kind == "usage" else ""),
        )
        try:
            _, told = await write_in_order(self._store, [noted], [call])
        except StoreError as error:
            if "PSD_BOUNDS" in str(error):
                raise OutOfBoundsError(f"cents: {error}") from error
            raise
        n, is_new, balance, held, booked = told
        return Posted(int(n), bool(is_new), int(balance), _read(customer, held), int(booked))

    async def credit(self, customer: str, session: str = "", cents: int = 0) -> Credit:
        """Note what an open session has come to, and tell what is left. 1 trip."""
        call: Command = (
            *("EVALSHA", self._credit.sha, 1, customer_root(customer)),
            *(session, cents),
        )
        [(balance, open_cents)] = await write_kept(self._store, [call])
        return Credit(int(balance) if balance else None, int(open_cents))

    async def tell(self, customer: str, facts: Sequence[Fact], *, begins: bool = False) -> int:
        """Put facts into an account, and begin it; how many changed. 1 trip, 2 for a new name."""
        await self.register(customer)
        packed = _pack([part for fact in facts for part in fact])
        call: Command = (
            *("EVALSHA", self._tell.sha, 1, customer_root(customer)),
            *(packed, int(begins)),
        )
        [changed] = await write_kept(self._store, [call])
        return int(changed)

    async def register(self, customer: str) -> None:
        """Note the name of a customer's number; raises ConflictError where another has it."""
        if self._epoch != self._store.writes.epoch or len(self._named) > REMEMBERED_MAX:
            self._epoch = self._store.writes.epoch
            self._named.clear()
        if customer in self._named:
            return
        uid = customer_uid(customer)
        key = names_key(names_shard(uid), CUSTOMERS)
        name = customer.encode()
        _, held = await write_kept(self._store, [("HSETNX", key, uid, name), ("HGET", key, uid)])
        if held != name:
            raise ConflictError(f"customer: {customer!r} has the number of another, who came first")
        self._named.add(customer)

    async def account(self, customer: str) -> CustomerAccount:
        """What is known of an account; of nobody, that there is none. 1 trip."""
        flat = await self._store.writes.call(("HGETALL", account_key(customer)))
        held = {
            field.decode(): value.decode()
            for field, value in zip(flat[::2], flat[1::2], strict=True)
        }
        return account_of(customer, held)

    async def facts(self, customer: str) -> tuple[Fact, ...]:
        """What was told of an account, by field. 1 trip."""
        flat = await self._store.reads.call(("HGETALL", account_key(customer)))
        held = {f.decode(): v.decode() for f, v in zip(flat[::2], flat[1::2], strict=True)}
        told = (
            (field, *value.split(" ", 1)) for field, value in sorted(held.items()) if " " in value
        )
        return tuple((field, moment, value) for field, moment, value in told)

    async def stripe_ids(self) -> dict[str, str]:
        """Customers of Stripe, and whose account each is. 1 trip a page of SCANNED."""
        found: dict[str, str] = {}
        cursor = b"0"
        while True:
            asked = ("HSCAN", STRIPE_CUSTOMERS_KEY, cursor, "COUNT", SCANNED)
            cursor, flat = await self._store.reads.call(asked)
            for id_, customer in zip(flat[::2], flat[1::2], strict=True):
                found[id_.decode()] = customer.decode()
            if cursor == b"0":
                return dict(sorted(found.items()))

    async def ledger(self, customer: str, after: int, limit: int) -> list[NumberedEntry]:
        """Entries behind a number, in their order. 1 trip."""
        start = f"({after}-0" if after else "-"
        asked = ("XRANGE", ledger_key(customer), start, "+", "COUNT", limit)
        return _numbered(customer, await self._store.writes.call(asked))

    async def newest(self, customer: str, before: int, limit: int) -> list[NumberedEntry]:
        """Entries before a number (0: from the end), the newest first. 1 trip."""
        end = f"({before}-0" if before else "+"
        asked = ("XREVRANGE", ledger_key(customer), end, "-", "COUNT", limit)
        return _numbered(customer, await self._store.reads.call(asked))

    async def booked(self, customer: str, n: int) -> None:
        """Entries up to this one are booked. 1 trip."""
        await write_kept(self._store, [("HSET", account_key(customer), "booked", n)])

    async def left(self, until_ms: int) -> list[str]:
        """Customers for whom something was begun until then, and may be left. 1 trip."""
        found = await self._store.writes.call(
            ("ZRANGEBYSCORE", LEFT_KEY, "-inf", until_ms, "LIMIT", 0, SCANNED)
        )
        return [each.decode() for each in found]

    async def note_left(self, customer: str, now_ms: int) -> None:
        """Something is begun for this customer. 1 trip."""
        await write_kept(self._store, [("ZADD", LEFT_KEY, "GT", now_ms, customer)])

    async def nothing_left(self, until_ms: int, customers: Sequence[str]) -> None:
        """Nothing is left that was begun until then; who began something since stays. 2 trips."""
        scores = await self._store.writes.call_all(
            [("ZSCORE", LEFT_KEY, each) for each in customers]
        )
        done = [
            each
            for each, score in zip(customers, scores, strict=True)
            if score is not None and float(score) <= until_ms
        ]
        if done:
            await write_kept(self._store, [("ZREM", LEFT_KEY, *done)])

    async def link(self, stripe_id: str, customer: str) -> None:
        """Note whose customer of Stripe this is; raises ConflictError where it is another's."""
        _, held = await write_kept(
            self._store,
            [
                ("HSETNX", STRIPE_CUSTOMERS_KEY, stripe_id, customer),
                ("HGET", STRIPE_CUSTOMERS_KEY, stripe_id),
            ],
        )
        if held.decode() != customer:
            raise ConflictError(f"stripe_id: {stripe_id} is another customer's")

    async def number_of(self, customer: str, id_: str) -> int | None:
        """The number of an entry that there is. 1 trip."""
        held = await self._store.writes.call(("HGET", entries_seen_key(customer), id_))
        return None if held is None else int(held)

    async def entries_of(self, customer: str, ids: Sequence[str]) -> dict[str, LedgerEntry]:
        """Entries by their ids, those that stand in the ledger. 2 trips."""
        held = await self._store.writes.call(("HMGET", entries_seen_key(customer), *ids))
        places = {id_: f"{int(n)}-0" for id_, n in zip(ids, held, strict=True) if n is not None}
        found = await self._store.writes.call_all(
            [("XRANGE", ledger_key(customer), place, place) for place in places.values()]
        )
        return {
            id_: entry
            for id_, reply in zip(places, found, strict=True)
            for entry in [each.entry for each in _numbered(customer, reply)]
        }

    async def customer_of(self, stripe_id: str) -> str | None:
        """Whose customer of Stripe this is. 1 trip."""
        held = await self._store.writes.call(("HGET", STRIPE_CUSTOMERS_KEY, stripe_id))
        return None if held is None else held.decode()

    async def begin_topup(self, customer: str, session: str, wanted: str) -> str:
        """What whoever came first said of this top-up; "" once it is over. 1 trip."""
        key = topups_key(customer)
        _, held = await write_kept(
            self._store, [("HSETNX", key, session, wanted), ("HGET", key, session)]
        )
        return str(held.decode())

    async def topups(self, customer: str) -> dict[str, str]:
        """The top-ups that are under way, by session. 1 trip."""
        flat = await self._store.writes.call(("HGETALL", topups_key(customer)))
        held = zip(flat[::2], flat[1::2], strict=True)
        return {session.decode(): told.decode() for session, told in held if told}

    async def end_topup(self, customer: str, session: str) -> None:
        """There was a top-up behind this session, and there will be no other. 1 trip."""
        await write_kept(self._store, [("HSET", topups_key(customer), session, "")])


def _numbered(customer: str, reply: Sequence[tuple[bytes, Sequence[bytes]]]) -> list[NumberedEntry]:
    return [
        NumberedEntry(int(key.partition(b"-")[0]), _read(customer, held[1])) for key, held in reply
    ]


def _read(customer: str, held: bytes) -> LedgerEntry:
    try:
        return _entry(held)
    except msgspec.MsgspecError as exc:
        raise ShapeError(f"charging: an entry of {customer} cannot be read ({exc})") from exc
