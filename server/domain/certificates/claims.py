"""What a certificate says: the line that the officer signs for, and the claims that are printed and sealed.

A `Line` is fixed when its batch is prepared; the day of issue joins at 发放 and makes it `Claims`. The **code** in the QR
*is* the claims, signed, so that anyone with the published keys reads them offline:

    code   = the decimal digits of the number that these bytes are, big-endian
    bytes  = form (1 byte, 1 or 2) ‖ epoch of the key (1 byte) ‖ packed claims (`packing.py`) ‖ Ed25519 signature (64 bytes)
             signed is everything before the signature, with the key `certificate-{epoch}`

Digits, because a QR code's numeric mode holds 246 bytes in version 15 at level Q beside a web address of 43 characters,
its alphanumeric mode (base 32) 224 and its byte mode (base64url) 187; no character is ever escaped in an address, and
the form byte being above zero, no leading zero is lost. `tests/rules/test_claims_code.py` measures this.

Forms 1 and 2 differ in `id_hash` alone. Form 1 needs a key of ours to compute it; form 2 is SHA-256 over a salt that the
school is given, so that the school computes the digest its officer signs from its own register
(`docs/certificate-format.md`). Form 1 is read for ever and made no more, but for lists that were drawn up with it.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import Any, Protocol, Self

from server.domain.beijing import say_day
from server.domain.certificates import packing
from server.domain.certificates.numbers import check_character, is_number, number_of, tidy_number
from server.domain.levels import Level
from server.domain.ports import CertificatePage, Keys, PublicKey
from server.errors import Refused, Unverified

__all__ = [
    "AUTHORITY",
    "Claims",
    "Line",
    "canonical",
    "check_character",
    "code_url",
    "complete",
    "encode_code",
    "fits",
    "id_hash_of",
    "id_hash_of_index",
    "id_hash_salted",
    "is_number",
    "list_digest",
    "new_salt",
    "number_of",
    "open_code",
    "page_of",
    "require_fit",
    "tidy_number",
]

PURPOSE = "certificate"
FIRST, FORM = "1", "2"  # the form of the first days, which no line names; and the one that is made now
FORMS = (FIRST, FORM)
SALT_BYTES = 16
AUTHORITY = "证书信息以国家职业技能等级证书信息管理服务平台（1+X门户）的记录为准。"  # S94
_SIGNATURE = 64
_MOST_DIGITS = 1000
_AHEAD = 8  # epochs that may have come since our list of keys was made
_QR_BITS = 295 * 8  # data codewords of QR version 15 at level Q (ISO/IEC 18004, table 7)


def canonical(value: Any) -> bytes:
    """Canonical JSON: sorted keys, no spaces, UTF-8. Raises ValueError on floats, whose text is not unique."""
    _refuse_floats(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _refuse_floats(value: Any) -> None:
    if isinstance(value, float):
        raise ValueError("a float has no canonical form")
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise ValueError("keys are strings")
            _refuse_floats(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _refuse_floats(inner)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One certificate's line of the list that an officer signs for. Dates are ISO, `level` is `Level.value`.

    `id_hash` is `id_hash_salted` of the identity number, in form 1 `id_hash_of`. Raises ValueError when a field cannot
    stand on a certificate.
    """

    number: str
    name: str
    id_hash: str
    level: str
    plan: str
    exam_date: str
    certificate: str
    outcome: str
    standard: str
    issuer: str
    school: str
    form: str = FIRST

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise ValueError("not a form of a line")
        if not is_number(self.number):
            raise ValueError("not a certificate number")
        if len(self.id_hash) != 32 or set(self.id_hash) - set("0123456789abcdef"):
            raise ValueError("id_hash is 32 hexadecimal digits")
        Level(self.level)
        if self.outcome not in packing.OUTCOMES:
            raise ValueError("only a passed examination leads to a certificate")
        for name in ("exam_date", "issued_on"):
            value = getattr(self, name, None)
            if value is not None and date.fromisoformat(value).isoformat() != value:
                raise ValueError(f"{name} is not YYYY-MM-DD")

    def said(self) -> dict[str, str]:
        """The fields that are written: the first form, being older than the word, does not name itself."""
        return {name: value for name, value in asdict(self).items() if (name, value) != ("form", FIRST)}

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        return canonical(self.said())

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Reads what `to_bytes` wrote. Raises ValueError for anything else."""
        value = json.loads(data)
        if not isinstance(value, dict) or {f.name for f in fields(cls)} != {"form"} | set(value):
            raise ValueError("not these fields")
        if not all(isinstance(v, str) for v in value.values()) or canonical(value) != data:
            raise ValueError("not canonical")
        if value.get("form") == FIRST:
            raise ValueError("the first form does not name itself")
        return cls(**value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims(Line):
    """What is printed, sealed and put into the code: the line and the day of issue."""

    issued_on: str

    def sha256(self) -> bytes:
        return hashlib.sha256(self.to_bytes()).digest()

    @property
    def line(self) -> Line:
        """What the officer signed for."""
        return Line(**{f.name: getattr(self, f.name) for f in fields(Line)})


def id_hash_of(keys: Keys, id_number: str) -> str:
    """Form 1: 16 bytes of a keyed hash, hex. Not the blind index itself: a printed code must not find a row in a stolen table."""
    return id_hash_of_index(keys.blind(id_number, about="candidate.id_number"))


def id_hash_of_index(id_index: bytes) -> str:
    """The same from the blind index that stands in the candidate's row, so that a list needs no identity number."""
    return hashlib.sha256(b"xcert certificate id\0" + id_index).hexdigest()[:32]


