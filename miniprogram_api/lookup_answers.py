"""What look-ups tell, as the mini-program API answers it: plain values, encoded once.

The bytes that are kept ready do not pass through the models of `answers`, which would cost a cold look-up a tenth of its
time; tests hold real answers against them (decision 0720).
"""

from __future__ import annotations

from typing import Any

from server.domain.lookups.views import (
    CertificateItem,
    CertificatesView,
    Notice,
    Place,
    ResultItem,
    ResultsView,
    Withheld,
)
from server.domain.people.candidates import Masked


def results(view: ResultsView) -> dict[str, Any]:
    return {
        "bound": view.person is not None,
        "candidate": _person(view.person),
        "items": [_result(item) for item in view.items],
        "notices": [_notice(one) | _exam(one.place) for one in view.notices],
        "next_cursor": None,
    }


def certificates(view: CertificatesView) -> dict[str, Any]:
    return {
        "bound": view.person is not None,
        "candidate": _person(view.person),
        "items": [certificate(item) for item in view.items],
        "withheld": [_withheld(one) for one in view.withheld],
        "notices": [_notice(one) | _place(one.place) for one in view.notices],
        "next_cursor": None,
    }


def _person(who: Masked | None) -> dict[str, Any] | None:
    return None if who is None else {"name_masked": who.name_masked, "id_masked": who.id_masked}


def certificate(item: CertificateItem) -> dict[str, Any]:
    return {
        "number": item.number,
        "state": item.state.value,
        "state_name": item.state.label,
        "certificate": item.certificate,
        "level": item.level.value,
        "level_name": item.level.label,
        "standard": item.standard,
        "certifies": item.certifies,
        "plan": item.plan,
        "exam_date": item.exam_date,
        "issued_on": item.issued_on,
        "issued_at": item.issued_at,
        "school": item.school,
        "issuer": item.issuer,
        "portal_number": item.portal_number,
        "expires_on": item.expires_on,
        "revoked_at": item.revoked_at,
        "revoke_reason": item.revoke_reason,
        "superseded_by": item.superseded_by,
        "superseded_at": item.superseded_at,
        "advice": item.advice,
        "verification_url": item.verification_url,
    }


def _result(item: ResultItem) -> dict[str, Any]:
    place = item.place
    return {
        "plan": place.plan,
        "exam_date": place.exam_date,
        "certificate": place.certificate,
        "level": place.level.value,
        "level_name": place.level.label,
        "school": place.school,
        "admission_number": item.admission_number,
        "subjects": [
            {
                "name": one.name,
                "score": None if one.score is None else float(one.score),
                "status": one.status.value,
                "status_name": one.status.label,
            }
            for one in item.subjects
        ],
        "outcome": item.outcome.value,
        "outcome_name": item.outcome.label,
        "advice": item.advice,
        "released_at": item.released_at,
        "corrected_at": item.corrected_at,
    }


def _withheld(one: Withheld) -> dict[str, Any]:
    hours = {"supervision_hours": one.missing.supervision, "practice_hours": one.missing.practice}
    missing = {name: float(gap) for name, gap in hours.items() if gap}
    return dict(code=one.code, title=one.title, detail=one.detail, missing=missing, **_place(one.place))


def _notice(one: Notice) -> dict[str, Any]:
    """What is known of it; the rest is left out of the JSON."""
    fields: dict[str, Any] = {"code": one.code, "title": one.title, "detail": one.detail}
    if one.code == "not_released":
        fields["until"] = one.until
    if one.outcome is not None:
        fields["outcome"] = one.outcome.value
    return fields


def _exam(place: Place | None) -> dict[str, Any]:
    if place is None:
        return {}
    level = {"level": place.level.value, "level_name": place.level.label}
    return {"plan": place.plan, "exam_date": place.exam_date, **level}


def _place(place: Place | None) -> dict[str, Any]:
    return {} if place is None else {**_exam(place), "certificate": place.certificate, "school": place.school}
