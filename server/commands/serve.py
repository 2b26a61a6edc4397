"""`xcert serve`: web processes on one socket, and with --dev everything else that a fresh machine needs."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from server import start_cautions, worker
from server.adapters.keys import KeyFolder
from server.app import create_app
from server.commands import Impossible, datastores, dev_setup, listening, preflight
from server.commands.datastores import Hosts, hosts
from server.commands.supervisor import Child, Supervisor, python
from server.models import database
from server.settings import Settings, as_environment
from server.web.connections import BoundedProtocol

_LOG_LIMIT = 20_000_000
_LOG_SECONDS = 10.0


def serve(args: argparse.Namespace, settings: Settings) -> int:
    """Serve until SIGINT or SIGTERM: web processes and, unless `--web-only`, job processes; `--dev` adds the rest.

    Raises:
        Impossible, EmbeddedError: with what to do.
    """
    development = args.dev
    if development and settings.is_production:
        raise Impossible("生产环境（XCERT_ENV=production）不能使用 --dev，请去掉它。")
    line = listening.listen(settings)
    if development and settings.uses_sandbox:
        listening.check_free(settings.sandbox_port, "SANDBOX_PORT")
    with line, hosts(settings, join=False) as stores:
        _wait_for_redis(settings)
        ready = prepare(stores, development=development)
        greet = ready.greet if development else (lambda: None)
        for caution in start_cautions.cautions(settings):
            say(f"注意：{caution}")
        children = _children(ready.settings, line, development=development, web_only=args.web_only)
        log = _log_path(ready.settings) if development else None
        watch = _Watch(stores, ready.settings, greet, log)
        # Closed while the children still run: they answer everybody who was let in. Who knocks from then on is refused,
        # and a balancer tries the next machine, instead of waiting at a door that nobody will open.
        Supervisor(children, say).run(watch.tick, on_stop=lambda: listening.close(line))
    say("已全部停止。")
    return 0


def _wait_for_redis(settings: Settings) -> None:
    """At a start a Redis that nobody serves is more likely a wrong setting than an outage."""
    if settings.redis_url:
        preflight.for_redis(settings, datastores.say)


def prepare(stores: Hosts, *, development: bool) -> dev_setup.Ready:
    """Keys, tables, folders and, in development, the first content. Safe to repeat and to kill anywhere."""
    settings = replace(stores.settings, keys_dir=stores.settings.keys_dir.resolve())
    if development:
        dev_setup.make_keys(settings)
    keys = KeyFolder(settings.keys_dir, production=settings.is_production)
    keys.seal_credentials()  # refuse here, not in every child
    asyncio.run(database.migrate(settings.session_url))
    if stores.owns_database:
        asyncio.run(dev_setup.bury_workers(settings.session_url))
    if settings.workers > 1:
        settings = replace(settings, metrics_dir=_metrics_folder(settings))
    if development:
        return dev_setup.load(settings)
    return dev_setup.Ready(settings, lambda: None)


class _Watch:
    """Between looks: tell once that the service is ready, bring back embedded servers that died, keep the log small."""

    def __init__(
        self, stores: Hosts, settings: Settings, greet: Callable[[], None], log: Path | None
    ) -> None:
        self._stores = stores
        self._ready_url = _own_address(settings) + "/readyz"
        self._tell: Callable[[], None] | None = greet
        self._log = log
        self._look_at_log = 0.0

    def tick(self) -> None:
        for server in self._stores.servers:
            if (news := server.tend()) is not None:
                say(news)
        if self._tell is not None and _is_ready(self._ready_url):
            self._tell()
            self._tell = None
        if self._log is not None and time.monotonic() > self._look_at_log:
            self._look_at_log = time.monotonic() + _LOG_SECONDS
            shorten(self._log)


def web_process(args: argparse.Namespace, settings: Settings) -> int:
    """One web process on the socket that its parent opened; ends on SIGTERM."""
    line = socket.socket(fileno=args.descriptor)
    create_app(settings).run(
        sock=line, protocol=BoundedProtocol, single_process=True, motd=False, access_log=False
    )
    return 0


def _children(settings: Settings, line: socket.socket, *, development: bool, web_only: bool) -> list[Child]:
    environment = as_environment(settings)
    log = _log_file(settings) if development else None
    web = python("-m", "server.cli", "web-process", str(line.fileno()))
    children = [
        Child(f"网页服务 {number + 1} ", web, environment, log, pass_fds=(line.fileno(),))
        for number in range(max(1, settings.workers))
    ]
    if not web_only:
        children += worker_children(settings, log)
    if development and settings.uses_sandbox:
        children.append(Child("微信沙箱 ", python("-m", "server.sandbox", "--quiet"), environment, log))
    return children


def worker_children(settings: Settings, log: Path | None) -> list[Child]:
    """One job process per core, or as many as XCERT_JOB_WORKERS says."""
    environment = as_environment(settings)
    command = python("-m", "server.cli", "worker", "--one")
    count = settings.job_workers or os.cpu_count() or 1
    return [Child(f"后台任务 {number + 1} ", command, environment, log) for number in range(count)]


def work(args: argparse.Namespace, settings: Settings) -> int:
    """`xcert worker`: job processes until SIGINT or SIGTERM; `--one` does the work in this very process."""
    if args.one:
        asyncio.run(worker.run(settings))
        return 0
    with hosts(settings, join=True) as stores:
        _wait_for_redis(settings)
        Supervisor(worker_children(stores.settings, None), say).run()
    return 0


def say(line: str) -> None:
    """For the person at the terminal; a terminal that is gone or a log on a full disk ends nothing."""
    with suppress(OSError):
        print(line, flush=True)


def _metrics_folder(settings: Settings) -> Path:
    """An empty folder in which several web processes count together."""
    folder = settings.data_dir / "metrics"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _log_path(settings: Settings) -> Path:
    return settings.data_dir / "service.log"


def _log_file(settings: Settings) -> Path:
    log = _log_path(settings)
    log.touch(mode=0o600)
    shorten(log)
    return log


def shorten(log: Path, limit: int = _LOG_LIMIT) -> None:
    """Put a log that has grown too long aside, while children write to it: they append, so that it can be emptied."""
    with suppress(OSError):  # no room for the copy: better a long log than none
        if log.stat().st_size > limit:
            aside = log.with_suffix(".log.1")
            shutil.copyfile(log, aside)
            aside.chmod(0o600)
            os.truncate(log, 0)


def _own_address(settings: Settings) -> str:
    """Where this machine reaches what it serves itself."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 -- not bound here
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def _is_ready(url: str) -> bool:
    """Whether all of it is: a service without job workers answers, too, but is not yet what was started."""
    try:
        with urllib.request.urlopen(url, timeout=3) as answer:  # noqa: S310 -- our own address
            return bool(json.load(answer)["status"] == "ok")
    except (urllib.error.URLError, OSError, ValueError, KeyError):
        return False
