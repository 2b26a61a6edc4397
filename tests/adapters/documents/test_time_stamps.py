"""Time stamps over seals (PAdES B-T): checked when they are got, found by other programs, and proof when keys have expired."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import cms, tsp
from asn1crypto import x509 as asn1_x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from server.adapters.circuit_breaker import Breaker
from server.adapters.documents import time_stamp_tokens
from server.adapters.documents.pdf import TypstPdfRenderer
from server.adapters.documents.reader_apart import PdfReaderApart
from server.adapters.documents.seal import Seal
from server.adapters.documents.time_stamps import TimeStamps
from server.adapters.documents.verify import read_pdf
from server.adapters.keys import KeyFolder
from server.adapters.published_keys import PublishedKeys
from server.commands.verify import printed
from server.domain.issuance import offline
from server.errors import OutsideFailure
from server.sandbox.time_stamping import Authority, answered
from tests.adapters.documents.papers import page
from tests.kit.documents import judged
from tests.kit.fakes import NOON, FakeClock
from tests.kit.stamping import StampServer, stamp_server

BREAKER_PAUSE = 5.0


@pytest.fixture
def tsa() -> Iterator[StampServer]:
    with stamp_server() as one:
        yield one


def asked(tsa: StampServer, **more: Any) -> TimeStamps:
    more = {"roots": (tsa.authority.root,), "seconds": 1.0 if tsa.drips else 30.0, **more}
    return TimeStamps(tsa.url, FakeClock(), **more)


def renderer(keys: KeyFolder, stamps: TimeStamps) -> TypstPdfRenderer:
    return TypstPdfRenderer(FakeClock(), Seal(keys.seal_credentials, stamps))


def said(pdf: bytes, keys: KeyFolder) -> str:
    published = PublishedKeys(keys.public())
    return printed(offline.verify_file(pdf, published, lambda data: read_pdf(data, published.public())))


def asn1(certificate: Any) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))


def embedded(pdf: bytes) -> Any:
    [signature] = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
    return signature


@pytest.mark.rule("S88")
async def test_a_seal_with_a_time_stamp_holds_for_pyhanko_pdfsig_and_us(
    tsa: StampServer, key_folder: KeyFolder, tmp_path: Path
) -> None:
    sealed = renderer(key_folder, asked(tsa)).make_now(page(key_folder))
    root = key_folder.seal_credentials().chain[-1]
    trusting = ValidationContext(trust_roots=[asn1(root)], allow_fetching=False, moment=NOON)
    stamping = ValidationContext(trust_roots=[asn1(tsa.authority.root)], allow_fetching=False, moment=NOON)
    status = await async_validate_pdf_signature(
        embedded(sealed), signer_validation_context=trusting, ts_validation_context=stamping
    )
    assert status.bottom_line
    assert status.coverage is not None and status.coverage.name == "ENTIRE_FILE"
    assert status.timestamp_validity is not None
    assert (status.timestamp_validity.valid, status.timestamp_validity.trusted) == (True, True)
    assert status.timestamp_validity.timestamp == NOON
    assert "Signature is Valid." in judged(sealed, tmp_path)
    [mark] = read_pdf(sealed, key_folder.public()).marks
    assert mark.is_genuine and mark.is_whole and mark.is_padded_clean
    assert mark.stamp is not None
    assert (mark.stamp.moment, mark.stamp.authority, mark.stamp.is_genuine) == (
        NOON,
        "xcert sandbox 沙箱时间戳服务",
        True,
    )
    told = said(sealed, key_folder)
    assert (
        "  时间戳：2026年11月23日 12:00（北京时间）之前已经盖章，署名 xcert sandbox 沙箱时间戳服务（这里不核对这家机构）。"
        in told
    )  # no ✓: whoever has the file can put the token of an authority of his own in its place
    assert told.endswith("结论：真实，未被改动。")


async def test_the_time_stamp_proves_the_time_after_the_seals_certificate_has_expired(
    tsa: StampServer, key_folder: KeyFolder
) -> None:
    """With a clock twenty years on: pyHanko takes the stamp's time for the signature's, and refuses one without it."""
    stamped = renderer(key_folder, asked(tsa)).make_now(page(key_folder))
    plain = TypstPdfRenderer(FakeClock(), Seal(key_folder.seal_credentials)).make_now(page(key_folder))
    seal = key_folder.seal_credentials()
    later = seal.certificate.not_valid_after_utc + timedelta(days=1)
    assert later < tsa.authority.certificate.not_valid_after_utc

    async def holds(pdf: bytes, *, at_the_stamp: bool) -> bool:
        moment = tsa.moment if at_the_stamp else later
        trusting = ValidationContext(trust_roots=[asn1(seal.chain[-1])], allow_fetching=False, moment=moment)
        stamping = ValidationContext(
            trust_roots=[asn1(tsa.authority.root)], allow_fetching=False, moment=later
        )
        status = await async_validate_pdf_signature(
            embedded(pdf), signer_validation_context=trusting, ts_validation_context=stamping
        )
        stamp = status.timestamp_validity
        return status.bottom_line and (not at_the_stamp or (stamp is not None and stamp.timestamp == moment))

    assert not await holds(plain, at_the_stamp=False)
    assert not await holds(plain, at_the_stamp=True)
    assert await holds(stamped, at_the_stamp=True)


def test_what_the_signer_says_of_the_time_counts_less_than_the_stamp(
    tsa: StampServer, key_folder: KeyFolder
) -> None:
    """A seal put with a clock set back into the certificate's time, stamped after its end."""
    ends = key_folder.seal_credentials().ends()
    tsa.moment = ends + timedelta(days=3)
    late = TimeStamps(tsa.url, FakeClock(tsa.moment), roots=(tsa.authority.root,))
    told = said(renderer(key_folder, late).make_now(page(key_folder)), key_folder)
    assert re.search("✗ 印章证书有效期 .*，签名时间不在其中。", told)
    assert "不能确认，请勿采信" in told


