"""The commands of docs/deploy.md, as they stand there, on machines with nothing but Debian."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from tests.support.bare.machines import ROOT, Machine, Network
from tests.support.servers.nsqd import binary

PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
BLOCKS = [
    (names.split(), script)
    for names, script in re.findall(r"^```sh ([\w -]+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
]
FOLDER = "/root/checkout"


def commands(name: str) -> list[str]:
    """The blocks of one machine, in the order of the page."""
    found = [script for names, script in BLOCKS if name in names]
    assert found, name
    return found


def begun(network: Network, folder: Path, name: str, wheel: Path) -> Machine:
    """A machine with what the page takes for granted."""
    machine = network.machine(name, folder)
    machine.put(ROOT / "deploy", f"{FOLDER.strip('/')}/deploy")
    machine.put(wheel, f"{FOLDER.strip('/')}/dist/{wheel.name}")
    return machine


def ran(machine: Machine, name: str) -> list[str]:
    """What each block of a machine prints."""
    return [machine.run(script, FOLDER) for script in commands(name)]


def test_every_block_is_of_a_machine_that_a_test_makes() -> None:
    named = {name for names, _ in BLOCKS for name in names}
    cluster = {"redis-1", "redis-2", "redis-3", "psd"}
    assert named == {"pipx", "one", "store", "work", "web", *cluster}


def test_a_user_without_rights_installs_it_with_pipx(
    network: Network, tmp_path: Path, wheel: Path
) -> None:
    machine = begun(network, tmp_path, "laptop", wheel)
    machine.run("useradd --create-home --uid 1234 someone; cp -r /root/checkout /home/someone/")
    [script] = commands("pipx")
    told = machine.run(script, "/home/someone/checkout", "1234:1234", HOME="/home/someone")
    assert re.search(r"^psd, version \d", told, re.MULTILINE), told


def test_one_machine_books_and_answers_behind_nginx(
    network: Network, tmp_path: Path, wheel: Path
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
