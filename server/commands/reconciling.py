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
    """Compare a day with WeChat Pay's trade bill and say what came of it. 3: there are differences to explain."""

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
    if not of.unsettled:
        return 0
    print(f"有 {of.unsettled} 项差异没有处理，请财务在工作台逐项说明后结账。")
    return 3
