"""Real PostgreSQL and Redis for every test that wants them, a fresh database each, and no way out of this machine."""

from __future__ import annotations

import asyncio
import fcntl
import gc
import os
import re
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import hypothesis
import pytest
from sanic import Sanic
from tortoise import context

from server.adapters import embedded, keys
from server.domain.ports import Services
from server.models import database
from server.settings import Settings
from tests.kit import object_store
from tests.kit.databases import ReusedDatabase
from tests.kit.databases import with_database as with_database
from tests.kit.fakes import NOON, FakeClock
from tests.kit.file_order import spread
from tests.kit.kept_pool import NAME, KeptPool
from tests.kit.reused_apps import ReusedApps
from tests.kit.stand_ins import stand_ins
from tests.kit.started import Started

Sanic.test_mode = True
# How long an example takes says something about the machine and its other work, never about the code.
hypothesis.settings.register_profile(
    "xcert", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("xcert")
ISSUER = "北京中文在线教育科技发展有限公司"
AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"


_SHARED = "XCERT_TESTS_SHARED"
TESTS = Path(__file__).resolve().parent


def pytest_configure(config: pytest.Config) -> None:
    """A folder of all test processes of one run, made by the one that starts them."""
    gc.disable()  # until everything is imported: all of it stays
    if not hasattr(config, "workerinput"):
        folder = Path(tempfile.mkdtemp(prefix="xcert-tests-", dir="/tmp"))
        folder.chmod(0o755)  # the account of the database passes it
        os.environ[_SHARED] = str(folder)


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop(_SHARED), ignore_errors=True)


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """For what one test process makes and every other uses."""
    return Path(os.environ[_SHARED])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {file: place for place, file in enumerate(spread((one.path for one in items), TESTS))}
    items.sort(key=lambda one: places[one.path])


def pytest_collection_finish() -> None:
    """Modules and tests stay until the end: looking through them for garbage took a third of a test process's time."""
    gc.collect()
    gc.freeze()
    gc.enable()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def loopback_only() -> Iterator[None]:
    """No test talks to the world: a connection to any other machine is an error."""
    genuine = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        if (
            self.family in (socket.AF_INET, socket.AF_INET6)
            and address[0] not in ("::1", "localhost")
            and not re.fullmatch(r"127(\.\d{1,3}){3}", address[0])
        ):
            raise AssertionError(f"a test tried to reach {address[0]}")
        genuine(self, address)

    socket.socket.connect = connect  # type: ignore[method-assign, assignment]
    yield
    socket.socket.connect = genuine  # type: ignore[method-assign]


@pytest.fixture
def started() -> Iterator[Started]:
    """Programs that the test starts, ended with it however it ends."""
    mine = Started()
    yield mine
    mine.end()


