"""What somebody began before an erasure and ends after it is refused, and nothing of it stays."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from server.domain import score_changes
from server.domain.campaigns import audience_queries, lists
from server.domain.campaigns.audience import Audience
from server.domain.certificates import downloads
from server.domain.corrections import requesting
from server.domain.corrections.contents import CorrectionKind
from server.domain.corrections.requesting import Wish
from server.domain.issuance import roster_query
from server.domain.notices.telling import Notice, tell
from server.domain.ports import Services
from server.domain.privacy import erasing, erasure_facts, states
from server.models import Candidate, Certificate, Correction, Delivery, Issuance, Plan, Registration
from server.models.database import rows
from tests.kit import campaigning, correcting, make
from tests.kit.exchange import exchange
from tests.kit.fakes import KillerFaultInjector
from tests.kit.importing import book
from tests.kit.jobs import drained
from tests.kit.lock_waits import somebody_waits
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


async def test_a_picture_that_is_being_drawn_meanwhile_is_not_kept(services: Services) -> None:
    """Not by whoever draws it; and whoever dies before looking is followed by the sweep."""
    s = services
    who = await whole_person(s)
    valid = await Certificate.get(candidate_id=who.id, state="valid")
    place = "downloads.picture: it is kept"

    class Meanwhile:
        async def reach(self, reached: str) -> None:
            if reached == place:
                exchange(s, faults=KillerFaultInjector())
                await erased(s, who)
                await s.file_store.put(picture, b"as it was put a moment later")

    picture = valid.pdf_key.replace(".pdf", ".jpg")
    exchange(s, faults=Meanwhile())
    drawn = downloads.page_preview(s, valid.number, candidate_id=who.id)
    assert await code_of(drawn) == "certificate_erased"
    assert [one.key async for one in s.file_store.listing() if one.key.startswith("certificates/")] == []
    await s.file_store.put(picture, b"of one who died before looking")
    await erasing.sweep(s)
    assert [one.key async for one in s.file_store.listing() if one.key.startswith("certificates/")] == []


async def test_a_notice_put_while_the_erasure_is_approved_is_not_written(
    services: Services, db_url: str
) -> None:
    """It waits for the erasure and goes to the others alone; whoever told them is not disturbed."""
    s = services
    who, other = await whole_person(s), await make.candidate(s, "崔子涵")
    await correcting.bound(s, other.id, "oOther")
    before = await Delivery.all().count()
    case = await erasing.ask(s, who.id, ASKED, actor=ASKER)
    goes_on, is_held = asyncio.Event(), asyncio.Event()

    class Held:
        async def reach(self, place: str) -> None:
            if place == "erasing.approve: the record is erased":
                is_held.set()
                await goes_on.wait()

    held = replace(s, faults=Held())
    approving = asyncio.create_task(erasing.approve(held, case, actor=APPROVER))
    await is_held.wait()

    async def told() -> None:
        said = {"plan": "考试", "exam_date": "2026年9月22日", "released_at": "2026年11月23日 12:00"}
        notices = [Notice(one, f"told:{one}", said, "/h5/results") for one in (who.id, other.id)]
        async with in_transaction():
            await tell(s.settings, s.clock, s.queue, "results_released", notices)

    telling = asyncio.create_task(told())
    await somebody_waits(db_url)
    goes_on.set()
    await asyncio.gather(approving, telling)
    assert await Delivery.all().count() == before + 1
    assert (await Delivery.all().order_by("-id").first()).candidate_id == other.id  # type: ignore[union-attr]


async def test_nobody_lists_counts_or_certifies_who_is_erased(services: Services) -> None:
    s = services
    who = await whole_person(s)
    place = await Registration.get(candidate_id=who.id)
    await erased(s, who)
    await Certificate.filter(candidate_id=who.id, state="valid").update(
        state="revoked", revoked_at=s.clock.now()
    )
    plan = await Plan.get(id=place.plan_id)
    found = await audience_queries.counts(Audience(plans=(plan.id,)), [], s.clock.now(), 0, first=9)
    assert who.id not in [one for group in found.values() for one in group.first]
    campaign = await campaigning.written(s, plan)
    after = await Registration.get(id=place.id)
    listed = book([after.admission_number], header=["准考证号"])
    counted = await lists.hand_in(s, campaign.id, listed, actor=campaigning.WRITER)
    assert (counted.seen, counted.refused) == (1, 1)
    batch = (await Certificate.get(candidate_id=who.id, state="revoked", superseded_at=None)).issuance_id
    assert await roster_query.passed(await Issuance.get(id=batch)) == []


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