def new_salt() -> str:
    """16 random bytes, hex: one for each line, kept encrypted, given to the school alone."""
    return secrets.token_hex(SALT_BYTES)


def id_hash_salted(salt: str, id_number: str) -> str:
    """Form 2: 16 bytes of SHA-256 over domain separator, salt and identity number (18 characters, X in capitals), hex.

    Without the salt, 128 bits that are printed nowhere, no number can be tried against a code.
    """
    whole = b"xcert certificate id 2\0" + bytes.fromhex(salt) + id_number.encode()
    return hashlib.sha256(whole).hexdigest()[:32]


def list_digest(lines: Iterable[bytes]) -> bytes:
    """SHA-256 over the canonical list of lines in number order: what an officer's scan confirms."""
    ordered = sorted((Line.from_bytes(line) for line in lines), key=lambda line: line.number)
    return hashlib.sha256(canonical([line.said() for line in ordered])).digest()


def complete(line: Line, issued_on: date) -> Claims:
    """The line with the Beijing day of 发放."""
    return Claims(**asdict(line), issued_on=issued_on.isoformat())


class Verifier(Protocol):
    """As much of `Keys` as reading a code needs: the published keys are enough."""

    def find(self, key_id: str) -> PublicKey | None: ...

    def newest(self, purpose: str) -> int: ...

    def verify(self, purpose: str, key_id: str, message: bytes, signature: bytes) -> bool: ...


def require_known(keys: Verifier, purpose: str, key_id: str) -> None:
    """Tell a key that may be newer than our list from one that cannot be ours.

    Raises:
        Unverified: `key_unknown`: this cannot be judged now; it is neither genuine nor forged.
    """
    epoch = key_id.removeprefix(f"{purpose}-")
    if not (epoch.isascii() and epoch.isdigit() and 0 < int(epoch[:4]) <= keys.newest(purpose) + _AHEAD):
        return
    if keys.find(key_id) is None:
        raise Unverified(
            "key_unknown",
            f"暂时无法核验：公布的公钥里还没有 {key_id}，可能是新启用的密钥。请更新公钥或稍后再试；核验成功之前请勿视为有效。",
        )


def _code_of(form: bytes) -> str:
    return str(int.from_bytes(form, "big"))


