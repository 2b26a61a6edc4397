"""What we tell people: the kinds of notice, their templates in each channel, and the keywords they fill."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from server.domain.notices.keywords import fit
from server.errors import Refused
from server.settings import TEMPLATE_KEYWORDS, Settings

CHANNELS = {"template": "oa", "oa_subscription": "oa", "mp_subscription": "mp"}  # each with its account


@dataclass(frozen=True, slots=True)
class Topic:
    """One kind of notice.

    Attributes:
        settings: the setting that holds the template's id, by channel.
        keywords: our names of the fields and the keywords that rows are kept with; a keyword's type is its name.
    """

    name: str
    label: str
    settings: Mapping[str, str]
    keywords: Mapping[str, str]

    def template(self, settings: Settings, channel: str = "template") -> str:
        """The template's id at WeChat in this channel; empty when none is configured."""
        name = self.settings.get(channel, "")
        return str(getattr(settings, name)) if name else ""

    def words(self, settings: Settings, channel: str = "template") -> Mapping[str, str]:
        """Our names of the fields and the keywords of the template in this channel.

        WeChat numbers a template's keywords itself; where they differ from ours, the setting
        WECHAT_TEMPLATE_KEYWORDS says so. Fields that it leaves out are not sent.

        Raises:
            Refused: template_keywords, when it names a field that this topic does not have.
        """
        chosen = _chosen(settings.template_keywords).get(f"WECHAT_{self.settings[channel].upper()}")
        if chosen is None:
            return self.keywords
        if unknown := chosen.keys() - self.keywords.keys():
            names = "、".join(sorted(unknown))
            raise Refused(
                "template_keywords", f"WECHAT_TEMPLATE_KEYWORDS 写了“{self.label}”没有的字段：{names}。"
            )
        return chosen

    def worded(self, settings: Settings, channel: str, values: Mapping[str, str]) -> dict[str, str]:
        """A row's values as the template of this channel takes them. Raises Refused as `words` does."""
        words = self.words(settings, channel)
        return {keyword: fit(keyword, values.get(self.keywords[name], "")) for name, keyword in words.items()}


def _chosen(text: str) -> dict[str, dict[str, str]]:
    """WECHAT_TEMPLATE_KEYWORDS: name and keyword by the variable of a template; its form was checked at the start."""
    entries = (TEMPLATE_KEYWORDS.fullmatch(entry.strip()) for entry in re.split("[;；]", text))
    return {
        entry[1]: {
            name.strip(): keyword.strip()
            for name, _, keyword in (pair.partition("=") for pair in re.split("[,，]", entry[2]))
        }
        for entry in entries
        if entry
    }


def _channels(what: str) -> dict[str, str]:
    return {
        "template": f"oa_template_{what}",
        "oa_subscription": f"oa_subscribe_{what}",
        "mp_subscription": f"mp_template_{what}",
    }


TOPICS: dict[str, Topic] = {
    topic.name: topic
    for topic in (
        Topic(
            "certificate_issued",
            "证书发放",
            _channels("certificate"),
            {"certificate": "thing1", "number": "character_string2", "issued_on": "date3"},
        ),
        Topic(
            "results_released",
            "成绩公布",
            _channels("result"),
            {"plan": "thing1", "exam_date": "date2", "released_at": "time3"},
        ),
        Topic(
            "signing_reminder",
            "待签发提醒",
            {"template": "oa_template_signing"},
            {"plan": "thing1", "school": "thing2", "count": "number3", "since": "time4"},
        ),
        Topic(
            "fee_paid",
            "缴费成功",
            _channels("fee_paid"),
            {"what": "thing1", "amount": "amount2", "paid_at": "time3", "order": "character_string4"},
        ),
        Topic(
            "fee_refunded",
            "退款到账",
            _channels("fee_refunded"),
            {"reason": "thing1", "amount": "amount2", "refunded_at": "time3", "order": "character_string4"},
        ),
        Topic(
            "fee_closing",
            "订单即将关闭",
            _channels("fee_closing"),
            {"what": "thing1", "amount": "amount2", "closes_at": "time3", "order": "character_string4"},
        ),
    )
}


def topic_of(settings: Settings, account: str, template: str) -> Topic | None:
    """The topic whose subscription message has this template in this account; None for templates of others."""
    channel = f"{account}_subscription"
    topics = (
        topic for topic in TOPICS.values() if template and topic.template(settings, channel) == template
    )
    return next(topics, None)


def fitted(topic: str, fields: Mapping[str, str]) -> dict[str, str]:
    """The template's data: every keyword of the topic, cut where cutting is harmless.

    Args:
        fields: by our names (`plan`), all of them.

    Raises:
        ValueError: an unknown topic, an unknown or a missing field; a mistake of the caller.
    """
    if topic not in TOPICS:
        raise ValueError(f"unknown topic: {topic}")
    keywords = TOPICS[topic].keywords
    if unknown := set(fields) - set(keywords):
        raise ValueError(f"unknown fields of {topic}: {sorted(unknown)}")
    if missing := set(keywords) - set(fields):
        raise ValueError(f"missing fields of {topic}: {sorted(missing)}")
    return {keyword: fit(keyword, str(fields[name])) for name, keyword in keywords.items()}
