"""What a campaign says: the account's template in each channel, its fields filled from constants and from the person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from server.domain import roles
from server.domain.actor import Actor
from server.domain.campaigns.person_fields import PERSON_FIELDS
from server.domain.notices import keywords
from server.domain.notices.short_names import short_plan
from server.domain.notices.topics import CHANNELS, topic_of
from server.domain.ports import MessageTemplate, WeChatConsole
from server.domain.roles import Verb
from server.errors import FieldError, Invalid
from server.settings import Settings

TOPIC = "campaign"  # of a template message; a subscription message is of the topic whose grants it spends


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One channel, with the template that is sent there.

    Attributes:
        constants: keyword → text, the same for everybody.
        personal: keyword → name in `PERSON_FIELDS`.
        title, labels: as WeChat keeps them: what people read.
        topic: whose grants a subscription message spends.
    """

    channel: str
    template: str
    constants: Mapping[str, str] = field(default_factory=dict)
    personal: Mapping[str, str] = field(default_factory=dict)
    title: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    topic: str = TOPIC

    @property
    def account(self) -> str:
        return CHANNELS[self.channel]

    def as_json(self) -> dict[str, Any]:
        return {
            "channel": self.channel,
            "template": self.template,
            "constants": dict(self.constants),
            "personal": dict(self.personal),
            "title": self.title,
            "labels": [list(pair) for pair in self.labels.items()],  # in WeChat's order
            "topic": self.topic,
        }

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Way:
        """What `as_json` wrote."""
        return cls(**{**kept, "labels": dict(kept["labels"])})

    def filled(self, values: Mapping[str, str]) -> dict[str, str]:
        """The template's values for somebody.

        Args:
            values: the person's, by the names of `PERSON_FIELDS`; what they lack is said as `无`.
        """
        return {keyword: _constant(keyword, text) for keyword, text in self.constants.items()} | {
            keyword: _fitted(keyword, name, values.get(name, "")) for keyword, name in self.personal.items()
        }


_constant = lru_cache(maxsize=500)(keywords.fit)  # nobody's: the same in a million messages
_plan = lru_cache(maxsize=500)(short_plan)


def _fitted(keyword: str, name: str, value: str) -> str:
    if name == "plan" and keywords.kind_of(keyword) == "thing":
        return _plan(value) if value else keywords.NOTHING
    return keywords.fit(keyword, value)


def wanted_fields(ways: Sequence[Way]) -> list[str]:
    """The names of the person's fields that any of the ways says."""
    return sorted({name for way in ways for name in way.personal.values()})


def ranked(ways: Sequence[Way]) -> list[dict[str, Any]]:
    """The ways as the audience's SQL takes them, best first."""
    return [
        {"channel": way.channel, "account": way.account, "topic": way.topic, "rank": rank}
        for rank, way in enumerate(ways)
    ]


def with_topics(settings: Settings, ways: Sequence[Way]) -> list[Way]:
    """Those of them that can be sent, each with whose grants it spends. WeChat is not asked."""
    topics = [(way, _topic(settings, way)) for way in ways]
    return [replace(way, topic=topic) for way, topic in topics if topic is not None]


async def checked(settings: Settings, console: WeChatConsole, ways: Sequence[Way]) -> list[Way]:
    """The ways with what WeChat keeps of their templates. Asks WeChat: not inside a transaction.

    Raises:
        Invalid: ways_empty, channel_twice, template_unknown, grants_unknown, keyword_unknown, keyword_missing,
            field_unknown, value_wrong.
        OutsideFailure: WeChat does not say which templates the account has.
    """
    if not ways:
        raise Invalid(errors=[FieldError("/ways", "ways_empty", "请至少选择一个消息模板。")])
    if len({way.channel for way in ways}) != len(ways):
        raise Invalid(errors=[FieldError("/ways", "channel_twice", "每种渠道只能选一个模板。")])
    templates = {
        account: {one.id: one for one in await console.templates(account)}
        for account in sorted({way.account for way in ways})
    }
    errors: list[FieldError] = []
    found: list[Way] = []
    for place, way in enumerate(ways):
        template = templates[way.account].get(way.template)
        topic = _topic(settings, way)
        if template is None or topic is None:
            errors.append(_no_template(place, is_known=template is not None))
            continue
        faults = _faults(way, template, f"/ways/{place}/fields")
        errors += faults
        if not faults:
            found.append(
                Way(
                    channel=way.channel,
                    template=way.template,
                    constants=dict(way.constants),
                    personal=dict(way.personal),
                    title=template.title,
                    labels=dict(template.keywords),
                    topic=topic,
                )
            )
    if errors:
        raise Invalid(errors=errors)
    return found


async def offered(settings: Settings, console: WeChatConsole, *, actor: Actor) -> list[Way]:
    """Every template of the accounts that a campaign may use, without any field filled. Asks WeChat.

    Raises Forbidden: role_not_allowed; OutsideFailure: WeChat does not say which templates the accounts have.
    """
    roles.require(actor, Verb.SEND_CAMPAIGNS)
    templates = {account: await console.templates(account) for account in sorted(set(CHANNELS.values()))}
    found = []
    for channel, account in CHANNELS.items():
        for one in templates[account]:
            way = Way(channel=channel, template=one.id, title=one.title, labels=dict(one.keywords))
            is_subscription = topic_of(settings, account, one.id) is not None
            if is_subscription == (channel != "template"):
                found.append(way)
    return found


def _topic(settings: Settings, way: Way) -> str | None:
    """Whose grants it spends; None: nobody was ever asked for grants of this template."""
    if way.channel == "template":
        return TOPIC
    topic = topic_of(settings, way.account, way.template)
    return topic.name if topic is not None else None


def _no_template(place: int, *, is_known: bool) -> FieldError:
    pointer = f"/ways/{place}/template"
    if is_known:
        sentence = (
            "这个模板没有向考生征求过订阅授权，发不出去；请选系统通知用的订阅模板，或改用公众号模板消息。"
        )
        return FieldError(pointer, "grants_unknown", sentence)
    return FieldError(pointer, "template_unknown", "账号里没有这个模板，请在微信后台添加后刷新再选。")


def _faults(way: Way, template: MessageTemplate, pointer: str) -> list[FieldError]:
    given = {**way.constants, **way.personal}
    errors = [
        FieldError(f"{pointer}/{keyword}", "keyword_unknown", "模板里没有这个关键词，请删除。")
        for keyword in sorted(given.keys() - template.keywords.keys())
    ]
    errors += [
        FieldError(f"{pointer}/{keyword}", "keyword_missing", f"请填写“{template.keywords[keyword]}”。")
        for keyword in sorted(template.keywords.keys() - given.keys())
    ]
    errors += [
        FieldError(f"{pointer}/{keyword}", "field_unknown", f"只能是：{'、'.join(PERSON_FIELDS)}。")
        for keyword, name in sorted(way.personal.items())
        if name not in PERSON_FIELDS
    ]
    if errors:
        return errors
    judged = keywords.check(dict(way.constants)) | keywords.check(
        {
            keyword: _fitted(keyword, name, PERSON_FIELDS[name].example)
            for keyword, name in way.personal.items()
        }
    )
    return [
        FieldError(f"{pointer}/{keyword}", "value_wrong", f"“{template.keywords[keyword]}”{fault}。")
        for keyword, fault in sorted(judged.items())
    ]
