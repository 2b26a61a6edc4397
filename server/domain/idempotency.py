"""The first answer again: a request that carries an Idempotency-Key takes effect once.

Claim, effect and answer are one database transaction. A second request with the key waits at the unique index until
the first has ended: then it gets the kept answer, or, if the first was refused or killed, takes its turn. The answer
may hold a secret that is shown once (a one-time password, an invitation), so it is kept encrypted, for a day.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from tortoise.transactions import in_transaction

from server.domain.ports import Services
from server.errors import FieldError, Invalid, Refused
from server.models import IdempotentAnswer

KEPT = timedelta(days=1)
_KEY = re.compile(r"[\x21-\x7e]{1,100}")
_ABOUT, _REQUEST = "idempotent_answer.body", "idempotent_answer.request"


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered: HTTP status and body."""

    status: int
    body: bytes


async def once(
    s: Services, owner: str, key: str, request: bytes, work: Callable[[], Awaitable[Answer]]
) -> Answer:
    """Do `work` for this key, or give the answer that it had.

    Args:
        owner: whose key it is; two owners' keys never meet.
        request: everything that makes the request what it is, in one spelling.

    Raises:
        Invalid: the key itself is unusable.
        Refused("idempotency_key_reused"): the key belongs to another request.
    """
    if not _KEY.fullmatch(key):
        detail = "Idempotency-Key 应为1至100个可见的英文字符。"
        raise Invalid(errors=[FieldError("", "idempotency_key_form", detail)])
    fingerprints, now = _fingerprints(s, request), s.clock.now()
    async with in_transaction() as connection:
        await IdempotentAnswer.filter(owner=owner, key=key, created_at__lt=now - KEPT).delete()
        inserted = await connection.execute_query_dict(
            "INSERT INTO idempotent_answer (owner, key, request_sha256, status, created_at)"
            " VALUES ($1, $2, $3, 0, $4) ON CONFLICT (owner, key) DO NOTHING RETURNING id",
            [owner, key, fingerprints[0], now],
        )
        if not inserted:
            return await _stored_answer(s, owner, key, fingerprints)
        await s.faults.reach("idempotency.claimed")
        answer = await work()
        await s.faults.reach("idempotency.worked")
        sealed = s.keys.encrypt(answer.body.decode(), about=_ABOUT)
        await IdempotentAnswer.filter(id=inserted[0]["id"]).update(status=answer.status, body=sealed)
    return answer


def _fingerprints(s: Services, request: bytes) -> list[bytes]:
    """The request under each epoch of the index key, newest first: a body may be a phone number, which can be guessed."""
    return s.keys.blinds(hashlib.sha256(request).hexdigest(), about=_REQUEST)


async def _stored_answer(s: Services, owner: str, key: str, fingerprints: list[bytes]) -> Answer:
    row = await IdempotentAnswer.get(owner=owner, key=key)
    if bytes(row.request_sha256) not in fingerprints:
        raise Refused("idempotency_key_reused", "这个 Idempotency-Key 已用于另一项请求，请换一个新的再提交。")
    assert row.body is not None
    return Answer(row.status, s.keys.decrypt(bytes(row.body), about=_ABOUT).encode())


async def sweep(s: Services) -> None:
    """Forget answers after their day."""
    await IdempotentAnswer.filter(created_at__lt=s.clock.now() - KEPT).delete()
