"""What becomes of every personal column when a candidate is erased: taken away, or kept and why. All in one transaction.

Rows stay where others refer to them (a certificate, the books, a campaign's counts); what says whose they are goes.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from server.domain.audit import named_people
from server.domain.certificates.claims import Line
from server.domain.certificates.files import file_key
from server.domain.certificates.states import CertificateState
from server.domain.corrections.contents import sealed
from server.domain.people.candidates import ABOUT_ID
from server.domain.ports import Keys
from server.models.database import rows, write

NO_NAME, NO_TEXT, NO_NUMBER = "（已删除）", "（已删除）", "*" * 18
_BOUND = "SELECT account, openid FROM binding WHERE candidate_id = $1"
_CERTIFICATES = "SELECT id FROM certificate WHERE candidate_id = $1"
_NUMBERS = "SELECT number FROM certificate WHERE candidate_id = $1"
_FILES = """
SELECT pdf_key AS key FROM certificate WHERE candidate_id = $1
UNION SELECT photo_key FROM candidate WHERE id = $1
UNION SELECT letter_key FROM correction WHERE candidate_id = $1
"""
# Drawn or being drawn when its number was voided: the file may stand, and no row says so.
_UNTOLD = (
    "SELECT number, claims_sha256 FROM certificate WHERE candidate_id = $1 AND claims_sha256 IS NOT NULL"
)
_CERTIFICATES_OF_ENDED = """
SELECT x.number, x.claims_sha256 FROM erasure e JOIN certificate x ON x.candidate_id = e.candidate_id
WHERE e.state = 'done' AND e.done_at >= $1 AND x.claims_sha256 IS NOT NULL
"""
_PICTURES = (".png", ".jpg")  # drawn of a certificate's page, beside its file

# What is kept, by table, and why; docs/privacy.md shows it. Every other personal column is taken away.
PUBLIC = "已公开、已签名的证书内容：证书要能继续核验，公开签发日志要对得上"
ISSUED = PUBLIC + "；作废而没有发出的，那一行里的姓名和散列也清空"
EXAMS = "考试档案：没有身份的考试记录，合格率等统计要对得上"
BOOKS = "账目和凭证：会计档案依法保存；没有姓名，只有订单号"
STOCK = "带编号的空白纸张要数得清"
TRAIL = "操作记录不可改动；号码和登记的姓名写下时已遮去"
COUNTS = "发过几次、结果如何的计数；没有收件人和内容"
ORDER = "办理过什么、什么时候"
KEPT: dict[str, tuple[str, str]] = {
    "candidate": ("kind created_at updated_at erased_at", ORDER),
    "registration": ("plan_id site_id outcome created_at", EXAMS),
    "score": ("registration_id subject score status updated_at", EXAMS),
    "score_change": (
        "registration_id subject was_status was_score status score state requested_at decided_at",
        EXAMS,
    ),
    "certificate": (
        "number state line claims code pdf_sha256 sealed_at portal_number expires_on revoked_at revoke_reason "
        "superseded_at superseded_word",
        ISSUED,
    ),
    "paper_sheet": ("serial certificate_id state spoiled_reason spoiled_at", STOCK),
    "fee": ("registration_id amount_fen state created_at", BOOKS),
    "fee_waiver": ("fee_id reason state asked_at decided_at", BOOKS),
    "fee_order": (
        "number account way description total_fen refunded_fen state transaction_id paid_at created_at",
        BOOKS,
    ),
    "fee_order_line": ("order_id amount_fen", BOOKS),
    "fee_refund": (
        "number order_id amount_fen reason state asked_at decided_at refund_id accepted_at settled_at",
        BOOKS,
    ),
    "fee_receipt": ("number order_id issued_at", BOOKS),
    "notice_grant": ("account topic remaining changed_at", COUNTS),
    "notice_grant_entry": ("kind change said_at at", COUNTS),
    "delivery": ("account channel topic state created_at sent_at settled_at seen_at", COUNTS),
    "correction": ("kind state requested_at decided_at done_at", ORDER),
    "correction_certificate": ("certificate_id issuance_id", ORDER),
    "portal_row": ("number portal_number level issued_on", PUBLIC),
    "portal_difference": ("number portal_number kind found_at settled_at note", PUBLIC),
    "audit_entry": ("at actor_kind action", TRAIL),
    "erasure": ("asked_on reason state requested_at decided_at decision_note done_at", ORDER),
}
_GRANTS = f"SELECT id FROM notice_grant WHERE (account, openid) IN ({_BOUND} AND unbound_at IS NULL)"  # noqa: S608
# In this order: what finds a row by a binding comes before the bindings go.
_STATEMENTS = (
    f"UPDATE notice_grant_entry SET source = 'erased:' || id WHERE grant_id IN ({_GRANTS})",  # noqa: S608 -- constants
    f"UPDATE notice_grant SET openid = 'erased:' || id WHERE id IN ({_GRANTS})",  # noqa: S608
    "DELETE FROM follower WHERE openid IN"
    " (SELECT openid FROM binding WHERE candidate_id = $1 AND account = 'oa' AND unbound_at IS NULL)",
    "DELETE FROM binding WHERE candidate_id = $1",
    "DELETE FROM notice_opt_out WHERE candidate_id = $1",
    "DELETE FROM campaign_listed WHERE candidate_id = $1",
    "DELETE FROM practice_record WHERE candidate_id = $1",
    "UPDATE delivery SET openid = '', fields_shown = '{}', path = '', msgid = '', last_error = '', tried = NULL"
    " WHERE candidate_id = $1",
    "UPDATE fee_order SET openid = '', handle = '' WHERE candidate_id = $1",
    "UPDATE registration SET admission_number = '已删除-' || id WHERE candidate_id = $1",
    f"UPDATE score_change SET reason = '{NO_TEXT}', decision_note = ''"  # noqa: S608
    " WHERE registration_id IN (SELECT id FROM registration WHERE candidate_id = $1)",
    f"UPDATE portal_row SET name = '', id_index = NULL WHERE number IN ({_NUMBERS})",  # noqa: S608
    f"UPDATE portal_difference SET fields_differing = '[]' WHERE number IN ({_NUMBERS})",  # noqa: S608
)
# What staff wrote and what stays: the person's known names are taken out of it.
_WRITTEN = (
    ("certificate", "revoke_reason", "candidate_id = $1"),
    ("paper_sheet", "spoiled_reason", f"certificate_id IN ({_CERTIFICATES})"),
    ("fee_waiver", "reason", "fee_id IN (SELECT id FROM fee WHERE candidate_id = $1)"),
    ("fee_refund", "reason", "order_id IN (SELECT id FROM fee_order WHERE candidate_id = $1)"),
    ("portal_difference", "note", f"number IN ({_NUMBERS})"),
    ("erasure", "reason", "candidate_id = $1"),
    ("erasure", "decision_note", "candidate_id = $1"),
)
_UNNAMED = "UPDATE {0} SET {1} = replace({1}, $2, $3) WHERE {2} AND position($2 in {1}) > 0"
# A printed number that is not the person's of today is not compared with the portal's list either.
_CERTIFICATE = """
UPDATE certificate SET pdf_key = '', id_salt_sealed = NULL, printed_id_sealed = $2 WHERE candidate_id = $1
"""
# A number that was reserved and never became a certificate was told to nobody: what its line says of the person goes.
_NEVER_ISSUED = "SELECT id, line FROM certificate WHERE candidate_id = $1 AND state = $2"
_LINE = "UPDATE certificate SET line = $2, claims = NULL, claims_sha256 = NULL, code = '', last_error = '' WHERE id = $1"
_CORRECTION = """
UPDATE correction SET was_sealed = $2, becomes_sealed = $3, was_index = NULL, reason = $4, decision_note = '',
       letter_key = '', letter_sha256 = '' WHERE candidate_id = $1
