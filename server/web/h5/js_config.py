"""GET /h5/js-config?url=…: what static/js/wechat.js hands to wx.config. Public: the signature opens nothing by itself."""

from __future__ import annotations

from sanic import Blueprint, HTTPResponse, Request
from sanic.response import json

from server.domain.wechat_chat import js_sdk
from server.web.request import client_address, services

bp = Blueprint("h5_js_config")


async def show(request: Request) -> HTTPResponse:
    """`again=1` after WeChat refused the signature before."""
    config = await js_sdk.config(
        services(request),
        request.args.get("url") or "",
        address=client_address(request),
        again=request.args.get("again") == "1",
    )
    return json(config, headers={"cache-control": "no-store"})


bp.add_route(show, "/h5/js-config", methods=["GET"], name="show")
