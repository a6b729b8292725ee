"""``psd worker``: book events from the queue."""

from __future__ import annotations

import click

from psd.cli.options import loaded_with, pass_settings, store_overrides
from psd.config_sources import LoadedSettings
from psd.observe.logs import configure_logging
from workers import service


@click.command()
@click.option(
    "--nsqd",
    multiple=True,
    metavar="HOST:PORT",
    help="nsqd to consume from and publish to; repeatable. Setting queue.nsqd_addresses.",
)
@click.option(
    "--lookupd",
    multiple=True,
    metavar="HOST:PORT",
    help="nsqlookupd (HTTP port) to find nsqd with; repeatable. Setting queue.lookupd_addresses.",
)
@click.option("--topic", help="Topic to consume. Setting queue.topic.")
@click.option("--channel", help="Channel to consume. Setting queue.channel.")
@click.option("--redis", "redis_url", metavar="URL", help="Where to book. Setting redis.url.")
@click.option(
    "--queue",
    "queue_kind",
    type=click.Choice(["nsq", "stream"]),
    help="nsqd, or a stream of the same Redis. Setting queue.kind.",
)
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65_535),
    metavar="PORT",
    help="Serve /healthz, /readyz and /metrics there; 0 for not at all. "
    "Setting worker.metrics_port.",
)
@store_overrides
@pass_settings
def worker(_loaded: LoadedSettings, /, **options: object) -> None:
    """Book events from the queue.

    Messages are acknowledged after Redis has them, at the durability of redis.durability.
    What can never be booked goes to the dead letter (psd dlq ls). While Redis is away the
    worker pauses and goes on by itself. SIGTERM finishes what is in hand within
    worker.shutdown_timeout_s; a second signal ends the worker at once.
    """
    flags = {
        "queue.nsqd_addresses": options["nsqd"] or None,
        "queue.lookupd_addresses": options["lookupd"] or None,
        "queue.topic": options["topic"],
        "queue.channel": options["channel"],
        "redis.url": options["redis_url"],
        "queue.kind": options["queue_kind"],
        "worker.metrics_port": options["metrics_port"],
        "redis.allow_eviction": options["allow_eviction"],
        "redis.allow_old_server": options["allow_old_server"],
    }
    settings = loaded_with(click.get_current_context(), flags).settings
    configure_logging(settings.log)
    service.run(settings)
