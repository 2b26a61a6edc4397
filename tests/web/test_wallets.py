"""A certificate in other people's wallets, judged by verifiers that others wrote and published.

openvc-core: proof, did:web, status. openbadgeslib: Open Badges 3.0 and its JSON-LD, with contexts that it carries.
jsonschema-rs with W3C's schema of VC 2.0: the document's form. None of them knows anything of ours.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from openbadgeslib.ob3.contexts import document_loader
from openbadgeslib.ob3.credential import OpenBadgeCredential
from openvc.did.base import DidResolverRegistry
from openvc.did.did_web import DidWebResolver
from openvc.proof.errors import ProofError
from openvc.status import CredentialRevoked
from openvc.status.bitstring import decode_bitstring, get_status_bit
from openvc.verify import VerificationPolicy, verify_credential
from pyld import jsonld  # type: ignore[import-untyped]
from sanic import Sanic

from server.adapters.documents.verify import read_pdf
from server.adapters.keys import KeyFolder, retire, rotate
from server.adapters.published_keys import PublishedKeys
from server.domain.certificates import revocation, status_lists, verification
from server.domain.certificates.claims import Claims
from server.domain.certificates.data_integrity import did_document, unbase58
from server.domain.certificates.status_lists import SIZE
from server.domain.issuance.offline import verify_file
from server.domain.people import candidates
from server.domain.ports import Services
from server.domain.public_log import inclusion
from server.domain.public_log.inclusion import Inclusion
from server.models import Candidate, Certificate, Plan
from server.models.database import rows
from tests.conftest import ISSUER
from tests.kit import make
from tests.kit.fakes import FakeClock

App = Sanic[Any, Any]
SCHEMA = json.loads((Path(__file__).parents[1] / "vectors" / "w3c_vc_schema.json").read_text("utf-8"))
ORIGIN = "https://cert.example.cn"
VC = {"accept": "application/vc"}


@pytest.fixture(autouse=True)
async def named(app: App, services: Services) -> None:
    """did:web forbids addresses that are numbers, so the service has a name here."""
    await get(app, "/healthz")  # an app begins, and takes its services, with its first request
    settings = replace(services.settings, public_url=ORIGIN)
    app.ctx.services = replace(services, settings=settings)


async def get(app: App, path: str, headers: dict[str, str] | None = None) -> Any:
    _, response = await app.asgi_client.get(path, headers=headers or {})
    return response


async def published(app: App, credential: dict[str, Any]) -> dict[str, Any]:
    """What a verifier fetches from us for this credential, by its address."""
    addresses = [one["statusListCredential"] for one in credential["credentialStatus"]]
    out = {one: (await get(app, one.removeprefix(ORIGIN))).json for one in addresses}
    out["did"] = (await get(app, "/.well-known/did.json")).json
    return out


def judged(credential: dict[str, Any], found: dict[str, Any], clock: FakeClock) -> Any:
    """As openvc judges it, with nothing but what we publish."""
    resolver = DidResolverRegistry([DidWebResolver(lambda url: found["did"])])

    def list_of(address: str) -> dict[str, Any]:
        one: dict[str, Any] = found[address]
        verify_credential(one, resolver=resolver, policy=VerificationPolicy(now=clock.now()))
        return one

    policy = VerificationPolicy(
        now=clock.now(), expected_types=["OpenBadgeCredential"], require_status_issuer_binding=True
    )
    return verify_credential(credential, resolver=resolver, policy=policy, resolve_status_list=list_of)


async def test_whoever_has_the_code_gets_a_credential_that_others_verify(
    app: App, services: Services, clock: FakeClock, certificate: Certificate
) -> None:
    said = Claims.from_bytes(bytes(certificate.claims or b""))
    for accept in ("application/vc", "application/vc+ld+json, application/json;q=0.5"):
        answer = await get(app, f"/v/{certificate.code}", {"accept": accept})
        assert (answer.status, answer.content_type) == (200, "application/vc")
    answer = await get(app, f"/v/{certificate.code}.vc")
    credential = answer.json
    result = judged(credential, await published(app, credential), clock)
    assert (result.format, result.issuer) == ("data-integrity:eddsa-jcs-2022", credential["issuer"]["id"])
    assert result.status.revoked is False
    subject = credential["credentialSubject"]
    assert (subject["licenseNumber"], subject["identifier"][0]["identityHash"]) == (said.number, said.name)
    jsonschema_rs.validate(SCHEMA, credential)
    badge = OpenBadgeCredential.from_vc_document(credential)
    assert badge.achievement.name == f"{said.certificate}（初级）" and badge.issuer.name == said.issuer
    assert badge.identifiers[0].identity_type == "name"


async def test_no_word_of_it_is_unknown_to_the_contexts(app: App, certificate: Certificate) -> None:
    """JSON-LD drops what no context knows; whatever we say has to come through, in the contexts openbadgeslib carries."""
    credential = (await get(app, f"/v/{certificate.code}.vc")).json
    [expanded] = jsonld.expand(credential, {"documentLoader": document_loader()})
    text = json.dumps(expanded, ensure_ascii=False)
    plain = [credential["name"], credential["validFrom"], credential["credentialSubject"]["licenseNumber"]]
    subject = credential["credentialSubject"]
    plain += [subject["term"], subject["source"]["name"], subject["achievement"]["criteria"]["narrative"]]
    plain += [subject["identifier"][0]["identityHash"], subject["achievement"]["version"], "zh-CN"]
    plain += [credential["credentialStatus"][0]["statusListIndex"], subject["activityEndDate"]]
    assert [one for one in plain if one not in text] == []

    def names(value: Any) -> int:
        if isinstance(value, dict):
            return sum(1 + names(v) for k, v in value.items() if k not in ("@context", "proof"))
        return sum(map(names, value)) if isinstance(value, list) else 0

    compact = jsonld.compact(
        expanded, {"@context": credential["@context"]}, {"documentLoader": document_loader()}
    )
    assert names(compact) == names(credential)


async def test_a_changed_credential_is_refused_by_others_and_by_us(
    app: App, services: Services, clock: FakeClock, certificate: Certificate
) -> None:
    credential = (await get(app, f"/v/{certificate.code}.vc")).json
    found = await published(app, credential)
    subject = {**credential["credentialSubject"], "licenseNumber": "23SPS300000001A"}
    with pytest.raises(ProofError):
        judged({**credential, "credentialSubject": subject}, found, clock)
    keys = PublishedKeys(services.keys.public())

    def report(document: Any) -> Any:
        return verify_file(json.dumps(document).encode(), keys, lambda data: read_pdf(data, keys.public()))

    assert report(credential).is_genuine
    assert any(certificate.number in one.text for one in report(credential).findings)
    changed = report({**credential, "credentialSubject": subject})
    assert not changed.is_genuine and not changed.is_open
    assert report({"@context": [], "proof": 1}).findings[-1].text == (
        "可验证凭证无法通过验证：内容被改动，或不是本系统签出的。"
    )


async def test_nothing_of_the_identity_number_is_in_it(
    app: App, services: Services, certificate: Certificate
) -> None:
    holder = await Candidate.get(id=certificate.candidate_id)
    number = services.keys.decrypt(bytes(holder.id_sealed), about=candidates.ABOUT_ID)
    text = (await get(app, f"/v/{certificate.code}.vc")).text
    said = Claims.from_bytes(bytes(certificate.claims or b""))
    for secret in (number, number[-4:] + '"', candidates.mask_id(number), said.id_hash):
        assert secret not in text


async def test_revocation_and_replacement_reach_the_wallet_within_a_minute(
    app: App, services: Services, clock: FakeClock, certificate: Certificate
) -> None:
    other = await Certificate.exclude(id=certificate.id).filter(state="valid").first()
    assert other is not None
    credentials = [(await get(app, f"/v/{one.code}.vc")).json for one in (certificate, other)]
    before = await published(app, credentials[0])
    await revocation.revoke(
        services.clock, services.faults, certificate.number, "替考", actor=make.ISSUER_STAFF
    )
    await Certificate.filter(id=other.id).update(
        state="superseded", superseded_by_id=certificate.id, superseded_at=clock.now()
    )
    assert await published(app, credentials[0]) == before  # made once a minute
    clock.forward(minutes=1)
    for credential in credentials:
        with pytest.raises(CredentialRevoked):
            judged(credential, await published(app, credential), clock)
    found = await published(app, credentials[0])
    bits = {
        purpose: status_lists_bits(found[f"{ORIGIN}/status/{purpose}/0"]) for purpose in status_lists.ENDING
    }
    assert bits == {"revocation": sorted([certificate.id, other.id]), "refresh": [other.id]}
    gone = await get(app, f"/v/{certificate.code}.vc")
    assert (gone.status, gone.json["code"]) == (410, "certificate_not_valid")


def status_lists_bits(one: dict[str, Any]) -> list[int]:
    bits = decode_bitstring(one["credentialSubject"]["encodedList"])
    return [at for at in range(len(bits) * 8) if get_status_bit(bits, at)]


async def test_lists_are_the_same_for_all_and_kept_for_a_minute(
    app: App, services: Services, clock: FakeClock, certificate: Certificate
) -> None:
    first = await get(app, "/status/revocation/0")
    assert (first.status, first.content_type) == (200, "application/vc")
    assert first.headers["cache-control"] == "public, max-age=60"
    assert first.headers["access-control-allow-origin"] == "*"
    same = await get(app, "/status/revocation/0", {"if-none-match": first.headers["etag"]})
    assert same.status == 304
    document = first.json
    assert document["validUntil"] == "2026-11-24T04:00:00Z"
    jsonschema_rs.validate(SCHEMA, document)
    clock.forward(days=1, seconds=1)
    with pytest.raises(ProofError):  # a list that is a day old says nothing any more
        resolver = DidResolverRegistry([DidWebResolver(lambda url: did)])
        did = (await get(app, "/.well-known/did.json")).json
        verify_credential(document, resolver=resolver, policy=VerificationPolicy(now=clock.now(), leeway_s=0))
    for nothing in ("/status/revocation/1", "/status/refresh/999999"):
        answer = await get(app, nothing)
        assert (answer.status, answer.json["code"]) == (404, "status_list_not_found")
    assert (await get(app, "/status/suspension/0")).status == 404


async def test_a_second_list_begins_where_the_first_ends(
    app: App, services: Services, certificate: Certificate
) -> None:
    await rows("UPDATE certificate SET id = $1, state = 'revoked' WHERE id = $2", SIZE + 3, certificate.id)
    assert status_lists_bits((await get(app, "/status/revocation/1")).json) == [3]
    assert status_lists_bits((await get(app, "/status/revocation/0")).json) == []
    entry = status_lists.entries("https://x.cn", SIZE + 3)[0]
    assert (entry["statusListIndex"], entry["statusListCredential"]) == (
        "3",
        "https://x.cn/status/revocation/1",
    )


async def test_a_credential_counts_as_a_scan_and_reads_no_public_log(
    app: App, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def find(file_store: object, keys: object, code: str) -> list[Inclusion]:
        asked.append(code)
        return []

    monkeypatch.setattr(inclusion, "find", find)
    monkeypatch.setattr(verification, "SCAN_TRIES", 2)
    assert (await get(app, f"/v/{certificate.code}", VC)).status == 200
    assert asked == []
    assert (await get(app, f"/v/{certificate.code}")).status == 200
    assert asked == [certificate.code]
    for headers in (VC, {}):
        paused = await get(app, f"/v/{certificate.code}", headers)
        assert (paused.status, paused.headers["retry-after"]) == (429, "600")
    assert len(asked) == 1


async def test_before_the_release_there_is_no_credential(
    app: App, services: Services, clock: FakeClock, certificate: Certificate
) -> None:
    await Plan.all().update(release_at=clock.now() + timedelta(days=1))
    answer = await get(app, f"/v/{certificate.code}.vc")
    assert (answer.status, answer.json["code"]) == (404, "certificate_not_on_record")


async def test_what_is_no_code_has_no_credential(app: App, certificate: Certificate) -> None:
    forged = certificate.code[:-1] + str((int(certificate.code[-1]) + 1) % 10)
    for code in (forged, "123", "abc"):
        answer = await get(app, f"/v/{code}", VC)
        assert (answer.status, answer.json["code"]) == (404, "code_invalid")


def test_retired_keys_assert_nothing_any_more(tmp_path: Path, services: Services) -> None:
    folder = tmp_path / "keys"
    shutil.copytree(services.settings.keys_dir, folder)
    rotate(folder, "credential", organisation=ISSUER)
    retire(folder, "credential", 1, reason="私钥泄露")
    document = did_document("https://cert.example.cn:8443", KeyFolder(folder, production=False).public())
    did = "did:web:cert.example.cn%3A8443"
    assert document["assertionMethod"] == [f"{did}#credential-2"]
    methods = {one["id"]: one for one in document["verificationMethod"]}
    assert "revoked" in methods[f"{did}#credential-1"] and "revoked" not in methods[f"{did}#credential-2"]


async def test_the_published_keys_and_the_did_are_the_same_keys(app: App, services: Services) -> None:
    keys = (await get(app, "/.well-known/xcert-keys.json")).json["keys"]
    did = await get(app, "/.well-known/did.json")
    assert did.headers["access-control-allow-origin"] == "*" and did.content_type == "application/did+json"
    [method] = did.json["verificationMethod"]
    [key] = [one for one in keys if one["purpose"] == "credential"]
    raw = unbase58(method["publicKeyMultibase"])[2:]
    assert hashlib.sha256(raw).hexdigest() == key["sha256"]
