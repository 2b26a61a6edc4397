"""An address below the API that no call has: WeChat answers it like every other refusal, with HTTP 200 (wechat.md §2).

Seen by others: 40066 "invalid url" for a path that was written wrong or moved (wechatpy #289, #121; the error codes of
the shop's documentation say of it "请检查API的URL是否与文档一致"). Another method than GET and POST is told as for a known path.
"""

from __future__ import annotations

from sanic import Blueprint, HTTPResponse, Request

from server.sandbox.gate import METHODS, refused
from server.sandbox.refusals import WeChatError

# Where WeChat's API is; what else the sandbox serves are pages for people.
PLACES = ("cgi-bin", "wxa", "wxaapi", "sns", "datacube", "customservice", "semantic", "card", "merchant")

bp = Blueprint("unknown_api")


async def answer(request: Request, path: str) -> HTTPResponse:
    """Whatever its method and token, for the address is looked at first."""
    del path
    return refused(request, WeChatError(40066, verdict="没有这个接口，请核对网址"))


for place in PLACES:
    bp.add_route(answer, f"/{place}/<path:path>", methods=METHODS, name=f"below_{place}")
