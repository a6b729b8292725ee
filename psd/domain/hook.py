"""What a domain's face has beside pages: hooks of other servers, and ways that lead away.

::

    Hook(path="/hook", header="Stripe-Signature", body_bytes_max=65_536, take=...)
        POST /hook      the bytes of the body and that header; kept once it returns
    Lead(path="/topup/{customer}", lead=...)
        GET /topup/u1   303 to where ``lead`` says

Neither needs a token: what comes by a hook is signed by whoever sent it, and a link may carry its
own proof. server/domain/hooks.py makes routes of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from psd.access.identity import Identity


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """Where somebody else's server tells what happened there, in words of its own.

    ``take`` refuses by an InputError, which is 400, so that it is sent again; a body that is longer
    than ``body_bytes_max`` is 503.
    """

    path: str
    header: str
    body_bytes_max: int
    take: Callable[[bytes, str], Awaitable[None]]


class Led(msgspec.Struct, frozen=True):
    """Somebody follows a way: the parts of its path, its parameters, and who that is.

    ``is_foreign``: the link stood on a page of another site.
    """

    path: Mapping[str, str]
    query: Mapping[str, str]
    identity: Identity
    is_foreign: bool = False


class Lead(msgspec.Struct, frozen=True, kw_only=True):
    """A path that leads a person to a page of somebody else's; ``lead`` says where, and to whom."""

    path: str
    lead: Callable[[Led], Awaitable[str]]
