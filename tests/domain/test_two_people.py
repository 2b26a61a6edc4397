"""Signing a batch and handing it over are two people's work, where the setting asks for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from server.domain.actor import Actor
from server.domain.beijing import rfc3339
from server.domain.issuance import history, organisation, queries
from server.domain.issuance.queries import NextStep
from server.domain.issuance.states import BY_NAME
from server.domain.ports import Services
from server.errors import Conflict
from server.models import Issuance
from server.settings import Settings
from tests.kit import issuing, make
from tests.kit.exchange import exchange
from tests.kit.jobs import drained

SECOND = Actor("staff", 77, "第二人", role="issuer", address="127.0.0.1", request_id="test")


def test_two_people_are_asked_for_in_production_unless_it_is_switched_off() -> None:
    assert [
        Settings(env=env, two_people=said).needs_two_people
        for env in ("production", "development")
        for said in ("", "on", "off")
    ] == [True, True, False, False, True, False]


async def test_who_signed_does_not_hand_over(services: Services) -> None:
    exchange(services, settings=replace(services.settings, two_people="on"))
    batch = await issuing.school_signed(services, await issuing.cohort(services))
    seen = await queries.view(services, batch.id, actor=make.ISSUER_STAFF)
    with pytest.raises(Conflict) as refused:
        await organisation.hand_over(services, batch.id, actor=make.ISSUER_STAFF)
    assert refused.value.code == "second_person_needed"
    assert refused.value.message.endswith("请另一位有发放权限的同事发放。")
    assert seen.steps == (NextStep(BY_NAME["hand_over"], refused.value.message),)
    assert (await Issuance.get(id=batch.id)).state == "school_signed"

    seen = await queries.view(services, batch.id, actor=SECOND)
    assert seen.steps == (NextStep(BY_NAME["hand_over"], None),)
    await organisation.hand_over(services, batch.id, actor=SECOND)
    assert (await Issuance.get(id=batch.id)).state == "generating"


async def test_switched_off_one_person_may_do_both(services: Services) -> None:
    exchange(services, settings=replace(services.settings, two_people="off"))
    batch = await issuing.school_signed(services, await issuing.cohort(services))
    await organisation.hand_over(services, batch.id, actor=make.ISSUER_STAFF)
    assert (await Issuance.get(id=batch.id)).state == "generating"


async def test_the_batch_says_who_did_what(services: Services) -> None:
    batch = await issuing.pending(services, await issuing.cohort(services))
    await organisation.withdraw(services, batch.id, actor=make.ADMIN)
    await organisation.org_sign(services, batch.id, actor=make.ISSUER_STAFF)
    assert [(one.who, one.kind, one.action, one.revision) for one in await history.of(batch.id)] == [
        ("签发员", "staff", "prepare", 1),
        ("签发员", "staff", "org_sign", 1),
        ("管理员", "staff", "withdraw", 2),
        ("签发员", "staff", "org_sign", 2),
    ]


async def test_a_return_and_an_issue_stand_in_the_history_with_officer_and_reason(services: Services) -> None:
    of = await issuing.cohort(services)
    batch = await issuing.generating(services, of)
    await drained(services)
    told = await history.of(batch.id)
    assert [(one.who, one.action) for one in told][-3:] == [
        ("王签发", "confirm_scan"),
        ("签发员", "hand_over"),
        ("系统", "complete"),
    ]
    assert rfc3339(told[-1].at) == "2026-11-23T12:00:00+08:00"
