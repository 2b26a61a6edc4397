"""The templates of the account against what we send: at the start, daily, and in the doctor's words."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from server.domain.notices import keywords, template_check, wanted_templates
from server.domain.notices.topics import TOPICS, NoticeField
from server.domain.notices.wanted_templates import Wanted, template_faults
from server.domain.ports import MessageTemplate, Services
from server.errors import OutsideFailure
from server.settings import Settings
from tests.kit.campaigning import console
from tests.kit.exchange import exchange


def want(settings: Settings, setting: str) -> Wanted:
    return next(one for one in wanted_templates.wanted(settings) if one.setting == setting)


def as_wanted(one: Wanted) -> MessageTemplate:
    return MessageTemplate(one.template, one.title, one.keywords, one.is_long_term)


@pytest.mark.parametrize(
    "field", [field for topic in TOPICS.values() for field in topic.fields.values()], ids=str
)
def test_every_example_has_room_in_its_keyword(field: NoticeField) -> None:
    assert keywords.fit(field.keyword, field.example) == field.example
    assert keywords.check({field.keyword: field.example}) == {}


def test_every_topic_says_when_it_is_sent_and_what_it_opens(settings: Settings) -> None:
    for topic in TOPICS.values():
        assert topic.says and topic.title and topic.link.startswith("/h5/")
        assert set(topic.settings) <= {"template", "oa_subscription", "mp_subscription"}
        assert topic.opens(topic.link.replace("{number}", "23SPS100000001K").replace("{order}", "417"))
        assert not topic.opens("/console/") and not topic.opens(f"{topic.link}/more?x=1")


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({}, ""),
        ({"released_at=time3": "released_at=phrase3"}, "放不下我们的内容：phrase3（发布时间）"),
        ({"released_at=time3": "released_at=thing3"}, ""),
        ({"plan=thing1": "plan=number1"}, "放不下我们的内容：number1（考试名称）"),
        ({"plan=thing1": "plan=short_thing1"}, "放不下我们的内容：short_thing1（考试名称）"),
    ],
)
def test_a_keyword_of_the_wrong_type_is_told(settings: Settings, changed: dict[str, str], fault: str) -> None:
    told = "WECHAT_MP_TEMPLATE_RESULT: plan=thing1, exam_date=date2, released_at=time3"
    for was, now in changed.items():
        told = told.replace(was, now)
    one = want(replace(settings, template_keywords=told), "WECHAT_MP_TEMPLATE_RESULT")
    assert template_faults(one, as_wanted(one)) == ([fault] if fault else [])


def test_what_is_missing_is_more_or_is_of_the_other_kind(settings: Settings) -> None:
    one = want(settings, "WECHAT_MP_TEMPLATE_RESULT")
    template = replace(
        as_wanted(one), keywords={"thing1": "考试", "date2": "日期", "thing9": "备注"}, is_long_term=True
    )
    assert template_faults(one, template) == [
        "缺 time3（发布时间）",
        "多 thing9",
        "是长期订阅，WECHAT_LONG_TERM_TEMPLATES 里没有写它",
    ]
    chosen = replace(settings, long_term_templates="WECHAT_MP_TEMPLATE_RESULT")
    one = want(chosen, "WECHAT_MP_TEMPLATE_RESULT")
    assert template_faults(one, replace(as_wanted(one), is_long_term=False)) == [
        "是一次性订阅，WECHAT_LONG_TERM_TEMPLATES 里却写了它"
    ]


async def test_at_the_start_the_log_names_what_is_wrong(
    services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    wanted = [one for one in wanted_templates.wanted(services.settings) if one.template]
    for one in wanted:
        console(services).kept_templates[one.account].append(as_wanted(one))
    log = logging.getLogger("xcert")
    log.addHandler(caplog.handler)
    try:
        await template_check.look(services)
        assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []
        kept = console(services).kept_templates["oa"]
        console(services).kept_templates["oa"] = [replace(kept[0], keywords={"thing1": "名称"}), *kept[2:]]
        await template_check.look(services)
        exchange(
            services,
            settings=replace(services.settings, template_keywords="WECHAT_MP_TEMPLATE_RESULT: x=thing1"),
        )
        await template_check.look(services)
    finally:
        log.removeHandler(caplog.handler)
    said = list(dict.fromkeys(one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR))
    assert len(said) == 3, said
    assert "WECHAT_OA_TEMPLATE_CERTIFICATE" in said[0] and "缺 character_string2（证书编号）" in said[0]
    assert "WECHAT_OA_TEMPLATE_RESULT" in said[1] and "不在账号的模板里" in said[1]
    assert "没有的字段：x" in said[2]


async def test_while_wechat_is_away_nothing_is_said(
    services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    async def away(account: str) -> list[MessageTemplate]:
        raise OutsideFailure("微信没有响应")

    console(services).templates = away  # type: ignore[method-assign]
    await template_check.look(services)
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []
