"""The templates to ask for in WeChat's consoles, so that they fit what `topics` sends: title, keywords, setting.

The go-live list of docs/operate.md is generated from this, the doctor compares an account with it, and a development start
registers exactly this in the sandbox.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import fields as fields_of

from server.domain.notices.topics import CHANNELS, TOPICS, Topic
from server.settings import Settings

CHANNEL_NAMES = {
    "template": "公众号模板消息",
    "oa_subscription": "公众号订阅通知（一次性）",
    "mp_subscription": "小程序订阅消息（一次性）",
}
TITLES = {
    "certificate_issued": "证书发放通知",
    "results_released": "成绩发布通知",
    "signing_reminder": "待签发提醒",
    "fee_paid": "缴费成功通知",
    "fee_refunded": "退款到账通知",
    "fee_closing": "订单待支付提醒",
}
LABELS = {
    "certificate_issued": {"certificate": "证书名称", "number": "证书编号", "issued_on": "发证日期"},
    "results_released": {"plan": "考试名称", "exam_date": "考试日期", "released_at": "发布时间"},
    "signing_reminder": {"plan": "考试名称", "school": "单位名称", "count": "待办数量", "since": "提交时间"},
    "fee_paid": {"what": "缴费项目", "amount": "缴费金额", "paid_at": "缴费时间", "order": "订单编号"},
    "fee_refunded": {
        "reason": "退款原因",
        "amount": "退款金额",
        "refunded_at": "退款时间",
        "order": "订单编号",
    },
    "fee_closing": {
        "what": "缴费项目",
        "amount": "待付金额",
        "closes_at": "支付截止时间",
        "order": "订单编号",
    },
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

    @property
    def is_subscription(self) -> bool:
        return self.channel != "template"


def wanted(settings: Settings) -> list[Wanted]:
    """Every template that this service sends with, in the order of the channels.

    Raises:
        Refused: template_keywords, when WECHAT_TEMPLATE_KEYWORDS names a field that there is not.
    """
    return [
        Wanted(
            CHANNELS[channel],
            channel,
            TITLES[topic.name],
            _variable(topic, channel),
            topic.words(settings, channel),
            {keyword: LABELS[topic.name][name] for name, keyword in topic.words(settings, channel).items()},
            topic.template(settings, channel),
            topic.name.startswith("fee_"),
        )
        for channel in CHANNELS
        for topic in TOPICS.values()
        if channel in topic.settings
    ]


def _variable(topic: Topic, channel: str) -> str:
    name = topic.settings[channel]
    return next(str(f.metadata["env"]) for f in fields_of(Settings) if f.name == name)
