"""Money: what waits for too long, whose turn it is, and whether the books add up."""

from __future__ import annotations

from collections.abc import Iterator

from server.commands.doctor.findings import Finding, bad, ok
from server.domain.beijing import BEIJING
from server.domain.payments import pay_health
from server.domain.payments.pay_health import Late
from server.domain.payments.yuan import yuan
from server.domain.ports import Services

_WORKER = "请看 xcert worker 是否在运行，再看它日志里的 ERROR"


async def check(s: Services) -> list[Finding]:
    """One line for each thing; none where nobody ever charged a fee and no merchant number is configured."""
    books = await pay_health.books()
    late = await pay_health.late(s.clock)
    if s.pay is None and not books.entries and not any((late.queries, late.notifications)):
        return []
    if books.fen:
        text = (
            f"{books.entries} 笔分录合计 {yuan(books.fen)}，应为 0；请停止收费，不要改动数据库，"
            "保留备份并联系开发人员"
        )
        sum_of = bad("账目", text)
    else:
        sum_of = ok("账目", f"{books.entries} 笔分录借贷相等")
    return [*_waiting(late), sum_of]


def _waiting(late: Late) -> Iterator[Finding]:
    if late.notifications and late.notifications_since:
        since = late.notifications_since.astimezone(BEIJING)
        text = f"有 {late.notifications} 条没有入账，最早的收到于 {since:%Y-%m-%d %H:%M}；{_WORKER}"
        yield bad("支付通知", text)
    else:
        yield ok("支付通知", "收到的都已入账")
    if late.queries and late.queries_since:
        since = late.queries_since.astimezone(BEIJING)
        text = (
            f"有 {late.queries} 个待支付的订单没有按时查询，最早的应在 {since:%Y-%m-%d %H:%M} 查；{_WORKER}"
        )
        yield bad("待支付订单", text)
    else:
        yield ok("待支付订单", "都按时向微信支付查询")
    stuck = []
    if late.sending:
        stuck.append(
            f"有 {late.sending} 笔超过一天没有发出，请在工作台“退款”里看原因，常见的是商户号余额不足"
        )
    if late.abnormal:
        stuck.append(
            f"有 {late.abnormal} 笔退款异常，付款人的卡收不了，请财务在工作台“退款”里改退到付款人的另一张银行卡"
        )
    yield bad("退款", "；".join(stuck)) if stuck else ok("退款", "没有卡住的")
    undone = []
    if late.uncompared:
        undone.append(
            f"有 {late.uncompared} 天没有对上账单，最早是 {late.uncompared_since}，"
            f"请运行 xcert pay reconcile {late.uncompared_since} 看原因"
        )
    if late.unclosed:
        undone.append(
            f"有 {late.unclosed} 天超过一周没有结账，最早是 {late.unclosed_since}，请财务处理差异后结账"
        )
    yield bad("对账", "；".join(undone)) if undone else ok("对账", "没有拖下来的")
