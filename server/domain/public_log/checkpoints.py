"""Heads of the log: signed with every log key that is in force, kept on record first, then published."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit

from server.domain.ports import FileStore, Keys, PublicKey
from server.domain.public_log import queries
from server.domain.public_log.log_state import log_keys
from server.domain.public_log.signed_note import Checkpoint, Note, Signature, read_note, read_signatures
from server.domain.public_log.tile_layout import CHECKPOINT
from server.errors import NotFound


def origin_of(public_url: str, chosen: str) -> str:
    """The log's name for ever: as chosen, else its address without the scheme."""
    address = urlsplit(public_url)
    return chosen or f"{address.netloc}{address.path.rstrip('/')}/log"


def _signs(key: PublicKey, now: datetime) -> bool:
    """Older keys go on signing beside the newest, so that whoever knows only them can follow; a retired one does not."""
    return key.purpose == "log" and key.retired_at is None and (key.begins is None or key.begins <= now)


def sign(keys: Keys, checkpoint: Checkpoint, now: datetime) -> Note:
    """The checkpoint with our signatures, the oldest key first."""
    named = log_keys(keys, checkpoint.origin)
    text = checkpoint.text
    signing = sorted((key for key in keys.public() if _signs(key, now)), key=lambda key: key.epoch)
    signatures = [
        Signature(
            checkpoint.origin,
            named[key.key_id].id,
            keys.sign("log", text.encode(), epoch=key.epoch).signature,
        )
        for key in signing
    ]
    return Note(text, tuple(signatures))


async def with_cosignatures(signed: queries.Signed) -> bytes:
    """The note of a checkpoint on record, with every witness's signature that we have."""
    note = read_note(signed.note.encode())
    lines = [
        one for cosigned in await queries.cosignatures(signed.size) for one in read_signatures(cosigned.line)
    ]
    return str(Note(note.text, (*note.signatures, *lines))).encode()


async def publish(file_store: FileStore) -> None:
    """Make the newest checkpoint on record the published one. Whoever comes late publishes the newer one after all."""
    while (last := await queries.last_checkpoint()) is not None:
        data = await with_cosignatures(last)
        try:
            if await file_store.get(CHECKPOINT) == data:
                return
        except NotFound:
            pass
        await file_store.put(CHECKPOINT, data)
