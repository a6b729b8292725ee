"""Token lines: what is kept of a token, what is refused, and what a token then is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psd.access.identity import SCOPES, Identity
from psd.access.tokens import (
    TokenLine,
    TokenTable,
    configured_lines,
    digest,
    file_lines,
    new_token,
    read_line,
    token_table,
    write_line,
)
from psd.config import AccessSettings
from psd.errors import ConfigError, ForbiddenError, UnauthorizedError
from psd.users import user_of

HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def test_a_token_has_256_random_bits_and_its_hash_only_is_kept() -> None:
    tokens = {new_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert all(len(token) == len("psd_") + 43 and token.isascii() for token in tokens)
    secret = tokens.pop()
    line = write_line(TokenLine(Identity("a", frozenset({"read"})), digest(secret)))
    assert secret not in line
    assert secret.removeprefix("psd_") not in line


@given(
    st.builds(
        Identity,
        st.from_regex(r"[a-zA-Z0-9_.@-]{1,64}", fullmatch=True),
        st.sets(st.sampled_from(["read", "write"]), min_size=1).map(frozenset),
        st.none() | st.sets(st.integers(-(2**63) + 1, 2**63 - 1), min_size=1).map(frozenset),
        st.none() | st.integers(0, 253_402_300_799),
    )
)
@pytest.mark.slow("examples of Hypothesis")
def test_a_line_is_read_as_it_was_written(identity: Identity) -> None:
    line = TokenLine(identity, HASH)
    assert read_line(write_line(line), "here") == line
    assert "," not in write_line(line), "commas separate lines in the environment"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "name: expected"),
        (f"name=a scopes=read sha256={HASH} colour=red", "each of name"),
        (f"name=a name=b scopes=read sha256={HASH}", "each of name"),
        (f"name=a/b scopes=read sha256={HASH}", "name: expected"),
        (f"name=a scopes=root sha256={HASH}", "scopes: 'root'"),
        (f"name=a scopes= sha256={HASH}", "scopes: ''"),
        (f"name=a sha256={HASH}", "scopes: ''"),
        (f"name=a scopes=read owners=01 sha256={HASH}", "owners: '01'"),
        (f"name=a scopes=read owners= sha256={HASH}", "owners: ''"),
        (f"name=a scopes=admin owners=1 sha256={HASH}", "an admin is not restricted"),
        (f"name=a scopes=read expires=soon sha256={HASH}", "expires: 'soon'"),
        (f"name=a scopes=read expires=2027-01-01T00:00:00 sha256={HASH}", "has no zone"),
        ("name=a scopes=read sha256=abc", "sha256: expected"),
        ("name=a scopes=read", "sha256: expected"),
    ],
)
def test_a_line_that_breaks_a_rule_is_refused_with_its_place_and_field(
    text: str, told: str
) -> None:
    with pytest.raises(ConfigError, match=r"^access\.tokens, line 1: ") as refused:
        configured_lines(AccessSettings(tokens=(text,)))
    assert told in str(refused.value)


def test_a_token_in_the_place_of_its_hash_is_refused_and_not_repeated() -> None:
    secret = new_token()
    with pytest.raises(ConfigError) as refused:
        read_line(f"name=a scopes=read sha256={secret}", "here")
    assert secret not in str(refused.value)


def test_a_file_has_a_line_a_token_and_may_have_comments(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text(f"# phones\n\nname=a scopes=read sha256={HASH}\n  # end\n")
    assert [line.identity.name for line in file_lines(str(path))] == ["a"]
    path.write_text(f"# phones\n\nname=a scopes=read sha256={HASH}\nname=b\n")
    with pytest.raises(ConfigError, match="line 4"):
        file_lines(str(path))
    with pytest.raises(ConfigError, match="tokens_file"):
        file_lines(str(tmp_path / "none"))


def test_a_token_stands_for_one_identity_alone(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    line = f"name=a scopes=read sha256={HASH}"
    path.write_text(f"\ufeff{line}\n{line}\n", encoding="utf-8")
    assert len(token_table(AccessSettings(tokens=[line], tokens_file=str(path)))) == 1
    path.write_text(f"{line}\nname=b scopes=admin sha256={HASH}\n")
    with pytest.raises(ConfigError, match="a and b: two lines with the same sha256 differ"):
        token_table(AccessSettings(tokens_file=str(path)))


def test_a_token_is_known_until_the_second_it_ends() -> None:
    secret = new_token()
    line = TokenLine(Identity("a", frozenset({"read"}), None, 100), digest(secret))
    table = TokenTable([line])
    assert table.identity(secret, 99).name == "a"
    with pytest.raises(UnauthorizedError, match="expired"):
        table.identity(secret, 100)


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: t + "A", str.upper, digest])
def test_what_is_not_the_token_is_not_known(change: Callable[[str], str]) -> None:
    secret = new_token()
    table = TokenTable([TokenLine(Identity("a", frozenset({"read"})), digest(secret))])
    with pytest.raises(UnauthorizedError, match="not known"):
        table.identity(change(secret), 0)


def test_admin_includes_the_other_scopes_and_no_scope_includes_another() -> None:
    for given_scope in SCOPES:
        identity = Identity("a", frozenset({given_scope}))
        may = {scope for scope in ("read", "write", "admin") if identity.may(scope)}
        assert may == (set(SCOPES) if given_scope == "admin" else {given_scope})


def test_a_restricted_identity_sees_its_owners_alone() -> None:
    identity = Identity("a", frozenset({"write"}), frozenset({1, 2}))
    assert [uid for uid in (0, 1, 2, 3) if identity.sees(uid)] == [1, 2]
    with pytest.raises(ForbiddenError):
        identity.require_owner(3)
    identity.require_owner(2)


def test_owners_of_a_token_are_numbers_and_names() -> None:
    names = ("a+b@example.com", "\u00e9 x", "alice@example.com")
    owners = frozenset({7, *map(user_of, names)})
    written = write_line(
        TokenLine(Identity("phone", frozenset({"read"}), owners, names=names), HASH)
    )
    assert "owners=7+a%2Bb@example.com+alice@example.com+%C3%A9%20x " in written
    found = read_line(written, "here").identity
    assert found.owners == owners
    assert set(found.names) == set(names)
    assert found.sees(user_of("alice@example.com"))
    assert not found.sees(8)
    alone = read_line(f"name=a scopes=read owners=al sha256={HASH}", "here").identity
    assert alone.owner == "al"


@pytest.mark.parametrize("owners", ["007", "+5", "", "%00", "%FF", "x" * 129])
def test_what_is_no_user_owns_nothing(owners: str) -> None:
    with pytest.raises(ConfigError, match="owners: "):
        read_line(f"name=a scopes=read owners={owners} sha256={HASH}", "here")
