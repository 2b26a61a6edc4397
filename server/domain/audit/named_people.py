"""Names in what somebody wrote in their own words: the trail is never changed, so a person's name does not get into it.

The known names alone: on record and on certificates. Whoever is meant otherwise (a nickname, somebody else's name) is not found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from server.models.database import rows

WORDS = "（姓名）"  # in place of a name
FREE = ("reason", "note")  # what of an entry is in somebody's own words
_CERTIFIED = "(SELECT x.candidate_id FROM certificate x WHERE x.number = {})"
_REGISTERED = "(SELECT r.candidate_id FROM registration r WHERE r.id = {})"
# Whose row the subject of an entry is, by its kind; `$1` is the subject as the entry names it.
_WHOSE = {
    "candidate": "$1::text::bigint",
    "registration": _REGISTERED.format("$1::text::bigint"),
    "certificate": _CERTIFIED.format("$1::text"),
    "correction": "(SELECT k.candidate_id FROM correction k WHERE k.id = $1::text::bigint)",
    "score_change": _REGISTERED.format(
        "(SELECT k.registration_id FROM score_change k WHERE k.id = $1::text::bigint)"
    ),
    "fee_waiver": "(SELECT f.candidate_id FROM fee f JOIN fee_waiver w ON w.fee_id = f.id WHERE w.id = $1::text::bigint)",
    "fee_refund": "(SELECT o.candidate_id FROM fee_order o JOIN fee_refund b ON b.order_id = o.id"
    " WHERE b.id = $1::text::bigint)",
    "portal_difference": _CERTIFIED.format(
        "(SELECT d.number FROM portal_difference d WHERE d.id = $1::text::bigint)"
    ),
}
# Others by the number of their own row: what is written about them is cleared as well.
_OTHERS = {
    kind: f"SELECT name FROM {kind} WHERE id = $1::text::bigint"  # noqa: S608 -- constants
    for kind in ("officer", "staff", "course_enrolment")
}
_NUMBERED = frozenset(kind for kind, whose in {**_WHOSE, **_OTHERS}.items() if "bigint" in whose)
_NAMES = """
WITH who AS (SELECT {whose} AS id)
SELECT c.name, NULL::bytea AS line FROM candidate c JOIN who ON who.id = c.id
UNION ALL SELECT '', x.line FROM certificate x JOIN who ON who.id = x.candidate_id
"""
_NUMBER = re.compile(r"[0-9]{1,18}")  # of a row
_SHORTEST = 2  # one character alone stands in too many words


async def names_of(subject_kind: str, subject_id: int | str) -> list[str]:
    """The names that are known of whoever this subject is about, the longest first; none of a subject about nobody."""
    if subject_kind in _NUMBERED and not _NUMBER.fullmatch(str(subject_id)):
        return []  # it goes by another name than its row's number
    if subject_kind in _OTHERS:
        names = {row["name"] for row in await rows(_OTHERS[subject_kind], str(subject_id))}
    elif subject_kind in _WHOSE:
        found = await rows(_NAMES.format(whose=_WHOSE[subject_kind]), str(subject_id))
        names = {row["name"] or _certified(bytes(row["line"])) for row in found}
    else:
        return []
    return sorted((name for name in names if len(name) >= _SHORTEST), key=lambda name: (-len(name), name))


def _certified(line: bytes) -> str:
    """The name in a certificate's line."""
    try:
        return str(orjson.loads(line)["name"])
    except (ValueError, KeyError, TypeError):
        return ""


def without(text: str, names: Iterable[str]) -> str:
    """The text, `WORDS` in place of each of the names."""
    for name in names:
        text = text.replace(name, WORDS)
    return text


async def cleared(
    subject_kind: str, subject_id: int | str, said: Mapping[str, Any] | None
) -> Mapping[str, Any] | None:
    """What an entry says, without the person's name in its free text. Asks the database only if there is any."""
    free = [one for one in FREE if said is not None and isinstance(said.get(one), str) and said[one]]
    if said is None or not free or not (names := await names_of(subject_kind, subject_id)):
        return said
    return {**said, **{one: without(said[one], names) for one in free}}
