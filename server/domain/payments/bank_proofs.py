"""The bank's slip for money that came or went: what file it is by its first bytes, kept sealed, for it names accounts
and people.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

from server.domain.ports import FileStore, Keys, Services
from server.errors import FieldError, Invalid
from server.models import BankRefund, BankTransfer

LARGEST = 5 * 1024 * 1024  # bytes
# The first bytes of a file of each kind; what the file is called proves nothing.
MAGIC = {"pdf": b"%PDF-", "jpeg": b"\xff\xd8\xff", "png": b"\x89PNG\r\n\x1a\n"}
CONTENT_TYPES = {"pdf": "application/pdf", "jpeg": "image/jpeg", "png": "image/png"}
Row = type[BankTransfer] | type[BankRefund]
# Where the proofs of each table's rows lie, and what they are sealed for: each is bound to its place.
_FOLDERS: dict[Row, str] = {BankTransfer: "transfers", BankRefund: "bank-refunds"}
_ABOUT = {"transfers": "bank_transfer.proof", "bank-refunds": "bank_refund.proof"}
log = logging.getLogger("xcert.pay")


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof in the file store.

    Attributes:
        kind: pdf, jpeg or png.
        sha256: of the file as it was handed in.
    """

    key: str
    kind: str
    sha256: bytes


@dataclass(frozen=True, slots=True)
class ProofFile:
    """A proof as it was handed in."""

    data: bytes
    kind: str


def kind_of(data: bytes) -> str:
    """Raises Invalid: /file — nothing, too large, or neither PDF, JPEG nor PNG."""
    if not data:
        raise _invalid("missing", "请附上银行回单作为凭证。")
    if len(data) > LARGEST:
        raise _invalid("file_size", f"凭证不能超过 {LARGEST // 1024 // 1024} MB，请压缩后重新上传。")
    found = next((kind for kind, magic in MAGIC.items() if data.startswith(magic)), None)
    if found is None:
        raise _invalid("file_type", "凭证须是 PDF、JPEG 或 PNG 文件；改文件名不会改变文件的种类。")
    return found


async def keep(keys: Keys, file_store: FileStore, data: bytes, *, of: Row) -> Proof:
    """Seal it and put it into the file store. Every one has a file of its own. Raises as `kind_of`; OutsideFailure."""
    kind, digest = kind_of(data), hashlib.sha256(data).digest()
    key = f"{_FOLDERS[of]}/{digest.hex()[:16]}-{uuid4().hex}"
    sealed = await asyncio.to_thread(keys.encrypt, b64encode(data).decode(), about=_about(key))
    await file_store.put(key, sealed)
    return Proof(key, kind, digest)


@asynccontextmanager
async def kept(s: Services, data: bytes, *, of: Row) -> AsyncIterator[Proof]:
    """The proof of a row that the body writes: when the body fails, nothing is kept of it. Raises as `keep`."""
    proof = await keep(s.keys, s.file_store, data, of=of)
    try:
        yield proof
    except (Exception, asyncio.CancelledError):
        await _forget(s, proof, of)
        raise


async def _forget(s: Services, proof: Proof, of: Row) -> None:
    """Nothing came of it, so nothing is kept of its proof, which names people and accounts.

    Only when the database says so: a connection that broke while committing may have committed. Whatever goes wrong
    here must not hide why nothing was recorded.
    """
    try:
        if not await of.filter(proof_key=proof.key).exists():
            await s.file_store.delete(proof.key)
    except Exception as problem:
        log.error("proof left in the file store", extra={"file": proof.key, "why": type(problem).__name__})


async def opened(keys: Keys, file_store: FileStore, key: str) -> bytes:
    """The file as it was handed in. Raises NotFound, OutsideFailure."""
    sealed = await file_store.get(key)
    return b64decode(await asyncio.to_thread(keys.decrypt, sealed, about=_about(key)))


def _about(key: str) -> str:
    return f"{_ABOUT[key.partition('/')[0]]}:{key}"  # no proof stands for another row


def _invalid(code: str, message: str) -> Invalid:
    return Invalid(errors=[FieldError("/file", code, message)])
