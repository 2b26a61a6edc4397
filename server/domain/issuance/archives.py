"""Sealed files: one, checked against its digest; or all of a batch as certificates.zip, streamed."""

from __future__ import annotations

import asyncio
import csv
import io
import zipfile
from collections.abc import AsyncIterator

from server.domain import beijing, roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.certificates.claims import Line
from server.domain.certificates.files import sealed_file
from server.domain.certificates.states import EVER_VALID, CertificateState
from server.domain.certificates.visibility import seen_by
from server.domain.issuance.states import BatchState
from server.domain.levels import Level
from server.domain.ports import Clock, FileStore
from server.domain.roles import Verb
from server.errors import Conflict, NotFound
from server.models import Certificate, Issuance

LIST_NAME = "证书清单.csv"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_READ_AT_ONCE = 8  # files
_AT_ONCE = 200  # rows read from the database at a time


class _Pipe(io.RawIOBase):
    """What a ZipFile writes into and a response takes out of; it cannot seek, so nothing is kept."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]  # any buffer that zipfile hands over
        self._pieces.append(piece)
        return len(piece)

    def take(self) -> bytes:
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data


async def zip_stream(
    clock: Clock, file_store: FileStore, issuance_id: int, *, actor: Actor
) -> AsyncIterator[bytes]:
    """The pieces of a zip file: a list with every file's SHA-256, then the valid certificates in number order.

    Memory holds a few files and the directory's entries. PDFs are stored, not compressed: they are compressed inside.
    All files are read and compared once before the first piece, so that a file that is gone is told as a refusal; one
    that goes later ends the stream with an error, and whoever sends it must break off.

    Raises (before the first piece):
        Forbidden("role_not_allowed") · NotFound("issuance_not_found") · Conflict("not_issued") · Damaged · OutsideFailure.
    """
    issuance = await _allowed(clock, issuance_id, actor)
    await _check_files(file_store, issuance_id)
    await audit_log.record(clock, actor, "issuance.download", "issuance", issuance_id)
    pipe = _Pipe()
    day = beijing.local(issuance.issued_at or clock.now())
    stamp = (day.year, day.month, day.day, day.hour, day.minute, day.second)
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        archive.writestr(_entry(LIST_NAME, stamp), await _list(issuance_id))
        yield pipe.take()
        after = ""
        while batch := await _next(issuance_id, after):
            for certificate in batch:
                if _has_file(certificate):
                    name = f"{certificate.number}_{_name(certificate)}.pdf"
                    archive.writestr(_entry(name, stamp), await sealed_file(file_store, certificate))
                    yield pipe.take()
            after = batch[-1].number
    yield pipe.take()


async def _allowed(clock: Clock, issuance_id: int, actor: Actor) -> Issuance:
    roles.require(actor, Verb.DOWNLOAD)
    issuance = await Issuance.get_or_none(id=issuance_id)
    if issuance is None:
        raise NotFound("issuance_not_found", "没有找到这个签发批次，请刷新列表后重试。")
    await seen_by(clock, issuance, actor)
    if BatchState(issuance.state) is not BatchState.ISSUED:
        raise Conflict("not_issued", "这个批次的证书还没有全部生成，发放完成后可以下载。")
    return issuance


async def _check_files(file_store: FileStore, issuance_id: int) -> None:
    """Every file that will be handed out is there and is the one that was sealed, some at a time."""
    after = ""
    while batch := await _next(issuance_id, after):
        valid = [one for one in batch if _has_file(one)]
        for start in range(0, len(valid), _READ_AT_ONCE):
            await asyncio.gather(
                *(sealed_file(file_store, one) for one in valid[start : start + _READ_AT_ONCE])
            )
        after = batch[-1].number


def _has_file(certificate: Certificate) -> bool:
    """Whether the archive has it: those that are valid, but of people whose personal data were erased."""
    return CertificateState(certificate.state) is CertificateState.VALID and certificate.pdf_key != ""


def _entry(name: str, stamp: tuple[int, int, int, int, int, int]) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, stamp)
    entry.external_attr = 0o644 << 16
    return entry


async def _next(issuance_id: int, after: str) -> list[Certificate]:
    certificates = Certificate.filter(
        issuance_id=issuance_id, state__in=EVER_VALID, number__gt=after
    ).prefetch_related("superseded_by", "corrects")
    return await certificates.order_by("number").limit(_AT_ONCE)


def _name(certificate: Certificate) -> str:
    name = Line.from_bytes(bytes(certificate.line)).name
    return "".join(c for c in name if c not in '\\/:*?"<>|' and c.isprintable())


async def _list(issuance_id: int) -> bytes:
    """The list as a spreadsheet program opens it (UTF-8 with BOM)."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(
        ["证书编号", "姓名", "等级", "状态", "文件SHA-256", "换发的新证书", "替代的旧证书", "门户证书编号"]
    )
    after = ""
    while batch := await _next(issuance_id, after):
        for one in batch:
            line = Line.from_bytes(bytes(one.line))
            digest = bytes(one.pdf_sha256 or b"").hex()
            writer.writerow(
                [
                    as_text(field)
                    for field in (
                        one.number,
                        line.name,
                        Level(line.level).label,
                        CertificateState(one.state).label,
                        digest,
                        one.superseded_by.number if one.superseded_by else "",
                        one.corrects.number if one.corrects else "",
                        one.portal_number,
                    )
                ]
            )
        after = batch[-1].number
    return text.getvalue().encode("utf-8-sig")


def as_text(field: str) -> str:
    """A field of a CSV that no spreadsheet program takes for a formula: a file of text cannot say that it is text."""
    return f"'{field}" if field.startswith(_FORMULA) else field
