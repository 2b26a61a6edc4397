"""A new `field` key: what was encrypted before it is encrypted anew, so that a key that got out reads nothing any more.

Old keys still read, so that nothing has to happen at once, and nothing breaks where this is cut off: every slice is
whole, and whatever lies under the key of now is passed over the next time, files without being read.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from server.domain.actor import SYSTEM, Actor
from server.domain.audit import audit_log
from server.domain.corrections import case_letters
from server.domain.imports.reports import ABOUT_FILE, ABOUT_REPORT
from server.domain.key_care import file_epochs, sealed_columns
from server.domain.key_care.file_epochs import EncryptedFile
from server.domain.key_care.sealed_columns import COLUMNS, SealedColumn
from server.domain.payments import bank_proofs
from server.domain.ports import Keys, Services
from server.errors import NotFound, Unverified

_SLICE = 500
log = logging.getLogger("xcert.keys")


@dataclass(slots=True)
class Reencrypted:
    """How many values and files are under the key of now since this run, and what could not be read with any key.

    Attributes:
        unreadable: `table.column id` or the file's key.
        left: values and files that somebody changed meanwhile, or that are not there: the next run looks again.
    """

    values: int = 0
    files: int = 0
    left: int = 0
    unreadable: tuple[str, ...] = ()


async def sweep(s: Services) -> None:
    """Daily, as long as there is more than one `field` key. Sweep `keys.reencrypt`."""
    if s.keys.newest("field") > 1:
        await reencrypt(s, actor=SYSTEM)


async def reencrypt(s: Services, *, actor: Actor) -> Reencrypted:
    """Go through all that is encrypted once, in slices; may be cut off and repeated at any time. Raises OutsideFailure."""
    done, epoch = Reencrypted(), s.keys.epoch("field")
    for column in COLUMNS:
        await _column(s.keys, column, epoch, done)
    await _files(s, epoch, done)
    if done.unreadable:
        log.error("%d encrypted values cannot be read with any key", len(done.unreadable))
    if done.values or done.files:
        became = {"values": done.values, "files": done.files}
        await audit_log.record(s.clock, actor, "keys.reencrypt", "key", f"field-{epoch}", became=became)
    return done


async def _column(keys: Keys, column: SealedColumn, epoch: int, done: Reencrypted) -> None:
    last = 0
    while found := await sealed_columns.under_other_keys(column, epoch, after=last, limit=_SLICE):
        last = found[-1].id
        changed = []
        for one in found:
            try:
                text = keys.decrypt(one.sealed, about=one.about)
            except Unverified:
                done.unreadable += (f"{column.table}.{column.column} {one.id}",)
                continue
            changed.append((one, keys.encrypt(text, about=one.about)))
        put = await sealed_columns.replace(column, changed) if changed else 0
        done.values += put
        done.left += len(changed) - put


def about_of(file: EncryptedFile) -> str:
    """What an encrypted file is bound to."""
    if file.kind in ("bank_transfer", "bank_refund"):
        return bank_proofs.about(file.key)
    if file.kind == "correction":
        return case_letters.SHELF.about_of(file.key)
    return {"import": ABOUT_FILE, "report": ABOUT_REPORT}[file.kind]


async def _files(s: Services, epoch: int, done: Reencrypted) -> None:
    """Each is read once for every key that comes: what lies under the key of now is known by then."""
    async for file in file_epochs.left(epoch):
        about = about_of(file)
        try:
            sealed = await s.file_store.get(file.key)
            if _epoch_of(sealed) == epoch:
                await file_epochs.note(file.key, epoch)
                continue
            text = await asyncio.to_thread(s.keys.decrypt, sealed, about=about)
        except NotFound:
            done.left += 1  # `xcert files check` says whether it should be there
            continue
        except Unverified:
            done.unreadable += (file.key,)
            continue
        anew = await asyncio.to_thread(s.keys.encrypt, text, about=about)
        await s.file_store.put(file.key, anew)
        if not await file_epochs.is_named(file.key):  # cleared away meanwhile: it does not come back
            await s.file_store.delete(file.key)
            continue
        await s.faults.reach("reencryption.files: a file is put")
        await file_epochs.note(file.key, _epoch_of(anew))
        done.files += 1
    await file_epochs.forget_gone()


def _epoch_of(sealed: bytes) -> int:
    return int.from_bytes(sealed[:2], "big")
