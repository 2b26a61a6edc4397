"""What somebody began before an erasure and ends after it is refused, and nothing of it stays."""

from __future__ import annotations

import pytest
from tortoise.exceptions import IntegrityError

from server.domain import score_changes
from server.domain.corrections import requesting
from server.domain.corrections.contents import CorrectionKind
from server.domain.corrections.requesting import Wish
from server.domain.ports import Services
from server.domain.privacy import erasing, erasure_facts, states
from server.models import Candidate, Correction, Registration
from server.models.database import rows
from tests.kit import correcting, make
from tests.kit.exchange import exchange
from tests.kit.fakes import KillerFaultInjector
from tests.kit.jobs import drained
from tests.kit.refusals import code_of
from tests.kit.whole_person import ASKED, whole_person

ASKER, APPROVER = make.OPERATOR, make.ADMIN


async def erased(s: Services, who: Candidate) -> None:
    await erasing.approve(s, await erasing.ask(s, who.id, ASKED, actor=ASKER), actor=APPROVER)
    await drained(s)


async def test_a_correction_whose_letter_is_being_stored_meanwhile_is_refused(services: Services) -> None:
    """Nothing of it is kept: neither a row nor the letter."""
    s = services
    who = await whole_person(s)
    before = await Correction.all().count()

    class Meanwhile:
        async def reach(self, place: str) -> None:
            if place == "corrections.request: the letter is kept":
                exchange(s, faults=KillerFaultInjector())
                await erased(s, who)

    exchange(s, faults=Meanwhile())
    wish = Wish(
        kind=CorrectionKind.PERSON, candidate_id=who.id, name="龙雯雯", reason=correcting.REASON,
        letter=correcting.LETTER,
    )  # fmt: skip
    assert await code_of(requesting.request(s, wish, actor=ASKER)) == "candidate_erased"
    assert await Correction.all().count() == before
    assert [one.key async for one in s.file_store.listing() if one.key.startswith("corrections/")] == []


async def test_nothing_is_written_onto_who_is_erased_behind_the_verbs(services: Services) -> None:
    who = await whole_person(services)
    await erased(services, who)
    for table, columns, values in (
        ("practice_record", "level, practice_hours, supervision_hours, updated_at", "'primary', 1, 1, now()"),
        ("notice_opt_out", "choice, made_at", "'campaign', now()"),
    ):
        with pytest.raises(IntegrityError, match="已删除"):
            await rows(f"INSERT INTO {table} (candidate_id, {columns}) VALUES ($1, {values})", who.id)


async def test_scores_of_an_erased_person_are_not_changed(services: Services) -> None:
    """Otherwise a certificate could be made out to nobody."""
    s = services
    who = await whole_person(s)
    await erased(s, who)
    place = await Registration.get(candidate_id=who.id)
    asked = score_changes.request(
        s.clock,
        place.admission_number,
        None,
        status="scored",
        score="88",
        reason="成绩登记错误，见复核单",
        actor=make.OPERATOR,
    )
    assert await code_of(asked) == "candidate_erased"


async def test_two_erasures_are_not_asked_for_side_by_side(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one began to ask before the first one was approved."""
    s = services
    who = await whole_person(s)
    under_way = erasure_facts.under_way

    async def looked(candidate_id: int, standing: states.Standing) -> states.Standing:
        known = await under_way(candidate_id, standing)
        if looking:
            looking.clear()
            await erased(s, who)
        return known

    looking = [True]
    monkeypatch.setattr(erasure_facts, "under_way", looked)
    assert await code_of(erasing.ask(s, who.id, ASKED, actor=ASKER)) == "erased"
