"""A certificate for other people's wallets: W3C Verifiable Credentials 2.0, as an Open Badges 3.0 achievement.

It says what the code in the QR says and nothing more: no identity number, not even masked, and not its salt. What holds
now is asked of the status lists (`status_lists.py`); the number on the 1+X portal stays the record that counts (S94).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from server.domain.certificates import data_integrity, status_lists
from server.domain.certificates.claims import AUTHORITY, Claims, code_url
from server.domain.certificates.data_integrity import Document, did_of
from server.domain.certificates.verification import Standing, pace_codes, standing_of
from server.domain.levels import Level
from server.domain.ports import Clock, Keys, Services
from server.errors import Gone, NotFound, Refused
from server.models import Certificate
from server.settings import Settings

CONTEXTS = [
    "https://www.w3.org/ns/credentials/v2",
    "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
]
MEDIA_TYPE = "application/vc"  # VC Data Model 2.0, C.1
TYPES = ["VerifiableCredential", "OpenBadgeCredential"]


@dataclass(frozen=True, slots=True)
class Held:
    """What a credential says: the claims, their code, and the certificate's place in the status lists."""

    claims: Claims
    code: str
    status_index: int


def document(public_url: str, held: Held) -> Document:
    """The credential without its proof. Dates are days in Beijing and begin there."""
    claims, did = held.claims, did_of(public_url)
    issuer = {"id": did, "type": ["Profile"], "name": claims.issuer}
    title = f"{claims.certificate}（{Level(claims.level).label}）"
    return {
        "@context": CONTEXTS,
        "id": code_url(public_url, held.code),
        "type": TYPES,
        "name": title,
        "description": f"持证人通过“{claims.plan}”的考试。{AUTHORITY}",
        "issuer": issuer,
        "validFrom": _beijing(claims.issued_on),
        "credentialSubject": {
            "type": ["AchievementSubject"],
            "identifier": [
                {
                    "type": "IdentityObject",
                    "hashed": False,
                    "identityHash": claims.name,
                    "identityType": "name",
                }
            ],
            "activityEndDate": _beijing(claims.exam_date),
            "licenseNumber": claims.number,
            "term": claims.plan,
            "source": {"id": _school(did, claims.school), "type": ["Profile"], "name": claims.school},
            "achievement": _achievement(public_url, claims, title, issuer),
        },
        "credentialStatus": status_lists.entries(public_url, held.status_index),
    }


def _achievement(public_url: str, claims: Claims, title: str, issuer: Document) -> Document:
    return {
        "id": f"{public_url}/v/about#{claims.level}",
        "type": ["Achievement"],
        "achievementType": "Certification",
        "name": title,
        "description": f"{claims.certificate}，{Level(claims.level).label}，标准版本 {claims.standard}。",
        "criteria": {"narrative": f"通过考试，并由考核院校与颁证机构先后签发；标准版本 {claims.standard}。"},
        "version": claims.standard,
        "inLanguage": "zh-CN",
        "creator": issuer,
    }


def _beijing(day: str) -> str:
    return f"{day}T00:00:00+08:00"


def _school(did: str, name: str) -> str:
    """A name for the school that is the same in every credential; it has no address of its own here."""
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{did}#school:{name}')}"


def _issued(settings: Settings, clock: Clock, keys: Keys, held: Held) -> bytes:
    whole = document(settings.public_url, held)
    return data_integrity.jcs(data_integrity.secured(keys, did_of(settings.public_url), whole, clock.now()))


async def of_holder(s: Services, certificate: Certificate) -> bytes:
    """The credential of a certificate that the caller may fetch (`downloads.wallet_credential` has asked)."""
    held = Held(Claims.from_bytes(bytes(certificate.claims or b"")), certificate.code, certificate.id)
    return _issued(s.settings, s.clock, s.keys, held)


async def of_code(s: Services, code: str, *, address: str) -> bytes:
    """The same for whoever has the code; it says nothing that the code does not.

    Raises:
        as `verification.read_code`, and Gone("certificate_not_valid"): revoked or superseded ·
        NotFound("certificate_not_on_record").
    """
    await pace_codes(s.rate_limiter, address)
    finding = await standing_of(s, code)  # the public log's proofs have no place in a credential
    if not finding.is_valid:
        raise _not_good(finding.standing)
    certificate = await Certificate.get(number=finding.claims.number)
    return _issued(s.settings, s.clock, s.keys, Held(finding.claims, certificate.code, certificate.id))


def _not_good(standing: Standing) -> Refused:
    if standing in (Standing.REVOKED, Standing.SUPERSEDED):
        return Gone("certificate_not_valid", f"{standing.label}，不再提供可验证凭证。")
    return NotFound("certificate_not_on_record", f"{standing.label}，不提供可验证凭证。")


@dataclass(frozen=True, slots=True)
class Said:
    """What a genuine credential says, by its Chinese names, and where its status stands."""

    facts: dict[str, str]
    address: str


def said_by(content: Document) -> Said:
    """Read a genuine credential of ours for a report. Raises ValueError for another kind of document."""
    try:
        subject = content["credentialSubject"]
        achievement = subject["achievement"]
        facts = {
            "持证人姓名": subject["identifier"][0]["identityHash"],
            "证书": achievement["name"],
            "证书编号": subject["licenseNumber"],
            "标准版本": achievement["version"],
            "考试计划": subject["term"],
            "考试日期": subject["activityEndDate"][:10],
            "考核院校": subject["source"]["name"],
            "颁证机构": content["issuer"]["name"],
            "发证日期": content["validFrom"][:10],
        }
        return Said({k: str(v) for k, v in facts.items()}, str(content["id"]))
    except (KeyError, TypeError, IndexError):
        raise ValueError("another kind of credential") from None
