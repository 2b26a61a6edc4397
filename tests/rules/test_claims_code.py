"""The code in the QR: it is the claims, signed; nothing else opens; it fits the paper."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.adapters.documents import qr
from server.adapters.keys import KeyFolder, create, rotate
from server.domain.certificates import packing
from server.domain.certificates.claims import (
    PURPOSE,
    Claims,
    Line,
    code_url,
    complete,
    encode_code,
    fits,
    open_code,
    require_fit,
)
from server.errors import Refused, Unverified
from tests.kit.claims import CLAIMS, LINE, LINES

SHORT = complete(LINE, date(2023, 10, 20))
URL_OF_40 = "https://certificates.example-issuer.com.c"[:40]
ISSUER = "北京中文在线教育科技发展有限公司"
RARE = "䶮㛃𠮷𬱖"
LONG_PLAN = "2023年第四批社会心理服务职业技能等级证书全国统考考试计划"  # 30 characters
LONG_SCHOOL = "河洛应用技术大学继续教育学院云山分校东区"  # 20 characters


def test_the_long_texts_are_as_long_as_they_say() -> None:
    assert (len(URL_OF_40), len(LONG_PLAN), len(LONG_SCHOOL)) == (40, 30, 20)


@settings(deadline=None)
@given(claims=CLAIMS)
def test_claims_pack_into_one_form_and_back(claims: Claims) -> None:
    packed = packing.pack(asdict(claims))
    assert Claims(**packing.unpack(packed), form=claims.form) == claims
    assert packing.pack(packing.unpack(packed)) == packed


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_unpack_only_if_they_are_the_one_form(data: bytes) -> None:
    try:
        found = packing.unpack(data)
    except packing.Unpackable:
        return
    assert packing.pack(found) == data


def test_padding_and_shorter_ways_of_writing_are_refused() -> None:
    packed = packing.pack(asdict(SHORT))
    for other in (packed + b"\0", packed[:-1], packed[:-1] + bytes([packed[-1] | 1]), b""):
        with pytest.raises(packing.Unpackable):
            packing.unpack(other)


@settings(deadline=None, max_examples=40)
@given(claims=CLAIMS)
def test_a_code_opens_to_its_claims(key_folder: KeyFolder, claims: Claims) -> None:
    code = encode_code(key_folder, claims)
    assert code.isascii() and code.isdigit()
    assert open_code(key_folder, code) == claims


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_any_changed_digit_is_refused(key_folder: KeyFolder, data: st.DataObject) -> None:
    code = encode_code(key_folder, SHORT)
    at = data.draw(st.integers(0, len(code) - 1))
    changed = code[:at] + data.draw(st.sampled_from("0123456789".replace(code[at], ""))) + code[at + 1 :]
    with pytest.raises(Unverified, match=r"不是本系统签发|暂时无法核验"):
        open_code(key_folder, changed)


def test_any_changed_byte_is_refused(key_folder: KeyFolder) -> None:
    value = int(encode_code(key_folder, SHORT))
    form = value.to_bytes((value.bit_length() + 7) // 8, "big")
    for at in range(len(form)):
        changed = bytearray(form)
        changed[at] ^= 0x40
        with pytest.raises(Unverified):
            open_code(key_folder, str(int.from_bytes(changed, "big")))


@settings(deadline=None)
@given(st.text(max_size=40) | st.text("0123456789", max_size=1200))
def test_what_was_never_a_code_is_refused(key_folder: KeyFolder, text: str) -> None:
    with pytest.raises(Unverified) as refused:
        open_code(key_folder, text)
    assert refused.value.code == "code_invalid"


@pytest.mark.parametrize("odd", ["", "+1", " 1", "１２３", "1_0", "-5", "0"])
def test_other_ways_of_writing_digits_are_refused(key_folder: KeyFolder, odd: str) -> None:
    with pytest.raises(Unverified):
        open_code(key_folder, odd)
    if odd:
        with pytest.raises(Unverified):
            open_code(key_folder, odd + encode_code(key_folder, SHORT))


def test_a_genuine_signature_over_something_else_is_refused(key_folder: KeyFolder) -> None:
    """Our key signs claims only; a form that is signed and yet not the one packed form does not open."""
    body = bytes((1, 1)) + packing.pack(asdict(SHORT)) + b"\0"
    forged = body + key_folder.sign(PURPOSE, body).signature
    with pytest.raises(Unverified):
        open_code(key_folder, str(int.from_bytes(forged, "big")))
    other = bytes((3,)) + body[1:-1]
    forged = other + key_folder.sign(PURPOSE, other).signature
    with pytest.raises(Unverified):
        open_code(key_folder, str(int.from_bytes(forged, "big")))


def test_old_epochs_open_for_ever_and_other_keys_never(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("rotated") / "keys"
    create(folder, development=True, organisation=ISSUER)
    old = encode_code(KeyFolder(folder, production=False), SHORT)
    rotate(folder, PURPOSE, organisation=ISSUER)
    keys = KeyFolder(folder, production=False)
    new = encode_code(keys, SHORT)
    assert old != new
    assert open_code(keys, old) == open_code(keys, new) == SHORT
    stranger = tmp_path_factory.mktemp("other") / "keys"
    create(stranger, development=True, organisation=ISSUER)
    with pytest.raises(Unverified):
        open_code(KeyFolder(stranger, production=False), old)


def test_form_1_is_fixed_for_ever() -> None:
    """What is printed can never be printed again: this changes only with a new form beside it."""
    assert packing.pack(asdict(SHORT)).hex() == FORM_1
    assert (len(packing.SINGLE), packing.SINGLE[0], packing.SINGLE[3754], packing.SINGLE[-1]) == (
        3850,
        "啊",
        "座",
        "~",
    )
    assert (len(packing.PHRASES), len(set(packing.PHRASES))) == (128, 128)


FORM_1 = (
    "704de149d4f84f0400040876487d4048d159e26af37bc048d159e26af37bc18d"
    "af421dc09f5ef617a1ec4d59f60904fb1fb203f5e07ed40fd70352c413fb60"
)


@pytest.mark.parametrize(
    ("line", "most"),
    [
        (LINE, 11),
        (replace(LINE, name="司马" + RARE), 12),
        (replace(LINE, name="买买提·艾力·阿卜杜热合曼·吐尔逊", plan=LONG_PLAN, school=LONG_SCHOOL), 13),
        (replace(LINE, name="阿" * 17 + RARE * 2, plan=LONG_PLAN, school=LONG_SCHOOL), 14),
        (replace(LINE, name="𬱖" * 25, plan=LONG_PLAN, school=LONG_SCHOOL), 15),
        (replace(LINE, name="阿" * 17 + RARE * 2, plan="考" * 30, school="校" * 20), 15),
    ],
)
def test_the_qr_stays_within_version_15_at_level_q(key_folder: KeyFolder, line: Line, most: int) -> None:
    code = encode_code(key_folder, complete(line, date(2023, 10, 20)))
    version = qr.version(code_url(URL_OF_40, code))
    assert version <= most <= 15
    assert fits(line, URL_OF_40)


def test_digits_are_the_tightest_form_that_an_address_can_carry(key_folder: KeyFolder) -> None:
    """The measurement behind the choice: bytes that fit version 15-Q beside an address of 43 characters."""
    room = 295 * 8 - (4 + 16 + 8 * 43)
    digits = int((room - 16) / 10 * 3 * math.log2(10) / 8)
    base32 = int((room - 17) / 5.5 * 5 / 8)
    base64url = int(room / 8 * 6 / 8)  # it goes on in byte mode
    assert (digits, base32, base64url) == (246, 224, 187)


@settings(deadline=None, max_examples=40)
@given(line=LINES, serial=st.integers(0, 60))
def test_fits_tells_the_truth(key_folder: KeyFolder, line: Line, serial: int) -> None:
    line = replace(line, plan=(line.plan * 9)[:serial] + "计划")
    code = encode_code(key_folder, complete(line, date(2023, 10, 20)))
    assert fits(line, URL_OF_40) == (qr.version(code_url(URL_OF_40, code)) <= 15)


def test_claims_that_do_not_fit_are_refused_by_name_masked() -> None:
    long = replace(LINE, name="𬱖" * 60)
    assert not fits(long, URL_OF_40)
    with pytest.raises(Refused) as refused:
        require_fit(long, URL_OF_40)
    assert refused.value.code == "claims_too_long"
    assert "𬱖" + "*" * 59 in refused.value.message and "请缩短考试计划名称" in refused.value.message


@pytest.mark.parametrize("name", ["崔" * 128, "崔\U000e0100", "崔\uf8ff" + "\U0010fffd"])
def test_what_the_form_cannot_hold_is_refused_not_cut(key_folder: KeyFolder, name: str) -> None:
    odd = replace(SHORT, name=name)
    assert not fits(odd, "https://x")
    with pytest.raises(Refused) as refused:
        encode_code(key_folder, odd)
    assert refused.value.code == "claims_too_long"
