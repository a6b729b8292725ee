"""The pages of operations: what /v3/ops tells and does, for people who are admins.

::

    GET  /ops/                      what there is to look after, and what was done lately
    GET  /ops/dead-letters/         letters to choose from
    POST /ops/dead-letters/         they are replayed; or dropped, after asking
    GET  /ops/tokens/               tokens, and a form for another one, which is shown once
    POST /ops/tokens/9f86d081.../   revoked

What cannot be undone is asked for on a page of its own, or by the same form with ``sure``.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from psd.access.identity import Scope
from psd.domain.web_page import Answer, Moved, Shown, Visit, WebPage
from psd.errors import ConflictError, InputError, UnavailableError
from psd.queries.parsing import from_fields
from psd.runtime import Runtime
from server.operating import Operating
from server.operating_answers import (
    LIMIT,
    AuditBody,
    LettersBody,
    LettersDone,
    NewestQuery,
    TokenBody,
    Which,
)

SCOPES: tuple[Scope, ...] = ("read", "write", "admin")
DEEDS_SHOWN = 20
CHOSEN = "letter:"
"""Stands before the id in the name of a letter's box."""


class OpsPages:
    """Shows and does what :class:`server.operating.Operating` answers."""

    def __init__(self, runtime: Runtime, operating: Operating) -> None:
        self._operating = operating
        self._access = runtime.settings.access

    def pages(self) -> tuple[WebPage, ...]:
        """All of them."""

        def page(
            path: str,
            show: Any,
            *parameters: str,
            forms: bool = False,
            patient: bool = False,
        ) -> WebPage:
            return WebPage(
                path=f"/ops/{path}",
                show=show,
                parameters=parameters,
                scope="admin",
                named=True,
                takes_forms=forms,
                is_patient=patient,
            )

        return (
            page("", self.overview),
            page("dead-letters/", self.letters, forms=True, patient=True),
            page("dead-letters/{letter}", self.letter, forms=True, patient=True),
            page("audits/", self.audits, forms=True),
            page("audits/{audit}", self.audit),
            page("imports/", self.imports),
            page("imports/{import}", self.one_import, forms=True, patient=True),
            page("tokens/", self.tokens, forms=True),
            page("tokens/{mark}", self.token, forms=True),
            page("settings/", self.settings, "changed"),
            page("slow-scripts/", self.slow_scripts),
        )

    async def overview(self, _visit: Visit) -> Answer:
        """What there is to look after."""
        audits, deeds = await asyncio.gather(
            self._operating.audits(), self._operating.deeds(NewestQuery(DEEDS_SHOWN))
        )
        audit = audits.data[0] if audits.data else None
        return Shown("ops.html", {"audit": audit, "deeds": deeds.data})

    async def letters(self, visit: Visit) -> Answer:
        """Letters to choose from; what was chosen is replayed, or dropped once one is sure."""
        if visit.form is None:
            return await self._letters(None, "")
        form = visit.form
        ids = [name.removeprefix(CHOSEN) for name in form if name.startswith(CHOSEN)]
        is_all = "all" in form
        which: Which = "drop" if form.get("do") == "drop" else "replay"
        if not ids and not is_all:
            return await self._letters(None, "Choose letters first, or all of them.")
        if which == "drop" and "sure" not in form:
            return Shown("ops_drop.html", {"ids": ids, "is_all": is_all})
        body = LettersBody([] if is_all else ids, is_all)
        done = await self._operating.act_on_letters(which, body, visit.identity)
        return await self._letters(done, "", which)

    async def _letters(self, done: LettersDone | None, error: str, which: str = "") -> Answer:
        try:
            found, away = await self._operating.letters(NewestQuery(LIMIT)), ""
            rows, away = found.data, found.away
        except UnavailableError as exc:
            rows, away = [], str(exc)
        values = {"letters": rows, "away": away, "done": done, "which": which, "error": error}
        return Shown("ops_letters.html", {**values, "limit": LIMIT})

    async def letter(self, visit: Visit) -> Answer:
        """One letter with its message; its form is that of all."""
        if visit.form is not None:
            return await self.letters(visit)
        letter = await self._operating.letter(visit.names["letter"])
        return Shown("ops_letter.html", {"letter": msgspec.to_builtins(letter)})

    async def audits(self, visit: Visit) -> Answer:
        """The last audits, and a button for another one; a repair is asked for twice."""
        error = ""
        if visit.form is not None:
            is_repair = visit.form.get("do") == "repair"
            if is_repair and "sure" not in visit.form:
                return Shown("ops_repair.html")
            try:
                begun = await self._operating.begin_audit(AuditBody(is_repair), visit.identity)
            except ConflictError as exc:
                error = str(exc)
            else:
                return Moved(f"/ops/audits/{begun.audit.id}")
        found = await self._operating.audits()
        return Shown("ops_audits.html", {"audits": found.data, "error": error})

    async def audit(self, visit: Visit) -> Answer:
        """An audit and its differences; while it runs the page refreshes itself."""
        found = await self._operating.audit(visit.names["audit"])
        return Shown("ops_audit.html", {"audit": found.audit, "differences": found.differences})

    async def imports(self, _visit: Visit) -> Answer:
        """Imports that were."""
        found = await self._operating.imports()
        return Shown("ops_imports.html", {"imports": found.data})

    async def one_import(self, visit: Visit) -> Answer:
        """What taking an import back would do, and a button that does it."""
        import_id = visit.names["import"]
        if visit.form is None:
            found = await self._operating.rehearse_undo(import_id)
            return Shown("ops_import.html", {"found": found, "error": ""})
        target = visit.form.get("target", "")
        try:
            found = await self._operating.undo_import(import_id, target, visit.identity)
        except ConflictError as exc:
            found = await self._operating.rehearse_undo(import_id)
            return Shown("ops_import.html", {"found": found, "error": str(exc)})
        return Shown("ops_import.html", {"found": found, "error": ""})

    async def tokens(self, visit: Visit) -> Answer:
        """Tokens, and a form for another one."""
        made, error, form = None, "", visit.form or {}
        if visit.form is not None:
            try:
                made = await self._operating.make_token(_token_body(visit.form), visit.identity)
            except InputError as exc:
                error = str(exc)
        found = await self._operating.tokens()
        values = {
            "tokens": found.data,
            "made": made,
            "error": error,
            "form": {name: form.get(name, "") for name in ("name", "owners", "expires")},
            "scopes": [(each, f"scope-{each}" in form) for each in SCOPES],
            "has_file": bool(self._access.tokens_file),
        }
        return Shown("ops_tokens.html", values)

    async def token(self, visit: Visit) -> Answer:
        """Ask whether a token is to be revoked, and revoke it."""
        mark = visit.names["mark"]
        known = {each.mark: each for each in (await self._operating.tokens()).data}
        if visit.form is None or mark not in known:
            if mark not in known:
                return Moved("/ops/tokens/", "There is no such token.")
            return Shown("ops_revoke.html", {"token": known[mark], "error": ""})
        try:
            token = await self._operating.revoke_token(mark, visit.identity)
        except ConflictError as exc:
            return Shown("ops_revoke.html", {"token": known[mark], "error": str(exc)})
        return Moved("/ops/tokens/", f"The token of {token.name} is revoked.")

    async def settings(self, visit: Visit) -> Answer:
        """Every setting, or those that are not their defaults."""
        rows = (await self._operating.settings()).data
        is_changed = "changed" in visit.query
        shown = [each for each in rows if each.is_changed or not is_changed]
        return Shown("ops_settings.html", {"settings": shown, "is_changed": is_changed})

    async def slow_scripts(self, _visit: Visit) -> Answer:
        """What the store noted as slow."""
        found = await self._operating.slow_scripts()
        calls = [(each, f"{each.duration_us / 1_000:,.1f}") for each in found.data]
        return Shown("ops_slow.html", {"calls": calls, "refused": found.refused})


def _token_body(form: Any) -> TokenBody:
    """What the form of a token says; raises BadQueryError."""
    fields: dict[str, Any] = {
        "name": form.get("name", "").strip(),
        "scopes": [each for each in SCOPES if f"scope-{each}" in form],
        "owners": [each.strip() for each in form.get("owners", "").split(",") if each.strip()],
    }
    if form.get("expires", "").strip():
        fields["expires"] = form["expires"].strip()
    return from_fields(fields, TokenBody)