def encode_code(keys: Keys, claims: Claims) -> str:
    """The signed code that stands in `/v/{code}`.

    Raises:
        Refused: `claims_too_long` when the form cannot hold them at all.
    """
    epoch = keys.epoch(PURPOSE)
    body = bytes((int(claims.form), epoch)) + _packed(claims)
    return _code_of(body + keys.sign(PURPOSE, body, epoch=epoch).signature)


def _packed(claims: Claims) -> bytes:
    try:
        return packing.pack(asdict(claims))
    except packing.Unpackable:
        raise _too_long(claims) from None


def open_code(keys: Verifier, code: str) -> Claims:
    """What a code says, if it is genuine.

    Raises:
        Unverified: `code_invalid` for everything that this service did not sign exactly so; `key_unknown` when the key
            that it names may be newer than those we know.
    """
    refusal = Unverified("code_invalid", "核验码无法识别或不是本系统签发的，请重新扫描证书上的二维码。")
    if not (code.isascii() and code.isdigit() and len(code) <= _MOST_DIGITS):
        raise refusal
    value = int(code)
    form = value.to_bytes((value.bit_length() + 7) // 8, "big")
    body, signature = form[:-_SIGNATURE], form[-_SIGNATURE:]
    if len(body) < 2 or str(body[0]) not in FORMS or str(value) != code:
        raise refusal
    require_known(keys, PURPOSE, f"{PURPOSE}-{body[1]}")
    if not keys.verify(PURPOSE, f"{PURPOSE}-{body[1]}", body, signature):
        raise refusal
    try:
        return Claims(**packing.unpack(body[2:]), form=str(body[0]))
    except ValueError:
        raise refusal from None


def key_of_code(code: str) -> str:
    """The key that a code names, whoever made it; for a code that `open_code` has read."""
    value = int(code)
    return f"{PURPOSE}-{value.to_bytes((value.bit_length() + 7) // 8, 'big')[1]}"


def code_url(public_url: str, code: str) -> str:
    """The address in the QR code."""
    return f"{public_url}/v/{code}"


def fits(claims: Line, public_url: str) -> bool:
    """Whether the claims' code and this address fit a QR code of version 15 at level Q. The day of issue may be open."""
    whole = claims if isinstance(claims, Claims) else complete(claims, date.fromisoformat(claims.exam_date))
    try:
        size = 2 + len(packing.pack(asdict(whole))) + _SIGNATURE
    except packing.Unpackable:
        return False
    digits = len(_code_of(bytes((int(whole.form),)) + b"\xff" * (size - 1)))
    address = len(code_url(public_url, "").encode())
    full, rest = divmod(digits, 3)
    return (4 + 16 + 8 * address) + (4 + 12 + 10 * full + (0, 4, 7)[rest]) <= _QR_BITS


def require_fit(claims: Line, public_url: str) -> None:
    """Raises Refused `claims_too_long`, naming the person; called when a batch is prepared."""
    if not fits(claims, public_url):
        raise _too_long(claims)


def _too_long(claims: Line) -> Refused:
    hidden = claims.name[:1] + "*" * (len(claims.name) - 1)
    return Refused(
        "claims_too_long",
        f"考生 {hidden} 的姓名、考试计划名称与院校名称合计过长，证书二维码放不下；请缩短考试计划名称后重新签发。",
    )


def page_of(claims: Claims, *, id_masked: str, code_url: str, photo: bytes | None) -> CertificatePage:
    """The printed page of the claims; no officer is on it (S87)."""
    return CertificatePage(
        number=claims.number,
        name=claims.name,
        id_masked=id_masked,
        certificate_title=claims.certificate,
        level=Level(claims.level).label,
        standard_version=claims.standard,
        plan_name=claims.plan,
        exam_date=say_day(date.fromisoformat(claims.exam_date)),
        issued_on=say_day(date.fromisoformat(claims.issued_on)),
        issuer=claims.issuer,
        school=claims.school,
        verification_url=code_url,
        statement=AUTHORITY,
        photo_jpeg=photo,
    )
