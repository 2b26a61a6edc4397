"""`xcert serve`: web processes on one socket, and with --dev everything else that a fresh machine needs."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import socket
import sys
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
from server.commands import Impossible, datastores, dev_setup, listening, preflight, unfinished_restore
from server.commands.datastores import Hosts, hosts
from server.commands.reloading import Reload, as_json
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
    line = listening.line_of(settings)
    if development and settings.uses_sandbox:
        listening.check_free(settings.sandbox_port, "SANDBOX_PORT")
    with line.socket, hosts(settings, join=False) as stores:
        _wait_for_redis(settings)
        ready = prepare(stores, development=development, migrates=not args.no_migrate)
        greet = ready.greet if development else (lambda: None)
        for caution in start_cautions.cautions(settings):
            say(f"注意：{caution}")
        descriptor = line.socket.fileno()
        log = _log_file(ready.settings) if development else None
        children = _children(ready.settings, descriptor, log, web_only=args.web_only)
        if development and settings.uses_sandbox:
            children.append(_sandbox(ready.settings, log))
        watch = _Watch(stores, ready.settings, greet, log)
        given = [name for name in ("dev", "web-only", "no-migrate") if getattr(args, name.replace("-", "_"))]
        again = Reload(
            ["successors", "--socket", str(descriptor), *(f"--{name}" for name in given)], say, (descriptor,)
        )
        # Closed while the children still run: they answer everybody who was let in. Who knocks from then on is refused,
        # and a balancer tries the next machine, instead of waiting at a door that nobody will open.
        Supervisor(children, say, _unless_at_a_terminal(again)).run(watch.tick, on_stop=line.close)
    say("已全部停止。")
    return 0


def _unless_at_a_terminal(reload: Reload) -> Reload | None:
    """A terminal that is closed sends SIGHUP as well, and means that all of it shall end."""
    return None if sys.stdin is not None and sys.stdin.isatty() else reload


def successors(args: argparse.Namespace, settings: Settings) -> int:
    """Print what a reload starts in place of what runs (`reloading`): prepared by this code, with the settings of now."""
    with hosts(settings, join=True) as stores:
        if args.socket is None:
            children = worker_children(stores.settings, None)
        else:
            ready = prepare_again(stores, migrates=not args.no_migrate)
            log = _log_path(ready) if args.dev else None
            children = _children(ready, args.socket, log, web_only=args.web_only)
        print(as_json(children))
    return 0


def _wait_for_redis(settings: Settings) -> None:
    """At a start a Redis that nobody serves is more likely a wrong setting than an outage."""
    if settings.redis_url:
        preflight.for_redis(settings, datastores.say)


def prepare(stores: Hosts, *, development: bool, migrates: bool = True) -> dev_setup.Ready:
    """Keys, tables, folders and, in development, the first content. Safe to repeat and to kill anywhere.

    Args:
        stores: where database and Redis are.
        development: with keys and content of its own.
        migrates: brings the tables up to date; otherwise they must be.
    """
    settings = replace(stores.settings, keys_dir=stores.settings.keys_dir.resolve())
    if development:
        dev_setup.make_keys(settings)
    _check_keys_and_tables(settings, migrates=migrates)
    if stores.owns_database:
        asyncio.run(dev_setup.bury_workers(settings.session_url))
    if settings.workers > 1:
        settings = replace(settings, metrics_dir=_metrics_folder(settings))
    if development:
        return dev_setup.load(settings)
    return dev_setup.Ready(settings, lambda: None)


def prepare_again(stores: Hosts, *, migrates: bool) -> Settings:
    """The same beside a service that runs: what it counted and whom it has in the middle of work is left alone."""
    settings = replace(stores.settings, keys_dir=stores.settings.keys_dir.resolve())
    _check_keys_and_tables(settings, migrates=migrates)
    if settings.workers > 1:
        folder = _metrics_place(settings)
        folder.mkdir(parents=True, exist_ok=True)
        return replace(settings, metrics_dir=folder)
    return settings


def _check_keys_and_tables(settings: Settings, *, migrates: bool) -> None:
    """Refuse here, not in every child."""
    KeyFolder(settings.keys_dir, production=settings.is_production).seal_credentials()
    unfinished_restore.require_finished(settings.session_url)
    if migrates:
        asyncio.run(database.migrate(settings.session_url))
    elif unknown := asyncio.run(database.fits(settings.session_url)):
        datastores.say(
            f"注意：数据库已被更新版本的程序升级过（{unknown[-1]}），本机仍运行旧程序：只有相邻的上一版可以这样运行，请尽快升级。"
        )


class _Watch:
    """Between looks: tell once that the service is ready, bring back embedded servers that died, keep the logs small."""

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
        if time.monotonic() > self._look_at_log:
            self._look_at_log = time.monotonic() + _LOG_SECONDS
            for log in (*([self._log] if self._log else []), *(one.log_path for one in self._stores.servers)):
                shorten(log)


def web_process(args: argparse.Namespace, settings: Settings) -> int:
    """One web process on the socket that its parent opened; ends on SIGTERM."""
    line = socket.socket(fileno=args.descriptor)
    app = create_app(settings)
    if args.ready is not None:
        app.register_listener(lambda *_: _tell_ready(args.ready), "after_server_start")
    app.run(sock=line, protocol=BoundedProtocol, single_process=True, motd=False, access_log=False)
    return 0


def _tell_ready(descriptor: int) -> None:
    """To the supervisor, which waits for it in a reload."""
    with suppress(OSError):
        os.write(descriptor, b"+")
        os.close(descriptor)


def _children(settings: Settings, descriptor: int, log: Path | None, *, web_only: bool) -> list[Child]:
    environment = as_environment(settings)
    web = python("-m", "server.cli", "web-process", str(descriptor))
    children = [
        Child(f"网页服务 {number + 1} ", web, environment, log, pass_fds=(descriptor,))
        for number in range(max(1, settings.workers))
    ]
    return children if web_only else children + worker_children(settings, log)


def _sandbox(settings: Settings, log: Path | None) -> Child:
    """WeChat goes on when we change: over a reload it stays."""
    command = python("-m", "server.sandbox", "--quiet")
    return Child("微信沙箱 ", command, as_environment(settings), log, stays=True)


def worker_children(settings: Settings, log: Path | None) -> list[Child]:
    """One job process per core, or as many as XCERT_JOB_WORKERS says."""
    environment = as_environment(settings)
    command = python("-m", "server.cli", "worker", "--one")
    count = settings.job_workers or os.cpu_count() or 1
    return [Child(f"后台任务 {number + 1} ", command, environment, log) for number in range(count)]


def work(args: argparse.Namespace, settings: Settings) -> int:
    """`xcert worker`: job processes until SIGINT or SIGTERM; `--one` does the work in this very process."""
    if args.one:
        unfinished_restore.require_finished(settings.session_url)
        told = (lambda: None) if args.ready is None else (lambda: _tell_ready(args.ready))
        asyncio.run(worker.run(settings, told))
        return 0
    with hosts(settings, join=True) as stores:
        unfinished_restore.require_finished(stores.settings.session_url)
        _wait_for_redis(settings)
        again = _unless_at_a_terminal(Reload(["successors"], say))
        Supervisor(worker_children(stores.settings, None), say, again).run()
    return 0


def say(line: str) -> None:
    """For the person at the terminal; a terminal that is gone or a log on a full disk ends nothing."""
    with suppress(OSError):
        print(line, flush=True)


def _metrics_folder(settings: Settings) -> Path:
    """An empty folder in which several web processes count together."""
    folder = _metrics_place(settings)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _metrics_place(settings: Settings) -> Path:
    return settings.data_dir / "metrics"


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
