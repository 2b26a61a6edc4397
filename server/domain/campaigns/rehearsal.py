"""A campaign before it is sent: how it reads for a real person, and one message to oneself.

A test message goes to the WeChat of whoever asks for it, never to anybody of the audience. Staff link their WeChat by
writing a code, which the console shows them, to the official account.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from hashlib import sha256

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.campaigns import audience_queries, transitions
from server.domain.campaigns.audience import Audience
from server.domain.campaigns.audience_queries import SamplePerson
from server.domain.campaigns.letters import Way, ranked
from server.domain.notices import keywords
from server.domain.ports import Cache, Clock, Services
from server.domain.roles import Verb
from server.errors import Conflict, NotFound, Refused, TooMany, WeChatRefused
from server.models import Campaign, Registration, StaffWeChat

CODE_SECONDS = 600
TESTS, TESTS_WINDOW = 20, 3600  # of one member of staff, seconds
TRIES = 10  # codes that one WeChat may try in ten minutes
_CODE = re.compile(r"试发\s*([0-9]{6})")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a message: what people read before the value, the value, and what WeChat would find wrong with it."""

    label: str
    value: str
    fault: str


@dataclass(frozen=True, slots=True)
class Preview:
    """A message as somebody would get it."""

    channel: str
    title: str
    lines: list[Line]
    path: str


async def preview(
    clock: Clock, campaign_id: int, admission_number: str = "", *, actor: Actor
) -> list[Preview]:
    """The message in each of its channels, with the fields of a person of the audience: this one, or the first.

    Raises:
        Forbidden: role_not_allowed. NotFound: campaign_unknown, person_unknown.
    """
    roles.require(actor, Verb.SEND_CAMPAIGNS)
    campaign = await _campaign(campaign_id)
    person = await _person(clock, campaign, admission_number)
    await audit_log.record(clock, actor, "campaign.preview", "campaign", campaign.id)
    return [_shown(Way.of(way), person, campaign.path) for way in campaign.ways]


async def test_send(s: Services, campaign_id: int, admission_number: str = "", *, actor: Actor) -> None:
    """One message of the campaign to one's own WeChat, by template message, with a person's fields.

    Raises:
        Forbidden: role_not_allowed. NotFound: campaign_unknown, person_unknown. TooMany: tests_too_many.
        Conflict: wechat_not_linked, no_template_message. Refused: test_refused — WeChat's reason in words.
        OutsideFailure: WeChat does not answer.
    """
    roles.require(actor, Verb.SEND_CAMPAIGNS)
    campaign = await _campaign(campaign_id)
    way = next((Way.of(way) for way in campaign.ways if way["channel"] == "template"), None)
    if way is None:
        message = "这个群发没有公众号模板消息，订阅消息要用掉授权，不能试发；请看预览。"
        raise Conflict("no_template_message", message)
    mine = await StaffWeChat.get_or_none(staff_id=actor.id)
    if mine is None:
        message = "还没有登记您接收试发的微信，请先取登记码，在公众号里发送。"
        raise Conflict("wechat_not_linked", message)
    person = await _person(s.clock, campaign, admission_number)
    if await s.rate_limiter.hit(f"campaign-tests:{actor.id}", window=TESTS_WINDOW) > TESTS:
        raise TooMany("tests_too_many", "试发太频繁，请一小时后再试。", retry_after=TESTS_WINDOW)
    url = s.settings.public_url + campaign.path if campaign.path else None
    try:
        await s.wechat_sender.send_template(
            mine.openid,
            way.template,
            way.filled(person.values),
            url=url,
            dedup_id=f"test:{campaign.id}:{secrets.token_hex(8)}",
        )
    except WeChatRefused as refusal:
        why = f"：{refusal.why}" if refusal.why else ""
        raise Refused(
            "test_refused", f"微信没有收下这条试发（{refusal}{why}），请按原因修改后再试。"
        ) from None
    await audit_log.record(s.clock, actor, "campaign.test_send", "campaign", campaign.id)


async def link_code(cache: Cache, *, actor: Actor) -> str:
    """Six digits by which, within ten minutes, a WeChat becomes this account's own. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.SEND_CAMPAIGNS)
    code = f"{secrets.randbelow(10**6):06d}"
    await cache.set(_key(code), f"{actor.id} {actor.name}".encode(), seconds=CODE_SECONDS)
    return code


async def linked(s: Services, openid: str, text: str) -> str:
    """What answers a message to the official account that is such a code; "" when it is something else.

    Raises:
        OutsideFailure: the cache is away.
    """
    match = _CODE.fullmatch(text.strip())
    if match is None:
        return ""
    somebody = sha256(openid.encode()).hexdigest()[:32]
    if await s.rate_limiter.hit(f"campaign-links:{somebody}", window=CODE_SECONDS) > TRIES:
        return "尝试太频繁，请十分钟后再试。"
    [kept] = await s.cache.take(_key(match[1]))
    if kept is None:
        return "登记码不对或已过期，请在工作台重新获取。"
    staff_id, _, name = kept.decode().partition(" ")
    await StaffWeChat.update_or_create(
        staff_id=int(staff_id), defaults={"openid": openid, "linked_at": s.clock.now()}
    )
    actor = Actor("staff", int(staff_id), name)
    await audit_log.record(s.clock, actor, "staff.link_wechat", "staff", int(staff_id))
    return f"已登记为{name}接收试发的微信。"


def _key(code: str) -> str:
    return f"campaigns:link:{code}"


async def _campaign(campaign_id: int) -> Campaign:
    campaign = await Campaign.get_or_none(id=campaign_id)
    if campaign is None:
        raise transitions.unknown()
    return campaign


async def _person(clock: Clock, campaign: Campaign, admission_number: str) -> SamplePerson:
    ways = ranked([Way.of(way) for way in campaign.ways])
    chosen, now = Audience.of(campaign.audience), clock.now()
    if admission_number:
        found = await Registration.filter(admission_number=admission_number.strip()).first()
        wanted = [found.candidate_id] if found is not None else []
    else:
        wanted = await audience_queries.first(chosen, now, campaign.id)
    people = await audience_queries.sample(chosen, ways, now, campaign.id, wanted) if wanted else []
    if people:
        return people[0]
    raise NotFound("person_unknown", "受众里没有这个人，请核对准考证号，或不填，用名单里的第一个人。")


def _shown(way: Way, person: SamplePerson, path: str) -> Preview:
    filled = way.filled(person.values)
    faults = keywords.check(filled)
    lines = [
        Line(label, filled[keyword], faults.get(keyword, ""))
        for keyword, label in way.labels.items()
        if keyword in filled
    ]
    return Preview(way.channel, way.title, lines, path)
