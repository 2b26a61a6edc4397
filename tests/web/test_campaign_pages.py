"""The pages of 群发: who is offered what, what the numbers are, and that they are honest before anything is sent."""

from __future__ import annotations

import html
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from sanic import Sanic

from server.domain.campaigns import upkeep
from server.domain.campaigns.audience import Audience
from server.domain.campaigns.states import CampaignState
from server.domain.notices.states import NoticeState
from server.domain.ports import Services
from server.domain.roles import Role
from server.errors import OutsideFailure
from server.models import Campaign, Delivery, Plan, Staff
from server.web.console import campaign_words
from tests.kit import campaigning, make
from tests.kit.campaigning import sent_on
from tests.kit.console_desk import Browser, seated
from tests.kit.home import told
from tests.kit.noticing import clock, wechat

App = Sanic[Any, Any]
pytestmark = pytest.mark.rule("C3")


@pytest.fixture
async def desk(app: App, services: Services) -> Browser:
    campaigning.with_templates(services)
    return await seated(app, services, Role.NOTIFIER, username="writer")


@pytest.fixture
async def other(app: App, services: Services) -> Browser:
    return await seated(app, services, Role.NOTIFIER, username="approver")


async def plan_of(s: Services, count: int, *, unbound: int = 0) -> Plan:
    plan = await make.plan()
    await campaigning.people(s, count, on=plan)
    for _ in range(unbound):
        await make.registration(s, on=plan)
    return plan


def offered(page: str) -> list[str]:
    """The steps that a page has buttons for."""
    return re.findall(r'data-post="/campaigns/\d+/([\w-]+)"', page)


def written_by(page: str) -> dict[str, int]:
    """State → count, as the page lists them."""
    found = re.findall(r'id="end-(\w+)".*?<b>([\d,]+)</b>', page)
    return {state: int(count.replace(",", "")) for state, count in found}


@pytest.mark.parametrize("role", list(Role))
async def test_who_may_open_which_page(app: App, services: Services, role: Role) -> None:
    campaign = await campaigning.submitted(services, await plan_of(services, 1))
    who = await seated(app, services, role, school=await make.school() if role is Role.SCHOOL else None)
    sees = role in (Role.NOTIFIER, Role.AUDITOR, Role.ADMIN)
    sends = role in (Role.NOTIFIER, Role.ADMIN)
    at = f"/console/campaigns/{campaign.id}"
    for path in ("/console/campaigns", at, f"{at}/progress"):
        assert (await who.page(path)).status == (200 if sees else 403), path
    assert (await who.page("/console/campaigns/new")).status == (200 if sends else 403)
    assert (await who.page(f"{at}/edit")).status == (409 if sends else 403)
    assert (await who.page("/console/campaigns/98765")).status == (404 if sees else 403)
    home = (await who.page("/console/")).text
    assert ('href="/console/campaigns"' in home) is sees
    assert ("群发待您批准" in home) is sends


async def test_a_draft_says_that_nothing_is_counted_yet(services: Services, desk: Browser) -> None:
    campaign = await campaigning.written(services, await plan_of(services, 2))
    page = (await desk.page(f"/console/campaigns/{campaign.id}")).text
    assert "这是草稿，什么也不会发" in page and "还没有快照：下面的人数是此刻的" in page
    assert "此刻的，还没有写成快照" in page and written_by(page) == {}
    assert "<dt>考试计划</dt>" in page and (await Plan.get()).name in page
    assert "请带好身份证和准考证" in page and '<span class="slot">姓名</span>' in page, (
        "the message as a phone has it"
    )
    listed = (await desk.page("/console/campaigns")).text
    assert "还没有快照" in listed and ">0<" not in listed, "an unknown number is not nought"


async def test_each_state_offers_its_own_steps_and_to_whom(
    app: App, services: Services, desk: Browser, other: Browser
) -> None:
    auditor = await seated(app, services, Role.AUDITOR)
    made = await desk("POST", "/campaigns", body(services, await plan_of(services, 2)))
    campaign_id = made.json["id"]
    at = f"/console/campaigns/{campaign_id}"

    async def seen() -> list[list[str]]:
        return [offered((await who.page(at)).text) for who in (desk, other, auditor)]

    assert await seen() == [["submit", "cancel"], ["submit", "cancel"], []]
    await desk("POST", f"/campaigns/{campaign_id}/submit")
    waiting = (await desk.page(at)).text
    assert "正在把名单写成快照，写好以后才能批准" in waiting
    assert re.search(r"disabled data-post=\S+/approve", (await other.page(at)).text)
    await upkeep.freeze(services, campaign_id)
    assert await seen() == [["withdraw", "cancel"], ["approve", "withdraw", "cancel"], []]
    assert "请由另一位同事批准" in (await desk.page(at)).text
    page = (await other.page(at)).text
    assert "批准向 2 人发送“考前提醒”？批准以后由人开始，批准本身不发送。" in page
    assert 'data-open="decline"' in page
    await other("POST", f"/campaigns/{campaign_id}/approve")
    assert await seen() == [["start", "withdraw", "cancel"], ["start", "withdraw", "cancel"], []]
    await desk("POST", f"/campaigns/{campaign_id}/start", {})
    assert await seen() == [["pause", "cancel"], ["pause", "cancel"], []]
    await desk("POST", f"/campaigns/{campaign_id}/pause")
    assert await seen() == [["resume", "cancel"], ["resume", "cancel"], []]
    assert "暂停的时候不估计时间" in (await desk.page(at)).text
    await desk("POST", f"/campaigns/{campaign_id}/cancel")
    assert await seen() == [[], [], []]
    assert "已取消，还没有发的不再发" in (await desk.page(at)).text


