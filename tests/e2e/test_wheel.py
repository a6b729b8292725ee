"""The built wheel works in an empty virtualenv, outside the checkout; the sdist is complete."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from psd.version import VERSION
from tests.support.processes.psd_up import fetch, psd_up, without_settings

ROOT = Path(__file__).parents[2]
WHEELS = Path(sys.prefix) / "wheels"
"""The dependencies as wheels, left there by `make test`; without them pip asks its index."""


def run(
    command: Sequence[str | Path], folder: Path, status: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run a command outside the checkout; its exit code must be ``status``."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=without_settings(),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == status, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def files_below(*folders: str) -> set[str]:
    """Paths in the checkout that a release needs, relative to it."""
    return {
        path.relative_to(ROOT).as_posix()
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from that sdist."""
    folder = tmp_path_factory.mktemp("dist")
    build: list[str | Path] = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder]
    run([*build, "--sdist", ROOT], folder)
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        # Debian 12's Python 3.11.2 has no filters yet, and ignores this; later ones ask for it.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(folder)
    run([*build, "--wheel", folder / f"pointspace-{VERSION}"], folder)
    return folder


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `psd` command of a virtualenv that holds the wheel and what `make run` installs."""
    folder = tmp_path_factory.mktemp("empty-venv")
    venv.create(folder, with_pip=True)
    offline: list[str | Path] = ["--no-index", "--find-links", WHEELS] if WHEELS.is_dir() else []
    wheel = next(built.glob("*.whl"))
    python = folder / "bin" / "python"
    run([python, "-m", "pip", "install", "--quiet", *offline, f"{wheel}[embedded]"], folder)
    return folder / "bin" / "psd"


def test_a_checkout_that_is_used_puts_nothing_of_its_own_into_the_sdist(tmp_path: Path) -> None:
    checkout, folder = tmp_path / "checkout", tmp_path / "dist"
    ignored = shutil.ignore_patterns(".venv", ".git", "data", "__pycache__", ".*_cache")
    shutil.copytree(ROOT, checkout, ignore=ignored)
    own = [".env", "conf/settings.toml", "conf/tokens", "archive/20160412/a.psda", "data/psd.toml"]
    own += ["notes.txt", "psd/.env", "dist/old.whl"]
    for name in own:
        path = checkout / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("secret")
    build: list[str | Path] = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder]
    run([*build, "--sdist", checkout], tmp_path)
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert names & set(own) == set()
    assert "psd/cli/main.py" in names


def test_the_sdist_holds_everything_that_building_and_testing_needs(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    needed = files_below("psd", "server", "workers", "lua", "tests", "docs", "examples", "deploy")
    needed |= {"conf/settings.toml.dist", "conf/redis.embedded.conf", "Makefile", ".ci/run"}
    needed |= {"LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "README.md", "SECURITY.md"}
    needed |= files_below(".github") | {".pre-commit-config.yaml"}
    assert needed - names == set()


def test_the_sdist_holds_nothing_that_a_user_made(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = archive.getnames()
    own = re.compile(r"/(\.venv|data|dist|build|\.git|\.\w+_cache|conf/settings\.toml)(/|$)")
    assert [name for name in names if own.search(name)] == []


def test_the_wheel_holds_the_scripts_and_the_settings_below_psd(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as archive:
        names = set(archive.namelist())
    expected = {f"psd/{path}" for path in files_below("lua")}
    expected |= {"psd/conf/settings.toml.dist", "psd/conf/redis.embedded.conf"}
    expected |= {"psd/conf/rewards.toml", "psd/conf/joi.toml"}
    expected |= files_below("psd", "server", "workers")
    assert names == expected | {name for name in names if ".dist-info/" in name}


def test_the_distribution_is_called_pointspace_and_brings_its_licence(built: Path) -> None:
    wheel = next(built.glob("*.whl"))
    assert wheel.name == f"pointspace-{VERSION}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        told = archive.read(f"pointspace-{VERSION}.dist-info/METADATA").decode()
        licence = archive.read(f"pointspace-{VERSION}.dist-info/licenses/LICENSE").decode()
    assert "\nName: pointspace\n" in told
    assert "\nLicense-Expression: MIT\n" in told
    assert licence == (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_the_installed_command_tells_its_version(installed: Path, tmp_path: Path) -> None:
    assert VERSION in run([installed, "--version"], tmp_path).stdout


def test_the_installed_command_prints_its_settings(installed: Path, tmp_path: Path) -> None:
    assert "redis.durability" in run([installed, "config", "show"], tmp_path).stdout


def test_the_installed_scripts_load_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    program = (
        "import pathlib, psd.store.scripts as scripts;"
        "print(pathlib.Path(scripts.__file__).parent.parent / 'lua')"
    )
    python = installed.with_name("python")
    folder = Path(run([python, "-c", program], tmp_path).stdout.strip())
    assert folder.is_relative_to(installed.parents[1])
    assert list(folder.rglob("*.lua"))


def test_the_installed_doctor_reports_a_store_that_is_away(installed: Path, tmp_path: Path) -> None:
    away = f"redis.url=unix://{tmp_path}/none.sock"
    done = run([installed, "--set", away, "doctor"], tmp_path, status=1)
    assert "Traceback" not in done.stderr


RIGHT = """\
from psd.client import Client
from psd.queries.results import Standing
from server.app import build_app
from workers.service import run


def best(url: str, thing: str) -> list[tuple[str, int]]:
    with Client(url) as psd:
        rows: list[Standing] = psd.top(thing, limit=3, start="-7d").data
        return [(row.uid, row.value) for row in rows]


def asked(url: str) -> int | None:
    with Client(url) as psd:
        return psd.series(thing="steps", uid=7, every="day", start="-7d").data[0].sum


print(best("http://127.0.0.1:1155", "steps"), asked("http://127.0.0.1:1155"))
print(build_app.__name__, run.__name__)
"""
WRONG = """\
from psd.client import Client
from server.app import build_app
from workers.service import run

Client(1155)
Client().top("steps").data[0].value.upper()
build_app("settings")
run("settings")
"""


def test_a_program_is_typed_against_the_installed_packages(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "right.py").write_text(RIGHT)
    (tmp_path / "wrong.py").write_text(WRONG)
    mypy: list[str | Path] = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary"]
    mypy += ["--python-executable", installed.with_name("python"), "--cache-dir", tmp_path]
    done = run([*mypy, "right.py", "wrong.py"], tmp_path, status=1)
    errors = [(line.split(":")[0], int(line.split(":")[1])) for line in done.stdout.splitlines()]
    assert {name for name, _ in errors} == {"wrong.py"}, done.stdout
    assert {line for _, line in errors} >= {5, 6, 7, 8}, done.stdout


async def test_the_installed_psd_books_and_sums(installed: Path, tmp_path: Path) -> None:
    report = (
        b'{"thing":"steps","uid":7,"atid":2,"aid":1,"value":90,"ts1":1460419200,"ts2":1460419260}'
    )
    async with psd_up([installed], tmp_path) as url:
        assert fetch(f"{url}/v1/write", report).text == "ok"
        assert fetch(f"{url}/v1/query/7/steps/all/1460419260/1460419260").text == "90"
