"""Every curl and psd line of docs/http.md, run in order on a real server, answers as shown."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from psd.config import ArchiveSettings, QueueSettings, RedisSettings, ServerSettings, Settings
from psd.rewards.cli.job import result_line
from psd.runtime import Runtime, open_runtime
from psd.store.keys import stream_key
from tests.support.clients.http import FORM, HttpClient, serving
from tests.support.rewards.reward_job import Fleet

PAGE = Path(__file__).parents[2] / "docs" / "http.md"


def examples() -> list[tuple[str, str]]:
    """Each curl line, and each line of the weekly job, with the line below it."""
    return re.findall(
        r"^((?:curl|psd rewards calculate) .+)\n(.+)$",
        PAGE.read_text(encoding="utf-8"),
        re.MULTILINE,
    )


def on_a_cluster(shown: str) -> str:
    """The same, where /readyz has the check that the page tells beside it, before the archive's."""
    [check] = re.findall(r'`("cluster":"[^`]+)`', PAGE.read_text(encoding="utf-8"))
    return shown.replace(',"archive":"ok"}', f',{check},"archive":"ok"}}')


async def run_curl(client: HttpClient, line: str) -> str:
    """Send what ``curl [-X METHOD] [-d DATA] localhost:1155/PATH`` would send."""
    words = shlex.split(line)[1:]
    path = words[-1].removeprefix("localhost:1155")
    if words[0] == "-X":
        body = words[3].encode() if words[2] == "-d" else b""
        return (await client.request(words[1], path, body, FORM if body else "")).text
    if words[0] == "-d":
        return (await client.request("POST", path, words[1].encode(), FORM)).text
    return (await client.get(path)).text


async def calculate(runtime: Runtime, week: int) -> str:
    """What ``psd rewards calculate WEEK`` prints."""
    report = await Fleet(runtime).calculate(week)
    return "\n".join(map(result_line, report.results))


async def book_queued(runtime: Runtime) -> None:
    """What a worker does with what is on the queue."""
    for message_id, fields in await runtime.store.client.xrange(stream_key("psd")):
        events = runtime.rules.events(fields[b"b"], runtime.clock.now_s(), message_id.decode())
        await runtime.books.book(events)


async def test_each_example_answers_as_shown(redis_url: str, tmp_path: Path) -> None:
    settings = Settings(
        redis=RedisSettings(url=redis_url, durability="fast"),
        queue=QueueSettings(kind="stream"),
        server=ServerSettings(port=0),
        archive=ArchiveSettings(folder=str(tmp_path)),
    )
    runtime = await open_runtime(settings, archiving=True)
    async with serving(runtime) as client:
        for line, shown in examples():
            if line.startswith("psd "):
                answer = await calculate(runtime, int(line.split()[-1]))
            else:
                answer = await run_curl(client, line)
            due = on_a_cluster(shown) if runtime.store.cluster.is_spread else shown
            pattern = re.escape(due).replace(re.escape("..."), ".*")
            assert re.fullmatch(pattern, answer), f"{line}\nanswered {answer}\nshown    {due}"
            await book_queued(runtime)
    await runtime.close()
    assert len(examples()) >= 11
