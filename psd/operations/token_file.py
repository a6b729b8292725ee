"""The file of ``access.tokens_file``, to which tokens are added and from which they are taken.

::

    file = TokenFile(settings.access)
    secret, line = file.add("phone", ["read"])     the token, which nobody sees again, and its line
    file.kept()                                    every token: KeptToken("phone", "9f86d0...", ...)
    file.remove("9f86d081884c7d65")                its line is gone; servers know it a second later

A file is replaced as a whole, so that a server reads the lines of before or those of after; what
stands beside the lines, comments for one, stays. Of tokens in ``access.tokens`` and of JWTs nothing
can be taken away here. psd processes on other machines have files of their own.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from psd.access.identity import Identity, Scope
from psd.access.tokens import (
    MARK_CHARACTERS,
    TokenLine,
    check_token_name,
    configured_lines,
    digest,
    file_lines,
    new_token,
    read_line,
    write_line,
)
from psd.config import AccessSettings
from psd.errors import ConfigError, ConflictError, NotFoundError, WrongTypeError
from psd.foreign_texts import shown
from psd.users import user_of

FILE_SOURCE, SETTINGS_SOURCE = "access.tokens_file", "access.tokens"


class KeptToken(msgspec.Struct, frozen=True):
    """What is known of a token; ``mark`` is the beginning of its hash, by which it is revoked."""

    mark: str
    name: str
    scopes: list[str]
    owners: list[str] | None
    expires_at_s: int | None
    source: str

    @classmethod
    def of(cls, line: TokenLine, source: str) -> KeptToken:
        """A line, as it is shown."""
        who = line.identity
        owners = None
        if who.owners is not None:
            numbers = sorted(who.owners.difference(map(user_of, who.names)))
            owners = [*map(str, numbers), *sorted(who.names)]
        return cls(
            line.sha256[:MARK_CHARACTERS],
            who.name,
            sorted(who.scopes),
            owners,
            who.expires_at_s,
            source,
        )


class TokenFile:
    """The tokens of some settings; every method reads the file anew."""

    def __init__(self, settings: AccessSettings) -> None:
        self._settings = settings

    def kept(self) -> list[KeptToken]:
        """Every token that is known, those of the settings first; raises ConfigError."""
        own = [KeptToken.of(line, SETTINGS_SOURCE) for line in configured_lines(self._settings)]
        if self._settings.tokens_file:
            lines = file_lines(self._settings.tokens_file)
            own += [KeptToken.of(line, FILE_SOURCE) for line in lines]
        return own

    def add(
        self,
        name: str,
        scopes: Sequence[Scope],
        owners: Sequence[int | str] = (),
        expires_at_s: int | None = None,
    ) -> tuple[str, TokenLine]:
        """A new token, and its line, which stands in the file when this returns.

        Raises WrongTypeError for what no line may say, ConflictError where there is no file.
        """
        try:
            secret, line = made_token(name, scopes, owners, expires_at_s)
        except ConfigError as exc:
            raise WrongTypeError(str(exc).removeprefix("token: ")) from exc
        with self._changing() as path:
            before = path.read_text(encoding="utf-8-sig") if path.exists() else ""
            gap = "" if not before or before.endswith("\n") else "\n"
            _replace(path, f"{before}{gap}{write_line(line)}\n")
        return secret, line

    def remove(self, mark: str) -> KeptToken:
        """Take a token away by its mark; raises NotFoundError, or ConflictError for a setting's."""
        found = [each for each in self.kept() if each.mark == mark]
        if not found:
            raise NotFoundError(f"token: {shown(mark)} is the mark of none")
        [token, *_] = found
        if token.source == SETTINGS_SOURCE:
            raise ConflictError(
                f"token: {token.name} stands in {SETTINGS_SOURCE}; it goes with the setting"
            )
        with self._changing() as path:
            texts = path.read_text(encoding="utf-8-sig").splitlines(keepends=True)
            _replace(path, "".join(text for text in texts if not _has(text, mark)))
        return token

    @contextlib.contextmanager
    def _changing(self) -> Iterator[Path]:
        """The file, which no other psd changes meanwhile."""
        if not self._settings.tokens_file:
            raise ConflictError(
                "access.tokens_file: is not set, so there is no file that tokens could stand in"
            )
        path = Path(self._settings.tokens_file).resolve()
        try:
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                fcntl.flock(folder, fcntl.LOCK_EX)
                yield path
            finally:
                os.close(folder)
        except OSError as exc:
            raise ConflictError(f"access.tokens_file: {path}: {exc.strerror or exc}") from exc


def made_token(
    name: str,
    scopes: Sequence[Scope],
    owners: Sequence[int | str] = (),
    expires_at_s: int | None = None,
    where: str = "token",
) -> tuple[str, TokenLine]:
    """A new token, and its line; raises ConfigError for what no line may say."""
    check_token_name(name, where)
    secret = new_token()
    identity = Identity(
        name,
        frozenset(scopes),
        frozenset(map(user_of, owners)) if owners else None,
        expires_at_s,
        names=tuple(owner for owner in owners if isinstance(owner, str)),
    )
    # Read back, so that what a server would refuse is refused here.
    return secret, read_line(write_line(TokenLine(identity, digest(secret))), where)


def _has(text: str, mark: str) -> bool:
    is_line = text.strip() and not text.lstrip().startswith("#")
    return bool(is_line) and read_line(text, FILE_SOURCE).sha256.startswith(mark)


def _replace(path: Path, text: str) -> None:
    """Other content in the place of a file's, with its rights; nobody sees a half of it."""
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    beside = path.with_name(f".{path.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