def test_a_token_of_another_signature_is_found(tsa: StampServer, key_folder: KeyFolder) -> None:
    stamps = asked(tsa)
    other = stamps.stamp(b"another signature")

    class Exchanged(TimeStamps):
        def stamp(self, signature: bytes) -> bytes:
            return other

    exchanged = Exchanged(tsa.url, FakeClock())
    exchanged._last, exchanged._largest = stamps.trial(), len(other)
    forged = renderer(key_folder, exchanged).make_now(page(key_folder))
    assert "✗ 时间戳无效" in said(forged, key_folder)


@pytest.mark.parametrize("why", ["no token", "algorithm"])
async def test_a_token_that_cannot_be_read_takes_nothing_from_the_seal(
    tsa: StampServer, key_folder: KeyFolder, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    stamps = asked(tsa)
    other = cms.ContentInfo({"content_type": "data", "content": b"rubbish"}).dump()

    class Exchanged(TimeStamps):
        def stamp(self, signature: bytes) -> bytes:
            return other if why == "no token" else stamps.stamp(signature)

    exchanged = Exchanged(tsa.url, FakeClock())
    exchanged._last, exchanged._largest = stamps.trial(), stamps.room
    sealed = renderer(key_folder, exchanged).make_now(page(key_folder))
    if why == "algorithm":

        def unknown(*_: object) -> None:
            raise UnsupportedAlgorithm("SM2")

        monkeypatch.setattr(time_stamp_tokens, "read", unknown)
    else:
        apart = PdfReaderApart(key_folder)
        assert await apart.read(sealed) == read_pdf(sealed, key_folder.public())
    [mark] = read_pdf(sealed, key_folder.public()).marks
    assert (mark.key_id, mark.is_genuine, mark.is_whole) == ("seal-1", True, True)
    told = said(sealed, key_folder)
    assert "✗ 时间戳无法读取，不能说明盖章的时间。" in told and "已损坏" not in told
    assert "✓ 签名有效，覆盖整个文件" in told and told.endswith("结论：不能确认，请勿采信。")


def test_the_room_is_measured_and_grows_with_a_larger_token(tsa: StampServer, key_folder: KeyFolder) -> None:
    stamps = asked(tsa)
    first = renderer(key_folder, stamps).make_now(page(key_folder))
    assert tsa.asked == 2, "once to measure, once over the signature"
    gap = embedded(first).byte_range
    room = (int(gap[2]) - int(gap[1]) - 2) // 2
    used = len(embedded(first).signed_data.dump())
    assert used < room < used + 512
    whole = stamps.room
    small = asked(tsa)
    small.trial()
    small._largest = 100  # as if the authority had begun to send more certificates
    again = renderer(key_folder, small).make_now(page(key_folder))
    assert said(again, key_folder).endswith("真实，未被改动。")
    assert abs(small.room - whole) < 32


def test_tokens_that_never_fit_are_told(tsa: StampServer, key_folder: KeyFolder) -> None:
    """Each larger than the room that was made after the one before it."""
    stamps, tried = asked(tsa), []

    class Growing(TimeStamps):
        def stamp(self, signature: bytes) -> bytes:
            tried.append(signature)
            return stamps.stamp(signature) + bytes(100_000)

    growing = Growing(tsa.url, FakeClock())
    growing._last, growing._largest = stamps.trial(), 100
    with pytest.raises(OutsideFailure, match="时间戳一次比一次大，放不进为它留的地方，证书稍后自动再试。"):
        renderer(key_folder, growing).make_now(page(key_folder))
    assert len(tried) == 3


def test_a_token_is_put_in_as_it_came(tsa: StampServer) -> None:
    """Written anew by asn1crypto it costs more than all the rest of a certificate."""
    answers: list[bytes] = []

    def kept(question: bytes) -> bytes:
        answers.append(answered(tsa.authority, question, NOON))
        return answers[-1]

    tsa.says = kept
    token = asked(tsa).stamp(b"signature")
    assert answers[0].endswith(token)
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    stamps = asked(tsa)
    stamps.stamp(b"first")
    sys.setprofile(count)
    try:
        stamps.stamp(b"second")
    finally:
        sys.setprofile(None)
    assert calls < 60_000, "some 9,000; with the token written anew 680,000"


def refused(stamps: TimeStamps) -> str:
    with pytest.raises(OutsideFailure) as failure:
        stamps.stamp(b"signature")
    return str(failure.value)


def _other_nonce(tsa: StampServer) -> None:
    def replay(question: bytes) -> bytes:
        request = tsp.TimeStampReq.load(question)
        request["nonce"] = request["nonce"].native ^ 1
        return answered(tsa.authority, request.dump(), NOON)

    tsa.says = replay


def _other_digest(tsa: StampServer) -> None:
    def swapped(question: bytes) -> bytes:
        request = tsp.TimeStampReq.load(question)
        request["message_imprint"]["hashed_message"] = bytes(32)
        return answered(tsa.authority, request.dump(force=True), NOON)

    tsa.says = swapped


def _bent(tsa: StampServer) -> None:
    def bent(question: bytes) -> bytes:
        answer = bytearray(answered(tsa.authority, question, NOON))
        answer[-4] ^= 1  # of the signature
        return bytes(answer)

    tsa.says = bent


def _rejection(tsa: StampServer) -> None:
    tsa.says = lambda _: answered(tsa.authority, b"no request", NOON)


def _rubbish(tsa: StampServer) -> None:
    tsa.says = lambda _: b"\x30\x82\xff\xff" + b"<html>" * 100


def _large(tsa: StampServer) -> None:
    tsa.says = lambda question: answered(tsa.authority, question, NOON) + bytes(100_000)


def _status(tsa: StampServer) -> None:
    tsa.status = 503


def _drips(tsa: StampServer) -> None:
    tsa.drips = True


def _late(tsa: StampServer) -> None:
    tsa.moment = NOON + timedelta(minutes=6)


def _other_authority(tsa: StampServer) -> None:
    tsa.says = lambda question: answered(Authority.make(NOON), question, NOON)


def _not_for_stamping(tsa: StampServer) -> None:
    mail = Authority.make(NOON, is_for_stamping=False)
    tsa.says = lambda question: answered(mail, question, NOON)


def _expired(tsa: StampServer) -> None:
    old = Authority.make(NOON - timedelta(days=30), days=10)
    tsa.says = lambda question: answered(old, question, NOON)


def _unreadable_above(tsa: StampServer) -> None:
    """A certificate beside its own, outside what is signed, that asn1crypto reads and `cryptography` does not."""

    def beside(question: bytes) -> bytes:
        answer = tsp.TimeStampResp.load(answered(tsa.authority, question, NOON))
        held = answer["time_stamp_token"]["content"]["certificates"]
        version = bytes.fromhex("a003020102")
        odd = held[0].chosen.dump().replace(version, version[:-1] + b"\x09", 1)
        held.append(cms.CertificateChoices("certificate", asn1_x509.Certificate.load(odd)))
        return bytes(answer.dump(force=True))

    tsa.says = beside


@pytest.mark.parametrize(
    ("misbehave", "log"),
    [
        (_unreadable_above, "无法读取"),
        (_other_nonce, "没有通过核对"),
        (_other_digest, "没有通过核对"),
        (_bent, "没有通过核对"),
        (_not_for_stamping, "没有通过核对"),
        (_expired, "没有通过核对"),
        (_other_authority, "不是由设置的机构签发的"),
        (_rejection, "它拒绝了"),
        (_rubbish, "无法读取"),
        (_large, "回答过大"),
        (_status, "HTTP 503"),
        (_drips, "没有及时回答"),
        (_late, "相差五分钟以上"),
    ],
)
def test_what_does_not_hold_is_not_taken(
    tsa: StampServer, caplog: pytest.LogCaptureFixture, misbehave: Any, log: str
) -> None:
    misbehave(tsa)
    assert refused(asked(tsa)) == "时间戳服务暂时没有应答，证书稍后自动继续生成。"
    assert log in caplog.text


def test_one_that_is_away_is_not_asked_by_every_certificate(
    tsa: StampServer, key_folder: KeyFolder, caplog: pytest.LogCaptureFixture
) -> None:
    seconds = [100.0]
    breaker = Breaker("the time-stamp authority", monotonic=lambda: seconds[0])
    stamps = asked(tsa, breaker=breaker)
    press = renderer(key_folder, stamps)
    tsa.status = 500
    for _ in range(5):
        with pytest.raises(OutsideFailure, match="稍后自动继续生成"):
            press.make_now(page(key_folder))
    assert tsa.asked == 1
    tsa.status = 200
    seconds[0] += BREAKER_PAUSE + 1
    assert said(press.make_now(page(key_folder)), key_folder).endswith("真实，未被改动。")
    told = [record.getMessage() for record in caplog.records if record.name == "xcert.breaker"]
    assert told == [
        "the time-stamp authority is away (HTTP 500); going on without it",
        "the time-stamp authority is back",
    ]
