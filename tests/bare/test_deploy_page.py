"""The commands of pages for operators, as they stand there, on machines with nothing but Debian.

docs/deploy.md makes the machines. What docs/backup.md and docs/upgrade.md tell to do is done on the
one that stands alone, once it serves.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import msgspec
import pytest

from tests.support.bare.machines import OWN, ROOT, Machine, Network
from tests.support.processes.page_commands import DOCS, commands_of, said_in, script_of
from tests.support.servers.nsqd import binary
from tests.support.servers.redis_server import RedisServer
from tests.support.stored.stored_shapes import restore

BLOCK = re.compile(r"^```sh ([\w -]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = {
    page: [
        (names.split(), script)
        for names, script in BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))
    ]
    for page in ("deploy.md", "backup.md", "upgrade.md")
}
FOLDER = "/root/checkout"
OLD_PORT = 6398
"""Where docs/upgrade.md has a store of version 3."""


def commands(name: str, page: str = "deploy.md") -> list[str]:
    """The blocks of one machine, in the order of the page."""
    found = [script for names, script in BLOCKS[page] if name in names]
    assert found, name
    return found


def begun(network: Network, folder: Path, name: str, wheel: Path) -> Machine:
    """A machine with what the page takes for granted."""
    machine = network.machine(name, folder)
    machine.put(ROOT / "deploy", f"{FOLDER.strip('/')}/deploy")
    machine.put(wheel, f"{FOLDER.strip('/')}/dist/{wheel.name}")
    return machine


def ran(machine: Machine, name: str, page: str = "deploy.md") -> list[str]:
    """What each block of a machine prints."""
    return [machine.run(script, FOLDER) for script in commands(name, page)]


def says_what_the_page_says(machine: Machine, page: str) -> None:
    """Run the commands of a page that tells what they say, in an empty folder."""
    told = commands_of(page)
    folder = f"/root/{page}"
    path = f"/opt/psd/bin:{OWN['PATH']}"
    printed = machine.run(f"mkdir {folder}\ncd {folder}\n{script_of(told)}", PATH=path)
    assert said_in(printed) == [said for _, said in told], printed


@pytest.fixture
def old_store(tmp_path: Path) -> Path:
    """The snapshot of a store as psd's version 3 left it."""
    folder = tmp_path / "old"

    async def filled(server: RedisServer) -> None:
        async with server.client() as client:
            await restore(client, "3")
            await client.save()

    with RedisServer(folder) as server:
        asyncio.run(filled(server))
    return next(folder.rglob("*.rdb"))


def test_every_block_is_of_a_machine_that_a_test_makes() -> None:
    named = {
        page: {name for names, _ in blocks for name in names} for page, blocks in BLOCKS.items()
    }
    cluster = {"redis-1", "redis-2", "redis-3", "psd"}
    assert named == {
        "deploy.md": {"pipx", "one", "store", "work", "web", *cluster},
        "backup.md": {"one"},
        "upgrade.md": {"one"},
    }


def test_a_user_without_rights_installs_it_with_pipx(
    network: Network, tmp_path: Path, wheel: Path
) -> None:
    machine = begun(network, tmp_path, "laptop", wheel)
    machine.run("useradd --create-home --uid 1234 someone; cp -r /root/checkout /home/someone/")
    [script] = commands("pipx")
    told = machine.run(script, "/home/someone/checkout", "1234:1234", HOME="/home/someone")
    assert re.search(r"^psd, version \d", told, re.MULTILINE), told


def test_one_machine_books_behind_nginx_loses_its_store_and_is_upgraded(
    network: Network, tmp_path: Path, wheel: Path, old_store: Path
) -> None:
    machine = begun(network, tmp_path, "one", wheel)
    psd, nginx = ran(machine, "one")
    assert '"sum":90' in psd
    assert '"ready":true' in nginx
    owner = machine.run("stat --format '%U %a' /var/lib/psd")
    assert owner == "psd 750\n"
    users = machine.run(
        "for each in /proc/[0-9]*; do tr '\\0' ' ' < $each/cmdline; stat --format ' by %U' $each; "
        "done 2>/dev/null || true"
    )
    assert re.findall(r"/opt/psd/bin/psd .* (server|worker) .*by (\w+)", users) == [
        ("server", "psd"),
        ("worker", "psd"),
    ]

    says_what_the_page_says(machine, "backup.md")
    machine.put(old_store, "root/old/dump.rdb")
    machine.run(f"redis-server --port {OLD_PORT} --dir /root/old --daemonize yes")
    says_what_the_page_says(machine, "upgrade.md")
    [restored] = ran(machine, "one", "backup.md")
    assert "1 audited: 1 clean; 0 differences" in restored
    assert '"ready":true' in restored
    [upgraded] = ran(machine, "one", "upgrade.md")
    assert '"ready":true' in upgraded


def test_three_machines_book_what_one_publishes(
    network: Network, tmp_path: Path, wheel: Path
) -> None:
    machines = {name: begun(network, tmp_path, name, wheel) for name in ("store", "work", "web")}
    for program in ("nsqd", "nsqlookupd"):
        machines["store"].put(Path(binary(program)), f"root/checkout/nsq/{program}", 0o755)
    for machine in machines.values():
        (machine.root / "root/checkout/psd-password").write_text("correct-horse\n")
    told = {name: ran(machine, name) for name, machine in machines.items()}
    assert '"ready":true' in told["work"][-1]
    assert '"sum":90' in told["web"][-1]


def test_a_cluster_of_redis_is_one_store(network: Network, tmp_path: Path, wheel: Path) -> None:
    names = ["redis-1", "redis-2", "redis-3", "psd"]
    machines = {name: begun(network, tmp_path, name, wheel) for name in names}
    told = {name: ran(machine, name) for name, machine in machines.items()}
    assert "cluster_state:ok" in told["redis-3"][-1]
    ready = re.search(r"^\{.*\}$", told["psd"][-1], re.MULTILINE)
    told_by_doctor = told["psd"][-1]
    assert '"cluster":"ok: 3 masters"' in told_by_doctor or "3 masters" in told_by_doctor
    assert ready is None or msgspec.json.decode(ready[0])["ready"]
