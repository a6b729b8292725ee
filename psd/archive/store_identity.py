"""What a store calls itself, and that an archive's folder knows where it was by that name.

A store that was lost comes back empty, without a name. The archive of it says which it was, so that
what is replayed into it continues what there was (psd/archive/ownership.py).
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from psd.archive.ownership import name_of_lost_store
from psd.archive.places import Places
from psd.errors import StoreUnavailableError
from psd.store.redis import Store


async def noted_identity(store: Store, noted: Places) -> str:
    """What the store calls itself; the archive's folder notes by that name where it was."""
    name = await identity_of(store, noted.folder)
    await asyncio.to_thread(noted.note, name, store.places)
    return name


async def identity_of(store: Store, archive: Path) -> str:
    """What the store calls itself, or did; one without a name gets its old one, or a new one."""
    if not store.last_identity:
        lost = await asyncio.to_thread(name_of_lost_store, archive, store.places)
        return await store.identity(lost)
    with contextlib.suppress(StoreUnavailableError):
        return await store.identity()
    return store.last_identity
