"""Certificates a second in one process: from the reserved row to the sealed file on record, against typst + pyHanko alone.

The ceiling draws the same page with the same template and signs it as pyHanko's documentation does, with the same seal
picture; it has no database, no file store, no audit row. Ours and the ceiling take turns; the middle of
the ratios counts. Our signature's CMS object is written directly (`cms.py`), which is how ours may pass the ceiling; the
second row leaves that advantage out: the same renderer alone.
"""

from __future__ import annotations

import asyncio
import io
import statistics
import time

from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, SimpleSigner
from pyhanko_certvalidator.registry import SimpleCertificateStore

from server.adapters.documents import seal_picture
from server.adapters.documents.pdf import PAGE_HEIGHT_MM, SEAL_X_MM, SEAL_Y_MM, TypstPdfRenderer
from server.adapters.documents.seal_field import FIELD, Place
from server.adapters.documents.seal_signature import appearance
from server.adapters.keys import KeyFolder, SealCredentials
from server.composition import running
from server.domain.certificates import files
from server.domain.issuance import generation
from server.domain.ports import CertificatePage, Services
from server.models import Certificate
from server.settings import Settings
from tests.bench.place import place
from tests.bench.table import Row
from tests.kit import issuing

PEOPLE, ROUNDS = 40, 5
ISSUER = "北京中文在线教育科技发展有限公司"


def run() -> list[Row]:
    with place() as settings:
        return asyncio.run(_measure(settings))


async def _measure(settings: Settings) -> list[Row]:
    whole: list[float] = []
    render_alone: list[float] = []
    bare: list[float] = []
    async with running(settings) as s:
        alone = _Alone(s)
        for turn in range(ROUNDS + 1):
            speed, pages = await _end_to_end(s, turn)
            speeds = speed, alone.render(pages), alone.typst_and_pyhanko(pages)
            if turn:  # the first warms up
                for kept, value in zip((whole, render_alone, bare), speeds, strict=True):
                    kept.append(value)
    name = "证书从预留编号到盖章入库（单进程）"
    return [
        _row(name, whole, bare, "只用 typst 与 pyHanko", "≥ 0.8"),
        _row(name, whole, render_alone, "只用本服务的排版与盖章", ""),
    ]


def _row(name: str, ours: list[float], ceiling: list[float], against: str, aim: str) -> Row:
    ratio = statistics.median(mine / best for mine, best in zip(ours, ceiling, strict=True))
    return Row(name, statistics.median(ours), statistics.median(ceiling), "张/秒", against, aim, ratio)


async def _end_to_end(s: Services, turn: int) -> tuple[float, list[CertificatePage]]:
    """Certificates a second by the job itself, and the pages that it made."""
    names = tuple(f"崔子涵{chr(0x4E00 + turn * PEOPLE + at)}" for at in range(PEOPLE))
    batch = await issuing.generating(s, await issuing.cohort(s, names=names))
    ids = [one.id for one in await Certificate.filter(issuance_id=batch.id)]
    began = time.perf_counter()
    await generation.generate(s, issuance_id=batch.id, ids=ids)
    speed = PEOPLE / (time.perf_counter() - began)
    made = await Certificate.filter(issuance_id=batch.id, state="valid")
    assert len(made) == PEOPLE, [one.last_error for one in await Certificate.filter(id__in=ids)][:1]
    return speed, [await files.page(s, one) for one in made]


class _Alone:
    """The same work without the service around it."""

    def __init__(self, s: Services) -> None:
        assert isinstance(s.pdf_renderer, TypstPdfRenderer) and isinstance(s.keys, KeyFolder)
        self._renderer = s.pdf_renderer
        self._signer = _stock_signer(s.keys.seal_credentials())
        self._place = Place(SEAL_X_MM, PAGE_HEIGHT_MM - SEAL_Y_MM, seal_picture.SIZE_MM)

    def render(self, pages: list[CertificatePage]) -> float:
        began = time.perf_counter()
        for page in pages:
            self._renderer.make_now(page)
        return len(pages) / (time.perf_counter() - began)

    def typst_and_pyhanko(self, pages: list[CertificatePage]) -> float:
        began = time.perf_counter()
        for page in pages:
            self._sign(self._renderer.draw(page))
        return len(pages) / (time.perf_counter() - began)

    def _sign(self, pdf: bytes) -> bytes:
        signer = PdfSigner(
            PdfSignatureMetadata(
                field_name=FIELD,
                md_algorithm="sha256",
                subfilter=SigSeedSubFilter.PADES,
                certify=True,
                docmdp_permissions=MDPPerm.NO_CHANGES,
            ),
            signer=self._signer,
            stamp_style=appearance(ISSUER, self._place),
            new_field_spec=SigFieldSpec(FIELD, box=self._place.box, on_page=0),
        )
        session = signer.init_signing_session(IncrementalPdfFileWriter(io.BytesIO(pdf)))
        document = session.prepare_tbs_document(
            validation_info=None, bytes_reserved=8192, appearance_text_params=None
        )
        prepared, out = document.digest_tbs_document()
        signed = self._signer.async_sign(prepared.document_digest, "sha256", use_pades=True)
        try:
            signed.send(None)  # nothing in it waits
        except StopIteration as done:
            prepared.fill_with_cms(out, done.value)
        assert isinstance(out, io.BytesIO)
        return out.getvalue()


def _stock_signer(credentials: SealCredentials) -> SimpleSigner:
    """pyHanko's own signer. It parses the key for every signature: a P-256 key costs it 0.1 ms."""
    registry = SimpleCertificateStore()
    leaf, *chain = (
        asn1_x509.Certificate.load(one.public_bytes(Encoding.DER))
        for one in (credentials.certificate, *credentials.chain)
    )
    registry.register_multiple(chain)
    key = credentials.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return SimpleSigner(leaf, asn1_keys.PrivateKeyInfo.load(key), registry)
