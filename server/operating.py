"""What operators look at and do: one place for the routes of /v3/ops and the pages of /ops/.

::

    operating = Operating(runtime, look_again)
    await operating.letters(NewestQuery(100))                    LettersPage([...], away="")
    await operating.act_on_letters("replay", LettersBody(["0f2a..."]), identity)

The commands of the command line do the same by the same code (psd/operations). What changes
something is noted, with who did it (psd/operations/deeds_log.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from aiohttp import web

from psd.access.identity import Identity
from psd.access.tokens import MARK_CHARACTERS
from psd.errors import BadQueryError, ConflictError, InvalidTimeError
from psd.operations.audit_runs import AuditRun, AuditRuns
from psd.operations.auditing import Orders
from psd.operations.dead_letters import LetterDesk
from psd.operations.deeds_log import DeedsLog
from psd.operations.imports import ImportDesk
from psd.operations.setting_rows import setting_rows
from psd.operations.slow_scripts import slow_scripts
from psd.operations.token_file import TokenFile
from psd.queries.ids import asked_users
from psd.queries.things import asked_thing
from psd.runtime import Runtime
from psd.times import read
from server.operating_answers import (
    AuditBody,
    AuditRow,
    AuditsPage,
    AuditTold,
    DeedsPage,
    ImportsPage,
    LetterRow,
    LettersBody,
    LettersDone,
    LettersPage,
    MadeToken,
    NewestQuery,
    SettingsPage,
    SlowPage,
    TokenBody,
    TokenRow,
    TokensPage,
    UndoneImport,
    Which,
    WholeLetter,
)


class Operating:
    """Answers for a process; ``look_again`` has the tokens read anew."""

    def __init__(self, runtime: Runtime, look_again: Callable[[], None]) -> None:
        self._runtime = runtime
        self._look_again = look_again
        self._letters = LetterDesk(runtime)
        self._tokens = TokenFile(runtime.settings.access)
        self._imports = ImportDesk(runtime)
        self._audits = AuditRuns(runtime)
        self._log = DeedsLog(runtime.store, runtime.clock)

    async def running(self, _app: web.Application) -> AsyncIterator[None]:
        """For as long as an application runs; an audit ends with it."""
        yield
        await self._audits.close()

    async def letters(self, query: NewestQuery) -> LettersPage:
        """The dead letters, oldest first."""
        seen = await self._letters.look(query.limit)
        return LettersPage([LetterRow.of(each) for each in seen.letters], seen.away)

    async def letter(self, letter_id: str) -> WholeLetter:
        """A dead letter with its message."""
        return WholeLetter.of(await self._letters.find(letter_id))

    async def act_on_letters(self, which: Which, body: LettersBody, who: Identity) -> LettersDone:
        """Replay letters, or drop them for good."""
        if bool(body.ids) == body.all:
            raise BadQueryError("ids: give the ids of letters, or all, and not both")
        act = self._letters.replay if which == "replay" else self._letters.drop
        done = LettersDone.of(await act(body.ids), body.ids)
        if done.done:
            subject = f"{len(done.done)}: {', '.join(done.done)}"
            await self._log.note(who.who, f"{which} dead letters", subject)
        return done

    async def tokens(self) -> TokensPage:
        """Every token that is known."""
        kept = await asyncio.to_thread(self._tokens.kept)
        return TokensPage([TokenRow.of(each) for each in kept])

    async def make_token(self, body: TokenBody, who: Identity) -> MadeToken:
        """Make a token, which is told this once."""
        ends = self._end_of(body.expires) if body.expires else None
        secret, line = await asyncio.to_thread(
            self._tokens.add, body.name, body.scopes, body.owners, ends
        )
        self._look_again()
        mark = line.sha256[:MARK_CHARACTERS]
        scopes = "+".join(sorted(body.scopes))
        await self._log.note(who.who, "make token", f"{mark} {body.name} {scopes}")
        return MadeToken(secret, mark, line.identity.name)

    async def revoke_token(self, mark: str, who: Identity) -> TokenRow:
        """Take a token out of the file; not the one that asks."""
        if who.mark and who.mark == mark:
            raise ConflictError("token: it is the one that you ask with; another one may revoke it")
        token = await asyncio.to_thread(self._tokens.remove, mark)
        self._look_again()
        await self._log.note(who.who, "revoke token", f"{mark} {token.name}")
        return TokenRow.of(token)

    async def imports(self) -> ImportsPage:
        """Imports that were."""
        return ImportsPage(await self._imports.all())

    async def rehearse_undo(self, import_id: str) -> UndoneImport:
        """What taking an import back would do."""
        found = await self._imports.find(import_id)
        rehearsed = await self._imports.rehearsed(import_id)
        return UndoneImport.of(found, rehearsed, is_done=False)

    async def undo_import(self, import_id: str, target: str, who: Identity) -> UndoneImport:
        """Take an import back."""
        found = await self._imports.find(import_id)
        undone = UndoneImport.of(found, await self._imports.undone(import_id, target), is_done=True)
        await self._log.note(who.who, "undo import", f"{import_id}: {undone.summary}")
        return undone

    async def audits(self) -> AuditsPage:
        """The last audits."""
        return AuditsPage([AuditRow.of(each) for each in await self._audits.all()])

    async def audit(self, run_id: str) -> AuditTold:
        """An audit with what it found."""
        return _told(await self._audits.find(run_id))

    async def begin_audit(self, body: AuditBody, who: Identity) -> AuditTold:
        """Begin an audit."""
        settings = self._runtime.settings
        things = frozenset(asked_thing(each, settings.numbers) for each in body.thing)
        folder = Path(settings.archive.folder)
        has_archive = body.repair and await asyncio.to_thread(folder.is_dir)
        orders = Orders(
            frozenset(asked_users(body.uid, "uid")) or None,
            things or None,
            body.repair,
            body.rate,
            folder if has_archive else None,
        )
        run = await self._audits.begin(who.who, orders)
        await self._log.note(who.who, "repair" if body.repair else "audit", run.id)
        return _told(run)

    async def settings(self) -> SettingsPage:
        """Every setting, and where it came from."""
        return SettingsPage(setting_rows(self._runtime.settings))

    async def slow_scripts(self) -> SlowPage:
        """What the store noted as slow."""
        found = await slow_scripts(self._runtime.store)
        return SlowPage(found.calls, found.refused)

    async def deeds(self, query: NewestQuery) -> DeedsPage:
        """What operators did."""
        return DeedsPage(await self._log.newest(query.limit))

    def _end_of(self, text: str) -> int:
        now_s = self._runtime.clock.now_s()
        try:
            end_s = read(text, now_s=now_s)
        except ValueError as exc:
            raise InvalidTimeError(f"expires: {exc}") from exc
        if end_s <= now_s:
            raise InvalidTimeError(f"expires: {text[:64]!r} is over")
        return end_s


def _told(run: AuditRun) -> AuditTold:
    return AuditTold(AuditRow.of(run), run.outcomes, run.differences)
