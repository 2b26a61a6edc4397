"""每日对账: a day's trade bill and fund bill of WeChat Pay against the books, what differs, and the day closed.

A day is compared as often as somebody asks, until it is closed: the same bills and the same books give the same rows.
"""

from __future__ import annotations

import logging
from datetime import date, datetime, time, timedelta

from tortoise.transactions import in_transaction

from server.domain import beijing, roles
from server.domain.actor import SYSTEM, Actor
from server.domain.audit import audit_log
from server.domain.fault_points import transaction
from server.domain.payments import alarms, fund_flow, ledger, reconciliation_transitions
from server.domain.payments import reconciliation_differences as differences
from server.domain.payments.ledger import Account
from server.domain.payments.reconciliation_differences import Found
from server.domain.payments.reconciliation_states import STEPS, ReconciliationFacts, ReconciliationState
from server.domain.people.free_text import clean_reason
from server.domain.ports import Clock, FaultInjector, PayGateway
from server.domain.ports.payments import FundBill, PayBill
from server.domain.roles import Verb
from server.errors import Conflict, FieldError, Invalid, NotFound, OutsideFailure, PayRefused, Refused
from server.models import ReconciliationDay, ReconciliationDifference
from server.models.database import rows

READY = time(10, 30)  # in Beijing; WeChat Pay has the bill of yesterday from ten (wechat.md §7.6)
AGAIN = timedelta(minutes=30)
KEPT_DAYS = 85  # WeChat Pay keeps bills for three months
SHORTEST_NOTE = 4
LONGEST_NOTE = 200
_BEGIN = """
INSERT INTO reconciliation_day (day, state, next_try_at, payments, payments_fen, refunds, refunds_fen, charges_fen,
                                trouble, closed_by_name)
SELECT d::date, $3, $2, 0, 0, 0, 0, 0, '', '' FROM generate_series($4::date, $1::date, interval '1 day') d
ON CONFLICT (day) DO NOTHING
"""
_FIRST = """
SELECT LEAST((SELECT (at AT TIME ZONE 'Asia/Shanghai')::date FROM ledger_posting ORDER BY id LIMIT 1),
             (SELECT min(day) FROM reconciliation_day)) AS day
"""
_SUMS = """
SELECT count(*) FILTER (WHERE what = 'payment') AS payments,
       COALESCE(sum(amount_fen) FILTER (WHERE what = 'payment'), 0)::bigint AS payments_fen,
       count(*) FILTER (WHERE what = 'refund') AS refunds,
       COALESCE(sum(amount_fen) FILTER (WHERE what = 'refund'), 0)::bigint AS refunds_fen,
       COALESCE(sum(charge_fen), 0)::bigint AS charges_fen
FROM pay_bill_line WHERE day_id = $1
"""
# What is booked late was gone when its day ended, and when every later day did.
_BOOKED = """
UPDATE reconciliation_day SET books_end_fen = books_end_fen + $2 WHERE day >= $1 AND books_end_fen IS NOT NULL
"""
_COMPARED = (
    *("payments", "payments_fen", "refunds", "refunds_fen", "charges_fen"),
    *("flows", "flows_in_fen", "flows_out_fen", "start_fen", "end_fen", "books_end_fen"),
)
log = logging.getLogger("xcert.pay")


async def sweep(clock: Clock, faults: FaultInjector, pay: PayGateway) -> None:
    """From half past ten: yesterday, days that were missed, and days whose bill did not come when it was asked for."""
    now = clock.now()
    if beijing.local(now).time() >= READY:
        await _begin_missing(now)
    due = await ReconciliationDay.filter(next_try_at__lte=now).order_by("day")
    for one in due:
        try:
            await reconcile(clock, faults, pay, one.day, actor=SYSTEM)
        except (OutsideFailure, Refused) as problem:
            log.warning("not reconciled", extra={"day": str(one.day), "why": type(problem).__name__})


