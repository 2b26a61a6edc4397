"""What WeChat has retired, refused as it is refused to a service account of today (wechat.md §5).

The H5 page for a one-time message (`mp/subscribemsg`) and its send: accounts without the old permission get 48001, and
the page says so. What took their place: the open tag of 订阅通知, and `message/subscribe/bizsend`.
"""

from __future__ import annotations

from sanic import Blueprint, HTTPResponse, Request

from server.sandbox import pages
from server.sandbox.gate import Answer, Call, Door, api
from server.sandbox.refusals import WeChatError

bp = Blueprint("retired")
WHY = "一次性订阅消息的网页授权已经停用，请改用订阅通知（<wx-open-subscribe> 与 message/subscribe/bizsend）"


@api(bp, Door("/cgi-bin/message/template/subscribe", accounts=("oa",)))
async def send(call: Call) -> Answer:
    del call
    raise WeChatError(48001, verdict=WHY)


@bp.get("/mp/subscribemsg")
async def page(request: Request) -> HTTPResponse:
    """A page for the person, whatever the address asks for; nothing is granted and nobody is sent back."""
    del request
    return pages.render("refusal.html", title="该公众号没有这项能力", why=WHY)
