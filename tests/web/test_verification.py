"""公开核验: what the public pages say, and what they never say."""

from __future__ import annotations

import base64
import hashlib
import logging
import re
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from sanic import Sanic

from server.adapters.keys import KeyFolder, rotate
from server.adapters.published_keys import PublishedKeys
from server.domain.certificates import packing, revocation, verification
from server.domain.certificates.claims import Claims, Line, check_character, complete, encode_code, open_code
from server.domain.ports import PublicKey, Services
from server.errors import NotFound
from server.models import Candidate, Certificate
from tests.conftest import ISSUER
from tests.kit import issuing, make
from tests.kit.exchange import exchange
from tests.kit.fakes import FakeClock

App = Sanic[Any, Any]
PAGE = {"accept": "text/html"}


def claims_of(certificate: Certificate) -> Claims:
    return Claims.from_bytes(bytes(certificate.claims or b""))


async def get(app: App, path: str, headers: dict[str, str] | None = None) -> Any:
    _, response = await app.asgi_client.get(path, headers=headers or PAGE)
    return response


async def search(app: App, number: str, name: str, headers: dict[str, str] | None = None) -> Any:
    data = {"number": number, "name": name}
    _, response = await app.asgi_client.post("/v", data=data, headers=headers or PAGE, follow_redirects=True)
    return response


def words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", re.sub(r"<head>.*?</head>", "", page, flags=re.DOTALL)))


@pytest.mark.rule("S94")
async def test_a_scanned_certificate_shows_its_claims_and_that_it_holds(
    app: App, certificate: Certificate
) -> None:
    response = await get(app, f"/v/{certificate.code}")
    assert (response.status, response.headers["cache-control"]) == (200, "no-store")
    page, said = words(response.text), claims_of(certificate)
    assert "证书有效" in page
    for printed in (
        "欧阳慧敏",
        said.number,
        "初级",
        "2021年3.0版",
        said.plan,
        "2023年9月22日",
        "2026年11月23日",
        said.school,
        said.issuer,
    ):
        assert printed in page
    assert "以国家职业技能等级证书信息管理服务平台（1+X门户）的记录为准" in page
    assert 'href="https://vslc.ncb.edu.cn/"' in response.text


async def test_the_identity_number_is_masked(app: App, services: Services, certificate: Certificate) -> None:
    holder = await Candidate.get(id=certificate.candidate_id)
    number = services.keys.decrypt(holder.id_sealed, about="candidate.id_number")
    page = (await get(app, f"/v/{certificate.code}")).text
    assert f"{number[:2]}************{number[-4:]}" in page
    assert number not in page and number[6:14] not in page
    assert claims_of(certificate).id_hash not in page


async def test_programs_get_json(app: App, certificate: Certificate) -> None:
    said = claims_of(certificate)
    document = (await get(app, f"/v/{certificate.code}", {"accept": "application/json"})).json
    assert {name: document[name] for name in ("standing", "is_valid", "checked_at", "revoked_at")} == {
        "standing": "valid",
        "is_valid": True,
        "checked_at": "2026-11-23T12:00:00+08:00",
        "revoked_at": None,
    }
    assert document["claims"]["number"] == said.number and document["claims"]["name"] == "欧阳慧敏"
    assert document["pdf_sha256"] == bytes(certificate.pdf_sha256 or b"").hex()


