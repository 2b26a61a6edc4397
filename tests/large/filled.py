"""Years of history in a database: 300,000 candidates, 12,000 batches, 150,000 certificates, 300,000 audit entries, made by the server itself.

One statement a table, no row sent over the wire; the money of these years as well (`filled_money.py`).
"""

from __future__ import annotations

import asyncpg

from server.domain.certificates.claims import Line, number_of
from server.domain.levels import Level
from server.domain.people.candidates import ABOUT_ID
from server.domain.ports import Keys
from tests.kit import make
from tests.large import bulk, filled_money

CANDIDATES, PLANS, SCHOOLS, CERTIFICATES, BOUND, ENTRIES = 300_000, 12, 1_000, 150_000, 50_000, 300_000
A_PLAN = CANDIDATES // PLANS  # people registered in it
ID_NUMBER = make.id_number(0)
FIRST = 900_000  # the number of the first school, as of the first of nearly everything
_LINE = Line(
    number=number_of("20", "SPS", Level.PRIMARY, 1),
    name="历年考生",
    id_hash="0" * 32,
    level="primary",
    plan="历年考试",
    exam_date="2020-09-01",
    certificate="社会心理服务职业技能等级证书",
    outcome="passed",
    standard="2021年3.0版",
    issuer="北京中文在线教育科技发展有限公司",
    school="历年学院",
).to_bytes()
_PASSED = (
    "(i / 1000 * 2000 + i % 1000)"  # a thousand who passed, a thousand who did not: half of each batch's site
)
_FILL = (
    "INSERT INTO school (id, name, created_at) SELECT 900000 + i, '历年第' || i || '学院', now()"
    f" FROM generate_series(0, {SCHOOLS - 1}) i",
    "INSERT INTO site (id, school_id, kind_id, level, name, is_open, created_at)"
    " SELECT 900000 + i, 900000 + i, :kind, 'primary', '历年第' || i || '站点', true, now()"
    f" FROM generate_series(0, {SCHOOLS - 1}) i",
    "INSERT INTO plan (id, name, kind_id, exam_date, release_at, announced_at, requires_practice, created_at)"
    " SELECT 900000 + i, '历年第' || i || '次考试', :kind, date '2020-09-01' + i * 60, timestamptz '2021-01-01',"
    f" now(), false, now() FROM generate_series(0, {PLANS - 1}) i",
    "INSERT INTO candidate (id, name, id_kind, id_sealed, id_index, kind, school_id, major_code, major_name,"
    " major_version, major_tier, photo_key, created_at, updated_at)"
    " SELECT 900000 + i, '考' || chr(19968 + i % 20000) || chr(19968 + i / 20000), '居民身份证', :number,"
    " sha256(i::text::bytea), 'school', 900000 + i % 1000, '', '', '', '', '', now(), now()"
    f" FROM generate_series(0, {CANDIDATES - 1}) i",
    # As the trigger does, which is off here.
    "INSERT INTO name_character (character) SELECT DISTINCT regexp_split_to_table(name, '') FROM candidate",
    "INSERT INTO registration (id, candidate_id, plan_id, site_id, admission_number, outcome, created_at)"
    f" SELECT 900000 + i, 900000 + i, 900000 + i / {A_PLAN}, 900000 + i % 1000, 'H' || i,"
    f" CASE WHEN i / 1000 % 2 = 0 THEN 'passed' ELSE 'failed' END, now() FROM generate_series(0, {CANDIDATES - 1}) i",
    "INSERT INTO score (id, registration_id, subject, score, status, updated_at)"
    " SELECT 900000 + i, 900000 + i, '机考', 70, 'scored', now()"
    f" FROM generate_series(0, {CANDIDATES - 1}) i",
    "INSERT INTO issuance (id, plan_id, site_id, state, revision, list_sha256, count, return_reason, issued_on,"
    " issued_at, announced_at, created_at, paper_settled)"
    " SELECT 900000 + i, 900000 + i / 1000, 900000 + i % 1000, 'issued', 1, '\\x00', 13 - i / 1000 % 2, '', date '2021-01-01',"
    f" now(), now(), now(), true FROM generate_series(0, {PLANS * SCHOOLS - 1}) i",
    "INSERT INTO certificate (id, number, issuance_id, registration_id, candidate_id, state, line, claims,"
    " claims_sha256, code, pdf_key, pdf_sha256, attempts, last_error, portal_number, revoke_reason, created_at, sealed_at)"
    f" SELECT 900000 + i, '20SPS1' || lpad(i::text, 8, '0') || 'Z', 900000 + {_PASSED} / {A_PLAN} * 1000 + i % 1000,"
    f" 900000 + {_PASSED}, 900000 + {_PASSED}, 'valid', '\\x{_LINE.hex()}', '{{}}', '\\x00', '', 'x', '\\x00', 0, '', 'P' || i, '', now(), now()"
    f" FROM generate_series(0, {CERTIFICATES - 1}) i",
    "INSERT INTO paper_run (id, issuance_id, state, prefix, width, first_sheet, last_sheet, left_out, slip, holder_name,"
    " courier, tracking_number, sent_at, difference_note, cancel_reason, created_by, created_by_name, created_at)"
    " SELECT id, id, 'sent', 'H', 10, (id - 900000) * 100, (id - 900000) * 100 + 99, 0, 'x', '', 'EMS', 'EA123456789CN',"
    " now(), '', '', 1, '签发员', now() FROM issuance WHERE id >= 900000",
    "INSERT INTO paper_sheet (run_id, number, serial, certificate_id, state, spoiled_reason, spoiled_by_name)"
    " SELECT issuance_id, n, 'H' || lpad(n::text, 10, '0'), id, 'used', '', '' FROM (SELECT id, issuance_id,"
    " (issuance_id - 900000) * 100 - 1 + row_number() OVER (PARTITION BY issuance_id ORDER BY id) AS n"
    " FROM certificate WHERE id >= 900000) c",
    "INSERT INTO log_entry (index, event, certificate, entry) SELECT i, 'issued', sha256(i::text::bytea), 'x'::bytea"
    f" FROM generate_series(0, {CERTIFICATES - 1}) i",
    "INSERT INTO binding (id, account, openid, unionid, candidate_id, bound_at)"
    f" SELECT 900000 + i, 'oa', 'oHistory' || i, '', 900000 + i, now() FROM generate_series(0, {BOUND - 1}) i",
    "INSERT INTO delivery (id, topic, dedup, account, channel, openid, candidate_id, fields_shown, path, state, attempts,"
    " msgid, last_error, next_try_at, created_at)"
    " SELECT 900000 + i, 'results_released', 'old:' || i, 'oa', 'template', 'oHistory' || i, 900000 + i, '{}', '',"
    f" 'delivered', 1, i::text, '', now(), now() FROM generate_series(0, {BOUND - 1}) i",
    "INSERT INTO audit_entry (id, at, actor_kind, actor_id, actor_name, action, subject_kind, subject_id, address,"
    " request_id) SELECT 9000000 + i, timestamptz '2021-01-01' + i * interval '1 minute', 'staff', 900000 + i % 500,"
    " '历年职员' || i % 500, 'history.' || i % 40, 'history', i::text, '', ''"
    f" FROM generate_series(0, {ENTRIES - 1}) i",
)


async def fill(url: str, kind_id: int, keys: Keys) -> None:
    """Fill the migrated database and let the planner look at it.

    Args:
        kind_id: the certificate kind that all of it is of.
        keys: they can read the identity number of everybody, which is the same.
    """
    given = {":kind": kind_id, ":number": keys.encrypt(ID_NUMBER, about=ABOUT_ID)}
    async with bulk.filling(url) as link:
        for statement in _FILL:
            [*needed] = [name for name in given if name in statement]
            await link.execute(
                statement.replace(needed[0], "$1") if needed else statement, *(given[name] for name in needed)
            )
        await filled_money.fill(link)
    link = await asyncpg.connect(url)
    try:
        await link.execute("VACUUM (ANALYZE)")  # as the database's own housekeeping leaves it
    finally:
        await link.close()
