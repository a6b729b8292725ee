"""Users of pages are decisions: archived before they are kept, and replayed."""

from __future__ import annotations

from pathlib import Path

import pytest

from psd.access.pages.page_users import PageUsers
from psd.archive.decisions import is_decision
from psd.archive.reader import read_entries
from psd.archive.replay import END_MS
from psd.errors import ConflictError, NotFoundError, OutOfBoundsError
from psd.runtime import Runtime
from tests.conftest import AnyStore
from tests.support.processes.commands import run

EVER = ("replay", "--from", "1")


@pytest.fixture
async def deciding(runtime: Runtime, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    """Three who were let in, of whom one is out again and one has another password."""
    monkeypatch.setenv("PSD_REDIS_URL", redis_url)
    for name in ("al", "bo", "cy"):
        await runtime.page_deciding.add(name, "correct horse", ["read"], owners=["alice"])
    await runtime.page_deciding.change_password("bo", "battery staple")
    await runtime.page_deciding.remove("cy")
    return runtime


async def replayed(*options: str) -> str:
    result = await run(*EVER, *options)
    assert result.exit_code == 0, result.output
    return result.stdout


async def test_an_emptied_store_lets_the_same_people_in(
    deciding: Runtime, redis_server: AnyStore
) -> None:
    before = await PageUsers(deciding.store).all()
    assert [*before] == ["al", "bo"]
    redis_server.empty()
    assert "5 decisions would be carried out" in await replayed("--dry-run")
    assert await PageUsers(deciding.store).all() == {}
    await replayed()
    assert await PageUsers(deciding.store).all() == before


async def test_a_replay_of_what_the_store_has_changes_nothing(deciding: Runtime) -> None:
    await deciding.page_deciding.add("dy", "correct horse", ["write"])
    before = await PageUsers(deciding.store).all()
    assert "carried out" not in await replayed()
    assert await PageUsers(deciding.store).all() == before


async def test_no_password_is_archived(deciding: Runtime, tmp_path: Path) -> None:
    assert deciding.archive is not None
    entries = [each.body for each in read_entries(tmp_path / "archive", 0, END_MS)]
    assert len(entries) == 5
    assert all(b"horse" not in each and b"staple" not in each for each in entries)
    decisions = [e for e in read_entries(tmp_path / "archive", 0, END_MS) if is_decision(e)]
    assert len(decisions) == 5


async def test_what_is_refused_is_not_archived(deciding: Runtime, tmp_path: Path) -> None:
    with pytest.raises(ConflictError, match="al is there already"):
        await deciding.page_deciding.add("al", "correct horse", ["read"])
    with pytest.raises(NotFoundError, match="there is no user cy"):
        await deciding.page_deciding.change_password("cy", "correct horse")
    with pytest.raises(NotFoundError, match="there is no user cy"):
        await deciding.page_deciding.remove("cy")
    with pytest.raises(OutOfBoundsError, match="scopes: expected one or more"):
        await deciding.page_deciding.add("dy", "correct horse", ["all"])
    assert len([*read_entries(tmp_path / "archive", 0, END_MS)]) == 5
