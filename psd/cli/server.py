"""``psd server``: serve the HTTP API with one process or several."""

from __future__ import annotations

import logging
import sys

import click

from psd.access.exposure import check_exposure
from psd.addresses import Address
from psd.cli.options import insecure_option, loaded_with, pass_settings, store_overrides
from psd.config_sources import LoadedSettings
from psd.errors import StartError
from psd.observe.logs import configure_logging
from server import serving
from server.supervisor import run_processes

log = logging.getLogger("server")


@click.command()
@click.option("--host", metavar="ADDRESS", help="Address to listen on. Setting server.host.")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port; 0 takes a free one.")
@click.option(
    "--processes",
    type=click.IntRange(1, 256),
    metavar="N",
    help="Processes that share the port. Setting server.processes.",
)
@insecure_option
@store_overrides
@pass_settings
def server(_loaded: LoadedSettings, /, **options: object) -> None:
    """Serve the HTTP API.

    Listens on 127.0.0.1:1155 unless told otherwise; on an address of other machines it starts
    only with tokens (psd token new), a JWKS, or --insecure. It answers /healthz, /readyz, /metrics
    and /version beside the routes of docs/http.md. SIGTERM drains: requests in hand are
    finished within server.shutdown_timeout_s. A second signal ends the server at once.
    """
    flags = {
        "server.host": options["host"],
        "server.port": options["port"],
        "server.processes": options["processes"],
        "access.insecure": options["insecure"],
        "redis.allow_eviction": options["allow_eviction"],
        "redis.allow_old_server": options["allow_old_server"],
    }
    settings = loaded_with(click.get_current_context(), flags).settings
    configure_logging(settings.log)
    warning = check_exposure(settings)
    if warning:
        log.warning(warning)
    try:
        if settings.server.processes > 1:
            sys.exit(run_processes(settings, settings.server.processes))
        serving.run(settings)
    except OSError as error:
        where = error.filename or Address(settings.server.host, settings.server.port)
        raise StartError(f"cannot listen on {where}: {error.strerror or error}") from error
