"""The templates of both accounts: listed, chosen from the library, removed (wechat.md §5)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from server.sandbox.config import Template, registered
from tests.sandbox.conftest import MP, MP_TEMPLATE, OA, OPEN_TEMPLATE, TEMPLATE, WeChat, without_rid

PRIVATE = "/cgi-bin/template/get_all_private_template"
ADD = "/cgi-bin/template/api_add_template"
NEW = "/wxaapi/newtmpl"


async def private(wechat: WeChat) -> list[dict[str, Any]]:
    told = await wechat.get(PRIVATE, access_token=await wechat.token())
    assert set(told) == {"template_list"}
    return list(told["template_list"])


async def personal(wechat: WeChat, account: Any = MP) -> list[dict[str, Any]]:
    told = await wechat.get(f"{NEW}/gettemplate", access_token=await wechat.token(account))
    assert (told["errcode"], told["errmsg"]) == (0, "ok")
    return list(told["data"])


async def test_template_messages_and_subscriptions_are_listed_apart(wechat: WeChat) -> None:
    first, other = await private(wechat)
    assert first == {
        "template_id": TEMPLATE.id,
        "title": "成绩公布",
        "primary_industry": "",
        "deputy_industry": "",
        "content": "事项：{{thing1.DATA}}\n时间：{{time2.DATA}}\n",
        "example": "事项：年度申报\n时间：2026年11月23日 10:00\n",
    }
    assert (other["template_id"], other["content"]) == (OPEN_TEMPLATE.id, "事项：{{thing1.DATA}}\n")
    assert await personal(wechat, OA) == []
    assert await personal(wechat) == [
        {
            "priTmplId": MP_TEMPLATE.id,
            "title": "进度提醒",
            "content": "事项：{{thing1.DATA}}\n状态：{{phrase2.DATA}}\n",
            "example": "事项：年度申报\n状态：已通过\n",
            "type": 2,
        }
    ]


async def test_a_template_without_registered_keywords_shows_those_it_was_sent_with(wechat: WeChat) -> None:
    wechat.follows()
    data = {"number3": {"value": 12}, "thing1": {"value": "甲"}}
    body = {"touser": wechat.openid(), "template_id": OPEN_TEMPLATE.id, "data": data}
    assert (await wechat.call("/cgi-bin/message/template/send", body))["errcode"] == 0
    assert (await private(wechat))[1]["content"] == "数量：{{number3.DATA}}\n事项：{{thing1.DATA}}\n"


async def test_a_project_registers_its_templates_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "templates.json"
    assert registered(file) == []
    one = {"account": "mp", "id": "a", "title": "提醒", "use": "long", "fields": {"enum1": "类型"}}
    file.write_text(json.dumps([{**one, "enums": {"enum1": ["甲", "乙"]}}], ensure_ascii=False), "utf-8")
    assert registered(file) == [
        Template("a", "提醒", "mp", ("enum1",), ("类型",), "long", {"enum1": ("甲", "乙")})
    ]


async def test_enumerated_values_and_long_term_templates(wechat: WeChat) -> None:
    described = {"account": "mp", "id": "E" * 43, "title": "办理", "use": "long",
                 "fields": {"enum1": "类型"}, "enums": {"enum1": ["甲", "乙"]}}  # fmt: skip
    await wechat.post("/sandbox/api/templates", described)
    listed = (await personal(wechat))[1]
    assert (listed["type"], listed["example"], listed["keywordEnumValueList"]) == (
        3,
        "类型：甲\n",
        [{"keywordCode": "enum1.DATA", "enumValueList": ["甲", "乙"]}],
    )
    person = {"account": "mp", "person": "p1", "template": "E" * 43}
    await wechat.post("/sandbox/api/grants", person)

    async def send(value: str) -> dict[str, Any]:
        body = {"touser": wechat.openid(1, MP), "template_id": "E" * 43, "data": {"enum1": {"value": value}}}
        return await wechat.call("/cgi-bin/message/subscribe/send", body, MP)

    assert without_rid(await send("丙")) == {
        "errcode": 47003,
        "errmsg": "argument invalid! data.enum1.value invalid",
    }
    assert (await send("乙"))["errcode"] == 0


async def test_a_category_template_is_added_and_removed(wechat: WeChat) -> None:
    added = await wechat.call(ADD, {"template_id_short": "401", "keyword_name_list": ["结果", "事项名称"]})
    assert (added["errcode"], len(added["template_id"])) == (0, 43)
    assert (await private(wechat))[2]["content"] == "结果：{{phrase2.DATA}}\n事项名称：{{thing1.DATA}}\n"
    for template_id in (added["template_id"], TEMPLATE.id):  # also one that was configured
        told = await wechat.call("/cgi-bin/template/del_private_template", {"template_id": template_id})
        assert told["errcode"] == 0
    assert [one["template_id"] for one in await private(wechat)] == [OPEN_TEMPLATE.id]
    wechat.follows()
    body = {"touser": wechat.openid(), "template_id": TEMPLATE.id, "data": {"thing1": {"value": "甲"}}}
    assert (await wechat.call("/cgi-bin/message/template/send", body))["errcode"] == 40037


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        ({"template_id_short": "TM00015"}, 40247),
        ({"template_id_short": "7"}, 40037),
        ({"template_id_short": "401"}, 40246),
        ({"template_id_short": "401", "keyword_name_list": ["没有的"]}, 40246),
    ],
)
async def test_template_messages_that_cannot_be_added(
    wechat: WeChat, body: dict[str, Any], errcode: int
) -> None:
    assert (await wechat.call(ADD, body))["errcode"] == errcode


async def test_no_more_than_twenty_five(wechat: WeChat) -> None:
    for number in range(25):
        wechat.platform.add_template(replace(MP_TEMPLATE, id=f"m{number}"))
        wechat.platform.add_template(replace(TEMPLATE, id=f"t{number}"))
    body = {"template_id_short": "401", "keyword_name_list": ["结果"]}
    assert without_rid(await wechat.call(ADD, body)) == {
        "errcode": 45026,
        "errmsg": "template num exceeds limit",
    }
    told = await wechat.call(f"{NEW}/addtemplate", {"tid": "401", "kidList": [1, 2]}, MP)
    assert told["errcode"] == 200012


async def test_the_library_is_read_and_a_subscription_template_put_together(wechat: WeChat) -> None:
    token = await wechat.token(MP)
    kinds = (await wechat.get(f"{NEW}/getcategory", access_token=token))["data"]
    ids = ",".join(str(one["id"]) for one in kinds)
    page = {"ids": ids, "start": "3", "limit": "30", "access_token": token}
    told = await wechat.get(f"{NEW}/getpubtemplatetitles", **page)
    assert told["count"] == 4
    assert told["data"] == [{"tid": 20016, "title": "办理进度通知", "type": 3, "categoryId": "402"}]
    words = await wechat.get(f"{NEW}/getpubtemplatekeywords", access_token=token, tid="20016")
    assert words["data"][1] == {"kid": 2, "name": "进度", "example": "审核中", "rule": "phrase"}
    added = await wechat.call(f"{NEW}/addtemplate", {"tid": 20016, "kidList": [2, 1]}, MP)
    async with wechat.http.post(  # as the documents have it
        f"{wechat.url}{NEW}/addtemplate",
        params={"access_token": token},
        data=[("tid", "401"), ("kidList", "3"), ("kidList", "1"), ("sceneDesc", "告知结果")],
    ) as answer:
        formed = await answer.json(content_type=None)
    one, other = (await personal(wechat))[1:]
    if one["priTmplId"] != added["priTmplId"]:
        one, other = other, one
    assert (one["content"], one["type"]) == ("进度：{{phrase2.DATA}}\n项目名称：{{thing1.DATA}}\n", 3)
    assert other["priTmplId"] == formed["priTmplId"]
    assert (other["content"], other["type"]) == ("日期：{{date3.DATA}}\n事项名称：{{thing1.DATA}}\n", 2)
    gone = await wechat.call(f"{NEW}/deltemplate", {"priTmplId": formed["priTmplId"]}, MP)
    assert (gone["errcode"], len(await personal(wechat))) == (0, 2)


@pytest.mark.parametrize(
    ("path", "query", "errcode"),
    [
        ("getpubtemplatetitles", {"start": "0", "limit": "1"}, 200018),
        ("getpubtemplatetitles", {"ids": "1", "start": "0", "limit": "1"}, 200019),
        ("getpubtemplatetitles", {"ids": "670", "limit": "1"}, 200016),
        ("getpubtemplatetitles", {"ids": "670", "start": "0", "limit": "31"}, 200017),
        ("getpubtemplatekeywords", {"tid": "1"}, 200014),
    ],
)
async def test_the_library_refuses(wechat: WeChat, path: str, query: dict[str, str], errcode: int) -> None:
    told = await wechat.get(f"{NEW}/{path}", access_token=await wechat.token(MP), **query)
    assert told["errcode"] == errcode


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        ({"tid": "1", "kidList": [1, 2]}, 200014),
        ({"tid": "401", "kidList": [1]}, 200020),
        ({"tid": "401", "kidList": [1, 2, 3, 4, 5, 6]}, 200020),
        ({"tid": "401", "kidList": [1, 99]}, 200020),
        ({"tid": "401", "kidList": [1, 2], "sceneDesc": "长" * 16}, 200021),
    ],
)
async def test_subscription_templates_that_cannot_be_added(
    wechat: WeChat, body: dict[str, Any], errcode: int
) -> None:
    assert (await wechat.call(f"{NEW}/addtemplate", body, MP))["errcode"] == errcode


async def test_the_ways_to_the_service_are_checked(wechat: WeChat) -> None:
    told = await wechat.call("/cgi-bin/callback/check", {"action": "all", "check_operator": "DEFAULT"})
    (ping,) = told["ping"]
    assert told["dns"] == [{"ip": "127.0.0.1", "real_operator": "CAP"}]
    assert (ping["ip"], ping["from_operator"], ping["package_loss"]) == ("127.0.0.1", "CAP", "0%")
    wechat.platform.service_url = "http://127.0.0.1:9"
    told = await wechat.call("/cgi-bin/callback/check", {"action": "ping", "check_operator": "UNICOM"})
    assert told == {
        "ping": [{"ip": "127.0.0.1", "from_operator": "UNICOM", "package_loss": "100%", "time": ""}]
    }
    for body, errcode in (
        ({"action": "x", "check_operator": "CAP"}, 40202),
        ({"action": "dns", "check_operator": "x"}, 40203),
    ):
        assert (await wechat.call("/cgi-bin/callback/check", body))["errcode"] == errcode
