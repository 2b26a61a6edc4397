"""WeChat Pay's notifications: `/wechat/pay/notify` for payments, `/wechat/pay/refund-notify` for refunds.

What WeChat Pay reads is the status alone: 204 means done, 4xx and 5xx mean "again later", which it does 15 times in
24 hours (wechat.md §7.3). So nothing but what is kept for good is ever answered with 2xx; probes with a wrong signature,
which WeChat Pay sends as a test, least of all.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from sanic import Blueprint, Request, Sanic
from sanic.response import HTTPResponse, empty, json

from server.domain.payments import notifications
from server.domain.payments.gathered_jobs import GatheredJobs
from server.domain.ports import PayGateway, Services
from server.errors import Refused, Unverified
from server.web import body_limits
from server.web.request import services

bp = Blueprint("wechat_pay")
log = logging.getLogger("xcert.pay")

# Seconds. WeChat Pay waits five; a database slower than this is better asked again in 15 s than waited for.
ANSWER_WITHIN = 0.9
_keeping: set[asyncio.Future[bool]] = set()  # the loop itself holds tasks only weakly
LARGEST = 64 * 1024  # bytes of a body


def _fail(status: int, message: str) -> HTTPResponse:
    return json({"code": "FAIL", "message": message}, status=status)


async def _receive(request: Request) -> HTTPResponse:
    s = services(request)
    body = await body_limits.raw(request, LARGEST)
    if body is None:
        return _fail(413, "内容过大")
    if s.pay is None:
        return _fail(503, "本服务没有配置微信支付")
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            return await _take(s, s.pay, request, body)
    except TimeoutError:
        log.warning("notification of WeChat Pay not done in time")
        return _fail(503, "没有及时处理完，请稍后重发")
    except Exception as problem:
        log.error("notification of WeChat Pay failed: %s", type(problem).__name__, exc_info=problem)
        return _fail(500, "处理失败，请稍后重发")


async def _take(s: Services, pay: PayGateway, request: Request, body: bytes) -> HTTPResponse:
    try:
        opened = pay.open_notification(request.headers, body)
    except Unverified as wrong:
        log.warning("notification refused", extra={"why": wrong.code, "bytes": len(body)})
        return _fail(401, wrong.message)
    except Refused as refusal:
        log.error("genuine notification that is not for us to read", extra={"why": refusal.code})
        return _fail(400, refusal.message)
    except Exception as problem:  # whatever a forged body may set off, it is not verified
        log.warning("notification refused: %s", type(problem).__name__)
        return _fail(401, "通知没有通过验签")
    # Not cut off with the answer: what is kept late spares WeChat Pay the next attempt.
    keeping = asyncio.ensure_future(notifications.receive(s.clock, _jobs(request, s), opened))
    _keeping.add(keeping)
    keeping.add_done_callback(_forget)
    await asyncio.shield(keeping)
    return empty()


def _jobs(request: Request, s: Services) -> GatheredJobs:
    """Of this process: the answer does not wait for the job, and a rush of notifications shares it."""
    ctx = request.app.ctx
    if not hasattr(ctx, "pay_jobs"):
        ctx.pay_jobs = GatheredJobs(s.queue)
    jobs: GatheredJobs = ctx.pay_jobs
    return jobs


async def at_stop(app: Sanic[Any, Any]) -> None:
    """Put the job that is about to be put, before the database is closed."""
    if hasattr(app.ctx, "pay_jobs"):
        await app.ctx.pay_jobs.flush()


def _forget(keeping: asyncio.Future[bool]) -> None:
    _keeping.discard(keeping)
    if not keeping.cancelled() and (problem := keeping.exception()) is not None:
        log.warning("notification not kept: %s", type(problem).__name__)


async def receive_payment(request: Request) -> HTTPResponse:
    """POST /wechat/pay/notify: a payment succeeded."""
    return await _receive(request)


async def receive_refund(request: Request) -> HTTPResponse:
    """POST /wechat/pay/refund-notify: a refund came to its end."""
    return await _receive(request)


bp.add_route(receive_payment, "/wechat/pay/notify", methods=["POST"], name="payment", stream=True)
bp.add_route(receive_refund, "/wechat/pay/refund-notify", methods=["POST"], name="refund", stream=True)
