"""签发批次: the list, one batch, the organisation's steps, the QR, the receipt and the certificates."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated

import orjson
from pydantic import Field
from sanic import HTTPResponse

from server.domain import beijing
from server.domain.issuance import (
    archives,
    batch_query,
    bulk,
    mini_code,
    organisation,
    preparation_query,
    preparing,
    roster_access,
    roster_workbook,
    scan_tickets,
)
from server.domain.issuance import queries as issuance_queries
from server.domain.issuance.queries import BatchSummary
from server.domain.issuance.states import BatchState
from server.domain.levels import Level
from server.domain.lookups.list_exports import SLICE, Taking
from server.domain.roles import Verb
from server.errors import Damaged, OutsideFailure
from server.web import connections, problems
from server.web.console import event_stream
from server.web.console import listing as listing_parts
from server.web.console.answers import Page
from server.web.console.auth import Call
from server.web.console.imports import XLSX
from server.web.console.issuance_answers import (
    Bulk,
    CanonicalList,
    Issuance,
    Issuances,
    IssuanceSummary,
    ListedPerson,
    Moved,
    MovedInBulk,
    Preparation,
    Prepared,
    Receipt,
    Ticket,
)
from server.web.console.paging import Paging, page_of
from server.web.responses import download, download_headers, json
from server.web.routes import Handler, Route
from server.web.schema import JSON, Day, Input, OneOf, Whole


class IssuanceQuery(Paging):
    state: Annotated[str | None, OneOf(BatchState)] = None
    plan_id: Whole | None = None
    school_id: Whole | None = None
    site_id: Whole | None = None
    level: Annotated[str | None, OneOf(Level)] = None
    school: str | None = Field(default=None, max_length=100, description="院校名称或其中几个字")
    made_from: Day | None = Field(default=None, description="建立日期，从这一天起（北京时间）")
    made_to: Day | None = Field(default=None, description="建立日期，到这一天为止")
    sort: Annotated[str | None, OneOf(batch_query.SORTS)] = None
    before: str | None = Field(default=None, max_length=40, description="本页的 before，用来往回翻")

    @property
    def wanted(self) -> batch_query.Wanted:
        own = self.model_dump(exclude={"cursor", "before", "limit", "sort", "made_from", "made_to"})
        until = self.made_to + timedelta(days=1) if self.made_to else None
        return batch_query.Wanted(**own, since=_midnight(self.made_from), until=_midnight(until))

    @property
    def order(self) -> str:
        return self.sort or "-id"


def _midnight(day: date | None) -> datetime | None:
    return datetime(day.year, day.month, day.day, tzinfo=beijing.BEIJING) if day else None


class NewBatches(Input):
    plan_id: Whole


class Several(Input):
    ids: list[Whole] = Field(min_length=1, max_length=bulk.MOST)


_DIGEST = r"^[0-9a-f]{64}$"


class Seen(Input):
    """Whoever reads the list by a program of his own may leave it out; the pages never do."""

    list_sha256: str | None = Field(
        default=None,
        max_length=64,
        pattern=_DIGEST,
        description="核对过的名单的校验码；名单已不是这一份的，不签发",
    )


class SeenOfOne(Input):
    id: Whole
    list_sha256: str = Field(max_length=64, pattern=_DIGEST, description="同单个批次的签发")


class SeenOfSeveral(Input):
    batches: list[SeenOfOne] = Field(min_length=1, max_length=bulk.MOST)


class TicketKind(Input):
    code: Annotated[str | None, OneOf(("link", "mini_program"))] = Field(
        default=None, description="普通二维码或小程序码"
    )


async def listing(call: Call, query: IssuanceQuery) -> Issuances:
    page = await batch_query.listing(
        call.s.clock,
        query.wanted,
        cursor=query.cursor,
        before=query.before,
        limit=query.limit,
        sort=query.order,
        actor=call.actor,
    )
    totals = await batch_query.totals(call.s.clock, query.wanted, actor=call.actor)
    return Issuances(
        items=[IssuanceSummary.of(one) for one in page.items],
        next_cursor=page.next_cursor,
        before=page.before,
        batches=totals.batches,
        people=totals.people,
    )


async def export(call: Call, query: IssuanceQuery) -> None:

    say = listing_parts.words_of(call)

    async def written(items: Sequence[BatchSummary]) -> list[list[str | int | None]]:
        return [
            [one.id, one.school, one.plan, say(one.level.label), one.count, say(one.state.label), one.revision, *(
                beijing.short(at) if at else ""
                for at in (one.created_at, one.org_signed_at, one.school_signed_at, one.handed_over_at)
            )]
            for one in items
        ]  # fmt: skip

    head: dict[str, float] = {
        "批次": 8,
        "院校": 28,
        "考试计划": 40,
        "等级": 8,
        "人数": 8,
        "状态": 16,
        "版次": 6,
        "建立时间": 18,
        "评价组织签发": 18,
        "院校签发": 18,
        "发放": 18,
    }
    taking = Taking(
        what="issuances",
        filters=listing_parts.filters(query),
        read=lambda cursor: batch_query.listing(
            call.s.clock, query.wanted, cursor=cursor, limit=SLICE, sort=query.order, actor=call.actor
        ),
        written=written,
        title="签发批次",
        head=head,
    )
    await listing_parts.send_table(call, taking)


async def prepare(call: Call, body: NewBatches) -> HTTPResponse:
    """201 with the plan's batches when that is done within two seconds, 200 when there was nothing to do; else 202."""
    begun = await preparing.begin(call.s, body.plan_id, actor=call.actor)
    is_done = await preparing.work(call.s, preparation_id=begun, seconds=preparing.AT_ONCE)
    ids = await preparing.batches_of(begun) if is_done else None
    now = Preparation.of(await preparation_query.view(begun, actor=call.actor))
    status = 202 if ids is None else 201 if now.made + now.updated > 0 else 200
    return json(Prepared(ids=ids, preparation=now), status=status)


