"""What waits for one member of staff today: of each kind how much, and since when. Nothing of what he may not do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from server.domain import roles
from server.domain.actor import Actor
from server.domain.go_live import checklist, doctor_runs
from server.domain.issuance.states import BatchState
from server.domain.notices import hold
from server.domain.people.school_scope import is_school, school_of
from server.domain.ports import Services
from server.domain.ports.doctor import BAD
from server.domain.public_log import log_state
from server.domain.roles import Verb
from server.models.database import rows

SLOW = timedelta(days=3)  # a school that has not scanned for so long is asked
RECENT = timedelta(days=14)
DAY = timedelta(days=1)
TROUBLE = (
    "session.locked",
    "officer.pin_locked",
    "access.refused",
    "audit.flooded",
    "file.damaged",
)  # what an auditor looks at


@dataclass(frozen=True, slots=True)
class Due:
    """One kind of work. `since`: of the oldest, where it is known; `said`: what is wrong, in words, if anything."""

    what: str
    items: int
    since: datetime | None
    said: str = ""


@dataclass(frozen=True, slots=True)
class _Kind:
    """`takes`: which of the values the statement wants, in its order. `for_school`: True a school alone, False nobody of one."""

    what: str
    verb: Verb
    takes: tuple[str, ...]
    statement: str
    for_school: bool | None = None


_BATCHES = """
SELECT count(*)::int AS items, min({since}) AS since FROM issuance i JOIN plan p ON p.id = i.plan_id
JOIN site t ON t.id = i.site_id
WHERE i.state = '{state}' AND p.release_at <= $1 AND ($2::bigint IS NULL OR t.school_id = $2){more}
"""
_NOBODY_SIGNS = """
SELECT count(DISTINCT t.school_id)::int AS items, NULL::timestamptz AS since
FROM issuance i JOIN plan p ON p.id = i.plan_id JOIN site t ON t.id = i.site_id
WHERE i.state IN ('prepared', 'site_pending', 'returned')
  AND ($2::bigint IS NULL OR (t.school_id = $2 AND p.release_at <= $1))
  AND NOT EXISTS (SELECT 1 FROM officer o WHERE o.school_id = t.school_id AND o.state IN ('active', 'pending', 'invited'))
