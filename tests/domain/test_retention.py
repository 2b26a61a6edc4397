"""How long what is kept: every rule clears what is old, leaves what is not, goes on after a death, and says how much it was."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from server.domain.actor import Actor
from server.domain.campaigns import delivery_list
from server.domain.ports import Services
from server.domain.privacy import retention
from server.domain.privacy.holding import Kind
from server.domain.privacy.holdings import HOLDINGS
from server.domain.privacy.retention import RULES
from server.models import (
    AuditEntry,
    Binding,
    Campaign,
    CampaignListed,
    Delivery,
    FinanceAlarm,
    Follower,
    ImportRun,
)
from server.models.database import rows
from tests.kit import make
from tests.kit.crashes import arm
from tests.kit.fakes import Killed
from tests.kit.lock_waits import somebody_waits
from tests.kit.refusals import code_of

CLEARED = tuple(rule for rule in RULES if rule.statement)


async def kept(s: Services, old: int) -> None:
    """One of everything that a rule clears, `old` days old."""
    then = s.clock.now() - timedelta(days=old, minutes=1)
    who = await make.candidate(s)
    await Delivery.create(
        dedup=f"d{old}", topic="results_released", openid="oOne", candidate=who, fields_shown={"name": "崔**"},
        path="/h5/", state="delivered", msgid="1", settled_at=then,
    )  # fmt: skip
    await Delivery.create(
        dedup=f"u{old}", topic="results_released", openid="oOne", candidate=who, fields_shown={"name": "崔**"},
        path="/h5/", state="unknown", sent_at=then, created_at=then,
    )  # fmt: skip
    await Delivery.filter(dedup=f"u{old}").update(created_at=then)
    await FinanceAlarm.create(
        dedup=f"a{old}", kind="balance_short", raised_at=then, settled_at=then, settled_by_name="王敏", note="已充值",
    )  # fmt: skip
    await Binding.create(account="oa", openid=f"o{old}", candidate=who, bound_at=then, unbound_at=then)
    await Follower.create(openid=f"o{old}", is_following=False, changed_at=then)
    campaign = await Campaign.create(
        name=f"群发{old}", kind="other", ways=[], audience={}, state="cancelled", not_after=then, author_id=1,
        author_name="王敏", per_second=1, per_day=1, ended_at=then, created_at=then,
    )  # fmt: skip
    await CampaignListed.create(campaign=campaign, candidate=who)
    await ImportRun.create(
        kind="candidates", file_name="崔子涵.xlsx", file_sha256=b"1", file_key="", is_dry_run=False, state="done",
        errors=[{"row": 2, "column": "姓名", "code": "x", "detail": "", "value": "崔*"}], finished_at=then,
    )  # fmt: skip


async def left(rule: retention.Rule) -> int:
    """Rows that still hold what the rule clears."""
    told = {
        "unknown": "state = 'unknown'",
        "notices": "state = 'delivered' AND (openid <> '' OR fields_shown <> '{}' OR msgid <> '')",
        "imports": "file_name <> '' OR errors <> '[]'",
    }.get(rule.name, "true")
    return int((await rows(f"SELECT count(*) AS n FROM {rule.table} WHERE {told}"))[0]["n"])


async def test_what_is_old_goes_and_the_rest_stays(services: Services) -> None:
    s = services
    for old in (0, 5, 731):
        await kept(s, old)
    assert await retention.sweep(s) == {rule.name: 1 for rule in CLEARED}
    assert {rule.name: await left(rule) for rule in CLEARED} == {rule.name: 2 for rule in CLEARED}
    entry = await AuditEntry.get(action="retention.sweep")
    assert entry.became == {rule.name: 1 for rule in CLEARED}
    assert set((await retention.sweep(s)).values()) == {0}
    assert await AuditEntry.filter(action="retention.sweep").count() == 1


@pytest.mark.parametrize("rule", CLEARED, ids=lambda rule: str(rule.name))
async def test_the_setting_says_how_long(services: Services, rule: retention.Rule) -> None:
    s = services
    await kept(s, retention.days(s.settings, rule) - 1)
    assert (await retention.sweep(s))[rule.name] == 0
    s.clock.forward(days=1)  # type: ignore[attr-defined]  # a clock that a test moves
    assert (await retention.sweep(s))[rule.name] == 1


async def test_a_bound_leaver_and_an_officer_are_kept(services: Services) -> None:
    s = services
    who, then = await make.candidate(s), s.clock.now() - timedelta(days=99)
    await Follower.create(openid="oBound", is_following=False, changed_at=then)
    await Binding.create(account="oa", openid="oBound", candidate=who, bound_at=then)
    assert (await retention.sweep(s))["leavers"] == 0


async def test_what_nobody_decided_about_ends_and_is_not_sent_anew(services: Services) -> None:
    """Nothing is left to be sent: it has an ending, and an alarm that nobody settled stays."""
    s = services
    await kept(s, 366)
    await FinanceAlarm.filter(dedup="a366").update(settled_at=None)
    await retention.sweep(s)
    ended = await Delivery.get(dedup="u366")
    assert (ended.state, ended.settled_at, ended.fields_shown, ended.openid) == (
        "cancelled", s.clock.now(), {}, "",
    )  # fmt: skip
    refused = delivery_list.send_anew(
        s.clock, s.queue, ended.id, actor=Actor("staff", 3, "周", role="notifier")
    )
    assert await code_of(refused) == "delivery_moved"
    assert await FinanceAlarm.all().count() == 1


async def test_who_follows_again_while_leavers_are_cleared_stays(services: Services, db_url: str) -> None:
    s = services
    await kept(s, 31)
    link = await asyncpg.connect(db_url)
    try:
        push = link.transaction()
        await push.start()
        await link.execute("UPDATE follower SET is_following = TRUE, changed_at = $1", s.clock.now())
        sweeping = asyncio.create_task(retention.sweep(s))
        await somebody_waits(db_url)
        await push.commit()
        assert (await sweeping)["leavers"] == 0
    finally:
        await link.close()
    assert await Follower.all().count() == 1


async def test_who_dies_between_two_slices_is_followed(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    s = services
    monkeypatch.setattr(retention, "SLICE", 1)
    for old in (400, 401, 402):
        await kept(s, old)
    arm(s, "retention: a slice of notices", 2)
    with pytest.raises(Killed):
        await retention.sweep(s)
    arm(s)
    [notices] = [rule for rule in CLEARED if rule.name == "notices"]
    assert await left(notices) == 1
    assert (await retention.sweep(s))["notices"] == 1


def test_every_table_that_names_several_people_has_its_time() -> None:
    """What cannot be found by person, and so not erased by person, goes with time."""
    passing = {table for table, of in HOLDINGS.items() if Kind.PASSING in {kind for _, kind in of.columns()}}
    assert passing - {rule.table for rule in RULES} == set()
    assert {rule.table for rule in RULES} - set(HOLDINGS) == {"Redis"}


def test_the_documents_say_how_long() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs/privacy.md").read_text("utf-8")
    assert retention.rules_as_markdown() in text
