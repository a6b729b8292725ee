"""The settings of a domain are told where they are made: the sample and its page say the same.

Whoever adds one writes a line below it; what stands here in full for the sample and the page is
what a failing test shows.
"""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from pathlib import Path

import msgspec
import pytest

from psd.config import Section
from psd.config_sources import environment_name
from psd.domain.definition import Domain
from psd.domains import domains

ROOT = Path(__file__).parents[2]
SAMPLE = (ROOT / "conf" / "settings.toml.dist").read_text(encoding="utf-8")
WITH_SETTINGS = [each for each in domains() if msgspec.structs.fields(each.settings)]

HEADING = """## Settings

| key | unit | default | environment | meaning |
|---|---|---|---|---|
"""


class Sample(Section, frozen=True):
    """One of each kind."""

    longest_s: float = 1.5
    """Seconds: longest wait for "it"."""
    names: tuple[str, ...] = ("a", "b")
    """Names: who is asked."""
    is_open: bool = False
    """URL: whether there is one."""


def page_of(domain: Domain) -> str:
    return f"docs/{domain.page or domain.name + '.md'}"


def told(settings: type[Section]) -> dict[str, str]:
    """What stands below each field of a section, in their order."""
    [made] = ast.parse(textwrap.dedent(inspect.getsource(settings))).body
    assert isinstance(made, ast.ClassDef)
    found = {}
    for field, below in zip(made.body, made.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            is_text = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
            assert is_text, f"nothing is told of {field.target.id}"
            assert isinstance(below.value.value, str)
            found[field.target.id] = below.value.value
    return found


def defaults(settings: type[Section]) -> dict[str, str]:
    """The default of each field, in TOML."""
    values = msgspec.structs.asdict(settings())
    return {name: json.dumps(value, ensure_ascii=False) for name, value in values.items()}


def sample_of(name: str, settings: type[Section]) -> str:
    """A section as the sample has it."""
    texts = told(settings)
    lines = [f"# {texts[key]}\n{key} = {value}\n" for key, value in defaults(settings).items()]
    return f"[{name}]\n" + "".join(lines)


def table_of(name: str, settings: type[Section]) -> str:
    """The rows of a section as its page has them."""
    texts = told(settings)
    rows = []
    for key, value in defaults(settings).items():
        unit, _, meaning = texts[key].removesuffix(".").partition(": ")
        unit = unit if unit.isupper() else unit[0].lower() + unit[1:]
        variable = environment_name(f"{name}.{key}")
        rows.append(f"| `{name}.{key}` | {unit} | `{value}` | `{variable}` | {meaning} |\n")
    return HEADING + "".join(rows)


@pytest.mark.parametrize("domain", WITH_SETTINGS, ids=lambda domain: domain.name)
def test_each_setting_is_told_with_its_unit(domain: Domain) -> None:
    texts = told(domain.settings)
    assert list(texts) == [field.name for field in msgspec.structs.fields(domain.settings)]
    assert all(": " in text and text.endswith(".") for text in texts.values())


@pytest.mark.parametrize("domain", WITH_SETTINGS, ids=lambda domain: domain.name)
def test_the_sample_has_the_section_as_the_domain_tells_it(domain: Domain) -> None:
    about = f"# {domain.docs.removesuffix('.')}: {page_of(domain)}.\n"
    assert f"\n\n{about}{sample_of(domain.name, domain.settings)}\n" in SAMPLE


@pytest.mark.parametrize("domain", WITH_SETTINGS, ids=lambda domain: domain.name)
def test_its_page_has_a_table_of_them_that_operators_find(domain: Domain) -> None:
    page = (ROOT / page_of(domain)).read_text(encoding="utf-8")
    assert f"\n{table_of(domain.name, domain.settings)}\n" in page
    operations = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    link = page_of(domain).removeprefix("docs/") + "#settings"
    assert f"[`[{domain.name}]`]({link})" in operations


def test_what_a_section_is_told_as() -> None:
    assert sample_of("own", Sample) == (
        '[own]\n# Seconds: longest wait for "it".\nlongest_s = 1.5\n'
        '# Names: who is asked.\nnames = ["a", "b"]\n'
        "# URL: whether there is one.\nis_open = false\n"
    )
    assert table_of("own", Sample).removeprefix(HEADING).splitlines() == [
        '| `own.longest_s` | seconds | `1.5` | `PSD_OWN_LONGEST_S` | longest wait for "it" |',
        '| `own.names` | names | `["a", "b"]` | `PSD_OWN_NAMES` | who is asked |',
        "| `own.is_open` | URL | `false` | `PSD_OWN_IS_OPEN` | whether there is one |",
    ]
