"""API tokens: 256 random bits that a client keeps, and a line with their hash that psd keeps.

A line is fields separated by blanks; lists are joined by ``+``, because commas separate lines
in ``PSD_ACCESS_TOKENS``. ``owners`` and ``expires`` may be missing (everybody, for ever). Owners
are numbers or names; of a name all but letters, digits and ``_.-~@`` is percent-encoded::

    name=phone scopes=read+write owners=1503960366+al%2Bps@example.com sha256=9f86d0...

A plain SHA-256 is enough here: the hash of a password needs to be slow because passwords are
guessed, and nobody guesses 256 random bits. Tokens are found by their hash. What a lookup's
duration tells is how far the hash of a guess agrees with a kept hash, which nobody can steer
towards a token; the comparison that decides is constant in time all the same.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, unquote

import msgspec

from psd.access.identity import SCOPES, Identity
from psd.config import AccessSettings
from psd.errors import ConfigError, InputError, UnauthorizedError
from psd.times import read
from psd.users import name_of, user_of

PREFIX = "psd_"
"""Tells people and secret scanners what they have found."""

TOKEN_BYTES = 32

MARK_CHARACTERS = 16
"""Of a token's hash: enough that no two of a name are alike."""

LINE_BYTES_MAX = 65_536
"""Some 3,000 owners of one token; more belong into a JWT each."""

_FIELDS = ("name", "scopes", "owners", "expires", "sha256")
_NAME = re.compile(r"[\w.@-]{1,64}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}")


class TokenLine(msgspec.Struct, frozen=True):
    """One line: an identity and the hash of the token that stands for it."""

    identity: Identity
    sha256: str


def new_token() -> str:
    """A token that nobody has: ``psd_`` and 43 letters."""
    return PREFIX + secrets.token_urlsafe(TOKEN_BYTES)


