"""The templates to ask for in WeChat's consoles, so that they fit what `topics` sends: title, keywords, setting.

The go-live list of docs/operate.md is generated from this, the doctor compares an account with it, and a development start
registers exactly this in the sandbox.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import fields as fields_of

from server.domain.notices import keywords
from server.domain.notices.topics import CHANNEL_LABELS, CHANNELS, TOPICS, Topic
from server.domain.ports import MessageTemplate
from server.settings import Settings

CHANNEL_NAMES = {
    channel: label if channel == "template" else f"{label}（一次性）"
    for channel, label in CHANNEL_LABELS.items()
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """One template.

    Attributes:
        setting: the variable for its id.
        fields: our names of the fields and the template's keywords.
        keywords: "thing1" → what people read before it.
        is_of_money: needed only where fees are collected; WeChat Pay tells the payer besides.
    """

    account: str
    channel: str
    title: str
    setting: str
    fields: Mapping[str, str]
    keywords: Mapping[str, str]
    template: str  # as configured; empty when it is not
    is_of_money: bool
    examples: Mapping[str, str]  # by keyword
    is_long_term: bool  # as configured

    @property
    def is_subscription(self) -> bool:
        return self.channel != "template"


def template_faults(want: Wanted, template: MessageTemplate) -> list[str]:
    """Why what we send does not fit this template of the account, in words; nothing when it fits.

    A keyword that it does not have or has besides, and one whose type has no room for what we put there (47003).
    """
    missing = [f"{name}（{label}）" for name, label in want.keywords.items() if name not in template.keywords]
    more = [name for name in template.keywords if name not in want.keywords]
    faults = [f"缺 {'、'.join(missing)}"] if missing else []
    faults += [f"多 {'、'.join(more)}"] if more else []
    unfit = [
        f"{keyword}（{want.keywords[keyword]}）"
        for keyword, example in want.examples.items()
        if keywords.fit(keyword, example) != example or keywords.check({keyword: example})
    ]
    if template.is_long_term is not want.is_long_term:
        kind = "长期订阅" if template.is_long_term else "一次性订阅"
        faults.append(
            f"是{kind}，WECHAT_LONG_TERM_TEMPLATES 里{'没有写' if template.is_long_term else '却写了'}它"
        )
    return faults + ([f"放不下我们的内容：{'、'.join(unfit)}"] if unfit else [])


def needed(settings: Settings, account: str) -> list[Wanted]:
    """Those of an account that must be there: configured, or of a kind that this service sends. Raises as `wanted`."""
    return [
        one
        for one in wanted(settings)
        if one.account == account and (one.template or settings.pay_mchid or not one.is_of_money)
    ]


def wanted(settings: Settings) -> list[Wanted]:
    """Every template that this service sends with, in the order of the channels.

    Raises:
        Refused: template_keywords, when WECHAT_TEMPLATE_KEYWORDS names a field that there is not.
    """
    return [
        Wanted(
            CHANNELS[channel],
            channel,
            topic.title,
            _variable(topic, channel),
            topic.words(settings, channel),
            {keyword: topic.fields[name].label for name, keyword in topic.words(settings, channel).items()},
            topic.template(settings, channel),
            topic.is_of_money,
            {keyword: topic.fields[name].example for name, keyword in topic.words(settings, channel).items()},
            topic.is_long_term(settings, channel),
        )
        for channel in CHANNELS
        for topic in TOPICS.values()
        if channel in topic.settings
    ]


def _variable(topic: Topic, channel: str) -> str:
    name = topic.settings[channel]
    return next(str(f.metadata["env"]) for f in fields_of(Settings) if f.name == name)
