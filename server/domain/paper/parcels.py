"""The parcel (S91): it goes from hand to hand, to the courier, and the school counts what came."""

from __future__ import annotations

import hmac
import re

from server.domain import roles
from server.domain.actor import Actor
from server.domain.fault_points import transaction
from server.domain.paper import paper_queries, transitions
from server.domain.paper.states import PaperState, Standing
from server.domain.people.free_text import clean_reason
from server.domain.people.school_scope import school_of
from server.domain.ports import Services
from server.domain.roles import Verb
from server.errors import FieldError, Invalid
from server.models import Issuance, PaperRun

COURIERS = (
    "顺丰速运",
    "EMS",
    "中通快递",
    "圆通速递",
    "韵达快递",
    "申通快递",
    "京东快递",
)  # offered; others are typed
_NUMBER = re.compile(r"[A-Z0-9-]{6,40}", re.ASCII)


def _slip_is_read(run: PaperRun, slip: str) -> bool:
    typed = "".join(slip.split()).replace("-", "").upper()
    return hmac.compare_digest(typed.encode(), run.slip.encode())


async def hand_over(s: Services, run_id: int, slip: str, *, actor: Actor) -> PaperState:
    """The actor takes the parcel from whoever has it, by the code of its slip. Whoever has it already changes nothing.

    Raises:
        Forbidden: role_not_allowed. NotFound: paper_run_unknown. Invalid: /slip. Conflict: paper_moved, sheets_invalid.
    """
    roles.require(actor, Verb.HANDLE_PAPER)
    async with transaction(s.faults, "paper.hand_over"):
        run = await transitions.locked(run_id)
        transitions.require_at(run, "hand_over")
        known = Standing(slip_is_read=_slip_is_read(run, slip), invalid=await paper_queries.invalid(run_id))
        if known.slip_is_read and run.holder_id == actor.id:
            return PaperState(run.state)
        giver = run.holder_name
        return await transitions.advance(
            s.clock,
            run,
            "hand_over",
            known,
            actor=actor,
            changes={"holder_id": actor.id, "holder_name": actor.name},
            became={"from_hand": giver},
        )


async def send(s: Services, run_id: int, courier: str, tracking_number: str, *, actor: Actor) -> PaperState:
    """The courier has the parcel. The same courier and number again change nothing.

    Args:
        courier: the company, at most 20 characters.
        tracking_number: as on the waybill.

    Raises:
        Forbidden: role_not_allowed. NotFound: paper_run_unknown. Invalid: /courier, /tracking_number.
        Conflict: paper_moved, sheets_invalid.
    """
    roles.require(actor, Verb.HANDLE_PAPER)
    company, number = clean_reason(courier)[:20], "".join(tracking_number.split()).upper()
    if not company:
        raise Invalid(errors=[FieldError("/courier", "missing", "请选择或填写快递公司。")])
    if not _NUMBER.fullmatch(number):
        detail = "快递单号是 6 到 40 位字母和数字，请照运单填写。"
        raise Invalid(errors=[FieldError("/tracking_number", "tracking_form", detail)])
    async with transaction(s.faults, "paper.send"):
        run = await transitions.locked(run_id)
        if PaperState(run.state) is PaperState.SENT and (run.courier, run.tracking_number) == (
            company,
            number,
        ):
            return PaperState.SENT
        state = await transitions.advance(
            s.clock,
            run,
            "send",
            Standing(invalid=await paper_queries.invalid(run_id)),
            actor=actor,
            changes={"courier": company, "tracking_number": number, "sent_at": s.clock.now()},
            became={"courier": company, "tracking_number": number},
        )
        await s.faults.reach("paper.send: the parcel is sent")
        await paper_queries.settle(run.issuance_id)
    return state


async def receive(
    s: Services, run_id: int, slip: str, count: int, note: str = "", *, actor: Actor
) -> PaperState:
    """The school has the parcel and counted its sheets. The same count again changes nothing.

    Args:
        slip: the code of the slip that lies in the parcel, scanned or typed.
        count: sheets in the parcel.
        note: what differs from what was sent; needed when the count does.

    Raises:
        Forbidden: role_not_allowed. NotFound: paper_run_unknown, also for another school's.
        Invalid: /slip, /note. Conflict: paper_moved.
    """
    roles.require(actor, Verb.RECEIVE_PAPER)
    said = clean_reason(note)
    async with transaction(s.faults, "paper.receive"):
        run = await transitions.locked(run_id)
        await _require_own(run, actor)
        if PaperState(run.state) is PaperState.RECEIVED and run.received_count == count:
            return PaperState.RECEIVED
        transitions.require_at(run, "receive")
        sent = (await paper_queries.counted([run_id]))[run_id].used
        known = Standing(slip_is_read=_slip_is_read(run, slip), is_explained=count == sent or bool(said))
        return await transitions.advance(
            s.clock,
            run,
            "receive",
            known,
            actor=actor,
            changes={
                "received_at": s.clock.now(),
                "received_count": count,
                "difference_note": said,
                "holder_id": actor.id,
                "holder_name": actor.name,
            },
            became={"sheets_used": sent, "sheets_received": count, "reason": said},
        )


async def _require_own(run: PaperRun, actor: Actor) -> None:
    school_id = school_of(actor)
    if (
        school_id is not None
        and not await Issuance.filter(id=run.issuance_id, site__school_id=school_id).exists()
    ):
        raise transitions.unknown()
