"""Who reads what: every page and answer of the console that shows people, and how a look at it is kept (PIPL Art. 51).

A verb that gives out one person, a file or a whole list records it itself (`AUDITED`). A list with names leaves one entry
an hour for whoever reads it (`LISTED`, `audit.incidents.viewed`): each turn of a page would bury the rest of the trail.
"""

from __future__ import annotations

from sanic import Request
from sanic.response import BaseHTTPResponse

from server.domain.actor import Actor
from server.domain.audit import incidents
from server.web.request import services

_API = "/console/api/v1"
# The verb behind these writes its own entry, before anything is given out.
AUDITED = frozenset(
    {
        f"{_API}/accounts-export",
        f"{_API}/certificates/<number:str>/certificate.pdf",
        f"{_API}/certificates/<number:str>/preview.jpg",
        f"{_API}/corrections/<correction_id:int>/letter",
        f"{_API}/erasures",
        f"{_API}/imports/<import_id:int>/report.xlsx",
        f"{_API}/issuances/<issuance_id:int>/certificates.zip",
        f"{_API}/issuances/<issuance_id:int>/list.json",
        f"{_API}/issuances/<issuance_id:int>/list.xlsx",
        f"{_API}/issuances/<issuance_id:int>/people",
        f"{_API}/people",
        "/console/deliveries/people/<candidate_id:int>",
        "/console/deliveries/officers/<officer_id:int>",
        "/console/erasures",
        "/console/issuances/<issuance_id:int>/print",
        "/console/people",
        "/console/people/<candidate_id:int>",
    }
    | {  # `list_exports` writes who took it away, with or without people in it
        f"{_API}/{name}/export.xlsx"
        for name in (
            "audit", "bank-refunds", "campaigns", "certificates", "corrections", "courses", "deliveries", "erasures", "fees",
            "issuances", "officers", "orders", "paper-runs", "people", "plans", "prices", "refunds", "schools", "score-changes", "staff",
            "staff-changes", "transfers", "waivers",
        )
    }
)  # fmt: skip
# Lists and single things with people in them, numbers masked: what the list is called in the trail.
LISTED: dict[str, str] = {
    f"{_API}/bank-refunds": "bank_refunds",
    f"{_API}/bank-refunds/<bank_refund_id:int>/proof": "bank_proofs",
    f"{_API}/campaigns/<campaign_id:int>/deliveries": "deliveries",
    f"{_API}/certificates": "certificates",
    f"{_API}/corrections": "corrections",
    f"{_API}/corrections/<correction_id:int>": "corrections",
    f"{_API}/courses/<course_id:int>/enrolments": "enrolments",
    f"{_API}/deliveries": "deliveries",
    f"{_API}/fees": "fees",
    f"{_API}/finance-alarms": "finance_alarms",
    f"{_API}/imports/<import_id:int>": "imports",
    f"{_API}/officers": "officers",
    f"{_API}/orders": "orders",
    f"{_API}/orders/<order_id:int>": "orders",
    f"{_API}/orders/<order_id:int>/receipt.pdf": "receipts",
    f"{_API}/paper-runs/<paper_run_id:int>/sheets": "paper",
    f"{_API}/paper-runs/<paper_run_id:int>/sheets.pdf": "paper",
    f"{_API}/portal-differences": "portal_differences",
    f"{_API}/portal-differences/export.xlsx": "portal_differences",
    f"{_API}/refunds": "refunds",
    f"{_API}/score-changes": "score_changes",
    f"{_API}/transfers": "transfers",
    f"{_API}/transfers/<transfer_id:int>/proof": "bank_proofs",
    f"{_API}/waivers": "waivers",
    "/console/bank-refunds": "bank_refunds",
    "/console/bank-refunds/<bank_refund_id:int>": "bank_refunds",
    "/console/campaigns/<campaign_id:int>": "deliveries",
    "/console/campaigns/<campaign_id:int>/progress": "deliveries",
    "/console/certificates": "certificates",
    "/console/certificates/<number:str>": "certificates",
    "/console/corrections": "corrections",
    "/console/corrections/<correction_id:int>": "corrections",
    "/console/corrections/new": "corrections",
    "/console/courses/<course_id:int>": "enrolments",
    "/console/deliveries": "deliveries",
    "/console/fees": "fees",
    "/console/finance-alarms": "finance_alarms",
    "/console/imports/<import_id:int>": "imports",
    "/console/issuances/<issuance_id:int>": "batch_people",
    "/console/officers": "officers",
    "/console/orders": "orders",
    "/console/orders/<order_id:int>": "orders",
    "/console/orders/<order_id:int>/pay": "orders",
    "/console/paper/<paper_run_id:int>": "paper",
    "/console/portal-differences": "portal_differences",
    "/console/rare-characters": "rare_characters",
    "/console/reconciliation/<day:str>": "reconciliation",
    "/console/refunds": "refunds",
    "/console/schools/<school_id:int>": "officers",
    "/console/score-changes": "score_changes",
    "/console/transfers": "transfers",
    "/console/transfers/<transfer_id:int>": "transfers",
    "/console/transfers/new": "fees",
    "/console/waivers": "waivers",
}
# Nothing of candidates (the trail has their names masked): the organisation's own things, counts, forms, and one's own account.
NOTHING = frozenset(
    {
        f"{_API}/{name}"
        for name in (
            "audit", "campaigns", "campaigns/<campaign_id:int>", "campaigns/<campaign_id:int>/audience", "campaigns/choices",
            "courses", "courses/<course_id:int>", "doctor-runs/latest", "imports", "imports/template.xlsx", "issuances",
            "issuances/<issuance_id:int>", "issuances/<issuance_id:int>/events", "issuances/<issuance_id:int>/receipt",
            "issuances/<issuance_id:int>/receipts/<receipt_id:int>", "paper-runs",
            "paper-runs/<paper_run_id:int>", "paper-runs/<paper_run_id:int>/slip.png", "passkeys", "plans",
            "preparations/<preparation_id:int>", "prices", "reconciliation", "schools", "session", "sessions", "staff",
            "staff-changes", "staff/<staff_id:int>/sessions", "tokens",
        )
    }
    | {
        f"/console{name}"
        for name in (
            "", "/account", "/account-changes", "/audit", "/accounts", "/accounts/<staff_id:int>", "/all-set", "/campaigns", "/operations",
            "/campaigns/<campaign_id:int>/edit", "/campaigns/new", "/courses", "/go-live", "/help", "/help/<slug:str>",
            "/help/sign-in", "/imports", "/issuances", "/issuances/<issuance_id:int>/qr", "/issuances/next", "/login",
            "/paper", "/paper/<paper_run_id:int>/slip", "/paper/new", "/password", "/plans", "/plans/<plan_id:int>",
            "/prices", "/reconciliation", "/rights", "/schools", "/second-factor",
        )
    }
)  # fmt: skip


async def note(request: Request, response: BaseHTTPResponse) -> None:
    """Keep that somebody has read a list with people in it; before the answer leaves."""
    if request.method != "GET" or response.status != 200 or request.route is None:
        return
    what = LISTED.get(f"/{request.route.path}".rstrip("/"))
    actor: Actor | None = getattr(request.ctx, "actor", None)
    if what is not None and actor is not None:
        await incidents.viewed(services(request), actor, what, "list", what)
