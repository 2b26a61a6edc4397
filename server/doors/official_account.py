"""WeChat's pushes: `/wechat/oa` for the official account, `/wechat/mp` for the mini-program.

An answer is complete within WeChat's five seconds, always: what takes longer is answered with `success`, and WeChat
does not push again.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from sanic import Blueprint, Request
from sanic.response import HTTPResponse, text

from server.domain import pushes
from server.domain.ports import Push, Services
from server.doors.web import services
from server.errors import OutsideFailure, Refused

bp = Blueprint("wechat_pushes")
log = logging.getLogger("xcert.wechat")

ANSWER_WITHIN = 4.0  # seconds; the rest of WeChat's five is for the way there and back
LARGEST = 256 * 1024  # bytes of a body
DONE = "success"
BUSY = "服务暂时繁忙，请过一会儿再发送一次。"


def _query(request: Request) -> dict[str, str]:
    return {name: values[0] for name, values in request.args.items() if values}


async def _verify(request: Request, account: str) -> HTTPResponse:
    return text(services(request).wechat.echo(account, _query(request)))


async def _body(request: Request) -> bytes | None:
    """The raw body; None as soon as it is larger than any genuine push."""
    stream: Any = request.stream
    parts, size = [], 0
    while (part := await stream.read()) is not None:
        size += len(part)
        if size > LARGEST:
            return None
        parts.append(part)
    return b"".join(parts)


async def _receive(request: Request, account: str) -> HTTPResponse:
    s = services(request)
    body = await _body(request)
    if body is None:
        return text("内容过大", status=413, headers={"connection": "close"})
    push = s.wechat.open_push(account, _query(request), body)
    said = await _answered(s, push)
    if not said:
        return text(DONE)
    sealed = s.wechat.answer(push, said, now=int(s.clock.now().timestamp()))
    return HTTPResponse(sealed, content_type="application/xml; charset=utf-8")


async def _answered(s: Services, push: Push) -> str:
    """What to say, in time. When we cannot, a person is asked to try again and an event comes again."""
    try:
        return await asyncio.wait_for(pushes.receive(s, push), ANSWER_WITHIN)
    except TimeoutError:
        log.warning("push answered late", extra={"push": push.kind})
        return ""
    except Refused as refusal:
        return refusal.message if not push.is_event or push.kind == "click" else ""
    except Exception as problem:
        log.error("push failed: %s", type(problem).__name__, exc_info=problem, extra={"push": push.kind})
        if push.account == "oa" and (not push.is_event or push.kind == "click"):
            return BUSY
        raise OutsideFailure("推送没有处理成功") from problem


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
