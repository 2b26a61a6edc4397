"""Keys by purpose and epoch: old epochs go on reading; nothing is overwritten; production refuses play keys."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from server.adapters import keys
from server.errors import Unverified
from tests.conftest import ISSUER

ABOUT = "candidate.id_number"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "keys"
    keys.create(made, development=True, organisation=ISSUER)
    return made


def opened(folder: Path) -> keys.KeyFolder:
    return keys.KeyFolder(folder, production=False)


def test_every_purpose_has_its_first_epoch(folder: Path) -> None:
    found = [(key.purpose, key.epoch, key.is_current) for key in keys.listing(folder)]
    assert found == [(purpose, 1, True) for purpose in keys.PURPOSES]


def test_creating_twice_changes_nothing(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    keys.create(folder, development=True, organisation=ISSUER)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_private_files_are_for_the_owner_alone(folder: Path) -> None:
    modes = {
        path.name: path.stat().st_mode & 0o777 for path in folder.iterdir() if path.suffix in (".key", ".pem")
    }
    assert set(modes.values()) == {0o600}


@pytest.mark.parametrize("purpose", ["field", "index", "scan", "certificate", "receipt"])
def test_an_old_epoch_goes_on_reading(folder: Path, purpose: str) -> None:
    old = opened(folder)
    sealed, blind = old.encrypt("崔子涵", about=ABOUT), old.blind("x", about=ABOUT)
    mac, signed = old.mac("scan", b"m"), old.sign("certificate", b"m")
    keys.rotate(folder, purpose, organisation=ISSUER)
    new = opened(folder)
    assert new.epoch(purpose) == 2
    assert new.decrypt(sealed, about=ABOUT) == "崔子涵"
    assert blind in new.blinds("x", about=ABOUT)
    assert new.mac("scan", b"m", epoch=1) == mac
    assert new.verify("certificate", signed.key_id, b"m", signed.signature)


def test_a_new_epoch_writes_otherwise(folder: Path) -> None:
    old = opened(folder)
    for purpose in ("index", "scan", "certificate"):
        keys.rotate(folder, purpose, organisation=ISSUER)
    new = opened(folder)
    assert new.blind("x", about=ABOUT) != old.blind("x", about=ABOUT)
    assert new.mac("scan", b"m") != old.mac("scan", b"m")
    assert new.sign("certificate", b"m").key_id == "certificate-2"


def test_a_field_moved_to_another_column_is_refused(folder: Path) -> None:
    sealed = opened(folder).encrypt("19900000000", about="candidate.mobile")
    with pytest.raises(Unverified) as refusal:
        opened(folder).decrypt(sealed, about=ABOUT)
    assert refusal.value.code == "field_unreadable"


@pytest.mark.parametrize("cut", [0, 2, 13, -1])
def test_a_damaged_field_is_refused(folder: Path, cut: int) -> None:
    sealed = opened(folder).encrypt("19900000000", about=ABOUT)
    with pytest.raises(Unverified):
        opened(folder).decrypt(sealed[:cut], about=ABOUT)


def test_a_signature_of_one_purpose_is_none_of_another(folder: Path) -> None:
    k = opened(folder)
    signed = k.sign("receipt", b"m")
    assert not k.verify("certificate", signed.key_id, b"m", signed.signature)
    assert not k.verify("receipt", "receipt-9", b"m", signed.signature)
    assert not k.verify("receipt", signed.key_id, b"m", signed.signature[:-1])


def test_production_refuses_development_keys(folder: Path) -> None:
    with pytest.raises(keys.KeysMissing, match="生产环境不能使用"):
        keys.KeyFolder(folder, production=True)


def test_a_missing_purpose_is_named(folder: Path) -> None:
    (folder / "scan-0001.key").unlink()
    with pytest.raises(keys.KeysMissing, match="缺少：scan；请运行 xcert keys create"):
        opened(folder)


def test_production_keys_wait_for_their_certificate(tmp_path: Path) -> None:
    folder = tmp_path / "real"
    keys.create(folder, development=False, organisation=ISSUER)
    request = x509.load_pem_x509_csr((folder / "seal-0001.csr").read_bytes())
    assert ISSUER in request.subject.rfc4514_string()
    with pytest.raises(keys.KeysMissing, match=r"seal-0001\.crt"):
        keys.KeyFolder(folder, production=True).seal_credentials()


def test_the_seal_is_signed_by_the_development_ca(folder: Path) -> None:
    seal = opened(folder).seal_credentials()
    seal.certificate.verify_directly_issued_by(seal.chain[0])
    assert isinstance(seal.key, EllipticCurvePrivateKey)
    assert seal.key.curve.name == "secp256r1"


def test_an_unknown_purpose_cannot_be_rotated(folder: Path) -> None:
    with pytest.raises(keys.KeysMissing, match="没有名为 nothing 的密钥用途"):
        keys.rotate(folder, "nothing", organisation=ISSUER)