async def test_the_ends_add_up_to_the_snapshot_and_lead_to_the_people(
    services: Services, desk: Browser
) -> None:
    campaign = await campaigning.running(services, await plan_of(services, 3, unbound=2))
    page = (await desk.page(f"/console/campaigns/{campaign.id}")).text
    assert written_by(page) == {"pending": 3, "no_way": 2}
    assert "各项加起来 5 人，快照里 5 人" in page and "还有 3 人没有发；照现在的速度，预计" in page
    await sent_on(services, turns=4)
    part = (await desk.page(f"/console/campaigns/{campaign.id}/progress")).text
    assert written_by(part) == {"accepted": 3, "no_way": 2} and 'data-state="done"' in part
    assert "<html" not in part, "the part alone"
    whole = f"/console/campaigns/{campaign.id}"
    assert "发完了。还有 3 人，微信还没有说送到没有" in (await desk.page(whole)).text
    await Delivery.filter(state="accepted").update(state="delivered")
    assert "发完了，每个人都有了结局" in (await desk.page(whole)).text
    part = (await desk.page(f"{whole}/progress")).text
    for state, count in written_by(part).items():
        link = f"/console/deliveries?campaign_id={campaign.id}&amp;state={state}"
        assert link in part
        listed = (await desk.page(html.unescape(link))).text
        assert len(re.findall(r'href="/console/deliveries/people/\d+"', listed)) == count


async def test_a_forecast_is_not_made_prettier(services: Services, desk: Browser) -> None:
    plan = await plan_of(services, 3)
    late = services.clock.now() + timedelta(hours=1)
    campaign = await campaigning.running(services, plan, not_after=late, per_day=1)
    page = (await desk.page(f"/console/campaigns/{campaign.id}")).text
    assert "到最晚发送时间" in page and "发不完，剩下的会记为过期" in page


async def test_what_is_unknown_is_listed_to_be_decided(app: App, services: Services, desk: Browser) -> None:
    campaign = await campaigning.running(services, await plan_of(services, 2))
    wechat(services).answers += [OutsideFailure("微信没有及时回答", unknown=True)] * 12
    for _ in range(12):
        await sent_on(services, turns=1, seconds=61)
    clock(services).forward(seconds=900)
    await sent_on(services, turns=4)
    unknown = [row.id for row in await Delivery.filter(state="unknown")]
    assert len(unknown) == 2
    page = (await desk.page(f"/console/campaigns/{campaign.id}")).text
    assert "还有 2 人结果未知，请逐个决定" in page
    decided = re.findall(r'data-post="/deliveries/(\d+)/(send-anew|let-be)"', page)
    assert sorted(decided) == sorted((str(one), what) for one in unknown for what in ("let-be", "send-anew"))
    auditor = await seated(app, services, Role.AUDITOR)
    assert "/send-anew" not in (await auditor.page(f"/console/campaigns/{campaign.id}")).text
    assert (await told(desk))["结果未知，等人决定"] == 2
    await Campaign.filter(id=campaign.id).update(state="expired")
    stopped = (await desk.page(f"/console/campaigns/{campaign.id}")).text
    assert "/send-anew" not in stopped and "/let-be" in stopped, "of one that is over nothing is sent"


async def test_home_counts_what_waits_for_somebody_else(
    services: Services, desk: Browser, other: Browser
) -> None:
    campaign = await campaigning.submitted(services, await plan_of(services, 1))
    writer = (await Staff.get(username="writer")).id
    await Campaign.filter(id=campaign.id).update(author_id=writer, submitted_by=writer)

    assert await told(desk) == {}
    assert await told(other) == {"群发待您批准": 1}
    for _, href in campaign_words.WAITING.values():
        assert (await other.page(href)).status == 200


