"""``psd worker`` as a process: signals, exit codes, its metrics port."""

from __future__ import annotations

import asyncio
import signal
import urllib.error
import urllib.request
from pathlib import Path

import msgspec
import pytest

from psd.engine.plan import Range
from tests.support.processes.worker_process import psd, worker_process
from tests.support.processes.worker_stack import NOON_S, WorkerStack, steps, worker_running
from tests.support.servers.ports import free_ports
from tests.support.waiting import wait_until

USERS = range(1, 5001)


async def users_booked(stack: WorkerStack) -> int:
    ranges = [Range(NOON_S, NOON_S + 1)] * len(USERS)
    found = await stack.runtime.engine.sums(USERS, [1], ranges)
    assert {owner.sums[1] for owner in found} <= {0, 10}
    return sum(owner.sums[1] == 10 for owner in found)


async def test_sigterm_amid_a_flood_loses_nothing(stack: WorkerStack, tmp_path: Path) -> None:
    await stack.publish([steps(uid, 1, 10) for uid in USERS])
    with worker_process(stack, tmp_path) as worker:
        await wait_until("it is at work", lambda: stack.sum_is(1, 10))
        worker.process.send_signal(signal.SIGTERM)
        assert await worker.exit_code() == 0, worker.log
        assert '"message":"stopped"' in worker.log
        assert '"level":"error"' not in worker.log
    async with worker_running(stack):
        await wait_until("nothing is left over", stack.drained)
    assert await users_booked(stack) == len(USERS)
    assert await stack.letters() == []


async def test_kill_9_amid_a_flood_loses_nothing(stack: WorkerStack, tmp_path: Path) -> None:
    await stack.publish([steps(uid, 1, 10) for uid in USERS])
    with worker_process(stack, tmp_path) as worker:
        await wait_until("it is at work", lambda: stack.sum_is(1, 10))
        worker.process.kill()
    async with worker_running(stack):
        await wait_until("nothing is left over", stack.drained)
    assert await users_booked(stack) == len(USERS)


async def test_sigterm_leaves_the_channel_with_nothing_in_flight(
    stack: WorkerStack, tmp_path: Path
) -> None:
    with worker_process(stack, tmp_path) as worker:
        await stack.publish([steps(7, 1, 10)])
        await wait_until("it is at work", lambda: stack.sum_is(7, 10))
        await wait_until("nothing is left over", stack.drained)
        worker.process.send_signal(signal.SIGTERM)
        assert await worker.exit_code() == 0
    if stack.nsqd is not None:
        assert stack.nsqd.ready_counts("psd", "psd") == []


@pytest.mark.parametrize("stack", ["nsq"], indirect=True)
async def test_a_batch_that_cannot_be_booked_goes_back_when_the_time_to_stop_is_over(
    stack: WorkerStack, tmp_path: Path
) -> None:
    with worker_process(stack, tmp_path) as worker:
        await stack.publish([steps(1, 1, 10)])
        await wait_until("it is at work", lambda: stack.sum_is(1, 10))
        stack.redis.pause()
        await stack.publish([steps(uid, 1, 10) for uid in USERS])
        await wait_until("it paused", lambda: "paused until it answers" in worker.log)
        worker.process.send_signal(signal.SIGTERM)
        assert await worker.exit_code() == 0
        assert "giving messages back" in worker.log
    stack.redis.resume()
    async with worker_running(stack):
        await wait_until("nothing is left over", stack.drained)
    assert await users_booked(stack) == len(USERS)


@pytest.mark.parametrize("stack", ["nsq"], indirect=True)
async def test_a_second_signal_ends_it_at_once(stack: WorkerStack, tmp_path: Path) -> None:
    with worker_process(stack, tmp_path) as worker:
        await stack.publish([steps(1, 1, 10)])
        await wait_until("it is at work", lambda: stack.sum_is(1, 10))
        stack.redis.pause()
        await stack.publish([steps(1, 1, 20)])
        await wait_until("it paused", lambda: "paused until it answers" in worker.log)
        worker.process.send_signal(signal.SIGINT)
        await wait_until("it drains", lambda: '"message":"draining"' in worker.log)
        worker.process.send_signal(signal.SIGINT)
        assert await worker.exit_code() == 1


@pytest.mark.parametrize("stack", ["stream"], indirect=True)
async def test_the_metrics_port_tells_what_was_booked(stack: WorkerStack, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with worker_process(stack, tmp_path, ["--metrics-port", str(port)]):
        await stack.publish([steps(7, 1, 10), b"poison"])
        await wait_until("it is at work", lambda: stack.sum_is(7, 10))
        await wait_until("nothing is left over", stack.drained)
        text = await asyncio.to_thread(metrics_on, port)
    assert 'psd_dead_lettered_total{code="malformed"} 1.0' in text
    assert "psd_batch_messages_sum 2.0" in text


async def test_the_worker_tells_whether_it_lives_and_whether_it_gets_work(
    stack: WorkerStack, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    with worker_process(stack, tmp_path, ["--metrics-port", str(port)]) as worker:
        await wait_until("it is ready", lambda: status_on(port, "/readyz") == 200)
        assert status_on(port, "/healthz") == 200
        assert [status_on(port, path) for path in ("/", "/metricsx", "/ready")] == [404] * 3
        if stack.nsqd is not None:
            stack.nsqd.kill9()
            await wait_until("it is not", lambda: status_on(port, "/readyz") == 503)
            assert f"nsqd {stack.nsqd.address}: " in checks_on(port)["queue"]
            assert checks_on(port)["writable"] == "ok"
            stack.nsqd.start()
            await wait_until("it is again", lambda: status_on(port, "/readyz") == 200)
        stack.redis.stop()
        await wait_until("it is not ready", lambda: status_on(port, "/readyz") == 503)
        assert status_on(port, "/healthz") == 200
        assert checks_on(port)["writable"] != "ok"
        if stack.nsqd is not None:
            await stack.publish([steps(7, 1, 10)])
            await wait_until("it pauses", lambda: checks_on(port)["receiving"] != "ok")
            assert checks_on(port)["receiving"].startswith("paused: redis: ")
        stack.redis.start()
        await wait_until("it works again", lambda: status_on(port, "/readyz") == 200)
        worker.process.send_signal(signal.SIGTERM)
        assert await worker.exit_code() == 0


def status_on(port: int, path: str) -> int:
    return answer_on(port, path)[0]


def checks_on(port: int) -> dict[str, str]:
    found: dict[str, str] = msgspec.json.decode(answer_on(port, "/readyz")[1])["checks"]
    return found


def answer_on(port: int, path: str) -> tuple[int, bytes]:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def metrics_on(port: int) -> str:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        return bytes(answer.read()).decode()


@pytest.mark.parametrize("stack", ["nsq"], indirect=True)
async def test_a_name_that_nsqd_refuses_is_exit_code_78(stack: WorkerStack, tmp_path: Path) -> None:
    code, _, stderr = await psd(stack, tmp_path, "worker", "--topic", "no spaces")
    assert code == 78, stderr
