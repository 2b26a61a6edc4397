"""A ticket's mini-program code: WeChat draws it when the ticket is committed."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import asyncpg
from sanic import Sanic

from server.domain.ports import Services
from server.domain.roles import Role
from tests.kit import issuing
from tests.kit.console_desk import seated
from tests.kit.exchange import exchange
from tests.kit.fake_wechat import FakeWeChatLinks

App = Sanic[Any, Any]


async def test_while_wechat_draws_the_code_no_transaction_waits(
    app: App, services: Services, db: str
) -> None:
    """With an Idempotency-Key too: a slow WeChat must not take the pool's connections. The key's ticket stays one."""
    of = await issuing.cohort(services)
    batch = await issuing.pending(services, of)
    who = await seated(app, services, Role.ISSUER)
    waiting: list[int] = []

    class Watched(FakeWeChatLinks):
        async def scan_code_image(self, scene: str) -> bytes:
            line = await asyncpg.connect(db)
            waiting.append(
                await line.fetchval(
                    "SELECT count(*) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND state = 'idle in transaction'"
                )
            )
            await line.close()
            return await super().scan_code_image(scene)

    exchange(services, wechat_links=Watched())
    path, body = f"/issuances/{batch.id}/scan-tickets", {"code": "mini_program"}
    first, again = [await who("POST", path, body, headers={"idempotency-key": "k1"}) for _ in range(2)]
    assert (first.status, again.status, first.json) == (201, 201, again.json)
    assert b64decode(first.json["png"].partition(",")[2]).endswith(first.json["scene"].encode())
    assert waiting == [0, 0]