"""
_KINDS = (
    _Kind("sign", Verb.SIGN, ("now", "school"), _BATCHES.format(state=BatchState.PREPARED.value, since="i.created_at", more="")),
    _Kind("revise", Verb.REVISE, ("now", "school"), _BATCHES.format(state=BatchState.RETURNED.value, since="NULL::timestamptz", more="")),
    # With two people for issuing, who signed does not hand over.
    _Kind("hand_over", Verb.HAND_OVER, ("now", "school", "signer"),
          _BATCHES.format(state=BatchState.SCHOOL_SIGNED.value, since="i.school_signed_at", more=" AND i.org_signed_by IS DISTINCT FROM $3::bigint")),
    _Kind("scan", Verb.SHOW_TICKET, ("now", "school"),
          _BATCHES.format(state=BatchState.SITE_PENDING.value, since="i.org_signed_at", more=""), for_school=True),
    _Kind("slow", Verb.WITHDRAW, ("now", "school", "slow"),
          _BATCHES.format(state=BatchState.SITE_PENDING.value, since="i.org_signed_at", more=" AND i.org_signed_at < $3::timestamptz"), for_school=False),
    _Kind("drawings", Verb.HAND_OVER, (),
          "SELECT count(*)::int AS items, NULL::timestamptz AS since FROM issuance i JOIN certificate c ON c.issuance_id = i.id"
          " WHERE i.state = 'generating' AND c.state IN ('reserved', 'drawing') AND c.attempts > 0 AND c.last_error <> ''"),
    _Kind("plans", Verb.RELEASE, ("now",),
  "SELECT count(*)::int AS items, NULL::timestamptz AS since FROM plan p"
          " WHERE p.release_at IS NULL AND p.exam_date < $1::timestamptz"),
    _Kind("releases", Verb.APPROVE_RELEASE, ("me",),
          "SELECT count(*)::int AS items, min(x.requested_at) AS since FROM release_request x WHERE x.state = 'requested'"
          " AND x.requested_by <> $1"),
    _Kind("scores", Verb.APPROVE_SCORES, ("me",),
          "SELECT count(*)::int AS items, min(x.requested_at) AS since FROM score_change x WHERE x.state = 'requested'"
          " AND x.requested_by <> $1 AND NOT EXISTS (SELECT 1 FROM correction k WHERE k.score_change_id = x.id)"),
    _Kind("checks", Verb.IMPORT, ("recent",),
          "SELECT count(*)::int AS items, min(r.created_at) AS since FROM import_run r WHERE r.is_dry_run AND r.state = 'done'"
          " AND r.file_key <> '' AND r.rows_taken > 0 AND r.created_at > $1::timestamptz"
          " AND NOT EXISTS (SELECT 1 FROM import_run x WHERE x.check_id = r.id AND x.state <> 'unreadable')"),
    _Kind("poor_imports", Verb.IMPORT, ("recent",),
          "SELECT count(*)::int AS items, min(r.created_at) AS since FROM import_run r WHERE NOT r.is_dry_run"
          " AND (r.rows_refused > 0 OR r.refusal_code <> '') AND r.created_at > $1::timestamptz"),
    _Kind("officers", Verb.CONFIRM, ("school",),
          "SELECT count(*)::int AS items, NULL::timestamptz AS since FROM officer o WHERE o.state = 'pending'"
          " AND ($1::bigint IS NULL OR o.school_id = $1)"),
    _Kind("no_officer", Verb.INVITE, ("now", "school"), _NOBODY_SIGNS),
    _Kind("parcels", Verb.RECEIVE_PAPER, ("school",),
          "SELECT count(*)::int AS items, min(r.sent_at) AS since FROM paper_run r JOIN issuance i ON i.id = r.issuance_id"
          " JOIN site t ON t.id = i.site_id WHERE r.state = 'sent' AND t.school_id = $1", for_school=True),
    _Kind("fees", Verb.PAY_FOR_SCHOOL, ("school",),
          "SELECT count(*)::int AS items, min(f.created_at) AS since FROM fee f WHERE f.state = 'owed' AND f.school_id = $1", for_school=True),
    _Kind("trouble", Verb.SEE_AUDIT, ("day", "trouble"),
          "SELECT count(*)::int AS items, min(e.at) AS since FROM audit_entry e WHERE e.at > $1::timestamptz AND e.action = ANY($2::text[])"),
)  # fmt: skip


async def due(s: Services, *, actor: Actor) -> list[Due]:
    """Every kind of which there is something, in the order of the work."""
    now = s.clock.now()
    values = {
        "now": now,
        "slow": now - SLOW,
        "recent": now - RECENT,
        "day": now - DAY,
        "school": school_of(actor),
        "me": actor.id,
        "signer": actor.id if s.settings.needs_two_people else None,
        "trouble": list(TROUBLE),
    }
    found = await _alarms(s, actor)
    for kind in _KINDS:
        if not roles.may(actor, kind.verb) or kind.for_school not in (None, is_school(actor)):
            continue
        [row] = await rows(kind.statement, *(values[name] for name in kind.takes))
        if row["items"]:
            found.append(Due(kind.what, row["items"], row["since"]))
    return found


async def _alarms(s: Services, actor: Actor) -> list[Due]:
    """What stands still until somebody looks."""
    found = []
    if roles.may(actor, Verb.HAND_OVER) and (problem := await log_state.problem(s)):
        found.append(Due("log", 1, None, problem))
    if roles.may(actor, Verb.SEND_CAMPAIGNS) and (held := await hold.current()) is not None:
        found.append(Due("hold", held.waiting, held.since, held.reason))
    return found + (await _upkeep(s) if roles.may(actor, Verb.CHECK_UP) else [])


async def _upkeep(s: Services) -> list[Due]:
    """What the doctor found last, and a backup that was not made."""
    found = []
    run, _ = await doctor_runs.latest()
    wrong = [one.title for one in doctor_runs.findings(run) if one.level == BAD] if run is not None else []
    if wrong:
        found.append(Due("doctor", len(wrong), None, "、".join(dict.fromkeys(wrong))))
    if s.settings.is_production:
        at = await checklist.last_backup()
        if at is None or s.clock.now() - at > checklist.BACKUP_EVERY:
            found.append(Due("backup", 1, at, "" if at is not None else "还没有做过备份"))
    return found
