"""How a posting and an account of the books are called."""

from __future__ import annotations

ACCOUNTS = {
    "wechat": "微信支付账户",
    "bank": "银行账户",
    "income": "考试费和培训费收入",
    "owed_back": "应退付款人",
    "charges": "微信支付手续费",
}
_POSTINGS = {
    ("paid", ""): "收款",
    ("refund", ""): "批准退款",
    ("refund", "done"): "退回",
    ("refund", "ended"): "没有退成",
    ("bank_refund", ""): "从银行退回",
    ("charges", ""): "手续费",
    ("withdrawal", ""): "提现到银行",
    ("withdrawal", "in"): "银行转入微信",
}


def told(source: str) -> str:
    """What a posting tells of: paid:xc… is 收款."""
    kind, _, rest = source.partition(":")
    return _POSTINGS.get((kind, rest.partition(":")[2]), source)
