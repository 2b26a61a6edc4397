"""Scan confirmations a second, one after the other, against a raw asyncpg transaction that writes the same four rows.

Ours checks token, officer, PIN, state, revision and the digest of the whole list (30 people), and signs a receipt. The PIN's
hash is slow on purpose; so it is measured with the hash of production beside a ceiling that verifies one too, and with
one that costs nothing beside a ceiling without. Ours and the ceiling take turns; the middle of the ratios counts.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from functools import partial

import asyncpg
from argon2 import PasswordHasher

from server.composition import running
from server.domain.issuance import scan_tickets
from server.domain.ports import Services
from server.settings import Settings
from tests.bench.place import place
from tests.bench.table import Row
from tests.kit import issuing
from tests.kit.fakes import CheapHasher

PEOPLE, AT_ONCE, ROUNDS = 30, 20, 3
REAL = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

Round = Callable[[], Awaitable[None]]


def run() -> list[Row]:
    with place() as settings:
        return asyncio.run(_measure(settings))


async def _measure(settings: Settings) -> list[Row]:
    raw = await asyncpg.connect(settings.database_url)
    rows = []
    async with running(settings) as real:
        for name, with_pin, against in (
            ("扫码签发，含签发密码", True, "asyncpg 直接写同样的行，并校验一次 argon2"),
            ("扫码签发，不计密码散列", False, "asyncpg 直接写同样的行"),
        ):
            s = real if with_pin else replace(real, pin_hasher=CheapHasher())
            ours, ceiling = [], []
            for _ in range(ROUNDS):
                shown = [await _shown(s) for _ in range(AT_ONCE)]
                ceiling.append(await _a_second(partial(_write, raw, with_pin), AT_ONCE))

                ours.append(await _a_second(partial(_confirm, s, iter(shown)), AT_ONCE))
            ratios = [mine / bare for mine, bare in zip(ours, ceiling, strict=True)]
            rows.append(
                Row(
                    f"{name}（{PEOPLE} 人的批次）",
                    statistics.median(ours),
                    statistics.median(ceiling),
                    "次/秒",
                    against,
                    "",
                    statistics.median(ratios),
                )
            )
    await raw.close()
    return rows


async def _a_second(once: Round, times: int) -> float:
    begun = time.perf_counter()
    for _ in range(times):
        await once()
    return times / (time.perf_counter() - begun)


async def _shown(s: Services) -> tuple[str, issuing.Cohort]:
    """A batch that waits for its officer, its QR shown."""
    of = await issuing.cohort(s, names=("崔子涵",) * PEOPLE)
    return (await issuing.shown_ticket(s, of)).token, of


async def _confirm(s: Services, shown: Iterator[tuple[str, issuing.Cohort]]) -> None:
    token, of = next(shown)
    await scan_tickets.confirm(s, token, issuing.PIN, identity=of.identity)


_HASH = REAL.hash("482915")


async def _write(raw: asyncpg.Connection, with_pin: bool) -> None:
    """What a confirmation leaves behind, and nothing else: two updates and two inserts that are then undone."""
    if with_pin:
        await asyncio.to_thread(REAL.verify, _HASH, "482915")
    ticket, issuance = await raw.fetchrow(
        "SELECT id, issuance_id FROM scan_ticket WHERE spent_at IS NULL ORDER BY id LIMIT 1"
    )
    officer = await raw.fetchval("SELECT min(id) FROM officer")
    async with raw.transaction():
        await raw.execute("UPDATE issuance SET school_signed_at = now() WHERE id = $1", issuance)
        await raw.execute("UPDATE scan_ticket SET opened_at = now() WHERE id = $1", ticket)
        await raw.execute(
            "INSERT INTO audit_entry (at, actor_kind, actor_id, actor_name, action, subject_kind, subject_id, address,"
            " request_id) VALUES (now(), 'officer', $1, '王签发', 'bench', 'issuance', $2, '', '')",
            officer,
            str(issuance),
        )
        receipt = await raw.fetchval(
            "INSERT INTO receipt (issuance_id, ticket_id, officer_id, document, created_at)"
            " VALUES ($1, $2, $3, $4, now()) RETURNING id",
            issuance,
            ticket,
            officer,
            os.urandom(700),
        )
    await raw.execute("DELETE FROM receipt WHERE id = $1", receipt)
