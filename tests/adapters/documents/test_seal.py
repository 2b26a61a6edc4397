"""The seal: picture and signature are one act, over the whole file, by one key."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from PIL import Image, ImageChops
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from server.adapters.documents import seal_picture
from server.adapters.documents.pdf import SEAL_X_MM, SEAL_Y_MM, TypstPdfRenderer
from server.adapters.keys import KeyFolder, create, rotate
from tests.adapters.documents.papers import page, part, pixels, rasterised
from tests.conftest import ISSUER
from tests.kit.documents import judged
from tests.kit.fakes import NOON


def embedded(pdf: bytes) -> Any:
    [signature] = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
    return signature


@pytest.mark.rule("S88")
def test_the_signature_field_is_the_picture(sealed: bytes) -> None:
    """Nobody can have the picture without the signature: it is the field's appearance, at the issuer's name."""
    field = embedded(sealed).sig_field
    picture = field["/AP"]["/N"]
    assert seal_picture.as_pdf(ISSUER, 119) in picture.data
    left, bottom, right, top = (float(edge) / 72 * 25.4 for edge in field["/Rect"])
    assert ((left + right) / 2, (bottom + top) / 2) == pytest.approx((SEAL_X_MM, 210 - SEAL_Y_MM), abs=0.3)
    assert right - left == pytest.approx(42, abs=0.3)


@pytest.mark.rule("S88")
def test_without_the_signature_there_is_no_seal_on_the_page(
    pdf_renderer: TypstPdfRenderer, key_folder: KeyFolder, tmp_path: Path
) -> None:
    one = page(key_folder)
    area = (SEAL_X_MM - 21, SEAL_Y_MM - 21, SEAL_X_MM + 21, SEAL_Y_MM + 21)
    plain = part(rasterised(pdf_renderer.draw(one), tmp_path, 60), *area)
    stamped = part(rasterised(pdf_renderer.make_now(one), tmp_path, 60), *area)
    red = [sum(r > 150 and g < 90 for r, g, _ in pixels(image)) for image in (plain, stamped)]
    assert red[0] == 0 < 800 < red[1]


def test_it_is_pades_and_certifies_against_every_change(sealed: bytes) -> None:
    signature = embedded(sealed)
    said = signature.sig_object
    assert (str(said["/SubFilter"]), str(said["/Name"]), str(said["/Reason"])) == (
        "/ETSI.CAdES.detached",
        ISSUER,
        "颁发职业技能等级证书",
    )
    assert signature.docmdp_level.value == 1
    assert signature.md_algorithm == "sha256"
    algorithm = signature.signer_info["signature_algorithm"]["algorithm"].native
    assert algorithm == "sha256_ecdsa"
    assert signature.signer_cert.public_key.curve == ("named", "secp256r1")
    attributes = {a["type"].native for a in signature.signer_info["signed_attrs"]}
    assert attributes == {"content_type", "message_digest", "signing_certificate_v2"}
    assert signature.self_reported_timestamp == NOON


async def test_pyhanko_finds_it_valid_under_its_ca(sealed: bytes, keys_dir: Path) -> None:
    from asn1crypto import pem
    from asn1crypto import x509 as asn1_x509

    _, _, root = pem.unarmor((keys_dir / "development-ca.crt").read_bytes())
    context = ValidationContext(
        trust_roots=[asn1_x509.Certificate.load(root)], allow_fetching=False, moment=NOON
    )
    status = await async_validate_pdf_signature(embedded(sealed), signer_validation_context=context)
    assert status.bottom_line
    assert status.coverage is not None and status.coverage.name == "ENTIRE_FILE"


def test_the_file_stays_what_pdf_a_says(sealed: bytes) -> None:
    """PDF/A-3 is PDF 1.7: the seal declares its developer extension and no newer version."""
    root = PdfFileReader(io.BytesIO(sealed)).root
    assert "/Version" not in root
    assert list(root["/Extensions"]) == ["/ESIC"]
    assert str(root["/Extensions"]["/ESIC"]["/BaseVersion"]) == "/1.7"


def test_the_seal_leaves_the_issuers_line_and_the_date_readable(
    pdf_renderer: TypstPdfRenderer, key_folder: KeyFolder
) -> None:
    """Its red ink falls on the ring's two crossings of the date alone, never on the issuer's name."""
    one = page(key_folder)
    x, y = SEAL_X_MM, SEAL_Y_MM
    inked = Image.open(io.BytesIO(pdf_renderer.page_image(one))).convert("RGB")
    assert max(pixels(part(inked, x - 42, 118, x + 42, 126)))[0] > 0  # something is there
    reddish = [r > 150 and g < 120 for r, g, _ in pixels(part(inked, x - 42, 118, x + 42, 126))]
    assert not any(reddish)
    middle = y + seal_picture.GAP_MM
    inside = part(inked, x - 16, middle - 2.2, x + 16, middle + 2.2)
    assert not any(r > 150 and g < 120 for r, g, _ in pixels(inside))


def test_what_was_drawn_stays_byte_for_byte(pdf_renderer: TypstPdfRenderer, key_folder: KeyFolder) -> None:
    one = page(key_folder)
    assert pdf_renderer.make_now(one).startswith(pdf_renderer.draw(one))


def test_pdfsig_agrees(sealed: bytes, tmp_path: Path) -> None:
    said = judged(sealed, tmp_path)
    assert "Signature is Valid." in said and "Total document signed" in said
    assert "ETSI.CAdES.detached" in said and ISSUER in said
    _, first, second, _ = map(int, embedded(sealed).byte_range)
    for at in (200, first // 2, first - 9, second + 9):
        changed = bytearray(sealed)
        changed[at] ^= 1
        assert "Signature is Valid." not in judged(bytes(changed), tmp_path)


def test_the_newest_epoch_seals(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    create(folder, development=True, organisation=ISSUER)
    first = KeyFolder(folder, production=False)
    rotate(folder, "seal", organisation=ISSUER)
    second = KeyFolder(folder, production=False)
    assert [key.key_id for key in first.public() if key.purpose == "seal"] == ["seal-1"]
    assert [(key.key_id, key.is_current) for key in second.public() if key.purpose == "seal"] == [
        ("seal-1", False),
        ("seal-2", True),
    ]
    leaf: x509.Certificate = second.seal_credentials().certificate
    assert leaf != first.seal_credentials().certificate


@pytest.mark.parametrize(
    "name", ["甲公司", ISSUER, "北京市朝阳区某某某某某某教育科技文化传播发展股份有限公司"]
)
def test_every_name_makes_a_whole_ring(name: str, tmp_path: Path) -> None:
    svg = seal_picture.as_svg(name)
    assert svg.startswith("<svg") and svg.count("<path") == 2
    assert seal_picture.as_pdf(name, 119).isascii()
    assert seal_picture.as_svg(name) != seal_picture.as_svg(name + "厂")


def test_ink_lies_over_print(pdf_renderer: TypstPdfRenderer, key_folder: KeyFolder, tmp_path: Path) -> None:
    """The date under the seal's ring stays black, as under real ink."""
    area = (SEAL_X_MM - 20, SEAL_Y_MM + 3, SEAL_X_MM + 20, SEAL_Y_MM + 20)
    one = page(key_folder)
    plain = (
        part(rasterised(pdf_renderer.draw(one), tmp_path, 150), *area)
        .convert("L")
        .point(lambda v: v < 70 and 255)
    )
    stamped = (
        part(rasterised(pdf_renderer.make_now(one), tmp_path, 150), *area)
        .convert("L")
        .point(lambda v: v < 90 and 255)
    )
    lost = ImageChops.subtract(plain, stamped)
    assert sum(lost.histogram()[200:]) < 0.02 * sum(plain.histogram()[200:])
