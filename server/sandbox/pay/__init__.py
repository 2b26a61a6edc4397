"""WeChat Pay API v3 for a direct merchant, as strict as wechat.md §7: for services without WeChat."""

from __future__ import annotations

from typing import Any

from sanic import Blueprint, HTTPResponse, Request, Sanic

from server.sandbox.pay import (
    bills,
    control,
    fund_bills,
    gate,
    notifications,
    orders,
    phone,
    platform_certificates,
    refunds,
)
from server.sandbox.pay.desk import PayDesk
from server.sandbox.pay.gate import Route
from server.sandbox.platform import Platform

ROUTES = (
    Route("POST", "/v3/pay/transactions/jsapi", orders.place_jsapi),
    Route("POST", "/v3/pay/transactions/native", orders.place_native),
    Route("GET", "/v3/pay/transactions/id/{transaction_id}", orders.query_by_transaction),
    Route("GET", "/v3/pay/transactions/out-trade-no/{out_trade_no}", orders.query_by_number),
    Route("POST", "/v3/pay/transactions/out-trade-no/{out_trade_no}/close", orders.close),
    Route("POST", "/v3/refund/domestic/refunds", refunds.apply),
    Route("GET", "/v3/refund/domestic/refunds/{out_refund_no}", refunds.query),
    Route("POST", "/v3/refund/domestic/refunds/{refund_id}/apply-abnormal-refund", refunds.apply_abnormal),
    Route("GET", "/v3/bill/tradebill", bills.ask),
    Route("GET", "/v3/bill/fundflowbill", fund_bills.ask),
    Route("GET", "/v3/billdownload/file", bills.download),
    Route("GET", "/v3/certificates", platform_certificates.certificates),
)

bp = Blueprint("pay")


async def answer(request: Request, path: str) -> HTTPResponse:
    """Every path of the API: what it is, the gate finds out, from the address as it was sent."""
    return await gate.serve(request.app.ctx.pay, ROUTES, request)


bp.add_route(answer, "/v3/<path:path>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"], name="api")


def install(app: Sanic[Any, Any], platform: Platform) -> None:
    """Open WeChat Pay in this sandbox, if its configuration has a merchant; `app.ctx.pay` is the PayDesk."""
    if platform.config.merchant is None:
        return
    desk = PayDesk(platform, platform.config.merchant)
    desk.due += [lambda: refunds.run_due(desk), lambda: notifications.run_due(desk)]
    notifications.recover(desk)
    app.ctx.pay = desk
    for one in (bp, control.bp, phone.bp):
        app.blueprint(one.copy(f"{one.name}_{app.name}"))

    @app.before_server_start
    async def wake(app: Sanic[Any, Any]) -> None:
        desk.wake()
