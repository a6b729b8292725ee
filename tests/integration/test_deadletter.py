"""``psd publish`` and ``psd dlq`` on real servers, with both kinds of queue."""

from __future__ import annotations

import asyncio
import base64
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
import pytest

from psd.queue.deadletter import DeadLetters, Letter
from tests.support.processes.worker_process import psd
from tests.support.processes.worker_stack import WorkerStack, count, steps, worker_running
from tests.support.servers.slow_nsqd import SlowNsqd
from tests.support.waiting import wait_until


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


async def test_ls_of_an_empty_dead_letter_says_so(stack: WorkerStack, tmp_path: Path) -> None:
    code, stdout, stderr = await psd(stack, tmp_path, "dlq", "ls")
    assert (code, stdout, stderr) == (0, "", "the dead letter is empty\n")


async def test_a_replay_under_a_running_worker_ends_and_says_what_came_back(
    stack: WorkerStack, tmp_path: Path
) -> None:
    await bury(stack, b"poison", steps(7, 1, "ten"), b"poison")
    async with worker_running(stack):
        code, _, stderr = await psd(stack, tmp_path, "dlq", "replay", "--all")
        first, *others = stderr.splitlines()
        assert (code, first) == (1, "3 replayed")
        assert sorted(line.split()[4] for line in others) == [
            "malformed",
            "malformed",
            "wrong_type",
        ]
        assert all(line.startswith("came back: ") for line in others)
    assert sorted(await ids_by_body(stack)) == sorted({b"poison", steps(7, 1, "ten")})
    assert len(await stack.letters()) == 3


async def test_one_letter_that_comes_back_is_exit_code_1_too(
    stack: WorkerStack, tmp_path: Path
) -> None:
    await bury(stack, b"poison", b"other")
    letter_id = (await ids_by_body(stack))[b"poison"]
    async with worker_running(stack):
        code, _, stderr = await psd(stack, tmp_path, "dlq", "replay", letter_id)
    assert (code, stderr.splitlines()[0]) == (1, "1 replayed")
    assert "came back: " in stderr


@pytest.mark.parametrize("command", [("ls",), ("drop", "--all"), ("replay", "--all")])
async def test_a_dead_letter_that_others_fill_meanwhile_ends_every_command(
    stack: WorkerStack, tmp_path: Path, command: tuple[str, ...]
) -> None:
    await bury(stack, *[b"poison %d" % number for number in range(5)])
    async with filling(stack):
        code, stdout, stderr = await psd(stack, tmp_path, "dlq", *command)
    assert code == 0, stderr
    if command == ("ls",):
        assert len(stdout.splitlines()) >= 5
    else:
        assert int(stderr.split()[0]) >= 5
        assert "came meanwhile and are left" in stderr


@asynccontextmanager
async def filling(stack: WorkerStack) -> AsyncIterator[None]:
    """Letters of somebody else arrive all the time."""
    queue, ended = stack.runtime.new_queue(), asyncio.Event()

    async def fill() -> None:
        for number in itertools.count():
            if ended.is_set():
                return
            letter = Letter(f"new-{number}", "psd", "malformed", "-", 1, 1, b"new %d" % number)
            await DeadLetters(queue, stack.settings.queue.deadletter_topic).put([letter])
            with suppress(TimeoutError):
                async with asyncio.timeout(0.02):
                    await ended.wait()

    task = asyncio.create_task(fill())
    try:
        yield
    finally:
        ended.set()
        await task
        await queue.close()


@pytest.mark.parametrize(
    "command", [("ls",), ("show", "x"), ("drop", "--all"), ("replay", "--all")]
)
async def test_without_its_queue_the_dead_letter_is_exit_code_75_with_a_sentence(
    stack: WorkerStack, tmp_path: Path, command: tuple[str, ...]
) -> None:
    if stack.nsqd is None:
        stack.redis.stop()
    else:
        stack.nsqd.kill9()
    code, stdout, stderr = await psd(stack, tmp_path, "dlq", *command)
    assert (code, stdout) == (75, "")
    assert stderr.splitlines()[-1].startswith("psd: ")
    assert "Traceback" not in stderr


@pytest.mark.parametrize("stack", ["nsq"], indirect=True)
async def test_letters_of_one_nsqd_are_listed_while_another_is_away_and_the_exit_code_tells(
    stack: WorkerStack, tmp_path: Path
) -> None:
    assert stack.nsqd is not None
    await bury(stack, b"poison")
    both = f"queue.nsqd_addresses={stack.nsqd.address},127.0.0.1:1"
    code, stdout, stderr = await psd(stack, tmp_path, "--set", both, "dlq", "ls")
    assert (code, len(stdout.splitlines())) == (75, 1)
    assert "letters may be missing: nsqd 127.0.0.1:1: " in stderr
    code, _, stderr = await psd(stack, tmp_path, "--set", both, "dlq", "drop", "--all")
    assert (code, stderr.splitlines()[-2]) == (75, "1 dropped")


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
    assert (code, "published everything before line 1; go on with --skip 0" in stderr) == (75, True)


@pytest.mark.parametrize("stack", ["stream"], indirect=True)
async def test_a_publish_that_broke_off_says_how_to_go_on_and_going_on_queues_nothing_again(
    stack: WorkerStack, tmp_path: Path
) -> None:
    lines = [steps(uid, 1, 10) for uid in range(1, 1001)]
    lines[3] = b"poison"
    text = b"\n".join(lines)
    async with SlowNsqd(message_s=0.0, stall_after=100) as nsqd:
        at = ("--set", "queue.kind=nsq", "--set", f"queue.nsqd_addresses={nsqd.address}")
        code, _, stderr = await psd(stack, tmp_path, *at, "publish", stdin=text)
    assert code == 75
    # 16 + 64 messages are 81 lines with the refused one; 256 were on their way.
    assert stderr.splitlines()[-1].endswith(
        "published everything before line 82, and perhaps lines 82 to 337; go on with --skip 81"
    )
    assert nsqd.messages[:80] == [line for line in lines[:81] if line != b"poison"]
    async with SlowNsqd(message_s=0.0) as nsqd:
        at = ("--set", "queue.kind=nsq", "--set", f"queue.nsqd_addresses={nsqd.address}")
        code, _, stderr = await psd(stack, tmp_path, *at, "publish", "--skip", "81", stdin=text)
    assert (code, stderr) == (0, "919 published, 0 refused\n")
    assert nsqd.messages == lines[81:]
