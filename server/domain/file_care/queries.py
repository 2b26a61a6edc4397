"""The SQL of every row that names a file, by the file's key."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from server.models.database import rows

_PAGE = 5000
# A key may stand in several rows (a check and the import after it); then it counts once.
_NAMED = """
    SELECT pdf_key AS key, 'certificate' AS kind, number AS subject, pdf_sha256 AS sha256 FROM certificate
    UNION ALL SELECT photo_key, 'photo', id::text, NULL FROM candidate
    UNION ALL SELECT file_key, 'import', id::text, file_sha256 FROM import_run
    UNION ALL SELECT report_key, 'report', id::text, NULL FROM import_run
    UNION ALL SELECT proof_key, 'bank_transfer', id::text, proof_sha256 FROM bank_transfer
    UNION ALL SELECT proof_key, 'bank_refund', id::text, proof_sha256 FROM bank_refund
    UNION ALL SELECT letter_key, 'correction', id::text, letter_sha256 FROM correction
"""
_AFTER = f"""
SELECT DISTINCT ON (key COLLATE "C") key, kind, subject, sha256 FROM ({_NAMED}) named
WHERE key <> '' AND key COLLATE "C" > $1 COLLATE "C" ORDER BY key COLLATE "C", kind, subject LIMIT $2
"""  # noqa: S608 -- constants
_OF_THESE = f"SELECT DISTINCT key FROM ({_NAMED}) named WHERE key = ANY($1::text[])"  # noqa: S608 -- constants


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that a row names.

    Attributes:
        subject: the certificate's number, or the row's id.
        sha256: of the file as it was handed in or sealed; None: none is on record.
    """

    key: str
    kind: str
    subject: str
    sha256: bytes | None


async def named(after: str = "") -> AsyncIterator[NamedFile]:
    """Every key that a row names and that comes after `after`, once, in the order of the keys' bytes."""
    while page := await rows(_AFTER, after, _PAGE):
        for row in page:
            sha256 = row["sha256"]
            yield NamedFile(
                row["key"], row["kind"], row["subject"], None if sha256 is None else bytes(sha256)
            )
        after = page[-1]["key"]


async def still_named(keys: Sequence[str]) -> set[str]:
    """Those of the keys that a row names now."""
    return {row["key"] for row in await rows(_OF_THESE, list(keys))} if keys else set()
