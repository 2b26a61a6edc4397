"""The timeline as a HAR file: right by the schema, filtered as the page is, bounded, and without a secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from server.sandbox import har, limits
from tests.sandbox.conftest import MP, OA, Service, WeChat

SCHEMA = json.loads((Path(__file__).parents[1] / "fixtures" / "har-1.2.schema.json").read_text("utf-8"))


async def exported(wechat: WeChat, **query: str) -> dict[str, Any]:
    async with wechat.http.get(f"{wechat.url}/sandbox/api/timeline.har", params=query) as answer:
        assert answer.headers["Content-Disposition"].startswith('attachment; filename="wechat-')
        body: dict[str, Any] = json.loads(await answer.text())
    validator = jsonschema_rs.validator_for(SCHEMA, validate_formats=True)
    assert [str(error) for error in validator.iter_errors(body)] == []
    return body


async def some_traffic(wechat: WeChat) -> str:
    token = await wechat.token()
    await wechat.post("/phone/api/act/p1/follow", {}, wait="1")
    await wechat.post("/cgi-bin/menu/create", {"button": []}, access_token=token)
    await wechat.get("/sns/jscode2session", appid=MP.appid, secret=MP.secret, js_code="x" * 32)
    wechat.platform.timeline.note("page", f"带着 {token} 的一句话", ok=False, verdict=f"密钥 {OA.secret}")
    return token


def test_the_schema_can_refuse() -> None:
    validator = jsonschema_rs.validator_for(SCHEMA)
    assert not validator.is_valid(
        {"log": {"version": "1.2", "creator": {"name": "x", "version": "1"}, "entries": [{}]}}
    )


async def test_it_is_a_har_file(wechat: WeChat, service: Service) -> None:
    await some_traffic(wechat)
    entries = (await exported(wechat))["log"]["entries"]
    assert [(one["request"]["method"], one["request"]["url"].partition("?")[0], one["response"]["status"]) for one in entries] == [
        ("POST", f"{wechat.url}/cgi-bin/stable_token", 200),
        ("POST", f"{service.url}/wechat/oa", 200),
        ("POST", f"{wechat.url}/cgi-bin/menu/create", 200),
        ("GET", f"{wechat.url}/sns/jscode2session", 200),
        ("POST", f"{wechat.url}/phone", 0),
    ]  # fmt: skip
    push = entries[1]
    assert json.loads(push["request"]["postData"]["text"])["Event"] == "subscribe"
    assert (push["_person"], push["_direction"], push["_ok"]) == ("林知夏", "push", True)
    assert entries[2]["comment"].startswith("40016")
    assert {one["name"] for one in entries[3]["request"]["queryString"]} == {"appid", "secret", "js_code"}


async def test_it_is_filtered_as_the_timeline_is(wechat: WeChat) -> None:
    await some_traffic(wechat)
    assert len((await exported(wechat, direction="push"))["log"]["entries"]) == 1
    assert len((await exported(wechat, ok="0", direction="in"))["log"]["entries"]) == 2
    assert len((await exported(wechat, words="林知夏"))["log"]["entries"]) == 1
    assert len((await exported(wechat, last="2"))["log"]["entries"]) == 2
    async with wechat.http.get(f"{wechat.url}/sandbox/api/timeline.har", params={"last": "x"}) as answer:
        assert (answer.status, (await answer.json())["problem"]) == (400, "after 和 last 应为整数。")


async def test_no_secret_is_in_it(wechat: WeChat) -> None:
    """Neither whole, nor as many characters of it as the timeline leaves."""
    token = await some_traffic(wechat)
    text = json.dumps(await exported(wechat), ensure_ascii=False)
    for secret in (token, OA.secret, OA.token, OA.aes_key, MP.secret):
        assert secret not in text
    assert token[:4] + "…" not in text
    assert OA.secret[:4] + "…" not in text
    assert har.HIDDEN in text


async def test_what_is_too_much_is_left_out_from_the_old_end(
    wechat: WeChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HAR_CHARACTERS", 3000)
    for number in range(20):
        wechat.platform.timeline.note("page", f"第 {number} 件", ok=True, verdict="通过")
    log = (await exported(wechat))["log"]
    assert 0 < len(log["entries"]) < 20
    assert log["entries"][-1]["_what"] == "第 19 件"
    assert log["comment"] == f"文件太大，最早的 {20 - len(log['entries'])} 条没有导出"