async def _pattern(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("DROP DATABASE IF EXISTS pattern WITH (FORCE)")
    await connection.execute("CREATE DATABASE pattern")
    await connection.close()
    await database.migrate(with_database(url, "pattern"))


def _of_this_process(shared: Path) -> Path:
    """The folder of a PostgreSQL with the migrated database, copied from what the first test process made."""
    made, mine = shared / "postgres", shared / f"postgres-{os.getpid()}"
    with (shared / "postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            half = shared / "postgres.new"
            shutil.rmtree(half, ignore_errors=True)
            server = embedded.Postgres(half, fast=True)
            asyncio.run(_pattern(server.start()))
            server.stop()
            half.rename(made)
    subprocess.run(["cp", "-a", str(made), str(mine)], check=True)  # with its owners
    return mine


@pytest.fixture(scope="session")
def postgres_url(shared_folder: Path) -> Iterator[str]:
    """A PostgreSQL server of this test process, holding the migrated database `pattern`."""
    if given := os.environ.get("XCERT_TEST_DATABASE_URL"):
        asyncio.run(_pattern(given))
        yield given
        return
    server = embedded.Postgres(_of_this_process(shared_folder), fast=True)
    yield server.start()
    server.stop()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if given := os.environ.get("XCERT_TEST_REDIS_URL"):
        yield given
        return
    server = embedded.Redis(tmp_path_factory.mktemp("redis"))
    yield server.start()
    server.stop()


@pytest.fixture
async def redis_url(redis_server: str) -> str:
    """An empty Redis."""
    from server.adapters.cache import connect

    client = connect(redis_server)
    await client.flushall()
    await client.aclose()
    return redis_server


@pytest.fixture(scope="session")
def object_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """An S3 server: its port, and the folder of its only bucket."""
    folder = tmp_path_factory.mktemp("objects")
    with object_store.server(folder) as port:
        yield port, folder / object_store.BUCKET


@pytest.fixture
async def objects(object_server: tuple[int, Path]) -> AsyncIterator[object_store.Way]:
    """The way to an empty bucket, through a proxy that can make trouble."""
    port, folder = object_server
    object_store.emptied(folder)
    async with object_store.way_to(port, folder) as way:
        yield way


@asynccontextmanager
async def fresh_database(postgres_url: str) -> AsyncIterator[str]:
    """A migrated database without rows. Yields its URL."""
    name = f"t{uuid.uuid4().hex[:12]}"
    connection = await asyncpg.connect(postgres_url)
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE pattern STRATEGY FILE_COPY")
    try:
        yield with_database(postgres_url, name)
    finally:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await connection.close()


@pytest.fixture(scope="session")
def reused_database(postgres_url: str) -> Iterator[ReusedDatabase]:
    one = ReusedDatabase(postgres_url)
    yield one
    one.drop()


@pytest.fixture(scope="session")
async def kept_pool(postgres_url: str) -> AsyncIterator[KeptPool]:
    one = KeptPool()
    yield one
    await one.close()


@pytest.fixture
def alone(request: pytest.FixtureRequest) -> bool:
    """Whether nobody else may be connected to the database of the test: then it may be copied, restored or dropped."""
    return "db" not in request.fixturenames


@pytest.fixture
def db_url(reused_database: ReusedDatabase, kept_pool: KeptPool, alone: bool) -> Iterator[str]:
    """A migrated database without rows, of this test alone while it runs."""
    if alone:
        kept_pool.drop()
    yield reused_database.take(spared="" if alone else NAME)
    context._global_context = None  # a test that failed before it closed must not take all after it along


@pytest.fixture
async def db(db_url: str, kept_pool: KeptPool) -> AsyncIterator[str]:
    """The same, with the records connected to it. Yields its URL."""
    await kept_pool.open(db_url)
    yield db_url
    await kept_pool.give_back()


@pytest.fixture(scope="session")
def keys_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys") / "keys"
    keys.create(folder, development=True, organisation=ISSUER, now=NOON)
    return folder


@pytest.fixture(scope="session")
def key_folder(keys_dir: Path) -> keys.KeyFolder:
    return keys.KeyFolder(keys_dir, production=False)


@pytest.fixture
def settings(tmp_path: Path, keys_dir: Path) -> Settings:
    """Settings of a service that nobody has to reach; the sandbox account is on."""
    return Settings(
        public_url="http://127.0.0.1:8000",
        data_dir=tmp_path / "data",
        keys_dir=keys_dir,
        oa_appid="wxsandboxoa00000001",
        oa_secret="s" * 32,
        oa_token="token0123456789",
        oa_aes_key=AES_KEY,
        oa_template_result="template-result",
        oa_template_certificate="template-certificate",
        oa_template_signing="template-signing",
        oa_subscribe_result="oa-subscribe-result",
        oa_subscribe_certificate="oa-subscribe-certificate",
        mp_template_result="mp-template-result",
        mp_template_certificate="mp-template-certificate",
        mp_appid="wxsandboxmp00000001",
        mp_secret="m" * 32,
        mp_token="mptoken0123456",
        mp_aes_key=AES_KEY,
        api_url="http://127.0.0.1:8001",
        open_url="http://127.0.0.1:8001",
        pay_url="http://127.0.0.1:8001",
    )


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def services(db: str, settings: Settings, clock: FakeClock, key_folder: keys.KeyFolder) -> Services:
    """The domain's world: real database and keys, and stand-ins that remember."""
    return stand_ins(settings, clock, key_folder)


@pytest.fixture(scope="session")
def reused_apps() -> ReusedApps:
    return ReusedApps()


@pytest.fixture
def app(services: Services, reused_apps: ReusedApps) -> Sanic[Any, Any]:
    """The whole web service over `services`: `await app.asgi_client.get(...)`. Nothing may be added to it."""
    return reused_apps.take(services)


@pytest.fixture(scope="session")
async def chromium_of_all() -> AsyncIterator[Any]:
    """One Chromium of this test process: with its driver it takes a second of the processor to start."""
    from playwright.async_api import async_playwright

    from tests.kit.windows import CHROMIUM, FLAGS

    async with async_playwright() as playwright:
        one = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield one
        await one.close()


@pytest.fixture
async def browser(chromium_of_all: Any) -> AsyncIterator[Any]:
    """Chromium without a window; whatever a test opens in it is closed after the test."""
    yield chromium_of_all
    for one in chromium_of_all.contexts:
        await one.close()
