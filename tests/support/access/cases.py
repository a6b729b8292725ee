"""One request about owner 1, and the status that each kind of identity gets.

>>> expected(for_all_owners("/metrics"), "writer")
403
"""

from __future__ import annotations

from typing import Any

import msgspec


class Case(msgspec.Struct, frozen=True):
    """One request about owner 1, and the status that each kind of identity gets.

    A sum also tells ``full`` to those who may see owner 1 and ``empty`` to the others.
    """

    path: str
    body: bytes
    admin: int
    reader: int
    writer: int
    reader_of_1: int
    reader_of_2: int
    writer_of_1: int
    writer_of_2: int
    nobody: int
    full: str | None = None
    empty: str | None = None


WHO = (
    *("admin", "reader", "writer"),
    *("reader_of_1", "reader_of_2", "writer_of_1", "writer_of_2"),
)
"""The identities that somebody vouches for, as Case has them."""


def allowed(who: str, path: str, body: bytes = b"", status: int = 200) -> Case:
    """Those named get ``status``, others that somebody vouches for 403, and strangers 401."""
    names = who.split()
    statuses: dict[str, Any] = {each: status if each in names else 403 for each in WHO}
    return Case(path, body, **statuses, nobody=401)


def query(path: str, body: bytes, full: str, empty: str) -> Case:
    """A sum: another owner's reader gets what a user without data gets."""
    asked = allowed("admin reader reader_of_1 reader_of_2", path, body)
    return msgspec.structs.replace(asked, full=full, empty=empty)


def booking(path: str, body: bytes, status: int) -> Case:
    """A write for owner 1."""
    return allowed("admin writer writer_of_1", path, body, status)


def erasing(path: str) -> Case:
    """The erasure of owner 1: his own token's, or an admin's."""
    return allowed("admin writer_of_1", path)


def booking_of_vehicles(path: str, body: bytes, status: int = 200) -> Case:
    """A write that is about vehicles of anybody, or about boards."""
    return allowed("admin writer", path, body, status)


def reading_of_vehicles(path: str, status: int) -> Case:
    """A page of rewards: nobody has a vehicle here, so it says the same to all who may read."""
    return allowed("admin reader reader_of_1 reader_of_2", path, status=status)


def for_all_owners(path: str, body: bytes = b"", status: int = 200) -> Case:
    """Something that is about no single owner."""
    return allowed("admin reader", path, body, status)


def open_to_all(path: str) -> Case:
    """Something that asks nobody who they are."""
    return Case(path, b"", 200, 200, 200, 200, 200, 200, 200, 200)


COLUMN = {
    "admin": "admin",
    "reader": "reader",
    "writer": "writer",
    "reader_of_1": "reader_of_1",
    "reader_of_2": "reader_of_2",
    "writer_of_1": "writer_of_1",
    "writer_of_2": "writer_of_2",
    "jwt_of_1": "reader_of_1",
    "jwt_of_2": "reader_of_2",
    "jwt_writer_of_2": "writer_of_2",
}
"""Which field of a case tells what an identity gets; those that are not here are below."""


def expected(case: Case, identity: str) -> int:
    """The status that the table gives an identity."""
    if identity in COLUMN:
        return int(getattr(case, COLUMN[identity]))
    if identity == "jwt_writer_of_1":
        # It may read and write, so it is refused only where both are.
        return case.writer_of_1 if case.reader_of_1 == 403 else case.reader_of_1
    if identity == "jwt_without_scope":
        # What asks for a session refuses every token alike.
        return 403 if case.nobody == 401 != case.admin else case.nobody
    return case.nobody
