"""The console: a JSON API for staff, schools and their machines, and the desktop pages beside it."""

from __future__ import annotations

from typing import Any

from sanic import Blueprint
from sanic_ext.extensions.openapi.builders import SpecificationBuilder

from server.doors.console import (
    accounts,
    audit,
    certificates,
    desk,
    documents,
    gate,
    imports,
    issuances,
    officers,
    oversight,
    people,
    plans,
    score_changes,
    session,
)
from server.doors.console.routes import OpenRoute, Route, mount

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
    documents.declare_schemes(SpecificationBuilder())


bp = Blueprint.group(api, gate.bp, desk.bp, people.bp, oversight.bp, score_changes.bp)
