"""Corrected once, seen everywhere (S68): the moment a new certificate is issued, every door says so of the old one."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from server.adapters.lookup_watch import LookupWatch
from server.domain.auth import sessions
from server.domain.ports import Push, Services
from server.domain.roles import Role
from server.domain.wechat_chat import chat
from server.models import Binding, Certificate, Issuance
from server.models.database import watch_line
from tests.kit import correcting
from tests.kit.console_desk import seated
from tests.kit.exchange import exchange
from tests.kit.h5 import ME, App, get
from tests.kit.jobs import drained

Door = Callable[[], Awaitable[str]]


async def doors(app: App, s: Services, old: Certificate, me: dict[str, str]) -> dict[str, Door]:
    """What each door says of the old certificate."""
    mini = {"authorization": f"Bearer {sessions.mint(s, 'mp', 'openid-mp', 3600)}"}
    admin = await seated(app, s, Role.ADMIN)

    async def text(path: str, headers: dict[str, str]) -> str:
        return str((await get(app, path, headers)).text)

    async def searched() -> str:
        _, response = await app.asgi_client.post(
            "/v", data={"number": old.number, "name": "龙雯"}, headers={"accept": "text/html"}
        )
        assert response.status == 303
        return await text(response.headers["location"], {"accept": "text/html"})

    async def said() -> str:
        push = Push("oa", "text", False, ME.openid, "gh_1", 1_700_000_000, "k", text="证书")
        return str(await chat.answer(s, push))

    async def archive() -> str:
        answer: Any = await admin("GET", f"/issuances/{old.issuance_id}/certificates.zip")
        with zipfile.ZipFile(io.BytesIO(answer.body)) as packed:
            files = [name for name in packed.namelist() if old.number in name]
            rows = packed.read("证书清单.csv").decode("utf-8-sig").splitlines()
        return f"{files}{[row for row in rows if row.startswith(old.number)]}"

    return {
        "the page of the code": lambda: text(f"/v/{old.code}", {"accept": "text/html"}),
        "the code for programs": lambda: text(f"/v/{old.code}", {"accept": "application/json"}),
        "number and name": searched,
        "the chat": said,
        "the holder's list": lambda: text("/h5/certificates", me),
        "the holder's certificate": lambda: text(f"/h5/certificates/{old.number}", me),
        "the holder's file": lambda: text(f"/h5/certificates/{old.number}.pdf", me),
        "the mini-program": lambda: text("/mp/v1/certificates", mini),
        "the mini-program's one": lambda: text(f"/mp/v1/certificates/{old.number}", mini),
        "the console": lambda: _page(admin, f"/console/certificates?number={old.number}"),
        "the API": lambda: _api(admin, f"/certificates?number={old.number}"),
        "the school's archive": archive,
    }


async def _page(who: Any, path: str) -> str:
    return str((await who.page(path)).text)


async def _api(who: Any, path: str) -> str:
    return str((await who("GET", path)).text)


@pytest.mark.rule("S68")
async def test_every_door_says_at_once_by_what_it_is_superseded(
    app: App, services: Services, me: dict[str, str], db: str
) -> None:
    watch = LookupWatch(watch_line(db), listens=False)
    exchange(services, lookup_watch=watch)
    s = services
    of = await correcting.issued(s)
    holder = of.registrations[0].candidate_id
    await Binding.all().delete()
    await correcting.bound(s, holder, ME.openid)
    await Binding.create(account="mp", openid="openid-mp", candidate_id=holder, bound_at=s.clock.now())
    old = await correcting.certificate(of)
    await correcting.approved(s, of)
    await correcting.signed(s, of, await Issuance.get(corrects_id=old.id))
    await watch.ask()
    all_doors = await doors(app, s, old, me)
    for name, door in all_doors.items():  # twice: what is kept ready is warm now
        for _ in range(2):
            assert "姓名更正" not in await door(), name
    await drained(s)
    await watch.ask()  # as it does three times a second
    new = await correcting.certificate(of, state="valid")
    for name, door in all_doors.items():
        told = await door()
        assert new.number in told, name
        assert "superseded" in told or "已更正换发" in told or "换发" in told, name
        if name not in ("the school's archive", "the holder's file"):
            assert "姓名更正" in told, name
    archive = await all_doors["the school's archive"]()
    assert archive.startswith("[]")  # its file is not handed out any more
    await watch.stop()
