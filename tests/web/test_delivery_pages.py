"""The pages of who was told what: filters, one person's whole history, and the workbook whose sums are the counts."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from openpyxl import load_workbook
from sanic import Sanic

from server.domain.actor import SYSTEM
from server.domain.notices import choices
from server.domain.ports import Services
from server.domain.roles import Role
from server.models import AuditEntry, Binding, Candidate, Delivery, Follower, Grant, Officer, Registration
from tests.kit import campaigning, make
from tests.kit.campaigning import sent_on
from tests.kit.console_desk import Browser, code, seated
from tests.kit.exchange import exchange
from tests.kit.noticing import put

App = Sanic[Any, Any]
pytestmark = pytest.mark.rule("C3")
PAGE = "/console/deliveries"


@pytest.fixture
async def desk(app: App, services: Services) -> Browser:
    campaigning.with_templates(services)
    return await seated(app, services, Role.NOTIFIER, username="writer")


@pytest.fixture
async def people(services: Services) -> list[Registration]:
    """Two who were sent a campaign's message, one without a way, and a notice of the system."""
    plan = await make.plan()
    found = await campaigning.people(services, 2, on=plan)
    found.append(await make.registration(services, await make.candidate(services, name="欧阳慧敏"), on=plan))
    await campaigning.running(services, plan)
    await sent_on(services, turns=3)
    await put(services)
    return found


async def shown(desk: Browser, query: str = "") -> list[str]:
    """Kind and state of each row on the page."""
    page = (await desk.page(f"{PAGE}?{query}")).text
    rows = re.findall(r'data-label="类别"[^>]*>([^<]+).*?class="badge s-\w+">([^<]+)<', page, re.S)
    return [f"{kind} {state}" for kind, state in rows]


@pytest.mark.parametrize("role", list(Role))
async def test_who_may_see_it(app: App, services: Services, people: list[Registration], role: Role) -> None:
    who = await seated(app, services, role, school=await make.school() if role is Role.SCHOOL else None)
    sees = role in (Role.NOTIFIER, Role.AUDITOR, Role.ADMIN)
    for path in (PAGE, f"{PAGE}/people/{people[0].candidate_id}"):
        assert (await who.page(path)).status == (200 if sees else 403), path
    assert (await who("GET", "/deliveries/export.xlsx")).status == (200 if sees else 403)
    assert (await who.page(f"{PAGE}/people/987654")).status == (404 if sees else 403)


async def test_rows_are_found_by_kind_state_school_campaign_person_and_day(
    services: Services, desk: Browser, people: list[Registration]
) -> None:
    campaign = (await Delivery.filter(topic="campaign").first()).campaign_id  # type: ignore[union-attr]  # there
    others = ["群发 无法送达", "群发 已受理", "群发 已受理"]
    assert await shown(desk) == ["成绩公布 待发送", *others]
    assert await shown(desk, "kind=campaign") == others
    assert await shown(desk, "kind=results_released") == ["成绩公布 待发送"]
    assert await shown(desk, "state=no_way") == others[:1]
    assert await shown(desk, f"campaign_id={campaign}") == others
    assert await shown(desk, f"campaign_id={campaign}&state=accepted") == others[1:]
    assert await shown(desk, "campaign_id=98765") == []
    assert await shown(desk, f"q={people[0].admission_number}") == others[1:2]
    assert await shown(desk, "q=欧阳慧敏") == others[:1]
    assert await shown(desk, "q=没有这人") == []
    first = await people[0].candidate
    school = await make.school()
    await Candidate.filter(id=first.id).update(school_id=school.id)
    assert await shown(desk, f"school_id={school.id}") == ["群发 已受理"]
    today, before = "2026-11-23", "2026-11-22"
    assert len(await shown(desk, f"from_on={today}&to_on={today}")) == 4
    assert await shown(desk, f"to_on={before}") == []
    yesterday = services.clock.now() - timedelta(days=1)
    await Delivery.filter(topic="campaign").update(created_at=yesterday)
    assert await shown(desk, f"to_on={before}") == others
    assert await shown(desk, f"from_on={today}") == ["成绩公布 待发送"]
    assert await shown(desk, f"from_on={before}&to_on={before}&state=no_way") == others[:1]


async def test_an_identity_number_is_not_searched_for(services: Services, desk: Browser) -> None:
    number = make.id_number(77)
    answer = await desk.page(f"{PAGE}?q={number}")
    assert "请不要在这里输入证件号码" in answer.text and number not in answer.text
    assert code(await desk("GET", f"/deliveries/export.xlsx?q={number}")) == (422, "invalid")
    assert "请输入完整的姓名，或准考证号" in (await desk.page(f"{PAGE}?q=1")).text


async def test_pages_follow_one_another_without_a_gap(services: Services, desk: Browser) -> None:
    plan = await make.plan()
    await campaigning.people(services, 53, on=plan)
    campaign = await campaigning.submitted(services, plan)
    seen: list[str] = []
    path = f"{PAGE}?campaign_id={campaign.id}"
    for _ in range(2):
        page = (await desk.page(path)).text
        seen += re.findall(r'href="/console/deliveries/people/(\d+)"', page)
        following = re.search(r'href="([^"]+cursor=\d+)" rel="next"', page)
        path = following[1].replace("&amp;", "&") if following else ""
        backward = re.search(r'href="([^"]+before=\d+)" rel="prev"', page)
    assert path == "" and backward is not None
    assert sorted(map(int, seen)) == sorted([one.id for one in await Candidate.all()])
    back = (await desk.page(backward[1].replace("&amp;", "&"))).text
    assert re.findall(r'href="/console/deliveries/people/(\d+)"', back) == seen[:50]
    assert 'rel="prev"' not in back and "本页 50 条" in back
    oldest = (await desk.page(f"{PAGE}?campaign_id={campaign.id}&sort=id")).text
    first = re.findall(r'href="/console/deliveries/people/(\d+)"', oldest)
    assert first == seen[::-1][:50] and f"群发：{campaign.name}，去掉这项筛选" in oldest


