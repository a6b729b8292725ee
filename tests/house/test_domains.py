"""The seam between psd and its domains: who may name one, and where keys are built."""

from __future__ import annotations

import re
import subprocess
import tomllib

import pytest

from psd.config import Settings
from psd.domain.definition import Domain
from psd.domains import domains, named
from psd.store.keys import OWNER_ROOT, catalogue, kind_of
from tests.support.sources import ROOT, source_in, source_of

CODE = ("psd", "server", "workers")
LIST = "psd/domains.py"
CALENDAR = "psd/engine/plan.py"
"""Says of the issuance week, which is a unit of the calendar, whose it was."""

METRICS = {
    "psd/observe/metrics.py",
    "server/openapi/operations.py",
    "server/routes/operations.py",
    "workers/endpoint.py",
    "workers/service.py",
}
"""Say in whose format metrics are told; the library that writes it has its name from there too."""

METRICS_LIBRARY = "prometheus_client"

OF_PHYSICS = {
    "energy": r"psd[./]energy|EnergyPart|EnergySettings",
    "charging": r"psd[./]charging|ChargingPart|ChargingSettings",
}
"""Domains whose name is a word for what is measured as well, and what names the domain."""

KEY = re.compile(r"psd:[a-z{]")


def tracked(*folders: str) -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *folders],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


@pytest.mark.parametrize("name", [domain.name for domain in domains()])
def test_a_domain_is_named_in_its_folder_and_in_the_list_alone(name: str) -> None:
    word = re.compile(OF_PHYSICS.get(name, name), re.IGNORECASE)
    naming = {
        path for path in tracked(*CODE) if path.endswith(".py") and word.search(own_words(path))
    }
    elsewhere = {path for path in naming if not path.startswith(f"psd/{name}/")}
    assert LIST in elsewhere
    assert elsewhere <= {LIST, CALENDAR, *METRICS}


def own_words(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8").replace(METRICS_LIBRARY, "")


def test_every_domain_is_in_the_contract_that_none_imports_another() -> None:
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = configuration["tool"]["importlinter"]["contracts"]
    [contract] = [each for each in contracts if each["id"] == "domains"]
    folders = {f"psd.{domain.name}" for domain in domains()}
    assert contract["type"] == "independence"
    assert set(contract["modules"]) == folders
    [layers] = [each["layers"] for each in contracts if each["id"] == "layers"]
    assert [layer for layer in layers if folders & set(layer.split(" | "))] == [
        " | ".join(contract["modules"])
    ]


def test_keys_are_built_in_keys_modules_alone() -> None:
    allowed = {"psd/store/keys.py", *(f"psd/{domain.name}/keys.py" for domain in domains())}
    # What keys of older versions are called today.
    allowed.add("psd/store/moved_names.py")
    building = {
        f"{path}: {text}"
        for path in tracked(*CODE)
        if path.endswith(".py") and path not in allowed
        for text in source_of(ROOT / path).texts
        if KEY.match(text)
    }
    assert building == set()


def test_a_key_that_is_built_elsewhere_would_be_seen() -> None:
    text = '"""psd:{p0}:7 is a key."""\nkey = f"psd:{{p0}}:{uid}:log"\nother = "psd:schema"\n'
    texts = source_in(f'{text}old = b"psd:life"\n').texts
    assert sorted(filter(KEY.match, texts)) == ["psd:life", "psd:schema", "psd:{p0}:"]


@pytest.mark.parametrize("domain", domains(), ids=lambda domain: domain.name)
def test_keys_of_a_domain_begin_with_its_name_and_are_of_the_catalogue(domain: Domain) -> None:
    name, keys = domain.name, domain.keys
    # What is of one owner shares its slot, under the domain's first letter.
    of_owners = f"{OWNER_ROOT}:{name[0]}"
    assert all(key.pattern.startswith((f"psd:{name}:", of_owners)) for key in keys)
    assert set(keys) <= set(catalogue())
    assert kind_of(f"psd:{name}:no such key") is None


@pytest.mark.parametrize("domain", domains(), ids=lambda domain: domain.name)
def test_what_a_domain_names_is_there(domain: Domain) -> None:
    texts = [domain.messages, domain.open, domain.cli[0], *(domain.client or ())]
    assert all(callable(named(text)) for text in [*texts, *domain.checks.values()] if text)
    assert Settings().of(domain.settings) == domain.settings()


@pytest.mark.parametrize("domain", domains(), ids=lambda domain: domain.name)
def test_a_domain_has_a_page_of_its_own_that_operators_find(domain: Domain) -> None:
    page = domain.page or f"{domain.name}.md"
    assert (ROOT / "docs" / page).is_file()
    assert f"docs/{page}" in (ROOT / "README.md").read_text(encoding="utf-8")
