"""签发批次: the list, one batch, the organisation's steps, the QR, the receipt and the certificates."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from sanic import HTTPResponse

from server.domain.issuance import (
    archives,
    bulk,
    mini_code,
    organisation,
    preparing,
    queries,
    roster_query,
    roster_workbook,
    scan_tickets,
)
from server.domain.issuance import batch_query as batch_list
from server.domain.issuance.states import BatchState
from server.domain.levels import Level
from server.domain.roles import Verb
from server.web.console import event_stream, responses
from server.web.console.auth import Call
from server.web.console.imports import PAGING, XLSX
from server.web.console.openapi import page_of, thing
from server.web.console.route import Handler, OpenRoute, Route
from server.web.console.schema import Choice, Text, Whole, Wholes

NAMED = thing(id="integer", name="string")
SUMMARY: dict[str, Any] = thing(
    id="integer",
    state="string",
    state_label="string",
    plan=NAMED,
    site=NAMED,
    school=NAMED,
    level="string",
    level_label="string",
    count="integer",
    revision="integer",
    list_sha256="string",
    digest="string",
    return_reason="string",
)
PREPARATION: dict[str, Any] = thing(
    id="integer",
    plan_id="integer",
    state="string",
    sites_total="integer",
    sites_done="integer",
    made="integer",
    updated="integer",
    refusals={"type": "array", "items": {"type": "object"}},
    summary="string",
)
BULK: dict[str, Any] = thing(
    items={"type": "array", "items": {"type": "object"}}, done="integer", refused="integer"
)
FILTERS: dict[str, Any] = {
    "state": Choice(values=tuple(state.value for state in BatchState), required=False),
    "plan_id": Whole(required=False),
    "school_id": Whole(required=False),
    "site_id": Whole(required=False),
    "level": Choice(values=tuple(level.value for level in Level), required=False),
    "school": Text(longest=100, required=False, help="院校名称或其中几个字"),
}
MOVED = thing(id="integer", state="string", state_label="string")


async def listing(call: Call) -> HTTPResponse:
    wanted = batch_list.filters(call.query)
    place = {name: call.query[name] for name in ("cursor", "before", "limit")}
    found = await organisation.listing(call.s, wanted, **place, actor=call.actor)
    totals = await batch_list.totals(call.s, wanted, actor=call.actor)
    return responses.json(
        {"items": found.items, "next_cursor": found.next_cursor, "before": found.before, **totals}
    )


async def prepare(call: Call) -> HTTPResponse:
    """201 with the plan's batches when that is done within two seconds, 200 when there was nothing to do; else 202."""
    begun = await preparing.begin(call.s, call.body["plan_id"], actor=call.actor)
    if not await preparing.work(call.s, preparation_id=begun.id, seconds=preparing.AT_ONCE):
        now = await preparing.view(call.s, begun.id, actor=call.actor)
        return responses.json({"ids": None, "preparation": now}, status=202)
    ids = await preparing.ids(begun)
    now = await preparing.view(call.s, begun.id, actor=call.actor)
    has_changed = now["made"] + now["updated"] > 0
    return responses.json({"ids": ids, "preparation": now}, status=201 if has_changed else 200)


async def preparation(call: Call) -> HTTPResponse:
    return responses.json(await preparing.view(call.s, call.path["preparation_id"], actor=call.actor))


def _in_bulk(name: str, take: Callable[..., Awaitable[list[bulk.Taken]]]) -> Handler:
    async def handler(call: Call) -> HTTPResponse:
        done = await take(call.s, call.body["ids"], actor=call.actor)
        refused = sum(one.refused is not None for one in done)
        items = [one.as_dict() for one in done]
        return responses.json({"items": items, "done": len(done) - refused, "refused": refused})

    handler.__name__ = name
    return handler


async def show(call: Call) -> HTTPResponse:
    return responses.json(await organisation.view(call.s, call.path["issuance_id"], actor=call.actor))


async def list_people(call: Call) -> HTTPResponse:
    found = await roster_query.people(call.s, call.path["issuance_id"], **call.query, actor=call.actor)
    return responses.json({"items": found.items, "next_cursor": found.next_cursor})


