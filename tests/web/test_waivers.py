"""减免 through the console API."""

from __future__ import annotations

from server.domain.ports import Services
from server.domain.roles import Role
from server.models import Fee, FeeWaiver
from tests.kit import paying
from tests.kit.console_desk import code, seated
from tests.kit.h5 import App
from tests.kit.paying import PRICE_FEN

WHY = {"reason": "家庭经济困难，按规定减免"}


async def test_finance_asks_another_approves_and_the_auditor_sees(app: App, services: Services) -> None:
    fee = await paying.owing(services, await paying.priced(services))
    finance = await seated(app, services, Role.FINANCE)
    other = await seated(app, services, Role.FINANCE, username="finance-two")
    auditor = await seated(app, services, Role.AUDITOR)
    asked = await finance("POST", f"/fees/{fee.id}/waive", WHY)
    assert asked.status == 201, asked.text
    path = f"/waivers/{asked.json['id']}"
    assert code(await other("POST", f"/fees/{fee.id}/waive", WHY)) == (409, "waiver_open")
    assert code(await finance("POST", f"{path}/approve")) == (403, "same_person")
    assert code(await other("POST", f"{path}/withdraw")) == (403, "not_the_asker")
    assert code(await auditor("POST", f"{path}/approve")) == (403, "role_not_allowed")
    assert (await other("POST", f"{path}/approve")).status == 204
    assert code(await other("POST", f"{path}/decline")) == (409, "waiver_moved")
    seen = (await auditor("GET", "/waivers?state=approved")).json
    waiver = await FeeWaiver.get()
    assert seen["next_cursor"] is None
    [shown] = seen["items"]
    assert shown == {
        "id": waiver.id,
        "fee_id": fee.id,
        "amount_fen": PRICE_FEN,
        "plan": shown["plan"],
        "level": "primary",
        "level_label": "初级",
        "admission_number": shown["admission_number"],
        "candidate": "崔**",
        "course": None,
        "school": None,
        "reason": WHY["reason"],
        "state": "approved",
        "state_label": "已减免",
        "asked_by_name": "王敏",
        "asked_at": "2026-11-23T12:00:00+08:00",
        "decided_by_name": "王敏",
        "decided_at": "2026-11-23T12:00:00+08:00",
    }
    assert (await finance("GET", "/waivers?state=asked")).json["items"] == []
    [owed] = (await finance("GET", "/fees?state=waived")).json["items"]
    assert (owed["id"], owed["state_label"]) == (fee.id, "已减免")
    assert code(await finance("POST", f"/fees/{fee.id}/waive", WHY)) == (409, "fee_not_owed")
    assert code(await finance("POST", f"/fees/{fee.id}/waive", {"reason": "短"})) == (422, "invalid")


async def test_a_waiver_is_declined_or_withdrawn_and_the_fee_is_owed(app: App, services: Services) -> None:
    fee = await paying.owing(services, await paying.priced(services))
    finance = await seated(app, services, Role.FINANCE)
    other = await seated(app, services, Role.FINANCE, username="finance-two")
    for who, end in ((other, "decline"), (finance, "withdraw")):
        asked = await finance("POST", f"/fees/{fee.id}/waive", WHY)
        assert (await who("POST", f"/waivers/{asked.json['id']}/{end}")).status == 204
    assert [one.state for one in await FeeWaiver.all().order_by("id")] == ["declined", "withdrawn"]
    assert (await Fee.get()).state == "owed"
