"""The console: a JSON API for staff, schools and their machines, and the desktop pages beside it."""

from __future__ import annotations

from typing import Any

from sanic import Blueprint
from sanic_ext.extensions.openapi.builders import SpecificationBuilder

from server.web.console import (
    accounts,
    audit,
    audit_pages,
    certificates,
    imports,
    issuances,
    login_pages,
    officers,
    openapi,
    people,
    plans,
    score_changes,
    session,
    work_pages,
)
from server.web.console.route import OpenRoute, Route
from server.web.console.routes import mount

ROUTES: list[Route | OpenRoute] = [
    *session.ROUTES,
    *imports.ROUTES,
    *plans.ROUTES,
    *score_changes.ROUTES,
    *issuances.ROUTES,
    *certificates.ROUTES,
    *officers.ROUTES,
    *people.ROUTES,
    *audit.ROUTES,
    *accounts.ROUTES,
]

api = Blueprint("console_api", url_prefix="/console/api/v1")
mount(api, ROUTES)


@api.before_server_start
async def declare(_: Any) -> None:
    """The ways in stand in the specification of every app."""
    openapi.declare_schemes(SpecificationBuilder())


bp = Blueprint.group(api, login_pages.bp, work_pages.bp, people.bp, audit_pages.bp, score_changes.bp)
