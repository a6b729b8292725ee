"""A domain that another distribution brings: installed beside psd it is there, with nothing told.

The distribution is examples/rides, installed by pip as anybody would.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import msgspec
import pytest

from psd import config, config_sources, domains
from psd.cli import main
from psd.config import Thing
from psd.errors import ConfigError
from tests.support.processes.psd_up import fetch, psd_up, without_settings

ROOT = Path(__file__).parents[2]
RIDES = ROOT / "examples" / "rides"
RIDE = {"bike": 7, "metres": 1200, "time": 1_644_210_000, "id": "r-1"}


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """``psd`` with the distribution on its path."""
    folder = tmp_path_factory.mktemp("site-packages")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    install += ["--no-build-isolation", "--disable-pip-version-check", "--target", str(folder)]
    copy = folder.with_name("rides")
    shutil.copytree(RIDES, copy)
    subprocess.run([*install, str(copy)], check=True, timeout=180)
    path = os.pathsep.join((str(folder), str(ROOT)))
    settings = (f"PYTHONPATH={path}", "PSD_RIDES_METRES_MAX=2000")
    return ["env", *settings, sys.executable, "-m", "psd"]


def post(url: str, document: Any) -> Any:
    return json.loads(fetch(url, json.dumps(document).encode()).text)


async def test_an_installed_domain_is_a_part_of_psd(command: list[str], tmp_path: Path) -> None:
    async with psd_up(command, tmp_path) as url:
        booked = post(f"{url}/v3/rides", [RIDE, RIDE, {**RIDE, "id": "r-2", "metres": 2001}])
        assert (booked["booked"], booked["duplicate"]) == (1, 1)
        assert booked["refused"][0]["message"] == "metres: 2001 must lie between 0 and 2000"
        post(f"{url}/v3/events", {"command": "ride", "ride": {**RIDE, "id": "r-3"}})
        told = fetch(f"{url}/v3/rides/7?start=2022-02-07&end=2022-02-08")
        assert json.loads(told.text) == {"bike": 7, "metres": 2400}
        assert json.loads(fetch(f"{url}/v3/rides/8?start=0").text)["metres"] == 0
        sums = json.loads(fetch(f"{url}/v3/sum?thing=ride_m&uid=7").text)["data"]
        assert [row["sum"] for row in sums] == [2400]
        reference = json.loads(fetch(f"{url}/openapi.json").text)
        assert reference["paths"]["/v3/rides/{bike}"]["get"]["tags"] == ["Rides"]


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("rides", "no_such_package.domain:RIDES", "it cannot be imported (No module named"),
        ("rides", "psd.swaps.domain:RIDES", "it cannot be imported (module"),
        ("rides", "psd.swaps.domain:SWAPS_DOMAIN", "it calls itself 'swaps'; both are one name"),
        ("swaps", "psd.swaps.domain:SWAPS_DOMAIN", "there is a domain of this name already"),
        ("Rides", "psd.swaps.domain:SWAPS_DOMAIN", "a name is a letter and up to 31"),
    ],
)
def test_one_that_cannot_be_had_is_told_by_name(name: str, value: str, reason: str) -> None:
    point = EntryPoint(name, value, domains.GROUP)
    with pytest.raises(ConfigError) as told:
        domains.foreign(point, {"swaps"})
    assert str(told.value).startswith(f"domain {name!r} ({value}): {reason}")


def test_one_takes_nothing_that_is_there_already(monkeypatch: pytest.MonkeyPatch) -> None:
    swaps = next(each for each in domains.domains() if each.name == "swaps")
    for changed, module, ask, reason in (
        ({"name": "redis"}, config_sources, config_sources.kinds, "psd has a section of this name"),
        ({"name": "up"}, main, lambda: main.with_domains(main.OWN, "boards"), "a command of this"),
        ({"things": {"mine": Thing(1)}}, config, config.default_things, "thing 'mine' (1) has the"),
        ({"things": {"steps": Thing(99)}}, config, config.default_things, "thing 'steps' (99) has"),
    ):
        other = msgspec.structs.replace(swaps, **changed)
        monkeypatch.setattr(module, "domains", lambda other=other: (other,))
        with pytest.raises(ConfigError, match=re.escape(reason)):
            ask()


def test_psd_that_lacks_a_domain_it_is_to_have_ends_with_a_line(tmp_path: Path) -> None:
    metadata = tmp_path / "broken-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[psd.domains]\nrides = nothing.here:RIDES\n")
    environment = {**without_settings(), "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-m", "psd", "--help"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr == (
        "psd: domain 'rides' (nothing.here:RIDES) of the distribution 'broken': it cannot be "
        "imported (No module named 'nothing')\n"
    )
