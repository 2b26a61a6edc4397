"""印制与寄送 (S91) at the console: a batch is printed and sent by staff, and received by its school."""

from __future__ import annotations

import pytest

from server.domain.ports import Services
from server.domain.roles import Role
from server.models import PaperRun
from tests.kit import printing
from tests.kit.console_desk import code, seated
from tests.kit.fakes import FakeClock
from tests.kit.h5 import App
from tests.kit.home import told
from tests.kit.printing import FIRST, LAST

pytestmark = pytest.mark.rule("S91")


async def test_printed_sent_and_received(app: App, services: Services) -> None:
    of, batch = await printing.issued(services)
    issuer = await seated(app, services, Role.ISSUER)
    operator = await seated(app, services, Role.OPERATOR)
    school = await seated(app, services, Role.SCHOOL, school=of.school)
    listed = await issuer.page("/console/paper")
    assert f"/console/paper/new?issuance_id={batch.id}" in listed.text
    assert "开始印制" in (await issuer.page(f"/console/issuances/{batch.id}")).text
    assert f'value="{batch.id}"' in (await issuer.page(f"/console/paper/new?issuance_id={batch.id}")).text
    form = {"issuance_id": batch.id, "first": FIRST, "last": LAST}
    made = await issuer("POST", "/paper-runs", form)
    assert made.status == 201, made.text
    path = f"/paper-runs/{made.json['id']}"
    sheets = (await issuer("GET", f"{path}/sheets")).json["items"]
    assert [(one["serial"], one["state_label"]) for one in sheets] == [
        ("A0001201", "已使用"),
        ("A0001202", "已使用"),
    ]
    file = await issuer("GET", f"{path}/sheets.pdf?part=1")
    assert (file.status, file.headers["content-type"]) == (200, "application/pdf")
    assert file.body == b"%PDF-1.7 fake sheets A0001201 A0001202"
    spoiled = await issuer("POST", f"{path}/spoil", {"serial": "A0001202", "reason": "卡纸"})
    assert spoiled.json == {"in_its_place": "A0001203"}
    assert (await issuer("POST", f"{path}/extend", {"last": "A0001209"})).status == 204
    assert (await issuer("POST", f"{path}/finish", {})).json == {"state": "printed"}
    run = await PaperRun.get()
    assert run.slip not in (await issuer.page(f"/console/paper/{run.id}")).text
    slip = await issuer.page(f"/console/paper/{run.id}/slip")
    assert f"{run.slip[:5]}-{run.slip[5:]}" in slip.text
    qr = await issuer("GET", f"{path}/slip.png")
    assert qr.body.endswith(f"/console/paper/{run.id}?slip={run.slip}".encode())
    scanned = await operator.page(f"/console/paper/{run.id}?slip={run.slip}")
    assert f'value="{run.slip}"' in scanned.text
    assert (await operator("POST", f"{path}/hand-over", {"slip": run.slip})).json == {"state": "handed"}
    waybill = {"courier": "顺丰速运", "tracking_number": "SF1234567890123"}
    assert (await operator("POST", f"{path}/send", waybill)).json == {"state": "sent"}
    coming = await school.page("/console/paper")
    assert "SF1234567890123" in coming.text and "已寄出" in coming.text
    page = await school.page(f"/console/paper/{run.id}?slip={run.slip}")
    assert "确认签收" in page.text and "登记作废纸张" not in page.text and "打印交接单" not in page.text
    received = await school("POST", f"{path}/receive", {"slip": run.slip, "count": 1, "note": "缺一张"})
    assert received.json == {"state": "received"}
    seen = (await issuer("GET", path)).json
    assert (seen["used"], seen["spoiled"], seen["left"], seen["sheets"]) == (2, 1, 6, 9)
    assert [one["label"] for one in seen["hands"]] == ["印制完成", "接收包裹", "寄出", "确认签收"]
    assert "院校清点到 1 张" in (await issuer.page(f"/console/paper/{run.id}")).text
    assert "院校已签收" in (await issuer.page(f"/console/issuances/{batch.id}")).text
    [listed_run] = (await issuer("GET", "/paper-runs?state=received")).json["items"]
    assert listed_run["difference_note"] == "缺一张"


async def test_who_may_what(app: App, services: Services) -> None:
    of, batch = await printing.issued(services)
    school = await seated(app, services, Role.SCHOOL, school=of.school)
    auditor, finance = await seated(app, services, Role.AUDITOR), await seated(app, services, Role.FINANCE)
    form = {"issuance_id": batch.id, "first": FIRST, "last": LAST}
    for who in (school, auditor, finance):
        assert code(await who("POST", "/paper-runs", form)) == (403, "role_not_allowed")
        assert (await who.page("/console/paper/new")).status == 403
    run = await printing.sent(services, batch.id)
    for leaf in ("sheets.pdf", "slip.png"):
        assert code(await school("GET", f"/paper-runs/{run.id}/{leaf}")) == (403, "role_not_allowed")
    assert (await auditor.page(f"/console/paper/{run.id}")).status == 200
    assert (await finance.page("/console/paper")).status == 403
    body = {"slip": run.slip, "count": 2}
    issuer = await seated(app, services, Role.ISSUER)
    assert code(await issuer("POST", f"/paper-runs/{run.id}/receive", body)) == (403, "role_not_allowed")


async def test_what_is_late_is_a_line_on_the_first_page(
    app: App, services: Services, clock: FakeClock
) -> None:
    of, batch = await printing.issued(services)
    clock.forward(days=8)
    issuer = await seated(app, services, Role.ISSUER)
    school = await seated(app, services, Role.SCHOOL, school=of.school)
    words = "批次发放已超过 5 个工作日，纸质证书还没有寄出"
    assert (await told(issuer))[words] == 1
    assert await told(school) == {}
    late = "最晚应在 2026-11-30 寄出，已逾期"
    assert late in (await issuer.page(f"/console/issuances/{batch.id}")).text
    assert "已逾期" in (await issuer.page("/console/paper")).text
    run = await printing.sent(services, batch.id)
    assert words not in await told(issuer)
    assert await told(school) == {"纸质证书包裹已寄出，待清点签收": 1}
    assert late not in (await issuer.page(f"/console/issuances/{batch.id}")).text
    assert "已逾期" not in (await issuer.page(f"/console/paper/{run.id}")).text
