"""更正 (S68): one asks with the letter, another approves; record and certificates follow, and every surface says so."""

from __future__ import annotations

import pytest

from server.domain.certificates import verification
from server.domain.corrections import case_views, deciding
from server.domain.corrections.states import CorrectionState
from server.domain.ports import Services
from server.errors import Forbidden
from server.models import AuditEntry, Candidate, Certificate, Correction, Delivery, Issuance
from tests.kit import correcting, make
from tests.kit.correcting import APPROVER, ASKER


@pytest.mark.rule("S68")
async def test_a_wrong_name_is_corrected_and_the_certificate_follows(services: Services) -> None:
    s = services
    of = await correcting.issued(s)
    old = await correcting.certificate(of)
    case = await correcting.asked(s, of)
    assert (await Candidate.get(id=case.candidate_id)).name == "龙雯"
    with pytest.raises(Forbidden) as alone:
        await deciding.approve(s, case.id, actor=ASKER)
    assert alone.value.code == "same_person"

    assert await deciding.approve(s, case.id, actor=APPROVER) is CorrectionState.UNDER_WAY
    assert (await Candidate.get(id=case.candidate_id)).name == "龙文"
    batch = await Issuance.get(corrects_id=old.id)
    assert (batch.state, batch.count, batch.correction_word) == ("prepared", 1, "姓名更正")
    assert (await Certificate.get(id=old.id)).state == "valid"  # until the new one is there
    status = await verification.public_status(s.clock, old.number)
    assert status is not None and status.state == "valid"

    await correcting.reissued(s, of, case)
    old, new = await Certificate.get(id=old.id), await Certificate.get(issuance_id=batch.id)
    assert (old.state, old.superseded_by_id, old.superseded_word) == ("superseded", new.id, "姓名更正")
    assert (new.state, new.corrects_id) == ("valid", old.id)
    assert new.number != old.number
    assert (await Correction.get(id=case.id)).state == "done"
    [told] = await Delivery.filter(candidate_id=case.candidate_id, topic="correction_done")
    assert told.fields_shown == {
        "thing1": "姓名更正",
        "thing2": "已换发新证书 1 份",
        "time3": "2026年11月23日 12:00",
    }
    view = await case_views.view(s.keys, case.id, actor=make.ADMIN)
    assert [(one.label, one.was, one.becomes) for one in view.changes] == [("姓名", "龙雯", "龙文")]
    [anew] = view.certificates
    assert (anew.old_number, anew.new_number) == (old.number, new.number)
    trail = await AuditEntry.filter(subject_kind="correction").order_by("id")
    assert [(one.action, one.actor_id) for one in trail] == [
        ("correction.request", ASKER.id),
        ("correction.approve", APPROVER.id),
        ("correction.complete", None),
    ]
