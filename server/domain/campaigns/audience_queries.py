"""The SQL of an audience: who they are, which way is open to each, and their snapshot, one statement each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from tortoise.transactions import in_transaction

from server.domain.campaigns.audience import Audience
from server.domain.campaigns.person_fields import PERSON_FIELDS
from server.domain.notices import routing
from server.errors import Refused
from server.models import failures
from server.models.database import rows, write

TOO_SLOW = (
    "受众太大，现在数不完；请缩小范围，或直接提交批准：名单由后台写成，写好以后这里显示人数，不会因此发送。"
)
WHY_NOT = {
    "unbound": "没有绑定微信",
    "no_way": routing.NO_WAY,
    "unwilling": routing.UNWILLING,
}
_TABLES = """
FROM candidate c LEFT JOIN registration r ON r.candidate_id = c.id
LEFT JOIN plan p ON p.id = r.plan_id LEFT JOIN site t ON t.id = r.site_id
"""
# One row a person, by the latest of their registrations that fits; the first way that is open, or why none is.
# Materialized: where PostgreSQL expects one person, it would work all ways out anew for each of them.
_PEOPLE = """
WITH audience AS MATERIALIZED (
    SELECT DISTINCT ON (c.id) c.id AS candidate_id, r.id AS registration_id {tables} {where}
    ORDER BY c.id, p.exam_date DESC NULLS LAST, r.id DESC
), bound AS MATERIALIZED (
    SELECT DISTINCT b.candidate_id FROM binding b JOIN audience USING (candidate_id) WHERE b.unbound_at IS NULL
), open_way AS MATERIALIZED (
    SELECT DISTINCT ON (b.candidate_id) b.candidate_id, b.account, b.openid, w.channel, w.topic
    FROM audience JOIN binding b USING (candidate_id)
    JOIN jsonb_to_recordset($1::text::jsonb) AS w(channel text, account text, topic text, rank int)
      ON w.account = b.account
    LEFT JOIN follower f ON f.openid = b.openid AND w.channel = 'template'
    LEFT JOIN notice_grant g ON g.account = b.account AND g.openid = b.openid AND g.topic = w.topic
    WHERE b.unbound_at IS NULL
      AND CASE w.channel WHEN 'template' THEN COALESCE(f.is_following, TRUE) ELSE COALESCE(g.remaining, 0) > 0 END
    ORDER BY b.candidate_id, w.rank
), unwilling AS (
    SELECT o.candidate_id FROM notice_opt_out o WHERE o.choice = COALESCE($3::text, (SELECT kind FROM campaign WHERE id = $2))
), people AS (
    SELECT a.candidate_id, a.registration_id, o.account, o.openid, o.channel, o.topic,
           CASE WHEN o.candidate_id IS NOT NULL THEN '' WHEN bound.candidate_id IS NULL THEN 'unbound'
                WHEN u.candidate_id IS NOT NULL THEN 'unwilling' ELSE 'no_way' END AS why_not
    FROM audience a LEFT JOIN unwilling u ON u.candidate_id = a.candidate_id
    LEFT JOIN open_way o ON o.candidate_id = a.candidate_id AND u.candidate_id IS NULL
    LEFT JOIN bound ON bound.candidate_id = a.candidate_id
)
"""
_OF_PERSON = """
FROM people s JOIN candidate c ON c.id = s.candidate_id LEFT JOIN registration r ON r.id = s.registration_id
LEFT JOIN plan p ON p.id = r.plan_id LEFT JOIN site t ON t.id = r.site_id LEFT JOIN school h ON h.id = t.school_id
"""
_FREEZE = """
, frozen AS (
INSERT INTO delivery (dedup, campaign_id, topic, account, channel, openid, candidate_id, registration_id, fields_shown, path, state,
                      attempts, retries, msgid, last_error, remedy, next_try_at, created_at, settled_at)
SELECT 'campaign:' || {campaign} || ':' || s.candidate_id, {campaign}, COALESCE(s.topic, 'campaign'),
       COALESCE(s.account, ''), COALESCE(s.channel, 'none'), COALESCE(s.openid, ''), s.candidate_id, s.registration_id,
       jsonb_strip_nulls(jsonb_build_object({fields})), {path}, CASE s.why_not WHEN '' THEN 'pending' ELSE 'no_way' END,
       0, 0, '', CASE s.why_not WHEN 'unbound' THEN '{unbound}' WHEN 'no_way' THEN '{no_way}'
            WHEN 'unwilling' THEN '{unwilling}' ELSE '' END, '',
       CASE s.why_not WHEN '' THEN {now} END, {now}, CASE s.why_not WHEN '' THEN NULL ELSE {now} END
{person} RETURNING channel
) SELECT count(*) AS people, count(*) FILTER (WHERE channel <> 'none') AS reachable FROM frozen
"""
_COUNTS = """
, numbered AS (SELECT why_not, candidate_id, row_number() OVER (PARTITION BY why_not ORDER BY candidate_id) AS place FROM people)
SELECT why_not, count(*) AS n, array_agg(candidate_id ORDER BY candidate_id) FILTER (WHERE place <= {first}) AS first
FROM numbered GROUP BY why_not
"""
_FIRST = """
SELECT c.id {tables} {where} ORDER BY c.id LIMIT 1
"""
_SAMPLE = """
SELECT s.candidate_id, c.name, h.name AS school, p.name AS plan, r.admission_number, s.channel, s.why_not,
       jsonb_strip_nulls(jsonb_build_object({fields})) AS values
{person} ORDER BY s.candidate_id
"""
_MANY = "SELECT count(*) AS n FROM (SELECT 1 {tables} WHERE {conditions} LIMIT {most}) many"
FEW = 200
_PAYS = "EXISTS (SELECT 1 FROM fee f WHERE f.registration_id = r.id AND f.state = ANY({}))"
_LISTED = "EXISTS (SELECT 1 FROM campaign_listed l WHERE l.campaign_id = {} AND l.candidate_id = c.id)"


@dataclass(slots=True)
class _Values:
    """The statement's values in their order; `put` gives one its place."""

    values: list[Any] = field(default_factory=list)

    def put(self, value: Any, kind: str) -> str:
        self.values.append(value)
        return f"${len(self.values)}::{kind}"


