"""What is held of whom: every column of the database is classified, and a person's copy has all that is theirs."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from server.domain.actor import Actor
from server.domain.ports import Services
from server.domain.privacy import personal_copy
from server.domain.privacy.candidate_tables import CANDIDATE_TABLES
from server.domain.privacy.holdings import HOLDINGS
from server.domain.privacy.personal_copy import Asked, PersonalCopy
from server.models import AuditEntry, Plan
from server.models.database import rows
from tests.kit import correcting, make
from tests.kit.refusals import code_of
from tests.kit.whole_person import ASKED, MOBILE, NUMBER, whole_person

_COLUMNS = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"


async def test_every_column_of_the_database_is_classified_once(services: Services) -> None:
    there = {(row["table_name"], row["column_name"]) for row in await rows(_COLUMNS)}
    classified = [(table, column) for table, of in HOLDINGS.items() for column, _ in of.columns()]
    assert len(classified) == len(set(classified))
    assert there - set(classified) == set(), "what do these hold? say so in server/domain/privacy"
    assert set(classified) - there == set()


def told(of: PersonalCopy) -> dict[str, list[dict[str, Any]]]:
    return {one.table: list(one.rows) for one in of.sections}


async def test_the_copy_has_every_personal_column(services: Services) -> None:
    s = services
    who = await whole_person(s)
    copy = await personal_copy.take(s, who.id, ASKED, actor=make.OPERATOR)
    found = told(copy)
    assert {table for table, told_rows in found.items() if not told_rows} == set()
    for holding in CANDIDATE_TABLES:
        columns = {name for row in found[holding.table] for name, value in row.items() if value is not None}
        assert set(holding.words) - columns == EMPTY.get(holding.table, set()), holding.table
    [person] = found["candidate"]
    assert (person["id_sealed"], person["mobile_sealed"]) == (NUMBER, MOBILE)
    assert {name.split("-")[0].split(".")[0] for name, _ in copy.files} == {"照片", "证书", "更正函件"}
    assert correcting.LETTER in [data for _, data in copy.files]


# Columns that this one person has nothing in.
EMPTY = {"candidate": {"erased_at"}, "erasure": {"done_at"}}


async def test_taking_a_copy_is_on_record_with_its_reason(services: Services) -> None:
    who = await make.candidate(services)
    await personal_copy.take(services, who.id, ASKED, actor=make.OPERATOR)
    entry = await AuditEntry.get(action="candidate.export")
    assert (entry.subject_id, entry.actor_id) == (str(who.id), make.OPERATOR.id)
    assert entry.became == {"what": "copy", "asked_on": "2026-11-20", "reason": ASKED.reason}


async def test_what_is_not_released_is_not_told(services: Services) -> None:
    s = services
    who = await whole_person(s)
    await Plan.all().update(release_at=s.clock.now() + timedelta(hours=1))
    found = told(await personal_copy.take(s, who.id, ASKED, actor=make.OPERATOR))
    assert found["score"] == found["score_change"] == found["certificate"] == []
    assert {row["outcome"] for row in found["registration"]} == {"成绩公布以后提供"}


async def test_refusals(services: Services) -> None:
    s = services
    who = await make.candidate(s)
    tomorrow = Asked(date(2099, 1, 1), ASKED.reason)
    for candidate_id, asked, actor, code in (
        (who.id, ASKED, Actor("staff", 5, "财务", role="finance"), "role_not_allowed"),
        (who.id, ASKED, make.school_account(await make.school()), "role_not_allowed"),
        (who.id, tomorrow, make.OPERATOR, "asked_on_future"),
        (who.id, Asked(ASKED.on, "申请"), make.OPERATOR, "reason_length"),
        (987654, ASKED, make.OPERATOR, "candidate_not_found"),
    ):
        assert await code_of(personal_copy.take(s, candidate_id, asked, actor=actor)) == code
    assert await AuditEntry.filter(action="candidate.export").count() == 0


async def test_nobody_copies_the_register_by_copies(services: Services) -> None:
    s = services
    who = await make.candidate(s)
    for _ in range(personal_copy.MOST_AN_HOUR):
        await personal_copy.take(s, who.id, ASKED, actor=make.OPERATOR)
    assert await code_of(personal_copy.take(s, who.id, ASKED, actor=make.OPERATOR)) == "copies_often"


async def test_anothers_wechat_is_not_told_in_full(services: Services) -> None:
    s = services
    who = await whole_person(s)
    await rows("UPDATE binding SET unbound_at = now() WHERE candidate_id = $1", who.id)
    found = told(await personal_copy.take(s, who.id, ASKED, actor=make.OPERATOR))
    assert all("…" in row["openid"] and row["unionid"] is None for row in found["binding"])
    assert found["follower"] == found["notice_grant"] == []
