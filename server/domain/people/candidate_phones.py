"""The blind index by which a candidate is found by phone: written by a sweep, whoever wrote the number.

An import of twenty thousand rows does not wait for it, and a program of the version before, which knows no index,
leaves none that is wrong: the database takes the index away with the number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server.domain.people import phones
from server.domain.people.candidates import ABOUT_MOBILE
from server.domain.ports import Keys, Services
from server.models.database import rows, write

_SLICE = 500
_MOST = 40  # slices in one run: twenty thousand people
_COLUMNS = "id, mobile_sealed, given_phone_sealed, mobile_index, given_phone_index"
_WITHOUT = f"""
SELECT {_COLUMNS} FROM candidate
WHERE (mobile_sealed IS NOT NULL AND mobile_index IS NULL)
   OR (given_phone_sealed IS NOT NULL AND given_phone_index IS NULL) ORDER BY id LIMIT $1
"""  # noqa: S608 -- a constant
_NEXT = f"SELECT {_COLUMNS} FROM candidate WHERE id > $1 ORDER BY id LIMIT $2"  # noqa: S608 -- a constant
# Only where the number is still the one that was read.
_WRITE = """
UPDATE candidate c SET mobile_index = t.mobile, given_phone_index = t.given
FROM unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bytea[]) AS t(id, sealed, given_sealed, mobile, given)
WHERE c.id = t.id AND c.mobile_sealed IS NOT DISTINCT FROM t.sealed
  AND c.given_phone_sealed IS NOT DISTINCT FROM t.given_sealed
"""


async def sweep(s: Services) -> int:
    """Index the phones that have no index yet; how many people. May be repeated at any time."""
    done = 0
    for _ in range(_MOST):
        found = await rows(_WITHOUT, _SLICE)
        if not found or not (written := await _write(s.keys, found)):
            break
        done += written
    return done


async def reindex(keys: Keys) -> int:
    """A new `index` key: every phone found under it. Returns how many people were changed; may be repeated."""
    changed, last = 0, 0
    while found := await rows(_NEXT, last, _SLICE):
        last = found[-1]["id"]
        old = [one for one in found if _indexes(keys, one) != (one["mobile_index"], one["given_phone_index"])]
        changed += await _write(keys, old) if old else 0
    return changed


def _indexes(keys: Keys, row: Mapping[str, Any]) -> tuple[bytes | None, bytes | None]:
    mobile, given = row["mobile_sealed"], row["given_phone_sealed"]
    return (
        None if mobile is None else _index(keys, keys.decrypt(bytes(mobile), about=ABOUT_MOBILE)),
        None if given is None else _index(keys, keys.decrypt(bytes(given), about=phones.ABOUT)),
    )


def _index(keys: Keys, number: str) -> bytes:
    """The same for a number that the school wrote and one that the holder gave."""
    return keys.blind(number, about=ABOUT_MOBILE)


async def _write(keys: Keys, found: list[dict[str, Any]]) -> int:
    indexes = [_indexes(keys, one) for one in found]
    return await write(
        _WRITE,
        [one["id"] for one in found],
        [one["mobile_sealed"] for one in found],
        [one["given_phone_sealed"] for one in found],
        [mobile for mobile, _ in indexes],
        [given for _, given in indexes],
    )
