"""WeChat's pushes: `/wechat/oa` for the official account, `/wechat/mp` for the mini-program.

An answer is complete within WeChat's five seconds, always: what takes longer is handed over to a job, which goes on
by customer-service message, and is answered with `success`, so that WeChat does not push again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from prometheus_client import Counter
from sanic import Blueprint, Request
from sanic.response import HTTPResponse, text

from server.domain.ports import Push, Services
from server.domain.wechat_chat import last_push, pushes
from server.errors import OutsideFailure, Refused
from server.web import body_limits
from server.web.request import services

bp = Blueprint("wechat_pushes")
log = logging.getLogger("xcert.wechat")

# Seconds. Both together, with one more for the way there and back, are WeChat's five (wechat.md §1.4).
ANSWER_WITHIN, HAND_OVER_WITHIN = 3.0, 1.0
LARGEST = 256 * 1024  # bytes of a body
DONE = "success"

REFUSED = Counter("xcert_pushes_refused_total", "Pushes that were not taken, and why", ["account", "why"])
LATE = Counter(
    "xcert_pushes_handed_over_total",
    "Pushes that could not be answered within WeChat's five seconds",
    ["account"],
)
for _account in ("oa", "mp"):  # they stand at 0 from the start: the first one is seen as an increase, too
    LATE.labels(_account)
    for _why in (
        "push_signature",
        "push_clear",
        "push_unreadable",
        "push_malformed",
        "push_no_sender",
        "push_stale",
    ):
        REFUSED.labels(_account, _why)
_given_up: set[asyncio.Task[str]] = set()  # the loop itself holds tasks only weakly


def _query(request: Request) -> dict[str, str]:
    return {name: values[0] for name, values in request.args.items() if values}


async def _verify(request: Request, account: str) -> HTTPResponse:
    try:
        return text(services(request).wechat_pushes.echo(account, _query(request)))
    except Refused as refusal:
        log.warning(
            "verification refused: %s", refusal.message, extra={"account": account, "why": refusal.code}
        )
        raise


async def _receive(request: Request, account: str) -> HTTPResponse:
    s = services(request)
    body = await body_limits.raw(request, LARGEST)
    if body is None:
        return text("内容过大", status=413)
    try:
        query = _query(request)
        push = s.wechat_pushes.open_push(account, query, body)
        pushes.require_fresh(s.settings, s.clock, query.get("timestamp", ""))
    except Refused as refusal:
        # WeChat shows its answer to nobody: the operator has to find it here.
        REFUSED.labels(account, refusal.code).inc()
        log.warning(
            "push refused: %s",
            refusal.message,
            extra={"account": account, "why": refusal.code, "bytes": len(body)},
        )
        if refusal.code == "push_no_sender":  # genuine, and nobody's: it would only come again
            return text(DONE)
        raise
    await last_push.note(s.clock, s.cache, push)
    if not push.to:
        log.warning("a push without ToUserName: answered late", extra={"account": account, "push": push.kind})
    reply = await _answered(s, push)
    if not reply or not push.to:
        return text(DONE)
    reply_body = s.wechat_pushes.answer(push, reply, now=int(s.clock.now().timestamp()))
    return HTTPResponse(reply_body, content_type="application/xml; charset=utf-8")


async def _answered(s: Services, push: Push) -> str:
    """What to say, in time; empty: nothing, or later."""
    try:
        return await _within(ANSWER_WITHIN, pushes.receive(s, push))
    except TimeoutError:
        log.warning("push takes long, handed over", extra={"push": push.kind})
        LATE.labels(push.account).inc()
    except Exception as problem:
        return await _broken(s, push, problem)
    try:
        return await _within(HAND_OVER_WITHIN, pushes.hand_over(s, push))
    except Exception as problem:
        log.error("push not handed over: %s", type(problem).__name__, extra={"push": push.kind})
        return _sorry(push, problem)


async def _broken(s: Services, push: Push, problem: Exception) -> str:
    """A person is asked to try again, and whoever repeats this push hears the same; an event comes again."""
    log.error("push failed: %s", type(problem).__name__, exc_info=problem, extra={"push": push.kind})
    sentence = _sorry(push, problem)
    try:
        return await _within(HAND_OVER_WITHIN, pushes.settle(s.clock, s.keys, push, sentence))
    except Exception as another:
        log.error("push not settled: %s", type(another).__name__, extra={"push": push.kind})
        return sentence


def _sorry(push: Push, problem: Exception) -> str:
    """Raises OutsideFailure for what WeChat shall push again."""
    if push.account == "oa" and pushes.is_question(push):
        return pushes.BUSY
    raise OutsideFailure("推送没有处理成功") from problem


async def _within(seconds: float, work: Coroutine[Any, Any, str]) -> str:
    """The outcome of the work, or TimeoutError on time.

    Work that is given up is cancelled but not waited for: when the database hangs, so does its cancellation.
    """
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    finally:
        if not task.done():
            _given_up.add(task)
            task.add_done_callback(_forget)
            task.cancel()
    if not done:
        raise TimeoutError
    return task.result()


def _forget(task: asyncio.Task[str]) -> None:
    _given_up.discard(task)
    if not task.cancelled() and (problem := task.exception()) is not None:
        log.warning("a push that was given up ended with %s", type(problem).__name__)


async def verify_official_account(request: Request) -> HTTPResponse:
    """GET /wechat/oa: WeChat checks that the address is ours."""
    return await _verify(request, "oa")


async def receive_official_account(request: Request) -> HTTPResponse:
    """POST /wechat/oa: a message or an event."""
    return await _receive(request, "oa")


async def verify_mini_program(request: Request) -> HTTPResponse:
    """GET /wechat/mp: the same for the mini-program."""
    return await _verify(request, "mp")


async def receive_mini_program(request: Request) -> HTTPResponse:
    """POST /wechat/mp: events of the mini-program, XML or JSON."""
    return await _receive(request, "mp")


bp.add_route(verify_official_account, "/wechat/oa", methods=["GET"], name="verify_oa")
bp.add_route(receive_official_account, "/wechat/oa", methods=["POST"], name="receive_oa", stream=True)
bp.add_route(verify_mini_program, "/wechat/mp", methods=["GET"], name="verify_mp")
bp.add_route(receive_mini_program, "/wechat/mp", methods=["POST"], name="receive_mp", stream=True)
