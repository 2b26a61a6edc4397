"""Somebody whose erasure is done again after a restore stands on lists that the backup has open: taken off, unsealed.

A line that says another name than the one that was signed is sealed by nobody: where people have signed, they sign anew.
Where certificates are being made already, the others' are what was signed for, and go on.
"""

from __future__ import annotations

from server.domain.actor import SYSTEM
from server.domain.issuance import facts, numbering
from server.domain.issuance.states import BY_NAME, BatchState, Facts
from server.domain.issuance.transitions import advance, locked
from server.domain.ports import Services
from server.models import Issuance
from server.models.database import rows

_STEPS = {step.source: name for name, step in BY_NAME.items() if name.startswith("unlist_")}
_LISTING = """
SELECT DISTINCT x.issuance_id AS id FROM certificate x
WHERE x.candidate_id = $1 AND x.state IN ('reserved', 'drawing') ORDER BY id
"""


async def hold(candidate_id: int) -> list[Issuance]:
    """The batches that list this person and have sealed nothing of them, locked.

    Before the person is: whoever draws up a list locks the batch first, too.
    """
    return [await locked(row["id"]) for row in await rows(_LISTING, candidate_id)]


async def take_off(s: Services, candidate_id: int) -> list[Issuance]:
    """Void what is not sealed of this person, in the caller's transaction, which holds them.

    A batch that waits for somebody to sign, or to hand over what was signed, is 待签发 again, with the next revision.

    Returns: the batches, each as it is now.
    """
    batches = await hold(candidate_id)
    for issuance in batches:
        await numbering.drop(s, issuance, candidate_id)
        await s.faults.reach("unlisting.take_off: the number is void")
        name, known = _STEPS.get(BatchState(issuance.state)), Facts(is_nobody_left=issuance.count == 0)
        if name is not None and BY_NAME[name].refusal(known) is None:
            nobody = {"org_signed_at": None, "org_signed_by": None}
            await advance(s, issuance, name, known, actor=SYSTEM, changes=nobody)
    return batches


async def end(s: Services, batches: list[Issuance]) -> None:
    """Void those that were to replace a certificate of the person, who is erased by now, in the caller's transaction."""
    step = BY_NAME["void"]
    for issuance in batches:
        if issuance.corrects_id is None or BatchState(issuance.state) is not step.source:
            continue
        known = await facts.of_replacement(issuance)
        if step.refusal(known) is None:
            await advance(s, issuance, step.name, known, actor=SYSTEM)
