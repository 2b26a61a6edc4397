"""The public library that templates are chosen from: categories, titles and keywords, all invented (wechat.md §5)."""

from __future__ import annotations

from dataclasses import dataclass

ONCE, LONG = 2, 3


@dataclass(frozen=True, slots=True)
class Keyword:
    """One keyword of a title; its code in a message is the rule and the kid, as in `thing1`."""

    kid: int
    name: str
    rule: str
    example: str

    @property
    def code(self) -> str:
        return f"{self.rule}{self.kid}"


@dataclass(frozen=True, slots=True)
class Title:
    """A template of the library, for subscription messages (`tid`) and template messages (`template_id_short`)."""

    tid: int
    title: str
    kind: int
    category: int
    keywords: tuple[Keyword, ...]


CATEGORIES = {670: "办公", 287: "资讯", 402: "政务民生"}

_PROGRESS = (
    Keyword(1, "项目名称", "thing", "年度申报"),
    Keyword(2, "进度", "phrase", "审核中"),
    Keyword(3, "更新时间", "time", "2026年11月23日 10:00"),
    Keyword(4, "编号", "character_string", "A20261123001"),
    Keyword(5, "备注", "thing", "请留意后续通知"),
    Keyword(6, "数量", "number", "12"),
    Keyword(7, "日期", "date", "2026年11月23日"),
)
_RESULT = (
    Keyword(1, "事项名称", "thing", "活动报名"),
    Keyword(2, "结果", "phrase", "已通过"),
    Keyword(3, "日期", "date", "2026年11月23日"),
    Keyword(4, "申请人", "name", "林知夏"),
    Keyword(5, "公布时间", "time", "2026年11月23日 10:00"),
    Keyword(6, "温馨提示", "thing", "点击查看详情"),
    Keyword(7, "编号", "character_string", "A20261123001"),
)
_PAYMENT = (
    Keyword(1, "商品名称", "thing", "报名费"),
    Keyword(2, "付款金额", "amount", "￥20.00"),
    Keyword(3, "付款时间", "time", "2026年11月23日 10:00"),
    Keyword(4, "单号", "character_string", "A20261123001"),
    Keyword(5, "付款方", "thing", "某单位"),
)

TITLES = (
    Title(99, "付款成功通知", ONCE, 670, _PAYMENT),
    Title(401, "申请结果通知", ONCE, 670, _RESULT),
    Title(1408, "进度提醒", ONCE, 287, _PROGRESS),
    Title(20016, "办理进度通知", LONG, 402, _PROGRESS),
)


def title(tid: object) -> Title | None:
    """The title with this number, given as a number or its digits."""
    return next((one for one in TITLES if str(one.tid) == str(tid)), None)
