"""What every server of a store is asked, and its answers as one record.

::

    INFO server, INFO replication, INFO memory, GET psd:schema, ..., CONFIG GET appendonly, ...
    -> ServerInfo(schema="6", life="9f3a...", name="...", ...); None for what it may not tell
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from psd.store.fitness import ServerInfo
from psd.store.keys import (
    ERASED_KEY,
    LIFE_KEY,
    MIGRATION_KEY,
    PARTITIONS_KEY,
    SCHEMA_KEY,
    STORE_KEY,
)
from psd.store.sending import Command

OF_MARKS = ("schema", "store", "partitions", "migration")
"""Checks that are about the store as a whole: in a cluster one node's answer is about all."""

SECTIONS: tuple[Command, ...] = (("INFO", "server"), ("INFO", "replication"), ("INFO", "memory"))
MARKS: tuple[Command, ...] = (
    ("GET", SCHEMA_KEY),
    ("GET", LIFE_KEY),
    ("GET", STORE_KEY),
    ("GET", ERASED_KEY),
    ("GET", PARTITIONS_KEY),
    ("GET", MIGRATION_KEY),
)
QUESTIONS = (*SECTIONS, *MARKS)
DURABILITY: tuple[Command, ...] = (
    ("CONFIG", "GET", "appendonly"),
    ("CONFIG", "GET", "appendfsync"),
)


def told_by(replies: Sequence[Any]) -> ServerInfo:
    """What a server says of itself and of the store, by the replies to QUESTIONS."""
    server, replication, memory = (
        reply if isinstance(reply, bytes) else b"" for reply in replies[: len(SECTIONS)]
    )
    found = marked(replies[len(SECTIONS) : len(QUESTIONS)])
    return msgspec.structs.replace(found, server=server, replication=replication, memory=memory)


def marked(replies: Sequence[Any]) -> ServerInfo:
    """What the store is marked with, by the replies to MARKS; None where none was told."""
    schema, life, name, erased, partitions, migration = (
        None if isinstance(reply, BaseException) else (reply or b"").decode(errors="replace")
        for reply in replies
    )
    return ServerInfo(
        schema=schema,
        life=life,
        name=name,
        erased=erased,
        partitions=partitions,
        migration=migration,
    )
