"""docs/alerts.yml: every metric is there, every alert is in the handbook, and every alert fires once, from a real state."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sanic import Sanic

from server.domain.actor import SYSTEM
from server.domain.audit import audit_log, chain
from server.domain.notices import hold
from server.domain.ports import (
    Services,
)
from server.models import database
from server.models.database import rows
from tests.kit import alert_rules
from tests.kit.alert_rules import Samples, fires, metrics_of
from tests.kit.alerting import PROVOKED, beat, scrape
from tests.kit.noticing import clock, put
from tests.kit.started import free_port

App = Sanic[Any, Any]
RULES = alert_rules.rules()
OPERATE = (Path(__file__).resolve().parents[2] / "docs" / "operate.md").read_text("utf-8")


@pytest.fixture
async def at_rest(app: App, services: Services) -> Samples:
    """A service in order: a backup has been made, job and web processes live."""
    await audit_log.record(services.clock, SYSTEM, "backup.make", "backup", 0)
    for _ in range(2):
        await chain.extend(services)
    for kind, pid in (("web", 1), ("jobs", 2)):
        await services.process_board.tell(beat(services, kind=kind, pid=pid))
    return await scrape(app)


def test_every_alert_has_its_state() -> None:
    assert sorted(PROVOKED) == sorted(set(RULES) - {"XcertDown"})


async def test_nothing_fires_at_rest_and_every_metric_is_there(app: App, at_rest: Samples) -> None:
    now = await scrape(app)
    assert [
        name for name, rule in RULES.items() if name != "XcertDown" and fires(rule["expr"], at_rest, now)
    ] == []
    wanted = {metric for rule in RULES.values() for metric in metrics_of(rule["expr"])} - {"up"}
    assert wanted - now.names - ONLY_WITH_HTTPS == set()


ONLY_WITH_HTTPS = frozenset(
    {"xcert_tls_expiry_seconds", "xcert_tls_problem"}
)  # there once the hourly look has been


@pytest.mark.parametrize("name", sorted(PROVOKED))
async def test_every_alert_fires(app: App, services: Services, at_rest: Samples, name: str) -> None:
    await PROVOKED[name](app, services)
    now = await scrape(app)
    assert fires(RULES[name]["expr"], at_rest, now)
    assert metrics_of(RULES[name]["expr"]) <= now.names


async def test_a_service_that_does_not_answer_is_down() -> None:
    """`up` is Prometheus' own: 0 when the scrape got no answer."""
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", free_port())
    down = Samples({("up", (("job", "xcert"),)): 0.0}, frozenset({"up"}))
    assert fires(RULES["XcertDown"]["expr"], down, down)
    assert not fires(
        RULES["XcertDown"]["expr"], down, Samples({("up", (("job", "xcert"),)): 1.0}, frozenset())
    )


async def test_notices_that_are_held_on_purpose_alarm_nobody(
    app: App, services: Services, at_rest: Samples
) -> None:
    await put(services)
    await rows("INSERT INTO notice_hold (id, since, reason) VALUES (1, now(), '恢复了备份')")
    assert await hold.current() is not None
    clock(services).forward(hours=26)
    now = await scrape(app)
    assert not fires(RULES["XcertNoticesOverdue"]["expr"], at_rest, now)


@pytest.mark.parametrize(
    "wrong", ["rate(x[5m]) > 1", "x > y", "sum by (a) (x) > 1", 'x{a=~"b"} > 1', "absent(x)"]
)
def test_a_form_that_no_test_can_judge_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError):
        fires(wrong, Samples({}, frozenset()), Samples({}, frozenset()))


def test_the_handbook_has_every_alert_with_what_to_do() -> None:
    anchors = {line.lstrip("# ").replace(" ", "-") for line in OPERATE.splitlines() if line.startswith("#")}
    wanted = []
    for name, rule in RULES.items():
        said = re.fullmatch(r"(.+)（docs/operate\.md#(.+)）", rule["annotations"]["怎样处理"])
        assert said is not None and said[2] in anchors, name
        assert rule["labels"]["severity"] in ("page", "warn")
        wanted.append(
            f"| `{name}` | {rule['annotations']['summary']} | {said[1]}（[{said[2]}](#{said[2]})） |"
        )
    assert re.findall(r"^\| `Xcert.*", OPERATE, re.MULTILINE) == wanted


async def test_without_the_database_the_rest_is_told(
    app: App, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> list[dict[str, Any]]:
        raise asyncpg.InterfaceError("connection is closed")

    for module in ("server.domain.operations.standing", "server.domain.notices.backlog"):
        monkeypatch.setattr(f"{module}.rows", away)
    now = await scrape(app)
    failing = {
        dict(labels)["collector"]
        for (name, labels), value in now.values.items()
        if name == "xcert_collector_up" and not value
    }
    assert failing == {"jobs", "pushes", "notices", "deliveries", "work", "log_ins", "audit"}
    assert ("xcert_seal_unusable", ()) in now.values and database.pool_use()[1] > 0
