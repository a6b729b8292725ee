"""The steps of deploy/Dockerfile in bare Debian trees: what comes out serves, without root."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.support.bare.dockerfile import Built, Stage, read
from tests.support.bare.machines import ROOT, Network, needed

STAGES = read((ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8"))


@pytest.fixture
def image(network: Network, tmp_path: Path, wheel: Path) -> Built:
    if not wheel.exists():
        needed("there is no wheel")
    built: dict[str, Built] = {}
    for at, stage in enumerate(STAGES):
        assert stage.base == "debian:bookworm-slim"
        machine = network.machine(stage.name or "image", tmp_path / str(at))
        built[stage.name] = Built(machine, ROOT, built).build(stage)
    return built[""]


def entry(stage: Stage, *words: str) -> str:
    return shlex.join([*stage.command("ENTRYPOINT"), *words])


def test_the_image_has_a_psd_that_serves_and_is_healthy_without_root(image: Built) -> None:
    last = STAGES[-1]
    assert image.user == "10001:10001"
    check = shlex.join(last.command("HEALTHCHECK"))
    run = image.machine.run

    told = run(entry(last, "--version"), image.folder, image.user, **image.environment)
    assert told.startswith("psd, version ")
    refused = run(
        f"{entry(last, *last.command('CMD'))} || echo exit $?",
        image.folder,
        image.user,
        **image.environment,
    )
    assert refused.endswith("exit 78\n"), "on every address it wants tokens"
    serving = run(
        f"{entry(last, 'server', '--insecure')} > /tmp/log 2>&1 &\n"
        f"for _ in {{1..300}}; do {check} 2> /dev/null && break; sleep 0.2; done\n"
        f"{check} || {{ cat /tmp/log; exit 1; }}; id -u; touch /var/lib/psd/archive/own; "
        "which pip || echo no pip; test -w /opt/psd || echo nothing to write",
        image.folder,
        image.user,
        **image.environment,
    )
    assert serving.splitlines() == ["10001", "no pip", "nothing to write"]
