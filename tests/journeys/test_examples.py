"""The spreadsheets that a first start lays out are what README says: two clean ones and one with mistakes."""

from __future__ import annotations

from tests.journeys.people import Desk
from tests.journeys.service import Service


def test_the_examples_can_be_imported(fresh: Service) -> None:
    folder = fresh.folder / "var" / "examples"
    desk = Desk(fresh, "operator")
    sheets = (
        ("candidates", "考生信息.xlsx", 0),
        ("scores", "成绩（有错误的）.xlsx", 4),
        ("scores", "成绩.xlsx", 0),
    )
    for kind, name, refused in sheets:
        run = desk.upload(kind, name, (folder / name).read_bytes(), dry_run=False)
        assert (run["state"], run["rows_refused"]) == ("done", refused), (name, run)
    assert str(folder) in fresh.greeting
