"""What the official account answers: results, certificates, and why something is not there (S93)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain.levels import Level
from server.domain.ports import Push, Services
from server.domain.wechat_chat import chat
from server.models import Binding, Candidate, Plan
from tests.kit import make

OPENID = "o-candidate-000000000000000"


def says(text: str) -> Push:
    return Push("oa", "text", False, OPENID, "gh_1", 1_700_000_000, f"k:{text}", text=text)


def event(kind: str, event_key: str = "") -> Push:
    return Push("oa", kind, True, OPENID, "gh_1", 1_700_000_000, f"k:{kind}:{event_key}", event_key=event_key)


async def bound(services: Services, **more: Any) -> Candidate:
    who = await make.candidate(services, **more)
    await Binding.create(account="oa", openid=OPENID, candidate=who, bound_at=services.clock.now())
    return who


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("成绩", "RESULTS"),
        (" 查 成 绩 ", "RESULTS"),
        ("我考了多少分？", "RESULTS"),
        ("１", "RESULTS"),
        ("证书成绩", "RESULTS"),
        ("证书", "CERTIFICATES"),
        ("我的电子证书什么时候发", "CERTIFICATES"),
        ("怎么领证", "CERTIFICATES"),
        ("帮助", "HELP"),
        ("HELP", "HELP"),
        ("？", "HELP"),
        ("你好", "HELP"),
        ("解绑", "BIND"),
        ("签发", "SIGN"),
        ("证书签发进度", "CERTIFICATES"),
        ("今天天气", None),
        ("", None),
    ],
)
def test_what_a_message_asks_for(text: str, asked: str | None) -> None:
    assert chat.meant(text) == asked


@pytest.mark.rule("S93")
@pytest.mark.parametrize(
    "push", [says("成绩"), says("证书"), event("click", "RESULTS"), event("click", "CERTIFICATES")]
)
async def test_somebody_who_is_not_bound_gets_the_way_to_bind(services: Services, push: Push) -> None:
    assert await chat.answer(services, push) == (
        "尚未绑定考生信息\n您的微信还没有绑定考生信息，暂时无法查询。请先用姓名和证件号码完成绑定。\n\n"
        '<a href="http://127.0.0.1:8000/h5/bind">点此绑定考生信息</a>'
    )


@pytest.mark.rule("S84")
@pytest.mark.rule("S93")
async def test_released_results(services: Services) -> None:
    who = await bound(services)
    await make.registration(services, who, on=await make.plan("第四批", release_at=services.clock.now()))
    assert await chat.answer(services, says("成绩")) == (
        "【成绩查询】崔**\n\n"
        "第四批\n初级 · 考试日期 2023年9月22日\n社会心理服务（机考）：78.5 分\n考证结果：通过\n"
        "恭喜您通过考试。证书签发进度可在“我的证书”中查看。\n\n"
        '<a href="http://127.0.0.1:8000/h5/results">查看成绩详情</a>；查证书请回复“证书”。'
    )


@pytest.mark.rule("S93")
async def test_before_release_the_score_is_not_there_but_the_reason_is(services: Services) -> None:
    who = await bound(services)
    until = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
    await make.registration(services, who, on=await make.plan("第四批", release_at=until), score=61.5)
    said = await chat.answer(services, says("成绩"))
    assert "第四批的成绩尚未公布。预计 2026年11月24日 09:00 公布" in said
    assert "61.5" not in said and "考证结果" not in said


async def test_absent_is_not_a_score(services: Services) -> None:
    who = await bound(services)
    on = await make.plan("第四批", release_at=services.clock.now())
    await make.registration(services, who, on=on, outcome="absent")
    said = await chat.answer(services, says("成绩"))
    assert "社会心理服务（机考）：缺考\n考证结果：缺考" in said
    assert " 分" not in said


async def test_somebody_bound_without_registration(services: Services) -> None:
    await bound(services)
    assert "没有查到报考记录" in await chat.answer(services, says("成绩"))


@pytest.mark.rule("S13")
async def test_a_withheld_certificate_says_what_is_missing(services: Services) -> None:
    who = await bound(services)
    on = await make.plan("第四批", release_at=services.clock.now())
    await Plan.filter(id=on.id).update(requires_practice=True)
    site = await make.site(level=Level.ADVANCED)
    await make.registration(services, who, on=on, at=site)
    said = await chat.answer(services, says("证书"))
    assert "督导还差 100 小时、实践还差 250 小时" in said


async def test_a_certificate_in_preparation(services: Services) -> None:
    who = await bound(services)
    await make.registration(services, who, on=await make.plan("第四批", release_at=services.clock.now()))
    said = await chat.answer(services, says("证书"))
    assert said.startswith("【证书查询】崔**\n\n证书准备中\n您已通过考试，")
    assert '<a href="http://127.0.0.1:8000/h5/certificates">查看我的证书</a>' in said


async def test_a_long_answer_keeps_whole_blocks_and_says_what_is_left_out(services: Services) -> None:
    who = await bound(services)
    for serial in range(20):
        on = await make.plan(f"第{serial}批" + "长" * 60, release_at=services.clock.now())
        await make.registration(services, who, on=on)
    said = await chat.answer(services, says("成绩"))
    assert len(said.encode()) <= chat.LONGEST
    shown = said.count("考证结果：")
    assert 0 < shown < 20
    assert f"还有 {20 - shown} 项没有显示" in said
    assert said.endswith("查证书请回复“证书”。")


@given(blocks=st.lists(st.text(max_size=1500), max_size=12))
def test_every_answer_fits(blocks: list[str]) -> None:
    assert len(chat._fit(blocks, "完").encode()) <= chat.LONGEST


async def test_values_never_become_links(services: Services) -> None:
    who = await bound(services)
    on = await make.plan('<a href="https://evil.example">点我</a>', release_at=services.clock.now())
    await make.registration(services, who, on=on)
    said = await chat.answer(services, says("成绩"))
    assert "＜a href=" in said
    assert said.count("<a ") == 1


@pytest.mark.parametrize(
    ("push", "begins"),
    [
        (event("subscribe"), "欢迎关注社会心理服务证书公众号"),
        (event("subscribe_scan", "x"), "欢迎关注"),
        (event("click", "HELP"), "回复“成绩”查询"),
        (event("scan", "x"), "回复“成绩”查询"),
        (event("click", "UNKNOWN"), "抱歉，没有看懂"),
        (says("今天天气"), "抱歉，没有看懂"),
        (says("扫码"), "院校签发负责人请<a href="),
        (says("解绑"), "绑定、更换或解除考生信息"),
        (Push("oa", "image", False, OPENID, "gh_1", 1, "k"), "已收到您的消息，但这里只能看懂文字"),
        (Push("oa", "voice", False, OPENID, "gh_1", 1, "k"), "已收到您的消息，但这里只能看懂文字"),
        (Push("oa", "brand_new", False, OPENID, "gh_1", 1, "k"), "已收到您的消息"),
        (Push("oa", "voice", False, OPENID, "gh_1", 1, "k", text="帮助。"), "回复“成绩”查询"),
    ],
)
async def test_every_push_gets_a_polite_answer(services: Services, push: Push, begins: str) -> None:
    said = await chat.answer(services, push)
    assert said.startswith(begins)
    assert len(said.encode()) <= chat.LONGEST


@pytest.mark.parametrize("kind", ["view", "view_miniprogram", "brand_new_event"])
async def test_events_without_an_answer(services: Services, kind: str) -> None:
    assert await chat.answer(services, event(kind)) == ""
