"""Redis by TLS and by sentinels: the same client, and the same sentences where it cannot be."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from server import store_urls
from server.adapters import cache
from server.commands import Impossible, Unprotected, preflight
from server.commands.doctor import local
from server.errors import OutsideFailure
from server.settings import Settings
from tests.kit import redis_programs, tls
from tests.kit.redis_programs import PASSWORD

NOW = Settings(start_seconds=0)


async def test_an_encrypted_connection_to_whom_it_should_be_and_to_nobody_else(tmp_path: Path) -> None:
    mine, other = tls.identity(tmp_path), tls.identity(_folder(tmp_path / "other"))
    with redis_programs.with_tls(mine.authority, mine.certificate, mine.key) as port:
        url = f"rediss://:{PASSWORD}@127.0.0.1:{port}/0"
        client = cache.connect(url, certificates=mine.authority.read_text())
        store, bus = cache.RedisCache(client), cache.RedisEventBus(client)
        await store.set("k", b"1", seconds=60)
        assert await store.get("k") == b"1"
        async with bus.listen("a") as events:
            await bus.publish("a", {"event": "x"})
            assert await anext(events) == {"event": "x"}
        await client.aclose()
        trusting = replace(NOW, redis_url=url, redis_certificates=mine.authority.read_text())
        assert await local.CHECKS["Redis"](trusting)
        for wrong in (
            replace(trusting, redis_certificates=other.authority.read_text()),
            replace(trusting, redis_certificates=""),  # the system trusts no authority of a test
            replace(trusting, redis_url=url.replace("127.0.0.1", "localhost")),  # it has no such name
        ):
            with pytest.raises(Unprotected, match="拒绝了连接：加密连接没有建成"):
                await asyncio.to_thread(preflight.for_redis, wrong, lambda _: None)
            with pytest.raises(local.Missing, match="加密连接没有建成"):
                await local.CHECKS["Redis"](wrong)
        await asyncio.to_thread(preflight.for_redis, trusting, lambda _: None)


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


async def test_a_redis_without_tls_is_refused_where_tls_is_asked_for(redis_url: str) -> None:
    asked = replace(NOW, redis_url=redis_url.replace("redis://", "rediss://"))
    with pytest.raises(Unprotected, match="加密连接没有建成"):
        await asyncio.to_thread(preflight.for_redis, asked, lambda _: None)


async def test_when_the_master_dies_the_one_that_took_over_is_found_without_a_restart() -> None:
    with redis_programs.watched() as redis:
        client = cache.connect(redis.url, connections=4)
        store, bus = cache.RedisCache(client), cache.RedisEventBus(client)
        assert (await local.CHECKS["Redis"](replace(NOW, redis_url=redis.url))).endswith("，经过哨兵")
        await store.set("k", b"1", seconds=600)
        assert (
            await asyncio.gather(*(store.get("k") for _ in range(40))) == [b"1"] * 40
        )  # over four connections
        await client.wait(1, 5000)  # the replica has it
        redis.master.kill()
        redis.master.wait()
        refused = 0
        async with asyncio.timeout(120):
            while True:
                try:
                    await store.set("k2", b"2", seconds=600)
                    break
                except OutsideFailure:  # what everybody can do without meanwhile
                    refused += 1
                    await asyncio.sleep(0.1)
        assert refused > 0
        assert [await store.get("k"), await store.get("k2")] == [b"1", b"2"]
        async with bus.listen("a") as events:
            await bus.publish("a", {"event": "x"})
            assert await anext(events) == {"event": "x"}
        await client.aclose()


async def test_a_wrong_password_for_sentinels_is_told() -> None:
    with redis_programs.watched() as redis:
        wrong = replace(NOW, redis_url=redis.url.replace(PASSWORD, "another"))
        with pytest.raises(Impossible, match="用户名或密码不对"):
            await asyncio.to_thread(preflight.for_redis, wrong, lambda _: None)
        elsewhere = replace(NOW, redis_url=redis.url.replace("/xcert/", "/nothing/"))
        with pytest.raises(Impossible, match="连不上（哨兵没有说谁是主，请核对服务名）"):
            await asyncio.to_thread(preflight.for_redis, elsewhere, lambda _: None)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis+sentinel://h1,h2", "应为 redis+sentinel://"),
        ("redis+sentinel://h1,/s", "应为 redis+sentinel://"),
        ("redis+sentinel://h1/s/x", "应为 redis+sentinel://"),
        ("redis+sentinel://h1/s/0?pool=1", "参数 pool 不支持"),
        ("redis+sentinel://h1:x/s", "主机或端口写法不对"),
        ("redis://h1,h2/0", "写了几台主机：几台 Redis 要经过哨兵"),
    ],
)
def test_addresses_that_cannot_be(url: str, said: str) -> None:
    [problem] = store_urls.problems({"redis_url": url})
    assert said in problem


def test_addresses_that_can_be() -> None:
    for url in (
        "redis+sentinel://:p@h1:1,h2/s",
        "rediss+sentinel://u:p@h1/s/2?sentinel_password=x",
        "rediss://h/0",
    ):
        assert store_urls.problems({"redis_url": url}) == []
