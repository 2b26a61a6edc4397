"""A new `index` key: the identity numbers that cases have corrected stay found under it when the old key is gone."""

from __future__ import annotations

from server.domain.corrections.contents import opened
from server.domain.people.candidates import ABOUT_ID
from server.domain.ports import Keys
from server.models import Correction

_SLICE = 500


async def reindex(keys: Keys) -> int:
    """Go through every case once, in its order; may be repeated at any time. Returns how many were changed."""
    changed, last = 0, 0
    cases = Correction.filter(was_index__not_isnull=True)
    while some := await cases.filter(id__gt=last).order_by("id").limit(_SLICE):
        last = some[-1].id
        for one in some:
            was = opened(keys, "was", one.letter_key, bytes(one.was_sealed))
            new, old = keys.blind(was["id_number"], about=ABOUT_ID), bytes(one.was_index or b"")
            if new != old:
                changed += await Correction.filter(id=one.id, was_index=old).update(was_index=new)
    return changed
