"""``psd up`` as a user runs it: a process in a folder of its own."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes.forked import psd_ended
from tests.support.processes.psd_up import fetch, psd_up, start, without_settings
from tests.support.servers.ports import free_ports
from tests.support.servers.redis_server import RedisServer
from tests.support.waiting import wait_until

PSD = [sys.executable, "-m", "psd"]
TIMEOUT_S = 120
SHORT_TIMEOUT = ("--set", "queue.msg_timeout_s=1")
"""What a killed worker had in hand comes back after a second instead of a minute."""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A psd command in the folder of a psd up."""
    return psd_ended(arguments, folder, without_settings(), timeout_s=TIMEOUT_S)


def typed(line: str) -> str:
    """What a line of a shell prints."""
    done = subprocess.run(shlex.split(line), capture_output=True, text=True, check=True)
    return done.stdout


def server_pids(folder: Path) -> list[int]:
    """Redis servers that work in the data folder of a psd up."""
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and is_server_in(entry, folder / "data")
    ]


def runs(pid: int) -> bool:
    """Whether a process is there."""
    return Path(f"/proc/{pid}").exists()


def is_server_in(process: Path, folder: Path) -> bool:
    """Whether a process of /proc is a Redis server with that working folder."""
    try:
        title = (process / "cmdline").read_bytes()
        known = b"redis-server" in title or b"valkey-server" in title
        return known and (process / "cwd").readlink() == folder
    except OSError:
        return False


def report(uid: int, value: int, second: int) -> dict[str, object]:
    """Steps of one activity at one second."""
    at = {"aid": second, "ts1": second, "ts2": second}
    return {"thing": "steps", "uid": uid, "value": value, **at}


def write(url: str, uid: int, value: int, second: int) -> str:
    """Book a report over HTTP; returns the answer."""
    return fetch(f"{url}/v1/write", json.dumps(report(uid, value, second)).encode()).text


def enqueue(url: str, uid: int, value: int, second: int) -> int:
    """Put a report on the queue over HTTP; returns the status."""
    message = {"command": "metric", "metric": report(uid, value, second)}
    return fetch(f"{url}/v1/enqueue", json.dumps(message).encode()).status


