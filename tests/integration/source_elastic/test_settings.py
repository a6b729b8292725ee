"""Settings of the source that cannot work, and a client that is missing or does not fit."""

from __future__ import annotations

import importlib
import subprocess
import sys
from typing import Any

import elasticsearch
import pytest

from psd.errors import ConfigError
from psd.rewards.sources.elastic import ElasticSource
from psd.rewards.sources.elastic_search import ElasticSettings
from tests.support.rewards.elastic_source import TABLES


@pytest.mark.parametrize(
    ("url", "index", "api_key", "field"),
    [
        ("localhost:9200", "status", "", "elasticsearch_url"),
        ("ftp://localhost", "status", "", "elasticsearch_url"),
        ("http://", "status", "", "elasticsearch_url"),
        ("http://localhost:port", "status", "", "elasticsearch_url"),
        ("http://local host", "status", "", "elasticsearch_url"),
        ("http://local..host", "status", "", "elasticsearch_url"),
        ("http://psd:sesame%0a@localhost", "status", "", "elasticsearch_url"),
        ("http://localhost", "status", "sesame\n", "elasticsearch_api_key"),
        ("http://psd:12/sesame@localhost", "status", "", "elasticsearch_url"),
        ("http://psd:sesame/2@localhost", "status", "", "elasticsearch_url"),
        ("http://localhost?pretty", "status", "", "elasticsearch_url"),
        ("http://localhost", "", "", "elasticsearch_index"),
        ("http://psd:sesame@localhost", "status", "key", "elasticsearch_api_key"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(
    url: str, index: str, api_key: str, field: str
) -> None:
    with pytest.raises(ConfigError, match=f"rewards.{field}") as caught:
        ElasticSource(ElasticSettings(url, index, api_key), TABLES)
    assert "sesame" not in str(caught.value)


def test_a_missing_client_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ConfigError, match=r"install pointspace\[rewards\]"):
        ElasticSource(ElasticSettings("http://localhost", "status"), TABLES)


@pytest.mark.parametrize("version", [(7, 17, 9), (8, 14, 0), (10, 0, 0)])
def test_a_client_of_another_version_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, version: tuple[int, int, int]
) -> None:
    monkeypatch.setattr(elasticsearch, "__version__", version)
    with pytest.raises(ConfigError, match=r"8\.15 up to but not including 10"):
        ElasticSource(ElasticSettings("http://localhost", "status"), TABLES)


def test_the_client_is_imported_only_when_a_source_is_made() -> None:
    code = "import sys, psd.rewards.sources.elastic; print('elasticsearch' in sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout == "False\n"
