"""Many batches at once: one answer for each, filters with totals, pages on and back."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sanic import Sanic

from server.domain.issuance import organisation
from server.domain.levels import Level
from server.domain.ports import Services
from server.domain.roles import Role
from server.errors import OutsideFailure
from server.models import Certificate, Issuance, Registration
from tests.kit import issuing, make
from tests.kit.console_desk import code, seated
from tests.kit.exchange import exchange

App = Sanic[Any, Any]


def seen(batch: Issuance, other_id: int = 0) -> dict[str, Any]:
    return {"id": other_id or batch.id, "list_sha256": bytes(batch.list_sha256 or b"").hex()}


async def test_each_batch_has_its_own_answer(app: App, services: Services) -> None:
    one, two, three = [await issuing.prepared(services, await issuing.cohort(services)) for _ in range(3)]
    await organisation.org_sign(services, two.id, actor=make.ADMIN)
    who = await seated(app, services, Role.ISSUER)
    answer = await who(
        "POST",
        "/issuances/sign",
        {"batches": [seen(b) for b in (one, two, three, one)] + [seen(one, 987_654)]},
    )
    assert answer.status == 200
    assert (answer.json["done"], answer.json["refused"]) == (2, 2)
    assert [(i["id"], i["ok"], i["state"], i["code"]) for i in answer.json["items"]] == [
        (one.id, True, "site_pending", None),
        (two.id, False, None, "already_moved"),
        (three.id, True, "site_pending", None),
        (987_654, False, None, "issuance_not_found"),
    ]
    assert all(i["detail"].endswith(("。", "再看。")) for i in answer.json["items"] if not i["ok"])
    assert {b.state for b in await Issuance.all()} == {"site_pending"}
    answer = await who("POST", "/issuances/hand-over", {"ids": [one.id]})
    assert [i["code"] for i in answer.json["items"]] == ["already_moved"]


async def test_a_failure_at_one_batch_hides_nothing_of_the_others(app: App, services: Services) -> None:
    batches = [await issuing.prepared(services, await issuing.cohort(services)) for _ in range(3)]
    who = await seated(app, services, Role.ISSUER)
    reached: list[str] = []

    class Failing:
        async def reach(self, place: str) -> None:
            reached.append(place)
            if place == "desk.org_sign: before the step" and reached.count(place) == 2:
                raise OutsideFailure("没有响应")

    exchange(services, faults=Failing())
    answer = await who("POST", "/issuances/sign", {"batches": [seen(one) for one in batches]})
    assert [i["code"] for i in answer.json["items"]] == [None, "try_again", None]
    states = [one.state for one in await Issuance.all().order_by("id")]
    assert states == ["site_pending", "prepared", "site_pending"]


@pytest.mark.parametrize("path", ["sign", "hand-over"])
async def test_who_may_not_take_the_step_may_take_none(app: App, services: Services, path: str) -> None:
    batch = await issuing.prepared(services, await issuing.cohort(services))
    who = await seated(app, services, Role.OPERATOR)

    def body(lists: list[dict[str, Any]], ids: Any) -> dict[str, Any]:
        return {"batches": lists} if path == "sign" else {"ids": ids}

    assert code(await who("POST", f"/issuances/{path}", body([seen(batch)], [batch.id]))) == (
        403,
        "role_not_allowed",
    )
    boss = await seated(app, services, Role.ADMIN)
    for ids in ([], list(range(1, 102)), ["1"], "1"):
        lists = [{"id": one, "list_sha256": "00" * 32} for one in ids]
        assert (await boss("POST", f"/issuances/{path}", body(lists, ids))).status == 422
    for sha256 in ("", "00", "0" * 63 + "G"):
        wrong = {"batches": [{"id": batch.id, "list_sha256": sha256}]}
        assert (await boss("POST", "/issuances/sign", wrong)).status == 422
    assert (await Issuance.get()).state == "prepared"


async def test_exactly_the_list_that_was_seen_is_signed(app: App, services: Services) -> None:
    """Somebody else brought the list up to date meanwhile: what the first one saw is not what would be signed."""
    batch = await issuing.prepared(services, await issuing.cohort(services))
    first, second = [
        await seated(app, services, Role.ISSUER, username=name) for name in ("issuer", "issuer-two")
    ]
    page = (await first.page("/console/issuances")).text
    [old] = re.findall(rf'value="{batch.id}" data-steps="sign"[^>]* data-seen="([0-9a-f]+)"', page)
    assert (
        f"""data-body='{{"list_sha256": "{old}"}}'"""
        in (await first.page(f"/console/issuances/{batch.id}")).text
    )
    gone = await Certificate.filter(issuance_id=batch.id).order_by("id").first()
    assert gone is not None
    await Registration.filter(id=gone.registration_id).update(outcome="failed")
    shown = {"list_sha256": old}
    assert code(await second("POST", f"/issuances/{batch.id}/sign", shown)) == (409, "list_refreshed")

    answer = await first("POST", "/issuances/sign", {"batches": [{"id": batch.id, **shown}]})
    assert [i["code"] for i in answer.json["items"]] == ["list_refreshed"]
    assert code(await first("POST", f"/issuances/{batch.id}/sign", shown)) == (409, "list_refreshed")
    assert (await Issuance.get()).state == "prepared"
    now = (await first("GET", f"/issuances/{batch.id}")).json["list_sha256"]
    assert now != old
    moved = await first("POST", f"/issuances/{batch.id}/sign", {"list_sha256": now})
    assert moved.json["state"] == "site_pending"


async def test_filters_totals_and_the_way_back(app: App, services: Services) -> None:
    cohorts = [
        await issuing.cohort(services, names=("甲" * 2, "乙" * 2)[: 1 + i % 2], level=list(Level)[i % 3])
        for i in range(5)
    ]
    batches = [await issuing.prepared(services, of) for of in cohorts]
    ids = [batch.id for batch in batches][::-1]
    who = await seated(app, services, Role.ISSUER)

    async def found(**query: Any) -> Any:
        answer = await who("GET", "/issuances", params={k: str(v) for k, v in query.items()})
        assert answer.status == 200, answer.text
        return answer.json

    first = await found(limit=2)
    assert ([i["id"] for i in first["items"]], first["before"]) == (ids[:2], None)
    second = await found(limit=2, cursor=first["next_cursor"])
    third = await found(limit=2, cursor=second["next_cursor"])
    assert ([i["id"] for i in third["items"]], third["next_cursor"]) == (ids[4:], None)
    back = await found(limit=2, before=third["before"])
    assert [i["id"] for i in back["items"]] == ids[2:4]
    assert (back["next_cursor"], back["before"]) == (second["next_cursor"], second["before"])
    assert [i["id"] for i in (await found(limit=2, before=back["before"]))["items"]] == ids[:2]
    assert (first["batches"], first["people"]) == (5, 7)

    of, mine = cohorts[1], batches[1]
    for query in (
        {"school_id": of.school.id},
        {"site_id": of.site.id},
        {"plan_id": of.plan.id},
        {"school": of.school.name[:4]},
    ):
        seen = await found(**query)
        assert mine.id in [i["id"] for i in seen["items"]], query
        assert (seen["batches"], seen["people"]) == (
            len(seen["items"]),
            sum(i["count"] for i in seen["items"]),
        )
    assert [i["id"] for i in (await found(level=of.site.level))["items"]] == [ids[0], mine.id]
    assert (await found(school="查无此校"))["items"] == []
    page = (await who.page(f"/console/issuances?plan_id={of.plan.id}")).text
    assert "共 1 个批次，2 人" in page and f"第 {mine.id} 批" in page and f"第 {batches[0].id} 批" not in page
