"""A typed client of psd's HTTP API v3, for asyncio and without it.

::

    from psd.client import Client

    with Client("http://127.0.0.1:1155") as psd:
        answer = psd.sum(thing="steps", uid=["1503960366"], start="2016-04-12", end="2016-04-13")

Questions and answers are the structs of psd/queries, errors the classes of psd/errors.py;
docs/client.md has an example of everything.
"""

from psd.client.asynchronous import AsyncClient
from psd.client.retrying import ONCE, Retries
from psd.client.synchronous import Client
from psd.client.tracing import tracing
from psd.frames import to_dicts, to_pandas

__all__ = ["ONCE", "AsyncClient", "Client", "Retries", "to_dicts", "to_pandas", "tracing"]
