"""The tour, beside an attacker."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.journeys import tour
from tests.journeys.attacker import ATTACKS, attacking
from tests.journeys.people import Desk
from tests.journeys.service import Service

pytestmark = pytest.mark.timeout(600)
UNCLOSED = '姓名,证件号码,班级\n王一,110101199003070011,"心理1班\n王二,110101199003070038,2班\n'.encode()


@pytest.mark.rule("S21")
@pytest.mark.rule("S85")
@pytest.mark.rule("S86")
@pytest.mark.rule("S87")
@pytest.mark.rule("S88")
@pytest.mark.rule("S90")
@pytest.mark.rule("S93")
@pytest.mark.rule("C2")
@pytest.mark.rule("C4")
@pytest.mark.slow
def test_the_tour_beside_an_attacker(fresh: Service, tmp_path: Path) -> None:
    """The worst that strangers were seen to send, all the while: every step works, and no answer is a surprise."""
    with attacking(fresh) as attacker:
        operator = Desk(fresh, "operator")
        run = operator.upload("candidates", "unclosed.csv", UNCLOSED, dry_run=False)
        assert (run["state"], run["refusal"]["code"]) == ("unreadable", "quotes_unclosed"), run
        tour.walk(fresh, tmp_path)
    assert {attack for attack, _ in attacker.answers} >= {
        "blanks",
        "fields",
        "methods",
        "bytes",
        "passwords",
        "guesses",
    }
    surprises = {what: count for what, count in attacker.answers.items() if what[1] >= 500}
    assert surprises == {}, attacker.answers
    assert len(ATTACKS) == 7
    counted = httpx.get(f"{fresh.url}/metrics").text
    assert "FOO" not in counted and 'method="other"' in counted
    assert '"level":"ERROR"' not in fresh.log()
