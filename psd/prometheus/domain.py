"""A part of Prometheus's read API, as psd knows it (psd/domain/definition.py): it only reads.

Without its line in psd/domains.py psd has no such API and is otherwise as it was.
"""

from __future__ import annotations

from psd.domain.definition import Domain

PROMETHEUS = Domain(
    name="prometheus",
    docs="The part of Prometheus' read API that Grafana asks.",
    page="grafana.md",
    behind="Original",
    open="psd.prometheus.part:PrometheusPart",
)
