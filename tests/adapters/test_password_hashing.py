"""argon2id as it is in production: its parameters, and a queue with an end."""

from __future__ import annotations

import asyncio
import threading

import pytest
from argon2 import Type, extract_parameters

from server.adapters import password_hashing
from server.adapters.password_hashing import Argon2Hasher
from server.domain.ports.credentials import BUSY_SECONDS
from server.errors import TooMany

SECRET = "seven quiet herons at dusk"
BOTH = pytest.mark.parametrize("hasher", [password_hashing.for_passwords(), password_hashing.for_pins()])


@BOTH
async def test_a_secret_matches_its_own_hash_and_no_other(hasher: Argon2Hasher) -> None:
    first, second = await hasher.hash(SECRET), await hasher.hash(SECRET)
    assert first != second, "each has a salt of its own"
    assert SECRET not in first
    assert await hasher.verify(first, SECRET) and await hasher.verify(second, "x", SECRET)
    assert not await hasher.verify(first, "x", SECRET.upper())
    assert not await hasher.verify(first)
    assert not await hasher.verify("no hash at all", SECRET)
    assert not await hasher.verify(hasher.nobodys(), SECRET)


@pytest.mark.parametrize(
    ("hasher", "memory", "passes", "lanes"),
    [(password_hashing.for_passwords(), 64 * 1024, 3, 4), (password_hashing.for_pins(), 19 * 1024, 2, 1)],
)
async def test_a_hash_costs_what_it_should_and_the_one_of_nobody_the_same(
    hasher: Argon2Hasher, memory: int, passes: int, lanes: int
) -> None:
    """RFC 9106's second choice for passwords, OWASP's of 2024 for PINs; not less."""
    for kept in (await hasher.hash(SECRET), hasher.nobodys()):
        found = extract_parameters(kept)
        assert (found.type, found.memory_cost, found.time_cost, found.parallelism) == (
            Type.ID,
            memory,
            passes,
            lanes,
        )
        assert (found.salt_len, found.hash_len) == (16, 32)
        assert not hasher.is_outdated(kept)


async def test_a_hash_with_other_parameters_is_outdated() -> None:
    passwords, pins = password_hashing.for_passwords(), password_hashing.for_pins()
    kept = await pins.hash(SECRET)
    assert passwords.is_outdated(kept)
    assert await passwords.verify(kept, SECRET), "and still good, until it is made anew"


async def test_the_queue_for_hashes_has_an_end() -> None:
    gate = threading.Event()
    pool = password_hashing.BoundedThreads("test", threads=1, waiting=2)
    at_work = [asyncio.ensure_future(pool.run(gate.wait)) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(TooMany) as refused:
        await pool.run(gate.wait)
    assert (refused.value.code, refused.value.retry_after) == ("busy", BUSY_SECONDS)
    gate.set()
    assert await asyncio.gather(*at_work) == [True] * 3
    assert await pool.run(lambda: 7) == 7
