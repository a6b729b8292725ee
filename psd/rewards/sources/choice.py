"""From the names of sources on a command line to the sources.

``redis`` and ``elasticsearch`` say who was active, ``grpc`` describes vehicles; so they may be
given together, and without a name it is psd's own buckets and registry::

    --source elasticsearch --source grpc     what the original reads
"""

from __future__ import annotations

import importlib
from collections.abc import Collection
from typing import Any, get_args

from psd.engine.engine import Engine
from psd.errors import ConfigError
from psd.rewards.participants import RunSources
from psd.rewards.settings import RewardsSettings
from psd.rewards.sources.buckets import BucketSource
from psd.rewards.sources.source import ActivitySource, DescriptionSource, SourceName
from psd.rewards.tables import Tables

NAMES: tuple[str, ...] = get_args(SourceName)


def open_sources(
    names: Collection[str],
    settings: RewardsSettings,
    engine: Engine,
    signals: int,
    tables: Tables,
) -> RunSources:
    """The sources of these names; ``signals`` is the number of the thing with the activity.

    Raises ConfigError for a contradiction, a missing package or setting. Connects to nobody.
    """
    unknown = sorted(set(names) - set(NAMES))
    if unknown or {"redis", "elasticsearch"} <= set(names):
        raise ConfigError(
            f"source: {', '.join(unknown or names)}: one of redis and elasticsearch, and grpc"
        )
    descriptions = _descriptions(settings, tables) if "grpc" in names else None
    activity: ActivitySource = BucketSource(engine, signals, tables)
    if "elasticsearch" in names:
        activity = _elastic(settings, tables, descriptions)
    return RunSources(activity, descriptions)


def _elastic(settings: RewardsSettings, tables: Tables, subjects: Any) -> ActivitySource:
    # Both clients come with an extra, and take a while to import.
    elastic = importlib.import_module("psd.rewards.sources.elastic")
    source: ActivitySource = elastic.ElasticSource(
        elastic.ElasticSettings(
            url=settings.elasticsearch_url,
            index=settings.elasticsearch_index,
            api_key=settings.elasticsearch_api_key,
            timeout_s=settings.elasticsearch_timeout_s,
        ),
        tables,
        subjects,
    )
    return source


def _descriptions(settings: RewardsSettings, tables: Tables) -> DescriptionSource:
    for name in ("devices_address", "definitions_address"):
        if not getattr(settings, name):
            raise ConfigError(f"rewards.{name} = '': required for the source grpc")
    descriptions = importlib.import_module("psd.rewards.sources.descriptions")
    source: DescriptionSource = descriptions.GrpcDescriptions(
        settings.devices_address,
        settings.definitions_address,
        tables,
        timeout_s=settings.grpc_timeout_s,
    )
    return source
