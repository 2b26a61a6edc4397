"""What a candidate is told when looking up results and certificates: never early, never without a why."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import orjson
import pytest
from tortoise.transactions import in_transaction

from miniprogram_api import certificates as certificates_door
from miniprogram_api import results as results_door
from server.domain import lookups
from server.domain.actor import Caller
from server.domain.levels import Level
from server.domain.people import bindings
from server.domain.ports import Services, WeChatIdentity
from server.models import (
    LookupChange,
    PracticeRecord,
    Registration,
    Score,
)
from server.web.ready_answers import ReadyAnswers
from tests.kit import make
from tests.kit.lookups import ME, RELEASE, bound, certificate, certificates_view, results_view

NUMBER = make.id_number(4078)


@pytest.mark.rule("S93")
async def test_nobody_bound_is_told_to_bind(services: Services) -> None:
    expected = {
        "bound": False,
        "candidate": None,
        "items": [],
        "notices": [
            {
                "code": "not_bound",
                "title": "尚未绑定考生信息",
                "detail": "您的微信还没有绑定考生信息，暂时无法查询。请先用姓名和证件号码完成绑定。",
            }
        ],
        "next_cursor": None,
    }
    assert await results_view(services, ME) == expected
    assert await certificates_view(services, ME) == {**expected, "withheld": []}


@pytest.mark.rule("S55")
async def test_nothing_on_record_is_said_as_such(services: Services) -> None:
    await bound(services)
    for view in (await results_view(services, ME), await certificates_view(services, ME)):
        assert view["items"] == []
        assert [notice["code"] for notice in view["notices"]] == ["not_found"]
        assert "联系所在院校" in view["notices"][0]["detail"]


@pytest.mark.rule("S84")
async def test_a_released_result_shows_subject_scores_and_outcome(services: Services) -> None:
    me = await bound(services, number=make.id_number(4055))
    plan = await make.plan(
        "2023年9月22日社会心理服务证书考试计划", release_at=datetime(2026, 11, 1, 1, tzinfo=UTC)
    )
    site = await make.site(await make.school("京华职业技术学院"))
    registration = await make.registration(services, me, on=plan, at=site)
    await Score.create(registration=registration, subject="实务操作", score=Decimal("60.0"), status="scored")
    view = await results_view(services, ME)
    assert view == {
        "bound": True,
        "candidate": {"name_masked": "崔**", "id_masked": f"99************{make.id_number(4055)[-4:]}"},
        "items": [
            {
                "plan": "2023年9月22日社会心理服务证书考试计划",
                "exam_date": "2023-09-22",
                "certificate": make.KIND,
                "level": "primary",
                "level_name": "初级",
                "school": "京华职业技术学院",
                "admission_number": registration.admission_number,
                "subjects": [
                    {"name": make.SUBJECT, "score": 78.5, "status": "scored", "status_name": "已评分"},
                    {"name": "实务操作", "score": 60.0, "status": "scored", "status_name": "已评分"},
                ],
                "outcome": "passed",
                "outcome_name": "通过",
                "advice": "恭喜您通过考试。证书签发进度可在“我的证书”中查看。",
                "released_at": "2026-11-01T09:00:00+08:00",
                "corrected_at": None,
            }
        ],
        "notices": [],
        "next_cursor": None,
    }


@pytest.mark.rule("S84")
@pytest.mark.parametrize(
    ("outcome", "name"), [("absent", "缺考"), ("deferred", "缓考"), ("misconduct", "违纪")]
)
async def test_absence_and_the_like_are_no_scores(services: Services, outcome: str, name: str) -> None:
    plan = await make.plan(release_at=services.clock.now())
    await make.registration(services, await bound(services), on=plan, outcome=outcome)
    [item] = (await results_view(services, ME))["items"]
    assert (item["outcome"], item["outcome_name"]) == (outcome, name)
    assert item["subjects"] == [{"name": make.SUBJECT, "score": None, "status": outcome, "status_name": name}]


@pytest.mark.rule("S44")
async def test_who_failed_is_told_to_register_again(services: Services) -> None:
    plan = await make.plan(release_at=services.clock.now())
    await make.registration(services, await bound(services), on=plan, outcome="failed", score=41)
    [item] = (await results_view(services, ME))["items"]
    assert (item["outcome_name"], item["advice"]) == (
        "未通过",
        f"本次考试未通过。您可以再次报考，请联系{item['school']}。",
    )
    [notice] = (await certificates_view(services, ME))["notices"]
    assert (notice["code"], notice["title"]) == ("not_passed", "考证结果：未通过")


@pytest.mark.parametrize("release_at", [None, RELEASE])
async def test_before_release_the_answer_is_the_same_whatever_is_on_record(
    services: Services, release_at: datetime | None
) -> None:
    plan, site = await make.plan(release_at=release_at), await make.site()
    outcomes = {"passed": 87.5, "failed": 12.0, "absent": None, "pending": None, "misconduct": None}
    answers = set()
    for serial, (outcome, score) in enumerate(outcomes.items()):
        who = WeChatIdentity("oa", f"openid-{serial}")
        candidate = await bound(
            services, who, number=make.id_number(10_000 * serial + 1, date(1999, 1, 1 + serial))
        )
        await make.registration(services, candidate, on=plan, at=site, outcome=outcome, score=score)
        for door in (results_door, certificates_door):
            sent, standing = await door.read(services, who)
            body = orjson.loads(sent)
            body["candidate"] = None  # each is told who they are
            answers.add((door.__name__, orjson.dumps(body), standing.until))
    assert len(answers) == 2
    said = " ".join(body.decode() for _, body, _ in answers)
    for word in ("87.5", "passed", "failed", "absent", "misconduct", "通过", "缺考", "违纪"):
        assert word not in said.replace("合格考生", "")
    if release_at:
        assert "2026年11月24日 09:00" in said and '"until":"2026-11-24T09:00:00+08:00"' in said
    else:
        assert "公布时间尚未确定" in said


async def test_scores_that_arrive_before_release_change_no_byte_and_no_tag(services: Services) -> None:
    registration = await make.registration(
        services, await bound(services), on=await make.plan(release_at=RELEASE), outcome="pending"
    )
    before = await ReadyAnswers().get(services, "results", ME, results_door.read)
    await Score.create(registration=registration, subject=make.SUBJECT, score=Decimal(88), status="scored")
    await Registration.filter(id=registration.id).update(outcome="passed")
    after = await ReadyAnswers().get(services, "results", ME, results_door.read)
    assert (after.body, after.etag) == (before.body, before.etag)


async def test_released_to_the_second(services: Services) -> None:
    await make.registration(services, await bound(services), on=await make.plan(release_at=RELEASE))
    services.clock.set(RELEASE - timedelta(seconds=1))  # type: ignore[attr-defined]
    early = await results_view(services, ME)
    assert (early["items"], early["notices"][0]["code"]) == ([], "not_released")
    services.clock.set(RELEASE)  # type: ignore[attr-defined]
    due = await results_view(services, ME)
    assert (len(due["items"]), due["notices"]) == (1, [])


async def test_another_persons_results_are_not_mine(services: Services) -> None:
    await bound(services)
    plan = await make.plan(release_at=services.clock.now())
    other = WeChatIdentity("oa", "openid-other")
    await make.registration(services, await bound(services, other, "李四"), on=plan)
    assert (await results_view(services, ME))["items"] == []
    assert (await results_view(services, WeChatIdentity("mp", "openid-other")))["bound"] is False


@pytest.mark.rule("S12")
@pytest.mark.rule("S15")
@pytest.mark.rule("S90")
async def test_a_valid_certificate_says_what_it_is(services: Services) -> None:
    plan = await make.plan("某考试计划", release_at=services.clock.now())
    registration = await make.registration(services, await bound(services), on=plan)
    await certificate(registration, portal_number="GJ2026000001")
    view = await certificates_view(services, ME)
    assert view["items"] == [
        {
            "number": "23SPS100000001W",
            "state": "valid",
            "state_name": "有效",
            "certificate": make.KIND,
            "level": "primary",
            "level_name": "初级",
            "standard": "2021年3.0版",
            "certifies": "科普宣教、问题识别、人际沟通与干预，共 3 个工作领域、9 项工作任务",
            "plan": "某考试计划",
            "exam_date": "2023-09-22",
            "issued_on": "2026-11-20",
            "issued_at": "2026-11-20T10:00:00+08:00",
            "school": "京华职业技术学院",
            "issuer": "北京中文在线教育科技发展有限公司",
            "portal_number": "GJ2026000001",
            "expires_on": None,
            "revoked_at": None,
            "revoke_reason": None,
            "superseded_by": None,
            "superseded_at": None,
            "advice": "",
            "verification_url": "http://127.0.0.1:8000/v/code23SPS100000001W",
        }
    ]
    assert (view["withheld"], view["notices"]) == ([], [])
    found = await lookups.certificate(services, ME, "23SPS100000001W")
    assert found is not None and found.number == "23SPS100000001W"
    assert await lookups.certificate(services, ME, "23SPS100000002U") is None


async def test_a_revoked_certificate_says_since_when_and_why(services: Services) -> None:
    plan = await make.plan(release_at=services.clock.now())
    registration = await make.registration(services, await bound(services), on=plan)
    when = datetime(2026, 11, 22, 7, 30, tzinfo=UTC)
    await certificate(registration, state="revoked", revoked_at=when, revoke_reason="考试违纪")
    [item] = (await certificates_view(services, ME))["items"]
    assert (item["state"], item["state_name"], item["revoked_at"], item["revoke_reason"]) == (
        "revoked", "已撤销", "2026-11-22T15:30:00+08:00", "考试违纪",
    )  # fmt: skip
    assert item["advice"] == (
        "该证书已于 2026年11月22日 15:30 撤销，不再有效。撤销原因：考试违纪。"
        f"如有疑问，请联系{item['school']}。"
    )


async def test_a_superseded_certificate_names_its_successor(services: Services) -> None:
    plan = await make.plan(release_at=services.clock.now())
    registration = await make.registration(services, await bound(services), on=plan)
    new = await certificate(registration, "23SPS100000002U")
    when = datetime(2026, 11, 22, 7, 30, tzinfo=UTC)
    await certificate(
        registration, state="superseded", superseded_by=new, superseded_at=when, superseded_word="姓名更正"
    )
    first, second = (await certificates_view(services, ME))["items"]
    assert {first["number"], second["number"]} == {"23SPS100000001W", "23SPS100000002U"}
    old = first if first["state"] == "superseded" else second
    assert (old["superseded_by"], old["advice"]) == (
        "23SPS100000002U",
        "该证书因姓名更正，已于 2026年11月22日 15:30 换发，不再有效。请使用新证书 23SPS100000002U。",
    )


@pytest.mark.rule("S13")
@pytest.mark.parametrize(
    ("practice", "supervision", "missing", "said"),
    [
        (
            None,
            None,
            {"supervision_hours": 50.0, "practice_hours": 125.0},
            "督导还差 50 小时、实践还差 125 小时",
        ),
        ("125.0", "20.5", {"supervision_hours": 29.5}, "督导还差 29.5 小时"),
    ],
)
async def test_withheld_for_hours_says_what_is_missing(
    services: Services, practice: str | None, supervision: str | None, missing: dict[str, float], said: str
) -> None:
    me = await bound(services)
    plan = await make.plan(release_at=services.clock.now(), requires_practice=True)
    await make.registration(services, me, on=plan, at=await make.site(level=Level.INTERMEDIATE))
    if practice and supervision:
        await PracticeRecord.create(
            candidate=me,
            level="intermediate",
            practice_hours=Decimal(practice),
            supervision_hours=Decimal(supervision),
        )
    view = await certificates_view(services, ME)
    [held] = view["withheld"]
    assert (view["items"], view["notices"]) == ([], [])
    assert (held["code"], held["missing"]) == ("practice_missing", missing)
    assert said in held["detail"]


@pytest.mark.rule("S13")
async def test_enough_hours_or_no_such_demand_withhold_nothing(services: Services) -> None:
    me, site = await bound(services), await make.site(level=Level.INTERMEDIATE)
    await make.registration(services, me, on=await make.plan(release_at=services.clock.now()), at=site)
    asking = await make.plan(release_at=services.clock.now(), requires_practice=True)
    await make.registration(services, me, on=asking, at=site)
    await PracticeRecord.create(
        candidate=me, level="intermediate", practice_hours=Decimal(125), supervision_hours=Decimal(50)
    )
    held = (await certificates_view(services, ME))["withheld"]
    assert [row["code"] for row in held] == ["in_preparation", "in_preparation"]


@pytest.mark.rule("S89")
@pytest.mark.parametrize(
    ("batch", "code", "title"),
    [
        ("prepared", "in_preparation", "证书准备中"),
        ("returned", "in_preparation", "证书准备中"),
        ("site_pending", "awaiting_school", "待院校签发"),
        ("school_signed", "in_production", "证书生成中"),
        ("generating", "in_production", "证书生成中"),
    ],
)
async def test_a_certificate_under_way_says_where_it_is(
    services: Services, batch: str, code: str, title: str
) -> None:
    plan = await make.plan(release_at=services.clock.now())
    registration = await make.registration(services, await bound(services), on=plan)
    await certificate(registration, batch=batch, state="valid" if batch == "generating" else "reserved")
    view = await certificates_view(services, ME)
    assert view["items"] == []
    assert [(held["code"], held["title"]) for held in view["withheld"]] == [(code, title)]


async def test_changed_is_undone_with_its_transaction(services: Services) -> None:
    with pytest.raises(RuntimeError):
        async with in_transaction():
            await lookups.changed()
            raise RuntimeError("the release failed")
    assert await LookupChange.all().count() == 0


@pytest.mark.parametrize("account", ["oa", "mp"])
async def test_what_changed_for_a_person_is_kept_without_their_openid(
    services: Services, account: str
) -> None:
    who = WeChatIdentity(account, "oNobodyShallReadThis00000001")
    await make.candidate(services, "崔子涵", NUMBER)
    await bindings.bind(services, who, "崔子涵", NUMBER, caller=Caller("203.0.113.9"))
    await bindings.unbind(services, who, caller=Caller("203.0.113.9"))
    kept = [change.scope for change in await LookupChange.all().order_by("id")]
    mine = lookups.scope_of(account, who.openid)
    assert [scope for scope in kept if scope.startswith(f"{account}:")] == [mine, mine]
    assert [scope for scope in kept if who.openid in scope] == []
    other = "mp" if account == "oa" else "oa"
    assert len({mine, lookups.scope_of(other, who.openid), lookups.scope_of(account, "o2")}) == 3


async def test_the_sweep_forgets_old_changes_and_keeps_the_newest(services: Services) -> None:
    for day in (1, 2, 3):
        await LookupChange.create(scope="*", at=datetime(2020, 1, day, tzinfo=UTC))
    assert await lookups.sweep(services) == 2
    assert [change.at.day for change in await LookupChange.all()] == [3]
    await lookups.changed()
    assert await lookups.sweep(services) == 1
    assert [change.scope for change in await LookupChange.all()] == ["*"]