@pytest.fixture
def started(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A psd up that the test ends itself; its output is in psd-up.txt."""
    command = [*PSD, *SHORT_TIMEOUT, "up", "--port", "0"]
    process = start(command, tmp_path, tmp_path / "psd-up.txt")
    yield process
    process.kill()
    process.wait()


async def address(folder: Path) -> str:
    """Where the psd up in a folder listens, once it says what there is to try."""
    output = folder / "psd-up.txt"
    await wait_until("psd up is ready", lambda: "Try:" in output.read_text(), TIMEOUT_S)
    found = re.search(r"listens on (\S+)", output.read_text())
    assert found is not None
    return found[1]


async def test_every_line_to_try_works_as_printed(tmp_path: Path) -> None:
    async with psd_up(PSD, tmp_path) as url:
        await address(tmp_path)
        text = (tmp_path / "psd-up.txt").read_text().partition("Try:")[2]
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        curls = [shlex.split(line) for line in lines if line.startswith("curl ")]
        answers = [fetch(words[1], words[3].encode() if "-d" in words else None) for words in curls]
        assert [answer.status for answer in answers] == [200, 200, 200]
        assert [answer.text for answer in answers[:2]] == ["ok", "400"]
        assert url in curls[0][1]
        assert f"export PSD_CONFIG={tmp_path}/data/psd.toml" in lines
        asked, board = (run(tmp_path, *shlex.split(line)[1:]).stdout for line in lines[-2:])
        assert asked == "400\n"
        assert re.search(r"^ +1 +7 +400 ", board, re.MULTILINE)


async def test_the_joi_face_has_a_sample_whose_lines_work_as_printed(tmp_path: Path) -> None:
    [port] = free_ports(1)
    began_s = time.time()
    async with psd_up(PSD, tmp_path, "--face", f"joi={port}", "--sample") as url:
        await address(tmp_path)
        text = (tmp_path / "psd-up.txt").read_text()
        face = f"http://127.0.0.1:{port}"
        assert f"face joi listens on {face}" in text
        newest = json.loads(fetch(f"{face}/readings/read/smart-meter-4").text)
        assert [newest[0]["time"] - each["time"] for each in newest] == [0, 60, 120, 180, 240]
        assert began_s - 1 <= newest[0]["time"] <= time.time()
        lines = [line for line in text.partition("Try:")[0].splitlines() if "curl" in line]
        for line in lines:
            assert '"detail"' not in typed(line)
        told = json.loads(fetch(f"{face}/price-plans/recommend/smart-meter-0?limit=2").text)
        assert [*told[0], *told[1]] == ["price-plan-2", "price-plan-1"]
        energy = f"{url}/v3/energy/meters/smart-meter-1"
        compared = json.loads(fetch(f"{energy}/compare?start=-1d").text)
        assert compared["plan"] == "price-plan-1"
        assert [row["plan"] for row in compared["data"]] == [f"price-plan-{n}" for n in (2, 1, 0)]
    assert len(lines) == 4


async def test_the_worker_books_what_is_enqueued_and_imported(tmp_path: Path) -> None:
    (tmp_path / "more.csv").write_text("u,t,s\n7,1970-05-01,5\n")
    in_1970 = "v1/query/7/steps/all/0/31535999"
    async with psd_up(PSD, tmp_path) as url:
        assert enqueue(url, uid=7, value=40, second=200) == 202
        await wait_until("it is booked", lambda: fetch(f"{url}/{in_1970}").text == "40")
        columns = ("--uid", "u", "--time", "t", "--thing", "steps=s")
        imported = run(tmp_path, "import", "more.csv", *columns, "--via", "queue", "--wait")
        assert imported.stdout == "1 rows, 1 queued, 0 refused\n"
        assert "warning: 1 of 1 reports lie before 1971" in imported.stderr
        assert fetch(f"{url}/{in_1970}").text == "45"
        again = run(tmp_path, "import", "more.csv", *columns, "--via", "http")
        assert again.stdout == "1 rows, 1 unchanged, 0 refused\n"


async def test_an_import_is_previewed_taken_back_and_made_again(tmp_path: Path) -> None:
    (tmp_path / "more.csv").write_text("u;t;steps;kcal\n7;12.4.2016 10:00;5;400.0\n")
    day = "v1/query/7/steps/all/1460419200/1460505599"
    options = ("--uid", "u", "--time", "t", "--time-format", "%d.%m.%Y %H:%M")
    wrong = ("import", "more.csv", *options, "--tz", "Europe/Berlin", "--thing", "steps=kcal")
    async with psd_up(PSD, tmp_path) as url:
        await wait_until("its settings are there", (tmp_path / "data" / "psd.toml").exists)
        preview = run(tmp_path, *wrong, "--dry-run")
        assert "400  Tue 2016-04-12 08:00:00Z  1460448000" in preview.stdout
        assert fetch(f"{url}/{day}").text == "0"
        made = run(tmp_path, *wrong)
        assert (made.stdout, fetch(f"{url}/{day}").text) == ("1 rows, 1 booked, 0 refused\n", "400")
        [journal] = (tmp_path / "data" / "imports").iterdir()
        back = run(tmp_path, "import", "--undo", journal.stem)
        assert (back.stdout, fetch(f"{url}/{day}").text) == ("1 taken back\n", "0")
        right = run(tmp_path, *wrong[:-1], "steps=steps")
        assert right.stdout == "1 rows, 1 booked, 0 refused\n"
        assert fetch(f"{url}/{day}").text == "5"
        assert run(tmp_path, "verify").returncode == 0


async def test_doctor_finds_everything_well(tmp_path: Path) -> None:
    async with psd_up(PSD, tmp_path):
        await wait_until("its settings are there", (tmp_path / "data" / "psd.toml").exists)
        found = run(tmp_path, "doctor")
    assert found.returncode == 0, found.stdout
    assert "BAD" not in found.stdout
    assert re.search(r"^ store +ok +(Redis|Valkey) \d+\.\d+", found.stdout, re.MULTILINE)
    assert re.search(r"^ script engine\.book +ok +[0-9a-f]{40} *$", found.stdout, re.MULTILINE)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_stops_all_in_order_with_exit_code_0(
    started: subprocess.Popen[bytes], tmp_path: Path, number: signal.Signals
) -> None:
    await address(tmp_path)
    assert len(server_pids(tmp_path)) == 1
    started.send_signal(number)
    assert started.wait(TIMEOUT_S) == 0
    assert server_pids(tmp_path) == []
    assert not (tmp_path / "data" / "psd.toml").exists()


async def test_a_signal_also_ends_a_start_that_takes_long(tmp_path: Path) -> None:
    silent = tmp_path / "silent-server"
    silent.write_text(
        "#!/bin/sh\n[ $1 = --version ] && exec echo 'Redis server v=7.0.0'\n"
        f"echo $$ > {tmp_path}/pid\nexec sleep 1000\n"
    )
    silent.chmod(0o755)
    command = [*PSD, "--set", f"redis.server={silent}", "up", "--port", "0"]
    process = start(command, tmp_path, tmp_path / "psd-up.txt")
    try:
        pid = tmp_path / "pid"
        await wait_until("the server was started", lambda: pid.read_text().endswith("\n"))
        process.send_signal(signal.SIGINT)
        assert process.wait(TIMEOUT_S) == 0
        assert not runs(int(pid.read_text()))
    finally:
        process.kill()
        process.wait()


def test_on_a_terminal_a_line_of_status_stays(tmp_path: Path) -> None:
    terminal, inside = os.openpty()
    with open(terminal, "rb", buffering=0) as reader:
        command = [*PSD, "up", "--port", "0"]
        process = subprocess.Popen(
            command, cwd=tmp_path, env=without_settings(), stdin=inside, stdout=inside
        )
        os.close(inside)
        try:
            shown = b""
            while b"0 booked, 0 unchanged | 0 queued | store " not in shown:
                shown += reader.read(4096)
            process.send_signal(signal.SIGINT)
            assert process.wait(TIMEOUT_S) == 0
        finally:
            process.kill()
            process.wait()


async def test_sigkill_leaves_no_server_behind_and_loses_nothing_that_was_accepted(
    started: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    url = await address(tmp_path)
    for second in range(100, 150):
        assert enqueue(url, uid=7, value=1, second=second) == 202
    assert write(url, uid=8, value=9, second=100) == "ok"
    started.kill()
    started.wait()
    await wait_until("its server is gone", lambda: server_pids(tmp_path) == [])
    async with psd_up([*PSD, *SHORT_TIMEOUT], tmp_path) as url:
        assert fetch(f"{url}/v1/query/8/steps/all/0/1000").text == "9"
        await wait_until(
            "all of the queue is booked",
            lambda: fetch(f"{url}/v1/query/7/steps/all/0/1000").text == "50",
        )


async def test_a_second_psd_up_on_the_same_data_is_refused(tmp_path: Path) -> None:
    async with psd_up(PSD, tmp_path) as url:
        second = run(tmp_path, "up", "--port", "0")
        assert (second.returncode, second.stdout) == (1, "")
        assert re.match(
            rf"psd: the data folder {tmp_path}/data is in use by another psd up \(process \d+\)",
            second.stderr,
        )
        assert fetch(f"{url}/healthz").status == 200


async def test_a_port_in_use_is_exit_code_1_with_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run(tmp_path, "up", "--port", str(port))
    assert result.returncode == 1
    assert result.stderr.startswith(f"psd: cannot listen on 127.0.0.1:{port}: ")
    assert len(result.stderr.splitlines()) == 1
    assert server_pids(tmp_path) == []


async def test_psd_up_starts_from_its_own_options_not_from_what_an_earlier_one_left(
    tmp_path: Path,
) -> None:
    left = tmp_path / "data" / "psd.toml"
    left.parent.mkdir()
    left.write_text("[server]\nport = 1\nids_max = 1\n")
    async with psd_up(["env", f"PSD_CONFIG={left}", *PSD], tmp_path):
        await wait_until("its settings are there", lambda: "ids_max = 1000" in left.read_text())


async def test_with_a_redis_url_that_does_not_answer_the_exit_code_is_75(tmp_path: Path) -> None:
    result = run(tmp_path, "up", "--port", "0", "--redis", "redis://127.0.0.1:1/0")
    assert (result.returncode, result.stdout) == (75, "")
    assert result.stderr.startswith("psd: redis: ")


async def test_with_a_redis_url_no_server_is_started(
    redis_server: RedisServer, redis_url: str, tmp_path: Path
) -> None:
    async with psd_up(PSD, tmp_path, "--redis", redis_url) as url:
        assert server_pids(tmp_path) == []
        assert write(url, uid=8, value=9, second=100) == "ok"
        query = ("query", "steps", "8", "1970-01-01", "1970-01-02")
        assert run(tmp_path, "--set", f"redis.url={redis_server.url}", *query).stdout == "9\n"


async def test_a_store_that_dies_ends_psd_up_with_the_end_of_its_log(
    started: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    await address(tmp_path)
    [pid] = server_pids(tmp_path)
    os.kill(pid, signal.SIGKILL)
    assert started.wait(TIMEOUT_S) == 1
    assert re.search(r"^psd: \S+ ended", (tmp_path / "psd-up.txt").read_text(), re.MULTILINE)


async def test_two_psd_up_of_one_folder_share_neither_settings_nor_archive(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    everything = ("replay", "--from", "1")
    async with psd_up(PSD, first) as one:
        assert write(one, uid=7, value=40, second=200) == "ok"
        # Started where the settings of the first lie, and told of them by name as well.
        left = first / "data" / "psd.toml"
        await wait_until("its settings are there", left.exists)
        up = ["env", f"PSD_CONFIG={left}", *PSD, "up", "--port", "0", "--data", "other"]
        process = start(up, first, second / "psd-up.txt")
        try:
            two = await address(second)
            assert two != one
            assert write(two, uid=8, value=50, second=200) == "ok"
            other = ("--config", "other/psd.toml")
            assert run(first, *other, *everything).stdout == "1 entries read: 1 unchanged\n"
            assert run(first, *everything).stdout == "1 entries read: 1 unchanged\n"
            mixed = run(first, *other, *everything, "--folder", "data/archive")
            assert mixed.returncode == 78
            assert "all files are of" in mixed.stderr
            assert run(first, *other, "query", "steps", "7", "1970", "1971").stdout == "0\n"
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(TIMEOUT_S) == 0
