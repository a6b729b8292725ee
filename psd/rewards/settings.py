"""The section ``[rewards]`` of the settings.

What stands below each key is what conf/settings.toml.dist and docs/rewards.md tell of it; a test
holds both against this.
"""

from __future__ import annotations

from typing import Self

import msgspec

from psd.addresses import read_address, read_host
from psd.config import FilePath, Section
from psd.secrets import Secret


class RewardsSettings(Section, frozen=True):
    """Where the weekly rewards have their tables and their sources, and where gRPC listens."""

    tables: FilePath = ""
    """Path: the tables of points, levels and tokens; "" takes the shipped conf/rewards.toml."""
    elasticsearch_url: str = "http://127.0.0.1:9200"
    """URL: Elasticsearch, asked with `--source elasticsearch`; may hold user:password."""
    elasticsearch_index: str = "device-status-*"
    """Name: the index or pattern that holds the status documents."""
    elasticsearch_api_key: Secret = ""
    """Secret: an API key; "" sends none."""
    elasticsearch_timeout_s: float = 30.0
    """Seconds: longest wait for one page."""
    devices_address: str = ""
    """host:port: the service that describes vehicles, asked with `--source grpc`; "" for none."""
    definitions_address: str = ""
    """host:port: the service that describes integrations; "" for none."""
    grpc_timeout_s: float = 5.0
    """Seconds: deadline of one gRPC call."""
    grpc_host: str = "127.0.0.1"
    """Address: where `psd rewards serve` listens."""
    grpc_port: int = 1156
    """Port: where `psd rewards serve` listens."""

    def checked(self) -> Self:
        """The section with its host as a socket takes it; raises ConfigError for an address."""
        for name in ("devices_address", "definitions_address"):
            if text := getattr(self, name):
                read_address(text, f"rewards.{name}", 50_051)
        return msgspec.structs.replace(
            self, grpc_host=read_host(self.grpc_host, "rewards.grpc_host")
        )