async def test_the_form_is_filled_with_what_was_written(services: Services, desk: Browser) -> None:
    plan = await plan_of(services, 1)
    school = await make.school()
    chosen = Audience(plans=(plan.id,), schools=(school.id,), payment=("owed",), uses_list=True)
    campaign = await campaigning.written(
        services, plan, audience=chosen, quiet_from="21:30", quiet_until="07:30"
    )
    page = (await desk.page(f"/console/campaigns/{campaign.id}/edit")).text
    for name, value in (("plans", plan.id), ("schools", school.id), ("payment", "owed")):
        assert re.search(rf'data-list="{name}" value="{value}" checked', page), name
    assert not re.search(r'data-list="payment" value="settled" checked', page)
    assert 'id="uses_list" checked' in page and 'value="21:30"' in page and 'value="07:30"' in page
    ways = re.search(r'<textarea id="ways-kept"[^>]*>([^<]*)<', page)
    assert ways is not None
    assert json.loads(html.unescape(ways[1])) == [
        {
            "channel": "template",
            "template": "tpl-exam",
            "constants": {"thing3": "请带好身份证和准考证"},
            "personal": {"thing1": "plan", "name2": "name"},
        }
    ]
    alike = (await desk.page(f"/console/campaigns/new?like={campaign.id}")).text
    assert 'value="考前提醒"' in alike and 'data-id=""' in alike
    assert (await desk.page("/console/campaigns/new?like=98765")).status == 404


async def test_a_draft_with_a_list_takes_one_and_says_what_came_of_it(
    services: Services, desk: Browser
) -> None:
    plan = await plan_of(services, 1)
    campaign = await campaigning.written(services, plan, audience=Audience(uses_list=True))
    at = f"/console/campaigns/{campaign.id}"
    assert 'id="list-form"' in (await desk.page(at)).text
    file = ("名单.csv", "准考证号\n99\n".encode())
    await desk("POST", "/campaigns/lists", data={"campaign_id": campaign.id}, files={"file": file})
    page = (await desk.page(at)).text
    assert "读了 1 行，认出 0 人，认不出 1 行" in page and "没有准考证号末四位是 99 的考生" in page
    plain = await campaigning.written(services, plan)
    assert "list-form" not in (await desk.page(f"/console/campaigns/{plain.id}")).text


async def test_the_list_is_by_state_and_in_pages(services: Services, desk: Browser) -> None:
    plan = await plan_of(services, 1)
    await campaigning.running(services, plan, name="发着的")
    for _ in range(51):
        await campaigning.written(services, plan, name="草稿一份")
    first = (await desk.page("/console/campaigns")).text
    assert first.count("草稿一份") == 50 and "发着的" not in first
    following = re.search(r'href="(/console/campaigns\?cursor=\d+)" rel="next"', first)
    assert following is not None
    second = (await desk.page(following[1])).text
    assert second.count("草稿一份") == 1 and "发着的" in second and "还有 1 人没有发" in second
    running = (await desk.page("/console/campaigns?state=running")).text
    assert "发着的" in running and "草稿一份" not in running
    assert "没有这样的群发" in (await desk.page("/console/campaigns?state=expired")).text
    assert "state=quick" in (await desk.page("/console/campaigns?state=quick")).text


async def test_a_snapshots_people_are_told_as_they_were(services: Services, desk: Browser) -> None:
    campaign = await campaigning.submitted(services, await plan_of(services, 2, unbound=1))
    for _ in range(3):
        await make.registration(services, on=await Plan.get())  # after the snapshot
    shown = (await desk("GET", f"/campaigns/{campaign.id}/audience")).json
    assert (shown["people"], shown["reachable"], shown["is_frozen"]) == (3, 2, True)
    assert [one["channel"] for one in shown["sample"]] == ["template", "template"]
    assert [(one["why_not"], one["channel"]) for one in shown["without_way"]] == [("没有绑定微信", None)]


def body(s: Services, plan: Plan) -> dict[str, Any]:
    words = [
        {"keyword": "thing1", "person": "plan"},
        {"keyword": "name2", "person": "name"},
        {"keyword": "thing3", "constant": "请带好身份证"},
    ]
    return {
        "name": "考前提醒",
        "kind": "exam",
        "ways": [{"channel": "template", "template": "tpl-exam", "fields": words}],
        "audience": {"plans": [plan.id]},
        "not_after": (s.clock.now() + timedelta(days=1)).isoformat(),
    }


def test_every_state_has_its_tone_and_its_meaning() -> None:
    assert {one.value for one in CampaignState} == campaign_words.TONES.keys()
    assert {one.value for one in NoticeState} == campaign_words.NOTICE_TONES.keys()
    assert {one.value for one in NoticeState} == campaign_words.MEANS.keys()
