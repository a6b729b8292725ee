from __future__ import annotations

import io
import os
import threading
from typing import BinaryIO, cast

from hypothesis import given
from hypothesis import strategies as st

from psd.cli.input_files import LINE_BYTES_MAX, READ_BYTES, NumberedLine, parts_of
from psd.cli.input_files import lines_of as portions_of


def lines_of(source: BinaryIO) -> list[NumberedLine]:
    return [numbered for portion in portions_of(parts_of(source)) for numbered in portion]


@given(st.lists(st.text(st.characters(blacklist_characters="\r\n", codec="ascii")), max_size=20))
def test_every_line_that_is_not_blank_keeps_its_number(texts: list[str]) -> None:
    lines = [text.encode().strip() for text in texts]
    expected = [(number, line) for number, line in enumerate(lines, start=1) if line]
    for end in (b"", b"\n", b"\r\n"):
        assert lines_of(io.BytesIO(b"\n".join(lines) + end)) == expected


def test_lines_longer_than_a_read_are_put_together() -> None:
    line = b"x" * (2 * READ_BYTES + 7)
    assert lines_of(io.BytesIO(line + b"\n" + line)) == [(1, line), (2, line)]


def test_a_line_without_end_is_not_kept_in_memory() -> None:
    source = io.BytesIO(b"x" * (3 * LINE_BYTES_MAX) + b"\nnext\n")
    (one, first), (two, second) = lines_of(source)
    assert (one, two, second) == (1, 2, b"next")
    assert isinstance(first, bytes)
    assert LINE_BYTES_MAX < len(first) < 2 * LINE_BYTES_MAX


def test_a_pipe_that_stays_open_is_served_line_by_line() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as source, os.fdopen(writing, "wb", buffering=0) as target:
        portions = portions_of(parts_of(cast(BinaryIO, source)))
        target.write(b"one\ntwo\nth")
        assert next(portions) == [(1, b"one"), (2, b"two")]
        threading.Thread(target=target.write, args=(b"ree\n",)).start()
        assert next(portions) == [(3, b"three")]
