"""Where owners are in the stores of the tests, which are begun without a number of partitions.

>>> IN_A_CLUSTER.owner_root(7)
'psd:{p1as}:7'
"""

from __future__ import annotations

from psd.store.owner_calls import ONE_SERVER, Placement
from psd.store.partitions import IN_A_CLUSTER as PARTITIONS
from psd.store.partitions import Partitions
from tests.conftest import ON_CLUSTER

IN_A_CLUSTER = Placement(Partitions(PARTITIONS), is_spread=True)

STORED = IN_A_CLUSTER if ON_CLUSTER else ONE_SERVER
"""Where owners are in the store that this run of the tests is about."""


def owner_key(uid: int, suffix: str) -> str:
    """A key of an owner there.

    >>> owner_key(7, "1:y")
    'psd:{p0}:7:1:y'
    """
    return f"{STORED.owner_root(uid)}:{suffix}"