def _step(name: str, take: Callable[..., Awaitable[BatchState]]) -> Handler:
    async def handler(call: Call) -> HTTPResponse:
        state = await take(call.s, call.path["issuance_id"], actor=call.actor)
        return responses.json(
            {"id": call.path["issuance_id"], "state": state.value, "state_label": state.label}
        )

    handler.__name__ = name
    return handler


def _of_step(
    path: str, name: str, take: Callable[..., Awaitable[BatchState]], verb: Verb, summary: str
) -> Route:
    return Route(
        method="POST",
        path=f"/issuances/<issuance_id:int>/{path}",
        handler=_step(name, take),
        verb=verb,
        summary=summary,
        gives=MOVED,
    )


async def show_ticket(call: Call) -> HTTPResponse:
    """The ticket. Its ordinary QR is drawn here; for a mini-program code see `drawn_by_wechat`."""
    ticket = await scan_tickets.show(call.s, call.path["issuance_id"], actor=call.actor)
    return responses.json(
        {
            "ticket": f"{ticket.id:016x}",
            "url": ticket.url,
            "scene": ticket.scene,
            "png": _data_url(call.s.pdf_renderer.qr_png(ticket.url)),
            "expires_at": ticket.expires_at,
            "expires_in": max(0, int((ticket.expires_at - call.s.clock.now()).total_seconds())),
            "revision": ticket.revision,
        },
        status=201,
    )


async def drawn_by_wechat(call: Call, body: bytes) -> bytes:
    """The answer with WeChat's picture, where that was asked for: fetched when the ticket is committed.

    While WeChat takes its time no transaction waits. A repetition with the same key fetches it again.
    """
    if call.body.get("code") != "mini_program":
        return body
    shown = orjson.loads(body)
    return orjson.dumps(shown | {"png": _data_url(await mini_code.picture(call.s, shown["scene"]))})


def _data_url(picture: bytes) -> str:
    kind = "jpeg" if picture.startswith(b"\xff\xd8") else "png"
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


async def receipt(call: Call) -> HTTPResponse:
    issuance_id = call.path["issuance_id"]
    receipt_id = call.path.get("receipt_id")
    data = await queries.receipt(call.s, issuance_id, receipt_id=receipt_id, actor=call.actor)
    name = f"签发凭据-{issuance_id}" + (f"-{receipt_id}" if receipt_id else "")
    return responses.download(data, "application/json", f"{name}.json")


async def one_receipt(call: Call) -> HTTPResponse:
    return await receipt(call)


async def list_book_of(call: Call) -> HTTPResponse:
    issuance_id = call.path["issuance_id"]
    roll = await roster_query.roll(call.s, issuance_id, given_as="xlsx", actor=call.actor)
    data = await asyncio.to_thread(roster_workbook.workbook, call.s, roll)
    return responses.download(data, XLSX, f"签发名单-{issuance_id}-第{roll.issuance.revision}版.xlsx")


async def canonical_list(call: Call) -> HTTPResponse:
    issuance_id = call.path["issuance_id"]
    data = await roster_query.canonical_list(call.s, issuance_id, actor=call.actor)
    return responses.download(data, "application/json", f"签发名单-{issuance_id}.json")


async def archive(call: Call) -> HTTPResponse | None:
    """The first piece is made before anything is sent, so that a refusal can still be told."""
    issuance_id = call.path["issuance_id"]
    pieces = archives.zip_stream(call.s, issuance_id, actor=call.actor)
    first = await anext(pieces)
    response = await call.request.respond(
        content_type="application/zip", headers=responses.download_headers(f"电子证书-{issuance_id}.zip")
    )
    assert response is not None
    await response.send(first)
    async for piece in pieces:
        await response.send(piece)
    await response.eof()
    return None


