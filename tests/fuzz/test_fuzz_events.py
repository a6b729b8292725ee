"""A million hostile messages: only declared errors come out, and the memory stays bounded."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import msgpack
import msgspec
import pytest

from tests.support.processes.worker_process import environment

ON_CI = os.environ.get("CI") == "true"
RUNS = 1_000_000
MEMORY_MB_MAX = 256

METRIC = {"thing": "steps", "uid": 1, "atid": 2, "aid": 3, "value": 10, "ts1": 5, "ts2": 9}
ACTIVITY = {"vehicle": 1, "integration": "Tesla", "time": 1_644_210_000, "signals": ["a", "vin"]}
EARNINGS = {"vehicle": 1, "thing": "promotions", "points": 5, "time": 1_644_210_000, "id": "a"}
VEHICLE = {"vehicle": 1, "owner": "0x" + "Ab" * 20, "integrations": ["Tesla"], "vin": None}
MESSAGES = (
    {"command": "metric", "metric": METRIC},
    {"command": "metric", "metric": {**METRIC, "mode": "increment", "id": "x"}},
    {"command": "metrics", "metrics": [METRIC, {**METRIC, "aid": -(2**63)}]},
    {"command": "count", "count": {"thing": "hifive_1", "value": -(2**53), "ts": 5, "id": "a"}},
    {"command": "activity", "activity": {**ACTIVITY, "time": "2022-02-07T05:00:00.5+01:00"}},
    {"command": "activities", "activities": [ACTIVITY, {**ACTIVITY, "id": "a"}]},
    {"command": "earnings", "earnings": [EARNINGS]},
    {"command": "vehicle", "vehicle": {**VEHICLE, "minted_at": "2022-02-07 05:00:00Z"}},
    {"command": "vehicles", "vehicles": [VEHICLE, {"vehicle": 2**63 - 1, "minted": True}]},
    {"command": "metric", "metric": {**METRIC, "value": 2**64, "extra": [[{}]]}},
)


def write_corpus(folder: Path) -> Path:
    """Messages of every kind in both formats, and bodies of write requests, to start from."""
    folder.mkdir()
    for number, message in enumerate(MESSAGES):
        (folder / f"json{number}").write_bytes(b"\0" + msgspec.json.encode(message))
        (folder / f"msgpack{number}").write_bytes(
            b"\0" + msgpack.packb(message)
            if message is not MESSAGES[-1]
            else b"\0\x81\xa1x\x91\x91\x90"
        )
    (folder / "write").write_bytes(b"\xff" + msgspec.json.encode(METRIC))
    (folder / "deep").write_bytes(b'\0{"x":' + b"[" * 2000 + b"]" * 2000 + b"}")
    for name in ("command", "thing", "mode"):
        long = {"command": "metric", "metric": {**METRIC, name: "x" * 3000}, name: "y" * 3000}
        (folder / f"long-{name}").write_bytes(b"\0" + msgspec.json.encode(long))
    for name in ("uid", "value", "ts1", "ts2"):
        long = msgspec.json.encode({"command": "metric", "metric": {**METRIC, name: 0}})
        huge = long.replace(b'"%s":0' % name.encode(), b'"%s":%s' % (name.encode(), b"9" * 4000))
        (folder / f"digits-{name}").write_bytes(b"\0" + huge)
    (folder / "surrogate").write_bytes(b'\0{"command":"\\udc00\\ud800"}')
    return folder


def test_no_message_does_more_than_be_refused(tmp_path: Path) -> None:
    if importlib.util.find_spec("atheris") is None:
        if ON_CI:
            pytest.fail("atheris is missing")
        pytest.skip("atheris has no wheel for this platform")
    program = Path(__file__).with_name("fuzz_events.py")
    options = [f"-runs={RUNS}", "-seed=20261123", "-max_len=8192", f"-rss_limit_mb={MEMORY_MB_MAX}"]
    # A process inherits the peak memory of the one that starts it, and this one may have held much
    # for other tests: a shell stands between.
    between = ["sh", "-c", '"$@"; exit $?', "sh"]
    done = subprocess.run(
        [*between, sys.executable, program, *options, write_corpus(tmp_path / "corpus")],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    finished = re.search(r"Done (\d+) runs", done.stderr)
    assert finished is not None, done.stderr[-4000:]
    assert int(finished[1]) >= RUNS
