"""A place of its own for a benchmark: database, Redis, keys and settings, gone when it ends."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from server.adapters import embedded, keys
from server.models import database
from server.settings import Settings

ISSUER = "北京中文在线教育科技发展有限公司"


@contextmanager
def place() -> Iterator[Settings]:
    """Settings of a service with an empty, migrated database. Files may be put beside `data_dir`."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="xcert-bench-")))
        postgres = embedded.Postgres(folder / "postgres", fast=True)
        url = postgres.start()
        stack.callback(postgres.stop)
        redis = embedded.Redis(folder / "redis")
        redis_url = redis.start()
        stack.callback(redis.stop)
        keys.create(folder / "keys", development=True, organisation=ISSUER)
        asyncio.run(database.migrate(url))
        yield Settings(
            database_url=url,
            redis_url=redis_url,
            keys_dir=folder / "keys",
            data_dir=folder / "data",
            log_level="WARNING",
        )