async def reconcile(
    clock: Clock, faults: FaultInjector, pay: PayGateway, day: date, *, actor: Actor
) -> ReconciliationState:
    """Compare a day in Beijing with its two bills. Safe to repeat, and when killed.

    Raises:
        Forbidden: role_not_allowed. Invalid: /date, the day is not over. Conflict: day_closed.
        OutsideFailure, PayRefused: no bill now; it is asked for again in half an hour.
    """
    roles.require_unless_system(actor, Verb.RECONCILE)
    if day >= beijing.day(clock.now()):
        message = "只能核对已经过去的一天；当天的账单要到次日上午十点以后才有。"
        raise Invalid(errors=[FieldError("/date", "bill_day", message)])
    await rows(_BEGIN, day, clock.now(), ReconciliationState.OPEN.value, day)
    _refuse_closed(await ReconciliationDay.get(day=day))
    try:
        bill = await pay.bill(day)
        if bill is not None:
            differences.check_sums(bill)
        fund = await pay.fund_bill(day)
    except (OutsideFailure, Refused) as problem:  # STATEMENT_CREATING, no answer, a bill that cannot be read
        await ReconciliationDay.filter(day=day).update(
            next_try_at=clock.now() + AGAIN, trouble=_trouble(problem)
        )
        raise
    async with transaction(faults, "reconciliation.reconcile"):
        of = await reconciliation_transitions.locked(day)
        _refuse_closed(of)
        found = await _compare(clock, faults, of, bill, fund)
        await _write(clock, of, found, actor)
    return ReconciliationState(of.state)


async def ask_again(clock: Clock, day: date, *, actor: Actor) -> None:
    """Have the day compared once more, by the next sweep.

    Raises:
        Forbidden: role_not_allowed. NotFound: day_unknown. Conflict: day_closed.
    """
    roles.require(actor, Verb.RECONCILE)
    async with in_transaction():
        of = await reconciliation_transitions.locked(day)
        _refuse_closed(of)
        of.next_try_at = clock.now()
        await of.save(update_fields=["next_try_at"])


async def settle(clock: Clock, difference_id: int, note: str, *, actor: Actor) -> None:
    """Say why something differs. The first word stays.

    Raises:
        Forbidden: role_not_allowed. NotFound: difference_unknown. Invalid: /note.
        Conflict: day_closed, difference_settled.
    """
    roles.require(actor, Verb.RECONCILE)
    kept = clean_reason(note)
    if not SHORTEST_NOTE <= len(kept) <= LONGEST_NOTE:
        message = f"请写明这项差异是怎么回事，{SHORTEST_NOTE} 到 {LONGEST_NOTE} 个字。"
        raise Invalid(errors=[FieldError("/note", "note_length", message)])
    async with in_transaction():
        of, found = await _locked_difference(difference_id)
        await _settle(clock, of, found, kept, "reconciliation.settle", actor)


async def book(clock: Clock, faults: FaultInjector, difference_id: int, *, actor: Actor) -> None:
    """Book what the fund bill says went to the bank, or came from it; that settles the line. Asked for twice, it is
    booked once.

    Raises:
        Forbidden: role_not_allowed. NotFound: difference_unknown.
        Conflict: day_closed, difference_settled, not_a_withdrawal.
    """
    roles.require(actor, Verb.RECONCILE)
    async with transaction(faults, "reconciliation.book"):
        of, found = await _locked_difference(difference_id)
        fen = found.theirs_fen
        if (found.kind, found.what) != ("theirs_only", fund_flow.WITHDRAWAL) or fen is None:
            raise Conflict("not_a_withdrawal", "这项差异不是提现或充值，不能记账；请写明原因。")
        if await ledger.post(clock, fund_flow.source(found.number), None, fund_flow.entries(fen)):
            await rows(_BOOKED, of.day, fen)
        await _settle(clock, of, found, "已按资金账单记账", "reconciliation.book", actor)


async def close(clock: Clock, faults: FaultInjector, day: date, *, actor: Actor) -> None:
    """Finance is done with the day; it is not compared any more.

    Raises:
        Forbidden: role_not_allowed. NotFound: day_unknown. Conflict: day_moved, differences_open.
    """
    roles.require(actor, Verb.RECONCILE)
    async with transaction(faults, "reconciliation.close"):
        of = await reconciliation_transitions.locked(day)
        unsettled = await ReconciliationDifference.filter(day_id=of.id, settled_at=None).count()
        facts = ReconciliationFacts(unsettled=unsettled)
        changes = {"closed_at": clock.now(), "closed_by_name": actor.name, "next_try_at": None}
        await reconciliation_transitions.advance(clock, of, "close", facts, actor=actor, changes=changes)


