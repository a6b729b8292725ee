"""Records kept as JSON or msgpack, read back; bytes that are none are an error of psd's own.

>>> board_of = json_record(StoredBoard, "boards: a definition")
>>> board_of(b'{"name":"april",...')
psd.errors.ShapeError: boards: a definition that is kept is none (Input data was truncated)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from psd.errors import ShapeError

T = TypeVar("T")


def json_record(kind: type[T], word: str) -> Callable[[bytes], T]:
    """A reader of JSON texts of one type; raises ShapeError."""
    return _reading(msgspec.json.Decoder(kind).decode, word)


def msgpack_record(kind: type[T], word: str) -> Callable[[bytes], T]:
    """The same of msgpack."""
    return _reading(msgspec.msgpack.Decoder(kind).decode, word)


def _reading(decode: Callable[[bytes], T], word: str) -> Callable[[bytes], T]:
    def read(raw: bytes) -> T:
        try:
            return decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
            raise ShapeError(f"{word} that is kept is none ({exc})") from exc

    return read
