"""What may go wrong, and who may be told.

    XcertError
      Refused               a rule said no; the caller is told why (HTTP 422)
        Invalid             the input has errors, each with a place (422)
        Unverified          signature, token, session or password is not genuine (401)
        Forbidden           genuine, but not this person's to do (403)
        NotFound            nothing there, or nothing for this caller (404)
        Conflict            the state has moved on, or the thing was already used (409)
        Gone                was there, is over (410)
        TooMany             slow down; says how many seconds to wait (429)
        Damaged             a file on record is gone or was changed; not handed out, and an alarm for operators (503)
      OutsideFailure        WeChat, storage or the network failed; try again later (503)
        WeChatRefused       errcode ≠ 0; says what helps (`Remedy`); keeps errcode and rid, never a token
        Misconfigured       WeChat says that our settings are wrong: the operator's to mend
        PayRefused          WeChat Pay said no; keeps its code, HTTP status and Request-ID

`code` is stable English for programs, `message` one clear Chinese sentence that says what to do next.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class XcertError(Exception):
    """The root of all errors of this service."""


class Refused(XcertError):
    """A rule said no. `code` is stable; `message` is shown to the person."""

    def __init__(self, code: str, message: str, *, title: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.title = title


@dataclass(frozen=True, slots=True)
class FieldError:
    """One refused field: RFC 6901 pointer, stable code, Chinese sentence."""

    pointer: str
    code: str
    detail: str


class Invalid(Refused):
    """The input cannot be taken; `errors` names every place."""

    def __init__(
        self,
        message: str = "提交的内容有误，请按提示修改后重试。",
        *,
        errors: list[FieldError],
        code: str = "invalid",
    ) -> None:
        super().__init__(code, message)
        self.errors = errors


class Unverified(Refused):
    """Signature, token, session or password is not genuine."""


class Forbidden(Refused):
    """Genuine, but not this person's to do."""


class NotFound(Refused):
    """Nothing there, or nothing for this caller."""

    def __init__(self, code: str = "not_found", message: str = "没有找到您要的内容，请核对后重试。") -> None:
        super().__init__(code, message)


class Conflict(Refused):
    """The state has moved on, or the thing was already used."""


class Gone(Refused):
    """Was there, is over."""


class TooMany(Refused):
    """Too often; `retry_after` is in seconds."""

    def __init__(self, code: str, message: str, *, retry_after: int) -> None:
        super().__init__(code, message)
        self.retry_after = retry_after


class Damaged(Refused):
    """A file on record is gone or is no longer the one that was recorded; it is not handed out.

    Args:
        subject: whose file, from our own numbers, for the alarm.
    """

    def __init__(self, code: str, message: str, *, subject: str) -> None:
        super().__init__(code, message)
        self.subject = subject


class OutsideFailure(XcertError):
    """Something outside failed; trying again later may help."""

    def __init__(self, message: str, *, unknown: bool = False) -> None:
        super().__init__(message)
        self.unknown = unknown  # True: the call may have taken effect (a send that timed out)


class Remedy(Enum):
    """What helps when WeChat refuses; all that anybody decides on. Which errcode is which: the adapter's table."""

    RENEW = "renew"  # the token: renew it once, never by force, and make the call once more
    WAIT = "wait"  # try again with growing pauses
    TOMORROW = (
        "tomorrow"  # used up until midnight in Beijing (for a call counted by the minute: the next one)
    )
    MEND = (
        "mend"  # an operator mends account or settings; the same call succeeds then, so it may wait some days
    )
    ALARM = "alarm"  # only a person can look into it; the same once more would be refused again
    BUG = "bug"  # only a change of this program can mend it
    PERSON = "person"  # this person or this code says no: give up this one thing
    FOLLOW = "follow"  # this person does not follow the account: another way may reach them
    CONSENT = "consent"  # this person has no subscription left: another way may reach them
    ABSENT = "absent"  # what was asked for does not exist: an answer, not a failure


class WeChatRefused(OutsideFailure):
    """WeChat answered with an errcode. Keeps errcode and rid, never a token; made by the adapter's `refusal_of`.

    Args:
        errcode: WeChat's number, and `errmsg` its sentence: for operators and logs, never for a decision.
        remedy: what helps.
        why: the reason in a few Chinese words, where they say more than the number; else "".
    """

    def __init__(self, errcode: int, errmsg: str, *, remedy: Remedy, why: str = "") -> None:
        super().__init__(f"微信返回错误 {errcode}")
        self.errcode = errcode
        self.errmsg = errmsg
        self.remedy = remedy
        self.why = why


class Misconfigured(OutsideFailure):
    """WeChat says that our own settings are wrong; trying again helps nobody before an operator has mended them."""


class PayRefused(OutsideFailure):
    """WeChat Pay said no (wechat.md §7.7). Compare the code with `is_code`: pages write it with and without `_`."""

    def __init__(
        self,
        code: str,
        sentence: str,
        *,
        status: int,
        request_id: str = "",
        may_repeat: bool = False,
        unknown: bool = False,
        is_signed: bool = True,
    ) -> None:
        super().__init__(f"微信支付返回错误 {code}", unknown=unknown)
        self.code = code
        self.sentence = sentence  # WeChat's sentence, for operators
        self.status = status
        self.request_id = request_id
        self.may_repeat = may_repeat  # the same again with the same number may succeed later
        self.is_signed = is_signed  # False: nothing proves that WeChat Pay said so

    @property
    def request_tail(self) -> str:
        """The part of Request-ID after its last `-`: a finer numeric code."""
        return self.request_id.rpartition("-")[2]

    def is_code(self, *codes: str) -> bool:
        """Whether WeChat's code is one of these, underscores aside."""
        return self.code.replace("_", "") in {code.replace("_", "") for code in codes}
