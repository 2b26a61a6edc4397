"""函件: the formal letter of a case (S68), kept sealed; every look at it stands in the audit trail."""

from __future__ import annotations

from dataclasses import dataclass

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.people.school_scope import within
from server.domain.ports import Services
from server.domain.roles import Verb
from server.domain.sealed_files import Shelf
from server.errors import Gone, NotFound
from server.models import Correction

SHELF = Shelf("corrections", "correction.letter", "函件", "请附上加盖公章的正式函件（扫描件）。")


@dataclass(frozen=True, slots=True)
class LetterFile:
    """The letter as it was handed in."""

    data: bytes
    kind: str


async def is_named(key: str) -> bool:
    """Whether a case has this letter."""
    return await Correction.filter(letter_key=key).exists()


async def letter(s: Services, correction_id: int, *, actor: Actor) -> LetterFile:
    """The letter of a case that this account sees; that it was looked at is kept.

    Raises:
        Forbidden: role_not_allowed. NotFound: correction_unknown. Gone: letter_erased. OutsideFailure: the file store does not answer.
    """
    roles.require(actor, Verb.SEE_CORRECTIONS)
    case = await within(Correction.filter(id=correction_id), actor).first()
    if case is None:
        raise unknown()
    if not case.letter_key:
        raise Gone("letter_erased", "这位考生的个人信息已按本人要求删除，函件不再保存。")
    data = await SHELF.opened(s.keys, s.file_store, case.letter_key)
    await audit_log.record(s.clock, actor, "correction.letter", "correction", case.id)
    return LetterFile(data, case.letter_kind)


def unknown() -> NotFound:
    """One refusal for "there is none" and "not yours"."""
    return NotFound("correction_unknown", "没有这件更正，请刷新列表后重试。")
