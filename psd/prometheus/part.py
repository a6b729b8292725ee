"""What a running process has of Prometheus's read API; built once, from what psd lends."""

from __future__ import annotations

from psd.config import Section
from psd.domain.core import Core
from psd.domain.part import Part
from psd.prometheus.api import PrometheusApi
from psd.prometheus.endpoints import endpoints


class PrometheusPart(Part):
    """Questions and look-ups over what is booked."""

    def __init__(self, core: Core, _settings: Section) -> None:
        api = PrometheusApi(
            core.engine,
            core.boards,
            core.settings.things,
            core.clock,
            core.settings.server.user_sums_max,
            core.names,
        )
        self.endpoints = endpoints(api)
