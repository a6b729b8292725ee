"""Every operation of the document under schemathesis, on a real server.

The command runs as a user would run it, with a seed and a number of cases for each operation that
do not change. A failure prints requests that repeat it; with another seed there is more to find::

    psd server &   schemathesis run http://localhost:1155/openapi.json --seed 2
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from psd.queue.deadletter import DeadLetterBox
from tests.support.clients import schemathesis_hooks
from tests.support.clients.access import Token, asked_of, bearer, token_for
from tests.support.clients.http import HttpClient, serving
from tests.support.clients.schemathesis_hooks import BOARD, CUP, THING
from tests.support.engine import engine_on, erase_at_once

SEED = "20261125"
CASES = "4"
"""Random ones, for each operation; beside them stand the edges of each parameter."""

TIMEOUT_S = 800

CONFIGURATION = Path(schemathesis_hooks.__file__).with_name("schemathesis.toml")

ADMIN: Token = token_for("admin", "admin")


@pytest.fixture
async def client(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HttpClient]:
    erase_at_once(monkeypatch)
    # Who looks for dead letters waits until none comes any more.
    monkeypatch.setattr(DeadLetterBox.__init__, "__defaults__", (0.01, 0.01))
    flags = {"queue.kind": "stream", **asked_of(ADMIN)}
    async with engine_on(redis_url, flags) as runtime, serving(runtime) as client:
        yield client


async def run(client: HttpClient, folder: Path, *options: str, **environment: str) -> str:
    """Run schemathesis; what it printed, if it found nothing."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "schemathesis.cli", "--config-file", str(CONFIGURATION)),
        *("run", f"{client.url}/openapi.json"),
        *("--seed", SEED, "--warnings", "off", "--no-color"),
        *("--generation-database", "none", "--no-shrink", "--continue-on-failure"),
        *("--output-sanitize", "false", "--request-timeout", "120", *options),
        cwd=folder,
        env={**os.environ, "SCHEMATHESIS_HOOKS": schemathesis_hooks.__file__, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            told, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, told.decode(errors="replace")
    return told.decode(errors="replace")


async def assert_no_5xx(client: HttpClient) -> None:
    """As the server's own metrics have it: schemathesis was told, but so was everybody else."""
    answer = await client.request("GET", "/metrics", headers=bearer(ADMIN.secret))
    assert re.findall(r'psd_http_requests_total\{.*status="5.*', answer.text) == []


async def send(client: HttpClient, method: str, path: str, body: object) -> None:
    headers = bearer(ADMIN.secret)
    answer = await client.request(method, path, msgspec.json.encode(body), headers=headers)
    assert answer.status in (200, 201), answer.text


async def names_that_are_there(client: HttpClient) -> None:
    """A report of each of two users, a board of them, and a cup that they play."""
    days = {"start": "2017-06-01T00:00:00Z", "end": "2017-07-01T00:00:00Z"}
    for uid in (1, 9):
        report = {"thing": THING, "uid": uid, "aid": uid, "value": uid, "ts2": 1496539747}
        await send(client, "POST", "/v1/write", report)
    board = {"thing": THING, "window": {"kind": "fixed", **days}, "members": ["1", "9"]}
    await send(client, "PUT", f"/v3/boards/{BOARD}", board)
    await send(client, "PUT", f"/v3/boards/{CUP}", {**board, "rounds": {"windows": [days]}})


@pytest.mark.parametrize(
    "paths", ["^/v3/(charging|energy)", "^/v3/(?!charging|energy)", "^/(?!v3/)"]
)
async def test_random_requests_get_declared_answers(
    client: HttpClient, tmp_path: Path, paths: str
) -> None:
    """Of every operation, in three parts that run beside each other."""
    told = await run(
        client,
        tmp_path,
        *("--phases", "examples,coverage,fuzzing", "--max-examples", CASES),
        *("--include-path-regex", paths),
        *("--header", f"Authorization: Bearer {ADMIN.secret}"),
    )
    found = re.search(r"Selected: (\d+)/\d+\n\s+Tested: (\d+)", told)
    assert found is not None, told
    selected, tested = map(int, found.groups())
    assert selected == tested > 0, told
    await assert_no_5xx(client)


async def test_valid_requests_about_what_is_there_get_declared_answers(
    client: HttpClient, tmp_path: Path
) -> None:
    await names_that_are_there(client)
    await run(
        client,
        tmp_path,
        *("--phases", "fuzzing", "--max-examples", CASES, "--mode", "positive"),
        *("--header", f"Authorization: Bearer {ADMIN.secret}", "--include-path-regex", "^/v3/"),
        PSD_KNOWN_NAMES="1",
    )
    await assert_no_5xx(client)


async def test_who_brings_no_token_gets_declared_refusals(
    client: HttpClient, tmp_path: Path
) -> None:
    await run(
        client,
        tmp_path,
        *("--phases", "fuzzing", "--max-examples", "2", "--mode", "positive"),
        *("--include-path-regex", "^/(v3/(sum|events|boards)|v1/query/|metrics|readyz)"),
    )
    await assert_no_5xx(client)
