"""Printing (S91): begin a run, add sheets, record spoiled ones, say that it is finished, or take it back."""

from __future__ import annotations

import secrets
from typing import Any

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import audit_log, named_people
from server.domain.certificates.states import CertificateState
from server.domain.fault_points import transaction
from server.domain.issuance.states import BatchState
from server.domain.paper import paper_queries, stock, transitions
from server.domain.paper.states import AT_HOME, PaperState, SheetState, Standing
from server.domain.paper.stock import Stock
from server.domain.people.free_text import clean_reason
from server.domain.ports import Services
from server.domain.roles import Verb
from server.errors import Conflict, FieldError, Invalid, NotFound
from server.models import Certificate, Issuance, PaperRun, PaperSheet

_SLIP = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # nothing that is read as something else
_SLIP_LENGTH = 10


def range_of(run: PaperRun) -> Stock:
    return Stock(run.prefix, run.width, run.first_sheet, run.last_sheet)


async def begin(s: Services, issuance_id: int, first: str, last: str, *, actor: Actor) -> int:
    """Bind the valid certificates of an issued batch to the sheets of a range, in the order of their numbers.

    Asked again with the same range, it returns the run that there is.

    Args:
        first, last: serials of the first and last blank sheet given out for it, spare ones included.

    Returns: the run's id.

    Raises:
        Forbidden: role_not_allowed. NotFound: issuance_not_found. Invalid: /first, /last.
        Conflict: not_issued, paper_run_exists, nothing_to_print, serials_taken.
    """
    roles.require(actor, Verb.HANDLE_PAPER)
    sheets = stock.read(first, last)
    async with transaction(s.faults, "paper.begin"):
        issuance = await Issuance.filter(id=issuance_id).select_for_update().first()
        if issuance is None:
            raise NotFound("issuance_not_found", "没有找到这个签发批次，请刷新列表后重试。")
        if BatchState(issuance.state) is not BatchState.ISSUED:
            raise Conflict("not_issued", "这个批次还没有发放完成，发放以后才能印制纸质证书。")
        if (there := await _there(issuance_id)) is not None:
            if range_of(there) == sheets:
                return int(there.id)
            raise _exists(there.id)
        valid, gone = await _fitting(sheets, issuance_id)
        run = await PaperRun.create(
            issuance_id=issuance_id,
            prefix=sheets.prefix,
            width=sheets.width,
            first_sheet=sheets.first,
            last_sheet=sheets.last,
            left_out=gone,
            slip="".join(secrets.choice(_SLIP) for _ in range(_SLIP_LENGTH)),
            created_by=actor.id,
            created_by_name=actor.name,
            created_at=s.clock.now(),
        )
        await s.faults.reach("paper.begin: the run is written")
        await paper_queries.bind(run.id, issuance_id, sheets)
        await s.faults.reach("paper.begin: the sheets are bound")
        became = {"issuance_id": issuance_id, **_said(sheets), "sheets_used": valid, "left_out": gone}
        await audit_log.record(s.clock, actor, "paper.begin", "paper_run", run.id, became=became)
    return int(run.id)


async def _there(issuance_id: int) -> PaperRun | None:
    """The batch's run that is not cancelled."""
    return await PaperRun.filter(issuance_id=issuance_id).exclude(state=PaperState.CANCELLED.value).first()


def _exists(run_id: int) -> Conflict:
    sentence = f"这个批次已有第 {run_id} 次印制；需要更多纸张时，请在那里“增加纸张”。"
    return Conflict("paper_run_exists", sentence)


async def _fitting(sheets: Stock, issuance_id: int) -> tuple[int, int]:
    """How many certificates are valid, and how many not any more, once the range is known to be free and enough."""
    valid, gone = await paper_queries.certificates_of(issuance_id)
    if not valid:
        raise Conflict("nothing_to_print", "这个批次没有有效的证书，不需要印制。")
    if sheets.size < valid:
        detail = f"这一段只有 {sheets.size} 张，而要印 {valid} 份证书；请给足纸张，并留几张备用。"
        raise Invalid(errors=[FieldError("/last", "sheets_too_few", detail)])
    await _refuse_taken(sheets)
    return valid, gone


async def _refuse_taken(sheets: Stock, *, besides: int = 0) -> None:
    await paper_queries.lock_stock(sheets.prefix)
    if (other := await paper_queries.taken_by(sheets, besides=besides)) is not None:
        raise Conflict(
            "serials_taken",
            f"这一段里有纸张已登记在第 {other} 次印制，一张纸只能用一次；请核对手上纸张的编号。",
        )


def _said(sheets: Stock) -> dict[str, Any]:
    return {"first_sheet": sheets.serial(sheets.first), "last_sheet": sheets.serial(sheets.last)}


async def extend(s: Services, run_id: int, last: str, *, actor: Actor) -> None:
    """Give out more sheets that follow those of the run. The same last sheet again changes nothing.

    Raises: as `begin`, and NotFound: paper_run_unknown. Conflict: paper_sent.
    """
    roles.require(actor, Verb.HANDLE_PAPER)
    async with transaction(s.faults, "paper.extend"):
        run = await transitions.locked(run_id)
        _require_at_home(run)
        was = range_of(run)
        sheets = stock.read(was.serial(was.first), last)
        if sheets.last == was.last:
            return
        if sheets.last < was.last:
            detail = f"已登记到 {was.serial(was.last)}，新的末张须在它之后。"
            raise Invalid(errors=[FieldError("/last", "serials_fewer", detail)])
        await _refuse_taken(sheets, besides=run.id)
        await PaperRun.filter(id=run.id).update(last_sheet=sheets.last)
        await audit_log.record(
            s.clock, actor, "paper.extend", "paper_run", run.id, was=_said(was), became=_said(sheets)
        )


