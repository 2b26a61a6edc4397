"""The cashier on the phone: its HTTP endpoints and its page. Whatever draws the phone may use either.

`POST /phone/api/pay/{person}/call` with `{via, params, page, in_program}` and `POST /phone/api/pay/{person}/scan` with
`{text, how}` give a sheet (`token`, `page`, `merchant`, `description`, `total` in fen) or a `problem` and, for a call, the
`result` for the page's callback. `POST /phone/api/pay/sheet/{token}` with `{act: pay|cancel|fail, why, report}` answers
it. The page at `/phone/pay/{token}` does the same and posts `{pay: {token, result}}` to the window that shows it.
"""

from __future__ import annotations

from typing import Any

from sanic import Blueprint, HTTPResponse, Request, json, text

from server.sandbox import pages
from server.sandbox.pay import cashier
from server.sandbox.pay.desk import PayDesk

bp = Blueprint("pay_phone", url_prefix="/phone")


def _desk(request: Request) -> PayDesk:
    desk: PayDesk = request.app.ctx.pay
    return desk


def _response(answer: dict[str, Any]) -> HTTPResponse:
    return json(answer, status=409 if "problem" in answer else 200)


@bp.post("/api/pay/<person_id:str>/call", name="call")
async def call(request: Request, person_id: str) -> HTTPResponse:
    """A page or mini-program on this person's phone calls the cashier."""
    desk, body = _desk(request), request.json or {}
    person = desk.platform.people.get(person_id)
    if person is None:
        return json({"problem": "没有这个人。"}, status=404)
    return _response(
        cashier.open_by_page(
            desk,
            person,
            str(body.get("via", "")),
            dict(body.get("params") or {}),
            str(body.get("page", "")),
            in_program=bool(body.get("in_program")),
        )
    )


@bp.post("/api/pay/<person_id:str>/scan", name="scan")
async def scan(request: Request, person_id: str) -> HTTPResponse:
    """This person scans a code_url; `how` is camera, long_press or album."""
    desk, body = _desk(request), request.json or {}
    person = desk.platform.people.get(person_id)
    if person is None:
        return json({"problem": "没有这个人。"}, status=404)
    return _response(
        cashier.open_by_scan(desk, person, str(body.get("text", "")), str(body.get("how", "camera")))
    )


@bp.get("/api/pay/sheet/<token:str>", name="sheet")
async def sheet(request: Request, token: str) -> HTTPResponse:
    return _response(cashier.as_json(_desk(request), token))


@bp.post("/api/pay/sheet/<token:str>", name="answer")
async def answer(request: Request, token: str) -> HTTPResponse:
    body = request.json or {}
    result = cashier.answer(
        _desk(request),
        token,
        str(body.get("act", "")),
        str(body.get("why", "")),
        str(body.get("report", "")),
    )
    return json(result, status=409 if "paid" not in result else 200)


@bp.get("/pay/<token:str>", name="page")
async def page(request: Request, token: str) -> HTTPResponse:
    """The sheet as a page."""
    sheet = cashier.as_json(_desk(request), token)
    if "problem" in sheet:
        return text(str(sheet["problem"]), status=404)
    return pages.render("cashier.html", sheet=sheet, yuan=f"{sheet['total'] / 100:.2f}")
