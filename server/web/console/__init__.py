"""The console: a JSON API for staff, schools and their machines, and the desktop pages beside it."""

from __future__ import annotations

from sanic import Blueprint

from server.web.console import (
    accounts,
    accounts_export,
    audit,
    audit_pages,
    auth,
    bank_refund_desk,
    bank_refund_pages,
    bulk_desk,
    campaign_pages,
    campaigns,
    candidate_pages,
    certificate_pages,
    certificates,
    correction_desk,
    correction_pages,
    course_pages,
    courses,
    deliveries,
    delivery_pages,
    erasure_desk,
    fee_waivers,
    finance_pages,
    go_live_desk,
    help_pages,
    home_page,
    imports,
    issuances,
    list_tables,
    login_pages,
    money,
    money_pages,
    money_tables,
    officers,
    operations_desk,
    paper_desk,
    paper_pages,
    passkey_desk,
    people,
    personal_copies,
    plan_pages,
    plans,
    portal_desk,
    reads,
    reconciliation,
    reconciliation_pages,
    refund_desk,
    rights,
    scan_desk,
    school_pages,
    score_changes,
    session,
    session_desk,
    staff_change_desk,
    transfer_desk,
    work_pages,
)
from server.web.mounting import mount
from server.web.openapi import Described
from server.web.routes import Api, Route


def _operation(route: Route) -> str:
    path = route.path.replace(":int", "").replace(":str", "")
    words = "".join(c if c.isalnum() else "_" for c in path).strip("_")
    return f"console_{route.method.lower()}_{words}"


API = Api(
    tag="console",
    operation=_operation,
    security={
        "console_session": {
            "type": "apiKey",
            "in": "cookie",
            "name": "xcert_console",
            "description": "登录后的会话",
        },
        "api_token": {"type": "http", "scheme": "bearer", "description": "API 令牌"},
    },
    refuses=(400, 401, 403, 404, 409, 410, 413, 415, 422, 429, 503),
    owner=auth.key_owner,
    enter=auth.enter,
    refuses_undeclared=True,
    secret=("X-CSRF-Token", "用会话登录时必须提供"),
)
ROUTES: tuple[Route, ...] = (
    *session.ROUTES,
    *imports.ROUTES,
    *plans.ROUTES,
    *score_changes.ROUTES,
    *correction_desk.ROUTES,
    *paper_desk.ROUTES,
    *money.ROUTES,
    *refund_desk.ROUTES,
    *fee_waivers.ROUTES,
    *courses.ROUTES,
    *reconciliation.ROUTES,
    *accounts_export.ROUTES,
    *transfer_desk.ROUTES,
    *bank_refund_desk.ROUTES,
    *campaigns.ROUTES,
    *deliveries.ROUTES,
    *issuances.ROUTES,
    *certificates.ROUTES,
    *portal_desk.ROUTES,
    *officers.ROUTES,
    *people.ROUTES,
    *personal_copies.ROUTES,
    *erasure_desk.ROUTES,
    *audit.ROUTES,
    *accounts.ROUTES,
    *session_desk.ROUTES,
    *passkey_desk.ROUTES,
    *scan_desk.ROUTES,
    *staff_change_desk.ROUTES,
    *go_live_desk.ROUTES,
    *operations_desk.ROUTES,
    *list_tables.ROUTES,
    *money_tables.ROUTES,
    *bulk_desk.ROUTES,
)

DESCRIBED = Described("/console/api/v1", API, ROUTES)

api = Blueprint("console_api", url_prefix=DESCRIBED.prefix)
mount(api, API, ROUTES)
bp = Blueprint.group(
    api,
    login_pages.bp,
    home_page.bp,
    work_pages.bp,
    plan_pages.bp,
    school_pages.bp,
    people.bp,
    candidate_pages.bp,
    certificate_pages.bp,
    erasure_desk.bp,
    audit_pages.bp,
    staff_change_desk.bp,
    rights.bp,
    score_changes.bp,
    correction_pages.bp,
    portal_desk.bp,
    paper_pages.bp,
    money_pages.bp,
    finance_pages.bp,
    bank_refund_pages.bp,
    course_pages.bp,
    reconciliation_pages.bp,
    campaign_pages.bp,
    delivery_pages.bp,
    help_pages.bp,
    go_live_desk.bp,
    operations_desk.bp,
)
bp.on_response(reads.note)
