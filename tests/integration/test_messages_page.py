"""docs/messages.md: each message is booked from the queue, each question answered as shown."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from psd.config import Settings
from psd.engine.event_fields import CountFields, MetricFields
from psd.engine.withdrawal import COMMAND, WithdrawFields
from psd.errors import UnknownCommandError
from psd.queue.deadletter import Letter
from psd.rewards import vehicle_messages
from psd.runtime import open_runtime
from tests.support.clients.http import HttpClient, serving
from tests.support.processes.worker_process import psd
from tests.support.processes.worker_stack import WorkerStack, worker_running
from tests.support.waiting import wait_until

PAGE = (Path(__file__).parents[2] / "docs" / "messages.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```json\n(.*?)^```\n^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
QUESTION = re.compile(r"^((?:curl|psd) .+)\n(.+)$", re.MULTILINE)
FIELDS: dict[str, type[msgspec.Struct]] = {
    "metric": MetricFields,
    "count": CountFields,
    COMMAND: WithdrawFields,
    "vehicle": vehicle_messages.VehicleFields,
    "activity": vehicle_messages.ActivityFields,
    "earnings": vehicle_messages.EarningsFields,
    "Dead letters": Letter,
}
"""What each section with a table is about."""


def sections() -> dict[str, str]:
    """The text below each heading, by its name."""
    parts = re.split(r"^##+ (.+)$", PAGE, flags=re.MULTILINE)[1:]
    return {name.strip("`"): text for name, text in zip(parts[::2], parts[1::2], strict=True)}


def examples() -> Iterator[tuple[list[bytes], list[tuple[str, str]]]]:
    """The messages of each example, and each question about them with its answer."""
    for messages, asked in BLOCK.findall(PAGE):
        yield (
            messages.encode().splitlines(),
            re.findall(r"^((?:curl|psd) .+)\n(.+)$", asked, re.MULTILINE),
        )


async def test_every_command_that_a_worker_knows_has_a_section_and_an_example() -> None:
    runtime = await open_runtime(Settings())
    with pytest.raises(UnknownCommandError) as refused:
        runtime.rules.events(b'{"command": "?"}', 0, "m-1")
    await runtime.close()
    known = {*re.findall(r"\w+", str(refused.value).partition("known are ")[2])} - {"and"}
    assert {*re.findall(r"^#+ `(\w+)`$", PAGE, re.MULTILINE)} == known
    for name in known:
        assert f'{{"command": "{name}", "{name}": ' in sections()[name]


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_of_a_message_is_in_its_table(name: str) -> None:
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \|$", sections()[name], re.MULTILINE)
    assert rows == [*FIELDS[name].__struct_encode_fields__]


async def answered(stack: WorkerStack, client: HttpClient, folder: Path, line: str) -> str:
    """What a curl line or a command is answered."""
    words = shlex.split(line)
    if words[0] == "curl":
        return (await client.get(words[-1].removeprefix("localhost:1155"))).text
    code, printed, error = await psd(stack, folder, *words[1:])
    assert (code, error) == (0, "")
    return printed


async def test_every_message_is_booked_and_read_back_as_shown(
    stack: WorkerStack, tmp_path: Path
) -> None:
    async with serving(stack.runtime) as client, worker_running(stack):
        for messages, questions in examples():
            await stack.publish(messages)
            await wait_until("the messages are finished", stack.drained)
            for line, shown in questions:
                answer = await answered(stack, client, tmp_path, line)
                pattern = re.escape(shown).replace(re.escape("..."), ".*")
                assert re.search(pattern, answer), f"{line}\nanswered {answer}\nshown    {shown}"
        letters = await stack.letters()
    assert sorted(letter.code for letter in letters) == ["conflict", "conflict", "unknown_thing"]
    assert len([*examples()]) >= 10
