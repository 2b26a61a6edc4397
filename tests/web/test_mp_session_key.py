"""The session key of wx.login stays on the server: sealed, for a time, and in no answer (wechat.md §4.1)."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from server import composition
from server.adapters import cache
from server.domain.ports import session_keys
from server.sandbox import codes
from server.sandbox.app import create_sandbox, serving
from server.settings import Settings
from tests.kit.reused_apps import own_app
from tests.kit.sandbox_config import from_settings

ASKED = ("/binding", "/results", "/certificates", "/subscriptions", "/binding/captcha")


async def test_a_session_key_is_kept_sealed_and_told_to_nobody(
    settings: Settings, db_url: str, redis_url: str, keys_dir: Path
) -> None:
    sandbox = create_sandbox(dataclasses.replace(from_settings(settings), port=0, data_path=None))
    platform = sandbox.ctx.platform
    account, person = platform.account("mp"), platform.people.get("p1")
    async with serving(sandbox) as url:
        ours = dataclasses.replace(
            settings, api_url=url, open_url=url, database_url=db_url, redis_url=redis_url, keys_dir=keys_dir
        )
        async with composition.running(ours) as services:
            app = own_app(services)
            body = {"code": codes.issue(platform, "login", account, person)}
            _, entry = await app.asgi_client.post("/mp/v1/session", json=body)
            headers = {"authorization": f"Bearer {entry.json['token']}"}
            answers = [(await app.asgi_client.get(f"/mp/v1{path}", headers=headers))[1] for path in ASKED]
            openid = platform.openid(account, person)
            session_key = platform.store.get("session", f"{account.appid} {openid}")["session_key"]
            assert [answer.status for answer in answers] == [200] * len(ASKED)
            for answer in (entry, *answers):
                assert session_key not in answer.text + str(answer.headers)
            client = cache.connect(redis_url)
            (name,) = [key async for key in client.scan_iter("*session_key*")]
            sealed = await client.get(name)
            assert isinstance(name, bytes) and isinstance(sealed, bytes)
            assert openid.encode() not in name and session_key.encode() not in sealed
            assert services.keys.decrypt(sealed, about="mp.session_key") == session_key
            assert 0 < await client.ttl(name) <= session_keys.SECONDS
            await client.aclose()
        await platform.settle()
