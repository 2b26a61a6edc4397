"""Every column that is encrypted for years, and what its values are bound to. `tests/domain/test_reencryption.py` compares it with the database."""

from __future__ import annotations

from dataclasses import dataclass

from server.domain.people import invitations, phones
from server.domain.people.candidates import ABOUT_ID, ABOUT_MOBILE
from server.domain.training.enrolments import ABOUT_PHONE
from server.models.database import rows

_EPOCH = "(get_byte({0}, 0) * 256 + get_byte({0}, 1))"  # the first two bytes say under which key it lies


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """One column of one table.

    Attributes:
        about: what a value is bound to, as `Keys.encrypt` takes it; `{}` stands for `place` of its row.
        place: a column of the same row; empty: all values are bound to the same.
    """

    table: str
    column: str
    about: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class SealedValue:
    """A value that lies under another key than the one that writes now."""

    id: int
    sealed: bytes
    about: str


COLUMNS = (
    SealedColumn("candidate", "id_sealed", ABOUT_ID),
    SealedColumn("candidate", "mobile_sealed", ABOUT_MOBILE),
    SealedColumn("candidate", "given_phone_sealed", phones.ABOUT),
    SealedColumn("officer", "mobile_sealed", invitations.ABOUT_MOBILE),
    SealedColumn("course_enrolment", "phone_sealed", ABOUT_PHONE),
    SealedColumn("staff", "otp_sealed", "staff.otp"),
    SealedColumn("certificate", "id_salt_sealed", "certificate.id_salt_sealed:{}", "number"),
    SealedColumn("certificate", "printed_id_sealed", ABOUT_ID),
    SealedColumn("correction", "was_sealed", "correction.was:{}", "letter_key"),
    SealedColumn("correction", "becomes_sealed", "correction.becomes:{}", "letter_key"),
)
# Encrypted too, and gone by themselves within days.
PASSING = frozenset({("push_seen", "reply"), ("push_seen", "push"), ("idempotent_answer", "body")})


async def under_other_keys(
    of: SealedColumn, epoch: int, *, after: int = 0, limit: int = 500
) -> list[SealedValue]:
    """Values of a column that do not lie under `epoch`, by id from beyond `after`."""
    place = of.place or "''"
    old = f"{_EPOCH.format(of.column)} <> $2"
    found = await rows(
        f"SELECT id, {of.column} AS sealed, {place} AS place FROM {of.table}"  # noqa: S608 -- constants
        f" WHERE id > $1 AND {of.column} IS NOT NULL AND {old} ORDER BY id LIMIT $3",
        after,
        epoch,
        limit,
    )
    return [
        SealedValue(row["id"], bytes(row["sealed"]), of.about.format(row["place"] or "")) for row in found
    ]


async def replace(of: SealedColumn, changed: list[tuple[SealedValue, bytes]]) -> int:
    """Put each value's new ciphertext, unless the row has got another meanwhile. Returns how many were put."""
    done = await rows(
        f"UPDATE {of.table} t SET {of.column} = new.after"  # noqa: S608 -- constants
        " FROM unnest($1::bigint[], $2::bytea[], $3::bytea[]) AS new (id, before, after)"
        f" WHERE t.id = new.id AND t.{of.column} = new.before RETURNING t.id",
        [one.id for one, _ in changed],
        [one.sealed for one, _ in changed],
        [after for _, after in changed],
    )
    return len(done)
