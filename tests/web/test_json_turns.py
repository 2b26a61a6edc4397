"""How often what stands in a table becomes JSON, or is read out of it, on its way to a phone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
from pydantic import BaseModel
from sanic import Sanic

from server.domain.auth import sessions
from server.domain.ports import Push, Services, WeChatIdentity
from server.domain.wechat_chat import chat
from tests.kit import make
from tests.kit.h5 import ME as READER
from tests.kit.h5 import get
from tests.kit.lookups import bound, certificate
from tests.kit.statements import statements

App = Sanic[Any, Any]
PLAN = "某一次社会心理服务证书考试计划"  # stands in every answer about it, whichever way it is encoded
NUMBER = "23SPS100000001W"
MINI = WeChatIdentity("mp", "openid-mp")
TURNS = (
    (orjson, "loads"), (orjson, "dumps"), (json, "loads"), (json, "dumps"),
    (BaseModel, "model_dump_json"), (BaseModel, "model_validate_json"),
)  # fmt: skip


def _speaks_of_the_plan(given: Any, gives: Any) -> bool:
    """Session tokens and settings are JSON too; they know no plan."""
    said = [one.decode("utf-8", "replace") if isinstance(one, bytes) else repr(one) for one in (given, gives)]
    return any(PLAN in one for one in said)


@contextmanager
def turns(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names of the turns that what is on record took."""
    seen: list[str] = []
    with monkeypatch.context() as patch:
        for place, name in TURNS:
            genuine: Callable[..., Any] = getattr(place, name)

            def counted(
                *args: Any, _genuine: Callable[..., Any] = genuine, _name: str = name, **more: Any
            ) -> Any:
                gives = _genuine(*args, **more)
                if _speaks_of_the_plan(args, gives):
                    seen.append(_name)
                return gives

            patch.setattr(place, name, counted)
        yield seen


async def _on_record(s: Services, who: WeChatIdentity) -> None:
    plan = await make.plan(PLAN, release_at=s.clock.now())
    await certificate(await make.registration(s, await bound(s, who), on=plan), NUMBER)


@pytest.mark.parametrize("path", ["/results", "/certificates", f"/certificates/{NUMBER}"])
async def test_the_mini_programs_answer_is_encoded_once(
    app: App, services: Services, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    await _on_record(services, MINI)
    token = {"authorization": f"Bearer {sessions.mint(services, 'mp', MINI.openid, 3600)}"}
    with turns(monkeypatch) as seen, statements() as sent:
        _, response = await app.asgi_client.get(f"/mp/v1{path}", headers=token)
    assert (response.status, PLAN in response.text) == (200, True)
    assert seen == ["dumps"]
    assert sent  # read from the database, not from what is kept ready
    assert [one for one in sent if "json_agg" in one or "json_build" in one or "row_to_json" in one] == []


@pytest.mark.parametrize("path", ["/h5/results", "/h5/certificates", f"/h5/certificates/{NUMBER}"])
async def test_a_page_takes_no_turn(
    app: App, services: Services, me: dict[str, str], monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    await _on_record(services, READER)
    with turns(monkeypatch) as seen:
        page = await get(app, path, me)
    assert (page.status, NUMBER in page.text or PLAN in page.text) == (200, True)
    assert seen == []


@pytest.mark.parametrize(("asked", "told"), [("成绩", PLAN), ("证书", NUMBER)])
async def test_a_chats_answer_takes_no_turn(
    services: Services, monkeypatch: pytest.MonkeyPatch, asked: str, told: str
) -> None:
    await _on_record(services, READER)
    push = Push("oa", "text", False, READER.openid, "gh_1", 1_700_000_000, "k", text=asked)
    with turns(monkeypatch) as seen:
        answer = await chat.answer(services, push)
    assert told in answer
    assert seen == []


def test_a_turn_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    with turns(monkeypatch) as seen:
        orjson.loads(orjson.dumps({"plan": PLAN}))
        orjson.dumps({"token": "x"})
    assert seen == ["dumps", "loads"]
