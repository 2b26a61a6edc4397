"""What the phone shows before anything is signed: the batch and its list.

Who gets this far is an active officer of the batch's school, whom the list has to be readable for.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from server.domain.issuance import roster_query
from server.domain.issuance.roster_query import Listed
from server.domain.issuance.states import BatchState
from server.domain.levels import Level
from server.domain.ports import Keys
from server.models import Certificate, Issuance, Officer, ScanTicket


@dataclass(frozen=True, slots=True)
class ScanView:
    """What the phone shows before anything is signed. `state` is the batch's; `receipt` is there once it is spent."""

    issuance_id: int
    plan: str
    exam_date: date
    certificate: str
    site: str
    school: str
    level: Level
    count: int
    revision: int
    list_sha256: str
    expires_at: datetime
    shown_at: datetime
    shown_by: str
    officer_name: str
    people: tuple[Listed, ...]
    state: BatchState
    corrects: str = ""  # the certificate in whose place this one is to stand (S68)
    correction_word: str = ""
    spent_as: str = ""
    receipt: bytes | None = None

    @property
    def digest(self) -> str:
        """The first 8 characters, to compare with the desktop page."""
        return self.list_sha256[:8]


async def view_of(
    keys: Keys, ticket: ScanTicket, issuance: Issuance, officer: Officer, *, receipt: bytes | None = None
) -> ScanView:
    frame = await roster_query.frame_of(issuance.plan_id, issuance.site_id)
    people = await roster_query.lines(keys, issuance.id)
    return ScanView(
        issuance_id=issuance.id,
        plan=frame.plan,
        exam_date=frame.exam_date,
        certificate=frame.certificate,
        site=frame.site,
        school=frame.school,
        level=frame.level,
        count=len(people),
        revision=ticket.revision,
        list_sha256=bytes(ticket.list_sha256).hex(),
        expires_at=ticket.expires_at,
        shown_at=ticket.created_at,
        shown_by=ticket.shown_by,
        officer_name=officer.name,
        people=tuple(people),
        state=BatchState(issuance.state),
        corrects=await _corrects(issuance),
        correction_word=issuance.correction_word,
        spent_as=ticket.spent_as,
        receipt=receipt,
    )


async def _corrects(issuance: Issuance) -> str:
    """The number of the certificate that a batch of one corrects; empty for a plan's batch."""
    if issuance.corrects_id is None:
        return ""
    return (await Certificate.get(id=issuance.corrects_id)).number
