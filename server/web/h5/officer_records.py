"""/h5/officer/signed · /pin · /list-code: what an officer signed, with receipts; the signing PIN; what the list's code is."""

from __future__ import annotations

from sanic import Blueprint, HTTPResponse, Request
from sanic.response import redirect

from server.domain.issuance import own_receipts
from server.domain.people import officers, pin_change, school_contacts
from server.domain.people.officer_states import OfficerState
from server.domain.people.officers import SigningOfficer
from server.errors import FieldError, Forbidden, Invalid, TooMany, Unverified
from server.web import responses, said_once, templating
from server.web.h5 import forms
from server.web.h5.login import identity
from server.web.h5.officer import PAGE
from server.web.request import caller, services
from server.web.schema import row_number

bp = Blueprint("h5_officer_records")


async def signed(request: Request) -> HTTPResponse:
    """Everything that this officer signed or returned, newest first; also of one who signs no more."""
    officer = await _officer(request)
    return await templating.render(
        request,
        "h5/officer_signed.html",
        title="我签发过的",
        officer=officer,
        signed=await own_receipts.listing(officer.id, _before(request)),
    )


def _before(request: Request) -> int | None:
    try:
        return row_number(request.args.get("before") or "")
    except ValueError:
        return None


async def receipt(request: Request, receipt_id: int) -> HTTPResponse:
    """One receipt in words."""
    officer = await _officer(request)
    one, _ = await own_receipts.one(officer.id, receipt_id)
    return await templating.render(
        request, "h5/officer_receipt.html", title="签发凭据", officer=officer, one=one
    )


async def document(request: Request, receipt_id: int) -> HTTPResponse:
    """The receipt itself, signed, as a file."""
    officer = await _officer(request)
    one, signed_bytes = await own_receipts.one(officer.id, receipt_id)
    name = f"{'签发' if one.is_signed else '退回'}凭据-{one.issuance}-{one.id}.json"
    return responses.download(signed_bytes, "application/json", name)


async def _officer(request: Request) -> SigningOfficer:
    """The officer who asks, signing still or not. Raises Forbidden("not_an_officer")."""
    officer = await officers.officer_for(await identity(request))
    if officer is None:
        raise Forbidden("not_an_officer", "您还不是院校签发负责人，请联系本校管理员发送邀请。")
    return officer


async def pin_form(request: Request) -> HTTPResponse:
    officer = await _officer(request)
    if officer.state is not OfficerState.ACTIVE or not officer.has_pin:
        return redirect(PAGE, status=303)  # which says why, and what to do
    return await _pin_form(request, officer)


async def change_pin(request: Request) -> HTTPResponse:
    """The old PIN, and twice the new one."""
    forms.require_own(request)
    who = await identity(request)
    officer = await _officer(request)
    old, new, again = (forms.field(request, name, 20) for name in ("pin", "new_pin", "new_pin_again"))
    try:
        if new != again:
            detail = "两次输入的新密码不一样，请重新输入。"
            raise Invalid(errors=[FieldError("/new_pin", "pin_again", detail)])
        await pin_change.change(services(request), who, old, new, caller=caller(request))
    except Invalid as refusal:
        return await _pin_form(request, officer, wrong="new_pin", problem=refusal.errors[0].detail)
    except (Unverified, TooMany) as refusal:
        return await _pin_form(request, officer, wrong="pin", problem=refusal.message)
    return said_once.say(request, redirect(PAGE, status=303), "pin")


async def _pin_form(
    request: Request, officer: SigningOfficer, *, wrong: str = "", problem: str = ""
) -> HTTPResponse:
    return await templating.render(
        request,
        "h5/officer_pin.html",
        status=422 if problem else 200,
        title="更改签发密码",
        officer=officer,
        wrong=wrong,
        problem=problem,
        school_contact=await school_contacts.contact_of(officer.school_id),
    )


async def list_code(request: Request) -> HTTPResponse:
    """How the code on both screens is made, and how a school computes it itself."""
    return await templating.render(request, "h5/officer_list_code.html", title="名单校验码是怎样来的")


bp.add_route(signed, f"{PAGE}/signed", methods=["GET"], name="signed")
bp.add_route(receipt, f"{PAGE}/signed/<receipt_id:int>", methods=["GET"], name="receipt")
bp.add_route(document, rf"{PAGE}/signed/<receipt_id:int>/file", methods=["GET"], name="document")
bp.add_route(pin_form, f"{PAGE}/pin", methods=["GET"], name="pin_form")
bp.add_route(change_pin, f"{PAGE}/pin", methods=["POST"], name="change_pin")
bp.add_route(list_code, f"{PAGE}/list-code", methods=["GET"], name="list_code")
