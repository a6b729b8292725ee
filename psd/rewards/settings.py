"""The section ``[rewards]`` of the settings."""

from __future__ import annotations

from typing import Self

import msgspec

from psd.addresses import read_address, read_host
from psd.config import FilePath, Section
from psd.secrets import Secret


class RewardsSettings(Section, frozen=True):
    """Where the weekly rewards have their tables and their sources, and where gRPC listens."""

    tables: FilePath = ""
    elasticsearch_url: str = "http://127.0.0.1:9200"
    elasticsearch_index: str = "device-status-*"
    elasticsearch_api_key: Secret = ""
    elasticsearch_timeout_s: float = 30.0
    devices_address: str = ""
    definitions_address: str = ""
    grpc_timeout_s: float = 5.0
    grpc_host: str = "127.0.0.1"
    grpc_port: int = 1156

    def checked(self) -> Self:
        """The section with its host as a socket takes it; raises ConfigError for an address."""
        for name in ("devices_address", "definitions_address"):
            if text := getattr(self, name):
                read_address(text, f"rewards.{name}", 50_051)
        return msgspec.structs.replace(
            self, grpc_host=read_host(self.grpc_host, "rewards.grpc_host")
        )
