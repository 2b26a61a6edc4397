"""审计: the trail, for those who may read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

from pydantic import Field

from server.domain import beijing
from server.domain.audit import audit_query
from server.domain.audit.audit_query import AuditRecord, Wanted
from server.domain.dossiers import audit_subjects
from server.domain.lookups.list_exports import SLICE, Taking
from server.domain.roles import Verb
from server.web.console import audit_words
from server.web.console import listing as listing_parts
from server.web.console.answers import AuditEntry, Page
from server.web.console.auth import Call
from server.web.console.imports import XLSX
from server.web.console.paging import Paging, page_of
from server.web.routes import Route
from server.web.schema import Moment, OneOf, Whole

ACTORS = ("staff", "officer", "candidate", "system")


class AuditQuery(Paging):
    action: str | None = Field(default=None, max_length=40)
    actor_kind: Annotated[str | None, OneOf(ACTORS)] = None
    actor_id: Whole | None = None
    actor_name: str | None = Field(default=None, max_length=100)
    subject_kind: str | None = Field(default=None, max_length=20)
    subject_id: str | None = Field(default=None, max_length=40)
    number: str | None = Field(default=None, max_length=40, description="证书编号、准考证号或批次编号")
    since: Moment | None = None
    until: Moment | None = None
    before: str | None = Field(default=None, max_length=40, description="本页的第一条，用来往回翻")


async def listing(call: Call, query: AuditQuery) -> Page[AuditEntry]:
    cursor = str(query.after or "")
    found = await audit_query.listing(
        await wanted_by(call, query), cursor=cursor, before=query.before, limit=query.size, actor=call.actor
    )
    return page_of(AuditEntry, [shown(one) for one in found.items], found.next_cursor, found.before)


async def wanted_by(call: Call, query: AuditQuery) -> Wanted:
    """What a query asks for. Raises Invalid: /number number_form."""
    own = query.model_dump(exclude={"cursor", "before", "limit", "number"})
    subjects = await audit_subjects.meant(query.number, actor=call.actor) if query.number else None
    return Wanted(**own, subjects=subjects)


async def export(call: Call, query: AuditQuery) -> None:
    wanted = await wanted_by(call, query)

    say = listing_parts.words_of(call)

    async def written(items: Sequence[AuditRecord]) -> list[list[str | int | None]]:
        names = await audit_subjects.named(
            [(one.subject_kind, one.subject_id) for one in items], actor=call.actor
        )
        return [
            [
                beijing.short_second(one.at), one.actor_name,
                say(audit_words.ACTORS.get(one.actor_kind, one.actor_kind)), say(audit_words.ACTIONS.get(one.action, one.action)),
                say(audit_words.SUBJECTS.get(one.subject_kind, one.subject_kind)),
                names.get((one.subject_kind, one.subject_id), one.subject_id),
                say(audit_words.change_text(one.was, one.became)), one.address, one.request_id,
            ]
            for one in items
        ]  # fmt: skip

    head: dict[str, float] = {
        "时间": 20,
        "谁": 14,
        "身份": 14,
        "操作": 24,
        "对象": 12,
        "哪一个": 34,
        "变化": 60,
        "来自": 18,
        "请求编号": 20,
    }
    taking = Taking(
        what="audit",
        filters=listing_parts.filters(query),
        read=lambda cursor: audit_query.listing(wanted, cursor=cursor, limit=SLICE, actor=call.actor),
        written=written,
        title="审计记录",
        head=head,
    )
    await listing_parts.send_table(call, taking)


def shown(one: AuditRecord) -> AuditEntry:
    """The entry with its action in words."""
    return AuditEntry(**asdict(one), action_label=audit_words.ACTIONS.get(one.action, one.action))


ROUTES = [
    Route("GET", "/audit", listing, "审计记录", takes=AuditQuery, gives=Page[AuditEntry], verb=Verb.SEE_AUDIT),
    Route("GET", "/audit/export.xlsx", export, "审计记录，作为表格；导出记入审计", takes=AuditQuery, gives=XLSX, verb=Verb.SEE_AUDIT),
]  # fmt: skip
