"""Any authority's chain seals, and one that must not seal is refused before anything is drawn into the file."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from pyhanko.pdf_utils.reader import PdfFileReader

from server.adapters import keys
from server.adapters.documents.pdf import TypstPdfRenderer
from server.adapters.documents.seal import Seal
from server.adapters.documents.verify import read_pdf
from server.adapters.keys import KeyFolder, KeysMissing
from server.errors import Refused
from tests.adapters.authorities import Wanted, chain, rsa_key, write
from tests.adapters.documents.papers import page
from tests.conftest import ISSUER
from tests.kit.documents import judged
from tests.kit.fakes import NOON, FakeClock


@pytest.fixture
def folder(keys_dir: Path, tmp_path: Path) -> Path:
    made = tmp_path / "keys"
    shutil.copytree(keys_dir, made)
    return made


def opened(folder: Path) -> KeyFolder:
    return KeyFolder(folder, production=False, now=FakeClock().now)


# Made when they are asked for: long keys take seconds, and every test process reads this file.
CHAINS: dict[str, Callable[[], Wanted]] = {
    "RSA-2048 under RSA-4096, three above": lambda: Wanted(
        key=rsa_key(2048), authorities=(rsa_key(4096), rsa_key(4096, 1), rsa_key(4096, 2))
    ),
    "RSA-4096": lambda: Wanted(key=rsa_key(4096, 3), authorities=(rsa_key(4096),)),
    "P-256 under RSA-4096": lambda: Wanted(authorities=(rsa_key(4096), rsa_key(4096, 1))),
}


@pytest.mark.parametrize("made", CHAINS.values(), ids=CHAINS)
def test_every_chain_has_room(folder: Path, tmp_path: Path, made: Callable[[], Wanted]) -> None:
    wanted = made()
    write(folder, 1, wanted, chain(wanted))
    found = opened(folder)
    sealed = TypstPdfRenderer(FakeClock(), Seal(found.seal_credentials)).make_now(page(found))
    [mark] = read_pdf(sealed, found.public()).marks
    assert (mark.key_id, mark.is_genuine, mark.is_whole, mark.is_padded_clean) == ("seal-1", True, True, True)
    said = judged(sealed, tmp_path)
    assert "Signature is Valid." in said and "Total document signed" in said
    [signature] = PdfFileReader(io.BytesIO(sealed)).embedded_signatures
    assert len(signature.signed_data["certificates"]) == len(wanted.authorities) + 1


def refused(folder: Path) -> str:
    """What the PDF renderer says instead of sealing; the doctor's sentence is the same."""
    found = opened(folder)
    pdf_renderer = TypstPdfRenderer(FakeClock(), Seal(found.seal_credentials))
    with pytest.raises(Refused) as refusal:
        pdf_renderer.make_now(page(found))
    assert refusal.value.code == "seal_unusable"
    return refusal.value.message


def test_an_expired_seal_is_refused(folder: Path) -> None:
    wanted = Wanted(ends=NOON - timedelta(days=35))
    write(folder, 1, wanted, chain(wanted))
    assert refused(folder) == "电子印章的证书已于 2026年10月19日 到期，请向电子认证机构更换后再盖章。"


def test_a_seal_of_tomorrow_is_refused(folder: Path) -> None:
    wanted = Wanted(begins=NOON + timedelta(days=1))
    write(folder, 1, wanted, chain(wanted))
    assert refused(folder) == "电子印章的证书自 2026年11月24日 起才有效，在此之前不能盖章。"


def test_the_new_seal_takes_over_when_its_time_comes(folder: Path) -> None:
    """Rotation without a gap: the new certificate lies there already, the old one seals until the new one is valid."""
    write(folder, 1, old := Wanted(ends=NOON + timedelta(days=3)), chain(old))
    write(folder, 2, new := Wanted(begins=NOON + timedelta(days=1)), chain(new))
    clock = FakeClock()
    found = KeyFolder(folder, production=False, now=clock.now)
    assert found.seal_credentials().key.public_key() == old.key.public_key()
    clock.forward(days=2)
    assert found.seal_credentials().key.public_key() == new.key.public_key()


@pytest.mark.parametrize(
    ("wanted", "disorder", "said"),
    [
        (Wanted(signs=False), lambda c: c, "不允许用于签名（密钥用法不含数字签名）"),
        (Wanted(is_authority=True), lambda c: c, "是机构（CA）证书，不能用来盖章"),
        (
            Wanted(
                authorities=(ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1()))
            ),
            lambda c: [c[0], c[2], c[1]],
            "证书链顺序不对或缺一环",
        ),
        (Wanted(), lambda c: [c[0], chain(Wanted())[1]], "证书链顺序不对或缺一环"),
    ],
    ids=["use", "authority", "order", "foreign issuer"],
)
def test_a_chain_in_disorder_is_refused(folder: Path, wanted: Wanted, disorder, said: str) -> None:  # type: ignore[no-untyped-def]
    write(folder, 1, wanted, disorder(chain(wanted)))
    assert said in refused(folder)


def test_what_is_no_pair_or_no_seal_key_is_a_sentence(folder: Path) -> None:
    write(folder, 1, Wanted(), chain(Wanted()))
    with pytest.raises(KeysMissing, match=r"seal-0001\.crt 与 seal-0001\.pem 不是一对"):
        opened(folder)
    shutil.copy(folder / "receipt-0001.pem", folder / "seal-0001.pem")
    with pytest.raises(KeysMissing, match="是不支持的密钥：印章可用 ECDSA"):
        opened(folder)
    write(folder, 1, short := Wanted(key=rsa_key(1024)), chain(short))
    with pytest.raises(KeysMissing, match="是不支持的密钥"):
        opened(folder)
    (folder / "seal-0001.pem").write_text("nothing")
    with pytest.raises(KeysMissing, match="读不出私钥"):
        opened(folder)


def test_production_knows_a_development_seal_without_its_mark(folder: Path) -> None:
    (folder / keys.DEVELOPMENT_MARK).unlink()
    with pytest.raises(KeysMissing, match="是开发用密钥，生产环境不能使用"):
        KeyFolder(folder, production=True)


def test_production_refuses_key_files_that_others_can_read(tmp_path: Path) -> None:
    folder = tmp_path / "real"
    keys.create(folder, development=False, organisation=ISSUER)
    KeyFolder(folder, production=True)
    (folder / "field-0001.key").chmod(0o644)
    with pytest.raises(KeysMissing, match=r"密钥文件 field-0001\.key 等 1 个可被本机其他用户读取"):
        KeyFolder(folder, production=True)
