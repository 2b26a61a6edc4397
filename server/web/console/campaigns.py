"""群发: written, approved and controlled by staff, and the people of each."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from pydantic import Field

from server.domain.campaigns import (
    campaign_views,
    delivery_list,
    drafts,
    handling,
    letters,
    lists,
    rehearsal,
    unsaved_count,
)
from server.domain.campaigns.audience import BINDING, CERTIFICATE, LEVELS, MOST, OUTCOMES, PAYMENT, Audience
from server.domain.campaigns.campaign_views import CampaignView
from server.domain.campaigns.delivery_queries import Wanted
from server.domain.campaigns.drafts import Draft
from server.domain.campaigns.kinds import CampaignKind
from server.domain.campaigns.letters import Way
from server.domain.campaigns.person_fields import PERSON_FIELDS
from server.domain.campaigns.states import CampaignState
from server.domain.campaigns.unsaved_count import Unsaved
from server.domain.notices.states import NoticeState
from server.domain.notices.topics import CHANNELS
from server.domain.roles import Verb
from server.errors import FieldError, Invalid
from server.web.console import campaign_answers as a
from server.web.console.answers import Id, Page
from server.web.console.auth import Call
from server.web.console.deliveries import DeliveryState, shown
from server.web.console.paging import Paging, page_of
from server.web.routes import Route
from server.web.schema import Input, Moment, OneOf, Whole

Choice = Annotated[str, Field(max_length=20)]


class CampaignQuery(Paging):
    state: Annotated[str | None, OneOf(CampaignState)] = None


class OfCampaign(Paging):
    state: DeliveryState = None


class FieldInput(Input):
    keyword: str = Field(min_length=1, max_length=40, description="模板的关键词，例如 thing1")
    constant: str | None = Field(default=None, max_length=60, description="人人一样的文字")
    person: str | None = Field(
        default=None, max_length=30, description="或取自每个人：" + "、".join(PERSON_FIELDS)
    )


class WayInput(Input):
    channel: Annotated[str, OneOf(CHANNELS)]
    template: str = Field(min_length=1, max_length=100, description="账号里的模板编号")
    fields: list[FieldInput] = Field(max_length=20)


class AudienceInput(Input):
    plans: list[Whole] = Field(default=[], max_length=MOST)
    levels: list[Choice] = Field(default=[], max_length=len(LEVELS), description="、".join(LEVELS))
    schools: list[Whole] = Field(default=[], max_length=MOST)
    outcomes: list[Choice] = Field(
        default=[], max_length=len(OUTCOMES), description="只限已公布的：" + "、".join(OUTCOMES)
    )
    payment: list[Choice] = Field(default=[], max_length=len(PAYMENT), description="、".join(PAYMENT))
    certificate: Annotated[str | None, OneOf(CERTIFICATE)] = None
    binding: Annotated[str | None, OneOf(BINDING)] = None
    uses_list: bool = Field(default=False, description="只发给上传的名单里的人")


class CampaignInput(Input):
    name: str = Field(min_length=1, max_length=60)
    kind: Annotated[str, OneOf(CampaignKind)] = Field(description="同一类的两个群发不会同时发给同一个人")
    ways: list[WayInput] = Field(min_length=1, max_length=len(CHANNELS), description="先后就是优先的次序")
    audience: AudienceInput
    path: str | None = Field(default=None, max_length=200, description="点开的手机页，例如 /h5/orders")
    start_at: Moment | None = Field(default=None, description="批准以后到这时自动开始；不填：由人开始")
    not_after: Moment = Field(description="从这时起不再发")
    quiet_from: str | None = Field(default=None, max_length=5, description="免打扰从几点（北京），如 22:00")
    quiet_until: str | None = Field(default=None, max_length=5)
    per_second: int = Field(default=10, ge=1, le=drafts.MOST_PER_SECOND)
    per_day: int = Field(default=50_000, ge=1, le=10_000_000)


class ChosenWay(Input):
    channel: Annotated[str, OneOf(CHANNELS)]
    template: str = Field(min_length=1, max_length=100)


class CountInput(Input):
    kind: Annotated[str, OneOf(CampaignKind)]
    audience: AudienceInput
    ways: list[ChosenWay] = Field(default=[], max_length=len(CHANNELS), description="已经选好的模板")
    campaign_id: Whole | None = Field(default=None, description="名单已经上传在哪个草稿里")


class Declined(Input):
    note: str = Field(min_length=1, max_length=200, description="为什么不批准")


class Begin(Input):
    at: Moment | None = Field(default=None, description="到这时开始；不填：立即")


class PaceInput(Input):
    per_second: int = Field(ge=1, le=drafts.MOST_PER_SECOND)
    per_day: int = Field(ge=1, le=10_000_000)


class ListForm(Input):
    campaign_id: Whole


class ForPerson(Input):
    admission_number: str | None = Field(
        default=None, max_length=40, description="用谁的信息；不填：名单里的第一个人"
    )


async def listing(call: Call, query: CampaignQuery) -> Page[a.Campaign]:
    found = await campaign_views.page(
        call.s.settings, call.s.clock, actor=call.actor, state=query.state, after=query.after, size=query.size
    )
    return page_of(a.Campaign, [_campaign(one) for one in found.items], found.next_cursor, found.before)


async def one(call: Call, campaign_id: int) -> a.Campaign:
    return _campaign(await campaign_views.one(call.s.settings, call.s.clock, campaign_id, actor=call.actor))


async def choices(call: Call) -> a.CampaignChoices:
    templates = await letters.offered(call.s.settings, call.s.wechat_console, actor=call.actor)
    return a.CampaignChoices(
        templates=[
            a.CampaignTemplate(
                channel=one.channel,
                template=one.template,
                title=one.title,
                keywords=[a.TemplateKeyword(keyword=word, label=label) for word, label in one.labels.items()],
            )
            for one in templates
        ],
        person_fields=[a.PersonField(name=name, label=one.label) for name, one in PERSON_FIELDS.items()],
    )


async def create(call: Call, body: CampaignInput) -> Id:
    made = await drafts.create(call.s, _draft(body), actor=call.actor)
    return Id(id=made.id)


async def rewrite(call: Call, body: CampaignInput, campaign_id: int) -> None:
    await drafts.rewrite(call.s, campaign_id, _draft(body), actor=call.actor)


async def hand_in(call: Call, form: ListForm) -> a.ListCounts:
    file = call.request.files.get("file") if call.request.files else None
    if file is None:
        raise Invalid(errors=[FieldError("/file", "missing", "请附上名单。")])
    counts = await lists.hand_in(call.s, form.campaign_id, file.body, actor=call.actor)
    return a.ListCounts.model_validate(asdict(counts))


async def audience(call: Call, campaign_id: int) -> a.AudienceShown:
    found = await campaign_views.audience(call.s.clock, campaign_id, actor=call.actor)
    return a.AudienceShown.model_validate(found)


async def count(call: Call, body: CountInput) -> a.AudienceCount:
    form = Unsaved(
        kind=body.kind,
        audience=_audience(body.audience),
        ways=[Way(channel=way.channel, template=way.template) for way in body.ways],
        campaign_id=body.campaign_id or 0,
    )
    return a.AudienceCount.model_validate(await unsaved_count.count(call.s, form, actor=call.actor))


async def preview(call: Call, body: ForPerson, campaign_id: int) -> a.Previews:
    number = body.admission_number or ""
    found = await rehearsal.preview(call.s.clock, campaign_id, number, actor=call.actor)
    return a.Previews(items=[a.CampaignPreview.model_validate(one) for one in found])


async def test_send(call: Call, body: ForPerson, campaign_id: int) -> None:
    await rehearsal.test_send(call.s, campaign_id, body.admission_number or "", actor=call.actor)


async def link_code(call: Call) -> a.LinkCode:
    return a.LinkCode(text=f"试发 {await rehearsal.link_code(call.s.cache, actor=call.actor)}")


async def submit(call: Call, campaign_id: int) -> None:
    await handling.submit(call.s, campaign_id, actor=call.actor)


async def withdraw(call: Call, campaign_id: int) -> None:
    await handling.withdraw(call.s.clock, call.s.queue, campaign_id, actor=call.actor)


async def approve(call: Call, campaign_id: int) -> None:
    await handling.approve(call.s.clock, campaign_id, actor=call.actor)


async def decline(call: Call, body: Declined, campaign_id: int) -> None:
    await handling.decline(call.s.clock, call.s.queue, campaign_id, body.note, actor=call.actor)


async def start(call: Call, body: Begin, campaign_id: int) -> None:
    await handling.start(call.s.clock, call.s.queue, campaign_id, at=body.at, actor=call.actor)


async def pause(call: Call, campaign_id: int) -> None:
    await handling.pause(call.s.clock, campaign_id, actor=call.actor)


async def resume(call: Call, campaign_id: int) -> None:
    await handling.resume(call.s.clock, call.s.queue, campaign_id, actor=call.actor)


async def cancel(call: Call, campaign_id: int) -> None:
    await handling.cancel(call.s.clock, call.s.queue, campaign_id, actor=call.actor)


async def retry_failed(call: Call, campaign_id: int) -> a.Retried:
    count = await handling.retry_failed(call.s.clock, call.s.queue, campaign_id, actor=call.actor)
    return a.Retried(count=count)


async def pace(call: Call, body: PaceInput, campaign_id: int) -> None:
    s = call.s
    await handling.set_pace(s.settings, s.clock, s.queue, campaign_id, **body.model_dump(), actor=call.actor)


async def of_campaign(call: Call, query: OfCampaign, campaign_id: int) -> Page[a.Delivery]:
    await campaign_views.one(call.s.settings, call.s.clock, campaign_id, actor=call.actor)
    wanted = Wanted(campaign_id=campaign_id, state=query.state)
    found = await delivery_list.page(wanted, actor=call.actor, after=query.after, size=query.size)
    return page_of(a.Delivery, [shown(one) for one in found.items], found.next_cursor, found.before)


def _draft(body: CampaignInput) -> Draft:
    if errors := [
        FieldError(f"/ways/{place}/fields/{index}", "field_one_of", "固定文字和取自每个人，只能填一项。")
        for place, way in enumerate(body.ways)
        for index, field in enumerate(way.fields)
        if (field.constant is None) == (field.person is None)
    ]:
        raise Invalid(errors=errors)
    return Draft(
        name=body.name,
        kind=body.kind,
        ways=[
            Way(
                channel=way.channel,
                template=way.template,
                constants={one.keyword: one.constant for one in way.fields if one.constant is not None},
                personal={one.keyword: one.person for one in way.fields if one.person is not None},
            )
            for way in body.ways
        ],
        audience=_audience(body.audience),
        path=body.path or "",
        start_at=body.start_at,
        not_after=body.not_after,
        quiet_from=body.quiet_from or "",
        quiet_until=body.quiet_until or "",
        per_second=body.per_second,
        per_day=body.per_day,
    )


def _audience(chosen: AudienceInput) -> Audience:
    return Audience(
        plans=tuple(chosen.plans),
        levels=tuple(chosen.levels),
        schools=tuple(chosen.schools),
        outcomes=tuple(chosen.outcomes),
        payment=tuple(chosen.payment),
        certificate=chosen.certificate or "",
        binding=chosen.binding or "",
        uses_list=chosen.uses_list,
    )


def _campaign(one: CampaignView) -> a.Campaign:
    row = one.campaign
    return a.Campaign(
        id=row.id,
        name=row.name,
        kind=row.kind,
        kind_label=one.kind.label if one.kind else row.kind,
        state=one.state.value,
        state_label=one.state.label,
        note=row.note,
        ways=[_way(way) for way in one.ways],
        path=row.path,
        audience=a.CampaignAudience.model_validate(one.audience.as_json()),
        start_at=row.start_at,
        not_after=row.not_after,
        quiet_from=row.quiet_from,
        quiet_until=row.quiet_until,
        per_second=row.per_second,
        per_day=row.per_day,
        author_name=row.author_name,
        submitted_by_name=row.submitted_by_name,
        submitted_at=row.submitted_at,
        decided_by_name=row.decided_by_name,
        decided_at=row.decided_at,
        frozen_at=row.frozen_at,
        people=row.people,
        reachable=row.reachable,
        ends=[
            a.StateCount(state=state.value, state_label=state.label, count=one.ends[state])
            for state in NoticeState
            if state in one.ends
        ],
        counted_at=one.counted_at,
        calls_today=row.calls_today,
        rest_until=row.rest_until,
        done_by=one.done_by,
        started_at=row.started_at,
        ended_at=row.ended_at,
        created_at=row.created_at,
    )


def _way(way: Way) -> a.CampaignWay:
    return a.CampaignWay(
        channel=way.channel,
        template=way.template,
        title=way.title,
        fields=[
            a.CampaignField(
                keyword=keyword,
                label=label,
                constant=way.constants.get(keyword),
                person=way.personal.get(keyword),
            )
            for keyword, label in way.labels.items()
        ],
    )


_ONE = "/campaigns/<campaign_id:int>"
SEE, SEND, APPROVE = Verb.SEE_CAMPAIGNS, Verb.SEND_CAMPAIGNS, Verb.APPROVE_CAMPAIGN
ROUTES = [
    Route("GET", "/campaigns", listing, "群发", takes=CampaignQuery, gives=Page[a.Campaign], verb=SEE),
    Route("POST", "/campaigns", create, "起草一个群发，什么也不发", takes=CampaignInput, gives=Id, status=201, creates=True, verb=SEND),
    Route("GET", "/campaigns/choices", choices, "可用的模板和每个人的信息", gives=a.CampaignChoices, verb=SEND),
    Route("POST", "/campaigns/count", count, "照没有保存的表单数人，什么也不存", takes=CountInput, gives=a.AudienceCount, verb=SEND),
    Route("GET", _ONE, one, "一个群发，发到哪里了", gives=a.Campaign, verb=SEE),
    Route("PUT", _ONE, rewrite, "重写草稿", takes=CampaignInput, status=204, verb=SEND),
    Route("POST", "/campaigns/lists", hand_in, "上传草稿的名单：准考证号或证件号码一列；替换原来的", takes=ListForm, gives=a.ListCounts, file=True, verb=SEND),
    Route("GET", f"{_ONE}/audience", audience, "多少人，哪些人送不到、为什么", gives=a.AudienceShown, verb=SEE),
    Route("POST", f"{_ONE}/preview", preview, "用一个真人的信息看消息的样子", takes=ForPerson, gives=a.Previews, verb=SEND),
    Route("POST", f"{_ONE}/test-send", test_send, "发一条给自己的微信", takes=ForPerson, status=204, verb=SEND),
    Route("POST", "/campaigns/link-code", link_code, "登记自己接收试发的微信", gives=a.LinkCode, verb=SEND),
    Route("POST", f"{_ONE}/submit", submit, "提交批准；名单写成快照", status=204, verb=SEND),
    Route("POST", f"{_ONE}/withdraw", withdraw, "退回修改", status=204, verb=SEND),
    Route("POST", f"{_ONE}/approve", approve, "批准；不能是起草或提交的人", status=204, verb=APPROVE),
    Route("POST", f"{_ONE}/decline", decline, "不批准，退回草稿", takes=Declined, status=204, verb=APPROVE),
    Route("POST", f"{_ONE}/start", start, "开始，立即或到一个时间", takes=Begin, status=204, verb=SEND),
    Route("POST", f"{_ONE}/pause", pause, "暂停", status=204, verb=SEND),
    Route("POST", f"{_ONE}/resume", resume, "继续", status=204, verb=SEND),
    Route("POST", f"{_ONE}/cancel", cancel, "取消；还没有发的不再发", status=204, verb=SEND),
    Route("POST", f"{_ONE}/retry-failed", retry_failed, "只重发确定失败的", gives=a.Retried, verb=SEND),
    Route("POST", f"{_ONE}/pace", pace, "改速度，发送中也可以", takes=PaceInput, status=204, verb=SEND),
    Route("GET", f"{_ONE}/deliveries", of_campaign, "群发的每个人", takes=OfCampaign, gives=Page[a.Delivery], verb=SEE),
]  # fmt: skip
