"""``psd rewards serve``: the rewards over gRPC, beside the HTTP server."""

from __future__ import annotations

import asyncio
import importlib
from typing import Any

import click

from psd.cli.options import insecure_option, loaded_with, pass_settings
from psd.cli.query import running
from psd.config import Settings
from psd.config_sources import LoadedSettings
from psd.event_loop import new_event_loop
from psd.memory import keep_what_is_there
from psd.observe.logs import configure_logging
from psd.rewards.configuration import signals_of
from psd.rewards.grpc_reader import StoreReader
from psd.rewards.part import RewardsPart
from psd.rewards.settings import RewardsSettings
from psd.rewards.sources.buckets import BucketSource


@click.command()
@click.option("--host", metavar="ADDRESS", help="Address to listen on. Setting rewards.grpc_host.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), help="Port; 0 takes a free one. rewards.grpc_port."
)
@insecure_option
@pass_settings
def serve(
    _loaded: LoadedSettings,
    /,
    *,
    host: str | None,
    port: int | None,
    insecure: bool | None,
) -> None:
    """Serve the rewards over gRPC.

    Points, a vehicle's weeks, the blacklist; with health and reflection. Tokens are those of
    the HTTP API, as metadata `authorization: Bearer TOKEN`; without any, only loopback is
    served. SIGTERM finishes what is in hand.
    """
    flags = {
        "rewards.grpc_host": host,
        "rewards.grpc_port": port,
        "access.insecure": insecure,
    }
    settings = loaded_with(click.get_current_context(), flags).settings
    configure_logging(settings.log)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(run(settings))


async def run(settings: Settings) -> None:
    """Serve until a signal comes."""
    # Comes with an extra; a missing package is a ConfigError that names it.
    grpc_server: Any = importlib.import_module("psd.rewards.grpc_server")
    async with running(settings, archiving=True) as runtime:
        rewards = runtime.part(RewardsPart)
        signals = signals_of(settings.things, rewards.tables)
        reader = StoreReader(
            runtime.store,
            rewards.results,
            rewards.ledger,
            rewards.registry,
            BucketSource(runtime.engine, signals, rewards.tables),
            rewards.tables,
        )
        section = settings.of(RewardsSettings)
        server = grpc_server.GrpcServer(settings, reader, runtime.clock)
        keep_what_is_there()
        await grpc_server.serve_until_signal(
            server,
            section.grpc_host,
            section.grpc_port,
            settings.server.shutdown_timeout_s,
        )
