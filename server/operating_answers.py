"""What operators ask under /v3/ops, and what they are answered: one struct a body or an answer."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from psd.access.identity import Scope
from psd.clock import utc_text
from psd.operations.audit_runs import AuditRun, State
from psd.operations.dead_letters import readable
from psd.operations.deeds_log import OperatorDeed
from psd.operations.import_undo import Undone
from psd.operations.imports import KeptImport
from psd.operations.setting_rows import SettingRow
from psd.operations.slow_scripts import SlowCall
from psd.operations.token_file import KeptToken
from psd.queue.deadletter import Letter
from psd.queue.letter_runs import LetterRun

LIMIT, LIMIT_MAX = 100, 1000
IDS_MAX = 1000
BEGINNING = 120

Limit = Annotated[int, Meta(ge=1, le=LIMIT_MAX)]
LetterIds = Annotated[list[str], Meta(max_length=IDS_MAX)]


class NewestQuery(msgspec.Struct, frozen=True):
    """How many at most."""

    limit: Limit = LIMIT


class LetterRow(msgspec.Struct, frozen=True):
    """A dead letter without its body: how it begins, as far as it is text."""

    id: str
    topic: str
    code: str
    reason: str
    attempts: int
    first_seen: str
    bytes: int
    begins: str

    @classmethod
    def of(cls, letter: Letter) -> LetterRow:
        """A letter."""
        begins = letter.body[:BEGINNING].decode(errors="replace")
        shown = "".join(each if each.isprintable() else " " for each in begins)
        seen = utc_text(letter.first_seen_s)
        told = letter.id, letter.topic, letter.code, letter.reason, letter.attempts
        return cls(*told, seen, len(letter.body), shown)


class LettersPage(msgspec.Struct, frozen=True):
    """Dead letters, oldest first; `away` says what of the queue was not reached."""

    data: list[LetterRow]
    away: str


class WholeLetter(msgspec.Struct, frozen=True):
    """A dead letter with the original message, in base64 where it is not text."""

    id: str
    topic: str
    code: str
    reason: str
    attempts: int
    first_seen: str
    body: str | UnsetType = UNSET
    body_base64: str | UnsetType = UNSET
    cut_bytes: int | UnsetType = UNSET

    @classmethod
    def of(cls, letter: Letter) -> WholeLetter:
        """A letter."""
        return cls(**readable(letter))


class LettersBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which letters: these, or all that there are."""

    ids: LetterIds = []
    all: bool = False


class LettersDone(msgspec.Struct, frozen=True):
    """What became of letters; those that came back could not be booked again."""

    done: list[str]
    failed: list[str]
    unknown: list[str]
    came_back: list[LetterRow]
    came_since: int
    has_more: bool
    away: str

    @classmethod
    def of(cls, run: LetterRun, ids: list[str]) -> LettersDone:
        """A run over the letters of these ids, or over all."""
        return cls(
            done=run.done,
            failed=run.failed,
            unknown=[each for each in ids if each not in run.seen],
            came_back=[LetterRow.of(each) for each in run.came_back],
            came_since=run.came_since,
            has_more=run.is_full,
            away=run.away,
        )


class TokenRow(msgspec.Struct, frozen=True):
    """A token; `owners` is null for one of everybody, `expires` for one that does not end."""

    mark: str
    name: str
    scopes: list[str]
    owners: list[str] | None
    expires: str | None
    source: str

    @classmethod
    def of(cls, token: KeptToken) -> TokenRow:
        """A kept one."""
        ends = None if token.expires_at_s is None else utc_text(token.expires_at_s)
        return cls(token.mark, token.name, token.scopes, token.owners, ends, token.source)


class TokensPage(msgspec.Struct, frozen=True):
    """Every token that this server knows, but for JWTs."""

    data: list[TokenRow]


class TokenBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A token to be made; without `owners` it is of everybody."""

    name: str
    scopes: list[Scope]
    owners: list[int | str] = []
    expires: str | None = None


class MadeToken(msgspec.Struct, frozen=True):
    """A token that was made; it is told this once."""

    token: str
    mark: str
    name: str


class NothingBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing more is said."""


class ImportsPage(msgspec.Struct, frozen=True):
    """Imports that were, the newest first."""

    data: list[KeptImport]


class UndoneImport(msgspec.Struct, frozen=True):
    """What taking an import back has done, or would do; `left` are windows that it leaves."""

    id: str
    target: str
    is_done: bool
    counts: dict[str, int]
    summary: str
    open: int
    left: list[str]

    @classmethod
    def of(cls, found: KeptImport, undone: Undone, *, is_done: bool) -> UndoneImport:
        """An import and what became of it."""
        told = found.id, found.target, is_done, dict(undone.counts), undone.summary, undone.open
        return cls(*told, [each.text for each in undone.left])


class UndoBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the import went, as it says itself: so nothing is taken out of another store."""

    target: str


class AuditBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An audit to be begun, of everything or of some users or things."""

    repair: bool = False
    rate: Annotated[float, Meta(ge=0, description="owners' things a second; 0: any")] = 100.0
    uid: list[int | str] = []
    thing: list[str] = []


class AuditRow(msgspec.Struct, frozen=True):
    """An audit and what it found."""

    id: str
    by: str
    began_at: str
    ended_at: str | None
    repair: bool
    state: State
    summary: str
    found: int

    @classmethod
    def of(cls, run: AuditRun) -> AuditRow:
        """A run."""
        told = run.id, run.by, run.began_at, run.ended_at, run.is_repair, run.state, run.summary
        return cls(*told, run.found)


class AuditsPage(msgspec.Struct, frozen=True):
    """The last audits that a server ran, the newest first."""

    data: list[AuditRow]


class AuditTold(msgspec.Struct, frozen=True):
    """An audit with the first of the differences that it found."""

    audit: AuditRow
    outcomes: dict[str, int]
    differences: list[str]


class SettingsPage(msgspec.Struct, frozen=True):
    """Every setting; secrets are stars."""

    data: list[SettingRow]


class SlowPage(msgspec.Struct, frozen=True):
    """Calls that the store noted as slow, the slowest first; `refused` says why it tells none."""

    data: list[SlowCall]
    refused: str


class DeedsPage(msgspec.Struct, frozen=True):
    """What operators did, the newest first."""

    data: list[OperatorDeed]


Which = Literal["replay", "drop"]