async def test_what_programs_get_is_documented(app: App, certificate: Certificate) -> None:
    paths = (await get(app, "/docs/openapi.json")).json["paths"]
    assert {path: sorted(paths[path]) for path in ("/v", "/v/{code}")} == {
        "/v": ["post"],
        "/v/{code}": ["get"],
    }
    search_, scan = paths["/v"]["post"]["responses"], paths["/v/{code}"]["get"]["responses"]
    asked = paths["/v"]["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    assert asked["required"] == ["number", "name"]
    schema = scan["200"]["content"]["application/json"]["schema"]
    assert search_["200"]["content"]["application/json"]["schema"] == schema
    document = (await get(app, f"/v/{certificate.code}", {"accept": "application/json"})).json
    assert (set(schema["properties"]), set(schema["required"])) == (set(document), set(document))
    assert set(schema["properties"]["claims"]["properties"]) == set(document["claims"])
    unknown = await get(app, "/v/123", {"accept": "application/json"})
    assert str(unknown.status) in scan
    nobody = await search(app, "26SPS199999999R", "无此人", {"accept": "application/json"})
    assert str(nobody.status) in search_


async def test_a_revoked_certificate_says_so_and_since_when(
    app: App, services: Services, clock: FakeClock, certificate: Certificate
) -> None:
    clock.forward(days=1)
    await revocation.revoke(
        services.clock, services.faults, certificate.number, "替考，经查属实", actor=make.ISSUER_STAFF
    )
    clock.forward(days=1)
    page = words((await get(app, f"/v/{certificate.code}")).text)
    assert "证书已撤销" in page and "2026年11月24日 12:00" in page
    assert "证书有效" not in page
    assert "替考" not in page  # the reason is for the holder
    assert "证书已撤销" in words((await search(app, certificate.number, "欧阳慧敏")).text)


@pytest.mark.rule("S68")
async def test_a_superseded_certificate_names_its_successor(app: App, certificate: Certificate) -> None:
    other = await Certificate.get(candidate__name="王𠮷")
    when = datetime(2026, 11, 24, 4, tzinfo=UTC)
    await Certificate.filter(id=certificate.id).update(
        state="superseded", superseded_by_id=other.id, superseded_at=when, superseded_word="姓名更正"
    )
    page = words((await get(app, f"/v/{certificate.code}")).text)
    assert "已更正换发" in page and other.number in page and "证书有效" not in page
    assert "因姓名更正" in page and "2026年11月24日 12:00" in page


async def test_genuine_but_not_on_record_never_looks_valid(app: App, services: Services) -> None:
    """A code signed in a batch that was never finished, or after a restore of an old backup."""
    await issuing.generating(services, await issuing.cohort(services))
    reserved = await Certificate.get(candidate__name="欧阳慧敏")
    said = complete(Line.from_bytes(bytes(reserved.line)), date(2026, 11, 23))
    code = encode_code(services.keys, said)
    page = words((await get(app, f"/v/{code}")).text)
    assert "不能视为有效" in page and "证书有效" not in page


async def test_another_content_under_the_same_number_never_looks_valid(
    app: App, services: Services, certificate: Certificate
) -> None:
    code = encode_code(services.keys, replace(claims_of(certificate), level="advanced"))
    page = words((await get(app, f"/v/{code}")).text)
    assert "与发放记录不一致" in page and "证书有效" not in page


@pytest.mark.parametrize(
    "change", ["last digit", "one more", "cut", "zero in front", "letters", "long", "sign"]
)
async def test_unreadable_or_forged_never_looks_valid(
    app: App, certificate: Certificate, change: str
) -> None:
    code = certificate.code
    forged = {
        "last digit": code[:-1] + str((int(code[-1]) + 1) % 10),
        "one more": code + "1",
        "cut": code[:-9],
        "zero in front": "0" + code,
        "letters": "abc",
        "long": "9" * 3000,
        "sign": "+" + code,
    }[change]
    response = await get(app, f"/v/{forged}")
    assert (response.status, response.headers["cache-control"]) == (404, "no-store")
    page = words(response.text)
    assert "无法确认，请勿采信" in page and "证书有效" not in page and "欧阳" not in page
    problem = await get(app, f"/v/{forged}", {"accept": "application/json"})
    assert (problem.status, problem.json["code"]) == (404, "code_invalid")


async def test_number_and_name_together_find_it(app: App, certificate: Certificate) -> None:
    form = await get(app, "/v")
    assert form.status == 200 and 'for="number"' in form.text and 'for="name"' in form.text
    assert "<script" not in form.text
    response = await search(app, f" {certificate.number[:6].lower()} {certificate.number[6:]} ", "欧阳慧敏 ")
    assert (response.status, response.headers["cache-control"]) == (200, "no-store")
    assert "证书有效" in words(response.text) and certificate.number in response.text


async def test_a_refusal_stands_before_everything_else(app: App, certificate: Certificate) -> None:
    """The page begins at its top again, and on a small phone whatever is further down is not seen."""
    for response in (
        await search(app, certificate.number, "某人"),
        await search(app, "", ""),
        await get(app, "/v/found/invented"),
    ):
        assert response.text.count('id="scan"') == response.text.count('role="alert"') == 1
        assert response.text.index('role="alert"') < response.text.index('id="scan"')
    form = (await get(app, "/v")).text
    assert form.index('id="scan"') < form.index('id="search"')


@pytest.mark.parametrize(
    "typed",
    ["买买提吐尔逊", "买买提 吐尔逊", "买买提•吐尔逊", "买买提 · 吐尔逊", "买买提ꞏ吐尔逊", "买买提.吐尔逊"],
)
async def test_a_name_is_known_as_binding_knows_it(app: App, certificate: Certificate, typed: str) -> None:
    other = await Certificate.get(candidate__name="买买提·吐尔逊")
    response = await search(app, other.number, typed)
    assert response.status == 200 and other.number in response.text


async def test_every_miss_has_one_answer(app: App, services: Services, certificate: Certificate) -> None:
    number = certificate.number
    unused = make_other(number)
    misses = [
        ("wrong name", number, "欧阳慧"),
        ("nobody's number", unused, "欧阳慧敏"),
        ("no number", "XYZ", "欧阳慧敏"),
    ]
    answers = []
    for _, asked, name in misses:
        response = await search(app, asked, name)
        body = response.text.replace(asked, "N").replace(name, "M")
        answers.append((response.status, body))
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][0] == 404 and "没有查到编号与姓名都相符的证书" in answers[0][1]