async def test_one_persons_whole_history_on_one_screen(
    services: Services, desk: Browser, people: list[Registration]
) -> None:
    bound, unbound = people[0].candidate_id, people[2].candidate_id
    openid = (await Binding.get(candidate_id=bound)).openid
    await Follower.create(openid=openid, is_following=False, changed_at=services.clock.now())
    await Grant.create(
        account="oa", openid=openid, topic="results_released", remaining=2, changed_at=services.clock.now()
    )
    await put(services, "results:2", openid)
    await Delivery.filter(dedup="results:2").update(candidate_id=bound)
    await choices.choose(services.clock, bound, "fees", wants=False, actor=SYSTEM)
    page = (await desk.page(f"{PAGE}/people/{bound}")).text
    assert "选了不收：缴费提醒" in page
    assert "取消了关注" in page and "模板消息送不到，须重新关注" in page
    assert "还剩 2 次" in page and "订阅消息：成绩公布" in page
    assert re.findall(r'data-label="事情"[^>]*>([^<]+)', page) == ["成绩公布", "群发"]
    assert "还没有轮到，或在等下一次再试" in page and "微信收下了，还没有说送到没有" in page
    assert openid not in page and "崔子涵" not in page, "masked"
    long = replace(services.settings, long_term_templates="WECHAT_OA_SUBSCRIBE_RESULT")
    exchange(services, settings=long)
    page = (await desk.page(f"{PAGE}/people/{bound}")).text
    assert ">长期</span> 订阅消息：成绩公布" in page
    other = (await desk.page(f"{PAGE}/people/{unbound}")).text
    assert "选了不收" not in other
    assert "现在没有绑定微信，什么也送不到" in other and "没有绑定微信" in other
    assert await AuditEntry.filter(action="people.viewed", subject_id=str(bound)).count() == 1


async def test_an_officers_history(services: Services, desk: Browser) -> None:
    school = await make.school()
    officer = await Officer.create(
        school=school,
        name="王建华",
        mobile_sealed=None,
        state="active",
        oa_openid="o-officer",
        created_at=services.clock.now(),
    )
    await put(services, "results:9", "o-officer")
    await Delivery.filter(dedup="results:9").update(officer_id=officer.id)
    listed = (await desk.page(PAGE)).text
    assert f'href="{PAGE}/officers/{officer.id}"' in listed and "院校签发负责人" in listed
    page = (await desk.page(f"{PAGE}/officers/{officer.id}")).text
    assert "王**的通知" in page and school.name in page and "接受邀请时的微信" in page
    assert "微信没有说过关注没有，模板消息照发" in page and "o-officer" not in page
    assert (await desk.page(f"{PAGE}/officers/98765")).status == 404


async def test_the_workbooks_sums_are_the_counts(
    services: Services, desk: Browser, people: list[Registration]
) -> None:
    campaign = (await Delivery.filter(topic="campaign").first()).campaign_id  # type: ignore[union-attr]  # there
    answer = await desk("GET", f"/deliveries/export.xlsx?campaign_id={campaign}")
    assert answer.status == 200
    assert "filename*=UTF-8''" in answer.headers["content-disposition"]
    book = load_workbook(io.BytesIO(answer.body))
    assert book.sheetnames == ["合计", "通知"]
    head, *rows = book["通知"].iter_rows(values_only=True)
    assert head[:4] == ("编号", "姓名", "院校", "类别")
    assert sorted((row[1], row[6], row[7]) for row in rows) == [
        ("崔**", "已受理", None),
        ("崔**", "已受理", None),
        ("欧***", "无法送达", "没有绑定微信"),
    ]
    sums = {row[0]: row[1] for row in book["合计"].iter_rows(values_only=True) if row[0]}
    told = (await desk("GET", f"/campaigns/{campaign}")).json
    assert {one["state_label"]: one["count"] for one in told["ends"]} == {
        label: sums[label] for label in ("已受理", "无法送达")
    }
    assert sums["合计"] == told["people"] == len(rows)
    [entry] = await AuditEntry.filter(action="delivery.export")
    assert (entry.subject_kind, entry.subject_id, entry.became) == ("campaign", str(campaign), {"rows": 3})


async def test_a_workbook_of_a_filter_and_of_nothing(
    services: Services, desk: Browser, people: list[Registration]
) -> None:
    narrow = await desk(
        "GET", f"/deliveries/export.xlsx?kind=campaign&state=no_way&q={people[2].admission_number}"
    )
    rows = list(load_workbook(io.BytesIO(narrow.body))["通知"].iter_rows(values_only=True))
    assert len(rows) == 2
    [entry] = await AuditEntry.filter(action="delivery.export")
    assert entry.became == {"rows": 1, "state": "no_way", "topic": "campaign", "people": 1}, (
        "of whom is not told"
    )
    nothing = await desk("GET", "/deliveries/export.xlsx?campaign_id=98765")
    book = load_workbook(io.BytesIO(nothing.body))
    assert [row[:2] for row in book["合计"].iter_rows(values_only=True)][:2] == [
        ("状态", "条数"),
        ("合计", 0),
    ]
    assert (await desk("GET", "/deliveries/export.xlsx?state=quick")).status == 422
