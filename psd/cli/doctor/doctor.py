"""``psd doctor``: what psd depends on, what is reachable, and what is wrong with it.

Each line is a check, ``ok``, ``NOTE`` or ``BAD``, and what was found; below what is not well stands
how it was seen and what mends it (psd/observe/remedies.py). Exit code 1 when one is bad::

     check         level  found
     store.policy  BAD    maxmemory-policy is allkeys-lru
                   seen:  INFO memory
                   do:    CONFIG SET maxmemory-policy noeviction, and the same in redis.conf

The store is asked here, what its boards lack in doctor_columns.py, the queue in doctor_queue.py;
what a server opens beside them is in doctor_opens.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import platform
import time
from collections.abc import AsyncIterator, Sequence
from importlib.metadata import version

import click
import msgspec

from psd.cli.doctor.doctor_columns import examine_columns
from psd.cli.doctor.doctor_opens import Finding, examine_opened
from psd.cli.doctor.doctor_queue import examine_nsq, examine_stream
from psd.cli.options import pass_settings
from psd.cli.printing import Form, forms, show_json, show_table, write_csv
from psd.config import Settings
from psd.config_sources import LoadedSettings
from psd.errors import PsdError, UnfitStoreError
from psd.observe.metrics import Metrics
from psd.observe.remedies import remedy_of
from psd.secrets import masked
from psd.store.clocks import DIFFERENCE_MAX_S
from psd.store.fitness import info_field
from psd.store.lane import Command
from psd.store.lifetimes import own_lifetimes
from psd.store.redis import Store
from psd.store.scripts import load_script, script_names
from psd.version import VERSION


@click.command()
@forms
@pass_settings
def doctor(loaded: LoadedSettings, /, *, form: Form) -> None:
    """Check what psd depends on.

    Versions, all that a server opens (tokens, keys, archive, tables, address), the store (policy,
    durability, scripts, clock) and the queue. Exit code 1 when something is wrong. It writes one
    key that expires after a second, and a file in the archive's folder that is gone at once.
    """
    findings = asyncio.run(examine(loaded))
    if form == "json":
        show_json([told(each) for each in findings])
    elif form == "csv":
        write_csv(findings)
    else:
        show_table(("check", "level", "found"), report(findings), set())
    if not all(finding.ok for finding in findings):
        click.get_current_context().exit(1)


def told(finding: Finding) -> dict[str, object]:
    """A finding as JSON: ``level`` is ok, advice or bad; what is well has nothing to be done."""
    level = "bad" if not finding.ok else "advice" if finding.is_advice else "ok"
    fields = {"check": finding.check, "ok": finding.ok, "level": level, "found": finding.found}
    if level == "ok":
        return fields
    return fields | msgspec.structs.asdict(remedy_of(finding.check, finding.found))


def report(findings: Sequence[Finding]) -> list[tuple[str, str, str]]:
    """The rows for people."""
    rows: list[tuple[str, str, str]] = []
    for finding in findings:
        word = "BAD" if not finding.ok else "NOTE" if finding.is_advice else "ok"
        rows.append((finding.check, word, finding.found))
        if word != "ok":
            remedy = remedy_of(finding.check, finding.found)
            rows += [("", "seen:", remedy.seen), ("", "do:", remedy.remedy)]
    return rows


async def examine(loaded: LoadedSettings) -> list[Finding]:
    """Every check, in order."""
    settings = loaded.settings
    files = {source for source in loaded.sources.values() if source not in ("default", "flag")}
    sources = sorted(source for source in files if not source.startswith("PSD_"))
    findings = [
        Finding("psd", True, f"{VERSION}, Python {platform.python_version()}"),
        Finding("libraries", True, ", ".join(f"{n} {version(n)}" for n in ("redis", "aiohttp"))),
        Finding("settings", True, ", ".join(sources) or "no file"),
    ]
    findings += [finding async for finding in examine_opened(settings)]
    store = Store(settings.redis, Metrics())
    try:
        findings += [finding async for finding in examine_store(store, settings)]
    finally:
        await store.close()
    if settings.queue.kind == "nsq":
        findings += await examine_nsq(settings.queue)
    return findings


async def examine_store(store: Store, settings: Settings) -> AsyncIterator[Finding]:
    """The store's version, clock, scripts and readiness, and the stream if it is the queue."""
    url = masked(settings.redis.url)
    with contextlib.suppress(PsdError):
        # A store of an older version is taken over first; what is wrong is found again below.
        await store.check_fit()
    try:
        told = await store.reads.each_node([("INFO", "server"), ("TIME",)])
        for node, (info, now) in told.items():
            kind, number = server_version(info)
            yield Finding("store", True, f"{kind} {number} at {node or url}")
            yield clock_finding(now)
        readiness = await store.readiness()
        for check, answer in readiness.items():
            if check == "clock":
                # Found above to the millisecond, and bad where readiness only advises.
                continue
            yield Finding(f"store.{check}", answer.startswith("ok"), answer, is_advice(answer))
        if "scripts" in readiness:
            # It loads them, where it comes so far.
            async for finding in examine_scripts(store):
                yield finding
        for finding in await examine_kept(store, settings):
            yield finding
        if settings.queue.kind == "stream":
            for finding in await examine_stream(store, settings.queue):
                yield finding
    except PsdError as error:
        yield Finding(check_of(error), False, f"{url}: {error}")


async def examine_kept(store: Store, settings: Settings) -> list[Finding]:
    """Whose boards lack somebody, and what is not kept for ever."""
    findings = await examine_columns(store, settings)
    if kept := lifetimes_told(settings):
        findings.append(Finding("retention", True, kept))
    return findings


def check_of(error: PsdError) -> str:
    """The check that an error of the store is about."""
    return f"store.{error.check}" if isinstance(error, UnfitStoreError) else "store"


async def examine_scripts(store: Store) -> AsyncIterator[Finding]:
    """Whether every server has each script."""
    names = list(script_names())
    shas = [load_script(name).sha for name in names]
    scripts: list[Command] = [("SCRIPT", "EXISTS", *shas)]
    nodes = [known for [known] in (await store.reads.each_node(scripts)).values()]
    for name, sha, *exists in zip(names, shas, *nodes, strict=True):
        yield Finding(f"script {name}", all(exists), sha.decode())


def is_advice(answer: str) -> bool:
    """Whether a check passes and something is to be done; masters of a cluster are told alike."""
    return answer.startswith("ok: ") and not answer.endswith(" masters")


def lifetimes_told(settings: Settings) -> str:
    """What is not kept for ever, of all things and of single ones; nothing where all is."""
    of_all = msgspec.structs.asdict(settings.retention)
    told = [f"{level} {seconds}" for level, seconds in of_all.items() if seconds]
    for name, thing in settings.things.items():
        told += [f"{name} {level} {each}" for level, each in own_lifetimes(thing).items()]
    return ", ".join(told)


def clock_finding(now: Sequence[bytes]) -> Finding:
    """How far a server's clock is from this machine's, asked just now."""
    ahead_s = int(now[0]) + int(now[1]) / 1e6 - time.time()
    near = abs(ahead_s) <= DIFFERENCE_MAX_S
    return Finding("store.clock", near, f"{ahead_s:+.3f} s against this machine")


def server_version(info: bytes) -> tuple[str, str]:
    """What the server is, and its version: Valkey also tells the Redis it is compatible with."""
    valkey = info_field(info, "valkey_version")
    return ("Valkey", valkey) if valkey else ("Redis", info_field(info, "redis_version"))