def make_other(number: str) -> str:
    body = f"{number[:-9]}{int(number[-9:-1]) + 500:08d}"
    return body + check_character(body)


async def test_a_number_that_is_reserved_is_no_different(app: App, services: Services) -> None:
    await issuing.prepared(services, await issuing.cohort(services))
    reserved = await Certificate.get(candidate__name="欧阳慧敏")
    response = await search(app, reserved.number, "欧阳慧敏")
    assert response.status == 404
    problem = await search(app, reserved.number, "欧阳慧敏", {"accept": "application/json"})
    assert (problem.status, problem.json["code"]) == (404, "certificate_not_matched")


async def test_both_fields_are_asked_for(app: App) -> None:
    response = await search(app, "", "")
    assert response.status == 422
    assert "请填写证书编号。" in response.text and "请填写持证人姓名。" in response.text
    problem = await search(app, "", "", {"accept": "application/json"})
    assert [e["code"] for e in problem.json["errors"]] == ["number_missing", "name_missing"]


async def test_an_address_is_slowed_down(app: App, clock: FakeClock, certificate: Certificate) -> None:
    for serial in range(30):
        assert (await search(app, f"23SPS1{serial:08d}X", "某某")).status == 404
    response = await search(app, certificate.number, "欧阳慧敏")
    assert (response.status, response.headers["retry-after"]) == (429, "600")
    assert "核验过于频繁" in response.text
    clock.forward(minutes=11)
    assert (await search(app, certificate.number, "欧阳慧敏")).status == 200


async def test_names_cannot_be_guessed_for_one_number(
    app: App, services: Services, clock: FakeClock, certificate: Certificate
) -> None:
    for _ in range(20):
        assert (await search(app, certificate.number, "某某")).status == 404
    assert (await search(app, certificate.number, "欧阳慧敏")).status == 429
    clock.forward(hours=2)
    assert (await search(app, certificate.number, "欧阳慧敏")).status == 200


