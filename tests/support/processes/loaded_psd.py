"""psd with every domain and every script: imported once, by what commands of tests are forked from.

A command that is started imports what it asks for, when it asks for it. Forked ones have it all.
"""

from __future__ import annotations

from importlib import import_module

from psd.domains import domains, named_module
from psd.store.scripts import read_every_script

LATE = (
    "psd.runtime",
    "psd.domain.rules",
    "psd.erasing.erasing",
    "psd.queries.boards.finals",
    "psd.queries.queries",
    "psd.queue.configured",
)

for _name in LATE:
    import_module(_name)
for _domain in domains():
    if _domain.open:
        named_module(_domain.open)
read_every_script()
