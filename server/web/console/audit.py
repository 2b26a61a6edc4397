"""审计: the trail, for those who may read it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from pydantic import Field

from server.domain.audit import audit_query
from server.domain.audit.audit_query import AuditRecord, Wanted
from server.domain.roles import Verb
from server.web.console import audit_words
from server.web.console.answers import AuditEntry, Page
from server.web.console.auth import Call
from server.web.console.paging import Paging, cut, page_of
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
    since: Moment | None = None
    until: Moment | None = None


async def listing(call: Call, query: AuditQuery) -> Page[AuditEntry]:
    wanted = Wanted(**query.model_dump(exclude={"cursor", "limit"}))
    rows = await audit_query.listing(wanted, after=query.after, limit=query.size + 1, actor=call.actor)
    page, next_cursor = cut(rows, query.size)
    return page_of(AuditEntry, [shown(one) for one in page], next_cursor)


def shown(one: AuditRecord) -> AuditEntry:
    """The entry with its action in words."""
    return AuditEntry(**asdict(one), action_label=audit_words.ACTIONS.get(one.action, one.action))


ROUTES = [
    Route("GET", "/audit", listing, "审计记录", takes=AuditQuery, gives=Page[AuditEntry], verb=Verb.SEE_AUDIT),
]  # fmt: skip
