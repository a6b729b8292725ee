"""Writes tests/golden/stores: what the psd of each shape's commit makes of the same history.

For a new shape: raise ``SCHEMA_VERSION`` in psd/store/keys.py, say in stored_shapes.SHAPES which
commit was the last to write the one before, and say of that what it is to a psd of today. Then::

    git worktree add .shapes/9c031a5 9c031a5        for every commit of SHAPES but HEAD
    python tests/support/stored/write_stored_shapes.py .shapes

Old trees run in a process of their own, which is handed these modules and nothing else of today.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

SUPPORT = Path(__file__).parent


def _module(name: str) -> Any:
    """A module beside this one, whatever else is imported as ``tests``."""
    spec = importlib.util.spec_from_file_location(name, SUPPORT / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


async def write(url: str) -> Any:
    """What the psd that is imported makes of the history, on an empty server."""
    history, shapes = _module("stored_history"), _module("stored_shapes")
    load_settings = history.named("load_settings", "config_sources", "config")
    settings = load_settings(flags={"redis.url": url, "redis.durability": "fast"}).settings
    clock = history.named("ManualClock", "clock")(history.WRITTEN_AT_S)
    psd: Any = await history.named("open_runtime", "runtime")(settings, clock)
    client = Redis.from_url(url)
    try:
        if hasattr(psd.store, "check_schema"):
            await psd.store.check_schema()
        await history.write_history(psd)
        return await shapes.held_by(client)
    finally:
        await client.aclose()
        await psd.close()


def written_by(tree: Path) -> Any:
    """The same of the psd in a folder, on a server of its own."""
    with tempfile.TemporaryDirectory(prefix="psd-shape-") as folder:
        socket = f"{folder}/redis.sock"
        command = ["redis-server", "--port", "0", "--unixsocket", socket, "--save", ""]
        server = subprocess.Popen([*command, "--dir", folder], stdout=subprocess.DEVNULL)
        try:
            while not Path(socket).exists():
                assert server.poll() is None, "redis-server does not start"
            program = [sys.executable, "-P", __file__, "--write", f"unix://{socket}?db=0"]
            environ = {"PYTHONPATH": str(tree.absolute()), "PATH": "/usr/bin:/bin"}
            done = subprocess.run(
                program, env=environ, check=True, stdout=subprocess.PIPE, text=True
            )
        finally:
            server.kill()
            server.wait()
    return json.loads(done.stdout)


def make_fixtures(trees: Path) -> None:
    """Write all files; ``trees`` has a folder for each commit."""
    shapes = _module("stored_shapes")
    shapes.FOLDER.mkdir(exist_ok=True)
    newer: Any = {}
    for shape in reversed(shapes.SHAPES):
        tree = SUPPORT.parents[2] if shape.commit == "HEAD" else trees / shape.commit
        made = written_by(tree)
        newer = {} if shape.is_whole else newer
        text = json.dumps(shapes.change_between(newer, made), indent=0, sort_keys=True)
        (shapes.FOLDER / f"{shape.name}.json").write_text(text + "\n", encoding="utf-8")
        newer = made


if __name__ == "__main__":
    if sys.argv[1] == "--write":
        print(json.dumps(asyncio.run(write(sys.argv[2]))))
    else:
        make_fixtures(Path(sys.argv[1]))