def digest(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def write_line(line: TokenLine) -> str:
    """The line for the configuration."""
    who = line.identity
    parts = [f"name={who.name}", f"scopes={'+'.join(sorted(who.scopes))}"]
    if who.owners is not None:
        numbers = sorted(who.owners.difference(map(user_of, who.names)))
        owners = [*map(str, numbers), *(quote(name, safe="@") for name in sorted(who.names))]
        parts.append(f"owners={'+'.join(owners)}")
    if who.expires_at_s is not None:
        end = datetime.fromtimestamp(who.expires_at_s, UTC)
        parts.append(f"expires={end.isoformat().replace('+00:00', 'Z')}")
    return " ".join([*parts, f"sha256={line.sha256}"])


def read_line(text: str, where: str) -> TokenLine:
    """The line that a text is; raises :class:`ConfigError` naming place, field, value, rule."""
    if len(text) > LINE_BYTES_MAX:
        raise ConfigError(f"{where}: {len(text)} bytes, at most {LINE_BYTES_MAX} are allowed")
    pairs = [part.partition("=") for part in text.split()]
    fields = {name: value for name, _, value in pairs}
    wrong = [name for name in fields if name not in _FIELDS]
    if wrong or len(fields) != len(pairs):
        known = ", ".join(_FIELDS)
        raise ConfigError(f"{where}: each of {known} stands once, as field=value; nothing else")
    check_token_name(fields.get("name", ""), where)
    _require(where, "sha256", fields, _SHA256, "64 hexadecimal digits, as psd token new prints")
    scopes = _scopes(where, fields.get("scopes", ""))
    names, owners = _owners(where, fields["owners"]) if "owners" in fields else ((), None)
    if owners is not None and "admin" in scopes:
        raise ConfigError(f"{where}: owners with scope admin: an admin is not restricted")
    expires_at_s = _expires(where, fields["expires"]) if "expires" in fields else None
    identity = Identity(fields["name"], scopes, owners, expires_at_s, names=names)
    return TokenLine(identity, fields["sha256"])


def check_token_name(name: str, where: str) -> None:
    """Raises ConfigError for what is no name of a token."""
    _require(where, "name", {"name": name}, _NAME, "1 to 64 letters, digits, _ . @ or -")


def _require(
    where: str, name: str, fields: dict[str, str], pattern: re.Pattern[str], rule: str
) -> None:
    if not pattern.fullmatch(fields.get(name, "")):
        # The value is not told: somebody may have put the token itself in place of its hash.
        raise ConfigError(f"{where}: {name}: expected {rule}")


def _scopes(where: str, text: str) -> frozenset[str]:
    scopes = frozenset(text.split("+"))
    if not scopes <= SCOPES:
        raise ConfigError(f"{where}: scopes: {text!r} is not one or more of read+write+admin")
    return scopes


def _owners(where: str, text: str) -> tuple[tuple[str, ...], frozenset[int]]:
    """The names among them, and the numbers of all."""
    names: set[str] = set()
    owners: set[int] = set()
    for part in text.split("+"):
        try:
            owner = unquote(part, errors="strict")
            name = name_of(owner, "owners")
            owners.add(user_of(owner, "owners"))
        except (InputError, UnicodeDecodeError) as exc:
            raise ConfigError(f"{where}: owners: {part!r} is no uid ({exc})") from exc
        if name is not None:
            names.add(name)
    return tuple(sorted(names)), frozenset(owners)


def _expires(where: str, text: str) -> int:
    try:
        return read(text, None)
    except ValueError as exc:
        raise ConfigError(f"{where}: expires: {exc}") from exc


class TokenTable:
    """The tokens that are known; made anew when a file of them changes."""

    def __init__(self, lines: Iterable[TokenLine]) -> None:
        self._lines = {line.sha256: _marked(line) for line in lines}

    def __len__(self) -> int:
        return len(self._lines)

    def ended(self, now_s: int) -> int:
        """How many of them have expired."""
        ends = (line.identity.expires_at_s for line in self._lines.values())
        return sum(end_s is not None and end_s <= now_s for end_s in ends)

    def identity(self, token: str, now_s: int) -> Identity:
        """Whose token this is; raises :class:`UnauthorizedError`."""
        held = digest(token)
        line = self._lines.get(held)
        if line is None or not hmac.compare_digest(line.sha256, held):
            raise UnauthorizedError("token: not known")
        end_s = line.identity.expires_at_s
        if end_s is not None and now_s >= end_s:
            raise UnauthorizedError("token: expired")
        return line.identity


def _marked(line: TokenLine) -> TokenLine:
    """The line, whose identity is told from that of another token of its name."""
    identity = msgspec.structs.replace(line.identity, mark=line.sha256[:MARK_CHARACTERS])
    return TokenLine(identity, line.sha256)


def configured_lines(settings: AccessSettings) -> list[TokenLine]:
    """The lines of ``access.tokens``."""
    texts = enumerate(settings.tokens, 1)
    return [read_line(text, f"access.tokens, line {number}") for number, text in texts]


def file_lines(path: str) -> list[TokenLine]:
    """The lines of ``access.tokens_file``; blank lines and those that begin with # are none."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as exc:
        raise ConfigError(f"access.tokens_file: {exc}") from exc
    return [
        read_line(line, f"access.tokens_file, line {number}")
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]


def token_table(settings: AccessSettings) -> TokenTable:
    """Every token of the settings; reads the file anew.

    Raises ConfigError for one that stands twice and not for the same: which of both it is would
    depend on their order.
    """
    lines = configured_lines(settings)
    if settings.tokens_file:
        lines += file_lines(settings.tokens_file)
    found: dict[str, TokenLine] = {}
    for line in lines:
        before = found.setdefault(line.sha256, line)
        if before != line:
            names = f"{before.identity.name} and {line.identity.name}"
            raise ConfigError(f"access: {names}: two lines with the same sha256 differ")
    return TokenTable(lines)
