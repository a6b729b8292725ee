"""An import that is taken back leaves what was there before, whatever killed it or its undoing."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psd.config import BookingSettings, Settings
from psd.operations.import_journal import Journal, created, opened
from tests.support.stored.importing import AT_S, KilledError, PlainBooks, imported, rows_of, undone

pytestmark = pytest.mark.slow("hundreds of imports")

SMALL_BATCHES = msgspec.structs.replace(Settings(), booking=BookingSettings(batch_reports_max=3))
CELLS = st.tuples(st.integers(1, 3), st.integers(1, 2), st.integers(0, 1), st.integers(0, 3))
FILES = st.lists(CELLS, min_size=1, max_size=14)
BOOKED = st.dictionaries(
    st.tuples(st.just("steps"), st.integers(1, 3), st.integers(1, 2), st.just(AT_S)),
    st.tuples(st.integers(0, 1), st.integers(0, 3)),
)


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


@contextlib.contextmanager
def new_journal(place: Path) -> Iterator[tuple[str, Journal]]:
    with contextlib.closing(created(place, AT_S, file="w", via="direct", target="t")) as journal:
        yield journal.begun().id, journal


@settings(max_examples=60, deadline=None)
@given(BOOKED, FILES)
async def test_what_stood_before_stands_again(before: dict, file: list) -> None:
    books = PlainBooks(before)
    sums = books.sums()
    with folder() as place, new_journal(place) as (_, journal):
        await imported(books, journal, rows_of(file), SMALL_BATCHES)
        result = await undone(books, journal, SMALL_BATCHES)
    assert (books.sums(), result.open) == (sums, 0)
    assert {key: books.reports[key] for key in before} == before


@settings(max_examples=60, deadline=None)
@given(BOOKED, FILES, st.integers(1, 5), st.booleans(), st.integers(1, 5), st.booleans())
async def test_a_killed_import_and_a_killed_undo_change_nothing_about_it(
    before: dict, file: list, import_dies: int, import_books: bool, undo_dies: int, undo_books: bool
) -> None:
    books = PlainBooks(before)
    sums = books.sums()
    with folder() as place:
        with new_journal(place) as (import_id, journal), contextlib.suppress(KilledError):
            books.dies_at, books.books_last = import_dies, import_books
            await imported(books, journal, rows_of(file), SMALL_BATCHES)
        books.dies_at, books.books_last = undo_dies, undo_books
        with (
            contextlib.closing(opened(place, import_id)) as journal,
            contextlib.suppress(KilledError),
        ):
            await undone(books, journal, SMALL_BATCHES)
        books.dies_at = 0
        with contextlib.closing(opened(place, import_id)) as journal:
            result = await undone(books, journal, SMALL_BATCHES)
    assert (books.sums(), result.open) == (sums, 0)
    assert {key: books.reports[key] for key in before} == before


@settings(max_examples=60, deadline=None)
@given(BOOKED, FILES, FILES)
async def test_imports_are_taken_back_the_last_one_first(
    before: dict, first: list, second: list
) -> None:
    books = PlainBooks(before)
    with folder() as place, new_journal(place) as (_, one):
        await imported(books, one, rows_of(first), SMALL_BATCHES)
        between = books.sums()
        with new_journal(place) as (_, two):
            await imported(books, two, rows_of(second), SMALL_BATCHES)
            assert (await undone(books, two, SMALL_BATCHES)).open == 0
        assert books.sums() == between
        assert (await undone(books, one, SMALL_BATCHES)).open == 0
    assert books.sums() == PlainBooks(before).sums()


@settings(max_examples=60, deadline=None)
@given(FILES, FILES)
async def test_a_file_can_be_imported_again_after_it_was_taken_back(
    wrong: list, right: list
) -> None:
    books, expected = PlainBooks(), PlainBooks()
    with folder() as place:
        with new_journal(place) as (_, journal):
            await imported(books, journal, rows_of(wrong), SMALL_BATCHES)
            await undone(books, journal, SMALL_BATCHES)
        with new_journal(place) as (_, journal):
            await imported(books, journal, rows_of(right), SMALL_BATCHES)
        with new_journal(place) as (_, journal):
            await imported(expected, journal, rows_of(right), SMALL_BATCHES)
    assert books.sums() == expected.sums()


@settings(max_examples=60, deadline=None)
@given(FILES, st.sets(st.tuples(st.integers(1, 3), st.integers(1, 2)), min_size=1))
async def test_what_somebody_replaced_since_is_left_and_told(file: list, replaced: set) -> None:
    books = PlainBooks()
    with folder() as place, new_journal(place) as (_, journal):
        await imported(books, journal, rows_of(file), SMALL_BATCHES)
        windows = {(uid, aid) for uid, aid, *_ in file}
        for uid, aid in replaced:
            books.reports["steps", uid, aid, AT_S] = (0, 99)
        result = await undone(books, journal, SMALL_BATCHES)
        assert result.counts["replaced since"] == len(windows & replaced) == result.open
        assert books.sums() == {("steps", *each, AT_S): 99 for each in replaced}
        # Once it is put back, a second try takes the rest.
        for uid, aid in windows & replaced:
            last = [each for each in file if each[:2] == (uid, aid)][-1]
            books.reports["steps", uid, aid, AT_S] = last[2:]
        assert (await undone(books, journal, SMALL_BATCHES)).open == 0
    assert books.sums() == {("steps", *each, AT_S): 99 for each in replaced - windows}
