"""Every block of docs/client.md, run in order on a real server, prints what is shown below it."""

from __future__ import annotations

import asyncio
import contextlib
import io
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from psd.cli.main import psd
from tests.support.clients.http import serving
from tests.support.engine import engine_on

PAGE = (Path(__file__).parents[2] / "docs" / "client.md").read_text(encoding="utf-8")
PYTHON = re.compile(r"^```python\n(.*?)^```$(?:\n^```$\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ psd (.+)\n((?:(?!```|\$ ).*\n)+)", re.MULTILINE)


def run_python(url: str) -> None:
    """All Python of the page shares its names, as in a session."""
    names: dict[str, Any] = {}
    for code, shown in PYTHON.findall(PAGE):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code.replace("http://127.0.0.1:1155", url), names)
        assert printed.getvalue() == shown, code


def run_commands() -> None:
    """Each command line of the page."""
    for line, shown in COMMAND.findall(PAGE):
        result = CliRunner().invoke(psd, shlex.split(line))
        assert result.exit_code == 0, result.output
        printed = [each.rstrip() for each in result.stdout.splitlines()]
        assert printed == shown.splitlines(), line


async def test_each_example_prints_what_is_shown(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with engine_on(redis_url, {"server.port": 0}) as runtime, serving(runtime) as http:
        monkeypatch.setenv("PSD_SERVER_PORT", http.url.rpartition(":")[2])
        await asyncio.to_thread(run_python, http.url)
        await asyncio.to_thread(run_commands)
    assert len(PYTHON.findall(PAGE)) >= 9
    assert len(COMMAND.findall(PAGE)) >= 8
