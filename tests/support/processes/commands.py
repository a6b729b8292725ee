r"""The ``psd`` command in this process, in a thread of its own: it runs a loop of its own.

::

    await printed("sum", "steps", "7")                      -> "  7  steps  120\n"; it ended well
    await json_of("sum", "steps", "7")                      -> {"data": [{"uid": "7", ...}], ...}
    await rows_of("sum", "steps", "7")                      -> [{"uid": "7", "sum": "120", ...}]
    (await run("sum", "floors", "7")).exit_code             -> 2
    await printed("names", url=redis_url)                   of that store
"""

from __future__ import annotations

import asyncio
import csv
import io
from typing import Any

import msgspec
from click.testing import CliRunner, Result

from psd.cli.main import psd


async def run(*words: str, text: str | None = None, url: str = "") -> Result:
    """What became of a command; ``text`` is its input, ``url`` the store's if none is set."""
    before = ["--set", f"redis.url={url}"] if url else []
    return await asyncio.to_thread(CliRunner().invoke, psd, [*before, *words], text)


async def printed(*words: str, text: str | None = None, url: str = "") -> str:
    """What a command printed that ended well."""
    result = await run(*words, text=text, url=url)
    assert result.exit_code == 0, result.output
    return result.stdout


async def lines_of(*words: str) -> list[str]:
    """The lines that a command printed, without the space at their ends."""
    return [line.rstrip() for line in (await printed(*words)).splitlines()]


async def json_of(*words: str) -> Any:
    """What a command told with ``--json``."""
    return msgspec.json.decode(await printed(*words, "--json"))


async def rows_of(*words: str) -> list[dict[str, str]]:
    """What a command told with ``--csv``, by the names of its columns."""
    return list(csv.DictReader(io.StringIO(await printed(*words, "--csv"))))
