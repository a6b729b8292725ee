"""``psd publish`` and ``psd dlq`` on real servers, with both kinds of queue."""

from __future__ import annotations

import base64
from pathlib import Path

import msgspec
import pytest

from tests.support.waiting import wait_until
from tests.support.worker_process import psd
from tests.support.worker_stack import WorkerStack, count, steps, worker_running


async def bury(stack: WorkerStack, *bodies: bytes) -> None:
    """Let a worker put these messages aside."""
    async with worker_running(stack):
        await stack.publish(bodies)
        await wait_until("nothing is left over", stack.drained)


async def ids_by_body(stack: WorkerStack) -> dict[bytes, str]:
    return {letter.body: letter.id for letter in await stack.letters()}


async def test_ls_lists_the_letters_and_leaves_them_there(
    stack: WorkerStack, tmp_path: Path
) -> None:
    await bury(stack, b"poison", steps(7, 1, "ten"))
    for _ in range(2):
        code, stdout, stderr = await psd(stack, tmp_path, "dlq", "ls")
        assert (code, stderr) == (0, "")
        lines = stdout.splitlines()
        assert len(lines) == 2
        assert {line.split()[2] for line in lines} == {"malformed", "wrong_type"}
        assert any("metric.value: expected `int`, got `str`" in line for line in lines)


async def test_ls_as_json_holds_the_original_bytes(stack: WorkerStack, tmp_path: Path) -> None:
    await bury(stack, b"poison", b"\x00\xff")
    _, stdout, _ = await psd(stack, tmp_path, "dlq", "ls", "--json")
    found = [msgspec.json.decode(line) for line in stdout.splitlines()]
    bodies = [
        each.get("body", "").encode() or base64.b64decode(each["body_base64"]) for each in found
    ]
    assert sorted(bodies) == [b"\x00\xff", b"poison"]


async def test_show_prints_one_letter(stack: WorkerStack, tmp_path: Path) -> None:
    await bury(stack, b"poison")
    (letter_id,) = (await ids_by_body(stack)).values()
    code, stdout, _ = await psd(stack, tmp_path, "dlq", "show", letter_id)
    assert code == 0
    shown = dict(line.split(maxsplit=1) for line in stdout.splitlines())
    assert shown["id"] == letter_id
    assert (shown["code"], shown["body"], shown["topic"]) == ("malformed", "poison", "psd")
    code, _, stderr = await psd(stack, tmp_path, "dlq", "show", "nothing")
    assert (code, "no letter nothing" in stderr) == (1, True)


async def test_a_replayed_letter_is_booked_once_its_fault_is_gone(
    stack: WorkerStack, tmp_path: Path
) -> None:
    await bury(stack, steps(7, 1, 10, thing="hops"), b"poison")
    letter_id = (await ids_by_body(stack))[steps(7, 1, 10, thing="hops")]
    code, _, stderr = await psd(stack, tmp_path, "dlq", "replay", letter_id)
    assert (code, stderr) == (0, "1 replayed\n")
    assert list(await ids_by_body(stack)) == [b"poison"]
    things = {**stack.settings.things, "hops": stack.settings.things["steps"]}
    del things["steps"]
    stack.settings = msgspec.structs.replace(stack.settings, things=things)
    async with worker_running(stack):
        await wait_until("it is booked", lambda: stack.sum_is(7, 10))


async def test_replay_all_gives_every_letter_another_chance(
    stack: WorkerStack, tmp_path: Path
) -> None:
    await bury(stack, *[b"poison %d" % number for number in range(20)])
    code, _, stderr = await psd(stack, tmp_path, "dlq", "replay", "--all")
    assert (code, stderr) == (0, "20 replayed\n")
    assert await stack.letters() == []
    async with worker_running(stack):
        await wait_until("nothing is left over", stack.drained)
    assert len(await stack.letters()) == 20


async def test_drop_deletes_the_named_letter_or_all(stack: WorkerStack, tmp_path: Path) -> None:
    await bury(stack, b"one", b"two", b"three")
    letter_id = (await ids_by_body(stack))[b"two"]
    code, _, stderr = await psd(stack, tmp_path, "dlq", "drop", letter_id, "unknown")
    assert (code, stderr) == (1, "1 dropped\nunknown: no such letter\n")
    assert sorted(await ids_by_body(stack)) == [b"one", b"three"]
    code, _, stderr = await psd(stack, tmp_path, "dlq", "drop", "--all")
    assert (code, stderr) == (0, "2 dropped\n")
    assert await stack.letters() == []


async def test_a_command_line_without_letters_is_refused(
    stack: WorkerStack, tmp_path: Path
) -> None:
    assert (await psd(stack, tmp_path, "dlq", "drop"))[0] == 2
    assert (await psd(stack, tmp_path, "dlq", "replay", "--all", "some-id"))[0] == 2


async def test_publish_puts_good_lines_on_the_queue_and_reports_the_others(
    stack: WorkerStack, tmp_path: Path
) -> None:
    lines = [steps(7, 1, 10), b"", b"poison", count("signups", 1), steps(7, 2, "ten")]
    (tmp_path / "events.ndjson").write_bytes(b"\n".join(lines))
    code, _, stderr = await psd(stack, tmp_path, "publish", "events.ndjson")
    assert code == 1
    assert [line.partition(": ")[0] for line in stderr.splitlines()] == [
        "line 3",
        "line 5",
        "2 published, 2 refused",
    ]
    async with worker_running(stack):
        await wait_until("nothing is left over", stack.drained)
    assert await stack.sum_of(7) == 10
    assert await stack.letters() == []


async def test_publish_reads_standard_input(stack: WorkerStack, tmp_path: Path) -> None:
    lines = b"".join(steps(uid, 1, 10) + b"\n" for uid in range(1, 3001))
    code, _, stderr = await psd(stack, tmp_path, "publish", stdin=lines)
    assert (code, stderr) == (0, "3000 published, 0 refused\n")
    async with worker_running(stack):
        await wait_until("nothing is left over", stack.drained)
    assert await stack.sum_of(3000) == 10


@pytest.mark.parametrize("stack", ["nsq"], indirect=True)
async def test_publish_without_a_queue_is_exit_code_75(stack: WorkerStack, tmp_path: Path) -> None:
    assert stack.nsqd is not None
    stack.nsqd.kill9()
    code, _, stderr = await psd(stack, tmp_path, "publish", stdin=steps(7, 1, 10))
    assert (code, "published everything before line 1" in stderr) == (75, True)
