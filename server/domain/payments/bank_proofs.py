"""The bank's slip for money that came or went: what file it is by its first bytes, kept sealed, for it names accounts
and people.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from server.domain.ports import FileStore, Keys, Services
from server.domain.sealed_files import CONTENT_TYPES, LARGEST, MAGIC, Shelf
from server.domain.sealed_files import SealedFile as Proof
from server.models import BankRefund, BankTransfer

__all__ = [
    "CONTENT_TYPES",
    "LARGEST",
    "MAGIC",
    "Proof",
    "ProofFile",
    "about",
    "keep",
    "kept",
    "kind_of",
    "opened",
]

Row = type[BankTransfer] | type[BankRefund]
_LABEL, _MISSING = "凭证", "请附上银行回单作为凭证。"
# Where the proofs of each table's rows lie, and what they are sealed for: each is bound to its place.
_SHELVES: dict[Row, Shelf] = {
    BankTransfer: Shelf("transfers", "bank_transfer.proof", _LABEL, _MISSING),
    BankRefund: Shelf("bank-refunds", "bank_refund.proof", _LABEL, _MISSING),
}
_BY_FOLDER = {shelf.folder: shelf for shelf in _SHELVES.values()}


@dataclass(frozen=True, slots=True)
class ProofFile:
    """A proof as it was handed in."""

    data: bytes
    kind: str


def kind_of(data: bytes) -> str:
    """Raises Invalid: /file — nothing, too large, or neither PDF, JPEG nor PNG."""
    return _SHELVES[BankTransfer].kind_of(data)


async def keep(keys: Keys, file_store: FileStore, data: bytes, *, of: Row) -> Proof:
    """Seal it and put it into the file store. Every one has a file of its own. Raises as `kind_of`; OutsideFailure."""
    return await _SHELVES[of].keep(keys, file_store, data)


@asynccontextmanager
async def kept(s: Services, data: bytes, *, of: Row) -> AsyncIterator[Proof]:
    """The proof of a row that the body writes: when the body fails, nothing is kept of it. Raises as `keep`."""

    async def is_named(key: str) -> bool:
        return await of.filter(proof_key=key).exists()

    async with _SHELVES[of].kept(s, data, is_named=is_named) as proof:
        yield proof


def about(key: str) -> str:
    """What the proof with this key is encrypted for."""
    return _BY_FOLDER[key.partition("/")[0]].about_of(key)


async def opened(keys: Keys, file_store: FileStore, key: str) -> bytes:
    """The file as it was handed in. Raises NotFound, OutsideFailure."""
    return await _BY_FOLDER[key.partition("/")[0]].opened(keys, file_store, key)
