"""Everything that a user can name is in the docs: settings, routes, scripts, commands, metrics."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from prometheus_client import CollectorRegistry

from psd.cli.main import psd as command_line
from psd.config import Settings, default_things
from psd.config_sources import KNOWN_KEYS, environment_name
from psd.domains import domains
from psd.observe.metrics import Metrics
from psd.runtime import open_runtime
from psd.store.scripts import script_names
from server.app import build_app

ROOT = Path(__file__).parents[2]


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def rows(name: str) -> dict[str, list[str]]:
    """Table rows of a page by the code in their first cell: `` `key` `` -> all cells."""
    found: dict[str, list[str]] = {}
    for line in page(name).splitlines():
        if line.startswith("| `"):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))]
            found[cells[0].strip("`")] = cells
    return found


def default_as_toml(key: str) -> str:
    """A setting's default as conf/settings.toml.dist would write it."""
    section, _, name = key.partition(".")
    value = getattr(Settings().section(section), name)
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(f'"{item}"' for item in value) + "]"
    return str(value)


def commands(group: click.Group, prefix: str = "psd") -> list[str]:
    """Full names of all commands below a group."""
    context = click.Context(group)
    names: list[str] = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, name
        if isinstance(command, click.Group):
            names += commands(command, f"{prefix} {name}")
        else:
            names.append(f"{prefix} {name}")
    return names


PAGES = {domain.name: f"docs/{domain.page or domain.name + '.md'}" for domain in domains()}
"""Where the settings of domains are."""


@pytest.mark.parametrize("key", KNOWN_KEYS)
def test_every_setting_is_documented_with_its_default_and_environment_name(key: str) -> None:
    cells = rows(PAGES.get(key.partition(".")[0], "docs/operations.md"))[key]
    assert cells[1], f"{key} has no unit"
    assert cells[2] == f"`{default_as_toml(key)}`"
    assert cells[3] == f"`{environment_name(key)}`"
    assert cells[4], f"{key} has no meaning"


def test_no_documented_setting_is_unknown() -> None:
    sections = {key.partition(".")[0] for key in KNOWN_KEYS}
    named = [key for name in ("docs/operations.md", *PAGES.values()) for key in rows(name)]
    documented = [key for key in named if key.partition(".")[0] in sections]
    assert sorted(documented) == sorted(KNOWN_KEYS)


def test_the_default_things_are_documented_with_their_numbers() -> None:
    listed = ", ".join(f"{name} {thing.id}" for name, thing in default_things().items())
    assert listed in rows("docs/operations.md")["things"][2]


def test_every_metric_is_documented_with_its_labels() -> None:
    table = rows("docs/operations.md")
    metrics = Metrics(CollectorRegistry())
    for family in metrics.registry.collect():
        name = family.name + ("_total" if family.type == "counter" else "")
        assert name in table, f"{name} is missing from docs/operations.md"
        cells = table[name]
        assert cells[1] == family.type, name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        assert not labels or labels == set(cells[2].split(", ")), name
        assert re.fullmatch(r"\d+( a \w+)?", cells[3]), f"{name} does not say how many series"


def test_every_command_is_documented() -> None:
    documented = {name for name in rows("docs/operations.md") if name.startswith("psd ")}
    assert documented == set(commands(command_line))


def test_every_command_and_option_has_a_help_text() -> None:
    context = click.Context(command_line)
    for full_name in commands(command_line):
        command: click.Command | None = command_line
        for name in full_name.split()[1:]:
            assert isinstance(command, click.Group)
            command = command.get_command(context, name)
        assert command is not None
        assert command.help, f"{full_name} has no help text"
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{full_name} {parameter.opts[0]} has no help text"


def test_every_exit_code_is_documented() -> None:
    text = page("docs/operations.md")
    for code in (0, 1, 2, 75, 78):
        assert re.search(rf"^\| {code} \|", text, re.MULTILINE), code


