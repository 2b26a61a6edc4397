"""The official account's pages: binding, results, certificates."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from server.domain import freshness
from server.domain.ports import Services, WeChatIdentity
from server.models import Binding, Registration, School, ScoreChange
from tests.kit import make
from tests.kit.exchange import exchange
from tests.kit.h5 import ME, App, get
from tests.kit.history import issued
from tests.kit.lookups import RELEASE, SEALED, bound, certificate, sealed_certificate
from tests.kit.statements import Reader

NUMBER = make.id_number(4055)
PAGES = ("/h5/", "/h5/bind", "/h5/results", "/h5/certificates", "/h5/certificates/23SPS100000001W")


async def post(app: App, path: str, headers: dict[str, str], **said: str) -> Any:
    headers = {"origin": "http://127.0.0.1:8000"} | headers
    _, response = await app.asgi_client.post(path, headers=headers, data=said, follow_redirects=False)
    return response


def words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


@pytest.mark.parametrize("path", PAGES)
async def test_without_a_session_every_page_goes_to_wechat(app: App, path: str) -> None:
    response = await get(app, path, {"accept": "text/html"})
    assert response.status == 303
    assert response.headers["location"].startswith("https://open.weixin.qq.com/connect/oauth2/authorize")


async def test_binding_through_the_form(app: App, services: Services, me: dict[str, str]) -> None:
    await make.candidate(services, "崔子涵", NUMBER)
    page = await get(app, "/h5/bind", me)
    assert (page.status, page.headers["cache-control"]) == (200, "no-store")
    assert 'for="name"' in page.text and 'for="id_number"' in page.text and "captcha" not in page.text
    response = await post(app, "/h5/bind", me, name="崔子涵", id_number=NUMBER)
    assert (response.status, response.headers["location"]) == (303, "/h5/results")
    page = await get(app, "/h5/bind", me)
    assert "崔**" in page.text and f"99************{NUMBER[-4:]}" in page.text
    assert NUMBER not in page.text and "崔子涵" not in page.text
    response = await post(app, "/h5/unbind", me)
    assert (response.status, response.headers["location"]) == (303, "/h5/bind")
    assert await Binding.filter(unbound_at=None).count() == 0


async def test_the_form_says_which_field_is_wrong_and_keeps_what_was_typed(
    app: App, me: dict[str, str]
) -> None:
    page = await post(app, "/h5/bind", me, name="崔子涵", id_number="12345")
    assert page.status == 422
    assert "证件号码应为 18 位，这里是 5 位" in page.text
    assert 'value="崔子涵"' in page.text and 'value="12345"' in page.text
    assert page.text.count('aria-invalid="true"') == 1


async def test_a_miss_says_what_to_do(app: App, me: dict[str, str]) -> None:
    page = await post(app, "/h5/bind", me, name="崔子涵", id_number=NUMBER)
    assert page.status == 422
    assert "请逐字核对；" in page.text
    assert "请再填写报考时登记的手机号后四位；仍不成功，请联系报考的院校解除原来的绑定。" in page.text


async def test_after_five_misses_the_form_shows_a_picture(
    app: App, services: Services, me: dict[str, str]
) -> None:
    reader = Reader()
    exchange(services, image_check=reader)
    for serial in range(5):
        page = await post(app, "/h5/bind", me, name="崔子涵", id_number=make.id_number(serial))
    assert "data:image/png;base64," in page.text
    await make.candidate(services, "崔子涵", NUMBER)
    page = await post(app, "/h5/bind", me, name="崔子涵", id_number=NUMBER, captcha="0000")
    assert page.status == 422 and "验证的答案不对或已过期" in page.text
    picture = await get(app, "/h5/bind/picture", me)
    assert (picture.headers["content-type"], picture.headers["cache-control"]) == ("image/png", "no-store")
    response = await post(app, "/h5/bind", me, name="崔子涵", id_number=NUMBER, captcha=reader.drawn[-1])
    assert response.status == 303


async def test_whoever_cannot_see_the_picture_answers_a_question(
    app: App, services: Services, me: dict[str, str]
) -> None:
    exchange(services, image_check=Reader())
    for serial in range(5):
        await post(app, "/h5/bind", me, name="崔子涵", id_number=make.id_number(serial))
    await make.candidate(services, "崔子涵", NUMBER)
    page = await get(app, "/h5/bind", me)
    assert 'href="/h5/bind?check=question"' in page.text
    page = await get(app, "/h5/bind?check=question", me)
    assert answer_of(page.text) > 0 and "data:image/png" not in page.text
    wrong = str(answer_of(page.text) + 1)
    page = await post(
        app,
        "/h5/bind",
        me,
        name="崔子涵",
        id_number=NUMBER,
        captcha=wrong,
        check="question",
        phone_last4="1234",
    )
    assert page.status == 422 and "验证的答案不对或已过期" in page.text
    assert 'value="1234"' in page.text  # a question again, with all that was typed
    right = str(answer_of(page.text))
    response = await post(
        app, "/h5/bind", me, name="崔子涵", id_number=NUMBER, captcha=right, check="question"
    )
    assert response.status == 303


def answer_of(page: str) -> int:
    """What the question on the page comes to."""
    digit = "([零一二三四五六七八九])"
    asked = re.search(f"{digit}加{digit}，再减去{digit}，等于几？", page)
    assert asked is not None
    first, second, less = ("零一二三四五六七八九".index(one) for one in asked.groups())
    return first + second - less


async def test_an_unbinding_is_said_and_said_once(app: App, services: Services, me: dict[str, str]) -> None:
    await bound(services, ME)
    response = await post(app, "/h5/unbind", me)
    cookies = "; ".join(line.split(";")[0] for line in response.headers.get_list("set-cookie"))
    page = await get(app, "/h5/bind", {**me, "cookie": cookies})
    assert "已解除绑定" in page.text and 'xcert_said=""' in page.headers["set-cookie"]
    invented = await get(app, "/h5/bind", {**me, "cookie": f"{cookies.split(';')[0]}; xcert_said=<b>"})
    assert "<b>" not in invented.text


@pytest.mark.parametrize(
    "contact, shown",
    [
        ("010-8765 4321", '<a href="tel:01087654321">010-8765 4321</a>'),
        ("+86 10 8765 4321", '<a href="tel:+861087654321">+86 10 8765 4321</a>'),
        ("400 123 4567", '<a href="tel:4001234567">400 123 4567</a>'),
        (
            "010-87654321 13800138000",
            '<a href="tel:01087654321">010-87654321</a> <a href="tel:13800138000">13800138000</a>',
        ),
        ("邮箱a.b@c.cn或8:00-11:30来", '邮箱<a href="mailto:a.b@c.cn">a.b@c.cn</a>或8:00-11:30来'),
        ("客服 exam@example.cn", '客服 <a href="mailto:exam@example.cn">exam@example.cn</a>'),
        ("", "评价组织：证书、缴费、本页面的问题<"),
    ],
)
async def test_whom_to_ask_is_named(
    app: App, services: Services, me: dict[str, str], contact: str, shown: str
) -> None:
    exchange(services, settings=replace(services.settings, contact=contact))
    candidate = await bound(services, ME)
    registration = await make.registration(services, candidate, on=await make.plan())
    at = (await Registration.get(id=registration.id).prefetch_related("site__school")).site.school
    own, another = await School.get(id=candidate.school_id), await make.school()
    assert own.id != at.id
    for path in ("/h5/", "/h5/results", "/h5/certificates"):
        page = await get(app, path, me)
        assert shown in page.text and another.name not in page.text
        assert all(f"<strong>{school.name}</strong>" in page.text for school in (own, at))


@pytest.mark.parametrize(
    "foreign", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}]
)
@pytest.mark.parametrize("path", ["/h5/bind", "/h5/unbind"])
async def test_another_sites_form_is_refused(
    app: App, services: Services, me: dict[str, str], path: str, foreign: dict[str, str]
) -> None:
    await bound(services, ME)
    response = await post(
        app, path, {**me, **foreign, "accept": "application/json"}, name="崔", id_number=NUMBER
    )
    assert (response.status, response.json["code"]) == (403, "foreign_form")
    assert await Binding.filter(unbound_at=None).count() == 1


async def test_home_for_strangers_and_for_the_bound(app: App, services: Services, me: dict[str, str]) -> None:
    assert "首次使用请先绑定考生信息" in (await get(app, "/h5/", me)).text
    await bound(services, ME)
    page = await get(app, "/h5/", me)
    assert "崔**，您好" in page.text and "崔子涵" not in page.text


@pytest.mark.rule("S93")
async def test_results_page(app: App, services: Services, me: dict[str, str]) -> None:
    assert "尚未绑定考生信息" in (await get(app, "/h5/results", me)).text
    candidate = await bound(services, ME)
    released, later = (
        await make.plan("甲考试计划", release_at=services.clock.now()),
        await make.plan("乙考试计划", release_at=RELEASE),
    )
    await make.registration(services, candidate, on=released, score=78.5)
    await make.registration(services, candidate, on=later, score=91)
    said = words((await get(app, "/h5/results", me)).text)
    assert "78.5 分" in said and "通过" in said
    assert "乙考试计划的成绩尚未公布。预计 2026年11月24日 09:00 公布" in said
    assert "91 分" not in said


async def test_certificates_page_and_the_certificate(
    app: App, services: Services, me: dict[str, str]
) -> None:
    plan = await make.plan(release_at=services.clock.now())
    made = await sealed_certificate(
        services, await make.registration(services, await bound(services, ME), on=plan)
    )
    said = words((await get(app, "/h5/certificates", me)).text)
    assert made.number in said and "有效" in said and "科普宣教、问题识别、人际沟通与干预" in said
    page = await get(app, f"/h5/certificates/{made.number}", me)
    assert page.status == 200
    assert f'<img src="/h5/certificates/{made.number}.jpg"' in page.text
    assert f"http://127.0.0.1:8000/v/{made.code}" in page.text
    response = await get(app, f"/h5/certificates/{made.number}.pdf", me)
    assert (response.status, response.body, response.headers["content-type"]) == (
        200, SEALED, "application/pdf",
    )  # fmt: skip
    assert response.headers["content-disposition"].startswith("inline")
    assert f'href="/h5/certificates/{made.number}.vc"' in page.text


async def test_the_credential_for_a_wallet(app: App, services: Services, me: dict[str, str]) -> None:
    plan = await make.plan(release_at=services.clock.now())
    made = await issued(services, await make.registration(services, await bound(services, ME), on=plan), 7)
    response = await get(app, f"/h5/certificates/{made.number}.vc", me)
    assert (response.status, response.content_type) == (200, "application/vc")
    assert response.headers["content-disposition"] == f'attachment; filename="{made.number}.vc.json"'
    assert response.headers["cache-control"] == "private, no-cache"
    assert response.json["credentialSubject"]["licenseNumber"] == made.number


async def test_a_revoked_certificate_shows_why_and_no_picture(
    app: App, services: Services, me: dict[str, str]
) -> None:
    plan = await make.plan(release_at=services.clock.now())
    registration = await make.registration(services, await bound(services, ME), on=plan)
    made = await certificate(
        registration, state="revoked", revoked_at=services.clock.now(), revoke_reason="考试违纪"
    )
    page = await get(app, f"/h5/certificates/{made.number}", me)
    assert "该证书已于 2026年11月23日 12:00 撤销，不再有效。撤销原因：考试违纪。" in page.text
    assert (
        not re.search(r"\.(png|jpg)", page.text.split("<main")[1].replace("data:image/png", ""))
        and "打开 PDF" not in page.text
        and "可验证凭证" not in page.text
    )
    assert (await get(app, f"/h5/certificates/{made.number}.vc", me)).status == 410


@pytest.mark.parametrize("ending", ["", ".pdf", ".jpg", ".png", ".vc"])
async def test_other_peoples_certificates_are_not_found(
    app: App, services: Services, me: dict[str, str], ending: str
) -> None:
    await bound(services, ME)
    plan = await make.plan(release_at=services.clock.now())
    other = await bound(services, WeChatIdentity("oa", "openid-other"), "李四")
    theirs = await certificate(await make.registration(services, other, on=plan))
    for number in (theirs.number, "23SPS199999999P"):
        page = await get(app, f"/h5/certificates/{number}{ending}", me)
        assert page.status == 404
        assert "在您的证书中没有这个编号" in page.text


async def test_what_people_typed_is_never_markup(app: App, services: Services, me: dict[str, str]) -> None:
    page = await post(app, "/h5/bind", me, name='"><script>alert(1)</script>', id_number="<b>")
    assert "<script>alert" not in page.text and "<b>" not in page.text


async def test_a_score_corrected_after_its_publication_says_so(
    app: App, services: Services, me: dict[str, str]
) -> None:
    plan = await make.plan(release_at=services.clock.now())
    registration = await make.registration(services, await bound(services, ME), on=plan)
    assert "公布以后更正过" not in words((await get(app, "/h5/results", me)).text)
    await ScoreChange.create(
        registration=registration,
        subject=make.SUBJECT,
        was_status="scored",
        was_score=12,
        status="scored",
        score=78.5,
        reason="复核记录第 7 号，见附件",
        state="approved",
        requested_by=1,
        requested_by_name="甲",
        requested_at=services.clock.now(),
        decided_by=2,
        decided_by_name="乙",
        decided_at=services.clock.now(),
    )
    await freshness.changed()
    assert "这项成绩在公布以后更正过，更正日期：2026年11月23日" in words(
        (await get(app, "/h5/results", me)).text
    )
