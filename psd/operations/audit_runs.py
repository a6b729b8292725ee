"""Audits that run in a server, and what the last ones found: for everybody who runs psd.

::

    await runs.begin("amp", Orders(None, None, repair=False, rate=100.0))
    await runs.all()      [AuditRun("20160412-120000-7f3a", state="running", found=1, ...)]

One audit runs at a time. Its state is written each :data:`NOTED_S`; one that nobody has written for
:data:`GONE_S` was broken off with its process. ``psd verify`` does the same from a terminal.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter
from contextvars import Context
from typing import Literal

import msgspec

from psd.clock import utc_text
from psd.errors import ConflictError, NotFoundError, PsdError
from psd.foreign_texts import shown
from psd.operations.auditing import Orders, audit_summary, whole_audit
from psd.runtime import Runtime
from psd.store.keys import AUDITS_KEY

log = logging.getLogger("operations")

KEPT = 20
DIFFERENCES_KEPT = 200
NOTED_S = 2
GONE_S = 60

State = Literal["running", "done", "failed", "broken_off"]


class AuditRun(msgspec.Struct):
    """An audit; ``differences`` are the first that it found, ``found`` is how many there were."""

    id: str
    by: str
    began_at: str
    seen_at_s: int
    is_repair: bool
    state: State = "running"
    outcomes: dict[str, int] = {}
    found: int = 0
    differences: list[str] = []
    summary: str = ""
    ended_at: str | None = None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(AuditRun).decode


class AuditRuns:
    """Runs audits of a runtime's store."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._store = runtime.store
        self._clock = runtime.clock
        self._running: asyncio.Task[None] | None = None

    async def all(self) -> list[AuditRun]:
        """The newest first. 1 trip."""
        told = await self._store.reads.call(("HVALS", AUDITS_KEY))
        runs = [self._as_of_now(_decode(each)) for each in told]
        return sorted(runs, key=lambda run: run.id, reverse=True)

    async def find(self, run_id: str) -> AuditRun:
        """One of them; raises NotFoundError."""
        told = await self._store.reads.call(("HGET", AUDITS_KEY, run_id))
        if told is None:
            raise NotFoundError(f"audit: {shown(run_id)} is not among the last {KEPT}")
        return self._as_of_now(_decode(told))

    async def begin(self, by: str, orders: Orders) -> AuditRun:
        """Audit from now on; raises ConflictError while another one runs."""
        for run in await self.all():
            if run.state == "running":
                raise ConflictError(f"audit: {run.id} runs just now; wait for its end")
        now_s = self._clock.now_s()
        began = utc_text(now_s)
        stamp = began[:19].replace("-", "").replace(":", "").replace("T", "-")
        run = AuditRun(f"{stamp}-{secrets.token_hex(2)}", by, began, now_s, is_repair=orders.repair)
        await self._note(run)
        # It is nobody's request: it has no deadline, and takes nobody's turn.
        going = self._run(run, orders)
        self._running = asyncio.create_task(going, name="audit", context=Context())
        return run

    async def close(self) -> None:
        """Break off what runs here."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def _run(self, run: AuditRun, orders: Orders) -> None:
        try:
            await self._go_through(run, orders)
            run.state = "done"
        except asyncio.CancelledError:
            run.state = "broken_off"
            raise
        except PsdError as error:
            run.state, run.summary = "failed", str(error)
        finally:
            run.ended_at = utc_text(self._clock.now_s())
            try:
                await self._note(run)
            except PsdError as error:
                log.error("an audit is not written down", extra={"reason": str(error)})

    async def _go_through(self, run: AuditRun, orders: Orders) -> None:
        outcomes: Counter[str] = Counter()
        async for audited in whole_audit(self._runtime, orders):
            outcomes[audited.outcome] += 1
            run.found += len(audited.differences)
            room = DIFFERENCES_KEPT - len(run.differences)
            run.differences += [str(each) for each in audited.differences[:room]]
            run.outcomes, run.summary = dict(outcomes), audit_summary(outcomes, run.found)
            if self._clock.now_s() - run.seen_at_s >= NOTED_S:
                await self._note(run)
        run.summary = audit_summary(outcomes, run.found)

    async def _note(self, run: AuditRun) -> None:
        """Write one down, and forget the oldest. 2 trips."""
        run.seen_at_s = self._clock.now_s()
        await self._store.writes.call(("HSET", AUDITS_KEY, run.id, _encode(run)))
        kept = sorted(await self._store.writes.call(("HKEYS", AUDITS_KEY)), reverse=True)
        if len(kept) > KEPT:
            await self._store.writes.call(("HDEL", AUDITS_KEY, *kept[KEPT:]))

    def _as_of_now(self, run: AuditRun) -> AuditRun:
        if run.state == "running" and self._clock.now_s() - run.seen_at_s > GONE_S:
            run.state = "broken_off"
        return run