"""
_CANDIDATE = """
UPDATE candidate SET name = $2, id_kind = '', id_sealed = $3, id_index = $4, mobile_sealed = NULL, mobile_index = NULL,
       given_phone_sealed = NULL, given_phone_index = NULL, given_phone_at = NULL, school_id = NULL, major_code = '',
       major_name = '', major_version = '', major_tier = '', photo_key = '', erased_at = $5 WHERE id = $1
"""


async def files(candidate_id: int) -> list[str]:
    """The keys of everything in the file store that is to go with the person."""
    keys = [row["key"] for row in await rows(_FILES, candidate_id) if row["key"]]
    keys += [
        file_key(row["number"], bytes(row["claims_sha256"])) for row in await rows(_UNTOLD, candidate_id)
    ]
    return sorted({*keys, *_pictures(keys)})


async def pictures(ended_since: datetime) -> list[str]:
    """The keys of pictures of those whose erasure ended since: one that was being drawn meanwhile may have come after."""
    found = await rows(_CERTIFICATES_OF_ENDED, ended_since)
    return _pictures(file_key(row["number"], bytes(row["claims_sha256"])) for row in found)


def _pictures(keys: Iterable[str]) -> list[str]:
    return [f"{key[:-4]}{ending}" for key in keys if key.endswith(".pdf") for ending in _PICTURES]


async def bound_to(candidate_id: int) -> list[tuple[str, str]]:
    """Account and openid of every living binding."""
    found = await rows(f"{_BOUND} AND unbound_at IS NULL", candidate_id)
    return [(row["account"], row["openid"]) for row in found]


async def wipe(keys: Keys, candidate_id: int, now: datetime) -> None:
    """Take away everything that is not `KEPT`, in the caller's transaction, the candidate being locked."""
    for name in await named_people.names_of("candidate", candidate_id):
        for place in _WRITTEN:
            await write(_UNNAMED.format(*place), candidate_id, name, named_people.WORDS)
    for statement in _STATEMENTS:
        await write(statement, candidate_id)
    number = keys.encrypt(NO_NUMBER, about=ABOUT_ID)
    await write(_CERTIFICATE, candidate_id, number)
    for row in await rows(_NEVER_ISSUED, candidate_id, CertificateState.VOID.value):
        line = replace(Line.from_bytes(bytes(row["line"])), name=NO_NAME, id_hash="0" * 32)
        await write(_LINE, row["id"], line.to_bytes())
    nothing = [sealed(keys, side, "", {}) for side in ("was", "becomes")]
    await write(_CORRECTION, candidate_id, *nothing, NO_TEXT)
    # An index of nothing: no number can be looked up under it, and the next import of the person makes a new row.
    await write(_CANDIDATE, candidate_id, NO_NAME, number, secrets.token_bytes(32), now)


def kept_as_markdown() -> str:
    """What stays after an erasure and why, as docs/privacy.md shows it."""
    lines = ["| 表 | 留下的列 | 为什么 |", "|---|---|---|"]
    for name, (columns, why) in KEPT.items():
        lines.append(f"| `{name}` | {'、'.join(f'`{one}`' for one in columns.split())} | {why} |")
    return "\n".join(lines)
