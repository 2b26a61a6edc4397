"""Candidates: what an identity number is, how much of a person is shown, and how one is found on record."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from operator import mul

from server.domain.people import queries
from server.domain.people.names import clean_name, mask_name, tidy
from server.domain.ports import Keys
from server.errors import Conflict, Refused
from server.models import Candidate
from server.models.database import rows

__all__ = [
    "ABOUT_ID",
    "ABOUT_MOBILE",
    "IdentityNumber",
    "Masked",
    "clean_mobile",
    "clean_name",
    "find_by_id_number",
    "id_masked",
    "is_birthday",
    "mask_id",
    "mask_mobile",
    "mask_name",
    "mask_numbers",
    "masked",
]

ABOUT_ID = "candidate.id_number"
ABOUT_MOBILE = "candidate.mobile"
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"
_SHAPE = re.compile("[0-9]*[0-9X]")
_DIGITS = frozenset("0123456789")
_OLDEST = date(1900, 1, 1)
_LONGEST_LIFE = timedelta(days=120 * 366)
_NUMBERS = re.compile(
    r"(?:(?<!\d)|(?<=\+86))(?:(?P<id>\d{17}[\dXxＸｘ])|(?P<mobile>[1１][3-9３-９]\d{9}))(?!\d)"
)


@dataclass(frozen=True, slots=True)
class IdentityNumber:
    """A citizen identity number by GB 11643-1999: 17 digits and an ISO 7064 MOD 11-2 check character.

    The area code is not judged: areas come and go, and people keep their numbers.
    """

    text: str

    @classmethod
    def parse(cls, raw: str, *, today: date | None = None) -> IdentityNumber:
        """Read a number as people type it: full-width digits, spaces, a leading apostrophe, a small x.

        Args:
            raw: what was typed.
            today: a birthday after this day, or 120 years before it, is refused; not judged when absent.

        Raises:
            Refused: id_missing, id_length, id_characters, id_date, id_check_digit.
        """
        is_plain = raw.isascii() and raw.isalnum()
        text = raw.upper() if is_plain else "".join(tidy(raw).lstrip("'‘’`").split()).upper()
        if not text:
            raise Refused("id_missing", "请填写证件号码。")
        if not _SHAPE.fullmatch(text):
            raise Refused("id_characters", "证件号码只能由数字组成，末位可以是 X，请核对。")
        if len(text) != 18:
            raise Refused("id_length", f"证件号码应为 18 位，这里是 {len(text)} 位，请按身份证填写完整。")
        born = _date_of(text)
        if born is None or born < _OLDEST or (today is not None and not is_birthday(born, today)):
            raise Refused("id_date", "证件号码第 7 至 14 位不是有效的出生日期，请核对。")
        if text[17] != check_character(text[:17]):
            raise Refused("id_check_digit", "证件号码的末位校验码不对，请逐位核对。")
        return cls(text)

    @property
    def born(self) -> date:
        born = _date_of(self.text)
        assert born is not None
        return born

    @property
    def masked(self) -> str:
        return mask_id(self.text)

    def __repr__(self) -> str:
        return f"IdentityNumber({self.masked})"


def is_birthday(born: date, today: date) -> bool:
    """Whether somebody who lives today can be born that day."""
    return timedelta(0) <= today - born <= _LONGEST_LIFE


def check_character(first17: str) -> str:
    """The eighteenth character of an identity number (GB 11643-1999)."""
    return _CHECK[sum(map(mul, map(int, first17), _WEIGHTS)) % 11]


def _date_of(text: str) -> date | None:
    try:
        return date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    except ValueError:
        return None


def mask_id(number: str) -> str:
    """`99************4055`"""
    return number[:2] + "*" * max(0, len(number) - 6) + number[-4:]


def mask_mobile(mobile: str) -> str:
    """`199****1234`"""
    return mobile[:3] + "*" * max(0, len(mobile) - 7) + mobile[-4:]


def mask_numbers(text: str) -> str:
    """Free text that somebody typed, a reason or a file's name, with the identity numbers and phones in it masked.

    It is kept, shown and audited like anything else, and people do write numbers into it.
    """
    return _NUMBERS.sub(lambda hit: (mask_id if hit["id"] else mask_mobile)(hit[0]), text)


def id_masked(keys: Keys, candidate: Candidate) -> str:
    """The masked identity number of a candidate on record."""
    return mask_id(keys.decrypt(candidate.id_sealed, about=ABOUT_ID))


@dataclass(frozen=True, slots=True)
class Masked:
    """A candidate as far as anybody may see; the only form in which a person stands in an answer."""

    name_masked: str
    id_masked: str


def masked(keys: Keys, name: str, id_sealed: bytes) -> Masked:
    """Of a name and a sealed identity number on record."""
    return Masked(mask_name(name), mask_id(keys.decrypt(id_sealed, about=ABOUT_ID)))


def erased() -> Conflict:
    """Nothing is written any more onto somebody whose record was erased at their own wish."""
    return Conflict("candidate_erased", "这位考生的个人信息已按本人要求删除，不能再更正。")


async def hold(candidate_id: int) -> None:
    """Until the caller's transaction ends nobody erases this candidate. Raises Conflict: candidate_erased."""
    [row] = await rows("SELECT erased_at FROM candidate WHERE id = $1 FOR SHARE", candidate_id)
    if row["erased_at"] is not None:
        raise erased()


def clean_mobile(raw: str) -> str:
    """A mainland mobile number: 11 digits that begin with 1; "+86", spaces and hyphens are dropped.

    Raises:
        Refused: mobile_characters.
    """
    text = "".join(tidy(raw).lstrip("'‘’`").replace("-", "").split())
    text = text.removeprefix("+86")
    if len(text) == 13 and text.startswith("86"):
        text = text[2:]
    if len(text) != 11 or not _DIGITS.issuperset(text) or text[0] != "1" or text[1] in "012":
        raise Refused("mobile_invalid", "手机号应为 1 开头的 11 位数字，请核对。")
    return text


async def find_by_id_number(keys: Keys, number: str | IdentityNumber) -> Candidate | None:
    """The candidate with this identity number, looked up under every epoch of the blind index.

    A text that is no identity number finds nobody.
    """
    if isinstance(number, str):
        try:
            number = IdentityNumber.parse(number)
        except Refused:
            return None
    candidate_id = await queries.candidate_id(keys.blinds(number.text, about=ABOUT_ID))
    return None if candidate_id is None else await Candidate.get_or_none(id=candidate_id)
