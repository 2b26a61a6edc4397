"""Candidates as staff look for them: by the whole name or an admission number, never by an identity number.

What is searched for stands in an address, and addresses are kept in logs and histories.
"""

from __future__ import annotations

import re

from server.domain.people import queries
from server.domain.people.names import clean_name, tidy
from server.errors import FieldError, Invalid, Refused

_ADMISSION = re.compile(r"[0-9A-Za-z-]{6,40}")
_IDENTITY = re.compile(r"[0-9]{17}[0-9Xx]")


async def ids_found(search: str, school_id: int | None) -> list[int]:
    """The candidates of this name or admission number, at most fifty.

    Args:
        school_id: only those of this school; None: all.

    Raises:
        Invalid: /q search_form, search_identity.
    """
    text = "".join(tidy(search).split())
    if _IDENTITY.fullmatch(text):
        raise _poor("search_identity", "请不要在这里输入证件号码，请改用姓名或准考证号查找。")
    if _ADMISSION.fullmatch(text):
        return await queries.candidates_admitted(text, school_id)
    try:
        return await queries.candidates_named(clean_name(search), school_id)
    except Refused:
        raise _poor("search_form", "请输入完整的姓名，或准考证号。") from None


def _poor(code: str, detail: str) -> Invalid:
    return Invalid(errors=[FieldError("/q", code, detail)])