@dataclass(frozen=True, slots=True)
class Frozen:
    """How many people a snapshot has, and how many of them have a way."""

    people: int
    reachable: int


@dataclass(frozen=True, slots=True)
class Group:
    """People of an audience with the same answer to whether they can be reached; `first`: some of them, by number."""

    people: int
    first: Sequence[int]


@dataclass(frozen=True, slots=True)
class SamplePerson:
    """Somebody of an audience, as the database knows them."""

    candidate_id: int
    name: str
    school: str | None
    plan: str | None
    admission_number: str | None
    channel: str | None
    why_not: str
    values: Mapping[str, str]


async def counts(
    audience: Audience,
    ways: Sequence[Mapping[str, Any]],
    now: datetime,
    campaign: int,
    *,
    first: int,
    kind: str | None = None,
    seconds: float | None = None,
) -> dict[str, Group]:
    """The people by why they cannot be reached; "": they can. Each with its `first` candidates.

    Args:
        kind: of a campaign that is not written down; None: as the campaign says.
        seconds: it may take; None: as long as any statement of a page.

    Raises Refused: audience_slow — it takes longer than a page's statement may.
    """
    people, values = _people(audience, ways, now, campaign, kind=kind)
    statement = people + _COUNTS.format(first=values.put(first, "int"))
    try:
        async with in_transaction():
            if seconds is not None:
                await write(f"SET LOCAL statement_timeout = {int(seconds * 1000)}")
            await _plan_for(audience, now, campaign)
            found = await rows(statement, *values.values)
    except Exception as error:
        if failures.was_too_slow(error):
            raise Refused("audience_slow", TOO_SLOW) from None
        raise
    return {str(row["why_not"]): Group(int(row["n"]), row["first"]) for row in found}


async def sample(
    audience: Audience,
    ways: Sequence[Mapping[str, Any]],
    now: datetime,
    campaign: int,
    candidates: Sequence[int],
) -> list[SamplePerson]:
    """Those of these candidates who are of the audience: it is looked up for them alone."""
    people, values = _people(audience, ways, now, campaign, only=candidates)
    some = _SAMPLE.format(fields=_fields(PERSON_FIELDS), person=_OF_PERSON)
    found = await rows(people + some, *values.values)
    return [SamplePerson(**{**row, "values": orjson.loads(row["values"])}) for row in found]


async def first(audience: Audience, now: datetime, campaign: int) -> list[int]:
    """The first candidate of an audience, or nobody."""
    values = _Values()
    where = "WHERE " + " AND ".join(_conditions(audience, values, now, campaign))
    return [int(row["id"]) for row in await rows(_FIRST.format(tables=_TABLES, where=where), *values.values)]


