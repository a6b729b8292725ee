"""What a running process has of domains: each part is made when somebody asks for it.

A command of the command line asks one domain, and needs neither the modules nor the scripts of the
others. Whoever serves, works or books asks for all of them::

    parts["meters"]            opens that domain, and imports nothing of others
    parts.of(MetersPart)       the same, by its type
    [*parts.values()]          opens all
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from psd.domain.core import Core
from psd.domain.part import Part
from psd.domains import domains, named

P = TypeVar("P", bound=Part)


class DomainParts(Mapping[str, Part]):
    """Those of one process by the names of their domains; ``core`` is asked for what it lends."""

    def __init__(self, core: Callable[[], Core]) -> None:
        self._core = core
        self._domains = {domain.name: domain for domain in domains() if domain.open}
        self._opened: dict[str, Part] = {}

    def __getitem__(self, name: str) -> Part:
        if name not in self._opened:
            domain, core = self._domains[name], self._core()
            self._opened[name] = named(domain.open)(core, core.settings.section(name))
        return self._opened[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._domains)

    def __len__(self) -> int:
        return len(self._domains)

    def of(self, kind: type[P]) -> P:
        """The one of a type; raises StopIteration where no domain has it."""
        where = f"{kind.__module__}:{kind.__qualname__}"
        # The domain that names the type is asked first; one may also be made by a function.
        nearest = sorted(self._domains, key=lambda name: self._domains[name].open != where)
        return next(part for name in nearest if isinstance(part := self[name], kind))

    async def close(self) -> None:
        """Close those that were opened."""
        for part in self._opened.values():
            await part.close()