async def test_published_keys_are_enough_to_read_a_code_offline(
    app: App, services: Services, certificate: Certificate
) -> None:
    response = await get(app, "/.well-known/xcert-keys.json", {"accept": "application/json"})
    assert (response.status, response.headers["cache-control"]) == (200, "public, max-age=600")
    assert {key["purpose"] for key in response.json["keys"]} == {
        "certificate", "credential", "receipt", "log", "seal",
    }  # fmt: skip
    published = PublishedKeys.read(response.body)
    assert published.public() == services.keys.public()
    assert open_code(published, certificate.code) == claims_of(certificate)
    form = response.json["code_forms"]["1"]
    assert (form["symbols"], tuple(form["phrases"])) == (packing.SINGLE, packing.PHRASES)


async def test_no_secret_is_published(app: App, services: Services, keys_dir: Any) -> None:
    text = (await get(app, "/.well-known/xcert-keys.json")).text
    for file in keys_dir.glob("*.key"):
        assert file.read_text().strip() not in text
    keys: list[PublicKey] = services.keys.public()
    assert {len(key.raw) for key in keys if key.algorithm == "Ed25519"} == {32}
    assert all(base64.urlsafe_b64encode(key.raw).decode().rstrip("=") in text for key in keys)


async def test_published_keys_can_be_read_from_elsewhere_and_are_not_sent_twice(app: App) -> None:
    first = await get(app, "/.well-known/xcert-keys.json", {"accept": "application/json"})
    assert first.headers["access-control-allow-origin"] == "*"
    again = await get(app, "/.well-known/xcert-keys.json", {"if-none-match": first.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    seal = next(key for key in first.json["keys"] if key["purpose"] == "seal")
    leaf, root = x509.load_pem_x509_certificates(seal["certificates"].encode())
    leaf.verify_directly_issued_by(root)
    raw = base64.urlsafe_b64decode(seal["public_key"] + "==")
    assert seal["sha256"] == hashlib.sha256(raw).hexdigest()


async def test_a_key_that_this_process_does_not_know_yet_is_no_forgery(
    app: App, services: Services, certificate: Certificate, tmp_path: Path
) -> None:
    """The worker that seals may be younger than the web process that is asked."""
    folder = tmp_path / "keys"
    shutil.copytree(services.settings.keys_dir, folder)
    rotate(folder, "certificate", organisation=ISSUER)
    code = encode_code(KeyFolder(folder, production=False), claims_of(certificate))
    response = await get(app, f"/v/{code}")
    assert (response.status, response.headers["retry-after"]) == (503, "30")
    page = words(response.text)
    assert "暂时无法核验" in page and "请勿采信" not in page and "证书有效" not in page
    problem = await get(app, f"/v/{code}", {"accept": "application/json"})
    assert problem.status == 503
    exchange(services, keys=KeyFolder(folder, production=False))  # as it reads the folder anew
    assert "证书有效" in words((await get(app, f"/v/{code}")).text)


async def test_a_number_that_is_there_costs_as_many_statements_as_one_that_is_not(
    certificate: Certificate, services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    """Time must not tell which numbers were issued: they are serial, so they could be counted."""
    counts = []
    tried = [(certificate.number, "欧阳慧敏"), (certificate.number, "张三"), ("S000011000999999", "张三")]
    for number, name in tried:
        caplog.clear()
        with caplog.at_level(logging.DEBUG, "tortoise.db_client"):
            try:
                await verification.find(services, number, name, address="203.0.113.9")
            except NotFound as missed:
                assert missed.code == "certificate_not_matched" and name == "张三"
        counts.append(len([one for one in caplog.records if "SELECT" in one.getMessage()]))
    assert counts[0] > 0
    assert counts == [counts[0]] * 3
