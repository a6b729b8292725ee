"""Every curl line of docs/http.md, sent in order to a real server, answers what stands below it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from psd.config import QueueSettings, RedisSettings, ServerSettings, Settings
from psd.runtime import Runtime, open_runtime
from psd.store.keys import stream_key
from tests.support.http import FORM, HttpClient, serving

PAGE = Path(__file__).parents[2] / "docs" / "http.md"


def examples() -> list[tuple[str, str]]:
    """Each curl line with the line below it."""
    return re.findall(r"^(curl .+)\n(.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


async def run_curl(client: HttpClient, line: str) -> str:
    """Send what ``curl [-d DATA] localhost:1155/PATH`` would send."""
    words = shlex.split(line)[1:]
    path = words[-1].removeprefix("localhost:1155")
    if words[0] == "-d":
        return (await client.request("POST", path, words[1].encode(), FORM)).text
    return (await client.get(path)).text


async def book_queued(runtime: Runtime) -> None:
    """What a worker does with what is on the queue."""
    for message_id, fields in await runtime.store.client.xrange(stream_key("psd")):
        events = runtime.rules.events(fields[b"b"], runtime.clock.now_s(), message_id.decode())
        await runtime.engine.book(events)


async def test_each_example_answers_as_shown(redis_url: str) -> None:
    settings = Settings(
        redis=RedisSettings(url=redis_url, durability="fast"),
        queue=QueueSettings(kind="stream"),
        server=ServerSettings(port=0),
    )
    runtime = await open_runtime(settings)
    async with serving(runtime) as client:
        for line, shown in examples():
            answer = await run_curl(client, line)
            pattern = re.escape(shown).replace(re.escape("..."), ".*")
            assert re.fullmatch(pattern, answer), f"{line}\nanswered {answer}\nshown    {shown}"
            await book_queued(runtime)
    await runtime.close()
    assert len(examples()) >= 11