_BATCH = "/issuances/<issuance_id:int>"
ROUTES: list[Route | OpenRoute] = [
    Route(
        method="GET",
        path="/issuances",
        handler=listing,
        verb=Verb.SEE_ISSUANCES,
        summary="签发批次",
        query={
            **FILTERS,
            **PAGING,
            "before": Text(longest=40, required=False, help="本页第一个批次的编号，用来往回翻"),
        },
        gives=page_of(SUMMARY),
    ),
    Route(
        method="POST",
        path="/issuances",
        handler=prepare,
        verb=Verb.PREPARE,
        summary="为一个考试计划建立签发批次（每个考核站点一个）",
        body={"plan_id": Whole()},
        gives=thing(
            ids={"type": "array", "nullable": True, "items": {"type": "integer"}}, preparation=PREPARATION
        ),
        status=201,
        creates=True,
    ),
    Route(
        method="GET",
        path="/preparations/<preparation_id:int>",
        handler=preparation,
        verb=Verb.PREPARE,
        summary="建立签发批次的进度",
        gives=PREPARATION,
    ),
    Route(
        method="POST",
        path="/issuances/sign",
        handler=_in_bulk("sign_many", bulk.sign),
        verb=Verb.SIGN,
        summary="评价组织签发多个批次，逐个给出结果",
        body={"ids": Wholes(most=bulk.MOST)},
        gives=BULK,
    ),
    Route(
        method="POST",
        path="/issuances/hand-over",
        handler=_in_bulk("hand_over_many", bulk.hand_over),
        verb=Verb.HAND_OVER,
        summary="发放多个批次，逐个给出结果",
        body={"ids": Wholes(most=bulk.MOST)},
        gives=BULK,
    ),
    Route(
        method="GET",
        path=_BATCH,
        handler=show,
        verb=Verb.SEE_ISSUANCES,
        summary="一个签发批次",
        gives=SUMMARY,
    ),
    Route(
        method="GET",
        path=f"{_BATCH}/people",
        handler=list_people,
        verb=Verb.SEE_ISSUANCES,
        summary="批次的名单；姓名与成绩对核对名单的人完整显示",
        query=PAGING,
        gives=page_of(
            thing(
                row="integer",
                number="string",
                admission_number="string",
                state="string",
                state_label="string",
                name_masked="string",
                id_masked="string",
            )
        ),
    ),
    _of_step("sign", "sign", organisation.org_sign, Verb.SIGN, "评价组织签发"),
    _of_step("withdraw", "withdraw", organisation.withdraw, Verb.WITHDRAW, "评价组织撤回"),
    _of_step("revise", "revise", organisation.revise, Verb.REVISE, "重新准备"),
    _of_step("hand-over", "hand_over", organisation.hand_over, Verb.HAND_OVER, "发放"),
    Route(
        method="POST",
        path=f"{_BATCH}/scan-tickets",
        handler=show_ticket,
        completes=drawn_by_wechat,
        verb=Verb.SHOW_TICKET,
        summary="出示一张新的签发二维码",
        body={"code": Choice(values=("link", "mini_program"), required=False, help="普通二维码或小程序码")},
        gives=thing(
            ticket="string",
            url="string",
            scene="string",
            png="string",
            expires_at="date-time",
            expires_in="integer",
            revision="integer",
        ),
        status=201,
        creates=True,
    ),
    Route(
        method="GET",
        path=f"{_BATCH}/events",
        handler=event_stream.events,
        verb=Verb.SEE_ISSUANCES,
        summary="批次的实时状态（SSE）",
        content="text/event-stream",
    ),
    Route(
        method="GET",
        path=f"{_BATCH}/receipt",
        handler=receipt,
        verb=Verb.SEE_RECEIPT,
        summary="最近一次签发或退回的凭据",
        gives={"type": "object"},
    ),
    Route(
        method="GET",
        path=f"{_BATCH}/receipts/<receipt_id:int>",
        handler=one_receipt,
        verb=Verb.SEE_RECEIPT,
        summary="一份签发或退回的凭据；编号见批次的 receipts",
        gives={"type": "object"},
    ),
    Route(
        method="GET",
        path=f"{_BATCH}/list.xlsx",
        handler=list_book_of,
        verb=Verb.CHECK_LIST,
        summary="完整名单（表格），供核对与存档",
        content=XLSX,
    ),
    Route(
        method="GET",
        path=f"{_BATCH}/list.json",
        handler=canonical_list,
        verb=Verb.CHECK_LIST,
        summary="规范格式的名单：其字节的 SHA-256 即名单校验码",
        gives={"type": "array", "items": {"type": "object"}},
    ),
    Route(
        method="GET",
        path=f"{_BATCH}/certificates.zip",
        handler=archive,
        verb=Verb.DOWNLOAD,
        summary="全部电子证书",
        content="application/zip",
    ),
]