async def freeze(
    audience: Audience,
    ways: Sequence[Mapping[str, Any]],
    now: datetime,
    campaign: int,
    *,
    wanted: Sequence[str],
    path: str,
) -> Frozen:
    """Write the snapshot: one delivery a person, by one statement, in the caller's transaction.

    Args:
        wanted: the names of the person's fields that the messages say.
    """
    people, values = _people(audience, ways, now, campaign)
    insert = _FREEZE.format(
        campaign=values.put(campaign, "bigint"),
        fields=_fields(wanted),
        path=values.put(path, "text"),
        now=values.put(now, "timestamptz"),
        person=_OF_PERSON,
        **WHY_NOT,
    )
    await _plan_for(audience, now, campaign)
    [row] = await rows(people + insert, *values.values)
    return Frozen(int(row["people"]), int(row["reachable"]))


async def _plan_for(audience: Audience, now: datetime, campaign: int) -> None:
    """Of an audience of many, have the tables joined as a whole, until the caller's transaction ends.

    PostgreSQL cannot know how many people come out of the conditions; it guesses few, and would then look hundreds of
    thousands of them up one by one, in each other's lists.
    """
    values = _Values()
    conditions = " AND ".join(_conditions(audience, values, now, campaign))
    [row] = await rows(_MANY.format(tables=_TABLES, conditions=conditions, most=FEW), *values.values)
    if row["n"] == FEW:
        await write("SET LOCAL enable_nestloop = off")


async def thaw(campaign: int) -> None:
    """Forget a snapshot of which nothing was sent, in the caller's transaction."""
    await write("DELETE FROM delivery WHERE campaign_id = $1", campaign)


def _fields(names: Sequence[str] | Mapping[str, Any]) -> str:
    return ", ".join(f"'{name}', {PERSON_FIELDS[name].sql}" for name in names)


def _people(
    audience: Audience,
    ways: Sequence[Mapping[str, Any]],
    now: datetime,
    campaign: int,
    *,
    only: Sequence[int] | None = None,
    kind: str | None = None,
) -> tuple[str, _Values]:
    """The start of a statement, and its values. `only`: of these candidates."""
    values = _Values()
    values.put(orjson.dumps(list(ways)).decode(), "text")
    values.put(campaign, "bigint")
    values.put(kind, "text")
    conditions = _conditions(audience, values, now, campaign)
    if only is not None:
        conditions.append(f"c.id = ANY({values.put(list(only), 'bigint[]')})")
    return _PEOPLE.format(tables=_TABLES, where="WHERE " + " AND ".join(conditions)), values


def _conditions(audience: Audience, values: _Values, now: datetime, campaign: int) -> list[str]:
    """What of an audience is chosen, as conditions. Results that are not released choose nobody; nobody is erased."""
    found = ["c.erased_at IS NULL"]
    if audience.plans:
        found.append(f"r.plan_id = ANY({values.put(list(audience.plans), 'bigint[]')})")
    if audience.levels:
        found.append(f"t.level = ANY({values.put(list(audience.levels), 'text[]')})")
    if audience.schools:
        found.append(f"t.school_id = ANY({values.put(list(audience.schools), 'bigint[]')})")
    if audience.outcomes:
        found.append(f"r.outcome = ANY({values.put(list(audience.outcomes), 'text[]')})")
        found.append(f"p.release_at <= {values.put(now, 'timestamptz')}")
    if audience.payment:
        found.append(_PAYS.format(values.put(list(audience.payment), "text[]")))
    if audience.certificate:
        found.append(("" if audience.certificate == "issued" else "NOT ") + _HAS_CERTIFICATE)
    if audience.binding:
        found.append(_BINDINGS[audience.binding])
    if audience.uses_list:
        found.append(_LISTED.format(values.put(campaign, "bigint")))
    return found


_HAS_CERTIFICATE = (
    "EXISTS (SELECT 1 FROM certificate k JOIN issuance i ON i.id = k.issuance_id"
    " WHERE k.registration_id = r.id AND k.state = 'valid' AND i.issued_at IS NOT NULL)"
)
_BOUND = "EXISTS (SELECT 1 FROM binding b WHERE b.candidate_id = c.id AND b.unbound_at IS NULL{})"
_BINDINGS = {
    "bound": _BOUND.format(""),
    "oa": _BOUND.format(" AND b.account = 'oa'"),
    "mp": _BOUND.format(" AND b.account = 'mp'"),
    "unbound": "NOT " + _BOUND.format(""),
}
