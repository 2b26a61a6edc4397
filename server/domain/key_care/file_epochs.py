"""Which encrypted files do not lie under the key of now, as far as is known without reading them.

A row in `sealed_file` says that a file was found or put under a key. It is written after the file, so that a death in
between means only that the file is read once more.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from server.models.database import rows, write

_PAGE = 1000
# The rows that name encrypted files; a key may stand in several (a check and the import after it).
_NAMED = """
    SELECT file_key AS key, 'import' AS kind FROM import_run
    UNION ALL SELECT report_key, 'report' FROM import_run
    UNION ALL SELECT proof_key, 'bank_transfer' FROM bank_transfer
    UNION ALL SELECT proof_key, 'bank_refund' FROM bank_refund
    UNION ALL SELECT letter_key, 'correction' FROM correction
"""
_LEFT = f"""
SELECT DISTINCT ON (n.key COLLATE "C") n.key, n.kind FROM ({_NAMED}) n
WHERE n.key <> '' AND n.key COLLATE "C" > $1 COLLATE "C"
  AND NOT EXISTS (SELECT 1 FROM sealed_file f WHERE f.key = n.key AND f.epoch = $2)
ORDER BY n.key COLLATE "C", n.kind LIMIT $3
"""  # noqa: S608 -- constants
_IS_NAMED = f"SELECT 1 FROM ({_NAMED}) n WHERE n.key = $1 LIMIT 1"  # noqa: S608 -- constants
_NOTE = """
INSERT INTO sealed_file (key, epoch) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET epoch = EXCLUDED.epoch
"""
_FORGET = f"DELETE FROM sealed_file f WHERE NOT EXISTS (SELECT 1 FROM ({_NAMED}) n WHERE n.key = f.key)"  # noqa: S608


@dataclass(frozen=True, slots=True)
class EncryptedFile:
    """An encrypted file that a row names; `kind` says which row, and so what the file is bound to."""

    key: str
    kind: str


async def left(epoch: int) -> AsyncIterator[EncryptedFile]:
    """The files of which it is not known that they lie under this key, each once."""
    after = ""
    while page := await rows(_LEFT, after, epoch, _PAGE):
        for row in page:
            yield EncryptedFile(**row)
        after = page[-1]["key"]


async def is_named(key: str) -> bool:
    """Whether a row names the file now."""
    return bool(await rows(_IS_NAMED, key))


async def note(key: str, epoch: int) -> None:
    """The file lies under the key of this epoch."""
    await write(_NOTE, key, epoch)


async def forget_gone() -> None:
    """What is known of files that no row names any more."""
    await write(_FORGET)