async def preparation(call: Call, preparation_id: int) -> Preparation:
    return Preparation.of(await preparation_query.view(preparation_id, actor=call.actor))


async def sign_many(call: Call, body: SeenOfSeveral) -> Bulk:
    seen = {one.id: one.list_sha256 for one in body.batches}
    return _in_bulk(await bulk.sign(call.s, seen, actor=call.actor))


async def hand_over_many(call: Call, body: Several) -> Bulk:
    return _in_bulk(await bulk.hand_over(call.s, body.ids, actor=call.actor))


def _in_bulk(results: Sequence[bulk.Taken]) -> Bulk:
    refused = sum(one.refused is not None for one in results)
    items = [MovedInBulk.of(one) for one in results]
    return Bulk(items=items, done=len(results) - refused, refused=refused)


async def show(call: Call, issuance_id: int) -> Issuance:
    return Issuance.in_full(await issuance_queries.view(call.s, issuance_id, actor=call.actor))


async def list_people(call: Call, query: Paging, issuance_id: int) -> Page[ListedPerson]:
    page = await roster_access.people(call.s, issuance_id, **query.model_dump(), actor=call.actor)
    return page_of(ListedPerson, [ListedPerson.of(one) for one in page.items], page.next_cursor, page.before)


async def sign(call: Call, body: Seen, issuance_id: int) -> Moved:
    state = await organisation.org_sign(call.s, issuance_id, seen=body.list_sha256, actor=call.actor)
    return Moved(id=issuance_id, state=state.value, state_label=state.label)


def _step(name: str, take: Callable[..., Awaitable[BatchState]]) -> Handler:
    async def handler(call: Call, issuance_id: int) -> Moved:
        state = await take(call.s, issuance_id, actor=call.actor)
        return Moved(id=issuance_id, state=state.value, state_label=state.label)

    handler.__name__ = name
    return handler


async def show_ticket(call: Call, body: TicketKind, issuance_id: int) -> Ticket:
    """The ticket. Its ordinary QR is drawn here; for a mini-program code see `drawn_by_wechat`."""
    ticket = await scan_tickets.show(call.s, issuance_id, actor=call.actor)
    return Ticket(
        ticket=f"{ticket.id:016x}",
        url=ticket.url,
        scene=ticket.scene,
        png=_data_url(call.s.pdf_renderer.qr_png(ticket.url)),
        expires_at=ticket.expires_at,
        expires_in=max(0, int((ticket.expires_at - call.s.clock.now()).total_seconds())),
        revision=ticket.revision,
    )


async def drawn_by_wechat(call: Call, wanted: TicketKind, body: bytes) -> bytes:
    """The answer with WeChat's picture, where that was asked for: fetched when the ticket is committed.

    While WeChat takes its time no transaction waits. A repetition with the same key fetches it again.
    """
    if wanted.code != "mini_program":
        return body
    answer = orjson.loads(body)
    return orjson.dumps(
        answer | {"png": _data_url(await mini_code.picture(call.s.wechat_links, answer["scene"]))}
    )


def _data_url(picture: bytes) -> str:
    kind = "jpeg" if picture.startswith(b"\xff\xd8") else "png"
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


async def receipt(call: Call, issuance_id: int) -> HTTPResponse:
    data = await issuance_queries.receipt(call.s.clock, issuance_id, actor=call.actor)
    return download(data, JSON, f"签发凭据-{issuance_id}.json")


async def one_receipt(call: Call, issuance_id: int, receipt_id: int) -> HTTPResponse:
    data = await issuance_queries.receipt(call.s.clock, issuance_id, receipt_id=receipt_id, actor=call.actor)
    return download(data, JSON, f"签发凭据-{issuance_id}-{receipt_id}.json")


