"""A time-stamp authority (RFC 3161) beside WeChat, so that a development's seals carry time stamps: `POST /tsa`.

Its root and its own certificate are made when it is first asked, and forgotten with the process: nobody trusts them.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, ClassVar

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from sanic import Blueprint, HTTPResponse, Request

from server.sandbox import limits

bp = Blueprint("time_stamping")

POLICY = "1.3.6.1.4.1.32473.1"  # below the arc for examples (RFC 5612)
HASHES = ("sha256", "sha384", "sha512")
BAD_REQUEST, BAD_ALGORITHM = "bad_request", "bad_alg"


@dataclass(frozen=True, slots=True)
class Authority:
    """Key and certificates of one authority."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    root: x509.Certificate

    @classmethod
    def make(cls, now: datetime, *, days: int = 3650, is_for_stamping: bool = True) -> Authority:
        """A new one, valid since yesterday for so many days."""
        root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        above, name = _named("沙箱时间戳根证书"), _named("沙箱时间戳服务")
        begins, ends = now - timedelta(days=1), now + timedelta(days=days)
        root = (
            _builder(above, above, root_key, begins, ends + timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(is_authority=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()), critical=False)
            .sign(root_key, hashes.SHA256())
        )
        use = ExtendedKeyUsageOID.TIME_STAMPING if is_for_stamping else ExtendedKeyUsageOID.EMAIL_PROTECTION
        own = (
            _builder(name, above, key, begins, ends)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(is_authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False
            )
            .sign(root_key, hashes.SHA256())
        )
        return cls(key, own, root)


def _named(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "xcert sandbox"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _builder(subject: x509.Name, issuer: x509.Name, key: Any, begins: datetime, ends: datetime) -> Any:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=is_authority, crl_sign=is_authority,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


def answered(authority: Authority, request: bytes, now: datetime) -> bytes:
    """The DER of an answer to the DER of a request: a token, or why there is none (RFC 3161, 2.4.2)."""
    try:
        asked = tsp.TimeStampReq.load(request, strict=True)
        imprint = asked["message_imprint"]
        algorithm = imprint["hash_algorithm"]["algorithm"].native
        digest = imprint["hashed_message"].native
        nonce = asked["nonce"].native
        wants_certificates = asked["cert_req"].native
    except (ValueError, TypeError, KeyError):
        return _refused(BAD_REQUEST)
    if algorithm not in HASHES:
        return _refused(BAD_ALGORITHM)
    if len(digest) != hashlib.new(algorithm).digest_size:
        return _refused(BAD_REQUEST)
    told = {
        "version": "v1",
        "policy": POLICY,
        "message_imprint": {"hash_algorithm": {"algorithm": algorithm}, "hashed_message": digest},
        "serial_number": secrets.randbits(63),
        "gen_time": now.replace(microsecond=0),
        **({"nonce": nonce} if nonce is not None else {}),
    }
    token = _signed(authority, tsp.TSTInfo(told), now, whole=bool(wants_certificates))
    answer = {"status": {"status": "granted"}, "time_stamp_token": token}
    return bytes(tsp.TimeStampResp(answer).dump())


def _refused(why: str) -> bytes:
    return bytes(_Refusal({"status": {"status": "rejection", "fail_info": {why}}}).dump())


class _Refusal(core.Sequence):  # type: ignore[misc]  # asn1crypto has no types
    """asn1crypto's TimeStampResp is never without a token; RFC 3161's is."""

    _fields: ClassVar = [("status", tsp.PKIStatusInfo)]


def _signed(authority: Authority, told: tsp.TSTInfo, now: datetime, *, whole: bool) -> cms.ContentInfo:
    der = authority.certificate.public_bytes(Encoding.DER)
    own = asn1_x509.Certificate.load(der)
    sha256 = algos.DigestAlgorithm({"algorithm": "sha256"})
    attributes = cms.CMSAttributes(
        [
            {"type": "content_type", "values": ["tst_info"]},
            {"type": "signing_time", "values": [cms.Time({"utc_time": core.UTCTime(now)})]},
            {"type": "message_digest", "values": [hashlib.sha256(told.dump()).digest()]},
            {
                "type": "signing_certificate_v2",
                "values": [
                    tsp.SigningCertificateV2({"certs": [{"cert_hash": hashlib.sha256(der).digest()}]})
                ],
            },
        ]
    )
    signature = authority.key.sign(attributes.dump(), ec.ECDSA(hashes.SHA256()))
    signer = {
        "version": "v1",
        "sid": {"issuer_and_serial_number": {"issuer": own.issuer, "serial_number": own.serial_number}},
        "digest_algorithm": sha256,
        "signed_attrs": attributes,
        "signature_algorithm": {"algorithm": "sha256_ecdsa"},
        "signature": signature,
    }
    root = asn1_x509.Certificate.load(authority.root.public_bytes(Encoding.DER))
    signed = {
        "version": "v3",
        "digest_algorithms": [sha256],
        "encap_content_info": {"content_type": "tst_info", "content": core.ParsableOctetString(told.dump())},
        "signer_infos": [signer],
        **({"certificates": [own, root]} if whole else {}),
    }
    return cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(signed)})


@lru_cache(maxsize=1)
def _own() -> Authority:
    return Authority.make(datetime.now(UTC))


@bp.post("/tsa")
async def stamp(request: Request) -> HTTPResponse:
    """One token. The clock is the machine's, not WeChat's that the switches move: another authority, another clock."""
    body = request.body or b""
    if (
        request.content_type.partition(";")[0] != "application/timestamp-query"
        or len(body) > limits.LARGEST_TIME_STAMP_QUERY
    ):
        return HTTPResponse("application/timestamp-query expected", status=400)
    answer = await asyncio.to_thread(answered, _own(), body, datetime.now(UTC))
    return HTTPResponse(answer, content_type="application/timestamp-reply")
