"""The phone's page of notices and its switches, and the same in the mini-program."""

from __future__ import annotations

from typing import Any

import pytest

from server.domain.auth import sessions
from server.domain.notices import choices
from server.domain.notices.telling import Notice, tell
from server.domain.ports import Services
from server.models import AuditEntry, Binding, Candidate, Delivery, Follower, NoticeOptOut
from tests.kit import make
from tests.kit.h5 import ME, App, get
from tests.kit.noticing import FIELDS

pytestmark = pytest.mark.rule("C3")


async def mine(s: Services, *, account: str = "oa") -> Candidate:
    who = await make.candidate(s)
    openid = ME.openid if account == "oa" else "m-person"
    await Binding.create(account=account, openid=openid, candidate=who, bound_at=s.clock.now())
    await Follower.create(openid=openid, is_following=False, changed_at=s.clock.now())
    return who


async def told(s: Services, who: Candidate) -> None:
    await tell(
        s.settings, s.clock, s.queue, "results_released", [Notice(who.id, "r:1", FIELDS, "/h5/results")]
    )


async def switch(
    app: App, headers: dict[str, str], origin: str = "http://127.0.0.1:8000", **said: str
) -> Any:
    _, response = await app.asgi_client.post(
        "/h5/notices/choices", headers={"origin": origin} | headers, data=said, follow_redirects=False
    )
    return response


async def test_what_did_not_arrive_is_told_at_the_door_until_it_was_seen(
    app: App, services: Services, me: dict[str, str]
) -> None:
    await told(services, await mine(services))
    home = await get(app, "/h5/", me)
    assert "有 1 条通知没有送到微信" in home.text and 'href="/h5/notices"' in home.text
    for path in ("/h5/certificates", "/h5/orders"):  # wherever they come to first
        assert "有 1 条通知没有送到微信" in (await get(app, path, me)).text, path
    page = await get(app, "/h5/notices", me)
    assert (page.status, page.headers["cache-control"]) == (200, "no-store")
    assert "成绩发布通知" in page.text and FIELDS["plan"] in page.text and ">新<" in page.text
    assert 'href="/h5/results"' in page.text
    assert "没有送到微信" not in (await get(app, "/h5/", me)).text
    assert ">新<" not in (await get(app, "/h5/notices", me)).text


async def test_who_sees_the_thing_itself_needs_no_notice_of_it(
    app: App, services: Services, me: dict[str, str]
) -> None:
    who = await mine(services)
    await told(services, who)
    other = Notice(who.id, "r:2", FIELDS, "/h5/results")
    await tell(services.settings, services.clock, services.queue, "results_released", [other])
    await Delivery.filter(dedup="r:2").update(path="/h5/certificates/23SPS100000001K")
    assert "有 1 条通知没有送到微信" in (await get(app, "/h5/results", me)).text
    seen = dict(await Delivery.all().values_list("dedup", "seen_at"))
    assert (seen["r:1"], seen["r:2"]) == (services.clock.now(), None)


async def test_a_switch_goes_off_and_on(app: App, services: Services, me: dict[str, str]) -> None:
    who = await mine(services)
    page = await get(app, "/h5/notices", me)
    assert page.text.count('role="switch" aria-checked="true"') == 3 and "最近三个月没有通知" in page.text
    for wants, count in (("no", 2), ("no", 2), ("yes", 3)):
        answer = await switch(app, me, choice="fees", wants=wants)
        assert (answer.status, answer.headers["location"]) == (303, "/h5/notices#choices")
        page = await get(app, "/h5/notices", me)
        assert page.text.count('role="switch" aria-checked="true"') == count
    assert await choices.wanted_by(who.id) == {"exam": True, "fees": True, "other": True}
    assert await AuditEntry.filter(action="notices.choose", subject_id=str(who.id)).count() == 2


async def test_refused_switches_change_nothing(app: App, services: Services, me: dict[str, str]) -> None:
    answer = await switch(app, me, choice="fees", wants="no")
    assert (answer.status, "请先绑定" in answer.text) == (404, True)
    await mine(services)
    assert (await switch(app, me, choice="results", wants="no")).status == 404
    foreign = await switch(app, me, origin="https://elsewhere.example", choice="fees", wants="no")
    assert (foreign.status, "不是从本页发出的" in foreign.text) == (403, True)
    assert await NoticeOptOut.all().count() == 0


async def test_without_a_binding_the_page_says_what_to_do(app: App, me: dict[str, str]) -> None:
    page = await get(app, "/h5/notices", me)
    assert (page.status, "绑定考生信息" in page.text, "switch" in page.text) == (200, True, False)


async def test_nobody_sees_the_notices_of_others(app: App, services: Services, me: dict[str, str]) -> None:
    other = await make.candidate(services)
    await Binding.create(account="oa", openid="o-else", candidate=other, bound_at=services.clock.now())
    await Follower.create(openid="o-else", is_following=False, changed_at=services.clock.now())
    await told(services, other)
    await mine(services, account="mp")
    assert "成绩发布通知" not in (await get(app, "/h5/notices", me)).text
    assert (await Delivery.get()).seen_at is None


async def test_in_the_mini_program(app: App, services: Services) -> None:
    who = await mine(services, account="mp")
    await told(services, who)
    headers = {"authorization": f"Bearer {sessions.mint(services, 'mp', 'm-person', 3600)}"}
    _, shown = await app.asgi_client.get("/mp/v1/notices", headers=headers)
    assert shown.status == 200
    assert shown.json["items"] == [
        {
            "title": "成绩发布通知",
            "lines": [
                {"label": "考试名称", "value": FIELDS["plan"]},
                {"label": "考试日期", "value": FIELDS["exam_date"]},
                {"label": "发布时间", "value": FIELDS["released_at"]},
            ],
            "page": "pages/results/index",
            "at": "2026-11-23T12:00:00+08:00",
            "is_new": True,
        }
    ]
    fees = {"choice": "fees", "title": "缴费提醒", "about": "有费用待缴、订单快要关闭", "wants": True}
    assert fees in shown.json["choices"]
    body = {"choice": "fees", "wants": False}
    _, chosen = await app.asgi_client.post("/mp/v1/notices/choices", headers=headers, json=body)
    assert chosen.status == 200 and fees | {"wants": False} in chosen.json["items"]
    for wrong, status in (({"choice": "results", "wants": False}, 404), ({"choice": "fees"}, 422)):
        _, refused = await app.asgi_client.post("/mp/v1/notices/choices", headers=headers, json=wrong)
        assert refused.status == status, refused.json
    stranger = {"authorization": f"Bearer {sessions.mint(services, 'mp', 'm-nobody', 3600)}"}
    _, refused = await app.asgi_client.get("/mp/v1/notices", headers=stranger)
    assert (refused.status, refused.json["code"]) == (404, "not_bound")