async def list_book_of(call: Call, issuance_id: int) -> HTTPResponse:
    roll = await roster_access.roll(call.s.clock, call.s.keys, issuance_id, given_as="xlsx", actor=call.actor)
    data = await asyncio.to_thread(roster_workbook.workbook, call.s, roll)
    return download(data, XLSX, f"签发名单-{issuance_id}-第{roll.batch.revision}版.xlsx")


async def canonical_list(call: Call, issuance_id: int) -> HTTPResponse:
    data = await roster_access.canonical_list(call.s.clock, issuance_id, actor=call.actor)
    return download(data, JSON, f"签发名单-{issuance_id}.json")


async def archive(call: Call, issuance_id: int) -> None:
    """The first piece is made before anything is sent, so that a refusal can still be told.

    After that only a broken connection can: a proper end would make half a zip file look like a whole one.
    """
    pieces = archives.zip_stream(call.s.clock, call.s.file_store, issuance_id, actor=call.actor)
    first = await anext(pieces)
    response = await call.request.respond(
        content_type="application/zip", headers=download_headers(f"电子证书-{issuance_id}.zip")
    )
    assert response is not None
    try:
        await response.send(first)
        async for piece in pieces:
            await response.send(piece)
        await response.eof()
    except (Damaged, OutsideFailure) as problem:
        connections.break_off(call.request)
        if isinstance(problem, Damaged):
            await problems.alarm(call.request, problem)
        else:
            problems.tell(call.request, problem)
    except BaseException:
        connections.break_off(call.request)
        raise


_ONE = "/issuances/<issuance_id:int>"
ROUTES = [
    Route("GET", "/issuances", listing, "签发批次", takes=IssuanceQuery, gives=Issuances, verb=Verb.SEE_ISSUANCES),
    Route("GET", "/issuances/export.xlsx", export, "签发批次，作为表格；导出记入审计", takes=IssuanceQuery, gives=XLSX, verb=Verb.SEE_ISSUANCES),
    Route("POST", "/issuances", prepare, "为一个考试计划建立签发批次（每个考核站点一个）",
          takes=NewBatches, gives=Prepared, status=201, creates=True, verb=Verb.PREPARE),
    Route("GET", "/preparations/<preparation_id:int>", preparation, "建立签发批次的进度", gives=Preparation, verb=Verb.PREPARE),
    Route("POST", "/issuances/sign", sign_many, "评价组织签发多个批次，逐个给出结果；各是核对过的那一份名单", takes=SeenOfSeveral, gives=Bulk, verb=Verb.SIGN),
    Route("POST", "/issuances/hand-over", hand_over_many, "发放多个批次，逐个给出结果",
          takes=Several, gives=Bulk, verb=Verb.HAND_OVER),
    Route("GET", _ONE, show, "一个签发批次", gives=Issuance, verb=Verb.SEE_ISSUANCES),
    Route("GET", f"{_ONE}/people", list_people, "批次的名单；姓名与成绩对核对名单的人完整显示",
          takes=Paging, gives=Page[ListedPerson], verb=Verb.SEE_ISSUANCES),
    Route("POST", f"{_ONE}/sign", sign, "评价组织签发；名单是核对过的那一份", takes=Seen, gives=Moved, verb=Verb.SIGN),
    *(
        Route("POST", f"{_ONE}/{path}", _step(path.replace("-", "_"), take), summary, gives=Moved, verb=verb)
        for path, take, verb, summary in (
            ("withdraw", organisation.withdraw, Verb.WITHDRAW, "评价组织撤回"),
            ("revise", organisation.revise, Verb.REVISE, "重新准备"),
            ("hand-over", organisation.hand_over, Verb.HAND_OVER, "发放"),
        )
    ),
    Route("POST", f"{_ONE}/scan-tickets", show_ticket, "出示一张新的签发二维码",
          takes=TicketKind, gives=Ticket, status=201, creates=True, completes=drawn_by_wechat, verb=Verb.SHOW_TICKET),
    Route("GET", f"{_ONE}/events", event_stream.events, "批次的实时状态（SSE）", gives="text/event-stream", verb=Verb.SEE_ISSUANCES),
    Route("GET", f"{_ONE}/receipt", receipt, "最近一次签发或退回的凭据", gives=Receipt, verb=Verb.SEE_RECEIPT),
    Route("GET", f"{_ONE}/receipts/<receipt_id:int>", one_receipt, "一份签发或退回的凭据；编号见批次的 receipts", gives=Receipt, verb=Verb.SEE_RECEIPT),
    Route("GET", f"{_ONE}/list.xlsx", list_book_of, "完整名单（表格），供核对与存档", gives=XLSX, verb=Verb.CHECK_LIST),
    Route("GET", f"{_ONE}/list.json", canonical_list, "规范格式的名单：其字节的 SHA-256 即名单校验码", gives=CanonicalList, verb=Verb.CHECK_LIST),
    Route("GET", f"{_ONE}/certificates.zip", archive, "全部电子证书", gives="application/zip", verb=Verb.DOWNLOAD),
]  # fmt: skip
