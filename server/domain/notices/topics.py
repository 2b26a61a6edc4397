"""What we tell people: every kind of notice in one place, with its templates, fields, link, and what it says.

The go-live list, the doctor, the sandbox and the phone's pages are made from this; a new kind is one entry here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from server.domain.notices.keywords import fit
from server.errors import Refused
from server.settings import TEMPLATE_KEYWORDS, Settings

CHANNELS = {"template": "oa", "oa_subscription": "oa", "mp_subscription": "mp"}  # each with its account
CHANNEL_LABELS = {
    "template": "公众号模板消息",
    "oa_subscription": "公众号订阅通知",
    "mp_subscription": "小程序订阅消息",
}

SMS = "sms"  # no account's: the last way, where a vendor is connected
ALL_LABELS = {**CHANNEL_LABELS, SMS: "短信"}


@dataclass(frozen=True, slots=True)
class NoticeField:
    """One field of a notice.

    Attributes:
        keyword: that rows are kept with; its type, and with it its limits (see `keywords`), is its name.
        label: what people read before it.
        example: by which a template of the account is judged: whether such a value has room in its keyword.
    """

    keyword: str
    label: str
    example: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One kind of notice.

    Attributes:
        label: the kind, as we write it; title: of the template to choose at WeChat, and of the notice on the page.
        says: when it is sent, for people.
        settings: the setting that holds the template's id, by channel.
        fields: by our names.
        link: the local page that it opens; `{…}` stands for a number of letters and figures.
        choice: by which people can do without it (`choices`); empty: it is about what is theirs, and always told.
    """

    name: str
    label: str
    title: str
    says: str
    settings: Mapping[str, str]
    fields: Mapping[str, NoticeField]
    link: str
    choice: str = ""

    @property
    def keywords(self) -> Mapping[str, str]:
        """Our names of the fields and the keywords that rows are kept with."""
        return {name: field.keyword for name, field in self.fields.items()}

    @property
    def is_of_money(self) -> bool:
        """Needed only where fees are collected."""
        return self.name.startswith("fee_")

    def opens(self, path: str) -> bool:
        """Whether this is a page that such a notice opens."""
        form = re.sub(r"\\{[a-z]+\\}", "[0-9A-Za-z]+", re.escape(self.link))
        return re.fullmatch(form, path) is not None

    def lines(self, shown: Mapping[str, str]) -> list[tuple[str, str]]:
        """A row's values as people read them: label and value."""
        return [
            (field.label, shown[field.keyword]) for field in self.fields.values() if field.keyword in shown
        ]

    def template(self, settings: Settings, channel: str = "template") -> str:
        """The template's id at WeChat in this channel; empty when none is configured."""
        name = self.settings.get(channel, "")
        return str(getattr(settings, name)) if name else ""

    def is_long_term(self, settings: Settings, channel: str) -> bool:
        """Whether one accept of this subscription counts for any number of messages (setting WECHAT_LONG_TERM_TEMPLATES)."""
        names = {name.strip() for name in re.split("[,，]", settings.long_term_templates)}
        return channel in self.settings and f"WECHAT_{self.settings[channel].upper()}" in names

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


_TOPICS = (
    Topic(
        name="certificate_issued",
        label="证书发放",
        title="证书发放通知",
        says="电子证书发放、成绩公布以后，告诉持证人",
        settings=_channels("certificate"),
        fields={
            "certificate": NoticeField("thing1", "证书名称", "社会心理服务（初级）"),
            "number": NoticeField("character_string2", "证书编号", "26SPS100000001X"),
            "issued_on": NoticeField("date3", "发证日期", "2026年11月24日"),
        },
        link="/h5/certificates/{number}",
    ),
    Topic(
        name="correction_done",
        label="更正办结",
        title="信息变更通知",
        says="考生信息或证书的更正办结以后，告诉持证人",
        settings=_channels("correction"),
        fields={
            "what": NoticeField("thing1", "变更内容", "姓名、证件号码更正"),
            "result": NoticeField("thing2", "变更结果", "已换发新证书 1 份"),
            "done_at": NoticeField("time3", "变更时间", "2026年11月23日 12:00"),
        },
        link="/h5/certificates",
    ),
    Topic(
        name="results_released",
        label="成绩公布",
        title="成绩发布通知",
        says="成绩公布或更正以后，告诉考生",
        settings=_channels("result"),
        fields={
            "plan": NoticeField("thing1", "考试名称", "2026年第四批全国统考"),
            "exam_date": NoticeField("date2", "考试日期", "2026年9月22日"),
            "released_at": NoticeField("time3", "发布时间", "2026年11月23日 12:00"),
        },
        link="/h5/results",
    ),
    Topic(
        name="signing_reminder",
        label="待签发提醒",
        title="待签发提醒",
        says="批次等待院校签发满 3、7、14 天，各提醒院校签发负责人一次",
        settings={"template": "oa_template_signing"},
        fields={
            "plan": NoticeField("thing1", "考试名称", "2026年第四批全国统考"),
            "school": NoticeField("thing2", "单位名称", "第一职业技术学院"),
            "count": NoticeField("number3", "待办数量", "128"),
            "since": NoticeField("time4", "提交时间", "2026年11月23日 12:00"),
        },
        link="/h5/officer",
    ),
    Topic(
        name="fee_due",
        label="待缴费",
        title="待缴费通知",
        says="报考产生要由本人缴的费用，告诉考生一次",
        settings=_channels("fee_due"),
        fields={
            "what": NoticeField("thing1", "缴费项目", "初级考试费"),
            "amount": NoticeField("amount2", "待缴金额", "¥1280.00"),
            "exam_date": NoticeField("date3", "考试日期", "2026年9月22日"),
        },
        link="/h5/orders",
        choice="fees",
    ),
    Topic(
        name="fee_paid",
        label="缴费成功",
        title="缴费成功通知",
        says="付款成功，告诉付款的考生",
        settings=_channels("fee_paid"),
        fields={
            "what": NoticeField("thing1", "缴费项目", "初级考试费"),
            "amount": NoticeField("amount2", "缴费金额", "¥1280.00"),
            "paid_at": NoticeField("time3", "缴费时间", "2026年11月23日 12:00"),
            "order": NoticeField("character_string4", "订单编号", "26112300000001A"),
        },
        link="/h5/orders/{order}",
    ),
    Topic(
        name="fee_refunded",
        label="退款到账",
        title="退款到账通知",
        says="退款到账，告诉付款的考生",
        settings=_channels("fee_refunded"),
        fields={
            "reason": NoticeField("thing1", "退款原因", "考试取消"),
            "amount": NoticeField("amount2", "退款金额", "¥1280.00"),
            "refunded_at": NoticeField("time3", "退款时间", "2026年11月23日 12:00"),
            "order": NoticeField("character_string4", "订单编号", "26112300000001A"),
        },
        link="/h5/orders/{order}",
    ),
    Topic(
        name="fee_closing",
        label="订单即将关闭",
        title="订单待支付提醒",
        says="没有付款的订单快要关闭，提醒考生一次",
        settings=_channels("fee_closing"),
        fields={
            "what": NoticeField("thing1", "缴费项目", "初级考试费"),
            "amount": NoticeField("amount2", "待付金额", "¥1280.00"),
            "closes_at": NoticeField("time3", "支付截止时间", "2026年11月23日 12:20"),
            "order": NoticeField("character_string4", "订单编号", "26112300000001A"),
        },
        link="/h5/orders/{order}",
        choice="fees",
    ),
)
TOPICS: dict[str, Topic] = {topic.name: topic for topic in _TOPICS}


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