def _require_at_home(run: PaperRun) -> None:
    if PaperState(run.state) not in AT_HOME:
        state = PaperState(run.state).label
        raise Conflict("paper_sent", f"这次印制现在是“{state}”，不能再增加或作废纸张。")


async def spoil(s: Services, run_id: int, serial: str, reason: str, *, actor: Actor) -> str | None:
    """Record a spoiled sheet; its certificate, if it is still valid, goes on the next one.

    Asked again about the same sheet, it changes nothing and says the same.

    Returns: the serial of the sheet that takes its place; None: the certificate is not valid, none does.

    Raises:
        Forbidden: role_not_allowed. NotFound: paper_run_unknown. Invalid: /serial, /reason.
        Conflict: paper_sent, sheets_used_up.
    """
    roles.require(actor, Verb.HANDLE_PAPER)
    why = clean_reason(reason)
    if not why:
        raise Invalid(errors=[FieldError("/reason", "missing", "请写明这张纸为什么作废。")])
    async with transaction(s.faults, "paper.spoil"):
        run = await transitions.locked(run_id)
        _require_at_home(run)
        sheet = await PaperSheet.filter(run_id=run_id, serial=stock.cleaned(serial)).first()
        if sheet is None:
            detail = "这次印制没有用到这个编号的纸张，请照纸张核对；空白的备用纸张不用登记。"
            raise Invalid(errors=[FieldError("/serial", "serial_unknown", detail)])
        if SheetState(sheet.state) is SheetState.SPOILED:
            return await _in_its_place(sheet)
        certificate = await Certificate.get(id=sheet.certificate_id)
        number, sheets = await paper_queries.next_number(run_id), range_of(run)
        is_valid = CertificateState(certificate.state) is CertificateState.VALID
        if is_valid and number > sheets.last:
            sentence = "这一段纸张已经用完，没有下一张可换；请先“增加纸张”，再登记作废。"
            raise Conflict("sheets_used_up", sentence)
        await transitions.spoil(s.clock, sheet, why, actor=actor)
        await s.faults.reach("paper.spoil: the sheet is spoiled")
        anew = sheets.serial(number) if is_valid else None
        if anew is not None:
            await PaperSheet.create(run_id=run_id, number=number, serial=anew, certificate_id=certificate.id)
        # The entry is about the run, its reason about one holder.
        named = await named_people.names_of("certificate", certificate.number)
        await audit_log.record(
            s.clock,
            actor,
            "paper.spoil",
            "paper_run",
            run_id,
            was={"sheet": sheet.serial, "certificate": certificate.number},
            became={"sheet": anew, "reason": named_people.without(why, named)},
        )
    return anew


async def _in_its_place(sheet: PaperSheet) -> str | None:
    """Where the certificate of a spoiled sheet went next."""
    after = PaperSheet.filter(
        run_id=sheet.run_id, certificate_id=sheet.certificate_id, number__gt=sheet.number
    )
    there = await after.order_by("number").first()
    return there.serial if there is not None else None


async def finish(s: Services, run_id: int, *, actor: Actor) -> PaperState:
    """Every sheet is printed and looked at: the parcel is in the hands of whoever says so.

    Raises: NotFound: paper_run_unknown. Conflict: paper_moved, sheets_invalid.
    """
    roles.require(actor, Verb.HANDLE_PAPER)
    async with transaction(s.faults, "paper.finish"):
        run = await transitions.locked(run_id)
        if PaperState(run.state) is PaperState.PRINTED and run.holder_id == actor.id:
            return PaperState.PRINTED
        counted = (await paper_queries.counted([run_id]))[run_id]
        return await transitions.advance(
            s.clock,
            run,
            "finish",
            Standing(invalid=await paper_queries.invalid(run_id)),
            actor=actor,
            changes={"holder_id": actor.id, "holder_name": actor.name},
            became={
                "sheets_used": counted.used,
                "sheets_spoiled": counted.spoiled,
                "sheets_left": range_of(run).size - counted.used - counted.spoiled,
            },
        )


async def cancel(s: Services, run_id: int, reason: str, *, actor: Actor) -> PaperState:
    """Take back a run of which nothing is printed, such as one with the wrong range; its sheets are blank again.

    Raises: NotFound: paper_run_unknown. Invalid: /reason. Conflict: paper_moved, already_printed.
    """
    roles.require(actor, Verb.HANDLE_PAPER)
    why = clean_reason(reason)
    if not why:
        raise Invalid(errors=[FieldError("/reason", "missing", "请写明取消的原因。")])
    async with transaction(s.faults, "paper.cancel"):
        run = await transitions.locked(run_id)
        spoiled = await PaperSheet.filter(run_id=run_id, state=SheetState.SPOILED.value).exists()
        state = await transitions.advance(
            s.clock,
            run,
            "cancel",
            Standing(is_unprinted=run.taken_at is None and not spoiled),
            actor=actor,
            changes={"cancel_reason": why},
            became={"reason": why},
        )
        await s.faults.reach("paper.cancel: the run is cancelled")
        await transitions.release(run_id)
    return state