async def test_every_route_is_documented() -> None:
    runtime = await open_runtime(Settings())
    routes = {
        f"{route.method} {route.resource.canonical}"
        for route in build_app(runtime).router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    await runtime.close()
    text = page("docs/http.md")
    assert len(routes) >= 14
    for name in sorted(routes):
        assert name in text, f"{name} is missing from docs/http.md"


METHOD = "(?:GET|POST|PUT|PATCH|DELETE)"
NO_ROUTES = {"POST /v1/payment_intents", "GET /v1/query"}
"""Stripe's, and the beginning of a route that is spelled out beside it."""


async def test_every_route_that_a_page_names_is_served() -> None:
    runtime = await open_runtime(Settings())
    served = {
        f"{route.method} {re.sub('{[^}]*}', '*', route.resource.canonical)}"
        for route in build_app(runtime).router.routes()
        if route.resource is not None
    }
    await runtime.close()
    told = re.compile(rf"\b({METHOD}(?:, {METHOD})*) (/v[123]/[^\s`'\"?)]+)")
    missing = {}
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for methods, route in told.findall(path.read_text(encoding="utf-8")):
            pattern = re.sub(r"{[^}]*}", "*", route.rstrip(".,;:"))
            for method in methods.split(", "):
                name = f"{method} {pattern}"
                if name not in NO_ROUTES and not any(matches(each, name) for each in served):
                    missing[name] = path.name
    assert missing == {}


def matches(served: str, told: str) -> bool:
    """Whether a route is what a page names, with a value or a name in each of its places."""
    parts, named = served.split("/"), told.split("/")
    return len(parts) == len(named) and all(
        one in (other, "*") for one, other in zip(parts, named, strict=True)
    )


def test_every_script_is_documented() -> None:
    text = page("docs/architecture.md")
    paths = [f"lua/{name.replace('.', '/')}.lua" for name in script_names()]
    assert paths
    for path in paths:
        assert path.removeprefix("lua/") in text, f"{path} is missing from docs/architecture.md"


def test_every_dependency_has_its_paragraph_in_the_decisions() -> None:
    project = page("pyproject.toml").partition("dependencies = [")[2].partition("\n]")[0]
    names = re.findall(r'^    "([\w-]+)', project, re.MULTILINE)
    assert len(names) >= 8
    for name in names:
        assert re.search(rf"^- \*\*{name}\*\*", page("docs/decisions.md"), re.MULTILINE), name


def test_every_make_command_in_the_docs_is_a_target() -> None:
    targets = set(re.findall(r"^([a-z]+):", page("Makefile"), re.MULTILINE))
    for name in ("README.md", "docs/operations.md", "CHANGELOG.md"):
        used = set(re.findall(r"(?:`|^)make ([a-z]+)", page(name), re.MULTILINE))
        assert used <= targets, f"{name} names {used - targets}"


def test_every_file_that_a_page_names_exists() -> None:
    pages = ["README.md", "CHANGELOG.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]
    not_there = {"conf/settings.toml", "deploy/secrets/psd_token"}
    named = re.compile(
        r"(?<!/)\b(?:docs|conf|lua|psd|tests|bench|deploy|examples)/(?>[\w/.-]*\w)(?!-\*)"
    )
    for name in pages:
        for path in named.findall(page(name)):
            assert (ROOT / path).exists() or path in not_there, f"{name} names {path}"


def test_the_distribution_is_installed_by_its_own_name() -> None:
    """On PyPI, psd is another project."""
    places = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").glob("*.md")]
    for package in ("psd", "server", "workers"):
        places += (ROOT / package).rglob("*.py")
    other = re.compile(r"\binstall\s+(?:-\S+\s+)*[\"'`]*psd\b|\bpsd\[\w")
    wrong = [path.name for path in places if other.search(path.read_text(encoding="utf-8"))]
    assert wrong == [], "say: pip install pointspace"


def test_what_the_page_of_domains_shows_of_the_example_stands_there() -> None:
    shown = re.findall(
        r"^`(examples/[\w/.]+)`:\n\n```\w+\n(.*?)^```",
        page("docs/domains.md"),
        re.MULTILINE | re.DOTALL,
    )
    assert len(shown) >= 4
    for path, text in shown:
        assert text in page(path), path
