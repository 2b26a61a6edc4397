"""The page of one certificate: how it stands, its file and where it is verified, and what happened to it."""

from __future__ import annotations

from sanic import Blueprint, HTTPResponse

from server.domain import roles
from server.domain.dossiers import certificate_dossier
from server.domain.public_log.log_entry import LABELS
from server.domain.roles import Verb
from server.web.console import audit_words, page_base
from server.web.console.auth import Call
from server.web.console.certificates import shown

bp = Blueprint("console_certificate", url_prefix="/console")


async def certificate_page(call: Call, number: str) -> HTTPResponse:
    found = await certificate_dossier.view(call.s, number, actor=call.actor)
    it = shown(found.it)
    return await page_base.render(
        call,
        "certificate.html",
        title=f"证书 {it.number}",
        nav="/console/certificates",
        it=it,
        of=found,
        happened=audit_words.ACTIONS,
        logged=LABELS,
        may_see_plans=roles.may(call.actor, Verb.SEE_PLANS),
        may_see_messages=roles.may(call.actor, Verb.SEE_CAMPAIGNS),
        may_revoke=roles.may(call.actor, Verb.REVOKE) and it.state == "valid",
        may_correct=roles.may(call.actor, Verb.ASK_CORRECTION)
        and it.state in ("valid", "revoked")
        and not it.superseded_by,
    )


page_base.mount(bp, "/certificates/<number:str>", certificate_page, Verb.SEE_CERTIFICATES)
