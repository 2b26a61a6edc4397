"""One certificate, one page: who opens it, what it says, and that its file and picture leave their trace."""

from __future__ import annotations

import re
from typing import Any

from sanic import Sanic

from server.domain.certificates import revocation
from server.domain.ports import Services
from server.domain.public_log import sequencer
from server.domain.roles import PERMISSIONS, Role, Verb
from server.models import AuditEntry, Certificate
from tests.kit import issuing, make
from tests.kit.console_desk import code, seated
from tests.kit.jobs import drained

App = Sanic[Any, Any]
TOLD = [
    *("建立签发批次", "评价组织签发", "院校扫码签发", "发放", "生成并盖章", "全部生成", "撤销证书"),
    *("发放", "撤销"),  # in the public log
]


async def test_who_opens_it_and_what_each_may(app: App, services: Services) -> None:
    of = await issuing.cohort(services)
    await issuing.generating(services, of)
    await drained(services)
    one = await Certificate.filter(candidate_id=of.registrations[0].candidate_id).get()
    for role in Role:
        who = await seated(app, services, role, school=of.school if role is Role.SCHOOL else None)
        may = PERMISSIONS[role]
        answer = await who.page(f"/console/certificates/{one.number.lower()}")
        assert answer.status == (200 if Verb.SEE_CERTIFICATES in may else 403), role
        picture = await who("GET", f"/certificates/{one.number}/preview.jpg")
        pdf = await who("GET", f"/certificates/{one.number}/certificate.pdf")
        fetches = Verb.DOWNLOAD in may
        assert [picture.status, pdf.status] == ([200, 200] if fetches else [403, 403]), role
        if fetches:
            assert picture.content.startswith(b"\xff\xd8") and pdf.content.startswith(b"%PDF")
        if answer.status == 200:
            assert of.registrations[0].candidate.name not in answer.text
            assert ("certificate.pdf" in answer.text) == (f"/v/{one.code}" in answer.text) == fetches
            assert (f"/console/people/{one.candidate_id}" in answer.text) == (Verb.SEE_PEOPLE in may)
            assert ('id="revoke"' in answer.text) == (Verb.REVOKE in may)
    took = AuditEntry.filter(subject_kind="certificate", subject_id=one.number)
    assert await took.filter(action="certificate.download").count() == 3
    assert await took.filter(action="people.viewed").count() == 3
    stranger = await seated(app, services, Role.SCHOOL, school=await make.school(), username="elsewhere")
    assert (await stranger.page(f"/console/certificates/{one.number}")).status == 404
    for path in ("preview.jpg", "certificate.pdf"):
        refused = await stranger("GET", f"/certificates/{one.number}/{path}")
        assert code(refused) == (404, "certificate_not_found")


async def test_what_happened_is_told_in_order(app: App, services: Services) -> None:
    of = await issuing.cohort(services)
    batch = await issuing.prepared(services, of)
    one = await Certificate.filter(issuance_id=batch.id).order_by("id").first()
    assert one is not None
    admin = await seated(app, services, Role.ADMIN)
    early = (await admin.page(f"/console/certificates/{one.number}")).text
    assert "编号已预留" in early and "certificate.pdf" not in early and "公开日志" not in early
    school = await seated(app, services, Role.SCHOOL, school=of.school)
    assert (await school.page(f"/console/certificates/{one.number}")).status == 200
    await type(of.plan).filter(id=of.plan.id).update(release_at=None)
    assert (await school.page(f"/console/certificates/{one.number}")).status == 404  # being there is a result
    await type(of.plan).filter(id=of.plan.id).update(release_at=of.plan.release_at)
    await issuing.generating(services, of)
    await drained(services)
    await revocation.revoke(services.clock, services.faults, one.number, "登记错误", actor=make.ISSUER_STAFF)
    await sequencer.run(services)
    text = (await admin.page(f"/console/certificates/{one.number}")).text
    told = re.findall(r"<li><b>(.*?)</b>", text)
    assert told == TOLD
    await batch.refresh_from_db()
    assert f"<dt>发证日期</dt><dd>{batch.issued_on}</dd>" in text  # a day, without an hour
    assert "原因：登记错误" in text and "公开日志" in text and 'id="revoke"' not in text
    assert (await admin.page("/console/certificates/26SPS1999999990")).status == 404
    assert (await admin.page("/console/certificates/x")).status == 404
