"""A new `index` key: every participant's phone found under it, so that nobody is enrolled twice when the old key is gone."""

from __future__ import annotations

from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from server.domain.ports import Keys
from server.domain.training.enrolments import ABOUT_PHONE
from server.models import CourseEnrolment
from server.models.database import breaks

_SLICE = 500


async def reindex(keys: Keys) -> int:
    """Go through everybody once, in the order of enrolment; may be repeated at any time. Returns how many were changed.

    Somebody who is in a course under both keys keeps the old index: both are found as long as the old key is there.
    """
    changed, last = 0, 0
    while some := await CourseEnrolment.filter(id__gt=last, erased_at=None).order_by("id").limit(_SLICE):
        last = some[-1].id
        for one in some:
            phone = keys.decrypt(bytes(one.phone_sealed), about=ABOUT_PHONE)
            new, old = keys.blind(phone, about=ABOUT_PHONE), bytes(one.phone_index)
            if new == old:
                continue
            try:
                async with in_transaction():
                    changed += await CourseEnrolment.filter(id=one.id, phone_index=old).update(
                        phone_index=new
                    )
            except IntegrityError as error:
                if not breaks(error, "course_enrolment_one"):
                    raise
                continue
    return changed
