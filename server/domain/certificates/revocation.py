"""撤销: a certificate's validity is taken away for good."""

from __future__ import annotations

from typing import Any

from server.domain import freshness, roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.certificates.certificate_search import by_number
from server.domain.certificates.states import STEPS, CertificateState, moved_on
from server.domain.certificates.transitions import advance
from server.domain.fault_points import transaction
from server.domain.people.free_text import clean_reason
from server.domain.ports import Clock, FaultInjector
from server.domain.roles import Verb
from server.errors import FieldError, Invalid
from server.models import Certificate

REASON_LENGTH = 300


async def revoke(clock: Clock, faults: FaultInjector, number: str, reason: str, *, actor: Actor) -> None:
    """Take a certificate's validity away, with a reason that its holder sees (1–300 characters).

    Raises:
        Forbidden("role_not_allowed") · NotFound("certificate_not_found") · Invalid: reason_missing, reason_too_long ·
        Conflict("already_revoked" or "certificate_moved").
    """
    roles.require(actor, Verb.REVOKE)
    reason = clean_reason(reason)
    if not 0 < len(reason) <= REASON_LENGTH:
        code = "reason_too_long" if reason else "reason_missing"
        raise Invalid(
            errors=[FieldError("/reason", code, f"请写明撤销原因，1至{REASON_LENGTH}字；持证人会看到。")]
        )
    async with transaction(faults, "certificates.revoke"):
        await take_validity(clock, faults, await by_number(number), reason, actor=actor)
        await freshness.changed()


async def take_validity(
    clock: Clock, faults: FaultInjector, certificate: Certificate, reason: str, *, actor: Actor
) -> None:
    """The same in the caller's transaction, who has asked whether the actor may, and says that look-ups have changed.

    Raises:
        Conflict("already_revoked" or "certificate_moved").
    """
    step = STEPS["revoke"]
    changes: dict[str, list[Any]] = {"revoked_at": [clock.now()], "revoke_reason": [reason]}
    if not await advance("revoke", [certificate.id], changes=changes):
        current = await Certificate.get(id=certificate.id)
        raise moved_on(step, CertificateState(current.state))
    await faults.reach("certificates.revoke: the state is written")
    was, became = {"state": step.source.value}, {"state": step.target.value, "reason": reason}
    await audit_log.record(
        clock, actor, "certificate.revoke", "certificate", certificate.number, was=was, became=became
    )
