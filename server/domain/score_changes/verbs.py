"""成绩变更: a released score is changed by two people. One asks with a reason, another approves, the candidate is told."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from server.domain import beijing, roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.exams.results import Result, Status, say
from server.domain.freshness import changed
from server.domain.notices.short_names import ROOM, short_plan
from server.domain.notices.telling import Notice, tell
from server.domain.people.free_text import clean_reason
from server.domain.ports import Clock, Services
from server.domain.roles import Verb
from server.domain.score_changes import queries
from server.domain.score_changes.facts import Facts, Mark, refuse_mark, standing
from server.domain.score_changes.states import OPEN, STEPS, ScoreChangeState, Standing, moved_on
from server.errors import Conflict, FieldError, Invalid, NotFound
from server.models import Correction, ScoreChange
from server.models.database import breaks

TOPIC = "results_released"  # 成绩公布: the template that takes the reader to the results; there is none of its own
SHORTEST_REASON = 10
_CORRECTED = "成绩更正："


async def request(
    clock: Clock,
    admission_number: str,
    subject: str | None,
    *,
    status: str,
    score: str | None,
    reason: str,
    actor: Actor,
) -> int:
    """Ask for a change of one released mark; its number. Nothing changes until somebody else approves.

    Args:
        subject: may be left out where the examination has one subject.
        status: see `results.Status`.
        score: 0 to 100 with at most one decimal, for the status `scored` alone.
        reason: what the change rests on; at least SHORTEST_REASON characters. Numbers of persons in it are masked.

    Raises:
        Forbidden: role_not_allowed.
        Invalid: score_range, score_and_status, reason_short.
        NotFound: registration_unknown.
        Refused, Conflict: see `facts` and `states.OPEN`; change_open.
    """
    roles.require(actor, Verb.IMPORT)
    mark, clean = mark_of(status, score), _reason(reason)
    number = "".join(admission_number.split()).upper()
    try:
        async with in_transaction():
            facts = await queries.facts_of(admission_number=number)
            change = await _asked(clock, facts, subject, mark, clean, actor)
    except IntegrityError as error:
        if not breaks(error, "score_change_open"):
            raise
        raise _already_open() from error
    return int(change.id)


async def request_in_case(
    clock: Clock, registration_id: int, subject: str | None, mark: Mark, reason: str, *, actor: Actor
) -> ScoreChange:
    """The same as a part of a correction with the formal letter (S68), in its transaction: also after 发放.

    Args:
        mark: as `mark_of` reads it; reason: cleaned by the caller.

    Raises as `request` does.
    """
    facts = await queries.facts_of(registration_id=registration_id)
    try:
        return await _asked(clock, facts, subject, mark, reason, actor, in_case=True)
    except IntegrityError as error:
        if not breaks(error, "score_change_open"):
            raise
        raise _already_open() from error


def _already_open() -> Conflict:
    return Conflict("change_open", "这一科已有一项变更待批准，请先处理那一项。")


async def _asked(
    clock: Clock,
    facts: Facts,
    subject: str | None,
    mark: Mark,
    clean: str,
    actor: Actor,
    *,
    in_case: bool = False,
) -> ScoreChange:
    known = await standing(facts, clock.now(), is_of_case=in_case, in_case=in_case)
    if (closed := next((why for guard in OPEN if (why := guard(known))), None)) is not None:
        raise closed.as_refusal()
    chosen = subject or (next(iter(facts.subjects)) if len(facts.subjects) == 1 else "")
    refuse_mark(facts, chosen, mark)
    was = facts.marks.get(chosen, ("", None))
    change = await ScoreChange.create(
        registration_id=facts.id,
        subject=chosen,
        was_status=was[0],
        was_score=was[1],
        status=mark[0],
        score=mark[1],
        reason=clean,
        requested_by=actor.id,
        requested_by_name=actor.name,
        requested_at=clock.now(),
    )
    await _record(clock, change, "request", actor, {"reason": clean})
    return change


async def approve(s: Services, change_id: int, *, actor: Actor) -> ScoreChangeState:
    """Let the change take effect: score, outcome, trail and the candidate's notice in one transaction.

    Raises:
        Forbidden: role_not_allowed, same_person.
        NotFound: change_unknown.
        Conflict: already_decided, and what the guards of `states` say.
    """
    roles.require(actor, Verb.APPROVE_SCORES)
    async with in_transaction():
        await _approved(s, change_id, actor, in_case=False)
        await changed()
    return ScoreChangeState.APPROVED


async def approve_in_case(s: Services, change_id: int, *, actor: Actor) -> tuple[Result, Result]:
    """Let a correction's change take effect in the correction's transaction; the outcome before and after.

    The caller has asked whether the actor may, and says afterwards that look-ups have changed. Raises as `approve`.
    """
    return await _approved(s, change_id, actor, in_case=True)


async def _approved(s: Services, change_id: int, actor: Actor, *, in_case: bool) -> tuple[Result, Result]:
    change = await _locked(change_id, "approve")
    facts = await queries.facts_of(registration_id=change.registration_id)
    known = await _standing(s.clock, facts, change, actor, in_case=in_case)
    await _advance(s.clock, change, "approve", known, actor, "")
    await s.faults.reach("score_changes.decided")
    await _write(s.clock, change, facts, actor)
    await s.faults.reach("score_changes.written")
    await _tell(s, change, facts)
    return facts.outcome, facts.became(change.subject, (change.status, change.score))


async def _standing(
    clock: Clock, facts: Facts | None, change: ScoreChange, actor: Actor, *, in_case: bool = False
) -> Standing:
    is_of_case = await Correction.filter(score_change_id=change.id).exists()
    return await standing(
        facts, clock.now(), change=change, actor=actor, is_of_case=is_of_case, in_case=in_case
    )


async def end_in_case(clock: Clock, change_id: int, name: str, note: str, *, actor: Actor) -> None:
    """A correction is refused or withdrawn, and its change with it, in the correction's transaction.

    Args:
        name: refuse or withdraw.
    """
    change = await _locked(change_id, name)
    await _advance(
        clock, change, name, await _standing(clock, None, change, actor, in_case=True), actor, note
    )


async def refuse(clock: Clock, change_id: int, note: str, *, actor: Actor) -> ScoreChangeState:
    """Do not let it take effect, and say why. Raises as `approve` does, but for the facts; Invalid: reason_short."""
    roles.require(actor, Verb.APPROVE_SCORES)
    clean = clean_reason(note)
    if not clean:
        raise Invalid(errors=[FieldError("/note", "missing", "请写明不批准的原因。")])
    async with in_transaction():
        change = await _locked(change_id, "refuse")
        known = await _standing(clock, None, change, actor)
        await _advance(clock, change, "refuse", known, actor, clean)
    return ScoreChangeState.REFUSED


async def withdraw(clock: Clock, change_id: int, *, actor: Actor) -> ScoreChangeState:
    """Take back what one asked for oneself.

    Raises:
        Forbidden: role_not_allowed, not_yours.
        NotFound: change_unknown.
        Conflict: already_decided.
    """
    roles.require(actor, Verb.IMPORT)
    async with in_transaction():
        change = await _locked(change_id, "withdraw")
        known = await _standing(clock, None, change, actor)
        await _advance(clock, change, "withdraw", known, actor, "")
    return ScoreChangeState.WITHDRAWN


def mark_of(status: str, score: str | None) -> Mark:
    """The new mark. Raises Invalid: /score score_range, score_and_status."""
    if status != Status.SCORED.value:
        if score not in (None, ""):
            raise Invalid(
                errors=[
                    FieldError("/score", "score_and_status", "缺考、缓考、违纪、作弊没有分数，请清空成绩。")
                ]
            )
        return Status(status).value, None
    try:
        value = Decimal((score or "").strip())
        if not (value.is_finite() and 0 <= value <= 100 and value == round(value, 1)):
            raise InvalidOperation
    except InvalidOperation:
        sentence = "成绩应为 0 到 100 的数字，最多一位小数。"
        raise Invalid(errors=[FieldError("/score", "score_range", sentence)]) from None
    return status, round(value, 1)


def _reason(text: str) -> str:
    """The reason as it is kept. Raises Invalid."""
    clean = clean_reason(text)
    if len(clean) < SHORTEST_REASON:
        sentence = f"请写明变更的依据（至少 {SHORTEST_REASON} 个字），例如复核记录的日期和编号。"
        raise Invalid(errors=[FieldError("/reason", "reason_short", sentence)])
    return clean


async def _locked(change_id: int, name: str) -> ScoreChange:
    """The change, locked, in a state that this step leaves. Raises NotFound, Conflict."""
    change = await ScoreChange.filter(id=change_id).select_for_update().first()
    if change is None:
        raise NotFound("change_unknown", "没有这项成绩变更，请刷新列表后重试。")
    if ScoreChangeState(change.state) not in STEPS[name].sources:
        raise moved_on(ScoreChangeState(change.state))
    return change


async def _advance(
    clock: Clock, change: ScoreChange, name: str, known: Standing, actor: Actor, note: str
) -> None:
    """The only writer of a change's state: guards, conditional UPDATE and audit row in the caller's transaction."""
    step, state = STEPS[name], ScoreChangeState(change.state)
    if (reason := step.refusal(known)) is not None:
        raise reason.as_refusal()
    moved = await ScoreChange.filter(id=change.id, state=state.value).update(
        state=step.target.value,
        decided_by=actor.id,
        decided_by_name=actor.name,
        decided_at=clock.now(),
        decision_note=note,
    )
    if not moved:
        raise moved_on(step.target)
    await _record(
        clock, change, name, actor, {"state": step.target.value} | ({"reason": note} if note else {})
    )


async def _record(clock: Clock, change: ScoreChange, name: str, actor: Actor, more: dict[str, str]) -> None:
    was = say((change.was_status, change.was_score) if change.was_status else None)
    await audit_log.record(
        clock,
        actor,
        f"score_change.{name}",
        "score_change",
        change.id,
        was={"subject": change.subject, "score": was},
        became={"subject": change.subject, "score": say((change.status, change.score)), **more},
    )


async def _write(clock: Clock, change: ScoreChange, facts: Facts, actor: Actor) -> None:
    became = facts.became(change.subject, (change.status, change.score))
    await queries.write_score(facts.id, change, became, clock.now())
    await audit_log.record(
        clock,
        actor,
        "score.change",
        "registration",
        facts.id,
        was={
            **_as_audited(change.subject, (change.was_status, change.was_score)),
            "outcome": facts.outcome.value,
        },
        became={
            **_as_audited(change.subject, (change.status, change.score)),
            "outcome": became.value,
            "score_change": change.id,
        },
    )


def _as_audited(subject: str, mark: Mark) -> dict[str, str | None]:
    return {"subject": subject, "status": mark[0], "score": None if mark[1] is None else str(mark[1])}


async def _tell(s: Services, change: ScoreChange, facts: Facts) -> None:
    """The candidate's notice; whom nothing reaches finds it on the page."""
    fields = {
        "plan": _CORRECTED + short_plan(facts.plan, day=facts.exam_date, room=ROOM - len(_CORRECTED)),
        "exam_date": beijing.say_day(facts.exam_date),
        "released_at": beijing.say_minute(s.clock.now()),
    }
    notice = Notice(facts.candidate_id, f"score-change:{change.id}", fields, "/h5/results")
    await tell(s.settings, s.clock, s.queue, TOPIC, [notice])
