"""What a file keeps for decades (PAdES B-LT): certificates and words on revocation, inside what is signed, checked when got."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko_certvalidator import ValidationContext

from server.adapters.bounded_http import NoAnswer, Question
from server.adapters.documents import validation_data
from server.adapters.documents.pdf import TypstPdfRenderer
from server.adapters.documents.seal import Seal
from server.adapters.documents.time_stamps import TimeStamps
from server.adapters.documents.validation_data import AGAIN, KEPT, ValidationSource
from server.adapters.documents.verify import read_pdf
from server.adapters.keys import KeyFolder, create
from server.errors import Refused
from tests.adapters.authorities import Wanted, chain, write
from tests.adapters.documents.papers import page
from tests.adapters.weak_words import weak_answer, weak_list
from tests.conftest import ISSUER
from tests.kit.documents import judged
from tests.kit.fakes import NOON, FakeClock
from tests.kit.stamping import StampServer, stamp_server


@dataclass
class Voice:
    """An authority that says whether its certificates are revoked.

    Attributes:
        by: signs; the authority's own key, unless a test puts another there.
        is_revoked: what it says. begins, ends: of what it says. has_ocsp: else it has its list alone.
    """

    by: ec.EllipticCurvePrivateKey
    issuer: x509.Certificate
    leaf: x509.Certificate
    is_revoked: bool = False
    begins: datetime = NOON - timedelta(hours=1)
    ends: datetime = NOON + timedelta(days=2)
    has_ocsp: bool = True
    asked: list[str] = field(default_factory=list)
    instead: Callable[[], bytes] | None = None
    responder: x509.Certificate | None = None  # whom the authority has appointed to answer; `by` is its key
    is_by_key: bool = False  # it names itself by its key, not by its name
    beside: tuple[x509.Certificate, ...] = ()  # in the answer
    is_weak: bool = False  # it signs by SHA-1

    def __call__(self, question: Question) -> bytes:
        self.asked.append(question.kind or "list")
        if self.instead is not None:
            return self.instead()
        if question.body:
            if not self.has_ocsp:
                raise NoAnswer("HTTP 404")
            return self._ocsp()
        return self._list()

    def _ocsp(self) -> bytes:
        revoked = x509.ReasonFlags.key_compromise if self.is_revoked else None
        built = ocsp.OCSPResponseBuilder().add_response(
            cert=self.leaf, issuer=self.issuer, algorithm=hashes.SHA1(),
            cert_status=ocsp.OCSPCertStatus.REVOKED if self.is_revoked else ocsp.OCSPCertStatus.GOOD,
            this_update=self.begins, next_update=self.ends,
            revocation_time=self.begins if self.is_revoked else None, revocation_reason=revoked,
        )  # fmt: skip
        how = ocsp.OCSPResponderEncoding.HASH if self.is_by_key else ocsp.OCSPResponderEncoding.NAME
        built = built.responder_id(how, self.responder or self.issuer)
        if self.beside:
            built = built.certificates(self.beside)
        der = built.sign(self.by, hashes.SHA256()).public_bytes(Encoding.DER)
        return weak_answer(der, self.by) if self.is_weak else der

    def _list(self) -> bytes:
        built = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.issuer.subject)
            .last_update(self.begins)
            .next_update(self.ends)
        )
        if self.is_revoked:
            entry = (
                x509.RevokedCertificateBuilder()
                .serial_number(self.leaf.serial_number)
                .revocation_date(self.begins)
                .build()
            )
            built = built.add_revoked_certificate(entry)
        der = built.sign(self.by, hashes.SHA256()).public_bytes(Encoding.DER)
        return weak_list(der, self.by) if self.is_weak else der


@dataclass
class Scene:
    keys: KeyFolder
    voice: Voice
    root: x509.Certificate
    tsa: StampServer

    def seal(self) -> Seal:
        stamps = TimeStamps(self.tsa.url, FakeClock(), roots=(self.tsa.authority.root,))
        return Seal(self.keys.seal_credentials, stamps, ValidationSource(self.voice))

    def made(self) -> bytes:
        return TypstPdfRenderer(FakeClock(), self.seal()).make_now(page(self.keys))


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    folder = tmp_path / "keys"
    create(folder, development=True, organisation=ISSUER)
    above = ec.generate_private_key(ec.SECP256R1())
    wanted = Wanted(authorities=(above,))
    leaf, root = made = chain(wanted)
    for old in folder.glob("seal-*"):
        old.unlink()
    write(folder, 1, wanted, made)
    with stamp_server() as tsa:
        keys = KeyFolder(folder, production=False, now=FakeClock().now)
        yield Scene(keys, Voice(above, root, leaf), root, tsa)


def store_of(pdf: bytes) -> DocumentSecurityStore:
    return DocumentSecurityStore.read_dss(PdfFileReader(io.BytesIO(pdf)))


def asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))


@pytest.mark.rule("S88")
@pytest.mark.parametrize("has_ocsp", [True, False], ids=["ocsp", "list"])
async def test_the_file_proves_alone_that_nothing_was_revoked_when_it_was_sealed(
    scene: Scene, tmp_path: Path, has_ocsp: bool
) -> None:
    scene.voice.has_ocsp = has_ocsp
    pdf = scene.made()
    store = store_of(pdf)
    told: dict[str, Any] = {"allow_fetching": False, "moment": NOON}
    judge = store.as_validation_context(
        {**told, "trust_roots": [asn1(scene.root)], "revocation_mode": "require"}
    )
    stamping = ValidationContext(trust_roots=[asn1(scene.tsa.authority.root)], **told)
    [signature] = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
    status = await async_validate_pdf_signature(signature, judge, stamping)
    assert status.bottom_line
    assert status.coverage is not None and status.coverage.name == "ENTIRE_FILE", (
        "nothing was appended for it"
    )
    with pytest.raises(ValueError, match="revocation data is not optional"):
        ValidationContext(trust_roots=[asn1(scene.root)], revocation_mode="require", **told)
    assert (len(store.ocsps), len(store.crls)) == ((1, 0) if has_ocsp else (0, 1))
    certificates = {
        bytes(one.get_object().data) for one in PdfFileReader(io.BytesIO(pdf)).root["/DSS"]["/Certs"]
    }
    wanted = (scene.voice.leaf, scene.root, scene.tsa.authority.certificate, scene.tsa.authority.root)
    assert certificates == {one.public_bytes(Encoding.DER) for one in wanted}
    assert "Signature is Valid." in judged(pdf, tmp_path)
    assert read_pdf(pdf, scene.keys.public()).held == (4, 1)


@pytest.mark.parametrize("has_ocsp", [True, False], ids=["ocsp", "list"])
def test_with_a_revoked_certificate_nothing_is_sealed(scene: Scene, has_ocsp: bool) -> None:
    scene.voice.has_ocsp, scene.voice.is_revoked = has_ocsp, True
    with pytest.raises(Refused, match="已被它的签发机构吊销，不能盖章，请更换") as refusal:
        scene.made()
    assert refusal.value.code == "seal_unusable"


def _stranger(voice: Voice) -> None:
    voice.by = ec.generate_private_key(ec.SECP256R1())


def _old(voice: Voice) -> None:
    voice.begins, voice.ends = NOON - timedelta(days=9), NOON - timedelta(days=2)


def _rubbish(voice: Voice) -> None:
    voice.instead = lambda: b"<html>"


def _silent(voice: Voice) -> None:
    def nothing() -> bytes:
        raise NoAnswer("没有及时回答")

    voice.instead = nothing


def _weak(voice: Voice) -> None:
    voice.is_weak = True


@pytest.mark.parametrize("fault", [_stranger, _old, _rubbish, _silent, _weak])
@pytest.mark.parametrize("has_ocsp", [True, False], ids=["ocsp", "list"])
def test_what_does_not_hold_is_left_out_and_the_seal_is_put_all_the_same(
    scene: Scene, fault: Callable[[Voice], None], has_ocsp: bool
) -> None:
    scene.voice.has_ocsp = has_ocsp
    scene.voice.is_revoked = True  # a word that does not hold stops nothing, either
    fault(scene.voice)
    assert read_pdf(scene.made(), scene.keys.public()).held == (4, 0)


def test_an_answer_about_another_certificate_is_none(scene: Scene) -> None:
    scene.voice.leaf = chain(Wanted(authorities=(scene.voice.by,)))[0]
    assert read_pdf(scene.made(), scene.keys.public()).held == (4, 1), "the list speaks of all of them"
    assert scene.voice.asked == ["application/ocsp-request", "list"]


Use = x509.ObjectIdentifier


def appoint(
    voice: Voice,
    *,
    by: ec.EllipticCurvePrivateKey | None = None,
    use: Use | None = ExtendedKeyUsageOID.OCSP_SIGNING,
    ends: datetime = NOON + timedelta(days=30),
) -> x509.Certificate:
    """From now on another key answers for the authority, with a certificate as it is said here."""
    key = ec.generate_private_key(ec.SECP256R1())
    built = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "OCSP")]))
        .issuer_name(voice.issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOON - timedelta(days=60))
        .not_valid_after(ends)
    )
    if use is not None:
        built = built.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
    made = built.sign(by or voice.by, hashes.SHA256())
    voice.by, voice.responder, voice.beside = key, made, (made,)
    return made


def told(scene: Scene) -> tuple[int, str]:
    """How many answers of OCSP are taken, and which certificate is revoked."""
    data = ValidationSource(scene.voice).of([scene.voice.leaf, scene.root], NOON)
    return len(data.ocsps), data.revoked


@pytest.mark.parametrize("is_by_key", [False, True], ids=["name", "key"])
@pytest.mark.parametrize("chain_of", ["alone", "root before", "root behind"])
def test_whom_the_issuer_has_appointed_is_believed(scene: Scene, is_by_key: bool, chain_of: str) -> None:
    made = appoint(scene.voice)
    scene.voice.is_by_key = is_by_key
    beside = {"alone": (made,), "root before": (scene.root, made), "root behind": (made, scene.root)}
    scene.voice.beside = beside[chain_of]
    assert told(scene) == (1, "")
    scene.voice.is_revoked = True
    assert told(scene)[1] == scene.voice.leaf.subject.rfc4514_string()


def test_the_issuers_own_answer_may_carry_the_chain_above_it(scene: Scene) -> None:
    own, other = scene.voice.by, chain(Wanted())
    appoint(scene.voice)
    scene.voice.by, scene.voice.responder, scene.voice.beside = own, None, (*other, scene.root)
    assert told(scene) == (1, "")


def _expired_responder(voice: Voice) -> None:
    appoint(voice, ends=NOON - timedelta(days=1))


def _without_use(voice: Voice) -> None:
    appoint(voice, use=None)


def _other_use(voice: Voice) -> None:
    appoint(voice, use=ExtendedKeyUsageOID.EMAIL_PROTECTION)


def _appointed_by_another(voice: Voice) -> None:
    appoint(voice, by=ec.generate_private_key(ec.SECP256R1()))


def _not_in_the_answer(voice: Voice) -> None:
    appoint(voice)
    voice.beside = ()


@pytest.mark.parametrize(
    "fault", [_expired_responder, _without_use, _other_use, _appointed_by_another, _not_in_the_answer]
)
def test_whom_the_issuer_has_not_appointed_is_left_out(scene: Scene, fault: Callable[[Voice], None]) -> None:
    key = scene.voice.by
    fault(scene.voice)
    scene.voice.is_revoked = True
    answer = scene.voice._ocsp()

    def said(question: Question) -> bytes:
        if question.body:
            return answer
        raise NoAnswer("HTTP 404")

    assert key is not scene.voice.by
    data = ValidationSource(said).of([scene.voice.leaf, scene.root], NOON)
    assert (data.ocsps, data.revoked) == ((), "")


def test_a_strangers_certificate_with_the_issuers_name_is_not_the_issuer(scene: Scene) -> None:
    """The set of a token is outside what is signed: whoever passes it on can put one in."""
    stranger = ec.generate_private_key(ec.SECP256R1())
    foreign = chain(Wanted(authorities=(stranger,)))[-1]
    assert foreign.subject == scene.root.subject
    certificates = [scene.voice.leaf, foreign, scene.root]
    scene.voice.is_revoked = True
    assert ValidationSource(scene.voice).of(certificates, NOON).revoked
    theirs = Voice(stranger, foreign, scene.voice.leaf, is_revoked=True)
    assert not ValidationSource(theirs).of(certificates, NOON).revoked


def test_a_revocation_holds_when_its_authority_falls_silent(scene: Scene) -> None:
    source, certificates = ValidationSource(scene.voice), [scene.voice.leaf, scene.root]
    scene.voice.is_revoked = True
    assert source.of(certificates, NOON).revoked
    _silent(scene.voice)
    for hours in (7, 14, 200):
        assert source.of(certificates, NOON + timedelta(hours=hours)).revoked
    scene.voice.instead, scene.voice.is_revoked = (
        None,
        False,
    )  # it was on hold, and is no longer (RFC 5280 5.3.1)
    later = NOON + timedelta(hours=300)
    scene.voice.begins, scene.voice.ends = later - timedelta(hours=1), later + timedelta(days=1)
    assert not source.of(certificates, later).revoked


def test_who_was_not_asked_is_asked_the_next_time(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    source, certificates = ValidationSource(scene.voice), [scene.voice.leaf, scene.root]
    monkeypatch.setattr(validation_data, "BUDGET", -1.0)
    assert source.of(certificates, NOON).ocsps == () and scene.voice.asked == []
    monkeypatch.undo()
    assert len(source.of(certificates, NOON).ocsps) == 1
    scene.voice.is_revoked = True
    later = NOON + KEPT + timedelta(seconds=1)
    assert source.of(certificates, later).revoked
    monkeypatch.setattr(validation_data, "BUDGET", -1.0)
    assert source.of(certificates, later + 2 * KEPT).revoked, "known, although nobody was asked"


@pytest.mark.parametrize("oid", ["1.3.6.1.5.5.7.1.1", "2.5.29.31"], ids=["access", "lists"])
def test_a_certificate_whose_addresses_cannot_be_read_is_sealed_with_without_them(
    scene: Scene, oid: str
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    broken = (
        x509.CertificateBuilder()
        .subject_name(scene.voice.leaf.subject)
        .issuer_name(scene.root.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOON - timedelta(days=1))
        .not_valid_after(NOON + timedelta(days=9))
        .add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), b"rubbish"), critical=False)
        .sign(scene.voice.by, hashes.SHA256())
    )
    data = ValidationSource(scene.voice).of([broken, scene.root], NOON)
    assert (data.ocsps, data.crls, data.revoked) == ((), (), "")
    assert len(data.certificates) == 2 and scene.voice.asked == []


def test_authorities_are_asked_once_in_hours_and_again_soon_when_they_did_not_answer(scene: Scene) -> None:
    source, certificates = ValidationSource(scene.voice), [scene.voice.leaf, scene.root]
    for _ in range(3):
        assert len(source.of(certificates, NOON).ocsps) == 1
    assert len(scene.voice.asked) == 1
    scene.voice.ends = NOON + timedelta(days=9)
    source.of(certificates, NOON + KEPT + timedelta(seconds=1))
    assert len(scene.voice.asked) == 2
    _silent(scene.voice)
    later = NOON + 3 * KEPT
    assert source.of(certificates, later).ocsps == ()
    asked = len(scene.voice.asked)
    source.of(certificates, later + AGAIN / 2)
    assert len(scene.voice.asked) == asked
    scene.voice.instead = None
    assert len(source.of(certificates, later + AGAIN * 2).ocsps) == 1
