"""What the printer gets: the sealed certificates in the order of the sheets, and the picture on the parcel's slip."""

from __future__ import annotations

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.certificates.files import sealed_file
from server.domain.certificates.states import CertificateState
from server.domain.fault_points import transaction
from server.domain.paper import stock, transitions
from server.domain.paper.paper_views import RunView
from server.domain.paper.states import AT_HOME, PaperState, SheetState
from server.domain.ports import Services, SheetToPrint
from server.domain.roles import Verb
from server.errors import Conflict, NotFound
from server.models import PaperRun, PaperSheet

AT_ONCE = 50  # sheets of one file: memory holds its sealed PDFs


async def sheets_pdf(s: Services, run_id: int, *, part: int = 1, serial: str = "", actor: Actor) -> bytes:
    """One PDF of at most `AT_ONCE` pages, a page for each used sheet, its serial small at the lower edge.

    Args:
        part: counted from 1; the serials from `AT_ONCE` times that on.
        serial: the one sheet alone, such as that in place of a spoiled one, whatever the part.

    Raises:
        Forbidden: role_not_allowed. NotFound: paper_run_unknown, sheets_unknown.
        Conflict: paper_moved, sheets_invalid, sheets_all_spoiled. OutsideFailure: a sealed file is gone or was changed.
    """
    roles.require(actor, Verb.HANDLE_PAPER)
    async with transaction(s.faults, "paper.print"):
        run = await transitions.locked(run_id)
        if PaperState(run.state) not in AT_HOME:
            sentence = f"这次印制现在是“{PaperState(run.state).label}”，不再提供印刷文件。"
            raise Conflict("paper_moved", sentence)
        sheets = await _sheets(run, part, serial)
        if run.taken_at is None:
            await PaperRun.filter(id=run_id).update(taken_at=s.clock.now())
        became = {"first_sheet": sheets[0].serial, "last_sheet": sheets[-1].serial}
        await audit_log.record(s.clock, actor, "paper.print", "paper_run", run_id, became=became)
    files = [SheetToPrint(one.serial, await sealed_file(s.file_store, one.certificate)) for one in sheets]
    return await s.sheet_printer.sheets(files)


async def _sheets(run: PaperRun, part: int, serial: str) -> list[PaperSheet]:
    """The used sheets of a part with their certificates, all of them valid."""
    wanted = PaperSheet.filter(run_id=run.id, state=SheetState.USED.value).order_by("number")
    if serial:
        wanted = wanted.filter(serial=stock.cleaned(serial))
    else:
        begin = run.first_sheet + (part - 1) * AT_ONCE
        in_part = {"number__gte": begin, "number__lt": begin + AT_ONCE}
        wanted = wanted.filter(**in_part)
    sheets = await wanted.prefetch_related("certificate")
    if not sheets:
        if not serial and await PaperSheet.filter(run_id=run.id, **in_part).exists():
            sentence = f"第 {part} 部分的纸张都已作废，没有要印的；换用的纸张在后面的部分里。"
            raise Conflict("sheets_all_spoiled", sentence)
        raise NotFound("sheets_unknown", "没有这一部分，或这张纸没有用到；请从印制页重新下载。")
    for one in sheets:
        if CertificateState(one.certificate.state) is not CertificateState.VALID:
            sentence = f"纸张 {one.serial} 上的证书已撤销或已更正换发，请先登记这张纸作废，再下载。"
            raise Conflict("sheets_invalid", sentence)
    return sheets


def parts_of(run: RunView) -> int:
    """How many files a run has. A part is a stretch of serials: a sheet that is spoiled moves no other into it."""
    return -(-(run.used + run.spoiled) // AT_ONCE)


async def slip_code(run_id: int, *, actor: Actor) -> str:
    """The code on the parcel's slip. Raises Forbidden: role_not_allowed; NotFound: paper_run_unknown."""
    roles.require(actor, Verb.HANDLE_PAPER)
    run = await PaperRun.get_or_none(id=run_id)
    if run is None:
        raise transitions.unknown()
    return run.slip


async def slip_qr(s: Services, run_id: int, *, actor: Actor) -> bytes:
    """PNG of the QR on the slip: the parcel's page at the console, where whoever scans it logs in."""
    code = await slip_code(run_id, actor=actor)
    return s.pdf_renderer.qr_png(f"{s.settings.public_url}/console/paper/{run_id}?slip={code}")
