"""`xcert pay …`: the books against WeChat Pay."""

from __future__ import annotations

import argparse

from server.commands import Impossible
from server.commands.with_services import with_services
from server.domain.actor import SYSTEM
from server.domain.payments import reconciliation, reconciliation_queries
from server.domain.payments.reconciliation_queries import DayView
from server.domain.payments.yuan import yuan
from server.domain.ports import Services
from server.errors import PayRefused
from server.settings import Settings


def reconcile(args: argparse.Namespace, settings: Settings) -> int:
    """Compare a day with WeChat Pay's two bills and say what came of it. 3: there are differences to explain."""

    async def work(s: Services) -> DayView:
        if s.pay is None:
            raise Impossible("本服务没有配置微信支付。")
        try:
            await reconciliation.reconcile(s.clock, s.faults, s.pay, args.day, actor=SYSTEM)
        except PayRefused as refusal:
            if not refusal.is_code("STATEMENT_CREATING"):
                raise
            raise Impossible("微信支付还在生成这一天的账单，半小时后会自动再取。") from None
        return await reconciliation_queries.summary(args.day)

    of = with_services(settings, work)
    print(f"{of.day:%Y-%m-%d}：{of.state.label}")
    print(
        f"付款 {of.payments} 笔 {yuan(of.payments_fen)}，退款 {of.refunds} 笔 {yuan(of.refunds_fen)}，手续费 {yuan(of.charges_fen)}。"
    )
    print(f"资金账单 {of.flows} 笔，收入 {yuan(of.flows_in_fen)}，支出 {yuan(of.flows_out_fen)}。")
    if of.start_fen is not None and of.end_fen is not None and of.books_end_fen is not None:
        print(f"期初 {yuan(of.start_fen)}，期末 {yuan(of.end_fen)}，账面 {yuan(of.books_end_fen)}。")
    if not of.unsettled:
        return 0
    print(f"有 {of.unsettled} 项差异没有处理，请财务在工作台逐项说明后结账。")
    return 3