async def _locked_difference(difference_id: int) -> tuple[ReconciliationDay, ReconciliationDifference]:
    """One that may still be settled, and its day, locked: whoever writes a day's lines holds the day."""
    found = await ReconciliationDifference.filter(id=difference_id).prefetch_related("day").first()
    if found is None:
        raise NotFound("difference_unknown", "没有这项差异，请刷新后重试。")
    of = await reconciliation_transitions.locked(found.day.day)
    await found.refresh_from_db()
    _refuse_closed(of)
    if found.settled_at is not None:
        raise Conflict("difference_settled", f"这项差异已由{found.settled_by_name}处理，请刷新后再看。")
    return of, found


async def _settle(
    clock: Clock, of: ReconciliationDay, found: ReconciliationDifference, note: str, did: str, actor: Actor
) -> None:
    await ReconciliationDifference.filter(id=found.id).update(
        settled_at=clock.now(), settled_by=actor.id, settled_by_name=actor.name, note=note
    )
    became = {"day": of.day.isoformat(), "kind": found.kind, "number": found.number, "note": note}
    await audit_log.record(clock, actor, did, "reconciliation_day", of.id, became=became)


async def _begin_missing(now: datetime) -> None:
    """A row for yesterday, and for every day since the first one with anything in the books."""
    yesterday = beijing.day(now) - timedelta(days=1)
    if await ReconciliationDay.filter(day=yesterday).exists():
        return
    [first] = await rows(_FIRST)
    start = max(first["day"] or yesterday, yesterday - timedelta(days=KEPT_DAYS))
    await rows(_BEGIN, yesterday, now, ReconciliationState.OPEN.value, min(start, yesterday))


def _trouble(problem: Exception) -> str:
    if isinstance(problem, PayRefused) and problem.is_code("STATEMENT_CREATING"):
        return "微信支付还在生成这一天的账单。"
    return str(problem)[:200]


def _refuse_closed(of: ReconciliationDay) -> None:
    if ReconciliationState(of.state) is ReconciliationState.CLOSED:
        raise Conflict("day_closed", f"{of.day:%Y-%m-%d} 已由{of.closed_by_name}结账，不能再改。")


async def _compare(
    clock: Clock, faults: FaultInjector, of: ReconciliationDay, bill: PayBill | None, fund: FundBill | None
) -> list[Found]:
    """Keep the bills, book what it charges, write down what differs. In the caller's transaction, which holds the day."""
    await differences.keep(of.id, bill.rows if bill is not None else ())
    await fund_flow.keep(of, fund)
    await faults.reach("reconciliation.reconcile: the bill is kept")
    [sums] = await rows(_SUMS, of.id)
    for name, value in sums.items():
        setattr(of, name, int(value))
    found = await differences.compare(of.id, of.day)
    booked = await _book_charges(clock, of)
    if booked != of.charges_fen:  # the bill was another one when it was booked
        found.append(Found("charge", "day", of.day.isoformat(), "", of.charges_fen, booked))
    await faults.reach("reconciliation.reconcile: the charges are booked")
    found += await fund_flow.compare(of, fund)
    await differences.remember(of.id, found, clock.now())
    return found


async def _book_charges(clock: Clock, of: ReconciliationDay) -> int:
    """Book what WeChat Pay keeps for itself, once a day. Returns what is booked."""
    source = f"charges:{of.day.isoformat()}"
    if of.charges_fen:
        entries = {Account.CHARGES: of.charges_fen, Account.WECHAT: -of.charges_fen}
        await ledger.post(clock, source, None, entries)
    return (await ledger.posted(source)).get(Account.CHARGES, 0)


async def _write(clock: Clock, of: ReconciliationDay, found: list[Found], actor: Actor) -> None:
    of.compared_at, of.next_try_at, of.trouble = clock.now(), None, ""
    await of.save(update_fields=[*_COMPARED, "compared_at", "next_try_at", "trouble"])
    name = "differ" if found else "match"
    if ReconciliationState(of.state) in STEPS[name].sources:  # compared again, it may stand as it stood
        await reconciliation_transitions.advance(
            clock, of, name, ReconciliationFacts(found=len(found)), actor=actor
        )
    if found:
        content = {"day": of.day.isoformat(), "differences": len(found)}
        await alarms.raise_alarm(clock, "day_differs", of.day.isoformat(), content=content)
