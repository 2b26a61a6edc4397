"""更正换发 (S68): a certificate gives way to the one that stands in its place, in the transaction that issues that one."""

from __future__ import annotations

from server.domain.actor import SYSTEM
from server.domain.audit import audit_log
from server.domain.certificates import queries, revocation
from server.domain.certificates.states import STEPS, CertificateState
from server.domain.certificates.transitions import advance
from server.domain.ports import Clock, FaultInjector
from server.models import Certificate, Issuance


async def supersede(clock: Clock, faults: FaultInjector, old_id: int, issuance_id: int, word: str) -> None:
    """Put the valid certificate of this batch of one in the old one's place, in the caller's transaction.

    One that was revoked before the batch was begun stays revoked, and says by which it is followed. One that was revoked
    since takes the new one with it: whoever revoked it did not mean it to come back, and the lists were signed before.
    Nothing happens when the new one was revoked before it was issued. The caller says afterwards that look-ups have
    changed.

    Args:
        word: why, as anybody may read it, such as 姓名更正.
    """
    state = CertificateState.VALID.value
    new = await Certificate.filter(issuance_id=issuance_id, corrects_id=old_id, state=state).first()
    if new is None:
        return
    now, step = clock.now(), STEPS["supersede"]
    moved = await advance(
        "supersede",
        [old_id],
        changes={"superseded_by_id": [new.id], "superseded_at": [now], "superseded_word": [word]},
    )
    if not moved:
        old, issuance = await Certificate.get(id=old_id), await Issuance.get(id=issuance_id)
        if is_revoked_since(old, issuance):
            reason = "所更正的证书在换发期间已被撤销"
            await revocation.take_validity(clock, faults, new, reason, actor=SYSTEM)
            return
        await queries.name_successor(old_id, new.id)
    await faults.reach("supersession.supersede: the old one is superseded")
    old = await Certificate.get(id=old_id)
    await audit_log.record(
        clock,
        SYSTEM,
        "certificate.supersede" if moved else "certificate.follow",
        "certificate",
        old.number,
        was={"state": step.source.value} if moved else None,
        became={"state": old.state, "superseded_by": new.number, "reason": word},
    )


def is_revoked_since(old: Certificate, issuance: Issuance) -> bool:
    """Whether the old one was revoked after the batch in its place was begun: it is not meant to come back.

    The list of a batch of one asks the same (`roster_query`), after which nobody could revoke it unseen.
    """
    return old.revoked_at is not None and old.revoked_at > issuance.created_at
