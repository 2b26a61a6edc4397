"""A new key is known everywhere before it writes; a retired one is said to be; old ones go on reading."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from server.adapters import keys
from server.adapters.keys import KeyFolder
from server.errors import Unverified
from tests.conftest import ISSUER
from tests.kit.fakes import NOON, FakeClock

ABOUT = "candidate.id_number"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "keys"
    keys.create(made, development=True, organisation=ISSUER, now=NOON)
    return made


def rotate(folder: Path, purpose: str, *, hours: float = 1) -> None:
    keys.rotate(folder, purpose, organisation=ISSUER, wait=timedelta(hours=hours), now=NOON)


@pytest.mark.parametrize("purpose", ["field", "index", "session", "scan", "certificate", "receipt"])
def test_a_new_epoch_is_read_at_once_and_writes_from_its_time_on(folder: Path, purpose: str) -> None:
    clock = FakeClock()
    older = KeyFolder(folder, production=False, now=clock.now)  # a process that runs already
    rotate(folder, purpose)
    younger = KeyFolder(folder, production=False, now=clock.now)
    older.refresh()
    assert (older.epoch(purpose), younger.epoch(purpose)) == (1, 1)
    assert (older.newest(purpose), younger.newest(purpose)) == (2, 2)
    clock.forward(minutes=61)
    assert (older.epoch(purpose), younger.epoch(purpose)) == (2, 2)


def test_processes_of_different_age_never_disagree(folder: Path) -> None:
    """What corrupted data: the CLI wrote with a new key that the running processes did not know."""
    clock = FakeClock()
    web = KeyFolder(folder, production=False, now=clock.now)
    for purpose in ("field", "index", "certificate"):
        rotate(folder, purpose)
    command = KeyFolder(folder, production=False, now=clock.now)
    for _ in range(2):
        assert command.blind("11010519491231002X", about=ABOUT) in web.blinds(
            "11010519491231002X", about=ABOUT
        )
        assert web.decrypt(command.encrypt("x", about=ABOUT), about=ABOUT) == "x"
        signed = command.sign("certificate", b"m")
        assert web.verify("certificate", signed.key_id, b"m", signed.signature)
        clock.forward(hours=2)
        web.refresh()


def test_a_process_looks_by_itself_when_it_meets_a_key_that_it_does_not_know(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = KeyFolder(folder, production=False)
    keys.rotate(folder, "certificate", organisation=ISSUER)
    signed = KeyFolder(folder, production=False).sign("certificate", b"m")
    monkeypatch.setattr("server.adapters.keys.LOOK_AGAIN_SECONDS", 0.0)
    assert web.verify("certificate", signed.key_id, b"m", signed.signature)


def test_a_folder_that_becomes_unusable_leaves_what_is_held(folder: Path) -> None:
    web = KeyFolder(folder, production=False)
    (folder / "scan-0002.key").write_text("half")
    web.refresh()
    assert web.newest("scan") == 1
    (folder / "scan-0002.key").write_text("22" * 32)
    web.refresh()
    assert web.newest("scan") == 2


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("scan-0001.key", "scan-0001.key 不是 32 字节的十六进制密钥"),
        ("receipt-0001.pem", "receipt-0001.pem 不是 Ed25519 私钥"),
        ("life.json", "life.json 已损坏"),
    ],
)
def test_a_damaged_file_is_a_sentence(folder: Path, name: str, said: str) -> None:
    (folder / name).write_text("{")
    with pytest.raises(keys.KeysMissing, match=said):
        KeyFolder(folder, production=False)


def test_a_retired_key_no_longer_writes_and_is_published_as_such(folder: Path) -> None:
    keys.rotate(folder, "certificate", organisation=ISSUER, now=NOON)
    keys.retire(folder, "certificate", 2, reason="私钥泄露", now=NOON)
    found = KeyFolder(folder, production=False)
    assert found.epoch("certificate") == 1
    retired = found.find("certificate-2")
    assert retired is not None
    assert (retired.retired_at, retired.reason, retired.is_current) == (NOON, "私钥泄露", False)


def test_the_only_key_cannot_be_retired_and_a_reason_is_needed(folder: Path) -> None:
    with pytest.raises(keys.KeysMissing, match="请先运行 xcert keys rotate certificate --now"):
        keys.retire(folder, "certificate", 1, reason="泄露")
    rotate(folder, "certificate")
    with pytest.raises(keys.KeysMissing, match="请先运行 xcert keys rotate certificate --now"):
        keys.retire(folder, "certificate", 1, reason="泄露", now=NOON)  # the new one does not write yet
    with pytest.raises(keys.KeysMissing, match="请用 --reason 写明停用的原因"):
        keys.retire(folder, "certificate", 1, reason=" ", now=NOON + timedelta(hours=2))
    with pytest.raises(keys.KeysMissing, match="没有 certificate 的第 9 期密钥"):
        keys.retire(folder, "certificate", 9, reason="泄露")


def test_what_a_retired_session_key_made_is_void(folder: Path) -> None:
    old = KeyFolder(folder, production=False)
    old.mac("session", b"m", epoch=1)
    keys.rotate(folder, "session", organisation=ISSUER, now=NOON)
    keys.retire(folder, "session", 1, reason="泄露", now=datetime.now(UTC))
    with pytest.raises(Unverified, match="凭证已失效"):
        KeyFolder(folder, production=False).mac("session", b"m", epoch=1)


def test_published_times_say_from_when_until_when(folder: Path) -> None:
    rotate(folder, "certificate")
    found = {key.key_id: key for key in KeyFolder(folder, production=False).public()}
    begins = NOON + timedelta(hours=1)
    assert (found["certificate-1"].begins, found["certificate-1"].until) == (None, begins)
    assert (found["certificate-2"].begins, found["certificate-2"].until) == (begins, None)


def test_a_seal_without_its_certificate_does_not_seal(tmp_path: Path) -> None:
    """`keys list` said of it "in use" while the one before went on sealing."""
    folder = tmp_path / "real"
    keys.create(folder, development=False, organisation=ISSUER)
    keys.create(other := tmp_path / "other", development=True, organisation=ISSUER)
    for suffix in ("pem", "crt"):
        (folder / f"seal-0001.{suffix}").write_bytes((other / f"seal-0001.{suffix}").read_bytes())
    keys.rotate(folder, "seal", organisation=ISSUER)
    seals = [
        (key.epoch, key.is_current, key.is_ready) for key in keys.listing(folder) if key.purpose == "seal"
    ]
    assert seals == [(2, False, False), (1, True, True)]
