"""The end of a correction (S68): every new certificate is issued, and the holder is told."""

from __future__ import annotations

from dataclasses import replace

from server.domain import beijing
from server.domain.actor import SYSTEM
from server.domain.corrections import queries, transitions
from server.domain.corrections.contents import CorrectionKind, opened, word
from server.domain.corrections.states import STEPS, CorrectionState, Standing
from server.domain.fault_points import transaction
from server.domain.issuance import replacement
from server.domain.notices.telling import Notice, tell
from server.domain.ports import Services
from server.models import Correction

TOPIC = "correction_done"


async def complete(s: Services, *, issuance_id: int) -> None:
    """End the cases whose last batch this was. Job `corrections.complete`; safe to repeat."""
    for correction_id in await queries.cases_of(issuance_id):
        await _end(s, correction_id)


async def sweep(s: Services) -> None:
    """End batches whose old certificate was revoked meanwhile, and cases whose job was lost. Sweep `corrections.sweep`."""
    for issuance_id in await queries.stranded():
        await replacement.void(s, issuance_id)
    for correction_id in await queries.ended():
        await _end(s, correction_id)


async def _end(s: Services, correction_id: int) -> None:
    async with transaction(s.faults, "corrections.complete"):
        row = await transitions.locked(correction_id)
        known = replace(Standing(), unissued=await queries.unissued(row.id))
        step = STEPS["complete"]
        if CorrectionState(row.state) not in step.sources or step.refusal(known) is not None:
            return
        await transitions.advance(s.clock, row, "complete", known, actor=SYSTEM)
        await s.faults.reach("corrections.complete: the case is done")
        await tell_holder(s, row)


async def tell_holder(s: Services, row: Correction) -> None:
    """The holder's notice, once for a case, in the caller's transaction; a score's own life tells of a score."""
    kind = CorrectionKind(row.kind)
    if kind is CorrectionKind.SCORE:
        return
    becomes = opened(s.keys, "becomes", row.letter_key, bytes(row.becomes_sealed))
    anew = await queries.now_valid(row.id)
    fields = {
        "what": word(kind, becomes),
        "result": f"已换发新证书 {anew} 份" if anew else "考生信息已更正",
        "done_at": beijing.say_minute(s.clock.now()),
    }
    notice = Notice(row.candidate_id, f"correction:{row.id}", fields, "/h5/certificates")
    await tell(s.settings, s.clock, s.queue, TOPIC, [notice])
